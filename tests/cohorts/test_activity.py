"""Lifecycle, stickiness and active learners: what was worked out by hand, and what the oracle says."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homeroom.cohorts.questions import Active, Lifecycle, Stickiness
from tests.cohorts.engine import misses, needs_reading, read
from tests.examples import examples
from tests.oracle.compare import differences
from tests.oracle.draw import cases
from tests.vectors import Vector, expected, vectors

pytestmark = needs_reading
WEEK_STARTS = st.sampled_from(("monday", "sunday"))


@pytest.mark.parametrize("vector", vectors(files=("other_questions",)), ids=str)
def test_what_was_worked_out_by_hand(vector: Vector):
    found = read(vector.events, vector.zone).ask(vector.question).to_json()
    assert differences(expected(vector, found.get("periods", [])), found) == []


@given(cases(), WEEK_STARTS)
@examples(50)
def test_every_interval_is_counted_as_the_oracle_does(case, week_start):
    data = read(case.events, case.zone)
    for interval in ("day", "week", "month"):
        for kind in (Lifecycle, Stickiness):
            question = kind(interval=interval, week_start=week_start)
            assert misses(data, case.events, question, case.zone) == []
    assert misses(data, case.events, Active(week_start=week_start), case.zone) == []


@given(cases(), st.sampled_from(("day", "week", "month")))
@examples(40)
def test_the_stages_of_a_period_add_up_to_its_active_learners(case, interval):
    data = read(case.events, case.zone)
    life, active = data.ask(Lifecycle(interval=interval)), data.ask(Active())
    now = life.new + life.returning + life.resurrecting
    assert now.tolist() == getattr(active, interval).values.tolist()
    # Who was there before and is not now has gone: nobody is lost between two periods.
    assert (life.returning + life.dormant)[1:].tolist() == now[:-1].tolist()
    assert life.new.sum() == len({event.account for event in case.events})
