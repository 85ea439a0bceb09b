"""The machine forms: each is what its schema in the docs says, and each appears whole or not at all."""

import csv
import dataclasses
import io
import json

import jsonschema
import numpy as np
import pyarrow.parquet as pq
import pytest

from homeroom.cli.output import Outputs, answers_document, json_text, write_file
from homeroom.errors import SourceError
from homeroom.events.model import Reason
from tests import answers_behaviour
from tests.cli import answers
from tests.cli.conftest import SCHEMAS


def test_every_schema_is_a_schema():
    for path in SCHEMAS.glob("*.json"):
        jsonschema.Draft202012Validator.check_schema(json.loads(path.read_text()))


@pytest.mark.parametrize("interval", ["hour", "day", "week", "month"])
@pytest.mark.parametrize("kind", ["retention", "lifecycle", "stickiness"])
def test_an_answer_is_what_its_schema_says(kind, interval, validator):
    answer = getattr(answers, kind)(5, interval)

    validator(json.loads(json_text(answer.to_json())), f"{kind}.json")


def test_active_learners_are_what_their_schema_says_also_where_nothing_can_be_divided(validator):
    document = json.loads(json_text(answers.active().to_json()))

    validator(document, "active.json")
    assert document["ratios"]["week_month"]["values"][0] is None


def test_a_breakdown_is_what_the_schema_says(validator):
    whole, part = answers.retention(4), answers.retention(4)
    question = type(whole.question)(breakdown="course", brackets=((1, 1), (2, 3)))
    broken_down = dataclasses.replace(whole, question=question, parts=(("math-1", part),))

    validator(json.loads(json_text(broken_down.to_json())), "retention.json")


def test_an_empty_group_has_no_rates(validator):
    answer = answers.retention(3)
    counts = answer.counts.copy()
    counts[0] = 0
    document = json.loads(json_text(dataclasses.replace(answer, counts=counts).to_json()))

    validator(document, "retention.json")
    assert document["rates"][0] == [None, None, None]


def test_several_answers_stand_side_by_side(validator):
    document = answers_document([answers.retention(3), answers.lifecycle(3), answers.active(30)])

    validator(document, "answers.json")


def test_every_reason_of_a_reject_is_in_the_schema():
    common = json.loads((SCHEMAS / "common.json").read_text())

    assert common["$defs"]["reason"]["enum"] == [reason.value for reason in Reason]


def test_a_row_of_numbers_stands_on_one_line():
    assert json_text({"a": [[1, 2], [3]], "b": [], "c": {}, "d": "é"}) == (
        '{\n  "a": [\n    [1, 2],\n    [3]\n  ],\n  "b": [],\n  "c": {},\n  "d": "é"\n}'
    )


def test_what_json_cannot_hold_is_refused():
    with pytest.raises(ValueError, match="JSON"):
        json_text({"rate": float("nan")})


def test_csv_and_parquet_hold_the_same_table(tmp_path):
    answer = answers.retention(4)
    outputs = Outputs(None, str(tmp_path / "a.csv"), str(tmp_path / "a.parquet"))

    outputs.write([answer])

    rows = list(csv.DictReader(io.StringIO((tmp_path / "a.csv").read_text())))
    table = pq.read_table(tmp_path / "a.parquet")
    assert [int(row["count"]) for row in rows] == table["count"].to_pylist()
    assert table.column_names == answer.to_arrow().column_names
    assert len(rows) == np.count_nonzero(answer.counts >= 0)


def test_several_questions_become_one_table_that_says_which(tmp_path):
    Outputs(None, None, str(tmp_path / "a.parquet")).write(
        [answers.lifecycle(3), answers.lifecycle(2)]
    )

    assert pq.read_table(tmp_path / "a.parquet")["question"].to_pylist() == [1, 1, 1, 2, 2]


def test_a_file_that_fails_half_way_leaves_what_was_there(tmp_path):
    place = tmp_path / "answer.json"
    place.write_text("before")

    def fail(sink):
        sink.write(b"half")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_file(str(place), fail)
    assert place.read_text() == "before"
    assert list(tmp_path.iterdir()) == [place]


def test_a_folder_that_is_not_there_is_named(tmp_path):
    with pytest.raises(SourceError, match=r"no/answer\.json cannot be written"):
        write_file(str(tmp_path / "no" / "answer.json"), lambda sink: sink.write(b""))


@pytest.mark.parametrize("kind", ["funnel", "paths"])
def test_funnels_and_paths_are_what_their_schemas_say(kind, validator):
    for answer in (
        getattr(answers_behaviour, kind)(),
        answers_behaviour.with_parts(kind, ("a", "b")),
    ):
        document = json.loads(json_text(answer.to_json()))
        validator(document, f"{kind}.json")
        assert len(answer.to_arrow()) == len(document["steps" if kind == "funnel" else "edges"]) * (
            len(answer.parts) or 1
        )


def test_a_funnel_of_nobody_has_no_rates(validator):
    document = json.loads(json_text(answers_behaviour.funnel((0, 0)).to_json()))

    validator(document, "funnel.json")
    assert [step["from_first"] for step in document["steps"]] == [None, None]
