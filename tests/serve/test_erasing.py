"""Erasures over HTTP: who may ask, what is answered, and what never is."""

import json

import pytest

from homeroom.serve.settings import NodeSettings, Settings
from tests.serve.clients import EVENT


@pytest.fixture
def client(make_client, tmp_path):
    """Give a client of a node that has a register, and events of two learners."""
    register = str(tmp_path / "register")
    client = make_client(Settings(node=NodeSettings(erasure_register=register)))
    client.send({**EVENT, "account": "ada-account"}, {**EVENT, "account": "bob"})
    return client


def learners(client, key):
    return client("GET", "/v1/status", key).json()["learners"]


def test_people_are_erased_by_account_or_pseudonym_and_the_certificate_is_followed(client):
    admin = client.key("admin", name="officer")
    assert client("GET", "/v1/erasures", admin).json() == {"erasures": []}
    asked = {"learners": [{"account": "ada-account"}]}
    answer = client("POST", "/v1/erasures", admin, json=asked)
    assert answer.status_code == 202, answer.text
    made = answer.json()
    assert learners(client, admin) == 1
    assert [one["place"] for one in made["places"]][:2] == ["register", "answers"]
    client.run(client.node.erasures.settled())
    found = client("GET", answer.headers["location"], admin).json()
    assert [one["place"] for one in found["places"] if one["done"] is None] == ["backups"]
    assert found["complete"] is False
    again = client("POST", "/v1/erasures", admin, json={"learners": made["learners"]})
    assert again.json()["id"] == made["id"]
    assert client("GET", "/v1/erasures", admin).json()["erasures"] == [found]
    lines = client.audit.path.read_text()
    assert '"what":"erasure"' in lines
    assert "officer" in lines
    everything = [answer.text, json.dumps(found), lines, str(answer.headers)]
    assert not [text for text in everything if "ada-account" in text]
    text = client("GET", "/metrics").text
    assert "homeroom_erased_events_cut 0.0" in text
    client.send({**EVENT, "account": "ada-account"})
    assert "homeroom_erased_events_cut 1.0" in client("GET", "/metrics").text
    assert learners(client, admin) == 1


def test_people_who_were_erased_are_let_in_again_as_new_ones(client):
    admin = client.key("admin", name="officer")
    asked = {"learners": [{"account": "ada-account"}]}
    made = client("POST", "/v1/erasures", admin, json=asked).json()
    client.send({**EVENT, "account": "ada-account"})
    assert learners(client, admin) == 1
    assert client("POST", f"/v1/erasures/{made['id']}/readmit", admin).status_code == 204
    client.send({**EVENT, "account": "ada-account"})
    assert learners(client, admin) == 2
    again = client("POST", "/v1/erasures", admin, json=asked).json()
    assert again["learners"] != made["learners"]
    assert learners(client, admin) == 1
    assert client("POST", f"/v1/erasures/{'0' * 32}/readmit", admin).status_code == 404
    reader = client.key("read", name="reader")
    assert client("POST", f"/v1/erasures/{made['id']}/readmit", reader).status_code == 403


def test_only_an_administrator_of_all_courses_may_erase(client):
    asked = {"learners": [{"account": "bob"}]}
    for key in (
        client.key("read", "write", "persons", name="other"),
        client.key("admin", name="limited", courses=("physics",)),
    ):
        for method, path in (
            ("POST", "/v1/erasures"),
            ("GET", "/v1/erasures"),
            ("GET", f"/v1/erasures/{'0' * 32}"),
        ):
            given = {"json": asked} if method == "POST" else {}
            assert client(method, path, key, **given).status_code == 403
    assert client("POST", "/v1/erasures", json=asked).status_code == 401
    assert learners(client, client.key("admin", name="officer")) == 2


def test_another_tenant_sees_and_erases_nothing_of_this_one(client):
    admin = client.key("admin", name="officer")
    made = client("POST", "/v1/erasures", admin, json={"learners": [{"account": "bob"}]}).json()
    other = client.key("admin", tenant="other", name="stranger")
    assert client("GET", "/v1/erasures", other).json() == {"erasures": []}
    assert client("GET", f"/v1/erasures/{made['id']}", other).status_code == 404
    asked = {"learners": [{"account": "ada-account"}]}
    assert client("POST", "/v1/erasures", other, json=asked).status_code == 202
    assert learners(client, admin) == 1


@pytest.mark.parametrize(
    "asked",
    [
        {},
        {"learners": []},
        {"learners": "bob-the-secret"},
        {"learners": ["bob-the-secret"]},
        {"learners": [{"account": ""}]},
        {"learners": [{"account": "bob-the-secret", "name": "x"}]},
        {"learners": [{"issuer": "bob-the-secret"}]},
        {"learners": [7]},
        {"learners": ["0" * 32] * 10_001},
        {"learners": ["0" * 32], "why": "bob-the-secret"},
    ],
)
def test_a_request_that_names_nobody_well_is_refused_and_repeated_nowhere(client, asked):
    answer = client("POST", "/v1/erasures", client.key("admin", name="officer"), json=asked)
    assert answer.status_code == 400
    assert answer.json()["field"] == "learners"
    assert "secret" not in answer.text


def test_a_node_without_a_register_erases_nobody(make_client):
    client = make_client()
    asked = {"learners": [{"account": "bob"}]}
    answer = client("POST", "/v1/erasures", client.key("admin"), json=asked)
    assert answer.status_code == 409
    assert "node.erasure_register" in answer.json()["detail"]
