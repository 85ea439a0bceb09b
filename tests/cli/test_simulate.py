"""``homeroom simulate`` runs the worlds of its seeds, and says what a person wants to know of them."""

import json

import pytest

from homeroom.cli import main, status
from homeroom.simulation.journeys import world as journeys
from homeroom.simulation.journeys.plan import Shape, make_journey_plan
from homeroom.simulation.regions import world
from homeroom.simulation.regions.plan import make_plan
from homeroom.simulation.traffic import world as detectors
from homeroom.simulation.traffic.plan import make_trouble_plan
from homeroom.simulation.traffic.referee import Change


def test_worlds_are_run_and_told(capsys):
    assert main(["simulate", "--seeds", "1..2", "--seconds", "2"]) == status.CLEAN
    told = capsys.readouterr().out
    assert told.startswith("2 worlds, ")
    assert "every promise was kept" in told


def test_the_report_as_json_stands_alone(capsys):
    assert main(["simulate", "--seeds", "3", "--seconds", "1", "--json", "-"]) == status.CLEAN
    report = json.loads(capsys.readouterr().out)
    assert (report["worlds"], report["failed"]) == (1, [])


def test_a_broken_promise_is_a_failure_with_the_command_that_replays_it(capsys, monkeypatch):
    run = world.Run(make_plan(7), ["a batch is gone"], 1, {"converged_ms": 5}, ["it happened"])
    monkeypatch.setattr(world, "simulate", lambda seed, storm_ms: run)
    assert main(["simulate", "--seeds", "7"]) == status.DAMAGED
    said = capsys.readouterr()
    assert "again: homeroom simulate --seeds 7..7" in said.err
    assert "1 worlds broke a promise" in said.out


@pytest.mark.parametrize("written", ["3..1", "x", "1..", "-4"])
def test_what_is_no_range_of_seeds_is_refused(written, capsys):
    assert main(["simulate", f"--seeds={written}"]) == status.FAILED
    assert "no range of seeds" in capsys.readouterr().err


def test_detectors_are_judged_and_told(capsys):
    arguments = ["simulate", "--detectors", "--seeds", "1..2", "--seconds", "45", "--trace"]
    assert main(arguments) == status.CLEAN
    said = capsys.readouterr()
    assert said.out.startswith("0.0 virtual hours in 2 worlds of sixteen nodes")
    assert "nobody was wrong" in said.out
    assert "seed 1\n" in said.err


def test_a_detector_that_is_wrong_is_a_failure_with_the_command_that_replays_it(
    capsys, monkeypatch
):
    plan = make_trouble_plan(7, 120_000)
    run = detectors.DetectorRun(plan, (Change(50_000, detectors.OURS, 1, 8, 2),), 10, ((3, 4),))
    monkeypatch.setattr(detectors, "live", lambda plan: run)
    arguments = ["simulate", "--detectors", "--seeds", "7", "--seconds", "120", "--json", "-"]
    assert main(arguments) == status.DAMAGED
    said = capsys.readouterr()
    assert "again: homeroom simulate --detectors --seeds 7..7 --seconds 120" in said.err
    report = json.loads(said.out)
    assert report["false_evacuations"] == 1
    assert len(report["failed"][0]["wrong"]) == 2


@pytest.mark.slow
def test_worlds_of_requests_are_lived_through_and_told(capsys):
    assert main(["simulate", "--traffic", "--seeds", "1", "--seconds", "2"]) == status.CLEAN
    told = capsys.readouterr().out
    assert told.startswith("1 worlds, 31 virtual seconds, ")
    assert "every promise was kept" in told


def test_a_world_of_requests_that_broke_a_promise_is_told_with_the_command_that_replays_it(
    capsys, monkeypatch
):
    plan = make_journey_plan(7, Shape(2, 1, 2_000))
    figures = {"virtual_ms": 31_000, "asked": 3}
    run = journeys.JourneyRun(
        plan, ["a request failed"], 1, figures, [400], [5, 9], ["it happened"]
    )
    monkeypatch.setattr(journeys, "travel", lambda plan: run)
    arguments = ["simulate", "--traffic", "--seeds", "7", "--seconds", "2", "--json", "-"]
    assert main(arguments) == status.DAMAGED
    said = capsys.readouterr()
    assert "again: homeroom simulate --traffic --seeds 7..7 --seconds 2" in said.err
    assert "a request failed" in said.err
    report = json.loads(said.out)
    assert report["failed"] == [{"seed": 7, "violations": ["a request failed"]}]
    assert (report["took"]["max_ms"], report["rerouted"]["p50_ms"]) == (9, 400)


def test_worlds_of_two_kinds_are_not_lived_through_at_once(capsys):
    assert main(["simulate", "--traffic", "--detectors"]) == status.FAILED
    assert "name one" in capsys.readouterr().err
