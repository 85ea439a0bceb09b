"""The gate of the record store: resources, methods, versions, who asks; and what is known of agents and activities."""

import asyncio
import json

import pytest

from homeroom import limits
from homeroom.adapters.certificates import is_signature
from homeroom.records.versions import Version
from homeroom.serve.xapi import RecordStore, Settings
from tests.serve.xapi.store import READ, WRITE, Store, agent, caller, new_id, statement

RESOURCES = [
    "statements",
    "activities/state",
    "activities/profile",
    "activities",
    "agents",
    "agents/profile",
]
BOTH = pytest.mark.parametrize("version", ["1.0.3", "2.0.0"])
VERSION = "X-Experience-API-Version"


@pytest.mark.parametrize("path", RESOURCES)
@pytest.mark.parametrize("header", [None, "0.9", "0.95", "1.1.0", "3.0", "2.1", "x", "1.0.x"])
def test_a_request_names_a_version_that_is_served(store: Store, path, header):  # 3.3, XAPI-00331
    for method in ("GET", "POST"):
        if method == "POST" and path in ("activities", "agents"):
            continue
        answer = store.ask(method, path, version=header)
        assert answer.status_code == 400
        assert answer.json()["field"] == VERSION
        assert answer.headers[VERSION] in ("1.0.3", "2.0.0")


@pytest.mark.parametrize(
    ("header", "answered"),
    [
        ("1.0", "1.0.3"),
        ("1.0.0", "1.0.3"),
        ("1.0.3", "1.0.3"),
        ("1.0.99", "1.0.3"),
        ("2.0", "2.0.0"),
        ("2.0.0", "2.0.0"),
        ("2.0.1", "2.0.0"),
    ],
)
def test_a_request_is_answered_in_its_version(store, header, answered):  # 3.3, XAPI-00333
    for path in ("statements", "about", "statements?foo=bar"):
        assert store.ask("GET", path, version=header).headers[VERSION] == answered


def test_statements_of_the_other_version_are_shown_as_they_are(store):  # 3.3, XAPI-00330
    one = {"objectType": "contextAgent", "agent": agent()}
    (given,) = store.send(statement(context={"contextAgents": [one]}), version="2.0.0")
    kept = store.one(given)
    assert kept["version"] == "2.0.0"
    assert kept["context"]["contextAgents"] == [one]


@pytest.mark.parametrize(
    ("header", "versions"),
    [
        ("1.0.3", ["1.0.0", "1.0.1", "1.0.2", "1.0.3"]),
        ("2.0.0", ["1.0.0", "1.0.1", "1.0.2", "1.0.3", "2.0.0"]),
        (None, ["1.0.0", "1.0.1", "1.0.2", "1.0.3", "2.0.0"]),
    ],
)
def test_about_lists_versions_for_anybody(store, header, versions):  # 2.8, XAPI-00315 to 00321
    store.caller = None
    answer = store.ask("GET", "about", version=header)
    assert (answer.status_code, answer.json()) == (200, {"version": versions})
    assert store.ask("GET", "about?x=1", version=header).status_code == 400


@pytest.mark.parametrize("path", RESOURCES)
@BOTH
def test_nobody_is_let_in_without_credentials(store, path, version):  # 4, XAPI-00334
    store.caller = None
    answer = store.ask("GET", path, version=version)
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"].startswith("Basic")
    assert (
        store.ask("PUT" if path not in ("activities", "agents") else "GET", path).status_code == 401
    )


@pytest.mark.parametrize(
    ("path", "allowed"),
    [
        ("statements", "HEAD, GET, PUT, POST"),
        ("activities", "HEAD, GET"),
        ("agents", "HEAD, GET"),
        ("about", "HEAD, GET"),
        ("activities/state", "HEAD, GET, PUT, POST, DELETE"),
        ("activities/profile", "HEAD, GET, PUT, POST, DELETE"),
        ("agents/profile", "HEAD, GET, PUT, POST, DELETE"),
    ],
)
@BOTH
def test_other_methods_are_refused(store, path, allowed, version):  # 3.2, 405
    for method in ("PUT", "POST", "DELETE", "PATCH", "OPTIONS"):
        if method not in allowed:
            answer = store.ask(method, path, version=version)
            assert (answer.status_code, answer.headers["Allow"]) == (405, allowed)


def test_what_is_not_there_is_not_there(store):
    for path in ("", "statement", "statements/x", "activities/states", "agents/person"):
        assert store.ask("GET", path).status_code == 404


def test_bodies_are_not_compressed(store):
    answer = store.post("statements", json=statement(), headers={"Content-Encoding": "gzip"})
    assert answer.status_code == 415


def exchange(store, receive, **settings):
    """Send a POST whose body comes from a function, and return what was answered."""
    answered = []

    async def send(message):
        answered.append(message)

    scope = {
        "type": "http",
        "method": "POST",
        "path": "/xapi/statements",
        "query_string": b"",
        "headers": [
            (b"x-experience-api-version", b"2.0.0"),
            (b"content-type", b"application/json"),
        ],
        "caller": store.caller,
    }
    app = RecordStore(store.records, Settings(is_signature, **settings))
    store.run(app(scope, receive, send))
    return answered[0]["status"], json.loads(answered[1]["body"])


def test_a_body_may_come_in_pieces_but_must_come(store):
    whole = json.dumps(statement()).encode()
    pieces = [
        {"type": "http.request", "body": whole[at : at + 7], "more_body": True}
        for at in range(0, len(whole), 7)
    ]
    waiting = iter([*pieces, {"type": "http.request"}])

    async def receive():
        return next(waiting)

    assert exchange(store, receive)[0] == 200
    waiting = iter([pieces[0], {"type": "http.disconnect"}])
    assert exchange(store, receive)[0] == 400
    large = {"type": "http.request", "body": bytes(limits.RECORD_BODY_BYTES_MAX), "more_body": True}
    waiting = iter([large, large])
    assert exchange(store, receive)[0] == 413

    async def never():
        await asyncio.Event().wait()

    status, told = exchange(store, never, body_seconds_max=0.001)
    assert (status, told["type"]) == (408, "/docs#too-slow")


# --- agents and activities ---------------------------------------------------------------------------------------


@BOTH
def test_an_agent_is_told_with_all_that_is_known(store, version):  # 2.4, XAPI-00238 to 00248
    store.version = version
    who = agent(new_id())
    assert store.get("agents", {"agent": who}).json() == {
        "objectType": "Person",
        "name": [who["name"]],
        "mbox": [who["mbox"]],
    }
    nameless = {"mbox": who["mbox"]}
    store.send(
        statement(actor={**nameless, "name": "A"}),
        statement(context={"instructor": {**nameless, "name": "B"}}),
    )
    person = store.get("agents", {"agent": nameless}).json()
    assert (person["objectType"], person["mbox"], sorted(person["name"])) == (
        "Person",
        [who["mbox"]],
        ["A", "B"],
    )
    account = {"account": {"homePage": "https://lms.example", "name": new_id()}}
    assert store.get("agents", {"agent": account}).json()["account"] == [account["account"]]
    for bad in ({}, {"agent": "x"}, {"agent": {}}, {"agent": who, "x": "1"}, {"Agent": who}):
        assert store.get("agents", bad).status_code == 400
    group = {"objectType": "Group", "mbox": who["mbox"]}
    assert store.get("agents", {"agent": group}).status_code == 400


@BOTH
def test_an_activity_is_told_with_all_that_is_known(store, version):  # 2.5, XAPI-00249 to 00254
    store.version = version
    name = f"http://things.example/{new_id()}"
    assert store.get("activities", {"activityId": name}).json() == {
        "objectType": "Activity",
        "id": name,
    }
    for definition in (
        {
            "name": {"en": "One"},
            "type": "http://types.example/a",
            "extensions": {"http://x.example/1": 1},
        },
        {
            "name": {"de": "Eins"},
            "type": "http://types.example/b",
            "extensions": {"http://x.example/2": 2},
        },
    ):
        store.send(statement(object={"id": name, "definition": definition}))
    assert store.get("activities", {"activityId": name}).json() == {
        "objectType": "Activity",
        "id": name,
        "definition": {
            "name": {"en": "One", "de": "Eins"},
            "type": "http://types.example/b",
            "extensions": {"http://x.example/1": 1, "http://x.example/2": 2},
        },
    }
    for bad in ({}, {"activityId": "x"}, {"activityId": name, "x": "1"}, {"ActivityId": name}):
        assert store.get("activities", bad).status_code == 400


def test_iris_are_compared_letter_by_letter(store):  # 2.0, 4.2.7
    name = f"http://things.example/a/../{new_id()}"
    store.send(statement(object={"id": name}))
    assert store.get("activities", {"activityId": name}).json()["id"] == name
    assert len(store.ids(activity=name)) == 1
    assert store.ids(activity=name.replace("/a/..", "")) == []


# --- pages of other origins --------------------------------------------------------------------------------------


def test_pages_of_other_origins_are_shut_out_unless_named(store, tmp_path):
    origin = {"Origin": "https://lms.example"}
    assert store.ask("OPTIONS", "statements", headers=origin).status_code == 405
    assert "Access-Control-Allow-Origin" not in store.ask("GET", "about", headers=origin).headers
    open_store = Store(tmp_path, origins=frozenset({"https://lms.example"}))
    try:
        open_store.caller = None
        asked = open_store.ask("OPTIONS", "statements", headers=origin, version=None)
        assert asked.status_code == 204
        assert asked.headers["Access-Control-Allow-Origin"] == "https://lms.example"
        assert "PUT" in asked.headers["Access-Control-Allow-Methods"]
        other = {"Origin": "https://evil.example"}
        assert open_store.ask("OPTIONS", "statements", headers=other).status_code == 405
    finally:
        open_store.close()


# --- requests in disguise ----------------------------------------------------------------------------------------


def form(store, method, fields, query="", version="1.0.3"):
    return store.ask("POST", f"statements?method={method}{query}", data=fields, version=version)


def test_a_get_as_a_form(store):  # 1.3, XAPI-00148
    (given,) = store.send(statement())
    answer = form(store, "GET", {"limit": "1"})
    assert answer.status_code == 200
    assert [one["id"] for one in answer.json()["statements"]] == [given]
    assert form(store, "GET", {"statementId": given}).json()["id"] == given


def test_a_put_as_a_form(store):  # 1.3.s3
    given, content = (
        new_id(),
        '{"actor":{"mbox":"mailto:ü@b.c"},"verb":{"id":"a:b"},"object":{"id":"a:b"}}',
    )
    answer = form(store, "PUT", {"statementId": given, "content": content})
    assert answer.status_code == 204
    assert store.one(given)["actor"] == {"mbox": "mailto:ü@b.c"}


def test_headers_of_a_form_count(store):  # 1.3.s3.b7
    headers = {VERSION: "2.0.0"}
    assert form(store, "GET", {**headers, "limit": "1"}, version=None).headers[VERSION] == "2.0.0"
    answer = form(store, "GET", {"limit": "1"}, version=None)
    assert (answer.status_code, answer.json()["field"]) == (400, VERSION)
    address = {"activityId": "http://a.example", "profileId": new_id(), "content": "text"}
    given = {**address, "Content-Type": "text/x", "If-None-Match": "*"}
    path = "activities/profile?method=PUT"
    assert store.ask("POST", path, data=given).status_code == 204
    assert store.ask("POST", path, data=given).status_code == 412
    del address["content"]
    read = store.get("activities/profile", address)
    assert (read.content, read.headers["content-type"]) == (b"text", "text/x")


def test_a_form_cannot_smuggle_headers_into_answers(store):
    fields = {"activityId": "http://a.example", "profileId": new_id(), "content": "x"}
    for bad in ("text/x\r\nSet-Cookie: a=b", "text/x\nA: b", "", "text/ü"):
        answer = store.ask(
            "POST", "activities/profile?method=PUT", data={**fields, "Content-Type": bad}
        )
        assert (answer.status_code, answer.json()["field"]) == (400, "Content-Type")


@pytest.mark.parametrize(
    ("method", "fields", "query"),
    [
        ("PUT", {"statementId": new_id()}, ""),
        ("PUT", {"content": "{}"}, "&statementId=" + new_id()),
        ("GET", {}, "&limit=1"),
        ("BREW", {}, ""),
        ("POST", {}, ""),
        ("GET", {"foo": "bar"}, ""),
    ],
)
def test_a_form_that_is_not_in_the_syntax_is_refused(store, method, fields, query):  # 1.3.s3.b4
    assert form(store, method, fields, query).status_code == 400


def test_a_form_must_be_one(store):
    json = {"Content-Type": "application/json"}
    assert (
        store.ask("POST", "statements?method=GET", content=b"{}", headers=json).status_code == 400
    )
    urlencoded = {"Content-Type": "application/x-www-form-urlencoded"}
    body = b'{"statementId": "x"}'
    assert (
        store.ask("POST", "statements?method=PUT", content=body, headers=urlencoded).status_code
        == 400
    )
    assert store.ask("GET", "statements?method=POST").status_code == 400
    assert form(store, "DELETE", {"x": "1"}).status_code == 405


def test_2_0_has_no_disguises(store):  # 2.0: the alternate syntax is gone
    for method in ("GET", "PUT"):
        assert form(store, method, {"limit": "1"}, version="2.0.0").status_code == 400


def test_credentials_in_a_form_are_looked_at(tmp_path):
    async def authenticate(headers):
        return caller(READ, WRITE) if headers["authorization"] == "Basic eDp5" else None

    store = Store(tmp_path, authenticate=authenticate)
    try:
        store.caller = None
        given = {VERSION: "1.0.3", "limit": "1"}
        assert form(store, "GET", given, version=None).status_code == 401
        assert (
            form(store, "GET", {**given, "Authorization": "Basic no"}, version=None).status_code
            == 401
        )
        assert (
            form(store, "GET", {**given, "Authorization": "Basic eDp5"}, version=None).status_code
            == 200
        )
    finally:
        store.close()


def test_versions_know_their_own():
    assert Version.asked("1.0") is Version.ONE
    assert Version.asked("2.0.9") is Version.TWO
