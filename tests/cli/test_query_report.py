"""Course reports from the command line: machine forms are what the schema says, and people see every part."""

import csv
import io
import json
import re

import pytest
from rich.cells import cell_len
from rich.console import Console

from homeroom.cli import main, status
from homeroom.cli.output import json_text
from homeroom.cli.terminal import answers_view
from homeroom.cohorts.questions import CourseReport
from tests.reports import EVENTS, OTHER, report

HOSTILE = "\x1b]0;owned\x07\u202eevil"


def shown(answer, width: int = 100) -> str:
    console = Console(width=width, highlight=False, markup=False, emoji=False, file=io.StringIO())
    console.print(answers_view([answer], width))
    return console.file.getvalue()


def test_a_report_is_what_its_schema_says(validator):
    validator(json.loads(json_text(report().to_json())), "report.json")


def test_runs_side_by_side_and_parts_are_what_the_schema_says(validator):
    for question in (
        CourseReport(course=("run", "other run")),
        CourseReport(course=("run", "other run"), breakdown="country"),
        CourseReport(course=("other run",)),
    ):
        document = json.loads(json_text(report(question).to_json()))
        validator(document, "report.json")
        assert ("compared" in document) == (len(question.course) > 1)


def test_the_long_table_has_every_number_once():
    answer = report(CourseReport(course=("run", "other run")))
    table = answer.to_arrow().to_pylist()
    keys = [
        tuple(row[name] for name in ("course", "part", "item", "measure", "at")) for row in table
    ]
    assert len(set(keys)) == len(keys)
    film = {(row["measure"], row["at"]): row["value"] for row in table if row["item"] == "film"}
    video = answer.runs[0].videos.videos[0]
    assert film["viewers", None] == video.viewers
    assert [film["viewers_at", str(s)] for s in range(60)] == video.viewers_at.tolist()


def test_people_see_every_part_of_a_report():
    said = shown(report())
    for part in ("Enrolments:", "Engagement:", "Videos:", "Problems, the hardest first:", "Discussion:",
                 "Grades and completion:"):  # fmt: skip
        assert part in said
    assert "film" in said
    assert "\u2022" in said
    other = shown(report(CourseReport(course=("other run",))))
    assert "videos: no event is about a video" in other


@pytest.mark.parametrize("width", [36, 60, 80, 140])
def test_no_line_is_wider_than_the_terminal(width):
    for question in (CourseReport(course=("run",)), CourseReport(course=("run", "other run"))):
        lines = shown(report(question), width).splitlines()
        assert max(cell_len(line) for line in lines) <= width


def test_names_cannot_steer_the_terminal():
    events = [
        e
        for one in EVENTS
        for e in (one, OTHER(one, activity=HOSTILE, section=HOSTILE, answer=HOSTILE))
    ]
    said = shown(report(CourseReport(course=("run",)), events))
    assert not re.search("[\x1b\x07\u202e]", said)
    assert "evil" in said


LOG = """account,time,verb,activity,course,track
ana,2024-03-04T09:00:00Z,played,film,one,video
ben,2024-03-12T09:00:00Z,answered,sum,two,problem
"""


@pytest.fixture
def log(tmp_path, monkeypatch) -> str:
    """Return the name of a file of events of two course runs."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    path = tmp_path / "log.csv"
    path.write_text(LOG)
    return str(path)


def test_the_flag_names_course_runs_and_a_question_file_does_too(log, capsys, tmp_path, validator):
    assert (
        main(["query", "report", log, "--course", "one", "--course", "two", "--json", "-"])
        == status.CLEAN
    )
    document = json.loads(capsys.readouterr().out)
    validator(document, "report.json")
    assert [run["course"] for run in document["courses"]] == ["one", "two"]
    (tmp_path / "monday.toml").write_text('[[question]]\nquestion = "report"\ncourse = "two"\n')
    ask = ["query", "all", log, "--question", str(tmp_path / "monday.toml"), "--csv", "-"]
    assert main(ask) == status.CLEAN
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert {row["course"] for row in rows} == {"two"}
    assert [row["value"] for row in rows if row["measure"] == "attempts"] == ["1"]


def test_without_a_course_run_the_command_says_which_there_are(log, capsys):
    assert main(["query", "report", log]) == status.FAILED
    assert "hold 2 course runs: one, two; name one (--course NAME)" in capsys.readouterr().err


def test_a_scan_cannot_report(tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    assert (
        main(["generate", str(tmp_path / "l.parquet"), "--learners", "20", "--events", "200"])
        == status.CLEAN
    )
    assert (
        main(["query", "report", str(tmp_path / "l.parquet"), "--scan", "--course", "x"])
        == status.FAILED
    )
    assert "a scan keeps nothing but days" in capsys.readouterr().err
