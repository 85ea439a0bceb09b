"""A detector's world is the same each time, and what its detector thinks is what a running node's detector thinks."""

import pytest

from homeroom.simulation.traffic.plan import (
    NODES,
    Kind,
    Trouble,
    TroublePlan,
    make_trouble_plan,
)
from homeroom.simulation.traffic.report import DetectorReport
from homeroom.simulation.traffic.rivals import LOCAL, WIDE_AREA, live_swim
from homeroom.simulation.traffic.world import OURS, live
from tests.traffic.detection.lab import Lab

DEATH = Trouble(Kind.DEATH, 30_000, 60_000, (8, 9))


def plan_of(*troubles, length_ms=90_000):
    return TroublePlan(1, length_ms, 0.0, 1.0, (1.0,) * NODES, troubles)


def ours(run):
    return [change for change in run.changes if change.by == OURS]


def test_the_same_seed_is_the_same_world():
    first, second = (live(make_trouble_plan(3, 300_000)) for _ in range(2))
    assert first.changes == second.changes
    assert first.heartbeats == second.heartbeats > 100_000
    assert first.changes != live(make_trouble_plan(4, 300_000)).changes


def test_in_a_calm_world_nobody_is_suspected():
    run = live(plan_of())
    assert run.changes == ()
    assert run.heartbeats == pytest.approx(NODES * (NODES - 1) * 2 * 90, rel=0.02)


def test_a_death_is_seen_and_its_end_too():
    run = live(plan_of(DEATH))
    seen = {(one.of, one.verdict) for one in ours(run) if one.node not in DEATH.ones}
    assert seen == {(8, 1), (8, 2), (8, 0), (9, 1), (9, 2), (9, 0)}
    assert run.ill_at_end == ()


def test_a_running_nodes_detector_takes_as_long_as_the_worlds():
    world = {
        verdict: [
            one.at_ms - DEATH.begin_ms
            for one in ours(live(plan_of(DEATH)))
            if one.verdict == verdict
        ]
        for verdict in (1, 2)
    }
    lab = Lab({f"n{node:02}": f"r{node // 2}" for node in range(NODES)})
    lab.run(10_000)
    lab.kill("n08", "n09")
    killed_ms = lab.now_ms
    lab.run(8_000)
    for verdict in (1, 2):
        times = lab.first_ms(killed_ms, "n08", verdict).values()
        assert min(world[verdict]) - 600 <= min(times)
        assert max(times) <= max(world[verdict]) + 600


@pytest.mark.parametrize("froze_ms", range(34_960, 35_300, 40))
def test_a_machine_that_froze_with_its_clock_confirms_nothing_when_it_goes_on(froze_ms):
    cut = Trouble(Kind.PART, 30_000, froze_ms + 40, (8,), tuple(range(NODES)))
    frozen = Trouble(Kind.SUSPEND, froze_ms, froze_ms + 9_000, (1,))
    run = live(plan_of(cut, frozen, length_ms=50_000))
    asleep = [one for one in ours(run) if one.node == 1 and one.at_ms >= froze_ms]
    assert not [one for one in asleep if (one.of, one.verdict) == (8, 2)]


def test_nobody_is_wrong_in_some_worlds():
    report = DetectorReport()
    for seed in range(1, 5):
        report.add(live(make_trouble_plan(seed, 600_000)))
    assert report.wrong == {}
    assert report.score.counts["evacuations"] > 100
    assert report.score.reroute.quantile(0.5) <= 2_000
    assert report.score.reroute.quantile(1.0) <= 8_000


@pytest.mark.slow
def test_nobody_is_wrong_in_many_worlds():
    report = DetectorReport()
    for seed in range(1_000, 1_040):
        report.add(live(make_trouble_plan(seed)))
    assert report.wrong == {}


def test_a_time_out_and_a_membership_library_are_wrong_in_the_same_worlds():
    plan = make_trouble_plan(1, 600_000)
    from homeroom.simulation.traffic.referee import Referee

    referee, run = Referee(plan), live(plan)
    for by in (1, 2):
        changes = [one for one in run.changes if one.by == by]
        assert referee.judge(changes).false_evacuations
    assert referee.judge(live_swim(plan, LOCAL)).false_evacuations
    slow = referee.judge(live_swim(plan_of(DEATH, length_ms=120_000), WIDE_AREA))
    assert slow.evacuations == 0  # it needs longer than the death lasts
