"""Facts about how long history is kept: they only move forward, and whatever is folded never raises."""

import pytest

from homeroom.errors import ControlError
from homeroom.log.control import Change, Control, TenantPut, VerbsPut, read_changes, write_changes
from homeroom.log.cuts import HistoryCut, HistoryKept
from homeroom.log.origins import Origin, Stream, Vector

HERE = Origin("here", "a" * 32, Stream.ANALYTIC)
STATED = Origin("here", "a" * 32, Stream.CONTROL)


def stated(*facts, control=None):
    control = control or Control()
    for fact in (TenantPut(name="main"), *facts):
        change = Change(fact=fact, author="somebody", at_ms=1)
        assert read_changes(write_changes([change])) == [change]
        control = control.folded(change, control.epoch + 1)
    return control


def cut(day, number=1, origin=HERE, **fields):
    return HistoryCut(**{"tenant": "main", "day": day, "vector": {str(origin): number}, **fields})


def test_the_last_cut_counts_with_its_epoch():
    control = stated(cut(10), cut(20, 5))
    assert control.cuts["main"].day == 20
    assert control.cuts["main"].vector == Vector({HERE: 5})
    assert control.cuts["main"].epoch == 3


@pytest.mark.parametrize(
    ("fact", "why"),
    [
        (cut(10), "must be at a later day, and this one is at 10"),
        (cut(9), "must be at a later day"),
        (cut(11, 4), "must cover that of the one before"),
        (cut(-1, 9), "the day of a cut is -1"),
        (cut(10**6, 9), "which no event can have"),
        (cut(11, 9, STATED), "names an origin that has no events"),
        (cut(11, tenant="nobody"), "no tenant 'nobody'"),
        (HistoryCut(tenant="main", day=11, vector={"x": 1}), "names something that is no origin"),
        (HistoryKept(tenant="main", days=-1), "kept for -1 days"),
        (HistoryKept(tenant="main", days=10**6), "kept for 1,000,000 days"),
        (HistoryKept(tenant="nobody", days=1), "no tenant 'nobody'"),
    ],
)
def test_what_goes_back_or_makes_no_sense_is_refused(fact, why):
    with pytest.raises(ControlError, match=why):
        stated(cut(10, 5)).check(fact)


def test_whatever_is_folded_no_day_and_no_number_goes_down():
    other = Origin("there", "b" * 32, Stream.ANALYTIC)
    control = stated(cut(10, 5), cut(7, 3), cut(8, 2, other))
    assert control.cuts["main"].day == 10
    assert control.cuts["main"].vector == Vector({HERE: 5, other: 2})
    nonsense = HistoryCut(tenant="main", day=99, vector={"x": 1})
    assert stated(nonsense, control=control).cuts == control.cuts


def test_for_how_long_history_is_kept_survives_other_terms():
    control = stated(HistoryKept(tenant="main", days=30), VerbsPut(tenant="main", toml=""))
    assert stated(control=control).tenants["main"].keep_days == 30
    assert stated(HistoryKept(tenant="nobody", days=30)).tenants["main"].keep_days == 0
