"""Funnels and paths from the command line: flags and question files build the same question, and are answered."""

import json
from pathlib import Path

import pytest

from homeroom.adapters.definition_files import read_definitions
from homeroom.cli import asking, main, status
from homeroom.cli.asking import given_fields
from homeroom.cohorts.questions import parse_question

EVENTS = """account,time,verb,course
a,2024-03-01T10:00:00Z,played,math
a,2024-03-01T10:05:00Z,answered,math
a,2024-03-01T10:06:00Z,posted,math
b,2024-03-01T10:00:00Z,played,math
b,2024-03-01T10:01:00Z,left,math
b,2024-03-01T10:02:00Z,answered,art
c,2024-03-01T10:00:00Z,answered,art
"""


@pytest.fixture
def events(tmp_path, monkeypatch) -> str:
    """Return the name of a file of events; keys are made in a folder of the test's own."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    place = tmp_path / "events.csv"
    place.write_text(EVENTS)
    return str(place)


def built(kind: str, flags: dict[str, object], file: str | None = None):
    [question] = asking.build_questions(
        kind, given_fields(flags), file, lambda path: read_definitions(path, bytes)
    )
    return question


FUNNEL = {
    "steps": ("verb=played", "did it: verb=answered and score>=0.5"), "within": "36 hours", "order": "strict",
    "exclude": ("1-2: verb=left",), "count": "every", "increasing": True, "breakdown": None, "json_target": "-",
}  # fmt: skip
PATHS = {
    "after": ("verb=played", "course=math"), "before": (), "by": "activity", "depth": 3, "fold": "none",
    "within": "none", "least": 2, "branches": 5,
}  # fmt: skip


def test_every_flag_of_a_funnel_reaches_the_question():
    written = {name: list(v) if isinstance(v, tuple) else v for name, v in FUNNEL.items()}
    del written["json_target"]
    assert built("funnel", FUNNEL) == parse_question({"question": "funnel", **written})


def test_every_flag_of_paths_reaches_the_question():
    written = {name: list(v) if isinstance(v, tuple) else v for name, v in PATHS.items()}
    assert built("paths", PATHS) == parse_question({"question": "paths", **written})


def test_a_question_file_says_what_flags_say(tmp_path):
    file = tmp_path / "q.toml"
    file.write_text(
        """
        steps = ["verb=played", { name = "did it", where = ["verb=answered", "score>=0.5"] }]
        within = "36h"
        order = "strict"
        exclude = [{ where = ["verb=left"], between = [1, 2] }]
        count = "every"
        increasing = true
        """
    )
    assert built("funnel", {}, str(file)) == built("funnel", FUNNEL)
    assert built("funnel", {"count": "first"}, str(file)).count == "first"


def test_a_funnel_is_answered(events, capsys, validator):
    flags = ["--step", "verb=played", "--step", "verb=answered", "--within", "1h", "--json", "-"]
    assert main(["query", "funnel", events, *flags]) == status.CLEAN
    document = json.loads(capsys.readouterr().out)
    validator(document, "funnel.json")
    assert [step["count"] for step in document["steps"]] == [2, 2]
    assert main(["query", "funnel", events, *flags, "--exclude", "verb=left"]) == status.CLEAN
    assert [s["count"] for s in json.loads(capsys.readouterr().out)["steps"]] == [2, 1]


def test_paths_are_answered_with_a_breakdown(events, capsys, validator):
    flags = ["--before", "verb=answered", "--breakdown", "course", "--depth", "1", "--json", "-"]
    assert main(["query", "paths", events, *flags]) == status.CLEAN
    document = json.loads(capsys.readouterr().out)
    validator(document, "paths.json")
    assert [(n["value"], n["paths"]) for n in document["nodes"]] == [("left", 1), ("played", 1)]
    assert [(p["value"], p["paths"]) for p in document["breakdown"]] == [("art", 2), ("math", 1)]


def test_several_kinds_of_a_file_are_answered_side_by_side(events, tmp_path, capsys, validator):
    file = tmp_path / "q.toml"
    file.write_text(
        """
        [[question]]
        question = "funnel"
        steps = ["verb=played", "any"]
        [[question]]
        question = "paths"
        """
    )
    assert main(["query", "all", events, "--question", str(file), "--json", "-"]) == status.CLEAN
    validator(json.loads(capsys.readouterr().out), "answers.json")


def test_a_step_that_nothing_meets_is_said(events, capsys):
    assert (
        main(["query", "funnel", events, "--step", "verb=plaid", "--step", "any"]) == status.CLEAN
    )
    assert "no event has verb 'plaid'; near: played" in " ".join(capsys.readouterr().out.split())


def test_sections_that_no_event_has_are_said(events, capsys):
    assert main(["query", "paths", events, "--by", "section"]) == status.CLEAN
    assert "no event has a section" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (["funnel", "--step", "verb=a"], "steps holds 1"),
        (["funnel"], "steps holds 0"),
        (["funnel", "--step", "a", "--step", "b"], "condition 'a' has no operator"),
        (["paths", "--after", "verb=a", "--before", "verb=b"], "after and before both"),
        (["paths", "--within", "soon"], "within is 'soon'"),
    ],
)
def test_what_makes_no_sense_is_one_line(events, capsys, flags, said):
    assert main(["query", flags[0], events, *flags[1:]]) == status.FAILED
    lines = capsys.readouterr().err.strip().splitlines()
    assert len(lines) == 1
    assert said in lines[0]


@pytest.mark.parametrize("kind", ["funnel", "paths"])
def test_a_scan_refuses_what_needs_history(kind, tmp_path, monkeypatch, capsys):
    import pyarrow.parquet as pq
    from pyarrow import csv

    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    (tmp_path / "events.csv").write_text(EVENTS)
    place = Path(tmp_path / "events.parquet")
    pq.write_table(csv.read_csv(tmp_path / "events.csv"), place)
    flags = ["--step", "any", "--step", "any"] if kind == "funnel" else []
    assert main(["query", kind, "--scan", str(place), *flags]) == status.FAILED
    assert f"{kind}: a scan keeps nothing but days" in capsys.readouterr().err
