"""The vault as a whole: what its file gives away (nothing), what an erasure takes, and a real log of a course."""

import asyncio
import base64
import gzip
import hashlib
import json
import sqlite3

import pytest

from homeroom.adapters.vault.applying import Vault
from homeroom.adapters.vault.records import VaultRecords
from homeroom.adapters.vault.sealing import Seals
from homeroom.events.door import Door
from homeroom.events.vocabulary import VerbTable
from homeroom.events.xapi import XapiCodec
from homeroom.records.people import identity_of
from homeroom.records.queries import Order, Search
from homeroom.records.reading import read_json
from homeroom.records.statements import check_statement
from homeroom.records.store import Accepted, Sent
from homeroom.records.versions import Version
from tests.serve.xapi.forms import FULL, GROUP, SUB
from tests.serve.xapi.store import KEYS, READ, WRITE, Clock, Store, agent, caller, new_id, statement

MARK = "Quetzalcoatlus"


@pytest.fixture
def store(tmp_path):
    found = Store(tmp_path)
    yield found
    found.close()


def pseudonym(person):
    return Seals(KEYS).pseudonym("mailto", person["mbox"].removeprefix("mailto:"))


def everything(store):
    """Return every byte of the vault's files: pages in use, free ones, and the log of changes."""
    return b"".join(p.read_bytes() for p in store.path.parent.iterdir())


def spellings(text):
    plain = text.encode()
    return [
        plain,
        plain.lower(),
        plain.upper(),
        plain.hex().encode(),
        text.encode("utf-16-le"),
        base64.b64encode(plain)[:-4],
        base64.b64encode(b"x" + plain)[4:-4],
        hashlib.sha1(plain).digest(),
        hashlib.sha256(plain).digest(),
        hashlib.sha256(plain).hexdigest().encode(),
        hashlib.blake2s(plain).digest(),
    ]


def marked_everywhere():
    """Return a statement with marks in every place where a person or their words may stand."""
    person = {"objectType": "Agent", "name": f"{MARK} Name", "mbox": f"mailto:{MARK}@mail.example"}
    account = {"account": {"homePage": f"https://{MARK}.example", "name": f"{MARK} account"}}
    group = {**GROUP, "name": f"{MARK} team", "member": [account, {"openid": f"https://{MARK}.id"}]}
    activity = {
        "id": f"http://things.example/{MARK}",
        "definition": {
            "name": {"en": f"{MARK} quiz"},
            "extensions": {f"http://{MARK}.example": MARK},
        },
    }
    return {
        **FULL,
        "id": new_id(),
        "actor": {"objectType": "Group", "name": MARK, "member": [person]},
        "object": {**SUB, "actor": person, "object": activity, "context": {"instructor": account}},
        "result": {"response": f"{MARK} wrote this", "extensions": {"http://x.example": MARK}},
        "context": {
            "instructor": person,
            "team": group,
            "contextActivities": {"other": [activity]},
        },
        "attachments": [],
    }


def test_nothing_in_the_file_names_anybody(store):
    sent = marked_everywhere()
    person = sent["context"]["instructor"]
    store.send(sent, statement(actor=person), statement(object=person))
    data = f"{MARK} attachment".encode()
    attachment = {**FULL["attachments"][0], "sha2": hashlib.sha256(data).hexdigest()}
    attachment.pop("fileUrl")
    with_data = {**sent, "id": new_id(), "attachments": [attachment]}
    kept = Sent([with_data], {attachment["sha2"]: data}, Version.ONE)
    assert isinstance(asyncio.run(store.records.accept(kept, store.caller)), Accepted)
    address = {"activityId": f"http://{MARK}.example", "agent": person, "stateId": f"{MARK} state"}
    assert store.post("activities/state", address, json={"bookmark": MARK}).status_code == 204
    assert store.post("activities/state", address, json={"note": MARK}).status_code == 204
    profile = {"agent": person, "profileId": f"{MARK} profile"}
    assert store.put("agents/profile", profile, content=MARK.encode()).status_code == 204
    store.delete("agents/profile", profile)
    found = everything(store)
    for text in (
        MARK,
        person["mbox"],
        person["name"],
        f"{MARK} account",
        data.decode(),
        "things.example/",
    ):
        for spelling in spellings(text):
            assert spelling not in found, (text, spelling)
    read = store.get("activities/state", address)
    assert read.json() == {"bookmark": MARK, "note": MARK}
    assert MARK in json.dumps(store.one(sent["id"]))


def test_the_search_of_bytes_finds_a_leak(store):
    store.send(statement())
    with sqlite3.connect(store.path) as leak:
        leak.execute("CREATE TABLE leak (x TEXT)")
        leak.execute("INSERT INTO leak VALUES (?)", (MARK,))
    leak.close()
    assert MARK.encode() in everything(store)


def test_a_search_of_the_log_of_changes_is_a_search_of_something(store):
    store.send(statement())
    assert {p.name for p in store.path.parent.iterdir()} >= {"documents.db", "documents.db-wal"}


def test_an_erasure_takes_one_person_and_nothing_else(store):
    gone, stays = agent(new_id()), agent(new_id())
    registration = new_id()
    own = {**FULL, "id": new_id(), "actor": gone, "context": {"registration": registration}}
    ids = store.send(
        own,
        statement(actor=stays, context={"instructor": gone, "registration": registration}),
        statement(actor={"objectType": "Group", "member": [gone, stays]}),
        statement(actor=stays, object={**SUB, "context": {}, "actor": gone}),
        statement(actor=stays, object={"objectType": "StatementRef", "id": own["id"]}),
    )
    state = {"activityId": "http://a.example", "agent": gone, "stateId": "x"}
    store.post("activities/state", state, json={})
    store.post("activities/state", {**state, "agent": stays}, json={})
    assert isinstance(store.records.erase("main", pseudonym(gone)), Accepted)
    assert store.get("statements", {"statementId": ids[0]}).status_code == 404
    # What refers to a statement that is gone is no longer found by what that one said.
    assert store.ids(registration=registration) == [ids[1]]
    erased = {
        "objectType": "Agent",
        "account": {"homePage": "urn:homeroom:erased", "name": "erased"},
    }
    assert store.one(ids[1])["context"]["instructor"] == erased
    assert store.one(ids[1])["actor"] == stays
    assert store.one(ids[2])["actor"]["member"] == [erased, stays]
    assert store.one(ids[3])["object"]["actor"] == erased
    assert store.one(ids[4])["actor"] == stays
    assert store.get("agents", {"agent": gone}).json()["mbox"] == [gone["mbox"]]
    assert "name" not in store.get("agents", {"agent": {"mbox": gone["mbox"]}}).json()
    assert store.get("activities/state", state).status_code == 404
    assert store.get("activities/state", {**state, "agent": stays}).status_code == 200


def test_nothing_more_is_kept_of_who_was_erased(store):
    gone = agent(new_id())
    (given,) = store.send(statement(actor=gone))
    store.records.erase("main", pseudonym(gone))
    for sent in (
        statement(actor=gone),
        statement(context={"instructor": gone}),
        [statement(), statement(object=gone)],
    ):
        answer = store.post("statements", json=sent)
        assert answer.status_code == 403
        assert gone["mbox"] not in answer.text
    assert store.post("statements", json=statement(id=given, actor=gone)).status_code == 409
    profile = {"agent": gone, "profileId": "x"}
    assert store.put("agents/profile", profile, content=b"x").status_code == 403
    never_met = agent(new_id())
    store.records.erase("main", pseudonym(never_met))
    assert store.post("statements", json=statement(actor=never_met)).status_code == 403
    assert store.post("statements", json=statement()).status_code == 200


def test_the_key_that_is_everybodys_is_not_destroyed(store):
    store.send(statement())
    assert not isinstance(store.records.erase("main", Seals(KEYS).nobody), Accepted)
    assert store.get("activities", {"activityId": FULL["object"]["id"]}).status_code == 200


def test_a_persons_pseudonym_is_that_of_their_events():
    people = [
        {"mbox": "mailto:Ada@x.example"},
        {"mbox_sha1sum": "CD9B00A5611F94EAA7B1661EDAB976068E364975"},
        {"openid": "https://openid.example/ada"},
        {"account": {"homePage": "https://lms.example", "name": "ü" * 70}},
    ]
    statements = [
        statement(id=new_id(), actor=one, timestamp="2026-03-01T12:00:00Z") for one in people
    ]
    verbs = VerbTable.standard()
    decoded = XapiCodec(verbs).decode_document(json.dumps(statements).encode())
    batch = Door(KEYS.pseudonym, verbs).admit(decoded, "test").batch
    events = [
        (int(hi) << 64 | int(lo)).to_bytes(16)
        for hi, lo in zip(batch.key_hi, batch.key_lo, strict=True)
    ]
    assert [Seals(KEYS).pseudonym(*identity_of(one)) for one in people] == events


def test_an_activity_whose_description_names_its_actor_is_not_joined(store):
    person = {"account": {"homePage": "https://lms.example", "name": "jane-doe"}}
    about = {"id": "http://lms.example/u/Jane-Doe", "definition": {"name": {"en": "Profile"}}}
    (given,) = store.send(statement(actor=person, object=about))
    assert "definition" not in store.get("activities", {"activityId": about["id"]}).json()
    assert store.one(given)["object"] == about


def test_a_vault_that_is_opened_again_goes_on(tmp_path):
    store = Store(tmp_path)
    first = store.send(statement(actor=agent("again")))
    clock = store.clock.ms
    store.close()
    store = Store(tmp_path)
    store.clock.ms = clock - 3_600_000
    try:
        second = store.send(statement(actor=agent("again")))
        assert store.ids() == [*second, *first], "the clock went back, and the order did not"
        assert store.one(second[0])["stored"] >= store.one(first[0])["stored"]
    finally:
        store.close()


def test_a_request_that_fails_to_be_applied_leaves_nothing_pending(store, monkeypatch):
    sent = statement(id=new_id(), actor=agent(new_id()))

    def fail(*_):
        raise sqlite3.OperationalError("disk full")

    with monkeypatch.context() as patched:
        patched.setattr(Vault, "apply", fail)
        with pytest.raises(sqlite3.OperationalError):
            asyncio.run(store.records.accept(Sent([dict(sent)], {}, Version.ONE), store.caller))
    assert store.get("statements", {"statementId": sent["id"]}).status_code == 404
    assert store.send(sent) == [sent["id"]]
    assert store.one(sent["id"])["actor"] == sent["actor"]


@pytest.mark.slow
def test_a_real_log_is_accepted_and_comes_back_as_it_was(shared_data, tmp_path):
    lines = gzip.decompress(shared_data("ralph/statements.json.gz").read_bytes()).splitlines()
    records = VaultRecords(tmp_path / "documents.db", lambda _: KEYS, Clock())
    who = caller(READ, WRITE)
    try:
        sent = [read_json(line) for line in lines]
        for one in sent:
            check_statement(one, Version.ONE)
        unique = list({one["id"]: one for one in sent}.values())
        for at in range(0, len(unique), 400):
            some = json.loads(json.dumps(unique[at : at + 400]))
            outcome = asyncio.run(records.accept(Sent(some, {}, Version.ONE), who))
            assert isinstance(outcome, Accepted), outcome
        _compare(records, who, unique)
    finally:
        records.close()


def _compare(records, who, sent):
    """Walk through all pages, and compare each statement with the one that was sent."""

    async def walk():
        page = await records.search(Search(order=Order.OLDEST_FIRST), who, ())
        while True:
            for one in page.statements:
                yield one.statement
            if page.more is None:
                return
            page = await records.more(page.more, who, ())

    async def compare():
        place = 0
        async for kept in walk():
            added = {name: kept.pop(name) for name in ("stored", "authority", "version")}
            assert added["authority"] == who.authority
            assert kept == sent[place]
            place += 1
        assert place == len(sent) > 20_000

    asyncio.run(compare())
