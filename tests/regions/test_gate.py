"""What may be folded: not the future, and at a check the same entries everywhere."""

from dataclasses import replace

from homeroom import limits
from homeroom.log.entries import Head, make_entry
from homeroom.log.origins import Origin, Stream
from homeroom.log.rulings import Ruling
from homeroom.regions.gate import Gate
from tests.log.chains import sign

BEGIN_MS = 1_764_000_000_000
CHECK = BEGIN_MS // limits.CHECK_MS
ONE = Origin("one", "1" * 32, Stream.ANALYTIC)
TWO = Origin("two", "2" * 32, Stream.ANALYTIC)
LIVES = {"one": "1" * 32, "two": "2" * 32}


def entries(origin, *stamps_ms):
    head, made = Head(), []
    for at_ms in stamps_ms:
        made.append(make_entry(origin, head, ((BEGIN_MS + at_ms) << 16, 1), b"", sign))
        head = made[-1].head
    return made


class Driven:
    def __init__(self):
        self.gate = Gate({})

    def at(self, at_ms, *durable):
        """Return what may be folded at a time of both clocks, and the check that is whole."""
        self.gate.durable(durable)
        moved, check = self.gate.pass_on(LIVES, BEGIN_MS + at_ms, at_ms)
        self.gate.check_invariants()
        return dict(moved), check


def test_an_entry_of_the_future_waits_and_holds_nobody_else():
    node = Driven()
    ahead = entries(ONE, 100, 2_000, 2_100)
    assert node.at(100, *ahead, *entries(TWO, 100)) == ({ONE: 1, TWO: 1}, None)
    assert node.at(1_400) == ({}, None)
    assert node.at(1_500) == ({ONE: 2}, None)
    assert node.at(1_600) == ({ONE: 3}, None)


def test_what_waits_is_bounded_and_goes_at_the_later_time(monkeypatch):
    monkeypatch.setattr(limits, "HELD_RUNS_MAX", 4)
    node = Driven()
    node.at(0, *entries(ONE, *range(2_000, 2_100, 10)))
    assert node.gate.held == 4
    assert node.at(1_600) == ({ONE: 10}, None)


def test_all_wait_at_a_mark_until_everybodys_is_there():
    node = Driven()
    assert node.at(9_950, *entries(ONE, 9_900, 10_010, 10_020)) == ({ONE: 2}, None)
    assert node.at(10_100, *entries(TWO, 9_950, 10_005, 10_060)) == ({TWO: 2}, CHECK + 1)
    assert node.at(10_100) == ({ONE: 3, TWO: 3}, None)


def test_a_check_of_which_a_mark_is_missing_is_given_up():
    node = Driven()
    assert node.at(10_030, *entries(ONE, 9_900, 10_010, 10_020)) == ({ONE: 2}, None)
    assert node.at(10_030 + limits.CHECK_WAIT_MS_MAX - 1) == ({}, None)
    assert node.at(10_030 + limits.CHECK_WAIT_MS_MAX) == ({ONE: 3}, None)
    # The mark that comes too late holds nobody.
    assert node.at(12_100, *entries(TWO, 9_950, 10_005, 10_060)) == ({TWO: 3}, None)


def test_who_catches_up_waits_for_no_check_of_the_past():
    node = Driven()
    assert node.at(95_000, *entries(ONE, *range(0, 90_000, 7_000))) == ({ONE: 13}, None)


def test_a_first_entry_is_no_mark_and_neither_is_one_of_another_stream():
    node = Driven()
    stated = ONE._replace(stream=Stream.CONTROL)
    assert node.at(10_100, *entries(ONE, 10_010), *entries(stated, 9_900, 10_010, 10_020)) == (
        {ONE: 1, stated: 3},
        None,
    )


def test_a_clock_that_was_a_year_ahead_ends_no_checks_of_that_year():
    year_ms = 365 * 86_400_000
    node = Driven()
    node.at(year_ms, *entries(ONE, year_ms - 10_000, year_ms))
    node.at(year_ms + limits.CHECK_WAIT_MS_MAX)
    later = [replace(e, origin=TWO) for e in entries(TWO, 9_900, 10_010, 10_020)]
    assert node.at(10_030, *later) == ({TWO: 2}, None)


def test_what_was_ruled_of_entries_of_the_future_takes_the_place_of_their_stamps():
    node = Driven()
    node.at(0, *entries(ONE, 100, 10**9, 10**9 + 1, 2 * 10**9))
    assert node.gate.ahead(BEGIN_MS + 60_000) == {ONE: 4}
    node.gate.rule({ONE: (Ruling(2, 2, (BEGIN_MS + 900) << 16), Ruling(3, 3, None))})
    assert node.at(100) == ({}, None)
    assert node.at(400) == ({ONE: 3}, None)
    assert node.gate.ahead(BEGIN_MS + 60_000) == {ONE: 4}


def test_what_comes_after_a_ruling_goes_by_it_as_well():
    node = Driven()
    node.gate.rule({ONE: (Ruling(1, 9, None),)})
    assert node.at(0, *entries(ONE, 10**9, 10**9 + 20_000)) == ({ONE: 2}, None)


def test_a_life_goes_on_from_what_its_snapshot_had_applied():
    node = Driven()
    first, second, third = entries(ONE, 9_900, 9_950, 10_010)
    node.gate = Gate({ONE: second.head})
    # The entry after it is a mark, as it is for everybody else.
    assert node.at(10_020, third, *entries(TWO, 9_950, 10_005)) == ({ONE: 3, TWO: 2}, CHECK + 1)
    node.gate.forget(TWO)
    assert node.gate.open == {ONE: 3}
    assert first.number == 1
