"""``homeroom prove`` says pass or fail by its exit status, and refuses what cannot be before it starts."""

import json
import re
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from homeroom.cli import main, status
from homeroom.provers import load, running
from homeroom.provers.years import SHIPPED
from homeroom.proving import year
from homeroom.proving.criteria import Comparison, Criterion, Measured, judge
from homeroom.proving.results import Results

P99 = Criterion(measure="p99_ms", comparison=Comparison.BELOW, bound=100)


def results(name: str, figure: float) -> Results:
    return Results(
        test="load",
        name=name,
        plan={},
        machine={},
        target="embedded",
        began_ms=1,
        ended_ms=2,
        is_partial=False,
        findings=[judge(P99, Measured(figure=figure))],
        notes=["a note"],
    )


def test_all_plans_of_load_are_run_and_told(capsys, monkeypatch):
    monkeypatch.setattr(running, "run_plan", lambda plan, how: results(plan.name, 50))
    assert main(["prove", "load", "--quick"]) == status.CLEAN
    told = capsys.readouterr().out
    assert told.count("  pass  p99_ms < 100 ms: 50, margin +50.0%") == 3
    assert "load-3: pass\n" in told
    assert "  note: a note" in told
    page = Path("proving/report.md").read_text()
    assert "load-3" in page
    assert "homeroom prove load --quick" in page
    assert "load-3" in Path("proving/report.html").read_text()


@pytest.mark.parametrize(("learners", "plan"), [(10, "load-1"), (2_000_000, "load-2")])
def test_a_number_of_learners_is_judged_by_the_plan_for_as_many(
    learners, plan, capsys, monkeypatch
):
    ran = []
    monkeypatch.setattr(load, "check_disk", lambda *_: None)
    monkeypatch.setattr(
        running, "run_plan", lambda one, how: ran.append(how.sizes(one)) or results(one.name, 50)
    )
    assert main(["prove", "load", "--learners", str(learners)]) == status.CLEAN
    assert f"{plan}: pass" in capsys.readouterr().out
    assert [one.learners for one in ran] == [learners]


def test_one_criterion_that_fails_fails_all(capsys, monkeypatch):
    figures = {"load-1": 50, "load-2": 150, "load-3": 50}
    monkeypatch.setattr(
        running, "run_plan", lambda plan, how: results(plan.name, figures[plan.name])
    )
    assert main(["prove", "load", "--quick", "--json", "-"]) == status.WRONG
    told = json.loads(capsys.readouterr().out)
    assert [one["verdict"] for one in told["results"]] == ["pass", "fail", "pass"]


def test_an_interrupted_run_is_the_last_one(capsys, monkeypatch):
    monkeypatch.setattr(
        running, "run_plan", lambda plan, how: replace(results(plan.name, 50), is_partial=True)
    )
    assert main(["prove", "load", "--quick"]) == status.INTERRUPTED
    assert capsys.readouterr().out.startswith("load-1: fail, partial\n")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["geography", "--target", "processes"], "cannot be tried over distances"),
        (["resilience", "--target", "embedded"], "not to the target embedded"),
        (["load", "--target", "http://10.1.1.1:80"], "say --i-own-this-target 10.1.1.1"),
        (["load", "--target", "processes", "--quick"], "cannot be loaded yet"),
        (["load", "--plan", "nowhere.toml"], "nowhere.toml cannot be read"),
        (["speed"], "'speed' is not one of"),
    ],
)
def test_what_cannot_be_run_is_refused_before_it_starts(arguments, said, capsys, monkeypatch):
    monkeypatch.setattr(running, "run_plan", lambda plan, how: pytest.fail("it was started"))
    assert main(["prove", *arguments]) == status.FAILED
    assert said in capsys.readouterr().err


def test_a_run_that_is_worse_than_those_before_it_fails_until_it_is_accepted(capsys, monkeypatch):
    figure = 20

    def measured(plan, how):
        return results(plan.name, figure)

    monkeypatch.setattr(running, "run_plan", measured)
    for _ in range(8):
        assert main(["prove", "load", "--quick"]) == status.CLEAN
    figure = 80
    assert main(["prove", "load", "--quick"]) == status.WRONG
    told = capsys.readouterr().out
    assert "worse than before: load-1: p99_ms, 4.00 times as bad (20, now 80)" in told
    assert "4.00 times as bad as in earlier runs" in Path("proving/report.md").read_text()
    assert main(["prove", "load", "--quick", "--accept"]) == status.CLEAN
    assert main(["prove", "load", "--quick"]) == status.CLEAN


def test_a_year_is_told_and_what_may_be_claimed_is_the_exit_status(capsys, monkeypatch, tmp_path):
    monkeypatch.setattr(year, "model_year", partial(year.model_year, years=200))
    monkeypatch.setattr(year, "cheapest_way", partial(year.cheapest_way, years=200))
    assert main(["prove", "year", "--json", "-"]) == status.WRONG
    told = json.loads(capsys.readouterr().out)
    assert told["cheapest_way"]["changes"]
    calm = tmp_path / "calm.toml"
    calm.write_text(re.sub(r"per_year = \S+", "per_year = 0", SHIPPED.read_text()))
    assert main(["prove", "year", "--setup", str(calm)]) == status.CLEAN
    assert "five nines may be claimed" in capsys.readouterr().out
