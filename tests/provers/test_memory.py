"""Runs that are remembered: which are compared, and what is said of a file that is none of ours."""

import pytest

from homeroom.errors import ProvingError
from homeroom.provers.memory import accept, compare, histories, remember
from homeroom.proving.regressions import Better, find_regressions
from tests.proving.report.documents import document, finding


@pytest.fixture
def path(tmp_path):
    return tmp_path / "memory" / "runs.ndjson"


def run(p99_ms, **fields):
    findings = [
        finding("p99_ms", "below", 100, p99_ms),
        finding("learners_per_minute", "at_least", 1, 100 * p99_ms),
    ]
    return document(findings=findings, **fields)


def test_figures_come_back_in_order_with_the_way_they_should_go(path):
    for p99_ms in (10.0, 12.0, 11.0):
        remember(path, run(p99_ms))
    found = histories(path, run(0.0))
    assert found["p99_ms"].figures == [10.0, 12.0, 11.0]
    assert found["p99_ms"].better is Better.LOWER
    assert found["p99_ms"].floor == 0.01
    assert found["learners_per_minute"].better is Better.HIGHER
    assert found["learners_per_minute"].floor == 1


def test_runs_of_other_plans_targets_and_machines_are_not_compared(path):
    others = {
        "name": "other",
        "target": "processes",
        "machine": {"processors": 64},
        "plan": {"run": {"learners": 10}},
    }
    for name, value in others.items():
        remember(path, run(1.0, **{name: value}))
    remember(path, run(2.0))
    assert histories(path, run(0.0))["p99_ms"].figures == [2.0]


def test_versions_and_load_make_no_other_machine(path):
    for load in (0.1, 3.0):
        remember(path, run(1.0, machine={"processors": 2, "load": load, "versions": {"a": load}}))
    assert len(histories(path, run(0.0))["p99_ms"].figures) == 2


def test_what_became_worse_is_named_by_plan_and_criterion(path):
    for _ in range(8):
        assert compare(path, [run(10.0)]) == []
    assert compare(path, [run(500.0, is_partial=True)]) == []
    (worse,) = compare(path, [run(40.0)])
    assert worse.name == "three: p99_ms"
    assert worse.times == pytest.approx(4)


def test_a_partial_run_and_a_figure_that_is_missing_are_not_remembered(path):
    remember(path, run(1.0, is_partial=True))
    assert histories(path, run(0.0)) == {}
    remember(path, document(findings=[finding("p99_ms", "below", 9, None)]))
    assert histories(path, run(0.0)) == {}


def test_a_level_that_is_accepted_is_the_one_to_compare_with(path):
    for p99_ms in [10.0] * 8:
        remember(path, run(p99_ms))
    remember(path, run(40.0))
    assert [one.name for one in find_regressions(histories(path, run(0.0)))] == ["p99_ms"]
    accept(path, run(40.0))
    assert histories(path, run(0.0))["p99_ms"].figures == [40.0]


def test_a_file_that_is_none_of_ours_is_refused_by_its_line(path):
    remember(path, run(1.0))
    with path.open("a") as file:
        file.write("not json\n")
    with pytest.raises(ProvingError, match=r"line 2 of .* is no run"):
        histories(path, run(0.0))
    path.unlink()
    path.mkdir()
    with pytest.raises(ProvingError, match="cannot be read"):
        histories(path, run(0.0))
    with pytest.raises(ProvingError, match="cannot be written"):
        remember(path, run(1.0))
