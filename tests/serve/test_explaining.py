"""Why a cell became other, over HTTP: who may ask, what is written down, and what is refused without repeating it."""

import json

import jsonschema
import pytest

from tests.serve.clients import EVENT
from tests.tree import ROOT

FIRST, SECOND = "2026-11-02T10:00:00Z", "2026-11-10T10:00:00Z"
WEEKLY = {"question": "retention", "to": "2026-11-16"}
CELL = {"row": "2026-11-02", "column": "1"}


def asked(**fields):
    return {"question": WEEKLY, "cell": CELL, "since": {"vector": {}}, **fields}


def test_a_cell_is_explained_to_who_may_see_persons_and_that_is_written_down(client):
    client.send({**EVENT, "time": FIRST})
    key = client.key("persons")
    before = client.query(key, WEEKLY).json()
    since = {"vector": before["vector"], "epoch": before["epoch"]}
    late = client.send({**EVENT, "time": SECOND, "course": "maths"}).headers["Homeroom-Token"]
    answer = client("POST", "/v1/explain", key, json=asked(since=since))
    assert answer.status_code == 200, answer.text
    found = answer.json()
    assert [one["entry"] for one in found["entries"]] == [late]
    assert (found["before"], found["after"], found["entered"]) == (0, 1, 1)
    schema = json.loads((ROOT / "docs/reference/outputs/explain-cell.json").read_text())
    common = json.loads((ROOT / "docs/reference/outputs/common.json").read_text())
    text = json.dumps({**schema, "$defs": common["$defs"]}).replace("common.json#", "#")
    jsonschema.validate(found, json.loads(text))
    assert "ada" not in answer.text
    lines = (client.node._snapshots.place("main").path / "audit.ndjson").read_text().splitlines()
    assert any('"explanation"' in line and "2026-11-02" in line for line in lines)


def test_other_keys_are_told_nothing(client):
    client.send(EVENT)
    for key in (
        client.key("read", "write", "admin", name="all else"),
        client.key("persons", courses=("physics",), name="one course"),
    ):
        answer = client("POST", "/v1/explain", key, json=asked())
        assert (answer.status_code, answer.json()["type"]) == (403, "/docs#not-allowed")


@pytest.mark.parametrize(
    ("fields", "status", "name"),
    [
        ({"more": 1}, 400, "bad-request"),
        ({"question": "retention"}, 400, "bad-request"),
        ({"question": {"question": "ada secret"}}, 400, "bad-question"),
        ({"question": {"question": "stickiness"}}, 400, "bad-question"),
        ({"cell": "2026-11-02,1"}, 400, "bad-request"),
        ({"cell": {"row": 1, "column": "1"}}, 400, "bad-request"),
        ({"cell": {"row": "ada secret", "column": "1"}}, 400, "bad-question"),
        ({"since": {}}, 400, "bad-request"),
        ({"since": {"vector": {"ada secret": 1}}}, 400, "bad-request"),
        ({"since": {"vector": {}, "epoch": True}}, 400, "bad-request"),
        ({"until": "ada secret"}, 400, "bad-request"),
        ({"until": f"node/{'0' * 32}/analytic/3/0"}, 504, "not-yet"),
    ],
)
def test_what_makes_no_sense_is_refused_and_not_repeated(
    shared_client, monkeypatch, fields, status, name
):
    client = shared_client
    if not client.events():
        client.send(EVENT)
    key = client.key("persons", name=f"test {len(str(fields))} {status} {sorted(fields)}")
    monkeypatch.setattr(client.node._asked.folds, "_wait_ms", 20)
    answer = client("POST", "/v1/explain", key, json=asked(**fields))
    assert (answer.status_code, answer.json()["type"]) == (status, f"/docs#{name}"), answer.text
    assert "ada secret" not in answer.text


def test_what_is_wrong_with_the_question_is_said_as_where_it_is_asked(shared_client):
    client = shared_client
    key = client.key("persons", name="wrong question")
    question = {"question": "retention", "to": "ada secret"}
    there = client.query(key, question)
    here = client("POST", "/v1/explain", key, json=asked(question=question))
    assert (here.status_code, here.json()["type"]) == (400, "/docs#bad-question")
    assert here.json()["detail"] == there.json()["detail"]
    assert "to" in here.json()["detail"].split()
    assert "ada secret" not in here.text
