"""An answer that is not true of the very entries that it is from is found."""

import datetime as dt

import numpy as np

from homeroom.log.origins import Origin, Stream, Token, Vector
from homeroom.provers.embedded import Sample
from homeroom.provers.learners import arriving, make_history
from homeroom.provers.loading import compared, events_per_second, world_of
from homeroom.provers.plan_files import shipped_plans
from homeroom.proving.analysis import PARTS, cohort_rules
from homeroom.simulation.world import LearnerWorld

ORIGIN = Origin("node", "0" * 32, Stream.ANALYTIC)


def test_answers_are_compared_with_what_had_arrived(tmp_path):
    world = LearnerWorld(learners=60, events=500, days=28, start=dt.date(2025, 1, 6), courses=3)
    history = make_history(tmp_path / "node", world)
    batches = arriving(history, np.random.default_rng(1), 3, 20)
    taken = [
        (Token(ORIGIN, number, number), batch) for number, batch in enumerate(batches, start=1)
    ]
    truth = history.truth.with_arrived((one.learner, one.course) for one in batches[:2])
    true = [
        Sample(part=part, applied=Vector({ORIGIN: 2}), said=truth.answer(part, cohort_rules()))
        for part in PARTS
    ]
    assert compared(history, true, taken) == []
    early = [
        Sample(part=one.part, applied=Vector({ORIGIN: 1}), said=one.said)
        for one in true
        if one.part != "at risk"  # a batch may well change nothing of it
    ]
    assert compared(history, early, taken) == early
    assert len({batch.batch.batch_id for batch in batches}) == 3


def test_making_history_can_be_stopped(tmp_path):
    world = LearnerWorld(learners=60, events=500, days=28, start=dt.date(2025, 1, 6), courses=3)
    assert make_history(tmp_path / "node", world, lambda: True) is None


def test_learners_have_weeks_from_monday_to_yesterday():
    (plan, *_) = shipped_plans("load")
    now = dt.datetime(2026, 11, 28, 15, tzinfo=dt.UTC)
    world = world_of(plan, 1_000, int(now.timestamp() * 1_000))
    assert world.start.weekday() == 0
    assert world.days >= plan.days
    assert world.start + dt.timedelta(days=world.days) == now.date()


def test_five_million_learners_make_two_thousand_events_a_second():
    plan = shipped_plans("load")[2]
    assert 2_200 < events_per_second(plan, plan.sizes) < 2_220
