"""The record store behind the node's keys: who may send, who may read, and how keys are shown."""

import asyncio
import base64
import hashlib
import json

import httpx
import pytest

from homeroom.adapters.certificates import is_signature
from homeroom.adapters.vault.records import VaultRecords
from homeroom.events.pseudonyms import subject_prefix
from homeroom.log.control import Scope, TenantPut
from homeroom.serve.access import Caller
from homeroom.serve.app import make_app
from homeroom.serve.xapi.admission import Admitted, caller_of
from tests.serve.xapi.store import KEYS, Clock, new_id, statement

VERSION = {"X-Experience-API-Version": "2.0.0"}


@pytest.fixture(scope="module")
def ask(shared_client, tmp_path_factory):
    """Give a function that sends a request to the record store of a running node's interface."""
    path = tmp_path_factory.mktemp("vault") / "documents.db"
    records = VaultRecords(path, lambda _: KEYS, Clock())
    app = Admitted(shared_client.interface, records, is_signature, records.pseudonym_of)

    async def asked(method, path, headers, given):
        transport = httpx.ASGITransport(app=app)
        async with httpx.AsyncClient(transport=transport, base_url="http://node") as http:
            return await http.request(method, f"/xapi/{path}", headers=headers, **given)

    def send(method, path, authorization=None, version=VERSION, **given):
        headers = {} if authorization is None else {"Authorization": authorization}
        return asyncio.run(asked(method, path, {**version, **headers}, given))

    yield send
    records.close()


def bearer(key):
    return f"Bearer {key}"


def basic(name, key):
    return "Basic " + base64.b64encode(f"{name}:{key}".encode()).decode()


@pytest.mark.parametrize(
    ("scopes", "sends", "reads"),
    [
        (("xapi",), 200, 200),
        (("write",), 200, 403),
        (("read",), 403, 403),
        (("persons", "admin", "aggregate"), 403, 403),
        (("read", "write", "xapi"), 200, 200),
    ],
)
def test_reading_statements_is_reading_about_persons(ask, shared_client, scopes, sends, reads):
    key = bearer(shared_client.key(*scopes, name=f"key {new_id()}"))
    assert ask("POST", "statements", key, json=statement()).status_code == sends
    assert ask("GET", "statements", key).status_code == reads


def test_a_record_store_client_sends_name_and_key(ask, shared_client):
    key = shared_client.key("xapi", name="lms")
    (given,) = ask("POST", "statements", basic("lms", key), json=statement()).json()
    kept = ask("GET", f"statements?statementId={given}", basic("lms", key)).json()
    account = kept["authority"]["account"]
    assert account["homePage"] == "urn:homeroom:keys"
    assert account["name"].startswith("lms (")
    assert key not in account["name"]
    assert ask("GET", "statements", basic("other", key)).status_code == 401


def test_nobody_is_told_anything_but_versions(ask):
    assert ask("GET", "statements").status_code == 401
    assert ask("GET", "statements", "Bearer hr_nothing").status_code == 401
    assert ask("GET", "about").status_code == 200


def test_a_form_carries_its_key(ask, shared_client):
    key = shared_client.key("xapi", name="page")
    form = {"X-Experience-API-Version": "1.0.3", "limit": "1"}
    path = "statements?method=GET"
    assert ask("POST", path, version={}, data=form).status_code == 401
    wrong = {**form, "Authorization": "Bearer hr_nothing"}
    assert ask("POST", path, version={}, data=wrong).status_code == 401
    right = {**form, "Authorization": basic("page", key)}
    assert ask("POST", path, version={}, data=right).status_code == 200


def test_tenants_of_keys_are_apart(ask, shared_client):
    key = shared_client.key("xapi", name="here")
    (given,) = ask("POST", "statements", bearer(key), json=statement()).json()
    other = bearer(shared_client.key("xapi", name="there", tenant="elsewhere"))
    assert ask("GET", f"statements?statementId={given}", other).status_code == 404


@pytest.mark.parametrize("limit", [{"courses": ("physics",)}, {"organisations": ("school",)}])
def test_a_key_that_is_limited_sends_and_does_not_read(limit):
    fields = {"name": "x", "tenant": "main", "owner": "x", "scopes": frozenset({Scope.XAPI})}
    assert caller_of(Caller(**fields, **limit)).scopes == {"write"}
    assert caller_of(Caller(**fields)).scopes == {"read", "write"}


ADA = '{"mbox":"mailto:ada@example.org"}'
STATE = "activities/state?activityId=http://x.example/a&agent=" + ADA
PERSON = hashlib.blake2s(
    subject_prefix("mailto") + b"ada@example.org", key=KEYS.pseudonym, digest_size=16
).hexdigest()


def audited(shared_client, name):
    lines = shared_client.audit.path.read_bytes().splitlines()
    told = [json.loads(line) for line in lines]
    return [(one["what"], one["about"]) for one in told if one["who"].startswith(f"{name} (")]


def test_each_read_is_a_line_that_names_nobody(ask, shared_client):
    key = bearer(shared_client.key("xapi", name="exporter"))
    given = new_id()
    verb = "http://zq-verb.example/ada.lovelace"
    ask("GET", f"statements?statementId={given}", key)
    ask("GET", f"statements?agent={ADA}&verb={verb}&since=2026-01-01T00:00:00Z&limit=3", key)
    form = {"X-Experience-API-Version": "2.0.0", "limit": "1"}
    ask("POST", "statements?method=GET", key, version={}, data=form)
    ask("GET", STATE, key)
    ask("GET", f"{STATE}&stateId=zq-state", key)
    ask("GET", f"agents?agent={ADA}", key)
    ask("HEAD", f"statements?statementId={given}", key)
    assert audited(shared_client, "exporter") == [
        ("records.statement", {"statement": given}),
        ("records.search", {"filters": ["verb", "since"], "limit": 3, "learner": PERSON}),
        ("records.search", {"filters": [], "limit": 1}),
        ("records.documents", {"kind": "state", "learner": PERSON}),
        ("records.document", {"kind": "state", "learner": PERSON}),
        ("records.person", {"learner": PERSON}),
        ("records.statement", {"statement": given}),
    ]
    text = shared_client.audit.path.read_text()
    assert not any(word in text for word in ("ada@", "lovelace", "zq-"))


def test_what_shows_nothing_is_no_line(ask, shared_client):
    key = bearer(shared_client.key("xapi", name="sender"))
    ask("POST", "statements", key, json=statement())
    ask("PUT", f"{STATE}&stateId=one", key, json={})
    ask("GET", "about", key)
    ask("GET", "activities?activityId=http://x.example/a", key)
    ask("GET", "statements?limit=none", key)  # refused before anything is looked for
    reader = bearer(shared_client.key("read", name="asker"))
    ask("GET", "statements", reader)
    assert audited(shared_client, "sender") == audited(shared_client, "asker") == []


def test_what_cannot_be_written_down_is_not_told(make_client, tmp_path):
    client = make_client()
    records = VaultRecords(tmp_path / "documents.db", lambda _: KEYS, Clock())
    app = Admitted(client.interface, records, is_signature, records.pseudonym_of)
    client.app = make_app(client.interface, {"/xapi": app})
    key = client.key("xapi")
    sent = client("POST", "/xapi/statements", key, headers=VERSION, json=statement())
    client.audit.close()
    refused = client("GET", "/xapi/statements", key, headers=VERSION)
    records.close()
    assert (sent.status_code, refused.status_code) == (200, 503)
    assert "statements" not in refused.text


def test_a_tenant_that_is_pinned_elsewhere_is_told_so_before_anything_is_read(
    make_client, tmp_path
):
    client = make_client()
    records = VaultRecords(tmp_path / "documents.db", lambda _: KEYS, Clock())
    app = Admitted(client.interface, records, is_signature, records.pseudonym_of)
    client.app = make_app(client.interface, {"/xapi": app})
    key = client.key("xapi", "write")
    client.run(client.node.change(TenantPut(name="main", regions=("us-east",)), "admin"))
    sent = client("POST", "/xapi/statements", key, headers=VERSION, json=statement())
    form = {**VERSION, "Authorization": f"Bearer {key}", "content": json.dumps(statement())}
    inside = client("POST", "/xapi/statements?method=POST", data=form)
    found = client("GET", "/xapi/statements", key, headers=VERSION)
    for answer in (sent, inside, found):
        assert (answer.status_code, answer.json()["regions"]) == (421, ["us-east"])
    assert records.vault.applied == ""
    records.close()
