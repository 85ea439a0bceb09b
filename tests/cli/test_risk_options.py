"""``homeroom query at-risk``: its flags make the question, and its outputs are what the docs say."""

import csv
import io
import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from homeroom.adapters.definition_files import read_definitions
from homeroom.cli import main, status
from homeroom.cli.asking import build_questions, given_fields
from homeroom.cohorts.questions import AtRisk, Condition
from tests.oracle import table
from tests.risk_answers import EVENTS


@pytest.fixture
def log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Return a file of the made-up learners; keys are kept in the folder of the test."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    path = tmp_path / "events.parquet"
    pq.write_table(table(EVENTS), path)
    return str(path)


def asked(capsys: pytest.CaptureFixture[str], *words: str) -> dict:
    assert main([*words, "--json", "-"]) == status.CLEAN
    return json.loads(capsys.readouterr().out)


def test_flags_make_the_question():
    flags = {
        "quiet_days": 14,
        "beyond": "video,problem",
        "unless": "none",
        "weeks": 0,
        "sort": "course",
        "limit": 5,
        "of_courses": ("algebra", "biology"),
        "filters": ("country=DE",),
        "suppress_below": 3,
    }
    [question] = build_questions("at-risk", given_fields(flags), None, read_definitions)
    assert question == AtRisk(
        quiet_days=14,
        beyond=("video", "problem"),
        unless=(),
        weeks=0,
        sort="course",
        limit=5,
        filters=(Condition("country", ("DE",)), Condition("course", ("algebra", "biology"))),
        suppress_below=3,
    )


@pytest.mark.parametrize(
    "flags",
    [
        (),
        ("--quiet-days", "14", "--weeks", "0", "--unless", "none", "--beyond", "any"),
        ("--course", "algebra", "--sort", "most-active", "--limit", "0", "--weeks", "3"),
        ("--breakdown", "country", "--suppress-below", "8"),
        ("--as-of", "2024-03-20T00:00:00Z", "--timezone", "Asia/Kolkata", "--names", "names.csv"),
    ],
)
def test_an_answer_is_what_its_schema_says(flags, log, capsys, validator):
    document = asked(capsys, "query", "at-risk", log, *flags)
    validator(document, "at-risk.json")
    if "--names" in flags:
        assert {one["account"] for one in document["enrolments"]} <= {e.account for e in EVENTS}
    assert main(["query", "at-risk", log, *flags]) == status.CLEAN
    assert "Enrolments at risk" in capsys.readouterr().out


def test_several_answers_stand_side_by_side(log, capsys, validator, tmp_path):
    (tmp_path / "questions.toml").write_text(
        '[[question]]\nquestion = "at-risk"\nquiet_days = 10\nbeyond = "video"\n\n[[question]]\nquestion = "active"\n'
    )
    document = asked(capsys, "query", "all", log, "--question", str(tmp_path / "questions.toml"))
    validator(document, "answers.json")
    assert document["answers"][0]["quiet_days"] == 10


def test_a_table_holds_the_whole_list(log, capsys):
    document = asked(capsys, "query", "at-risk", log, "--limit", "2")
    assert main(["query", "at-risk", log, "--limit", "2", "--csv", "-"]) == status.CLEAN
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert len(rows) == document["at_risk"] > len(document["enrolments"]) == 2
    assert [row["learner"] for row in rows[:2]] == [
        one["learner"] for one in document["enrolments"]
    ]
    assert rows[0]["reason"] == document["enrolments"][0]["reason"]
    reference = Path(__file__).resolve().parents[2] / "docs" / "reference" / "outputs.md"
    columns = ", ".join(f"`{name}`" for name in rows[0])
    assert f"| at-risk | {columns} |" in reference.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (("--from", "2024-03-01"), "about one date: give it with as_of"),
        (("--beyond", "films"), "beyond holds 'films'"),
        (("--filter", "verb=played"), "verb is of single events"),
        (("--scan",), "a scan keeps nothing but days"),
    ],
)
def test_what_makes_no_sense_ends_in_one_line(flags, said, log, capsys):
    assert main(["query", "at-risk", log, *flags]) == status.FAILED
    error = capsys.readouterr().err
    assert said in error
    assert error.count("\n") == 1
