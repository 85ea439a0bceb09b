"""Retention: what was worked out by hand, what the oracle says, and what must hold of any triangle."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from homeroom.cohorts.questions import Retention
from tests.cohorts.engine import misses, needs_reading, read
from tests.examples import examples
from tests.oracle import Event, instant_ms
from tests.oracle.compare import differences
from tests.oracle.draw import cases
from tests.vectors import Vector, expected, vectors

pytestmark = needs_reading


@pytest.mark.parametrize(
    "vector", vectors("retention", files=("retention", "course_time")), ids=str
)
def test_what_was_worked_out_by_hand(vector: Vector):
    found = read(vector.events, vector.zone).ask(vector.question).to_json()
    assert differences(expected(vector, found["periods"]), found) == []


@given(cases(), st.sampled_from(("day", "week", "month")), st.sampled_from(("monday", "sunday")))
@examples(25)
def test_every_mode_and_match_is_counted_as_the_oracle_does(case, interval, week_start):
    data = read(case.events, case.zone)
    for mode in ("first-time", "recurring"):
        for match in ("on", "on-or-after"):
            question = Retention(interval=interval, mode=mode, match=match, week_start=week_start)
            assert misses(data, case.events, question, case.zone) == []


@given(
    cases(size_max=60),
    st.sampled_from(("day", "week", "month")),
    st.sampled_from(("enrolment", "course-start")),
)
@examples(25)
def test_course_time_is_counted_as_the_oracle_does(case, interval, align):
    data = read(case.events, case.zone)
    for match in ("on", "on-or-after"):
        question = Retention(interval=interval, match=match, align=align)
        assert misses(data, case.events, question, case.zone) == []


@given(cases(), st.sampled_from(("day", "week")), st.sampled_from(("first-time", "recurring")))
@examples(20)
def test_a_triangle_never_counts_more_than_the_group_nor_on_more_than_on_or_after(
    case, interval, mode
):
    data = read(case.events, case.zone)
    on = data.ask(Retention(interval=interval, mode=mode, match="on"))
    later = data.ask(Retention(interval=interval, mode=mode, match="on-or-after"))
    inside = on.counts >= 0
    assert (on.sizes == later.sizes).all()
    assert (on.counts <= later.counts).all()
    assert (later.counts <= on.sizes[:, None]).all()
    assert (np.diff(np.where(inside, later.counts, 0)[:, 1:], axis=1) <= 0).all()
    assert not on.complete[~inside].any()


def test_a_learner_of_years_is_counted_across_many_words_of_days():
    """A track's day bits are in words of 63 days; learners here cross dozens of them, one day in 40."""
    first, day_ms = instant_ms("2019-01-01T12:00Z"), 86_400_000
    events = [
        Event(account=account, time_ms=first + day * day_ms)
        for account, begin, step in (
            ("anna", 0, 40),
            ("ben", 62, 63),
            ("cleo", 63, 1),
            ("dora", 700, 101),
        )
        for day in range(begin, 760, step)
    ]
    data = read(events)
    for interval in ("day", "week", "month"):
        for mode in ("first-time", "recurring"):
            question = Retention(
                interval=interval, mode=mode, brackets=((1, 1), (2, 7), (8, 30), (31, 720))
            )
            assert misses(data, events, question, "UTC") == []
