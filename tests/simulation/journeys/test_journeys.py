"""Worlds of requests from seeds: what is promised of routing, clients and caches holds in all of them."""

import os
import subprocess
import sys

import pytest

from homeroom.simulation.journeys.plan import Kind, Shape, make_journey_plan
from homeroom.simulation.journeys.report import JourneyReport, broken_lines
from homeroom.simulation.journeys.world import travel

TINY = Shape(2, 1, 3_000, calm_ms=12_000)
SMALL = Shape(3, 2, 4_000, calm_ms=12_000)
TOGETHER = 10


def checked(seeds, shape=None, kinds=()):
    """Live through the worlds of seeds; fail with what a person needs to look at the first that broke a promise."""
    report = JourneyReport()
    for seed in seeds:
        report.add(travel(make_journey_plan(seed, shape, kinds)))
    told = [line for run in report.failed[:1] for line in broken_lines(run, "")]
    assert not report.failed, "\n".join(told)
    return report


@pytest.mark.parametrize(
    ("kinds", "seed"),
    [
        pytest.param((Kind.REGION_DIES, Kind.TIER_HUNG), 1, id="a region dies and a cache hangs"),
        pytest.param(
            (Kind.DRAIN_NODE, Kind.PART), 2, id="a node is drained while regions are cut off"
        ),
    ],
)
def test_what_is_promised_holds_in_small_worlds(kinds, seed):
    report = checked([seed], SMALL, kinds)
    assert report.totals["answered"] > 100
    assert report.totals["written"] > 20
    assert report.totals["from_process_current"] > 0


def test_what_is_promised_holds_whatever_goes_wrong_in_small_worlds():
    checked(range(4), SMALL)


def test_the_same_seed_is_the_same_world():
    one, other = (travel(make_journey_plan(8, TINY)) for _ in range(2))
    assert (one.checksum, one.figures, one.took_ms) == (
        other.checksum,
        other.figures,
        other.took_ms,
    )


def test_everything_that_can_go_wrong_does_in_some_world():
    plans = [make_journey_plan(seed) for seed in range(100)]
    assert set().union(*(plan.kinds for plan in plans)) == set(Kind)
    assert all(len(plan.places) * plan.nodes == 16 for plan in plans)


@pytest.mark.slow
@pytest.mark.parametrize("first", range(0, 200, TOGETHER))
def test_what_is_promised_holds_in_worlds_of_eight_regions(first):
    checked(range(first, first + TOGETHER))


@pytest.mark.slow
def test_clients_of_a_region_that_dies_are_answered_elsewhere_in_seconds():
    report = checked(range(1_000, 1_030), Shape(8, 2, 12_000), (Kind.REGION_DIES,))
    times = report.to_json()["rerouted"]
    assert times["times"] >= 40
    assert times["p50_ms"] <= 2_000
    assert times["max_ms"] <= 8_000
    assert report.totals["given_up"] == 0


@pytest.mark.slow
def test_nobody_notices_that_nodes_and_regions_are_drained():
    kinds = (Kind.DRAIN_NODE, Kind.DRAIN_REGION)
    report = checked(range(2_000, 2_015), Shape(8, 2, 24_000), kinds)
    times = report.to_json()["took"]
    assert report.totals["given_up"] == 0
    assert times["max_ms"] <= 8_000


@pytest.mark.slow
def test_the_same_seed_is_the_same_world_in_a_process_that_hashes_otherwise():
    program = (
        "from homeroom.simulation.journeys.plan import Shape, make_journey_plan;"
        "from homeroom.simulation.journeys.world import travel;"
        "print([travel(make_journey_plan(s, Shape(3, 2, 4_000))).checksum for s in range(5)])"
    )

    def told(hashing):
        environment = {**os.environ, "PYTHONHASHSEED": hashing}
        run = subprocess.run(
            [sys.executable, "-c", program], capture_output=True, env=environment, check=True
        )
        return run.stdout

    assert told("1") == told("2")
