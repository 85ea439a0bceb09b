"""Flags, question files and Python build the same question."""

import datetime as dt
import json

import pytest

from homeroom.adapters.definition_files import read_definitions
from homeroom.cli import asking
from homeroom.cli.asking import given_fields
from homeroom.cohorts.questions import Condition, Lifecycle, Retention
from homeroom.errors import QuestionError

EVERY_FLAG = {
    "interval": "day", "mode": "recurring", "match": "on-or-after", "entry_verb": ("played", "paused"),
    "returning_verb": ("passed",), "entry": ("score>=0.5",), "returning": (), "brackets": "1,2-7", "align": None,
    "from_": "2024-01-01", "to": "2024-02-01", "timezone": "Europe/Berlin", "week_start": "sunday",
    "filters": ("course=math-1,math-2", "success=true"), "breakdown": "course", "as_of": "2024-03-01T00:00:00Z",
    "json_target": "-", "paths": ("log.csv",),
}  # fmt: skip


def build_questions(kind, fields, file):
    """Build questions of definitions whose lists hold no accounts."""
    return asking.build_questions(kind, fields, file, lambda path: read_definitions(path, bytes))


@pytest.fixture
def write(tmp_path):
    """Return a function that writes a question file and returns its name."""

    def write(text: str, name: str = "questions.toml") -> str:
        (tmp_path / name).write_text(text)
        return str(tmp_path / name)

    return write


def test_every_flag_reaches_the_question():
    [question] = build_questions("retention", given_fields(EVERY_FLAG), None)

    assert question == Retention(
        interval="day", mode="recurring", match="on-or-after", brackets=((1, 1), (2, 7)),
        entry=(Condition("score", ("0.5",), ">="), Condition("verb", ("played", "paused"))),
        returning=(Condition("verb", ("passed",)),), from_=dt.date(2024, 1, 1), to=dt.date(2024, 2, 1),
        timezone="Europe/Berlin", week_start="sunday",
        filters=(Condition("course", ("math-1", "math-2")), Condition("success", ("true",))), breakdown="course",
        as_of=dt.datetime(2024, 3, 1, tzinfo=dt.UTC),
    )  # fmt: skip


def test_a_flag_that_was_not_given_is_absent():
    assert (
        given_fields(
            {"interval": None, "filters": (), "entry_verb": (), "from_": None, "strict": True}
        )
        == {}
    )


def test_toml_json_and_flags_build_the_same_question(write):
    toml = write(
        'interval = "day"\nfrom = 2024-01-01\nfilters = ["verb=played"]\nbrackets = ["1", [2, 7]]'
    )
    fields = {
        "interval": "day",
        "from": "2024-01-01",
        "filters": ["verb=played"],
        "brackets": ["1", "2-7"],
    }
    flags = {
        "interval": "day",
        "from_": "2024-01-01",
        "filters": ("verb=played",),
        "brackets": "1,2-7",
    }

    from_toml = build_questions("retention", {}, toml)
    from_json = build_questions("retention", {}, write(json.dumps(fields), "question.json"))
    assert from_toml == from_json == build_questions("retention", given_fields(flags), None)


def test_a_flag_overrides_the_file(write):
    file = write(
        '[[question]]\ninterval = "day"\nmode = "recurring"\n[[question]]\ninterval = "month"'
    )

    first, second = build_questions("retention", {"interval": "week"}, file)

    assert (first.interval, first.mode) == ("week", "recurring")
    assert (second.interval, second.mode) == ("week", "first-time")


@pytest.mark.parametrize("name", ["questions.toml", "questions.json"])
def test_a_file_of_several_kinds_is_answered_by_all(write, name):
    tables = [{"question": "retention"}, {"question": "lifecycle", "interval": "month"}]
    toml = '[[question]]\nquestion = "retention"\n[[question]]\nquestion = "lifecycle"\ninterval = "month"'
    file = write(toml if name.endswith("toml") else json.dumps(tables), name)

    assert build_questions(None, {}, file) == [Retention(), Lifecycle(interval="month")]


def test_a_table_with_the_name_of_its_kind_is_one_question(write):
    assert build_questions(None, {}, write('question = "lifecycle"')) == [Lifecycle()]
    assert build_questions("lifecycle", {}, write('[question]\ninterval = "day"')) == [
        Lifecycle(interval="day")
    ]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            '[[question]]\nquestion = "lifecycle"',
            "question 1 is 'lifecycle', but the command is query retention",
        ),
        (
            'intervall = "day"',
            "question 1: retention has no field 'intervall'; did you mean interval",
        ),
        ('interval = "dy"', "question 1"),
        ("interval = ", "neither TOML nor JSON"),
        ("question = []", "holds no question"),
        ("question = [1]", "holds no question"),
        ('interval = "day"\n[[question]]\nmode = "recurring"', "interval stands outside"),
    ],
)
def test_a_file_that_makes_no_sense_is_named_with_what_is_wrong(write, text, said):
    file = write(text)

    with pytest.raises(QuestionError) as caught:
        build_questions("retention", {}, file)
    assert str(caught.value).startswith(file)
    assert said in str(caught.value)


def test_a_file_that_is_not_there_is_named():
    with pytest.raises(QuestionError, match=r"nowhere\.toml cannot be read"):
        build_questions("retention", {}, "nowhere.toml")


def test_all_needs_a_kind_in_every_table(write):
    with pytest.raises(QuestionError, match="must be one of"):
        build_questions(None, {}, write('interval = "day"'))
