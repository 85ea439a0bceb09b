"""The record store of a running node: in the log before anybody hears yes, in the vault after any end, and counted."""

import asyncio
import contextlib
import shutil
import sqlite3

import pytest

from homeroom.errors import StoreError
from homeroom.log.origins import Stream, Token
from homeroom.running.node_records import NodeRecords
from tests.running.nodes import question
from tests.serve.xapi.forms import statement
from tests.serve.xapi.store import Store, new_id

VERB = "http://adlnet.gov/expapi/verbs/answered"


@pytest.fixture
def folder(tmp_path):
    return tmp_path


def opened(folder):
    return Store(folder, "node")


def settled(store):
    """Wait until all that is durable is folded."""
    for origin, number in store.node._store.held().items():
        store._runner.run(store.node._folds.reached(Token(origin, number, 0)))


def test_a_statement_is_kept_as_a_record_and_counts_as_an_event(folder):
    store = opened(folder)
    one = {**statement(), "id": new_id()}
    for _ in range(3):
        (sent,) = store.send(one)
    assert store.one(sent)["id"] == sent
    settled(store)
    assert (store.node.status("main").learners, store.node.status("main").events) == (1, 1)
    store.close()
    again = opened(folder)
    assert again.one(sent)["id"] == sent
    assert again.node.status("main").learners == 1
    again.close()


def test_a_vault_that_was_lost_is_made_again_from_the_log(folder):
    store = opened(folder)
    ids = [store.send(statement())[0] for _ in range(5)]
    store.put(
        "activities/profile",
        {"activityId": "http://x.example/a", "profileId": "p"},
        content=b"kept",
        headers={"if-none-match": "*", "content-type": "text/plain"},
    )
    store.close()
    for file in folder.glob("documents.db*"):
        file.unlink()
    again = opened(folder)
    assert [again.one(one)["id"] for one in ids] == ids
    found = again.get("activities/profile", {"activityId": "http://x.example/a", "profileId": "p"})
    assert found.content == b"kept"
    again.close()


def test_a_voided_statement_counts_no_longer(folder):
    store = opened(folder)
    first, _ = store.send(statement(), statement())
    settled(store)
    voiding = statement()
    voiding["verb"] = {"id": "http://adlnet.gov/expapi/verbs/voided"}
    voiding["object"] = {"objectType": "StatementRef", "id": first}
    store.send(voiding)
    settled(store)
    store._runner.run(store.node.ask("main", question("active"), None))
    events = store.node._live.read("main", lambda state: (state.settle(), state.events)[1])
    assert events == 1
    assert store.get("statements", {"voidedStatementId": first}).status_code == 200
    store.close()


def test_statements_are_in_the_stream_of_documents_and_name_nobody(folder):
    store = opened(folder)
    one = statement()
    one["actor"] = {"mbox": "mailto:marked-person@marked.example", "name": "Marked Person"}
    store.send(one)
    streams = {origin.stream for origin in store.node._store.held()}
    assert streams == {Stream.CONTROL, Stream.ANALYTIC, Stream.DOCUMENT}
    store.close()
    content = b"".join(file.read_bytes() for file in folder.rglob("*") if file.is_file())
    assert b"marked" not in content.lower()


def test_many_at_once_are_all_kept(folder):
    store = opened(folder)
    bodies = [statement() for _ in range(60)]

    async def send(body):
        headers = {"x-experience-api-version": "1.0.3"}
        return await store._client.post("/xapi/statements", json=[body], headers=headers)

    async def send_all():
        return await asyncio.gather(*map(send, bodies))

    answers = store._runner.run(send_all())
    assert {answer.status_code for answer in answers} == {200}
    ids = [answer.json()[0] for answer in answers]
    assert all(store.one(one)["id"] == one for one in ids)
    document = next(o for o in store.node._store.held() if o.stream is Stream.DOCUMENT)
    assert store.node._store.held()[document] < 60, "they share writes"
    store.close()


def test_what_could_not_be_applied_is_applied_with_what_comes_next(folder):
    store = opened(folder)
    first = store.send(statement())
    store.node._recorder._vault._connection.execute("PRAGMA busy_timeout = 0")
    with contextlib.closing(sqlite3.connect(folder / "documents.db")) as other:
        other.execute("BEGIN IMMEDIATE")
        second = store.send(statement())
        assert "locked" in store.node._recorder.trouble
        other.rollback()
    third = store.send(statement())
    assert store.node._recorder.trouble is None
    assert [store.one(one)["id"] for (one,) in (first, second, third)]
    store.close()
    again = opened(folder)
    assert [again.one(one)["id"] for (one,) in (first, second, third)]
    again.close()


def entries_of(store):
    log = store.node._store
    documents = [o for o in log.held() if o.stream is Stream.DOCUMENT]
    return [entry for o in documents for entry in log.read(o, 1, log.held()[o])]


def test_what_is_sealed_under_another_key_is_not_taken_and_stops_nobody_else(tmp_path):
    here = opened(tmp_path / "here")
    here.send(statement())
    entries = entries_of(here)
    there = opened(tmp_path / "there")
    recorder, store = there.node._recorder, there.node._store
    there.run(there.node._committer.done(lambda: recorder.follow(entries, store)))
    (told,) = recorder.stopped.values()
    assert "are in the log and not among the records" in told
    assert recorder.applied[entries[0].origin] == 0
    (own,) = there.send(statement())
    assert there.ids() == [own]
    for one in (here, there):
        one.close()


def test_entries_of_another_node_are_found_as_they_arrive_and_none_may_be_left_out(tmp_path):
    here = opened(tmp_path / "here")
    sent = [here.send({**statement(), "id": new_id()})[0] for _ in range(3)]
    entries = entries_of(here)
    (tmp_path / "there").mkdir()
    for name in ("pseudonym.key", "vault.key"):
        shutil.copy(tmp_path / "here" / name, tmp_path / "there" / name)
    there = opened(tmp_path / "there")
    (own,) = there.send({**statement(), "id": new_id()})
    recorder = there.node._recorder

    def take(*some):
        there.run(there.node._committer.done(lambda: recorder.take(some)))

    take(*entries[:-2])
    with pytest.raises(StoreError, match="the log goes on at"):
        take(entries[-1])
    take(*entries)
    take(*entries)
    assert [there.one(one)["id"] for one in (*sent, own)] == [*sent, own]
    assert recorder.applied.covers({entries[-1].origin: entries[-1].number})
    assert recorder.stamps[entries[-1].origin] == entries[-1].hybrid
    verb = here.node._snapshots.labels("main").hasher.hashed(statement()["object"]["id"])
    assert recorder.labels_of("main").of(verb) == statement()["object"]["id"]

    class Others:
        def others_ms(self):
            return [40, 45]

    asked = NodeRecords(there.path, recorder._keys_of, None, lambda: 50, Others())
    assert asked.consistent_through_ms() == 40
    for store in (here, there):
        store.close()
