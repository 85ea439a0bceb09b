"""The rights of persons over HTTP: who may ask, what is answered, and what never is."""

import io
import json
import zipfile

import pytest

from homeroom.log.control import TenantPut
from homeroom.log.homes import HomesPut
from homeroom.log.members import MemberJoined, VaultKeyed
from homeroom.serve.settings import NodeSettings, Settings
from tests.serve.clients import EVENT

ADA = {"account": "ada-account"}


@pytest.fixture
def client(make_client):
    """Give a client of a node that has events of two learners."""
    client = make_client(Settings(node=NodeSettings(region="eu-west", jurisdiction="eu")))
    client.send({**EVENT, "account": "ada-account"}, {**EVENT, "account": "bob"})
    return client


def learners(client, admin):
    return client("GET", "/v1/status", admin).json()["learners"]


def test_a_person_gets_a_copy_and_nobody_reads_their_account_on_the_way(client):
    persons = client.key("persons", name="officer")
    answer = client("POST", "/v1/access", persons, json={"learner": ADA})
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/zip"
    assert answer.headers["cache-control"] == "no-store"
    with zipfile.ZipFile(io.BytesIO(answer.content)) as files:
        events = json.loads(files.read("events.json"))
        about = json.loads(files.read("about.json"))
    assert [one["course"] for one in events] == ["physics"]
    assert about["pseudonyms"] == [events[0]["learner"]]
    again = client("POST", "/v1/access", persons, json={"learner": events[0]["learner"]})
    assert again.status_code == 200
    lines = client.audit.path.read_text()
    assert lines.count('"what":"person.access"') == 2
    assert events[0]["learner"] in lines
    assert "ada-account" not in lines + str(answer.headers)


@pytest.mark.parametrize("scopes", ["read", "admin", "write", "xapi", "labels"])
def test_a_key_without_the_scope_for_persons_gets_nothing(client, scopes):
    key = client.key(scopes, name=scopes)
    for path, body in (
        ("/v1/access", {"learner": ADA}),
        ("/v1/consents", {"learner": ADA, "says": "restricted"}),
    ):
        assert client("POST", path, key, json=body).status_code == 403
    assert client("GET", f"/v1/learners/{'0' * 32}/consents", key).status_code == 403


def test_a_key_that_sees_some_courses_alone_gets_nothing(client):
    key = client.key("persons", name="limited", courses=("physics",))
    assert client("POST", "/v1/access", key, json={"learner": ADA}).status_code == 403


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"learner": "ada-account"},
        {"learner": {"account": 1}},
        {"learner": ADA, "more": 1},
        {"learner": [ADA]},
    ],
)
def test_what_names_nobody_is_refused_and_not_repeated(client, body):
    persons = client.key("persons", name="officer")
    answer = client("POST", "/v1/access", persons, json=body)
    assert answer.status_code == 400
    assert "ada-account" not in answer.text


def test_a_restriction_counts_when_it_is_answered_and_is_lifted(client):
    persons, admin = client.key("persons", name="officer"), client.key("admin", name="admin")
    told = client("POST", "/v1/consents", persons, json={"learner": ADA, "says": "restricted"})
    assert told.status_code == 200, told.text
    assert told.json()["withheld"] is True
    assert learners(client, admin) == 1
    path = f"/v1/learners/{told.json()['learner']}/consents"
    assert client("GET", path, persons).json() == told.json()
    client("POST", "/v1/consents", persons, json={"learner": ADA, "says": "lifted"})
    assert learners(client, admin) == 2
    said = client("GET", path, persons).json()
    assert [(one["says"], one["stands"]) for one in said["stated"]] == [
        ("restricted", False),
        ("lifted", True),
    ]


@pytest.mark.parametrize(
    ("what", "why"),
    [
        ({"says": "maybe"}, "says must be one of"),
        ({"says": {}}, "says must be one of"),
        ({"says": "given", "purpose": "ada-account"}, "there is no such purpose"),
        ({"says": "given"}, "not what is said of"),
        ({"says": "restricted", "purpose": "analytics"}, "not what is said of"),
        ({"says": "given", "purpose": 1}, "purpose must be"),
    ],
)
def test_a_consent_that_makes_no_sense_is_refused(client, what, why):
    persons = client.key("persons", name="officer")
    answer = client("POST", "/v1/consents", persons, json={"learner": ADA, **what})
    assert answer.status_code == 400, answer.text
    assert why in answer.json()["detail"]
    assert "ada-account" not in answer.text


def test_events_are_put_right_with_a_reason_that_is_written_down(client):
    key = client.key("persons", "write", name="officer")
    client.send({**EVENT, "account": "ada-account", "id": "wrong"})
    asked = {"learner": ADA, "void": ["wrong"], "reason": "inaccurate"}
    right = {"verb": "read", "time": "2026-11-22T10:00:00Z"}
    answer = client("POST", "/v1/rectifications", key, json={**asked, "events": [right]})
    assert answer.json() == {"voided": 1, "sent": 1}, answer.text
    lines = client.audit.path.read_text()
    assert '"voided":1,"sent":1,"reason":"inaccurate"' in lines
    assert "ada-account" not in lines
    assert "wrong" not in lines
    for bad, status in (
        ({**asked, "void": ["ada-account"]}, 409),
        ({**asked, "reason": "ada-account"}, 400),
        ({**asked, "void": "wrong"}, 400),
        ({**asked, "events": [{**right, "account": "ada-account"}]}, 400),
        ({**asked, "events": [{**right, "time": "ada-account"}]}, 409),
        ({**asked, "learner": "0" * 32}, 400),
    ):
        refused = client("POST", "/v1/rectifications", key, json=bad)
        assert refused.status_code == status, refused.text
        assert "ada-account" not in refused.text
    reader = client.key("persons", name="reader")
    assert client("POST", "/v1/rectifications", reader, json=asked).status_code == 403


# --- compliance ------------------------------------------------------------------------------------------------------


def test_requests_are_kept_with_their_days_and_name_nobody(client):
    admin = client.key("admin", name="admin")
    made = client("POST", "/v1/requests", admin, json={"kind": "access", "received": "2026-10-31"})
    assert made.status_code == 201, made.text
    one = made.json()
    assert (one["due"], one["state"], one["is_overdue"]) == ("2026-11-30", "open", False)
    path = f"/v1/requests/{one['id']}"
    assert client("POST", f"{path}/extend", admin).json()["due"] == "2027-01-31"
    assert client("POST", f"{path}/extend", admin).status_code == 409
    report = client("GET", "/v1/compliance", admin).json()
    assert [open_one["id"] for open_one in report["requests"]] == [one["id"]]
    closed = client("POST", f"{path}/close", admin, json={"outcome": "done"}).json()
    assert (closed["state"], closed["closed"]) == ("done", "2026-11-23")
    assert client("GET", "/v1/requests", admin).json() == {"requests": [closed]}
    assert client("GET", "/v1/compliance", admin).json()["requests"] == []
    assert client("POST", "/v1/requests/none/extend", admin).status_code == 404
    bad = client("POST", "/v1/requests", admin, json={"kind": "access", "received": "tomorrow"})
    assert (bad.status_code, "tomorrow" in bad.text) == (400, False)


def test_purposes_are_put_and_analytics_that_need_consent_leave_out_who_gave_none(client):
    admin, persons = client.key("admin", name="admin"), client.key("persons", name="officer")
    assert client("GET", "/v1/purposes", admin).json()["purposes"]["analytics"] == "nothing"
    wanted = {"purposes": {"analytics": "consent", "alumni": "consent"}}
    assert client("PUT", "/v1/purposes", admin, json=wanted).json() == wanted
    assert learners(client, admin) == 0
    given = {"learner": ADA, "purpose": "analytics", "says": "given"}
    told = client("POST", "/v1/consents", persons, json=given).json()
    assert told["allowed"] == {"analytics": True, "alumni": False}
    assert learners(client, admin) == 1
    for bad in ({"alumni": "consent"}, {"analytics": "perhaps"}, {"Ada": "consent"}):
        answer = client("PUT", "/v1/purposes", admin, json={"purposes": bad})
        assert answer.status_code in (400, 409)
        assert "Ada" not in answer.text


def test_the_report_says_what_is_where_and_that_the_analytic_stream_is_personal(client):
    admin = client.key("admin", name="admin")
    client.run(
        client.node.change(MemberJoined(node="far", region="us-east", jurisdiction="us"), "admin")
    )
    report = client("GET", "/v1/compliance", admin).json()
    assert "personal data all the same: pseudonymised" in report["statement"]
    here, there = report["jurisdictions"]
    assert (here["jurisdiction"], there["jurisdiction"]) == ("eu", "us")
    places = {one["place"]: one for one in here["nodes"][0]["places"]}
    assert set(places) >= {"log", "segments", "snapshots", "vault", "backups", "register", "audit"}
    assert places["log"]["size_bytes"] > 0
    assert {(one["from"], one["to"], one["stream"]) for one in report["transfers"]} == {
        (one, other, stream)
        for one, other in (("eu", "us"), ("us", "eu"))
        for stream in ("control", "analytic")
    }
    assert report["persons"] == {"in_answers": 2, "raw_keys_refusing": 0, "raw_keys_erased": 0}
    assert client("GET", "/v1/compliance", client.key("read", name="r")).status_code == 403


def test_the_report_says_what_goes_home_sealed(client):
    key, seal = "0" * 16, f"x25519:{'A' * 43}="
    for fact in (
        MemberJoined(node="far", region="us-east", jurisdiction="us"),
        VaultKeyed(jurisdiction="us", check=key, seal=seal),
        HomesPut(tenant="main", issuers={"https://lms.example": "us"}),
    ):
        client.run(client.node.change(fact, "admin"))
    report = client("GET", "/v1/compliance", client.key("admin", name="admin")).json()
    sealed = [one for one in report["transfers"] if one["stream"] == "sealed-us"]
    assert [(one["from"], one["to"]) for one in sealed] == [("eu", "us")]
    assert "alone can open" in sealed[0]["what"]
    issuers = {"https://lms.example": "us"}
    assert report["residency"]["homes"] == {"default": None, "issuers": issuers, "learners": 0}


def test_another_tenant_is_told_of_its_own_persons_and_of_no_shared_sizes(client):
    client.run(client.node.change(TenantPut(name="other"), "admin"))
    admin = client.key("admin", name="others", tenant="other")
    report = client("GET", "/v1/compliance", admin).json()
    assert report["persons"]["in_answers"] == 0
    sizes = {
        one["place"]: one["size_bytes"] for one in report["jurisdictions"][0]["nodes"][0]["places"]
    }
    assert (sizes["log"], sizes["vault"], sizes["audit"]) == (None, None, None)


# --- where data are taken --------------------------------------------------------------------------------------------


def test_a_pinned_tenant_is_taken_in_its_regions_and_nowhere_else(client, caplog, tmp_path):
    client.run(client.node.change(TenantPut(name="main", regions=("us-east",)), "admin"))
    key = client.key("write", "persons", "read", name="sender")
    marked = {**EVENT, "account": "planted-account-7261"}
    for path, body in (
        ("/v1/events", [marked]),
        ("/v1/access", {"learner": {"account": "planted-account-7261"}}),
        ("/v1/consents", {"learner": {"account": "planted-account-7261"}, "says": "restricted"}),
    ):
        answer = client("POST", path, key, json=body)
        assert answer.status_code == 421, path
        assert answer.json()["regions"] == ["us-east"]
        assert "planted" not in answer.text + str(answer.headers)
    assert "planted" not in caplog.text
    kept = [one.read_bytes() for one in tmp_path.rglob("*") if one.is_file()]
    assert not [one for one in kept if b"planted" in one]
    assert client("GET", "/v1/status", key).status_code == 200, "what names nobody is answered"
    client.run(client.node.change(TenantPut(name="main", regions=("eu-west",)), "admin"))
    assert client("POST", "/v1/events", key, json=[marked]).status_code == 200


def test_a_tenant_that_is_pinned_to_a_jurisdiction_names_the_regions_there(client):
    client.run(
        client.node.change(MemberJoined(node="far", region="us-east", jurisdiction="us"), "admin")
    )
    client.run(client.node.change(TenantPut(name="main", jurisdiction="us"), "admin"))
    key = client.key("write", name="sender")
    answer = client("POST", "/v1/events", key, json=[EVENT])
    assert (answer.status_code, answer.json()["regions"]) == (421, ["us-east"])
    client.run(client.node.change(TenantPut(name="main", jurisdiction="eu"), "admin"))
    assert client("POST", "/v1/events", key, json=[EVENT]).status_code == 200


def test_a_node_that_does_not_know_where_it_is_takes_nothing_of_a_pinned_tenant(make_client):
    client = make_client()
    client.run(client.node.change(TenantPut(name="main", jurisdiction="eu"), "admin"))
    key = client.key("write", name="sender")
    assert client("POST", "/v1/events", key, json=[EVENT]).status_code == 421
