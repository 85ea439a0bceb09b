"""The command under a chart asks just the question of the chart."""

import shlex

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homeroom.adapters.definition_files import read_definitions
from homeroom.cli.asking import build_questions, given_fields
from homeroom.cli.query import command
from homeroom.cli.written_back import as_command, question_words
from homeroom.cohorts.questions import Condition, Lifecycle, Question, parse_question
from tests.oracle.draw import cases, questions
from tests.oracle.draw_behaviour import funnels, path_questions

NOTHING = {"paths": ("a b.csv",), "data": None, "mapping": None}


def read_back(kind: str, words: list[str]) -> Question:
    """Return the question that a command line asks."""
    context = command.commands[kind].make_context(kind, ["log.csv", *words])
    fields = given_fields(context.params)
    [question] = build_questions(kind, fields, None, lambda path: read_definitions(path, bytes))
    return question


@given(st.data(), cases())
def test_a_question_is_read_back_from_its_command(data, case):
    orders = st.sampled_from(("ordered", "strict", "any"))
    question = data.draw(st.one_of(questions(case), orders.flatmap(funnels), path_questions()))

    assert read_back(question.name, question_words(question, None)) == question


@pytest.mark.parametrize(
    "written",
    [
        {"question": "cohort", "cohort": "a", "changed": "2024-01-01,2024-02-01", "interval": "day"},
        {"question": "members", "cohort": "b", "suppress_below": 5},
        {"question": "overlap", "cohorts": "a,b"},
        {"question": "overlap"},
        {"question": "learner", "learner": "0" * 32},
        {"question": "retention", "compare": "a,b", "brackets": ["1", "2-7"]},
        {"question": "lifecycle", "cohort": "a", "as_of": "2024-03-01T00:00:00+01:00"},
        {"question": "report", "course": ["one, two", "three"]},
    ],
)  # fmt: skip
def test_a_question_about_cohorts_is_read_back_with_the_file_that_defines_them(written, tmp_path):
    file = tmp_path / "cohorts.toml"
    file.write_text('[cohort.a]\ndid = "any"\n[cohort.b]\ndid = "verb=played"\n')
    question = parse_question({**written, "definitions": read_definitions(file, bytes)})
    again = read_back(question.name, question_words(question, str(file)))

    assert again.to_dict() == question.to_dict()


def test_the_command_names_what_was_read_and_not_where_names_were_written():
    question = Lifecycle(
        interval="month", timezone="Europe/Berlin", filters=(Condition("verb", ("played",)),)
    )
    flags = {**NOTHING, "mapping": "oulad", "names": "names.csv", "rejects": "rejects.ndjson"}

    assert shlex.split(as_command(question, flags)) == [
        *("homeroom", "query", "lifecycle", "a b.csv", "--mapping", "oulad"),
        *("--timezone", "Europe/Berlin", "--filter", "verb=played", "--interval", "month"),
    ]
