"""Every benchmark runs, at a size where nothing is measured, so that none of them rots; results are compared in it."""

import json

import pytest

from benchmarks.__main__ import main

TINY = {
    "triangle": ["--learners", "3000", "--days", "80", "--runs", "2"],
    "recurring": ["--learners", "2000", "--days", "70"],
    "at_risk": ["--enrolments", "3000", "--days", "80", "--runs", "2"],
    "scan": [
        "--events",
        "9000",
        "--learners",
        "300",
        "--runs",
        "1",
        "--ways",
        "homeroom",
        "duckdb",
    ],
}


@pytest.mark.slow
@pytest.mark.parametrize("name", TINY)
def test_a_benchmark_runs_and_its_results_agree(name, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(pytest.importorskip("benchmarks").__path__[0] + "/.."))
    assert main([name, "--json", *TINY[name]]) == 0
    result = json.loads(capsys.readouterr().out)
    assert result["benchmark"] == name
    assert result["machine"]["processors"] >= 1


def test_an_unknown_name_is_answered_with_the_names(capsys):
    assert main(["speed"]) == 2
    assert "triangle" in capsys.readouterr().out
