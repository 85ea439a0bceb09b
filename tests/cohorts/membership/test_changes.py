"""Changes are read in order from any number on, kept up to a bound, and what is gone is told."""

import numpy as np

from homeroom import limits
from homeroom.cohorts.membership.changes import CAUSES, Burst, Cause, Changes


def burst(*learners: int, slot: int = 0, cause: Cause = Cause.EVENT) -> Burst:
    count = len(learners)
    return Burst(
        np.array(learners, np.uint64),
        np.zeros(count, np.uint64),
        np.full(count, slot, np.int32),
        np.ones(count, np.bool_),
        np.full(count, CAUSES.index(cause), np.int8),
        at_ms=70,
        day_ms=50,
        named={0: ("a", 1), 1: ("b", 4)},
        token=None,
    )


def numbers(page):
    return [one.number for one in page.changes]


def test_pages_go_on_where_the_last_one_ended():
    changes = Changes(10)
    changes.add(burst(1, 2, 3))
    changes.add(burst())
    changes.add(burst(4, slot=1, cause=Cause.TIME))
    first = changes.page(9, 2)
    assert (numbers(first), first.last, first.missed) == ([10, 11], 11, False)
    second = changes.page(first.last, 2)
    assert (numbers(second), second.last) == ([12, 13], 13)
    assert changes.page(13, 2).changes == ()
    [last] = changes.page(0, 10, "b").changes
    assert (last.cohort, last.version, last.at_ms, last.cause) == ("b", 4, 50, "time")
    assert last.learner == f"{4:016x}{0:016x}"


def test_of_one_cohort_the_last_number_is_of_all_that_were_looked_at():
    changes = Changes(1)
    changes.add(burst(1, 2))
    assert changes.page(0, 10, "b").last == 2


def test_a_page_looks_through_so_many_and_says_that_there_are_more(monkeypatch):
    monkeypatch.setattr(limits, "CHANGES_SCANNED_MAX", 1)
    changes = Changes(1)
    for learner in range(5):
        changes.add(burst(learner, slot=learner % 2))
    found, last, pages, more = [], 0, 0, True
    while more:
        page = changes.page(last, 10, "b")
        found, last, pages, more = [*found, *numbers(page)], page.last, pages + 1, page.more
    assert (found, last, pages) == ([2, 4], 5, 5)
    assert changes.page(5, 10, "b").last == 5
    assert not changes.page(0, 10, "b").missed


def test_a_page_that_is_full_says_whether_there_are_more():
    changes = Changes(1)
    changes.add(burst(1, 2, 3))
    assert changes.page(0, 2).more
    assert not changes.page(1, 2).more


def test_at_most_so_many_are_kept_and_who_reads_too_late_hears_of_it():
    changes = Changes(1, kept_max=4)
    changes.add(burst(1, 2, 3))
    assert not changes.page(0, 10).missed
    changes.add(burst(4, 5))
    late = changes.page(0, 10)
    assert (numbers(late), late.missed) == ([4, 5], True)
    assert not changes.page(3, 10).missed
    changes.add(burst(*range(9)))
    late = changes.page(5, 100)
    assert (numbers(late), late.missed) == ([11, 12, 13, 14], True)
    assert not changes.page(10, 100).missed


def test_after_a_start_nothing_is_missed_by_who_has_read_all_that_was_told():
    changes = Changes(1_000, told=20)
    assert not changes.page(20, 10).missed
    assert changes.page(19, 10).missed
    changes.add(burst(1))
    assert numbers(changes.page(20, 10)) == [1_000]
