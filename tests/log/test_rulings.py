"""What operators rule of entries: the last one counts, and nonsense is refused."""

import pytest

from homeroom import limits
from homeroom.errors import ControlError
from homeroom.log.control import Change, Control, read_changes, write_changes
from homeroom.log.origins import Origin, Stream
from homeroom.log.rulings import EntriesLost, Restamped, Ruling, ruling_of

ORIGIN = Origin("two", "0" * 32, Stream.ANALYTIC)
NAME = str(ORIGIN)


def ruled(*facts):
    control = Control()
    for fact in facts:
        control.check(fact)
        change = Change(fact=fact, author="x", at_ms=1)
        assert read_changes(write_changes([change])) == [change]
        control = control.folded(change, control.epoch + 1)
    return control.members.rulings


def test_the_last_ruling_on_an_entry_counts():
    rulings = ruled(
        Restamped(origin=NAME, first=1, last=9, hybrid=5),
        EntriesLost(origin=NAME, first=4, last=6),
        Restamped(origin=NAME, first=6, last=6, hybrid=7),
    )
    found = [ruling_of(rulings, ORIGIN, number) for number in (1, 4, 6, 9, 10)]
    assert [one and one.hybrid for one in found] == [5, None, 7, 5, None]
    assert found[1] == Ruling(4, 6, None)
    assert found[4] is None


def test_a_ruling_of_which_nothing_is_left_is_not_kept():
    lost = EntriesLost(origin=NAME, first=1, last=9)
    assert ruled(Restamped(origin=NAME, first=2, last=3, hybrid=1), lost, lost) == {
        ORIGIN: (Ruling(1, 9, None),)
    }


@pytest.mark.parametrize(
    "fact",
    [
        EntriesLost(origin="no origin", first=1, last=2),
        EntriesLost(origin=NAME, first=0, last=2),
        Restamped(origin=NAME, first=3, last=2, hybrid=1),
    ],
)
def test_nonsense_is_refused_and_changes_nothing(fact):
    with pytest.raises(ControlError):
        Control().check(fact)


def test_an_origin_that_is_none_is_passed_over_where_it_was_written_all_the_same():
    fact = EntriesLost(origin="no origin", first=1, last=2)
    control = Control().folded(Change(fact=fact, author="x", at_ms=1), 1)
    assert control.members.rulings == {}


def test_there_are_only_so_many(monkeypatch):
    monkeypatch.setattr(limits, "RULINGS_MAX", 2)
    with pytest.raises(ControlError, match="at most 2"):
        ruled(*(EntriesLost(origin=NAME, first=n, last=n) for n in (1, 3, 5)))
