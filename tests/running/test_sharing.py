"""Documents among running nodes: everywhere in their jurisdiction, nowhere else, and where they can be opened."""

import asyncio
import contextlib
import json
import sqlite3
from dataclasses import replace
from functools import partial

import pytest

from homeroom.adapters.vault.fingerprint import fingerprint_of
from homeroom.adapters.vault.places import VAULT_KEY_FILE, open_vault_key
from homeroom.errors import DataDirectoryError, KeyFileError
from homeroom.log.origins import Stream, Vector
from homeroom.log.payloads import unpack
from homeroom.running.recording import redacted_documents
from tests.running.erasures import ADA, BOB, erase, person, record, register_of, statement
from tests.running.nodes import running
from tests.running.worlds import RunningWorld

LAWS = {"a": "us", "b": "eu", "c": "eu"}
"""A home elsewhere, and two nodes of one jurisdiction."""


@pytest.fixture
def world(world):
    """Run something in a world of nodes of two jurisdictions."""
    return partial(world, laws=LAWS)


async def keep(world, name, number, actor=ADA, **given):
    answer = await record(
        world.nodes[name], "POST", "statements", json=statement(actor, number), **given
    )
    assert answer.status_code == 200, answer.text
    return answer.json()[0]


async def found(world, name, one):
    return (
        await record(world.nodes[name], "GET", "statements", params={"statementId": one})
    ).status_code


def documents(world, name):
    """Return the documents that a node has in its log, by the node that wrote them."""
    held = world.nodes[name]._store.held()
    found = {}
    for origin, number in held.items():
        if origin.stream is Stream.DOCUMENT:
            found[origin.node] = found.get(origin.node, 0) + number
    return found


async def level(world, *names):
    """Wait until some nodes have the same documents, in their logs and in their vaults."""

    def are_level():
        held = [documents(world, name) for name in names]
        vaults = [world.nodes[name]._recorder.applied for name in names]
        return (
            held[0] and all(one == held[0] for one in held) and all(v == vaults[0] for v in vaults)
        )

    await world.until(are_level, "documents are level")


# --- they get there ------------------------------------------------------------------------------------------------


def test_a_statement_is_read_in_its_jurisdiction_and_nowhere_else(world):
    async def work(world):
        one = await keep(world, "b", 1)
        other = await keep(world, "c", 2, BOB)
        elsewhere = await keep(world, "a", 3)
        await level(world, "b", "c")
        await world.equal()
        told = [
            [await found(world, name, which) for which in (one, other, elsewhere)]
            for name in ("b", "c", "a")
        ]
        named = [sorted(documents(world, name)) for name in "abc"]
        counted = [node.status("main").events for node in world.nodes.values()]
        return told, named, counted, [node.troubles for node in world.nodes.values()]

    told, named, counted, troubles = world(work, "a", "b", "c")
    assert told == [[200, 200, 404], [200, 200, 404], [404, 404, 200]]
    assert named == [["a"], ["b", "c"], ["b", "c"]]
    assert counted == [3, 3, 3]
    assert troubles == [(), (), ()]


def test_nothing_that_crosses_a_border_names_a_document(world):
    async def work(world):
        sent = []
        for name in "abc":
            fabric = world.nodes[name].belonging.fabric
            send = fabric.send

            def note(to, body, name=name, send=send):
                sent.append((name, to, body))
                send(to, body)

            fabric.send = note
        await keep(world, "b", 1)
        await keep(world, "a", 2)
        await level(world, "b", "c")
        await world.equal()
        return sent

    sent = world(work, "a", "b", "c")
    inside = [body for name, to, body in sent if LAWS[name] == LAWS[to]]
    across = [body for name, to, body in sent if LAWS[name] != LAWS[to]]
    assert any(b"document" in body for body in inside)
    assert not any(b"document" in body for body in across)


def test_what_was_missed_comes_after_a_kill_a_cut_and_a_lost_vault(world):
    async def work(world):
        first = await keep(world, "b", 1)
        await level(world, "b", "c")
        await world.kill("c")
        missed = await keep(world, "b", 2)
        (world.path / "c" / "documents.db").unlink()
        world.cut.add("b")
        await world.start("c")
        mine = await keep(world, "c", 3, BOB)
        late = [await found(world, "c", which) for which in (first, missed)]
        world.cut.clear()
        await level(world, "b", "c")
        return late, [
            [await found(world, name, which) for which in (first, missed, mine)] for name in "bc"
        ]

    late, told = world(work, "a", "b", "c")
    assert late == [200, 404]
    assert told == [[200] * 3] * 2


def test_labels_are_known_throughout_the_jurisdiction(world):
    async def work(world):
        await keep(world, "b", 1)
        await level(world, "b", "c")
        labels = {name: world.nodes[name]._snapshots.labels("main") for name in "abc"}
        hashed = labels["b"].hasher.hashed("https://lms.example/quiz/1")
        return [labels[name].of(hashed) is not None for name in "abc"]

    assert world(work, "a", "b", "c") == [False, True, True]


@pytest.mark.slow
def test_records_say_up_to_when_those_of_others_are_here(world):
    async def work(world):
        await keep(world, "b", 1)
        await level(world, "b", "c")
        node = world.nodes["c"]
        before = node._options.now_ms()
        await world.until(lambda: node.records.consistent_through_ms() >= before, "it is heard")
        world.cut.add("b")
        after = node._options.now_ms() + 100
        await keep(world, "b", 2)
        await keep(world, "c", 3)
        for _ in range(3):
            await asyncio.wait([node._folds.next()], timeout=0.2)
        silent = node.records.consistent_through_ms()
        world.cut.clear()
        await level(world, "b", "c")
        await world.until(lambda: node.records.consistent_through_ms() >= after, "it goes on")
        alone = world.nodes["a"]
        return silent < after, alone.records.consistent_through_ms() >= after

    assert world(work, "a", "b", "c") == (True, True)


# --- and are proven to be the same ---------------------------------------------------------------------------------


def compared(node):
    member = node.belonging.member
    return 0 if member is None else member.agreement.document_comparisons


@pytest.mark.slow
def test_vaults_are_compared_while_nothing_comes_and_a_difference_is_an_alarm(world):
    async def work(world):
        here = [world.nodes[name] for name in "bc"]
        for number in range(3):
            await keep(world, "b", number)
        await level(world, "b", "c")
        await world.until(lambda: all(compared(node) for node in here), "they are compared")
        equal = [node.troubles for node in here]
        with contextlib.closing(sqlite3.connect(world.path / "c" / "documents.db")) as file:
            file.execute("DELETE FROM labels")
            file.commit()
        await keep(world, "b", 4)
        await level(world, "b", "c")
        told = "have folded the same documents and have come to different states"
        await world.until(lambda: any(told in one for one in here[0].troubles), "it is told")
        return equal, compared(world.nodes["a"]), world.nodes["a"].troubles

    equal, elsewhere, troubles = world(work, "a", "b", "c")
    assert equal == [(), ()]
    assert elsewhere == 0
    assert troubles == ()


# --- they do not ---------------------------------------------------------------------------------------------------


async def other_key(made):
    (made.path / "c" / VAULT_KEY_FILE).unlink()
    open_vault_key(made.path / "c")


def test_a_node_with_another_vault_key_shares_nothing_and_says_so(world):
    async def work(world):
        await world.until(lambda: world.nodes["c"].troubles, "it is told")
        ids = [await keep(world, name, number) for number, name in enumerate("bc", 1)]
        await world.equal()
        told = [[await found(world, name, one) for one in ids] for name in "bc"]
        return told, [documents(world, n).keys() for n in "bc"], world.nodes["c"].troubles

    told, named, troubles = world(work, "a", "b", "c", prepared=other_key)
    assert told == [[200, 404], [404, 200]]
    assert [list(one) for one in named] == [["b"], ["c"]]
    assert len(troubles) == 1
    assert "vault.key is another key" in troubles[0]


def test_a_node_that_must_share_makes_no_key_of_its_own(world):
    async def work(world):
        await world.stop("c")
        (world.path / "c" / VAULT_KEY_FILE).unlink()
        with pytest.raises(KeyFileError, match="copy it from another node of eu"):
            await world.start("c")
        return (world.path / "c" / VAULT_KEY_FILE).exists()

    assert world(work, "a", "b", "c") is False


def test_what_a_vault_cannot_take_now_it_takes_from_the_log_later(world):
    async def work(world):
        await keep(world, "b", 1)
        await level(world, "b", "c")
        node = world.nodes["c"]
        node._recorder._vault._connection.execute("PRAGMA busy_timeout = 0")
        with contextlib.closing(sqlite3.connect(world.path / "c" / "documents.db")) as other:
            other.execute("BEGIN IMMEDIATE")
            one = await keep(world, "b", 2)
            await world.until(lambda: any("locked" in t for t in node.troubles), "it is told")
            other.rollback()
        await level(world, "b", "c")
        return await found(world, "c", one), node.troubles

    assert world(work, "a", "b", "c") == (200, ())


def test_documents_that_a_faulty_node_sends_over_a_border_are_kept_by_nobody_and_are_an_alarm(
    world,
):
    async def work(world):
        await world.equal()
        faulty = world.nodes["b"]
        members = faulty.belonging.looks.members
        wrong = replace(members, jurisdictions=dict.fromkeys("abc", "eu"))
        await faulty._committer.done(lambda: faulty.belonging._step(wrong))
        await keep(world, "b", 1)
        node = world.nodes["a"]
        told = "in another jurisdiction"
        await world.until(lambda: any(told in one for one in node.troubles), "it is told")
        await world.equal()
        return documents(world, "a")

    assert world(work, "a", "b", "c") == {}


def test_a_directory_whose_log_has_forgotten_documents_is_no_member(world):
    async def forget(made):
        async with running(made.path / "b", name="b") as node:
            one = statement(ADA, 1)
            assert (await record(node, "POST", "statements", json=one)).status_code == 200
            held = {o: n for o, n in node._store.held().items() if o.stream is Stream.DOCUMENT}
            await node._committer.done(lambda: node._store.collect(Vector(held)))

    async def work(world):
        """Never come to this."""

    with pytest.raises(DataDirectoryError, match="has forgotten documents in its log"):
        world(work, "a", "b", "c", prepared=forget)


# --- who is erased -------------------------------------------------------------------------------------------------


def has_any(node):
    """Say whether the log of a node has anything of Ada in its documents."""
    (key,) = node.erasures.raw_keys("main", [ADA])
    erased = {"main": frozenset({key.to_bytes(16, "big")})}
    store = node._store
    origins = [o for o in store.held() if o.stream is Stream.DOCUMENT]
    entries = [entry for o in origins for entry in store.read(o, 1, store.held()[o])]
    return any(redacted_documents(unpack(one.payload).content, erased) for one in entries)


async def keep_state(world, name):
    """Write a document of Ada that comes with no event."""
    params = {
        "agent": json.dumps(person(ADA)),
        "activityId": "https://lms.example/a",
        "stateId": "s",
    }
    answer = await record(
        world.nodes[name], "PUT", "activities/state", params=params, content=b"hers"
    )
    assert answer.status_code == 204, answer.text


def test_documents_of_who_is_erased_are_gone_from_all_logs_and_vaults_also_those_that_come_late(
    tmp_path, monkeypatch
):
    async def work():
        world = RunningWorld(tmp_path, "a", "b", "c", monkeypatch=monkeypatch, laws=LAWS)
        await world.start("b", "c")
        await world.start("a", erasure_register=register_of(tmp_path))
        await world.known("main")
        try:
            hers = await keep(world, "b", 1)
            his = await keep(world, "b", 2, BOB)
            await level(world, "b", "c")
            assert has_any(world.nodes["b"])
            assert has_any(world.nodes["c"])
            world.cut.add("b")
            await keep_state(world, "b")
            await erase(world.nodes["a"], ADA)
            await world.until(lambda: not has_any(world.nodes["c"]), "another log is clean")
            await world.nodes["c"].erasures.settled()
            await world.kill("c")
            for file in (world.path / "c").glob("documents.db*"):
                file.unlink()  # and with it who was erased
            await world.start("c")
            world.cut.clear()
            await level(world, "b", "c")
            await world.equal()
            here = [world.nodes[name] for name in "bc"]
            await world.until(lambda: not any(map(has_any, here)), "what came late is gone too")
            for node in here:
                await node.erasures.settled()
            told = [[await found(world, name, one) for one in (hers, his)] for name in "bc"]
            prints = {fingerprint_of(node._recorder._reader) for node in here}
            return told, len(prints), [node.troubles for node in world.nodes.values()]
        finally:
            await world.stop()

    told, prints, troubles = asyncio.run(work())
    assert told == [[404, 200]] * 2
    assert prints == 1
    assert troubles == [(), (), ()]
