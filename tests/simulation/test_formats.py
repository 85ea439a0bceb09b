"""CSV and statements say the same as the columns, and a statement has what the standard asks for."""

import csv
import io
import json
import re
import uuid
from typing import Any

import pyarrow as pa
import pytest

from homeroom.simulation.curriculum import ISSUER
from homeroom.simulation.formats import COUNTRY_EXTENSION, CSV_COLUMNS, csv_format, xapi_format
from homeroom.simulation.world import LearnerWorld

WORLD = LearnerWorld(learners=120, events=3_000, days=60, courses=3, repeats=0.05)
VIDEO = "https://w3id.org/xapi/video"


@pytest.fixture(scope="module")
def rows() -> list[dict[str, Any]]:
    return pa.Table.from_batches(WORLD.batches()).to_pylist()


@pytest.fixture(scope="module")
def statements() -> list[dict[str, Any]]:
    population = WORLD.population()
    texts, form = population.texts(), xapi_format(WORLD.courses)
    written = b"".join(bytes(form.lines(b.events, texts)) for b in population.blocks())
    return [json.loads(line) for line in written.splitlines()]


def is_iri(text: object) -> bool:
    return isinstance(text, str) and re.fullmatch(r"https?://[^\s<>\"{}|\\^`]+", text) is not None


def test_a_statement_has_what_xapi_requires(statements):
    for statement in statements:
        assert set(statement) <= {
            "id", "actor", "verb", "object", "result", "context", "timestamp", "version",
        }  # fmt: skip
        identity = uuid.UUID(statement["id"])
        assert identity.version == 4
        assert identity.variant == uuid.RFC_4122
        account = statement["actor"]["account"]
        assert statement["actor"] == {"objectType": "Agent", "account": account}
        assert set(account) == {"homePage", "name"}
        assert is_iri(account["homePage"])
        assert is_iri(statement["verb"]["id"])
        assert list(statement["verb"]["display"]) == ["en-US"]
        assert is_iri(statement["object"]["id"])
        assert is_iri(statement["object"]["definition"]["type"])
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", statement["timestamp"])
        assert statement["version"] == "1.0.3"
        result = statement.get("result", {})
        assert set(result) <= {"score", "success", "completion", "extensions"}
        assert -1 <= result.get("score", {"scaled": 0})["scaled"] <= 1
        assert isinstance(result.get("success", True), bool)
        assert all(map(is_iri, result.get("extensions", {})))
        context = statement["context"]
        assert set(context["contextActivities"]) <= {"parent", "grouping", "category"}
        assert all(map(is_iri, context["extensions"]))


def test_a_video_statement_follows_the_video_profile(statements):
    videos = [s for s in statements if s["object"]["definition"]["type"].endswith("/video")]
    assert len(videos) > 500
    for statement in videos:
        category = statement["context"]["contextActivities"]["category"]
        assert category == [{"objectType": "Activity", "id": VIDEO}]
        extensions = statement["result"]["extensions"]
        assert 0 <= extensions[f"{VIDEO}/extensions/time"] <= 420
        if statement["verb"]["display"]["en-US"] == "completed":
            assert extensions[f"{VIDEO}/extensions/progress"] == 1
            assert statement["result"]["completion"] is True


def test_a_statement_is_about_a_kilobyte_long(statements):
    sizes = [len(json.dumps(s, separators=(",", ":"))) for s in statements]
    assert 700 < sum(sizes) / len(sizes) < 1_200


def test_statements_and_columns_say_the_same(statements, rows):
    assert len(statements) == len(rows)
    for statement, row in zip(statements, rows, strict=True):
        result = statement.get("result", {})
        activities = statement["context"]["contextActivities"]
        course = activities.get("parent") or activities["grouping"]
        assert row == {
            "account": statement["actor"]["account"]["name"],
            "issuer": statement["actor"]["account"]["homePage"],
            "time": row["time"],
            "verb": statement["verb"]["id"],
            "activity": statement["object"]["id"],
            "course": course[0]["id"],
            "id": statement["id"],
            "score": result.get("score", {}).get("scaled"),
            "success": result.get("success"),
            "completion": result.get("completion"),
            "progress": result.get("extensions", {}).get(f"{VIDEO}/extensions/progress"),
            "country": statement["context"]["extensions"][COUNTRY_EXTENSION],
            "platform": statement["context"]["platform"],
        }
        assert row["time"].isoformat(timespec="milliseconds")[:23] + "Z" == statement["timestamp"]


def test_csv_and_columns_say_the_same(rows):
    population = WORLD.population()
    texts, form = population.texts(), csv_format(WORLD.courses)
    written = b"".join(bytes(form.lines(b.events, texts)) for b in population.blocks())
    table = csv.reader(io.StringIO(written.decode()))
    for cells, row in zip(table, rows, strict=True):
        plain = dict(zip(CSV_COLUMNS, cells, strict=True))
        assert plain.pop("time") == row["time"].isoformat(timespec="milliseconds")[:23] + "Z"
        for name, cell in plain.items():
            value = row[name]
            assert cell == (
                ""
                if value is None
                else str(value).lower()
                if value is True or value is False
                else str(value)
            )


def test_answers_have_scores_and_pass_at_half(rows):
    answers = [row for row in rows if row["verb"].endswith("/answered")]
    assert len(answers) > 300
    assert all(row["success"] == (row["score"] >= 0.5) for row in answers)
    assert len({row["score"] for row in answers}) > 50
    assert all(row["issuer"] == ISSUER for row in rows)
