"""Worlds from seeds: what is promised holds in all of them, and the same seed is the same run."""

import os
import subprocess
import sys

import pytest

from homeroom.simulation.regions.places import WORLD, one_way_ms
from homeroom.simulation.regions.plan import Kind, make_plan
from homeroom.simulation.regions.report import Report, failure_lines
from homeroom.simulation.regions.world import Run, simulate

SHORT_MS = 4_000
TOGETHER = 25


def checked(seeds, storm_ms=None):
    """Run the worlds of seeds; fail with what a person needs to look at the first that broke a promise."""
    report = Report()
    for seed in seeds:
        report.add(simulate(seed, storm_ms))
    options = "" if storm_ms is None else f" --seconds {storm_ms // 1_000}"
    told = [line for run in report.failed[:1] for line in failure_lines(run, options)]
    assert not report.failed, "\n".join(told)
    return report


@pytest.mark.parametrize(
    "first",
    [
        pytest.param(first, marks=[pytest.mark.slow] if first >= 100 else [])
        for first in range(0, 200, TOGETHER)
    ],
)
def test_what_is_promised_holds_in_short_worlds(first):
    report = checked(range(first, first + TOGETHER), SHORT_MS)
    assert report.totals["acknowledged"] > 100
    assert report.totals["comparisons"] > 100


@pytest.mark.parametrize(
    ("seed", "storm_ms"),
    [
        pytest.param(3, 1_000, id="a cut covers what a node has lost, and nobody names any more"),
        pytest.param(144, 4_000, id="a store fails over and loses what nobody writes on to"),
        pytest.param(366, 3_000, id="a home moves before anything was stated"),
        pytest.param(381, 1_000, id="a node is taken back before its removal is seen through"),
        pytest.param(383, 1_000, id="what was under way of an old life is heard after the new one"),
        pytest.param(10_289, None, id="an operator rules while another fact waits for its time"),
        pytest.param(723, 3_000, id="documents of one jurisdiction collapse into the epoch"),
    ],
)
def test_worlds_that_did_not_come_together_once_do(seed, storm_ms):
    checked([seed], storm_ms)


@pytest.mark.slow
@pytest.mark.parametrize("first", range(10_000, 11_000, TOGETHER))
def test_what_is_promised_holds_in_longer_worlds(first):
    checked(range(first, first + TOGETHER))


def test_everything_that_can_go_wrong_does_in_some_world():
    plans = [make_plan(seed) for seed in range(200)]
    assert set().union(*(plan.kinds for plan in plans)) == set(Kind)
    assert {len(plan.nodes) for plan in plans} >= {3, 4, 5, 8, 9}
    assert any(not plan.faults for plan in plans)


def test_the_same_seed_is_the_same_run():
    one, other = simulate(8, SHORT_MS), simulate(8, SHORT_MS)
    assert (one.checksum, one.figures) == (other.checksum, other.figures)
    assert one.checksum != simulate(9, SHORT_MS).checksum


@pytest.mark.slow
def test_the_same_seed_is_the_same_run_in_a_process_that_hashes_otherwise():
    program = (
        "from homeroom.simulation.regions.world import simulate;"
        f"print([simulate(seed, {SHORT_MS}).checksum for seed in range(20)])"
    )
    told = {
        subprocess.run(
            [sys.executable, "-c", program],
            env={**os.environ, "PYTHONHASHSEED": hash_seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for hash_seed in ("1", "2")
    }
    assert len(told) == 1


def test_links_are_as_long_as_the_way():
    at = {place.name: place for place in WORLD}
    assert one_way_ms(at["us-east"], at["us-east"]) == 1
    assert one_way_ms(at["eu-west"], at["eu-central"]) == pytest.approx(10, abs=2)
    assert one_way_ms(at["singapore"], at["sao-paulo"]) == pytest.approx(121, abs=5)
    assert one_way_ms(at["lagos"], at["us-west"]) == one_way_ms(at["us-west"], at["lagos"])


def test_a_world_that_breaks_a_promise_is_told_with_the_way_back_to_it():
    run = Run(make_plan(3), ["something is gone"], 1, {"converged_ms": 1}, ["a line"])
    report = Report()
    report.add(run)
    assert report.lines()[-1] == "1 worlds broke a promise"
    said = list(failure_lines(run, " --seconds 4"))
    assert said[1] == "  again: homeroom simulate --seeds 3..3 --seconds 4"
    assert "  broken: something is gone" in said
    assert said[-1] == "  a line"
