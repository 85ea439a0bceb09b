"""Every rule of a statement's form, for both versions, sent to the store one by one."""

import pytest

from tests.serve.xapi.forms import FULL, Case, table
from tests.serve.xapi.store import Store, agent, changed, statement


def _by_rule() -> dict[str, list[Case]]:
    """Return the cases of each version's rules: thousands of tests would take longer to count than to run."""
    rules: dict[str, list[Case]] = {}
    for case in table():
        rules.setdefault(f"{case.version} {case.rule}", []).append(case)
    return rules


@pytest.mark.parametrize("cases", _by_rule().values(), ids=_by_rule().keys())
def test_a_statement_is_held_to_the_standard(store: Store, cases: list[Case]):
    wrong = []
    for case in cases:
        answer = store.post("statements", version=case.version, json=case.sent)
        told = (answer.status_code, answer.headers["X-Experience-API-Version"])
        if told != (case.status, case.version):
            wrong.append(f"{case.id}: {told}, {answer.text}")
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize(
    ("path", "value", "field"),
    [
        ("actor.account.name", 1, "actor"),
        ("verb.id", "secret", "verb.id"),
        (
            "object.definition.choices",
            [{"id": "secret"}, {"id": "secret"}],
            "object.definition.choices",
        ),
        (
            "context.contextActivities.parent",
            [{"id": "secret"}],
            "context.contextActivities.parent[0].id",
        ),
        (
            "context.team.member",
            [agent("secret"), {"mbox": "secret"}],
            "context.team.member[1].mbox",
        ),
        ("attachments.0.sha2", "secret", "attachments[0].sha2"),
    ],
)
def test_an_error_names_the_field_and_not_what_was_in_it(store, path, value, field):
    answer = store.post("statements", json=changed(FULL, path, value))
    problem = answer.json()
    assert answer.headers["content-type"] == "application/problem+json"
    assert (problem["status"], problem["field"]) == (400, field)
    assert "secret" not in answer.text


def test_an_unknown_name_is_not_repeated(store):
    answer = store.post("statements", json=statement(secret_name=1))
    assert answer.status_code == 400
    assert "secret" not in answer.text


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"\xff\xfe",
        b'{"actor": NaN}',
        b"[" * 100_000,
        b'{"a":' * 100 + b"1" + b"}" * 100,
        b'{"actor": {}, "actor": {}}',
    ],
)
def test_what_is_no_json_is_refused(store, body):
    answer = store.post("statements", content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == 400
    assert answer.json()["type"] == "/docs#bad-request"


@pytest.mark.parametrize(
    "twice",
    ['"verb":{},', '"verb" :{},', '"ver\\u0062":{},', '"x\\":":1,"verb":{},', '"verb"\n:{},'],
)
def test_json_that_says_something_twice_is_refused(store, twice):
    whole = '{%s"actor":{"mbox":"mailto:a@b.c"},"verb":{"id":"http://v.e/x"},"object":{"id":"http://o.e"}}'
    kind = {"Content-Type": "application/json"}
    sound = store.post("statements", content=(whole % "").encode(), headers=kind)
    assert sound.status_code == 200
    answer = store.post("statements", content=(whole % twice).encode(), headers=kind)
    assert answer.status_code == 400
