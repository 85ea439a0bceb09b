"""Conflicts over HTTP and as a page: who may see them, what is told, and that nothing of it can run in a browser."""

import base64

import pytest

from homeroom.serve.conflicts import page_of
from homeroom.state.settling import RULES, Domain
from tests.serve.clients import EVENT

ONE = {
    "about": "attribute",
    "field": "<b>country",
    "nodes": ["lagos", "us-east"],
    "regions": ["lagos", "us-east"],
    "values": 2,
    "rule": RULES[Domain.ATTRIBUTE].rule,
    "first": "2026-11-01T10:00:00.000Z",
    "last": "2026-11-02T10:00:00.000Z",
    "entries": ["lagos/…/analytic/7"],
}


def test_conflicts_are_told_to_who_runs_things_and_name_nobody(client):
    client.send({**EVENT, "id": "same"}, {**EVENT, "id": "same", "account": "bob"})
    found = client("GET", "/v1/conflicts", client.key("admin"))
    assert found.status_code == 200, found.text
    told = found.json()
    assert told["days"] == 30
    assert told["counts"]["event id"] == 1
    assert sum(told["counts"].values()) == 1
    assert told["conflicts"][0]["nodes"] == ["node"]
    assert (told["complete"], told["statements"]) == (True, 0)
    assert "ada" not in found.text
    assert client("GET", "/v1/conflicts?days=1", client.key("admin")).json()["days"] == 1
    for bad in ("0", "x", "99999"):
        assert client("GET", f"/v1/conflicts?days={bad}", client.key("admin")).status_code == 400


def test_other_keys_see_no_conflicts(client):
    limited = client.key("admin", courses=("physics",), name="one course")
    for key in (client.key("read", "persons", "write", name="all else"), limited):
        for path in ("/v1/conflicts", "/conflicts"):
            assert client("GET", path, key).status_code == 403
    assert "Basic" in client("GET", "/conflicts").headers["www-authenticate"]


def test_a_browser_gets_a_page_with_the_name_of_a_key_and_the_key(client):
    key = client.key("admin", name="me")
    given = base64.b64encode(f"me:{key}".encode()).decode()
    answer = client("GET", "/conflicts?days=7", headers={"Authorization": f"Basic {given}"})
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert "In 7 days" in answer.text
    assert "None." in answer.text


@pytest.mark.parametrize("is_whole", [True, False])
def test_the_page_says_what_there_is_and_nothing_in_it_can_run(is_whole):
    counts = {"attribute": 1_234, "grade": 0}
    found = {
        "days": 30,
        "counts": counts,
        "conflicts": [ONE],
        "complete": is_whole,
        "statements": 3,
    }
    page = page_of(found)
    assert "&lt;b&gt;country" in page
    assert "<b>country" not in page
    assert "1,234" in page
    assert "3 ids" in page
    assert ("older ones are missing" in page) is not is_whole
    assert "<script" not in page
    assert "http://" not in page
    assert "https://" not in page
