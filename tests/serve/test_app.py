"""The interface as a whole: who gets in, what is told of errors, health, definitions, and what stands around all."""

import base64
import logging

import pytest

from homeroom.log.control import KeyRevoked
from homeroom.serve.settings import ServerSettings, Settings
from tests.serve.clients import EVENT

RULE = {"did": "verb=read", "at_least": 2, "about": "reads a lot"}


def basic(name, key):
    return {"Authorization": "Basic " + base64.b64encode(f"{name}:{key}".encode()).decode()}


# --- who gets in -----------------------------------------------------------------------------------------------------


def test_a_record_stores_client_gives_the_name_as_user_and_the_key_as_password(shared_client):
    key = shared_client.key("read", name="lms: north")
    assert shared_client("GET", "/v1/status", headers=basic("lms: north", key)).status_code == 200
    for headers in (
        basic("lms", key),
        basic("", key),
        basic("lms: north", key[:-1]),
        basic(key, ""),
    ):
        assert shared_client("GET", "/v1/status", headers=headers).status_code == 401


@pytest.mark.parametrize(
    "authorization",
    [
        "",
        "Bearer",
        "Bearer ",
        "Bearer x",
        "Basic",
        "Basic x",
        "Digest x",
        "hr_x",
        "Bearer hr_" + "a" * 36,
    ],
)
def test_whatever_opens_nothing_is_told_the_same(shared_client, authorization):
    answer = shared_client("GET", "/v1/status", headers={"Authorization": authorization})
    assert answer.status_code == 401
    assert answer.json()["type"] == "/docs#not-authenticated"
    assert answer.headers["WWW-Authenticate"]


def test_a_key_that_was_revoked_or_has_expired_opens_nothing(client):
    key = client.key("read", expires_ms=client.now_ms + 1_000)
    other = client.key("read")
    assert client("GET", "/v1/status", key).status_code == 200
    client.now_ms += 1_000
    assert client("GET", "/v1/status", key).status_code == 401
    prefix = other[3:11]
    client.run(client.node.change(KeyRevoked(prefix=prefix, at_ms=client.now_ms), "test"))
    assert client("GET", "/v1/status", other).status_code == 401


@pytest.mark.parametrize(
    ("method", "path", "scopes"),
    [
        ("POST", "/v1/events", {"write"}),
        ("POST", "/v1/query", {"read", "aggregate", "persons"}),
        ("GET", "/v1/cohorts", {"read", "admin", "persons"}),
        ("GET", "/v1/cohorts/x", {"read", "admin", "persons"}),
        ("GET", "/v1/lists", {"persons"}),
        ("PUT", "/v1/cohorts/x", {"admin"}),
        ("DELETE", "/v1/cohorts/x", {"admin"}),
        ("GET", f"/v1/learners/{'0' * 32}/cohorts", {"persons"}),
        ("GET", "/v1/membership", {"read", "aggregate", "persons"}),
        ("GET", "/v1/cohorts/x/members", {"persons"}),
        ("GET", "/v1/cohorts/x/changes", {"persons"}),
        ("GET", "/v1/webhooks", {"admin"}),
        ("GET", f"/v1/webhooks/{'0' * 16}", {"admin"}),
        ("DELETE", f"/v1/webhooks/{'0' * 16}", {"admin"}),
        ("POST", f"/v1/webhooks/{'0' * 16}/pause", {"admin"}),
        ("POST", f"/v1/webhooks/{'0' * 16}/dead-letters/drop", {"admin"}),
        ("POST", "/v1/webhooks", set()),
        ("POST", f"/v1/webhooks/{'0' * 16}/resume", set()),
        ("POST", f"/v1/webhooks/{'0' * 16}/secret", set()),
        ("GET", f"/v1/webhooks/{'0' * 16}/dead-letters", set()),
        ("POST", f"/v1/webhooks/{'0' * 16}/dead-letters/replay", set()),
    ],
)
def test_each_path_opens_to_its_scopes_and_to_no_others(shared_client, method, path, scopes):
    for scope in ("read", "aggregate", "write", "admin", "persons", "xapi"):
        status = shared_client(method, path, shared_client.key(scope)).status_code
        assert (status != 403) == (scope in scopes), (scope, status)
    assert shared_client(method, path).status_code == 401


# --- definitions -----------------------------------------------------------------------------------------------------


def test_a_cohort_is_put_read_changed_and_deleted_and_its_history_stays(client):
    key = client.key("admin", "read", name="boss")
    made = client("PUT", "/v1/cohorts/readers", key, json=RULE)
    assert (made.status_code, made.headers["ETag"]) == (201, '"1"')
    said = client("GET", "/v1/cohorts/readers", key)
    assert said.json() == made.json()
    assert said.json()["definition"] == RULE
    assert said.json()["in_words"] == "learners who did verb=read at least 2 times"
    assert said.json()["author"].startswith("boss (")
    changed = client("PUT", "/v1/cohorts/readers", key, json={"did": "any"})
    assert (changed.status_code, changed.headers["ETag"]) == (200, '"2"')
    assert [one["name"] for one in client("GET", "/v1/cohorts", key).json()["cohorts"]] == [
        "readers"
    ]
    assert client("DELETE", "/v1/cohorts/readers", key).status_code == 204
    assert client("GET", "/v1/cohorts/readers", key).status_code == 404
    assert client("DELETE", "/v1/cohorts/readers", key).status_code == 404
    versions = client("GET", "/v1/cohorts/readers/history", key).json()["versions"]
    assert [(one["version"], one["definition"]) for one in versions] == [
        (3, None),
        (2, {"did": "any"}),
        (1, RULE),
    ]


def test_a_change_to_a_version_that_is_old_is_refused(client):
    key = client.key("admin", "read")
    client("PUT", "/v1/cohorts/x", key, json=RULE)
    client("PUT", "/v1/cohorts/x", key, json=RULE)
    for headers in ({"If-Match": '"1"'}, {"If-None-Match": "*"}, {"If-Match": "nonsense"}):
        answer = client("PUT", "/v1/cohorts/x", key, json=RULE, headers=headers)
        assert answer.status_code == 412, answer.text
    assert client("DELETE", "/v1/cohorts/x", key, headers={"If-Match": '"1"'}).status_code == 412
    good = client("PUT", "/v1/cohorts/x", key, json=RULE, headers={"If-Match": '"2"'})
    assert good.headers["ETag"] == '"3"'
    new = client("PUT", "/v1/cohorts/y", key, json=RULE, headers={"If-None-Match": "*"})
    assert new.status_code == 201


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"did": "verb"}, 400),
        ({"cohort": "not there"}, 400),
        ({"did": "any", "version": 3}, 400),
        ({}, 400),
        ([], 400),
        ({"all": [{"did": "any"}] * 1}, 201),
    ],
)
def test_a_definition_that_makes_no_sense_is_refused(client, body, status):
    assert client("PUT", "/v1/cohorts/x", client.key("admin"), json=body).status_code == status


def test_a_cohort_that_another_needs_is_not_deleted(client):
    key = client.key("admin")
    client("PUT", "/v1/cohorts/one", key, json=RULE)
    client("PUT", "/v1/cohorts/two", key, json={"not": {"cohort": "one"}})
    assert client("DELETE", "/v1/cohorts/one", key).status_code == 409


def test_lists_and_calendars_are_put_too_and_cohorts_name_them(client):
    client.send(EVENT)
    key = client.key("admin", "persons")
    learner = client.query(
        key, {"question": "members", "cohort": {"did": "any"}, "as_of": "2026-11-24T00:00:00Z"}
    ).json()["answer"]["members"][0]
    assert client("PUT", "/v1/lists/pilot", key, json={"members": [learner]}).status_code == 201
    dates = {"start": "2026-11-20"}
    assert client("PUT", "/v1/calendars/physics", key, json=dates).status_code == 201
    rule = {"all": [{"list": "pilot"}, {"did": "any", "within": {"after": "start"}}]}
    assert client("PUT", "/v1/cohorts/both", key, json=rule).status_code == 201
    asked = {"question": "members", "cohort": "both", "as_of": "2026-11-24T00:00:00Z"}
    assert client.query(key, asked).json()["answer"]["members"] == [learner]


def test_who_changed_what_is_written_down(client):
    key = client.key("admin", name="boss")
    client("PUT", "/v1/cohorts/x", key, json=RULE)
    client("DELETE", "/v1/cohorts/x", key)
    text = client.audit.path.read_text()
    assert '"cohort.put"' in text
    assert '"cohort.deleted"' in text


# --- questions -------------------------------------------------------------------------------------------------------


def test_an_answer_says_what_it_was_computed_from(client):
    token = client.send(EVENT).headers["Homeroom-Token"]
    said = client.query(client.key("read"), {"question": "active"}, Homeroom_After=token).json()
    assert said["complete"]
    assert said["age_ms"] == 0
    assert max(n for origin, n in said["vector"].items() if "analytic" in origin) == 1
    assert said["answer"]["active"]["day"]["values"] == [1]


def test_a_read_after_what_is_not_here_is_told_so_in_time(make_client):
    client = make_client()
    token = client.send(EVENT).headers["Homeroom-Token"]
    key = client.key("read")
    client.node._folds._wait_ms = 1
    origin, number, hybrid = token.rsplit("/", 2)
    later = f"{origin}/{int(number) + 5}/{hybrid}"
    answer = client("POST", f"/v1/query?after={later}", key, json={"question": "active"})
    assert answer.status_code == 504
    assert answer.headers["Retry-After"] == "1"


@pytest.mark.parametrize(
    ("question", "field"),
    [
        ({"question": "nothing"}, "question"),
        ({"question": "active", "timezone": "zq-secret/zone"}, "timezone"),
        ({"question": "active", "filters": ["zq-secret"]}, "condition"),
        ({"question": "active", "filters": ["verb<zq-secret"]}, "condition"),
        ({"question": "active", "zq-secret": 1}, "no field"),
        ({"question": "active", "cohort": "zq-secret"}, "cohort"),
        ({"question": "learner", "learner": "zq-secret"}, "learner"),
        ({"question": "report", "course": "zq-secret"}, "course"),
        ({"question": "active", "from": "zq-secret"}, "from"),
        ({"question": "active", "cohort": {"did": "zq-secret"}}, "cohort"),
        ({"zq-secret": []}, "question"),
    ],
)
def test_a_question_that_makes_no_sense_is_told_why_without_repeating_it(
    shared_client, question, field
):
    answer = shared_client.query(shared_client.key("read", "persons"), question)
    assert answer.status_code == 400, answer.text
    assert field in answer.json()["detail"]
    assert "zq-secret" not in answer.text


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({"content": b"{", "headers": {"Content-Type": "application/json"}}, 400),
        ({"content": b"[]", "headers": {"Content-Type": "application/json"}}, 400),
        ({"content": b"[" * 99_999, "headers": {"Content-Type": "application/json"}}, 400),
        ({"content": b"\xff", "headers": {"Content-Type": "application/json"}}, 400),
        ({"content": b" " * (2 << 20), "headers": {"Content-Type": "application/json"}}, 413),
        ({"content": b"{}", "headers": {"Content-Type": "text/plain"}}, 415),
        ({"content": b"{}"}, 415),
    ],
)
def test_a_body_that_is_no_question_is_refused(shared_client, fields, status):
    key = shared_client.key("read")
    assert shared_client("POST", "/v1/query", key, **fields).status_code == status


@pytest.mark.parametrize("after", ["x", "a/b/c", "/////", "node/" + "a" * 32 + "/analytic/x/1"])
def test_a_token_that_is_none_is_refused(shared_client, after):
    answer = shared_client.query(
        shared_client.key("read"), {"question": "active"}, Homeroom_After=after
    )
    assert (answer.status_code, answer.json()["field"]) == (400, "after")


# --- health and what stands around everything ------------------------------------------------------------------------


def test_health_needs_no_key_and_tells_of_troubles(client):
    assert client("GET", "/health/live").json() == {"alive": True}
    assert client("GET", "/health/ready").json() == {"ready": True, "troubles": []}
    client.node._committer.trouble = "the disk is full"
    answer = client("GET", "/health/ready")
    assert (answer.status_code, answer.json()["troubles"]) == (503, ["the disk is full"])
    assert client("GET", "/health/live").status_code == 200


def test_troubles_of_a_tenant_are_told_to_it_and_to_who_runs_the_node(client):
    keys = {
        "theirs": client.key("read", tenant="school", name="theirs"),
        "others": client.key("admin", tenant="other", name="others"),
        "reader": client.key("read", name="reader"),
        "limited": client.key("admin", name="limited", courses=("physics",)),
        "node": client.key("admin", name="node"),
    }
    client.node._committer.trouble = "the disk is full"
    client.node.saving.troubles["school"] = "tenants/school is not whole"
    told = {name: client("GET", "/v1/status", key).json()["troubles"] for name, key in keys.items()}
    both = ["the disk is full", "tenants/school is not whole"]
    assert told == {
        "theirs": both,
        "others": both[:1],
        "reader": both[:1],
        "limited": both[:1],
        "node": both,
    }
    told_to_all = client("GET", "/health/ready").json()["troubles"]
    assert told_to_all == [both[0], "some tenant has troubles: see /v1/status"]


def test_status_says_what_there_is(client):
    client.send(EVENT, EVENT | {"account": "bob"})
    said = client("GET", "/v1/status", client.key("read")).json()
    assert (said["learners"], said["events"], said["ready"]) == (2, 2, True)
    assert said["epoch"] == client.node.control().epoch


def test_metrics_count_by_route_and_hold_nothing_of_anybody(client):
    client.send(EVENT | {"account": "zq-secret"}, {"account": "zq-secret"})
    client("GET", "/v1/cohorts/zq-secret", client.key("read"))
    client("GET", "/zq-secret")
    text = client("GET", "/metrics").text
    assert 'homeroom_requests_total{route="/v1/events",status="200"} 1.0' in text
    assert "homeroom_events_accepted_total 1.0" in text
    assert "homeroom_events_refused_total 1.0" in text
    assert 'route="none",status="404"' in text
    assert "zq-secret" not in text


def test_metrics_can_be_kept_to_those_with_a_key(make_client):
    client = make_client(Settings(server=ServerSettings(metrics="admin")))
    assert client("GET", "/metrics").status_code == 401
    assert client("GET", "/metrics", client.key("read")).status_code == 403
    assert client("GET", "/metrics", client.key("admin")).status_code == 200


@pytest.mark.parametrize(
    "path", ["/v1", "/v1/cohort", "/v1/events/", "/docs/x", "/%00", "/v1/cohorts/a/b/c"]
)
def test_what_is_not_there_is_a_problem_too(shared_client, path):
    answer = shared_client("GET", path, shared_client.key("read"))
    assert answer.status_code in (404, 405)
    assert answer.headers["Content-Type"] == "application/problem+json"


def test_every_answer_says_that_it_is_to_be_kept_nowhere_and_to_run_nothing(shared_client):
    for path in ("/health/live", "/v1/status", "/nothing", "/docs"):
        headers = shared_client("GET", path).headers
        assert headers["Cache-Control"] == "no-store"
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Content-Security-Policy"].startswith("default-src 'none'")


def test_a_mistake_of_ours_tells_neither_the_client_nor_the_log_what_was_sent(client, caplog):
    def broken():
        raise RuntimeError("zq-secret")

    key = client.key("read")
    client.node.control, control = broken, client.node.control
    client.interface.access._control = control
    with caplog.at_level(logging.DEBUG):
        answer = client.query(key, {"question": "active"})
    assert (answer.status_code, answer.json()["type"]) == (500, "/docs#internal")
    assert "zq-secret" not in answer.text + caplog.text
    assert "RuntimeError" in caplog.text


def test_a_request_that_takes_too_long_ends(make_client):
    client = make_client(Settings(server=ServerSettings(answer_seconds_max=0.05)))
    key = client.key("read")
    origin, number = next(
        iter(client.node.status("main").held.items())
    )  # of the key that was stated
    answer = client.query(key, {"question": "active"}, Homeroom_After=f"{origin}/{number + 5}/1")
    assert answer.status_code == 503


def test_a_body_that_does_not_come_ends(make_client):
    client = make_client(Settings(server=ServerSettings(body_seconds_max=0.05)))
    key = client.key("write")

    async def never():
        import asyncio

        yield b"{"
        await asyncio.Event().wait()

    answer = client(
        "POST", "/v1/events", key, content=never(), headers={"Content-Type": "application/json"}
    )
    assert (answer.status_code, answer.headers["Connection"]) == (408, "close")
