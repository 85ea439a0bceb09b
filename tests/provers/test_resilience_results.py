"""What a run of faults has left becomes figures; what was not measured, or did not hold, is not hidden."""

from dataclasses import replace

import pytest

from homeroom.provers.resilience_results import Ran, outcome_of
from homeroom.provers.simulated_faults import SimulatedFaults
from homeroom.provers.years import SHIPPED, read_setup_file
from homeroom.proving import year
from homeroom.proving.episodes import Counts, Episode
from homeroom.proving.plans import parse_plan
from tests.proving.test_plans import RESILIENCE

PLAN = RESILIENCE.replace("seconds = 20.0", "seconds = 60.0").replace(
    '["region"]', '["region", "database", "caches", "partition"]'
)
REGION = Episode(
    fault="region",
    whom=("africa",),
    begun_s=5.0,
    over_s=17.0,
    failover_s=(0.5, 1.5),
    recovery_s=20.0,
    detection_s=1.0,
    struck=Counts(10, 0, 2),
    others=Counts(30, 0, 0),
)
CACHES = Episode(
    fault="caches",
    whom=("africa", "asia"),
    begun_s=30.0,
    over_s=35.0,
    recovery_s=5.1,
    struck=Counts(40, 2, 0),
    broken=("2 requests failed",),
)
MEASURED = {
    "is_partial": False,
    "requests": Counts(100, 2, 3).to_json(),
    "audit": {"events": 50, "wrong": 0, "disagreeing": [], "not_taken": 0, "missing": ""},
    "conflicts": {"people": 12, "unsettled": 0},
}


@pytest.fixture(autouse=True)
def _few_years(monkeypatch):
    whole = year.model_year
    monkeypatch.setattr(year, "model_year", lambda setup, seed: whole(setup, seed, 200))


def outcome(*episodes, **changes):
    told = MEASURED | {"episodes": [one.to_json() for one in episodes]} | changes
    simulated = SimulatedFaults(worlds=3, broken=["a: homeroom simulate --seeds 7"])
    setup = read_setup_file(SHIPPED)
    plan = parse_plan(PLAN + "[quick]\nseconds = 60.0\n", "plan")
    return outcome_of(Ran(plan=plan, setup=setup, measured=told, simulated=simulated))


def test_figures_are_the_worst_of_what_happened():
    slow = replace(REGION, whom=("asia",), failover_s=(0.2, 4.0))
    found = outcome(REGION, slow, CACHES)
    figures = {name: one.figure for name, one in found.measured.items()}
    assert figures["failover_s"] == figures["failover_s of region"] == 4.0
    assert figures["cache_errors"] == 2
    assert figures["events_lost"] == figures["conflicts_unsettled"] == 0
    assert figures["errors"] == pytest.approx(0.05)
    assert 0.9 < figures["availability"] < 1
    spreads = found.figures["spreads"]
    assert spreads["region"]["failover_s"]["count"] == spreads["all"]["failover_s"]["count"] == 4
    assert spreads["region"]["failover_s"]["greatest"] == 4.0
    assert spreads["caches"]["recovery_s"]["median"] == 5.1
    assert spreads["partition"]["detection_s"]["count"] == 0
    assert [one.fault for one in found.timelines] == [
        "region (africa)",
        "region (asia)",
        "caches (africa, asia)",
    ]
    assert found.series[0].x == [0.2, 0.5, 1.5, 4.0]


def test_what_was_broken_is_counted_and_told_with_the_command_that_shows_it():
    found = outcome(REGION, CACHES)
    assert found.measured["promises_broken"].figure == 2
    assert "did not hold: caches: 2 requests failed" in found.notes
    assert "did not hold: a: homeroom simulate --seeds 7" in found.notes


def test_users_who_were_never_answered_have_no_failover_that_could_pass():
    found = outcome(replace(REGION, unanswered=1))
    assert found.measured["failover_s"].figure is None
    assert "recovery_s" not in found.measured  # no database was lost


def test_a_region_that_disagrees_or_events_that_nobody_takes_are_lost_events():
    audit = MEASURED["audit"] | {"disagreeing": ["asia"], "not_taken": 2}
    assert outcome(REGION, audit=audit).measured["events_lost"].figure == 3


def test_nodes_that_do_not_come_to_the_same_break_a_promise():
    found = outcome(REGION, audit=MEASURED["audit"] | {"missing": "asia is behind"})
    assert found.measured["promises_broken"].figure == 2
    assert "did not hold: all nodes come to the same afterwards: asia is behind" in found.notes


def test_slow_failover_shows_in_the_year():
    quick = outcome(REGION).figures["year"]["by_cause_s"]
    slow = outcome(replace(REGION, failover_s=(60.0,))).figures["year"]["by_cause_s"]
    assert slow["router-reload"] > 10 * quick["router-reload"]


def test_an_interrupted_run_keeps_what_it_measured():
    partial = {"is_partial": True, "episodes": [REGION.to_json()]}
    setup = read_setup_file(SHIPPED)
    plan = parse_plan(PLAN + "[quick]\nseconds = 60.0\n", "plan")
    found = outcome_of(Ran(plan=plan, setup=setup, measured=partial, simulated=SimulatedFaults()))
    assert found.is_partial
    assert found.measured["failover_s"].figure == 1.5
    assert "events_lost" not in found.measured
