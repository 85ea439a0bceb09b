"""The truth is what a plain loop over the same events finds, and only what had arrived is in it."""

import datetime as dt

import numpy as np
import pytest

from homeroom.provers.truth import Truth
from homeroom.proving.analysis import cohort_rules
from homeroom.simulation.world import LearnerWorld

WORLD = LearnerWorld(seed=5, learners=80, events=900, days=28, start=dt.date(2025, 1, 6), courses=3)
DAY_MS = 86_400_000


@pytest.fixture(scope="module")
def days() -> dict[int, set[int]]:
    found: dict[int, set[int]] = {}
    for block in WORLD.population().blocks():
        for event in block.events:
            day = min((int(event["time_ms"]) - WORLD.start_ms) // DAY_MS, WORLD.days)
            found.setdefault(int(event["learner"]), set()).add(day)
    return found


@pytest.fixture(scope="module")
def truth() -> Truth:
    truth = Truth(WORLD.learners, WORLD.courses, WORLD.days)
    for block in WORLD.population().blocks():
        truth.add_history(block.events, WORLD.start_ms)
    return truth


def test_retention_is_what_a_loop_finds(truth, days):
    weeks = {who: {day // 7 for day in on} for who, on in days.items()}
    expected = [
        [
            sum(min(on) == first and later in on for on in weeks.values())
            for later in range(first, 5)
        ]
        for first in range(5)
    ]
    assert truth.triangle() == expected
    assert truth.learners() == len(days)


def test_cohorts_are_what_a_loop_finds(truth, days):
    rules = {
        "did": {"did": "any", "at_least": 2, "unit": "days", "within": "10d"},
        "stopped": {"stopped": "any", "quiet": "5d"},
        "first": {"first": "any", "within": "14d"},
    }
    assert truth.cohorts(rules) == {
        "did": sum(len({d for d in on if d > 28 - 10}) >= 2 for on in days.values()),
        "stopped": sum(min(on) <= 28 - 5 and max(on) <= 28 - 5 for on in days.values()),
        "first": sum(min(on) > 28 - 14 for on in days.values()),
    }


def test_what_arrives_is_of_today_and_changes_no_other_truth(truth):
    before = {part: truth.answer(part, cohort_rules()) for part in ("triangle", "at risk")}
    everybody = np.arange(WORLD.learners)
    after = truth.with_arrived((everybody, np.full(WORLD.learners, course)) for course in range(3))
    assert after.learners() == WORLD.learners
    assert after.at_risk() == 0
    assert sum(after.lifecycle()[-1][:3]) == WORLD.learners
    assert {part: truth.answer(part, cohort_rules()) for part in before} == before
    assert truth.at_risk() > 0
