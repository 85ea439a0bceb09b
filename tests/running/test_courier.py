"""Logs forget in a world of running nodes, and whoever needs what is forgotten takes the snapshot of another node."""

import asyncio
import shutil
from pathlib import Path

import pyarrow as pa
import pytest

import homeroom as hr
from homeroom import limits
from homeroom.adapters.directory import DataDirectory
from homeroom.adapters.erasure_reports import read_reports, write_reports
from homeroom.adapters.keyfile import open_key
from homeroom.adapters.log_sqlite import SqliteStore
from homeroom.adapters.threads import ThreadRun
from homeroom.adapters.vault.fingerprint import fingerprint_of
from homeroom.events.dictionary import Dictionaries
from homeroom.log.control import TenantPut
from homeroom.log.members import HomeMoved, MemberFenced, MemberJoined, MemberLeft
from homeroom.log.origins import Stream
from homeroom.regions.shipments import NoShipment, is_of_shipment
from homeroom.running.opening import NodeOptions, open_all
from tests.running.erasures import ADA, BOB, erase, record, register_of, statement
from tests.running.nodes import batch, event, now_ms, question
from tests.running.worlds import RunningWorld, active, sealed_events, send


def troubles_of(nodes):
    """Return by node what it says of itself."""
    return [node.troubles for node in nodes]


def forgotten(node):
    """Return how many entries of events a node's log has forgotten."""
    begins = node._store.begins().items()
    return sum(number for origin, number in begins if origin.stream is Stream.ANALYTIC)


async def forget(world, *names):
    """Have the logs of some nodes forget what all hold, and two snapshots."""
    for name in names:
        node = world.nodes[name]
        for number in range(2):
            token = await send(world, name, f"{name} {number} more {node._committer.life}", number)
            await world.equal()
            await active(node, token)
            await asyncio.to_thread(node.saving.save)
        node._collecting.begin()
    await world.until(lambda: all(forgotten(world.nodes[n]) for n in names), "logs forget")


async def join(world, name):
    """Have a node join with an empty directory."""
    if not (world.path / name).exists():
        world.prepare(name)
    fact = MemberJoined(node=name, region=name, jurisdiction="x", key=world.key(name))
    await world.nodes["a"].change(fact, "somebody")
    await world.start(name)


async def renewed(world, name):
    """Start a node again, once it has fetched the snapshot of another one."""
    node = world.nodes[name]
    await world.until(node.renewal.is_set, "it has fetched a snapshot")
    await world.stop(name)
    await world.start(name)
    await world.known("main")


def test_logs_forget_what_all_hold_and_nothing_else(world):
    async def work(world):
        await send(world, "a", "a1", *range(20))
        await forget(world, "a", "b")
        world.cut.add("b")
        token = await send(world, "a", "a2", 21, 22)
        await active(world.nodes["a"], token)
        for _ in range(2):
            await asyncio.to_thread(world.nodes["a"].saving.save)
        node = world.nodes["a"]
        await node._committer.done(node._collecting.finish)
        kept = node._store.begins()[token.origin]
        world.cut.clear()
        await world.equal()
        return kept < token.number, troubles_of(world.nodes.values())

    assert world(work, "a", "b") == (True, [(), ()])


def test_a_node_that_joins_late_takes_a_snapshot_and_the_rest_of_the_log(world):
    async def work(world):
        tokens = [await send(world, name, name, *range(ord(name), ord(name) + 9)) for name in "ab"]
        await forget(world, "a", "b")
        await join(world, "d")
        await renewed(world, "d")
        tokens.append(await send(world, "d", "d1", 99))
        found = [await active(node, *tokens) for node in world.nodes.values()]
        await world.equal()
        return found, troubles_of(world.nodes.values())

    found, troubles = world(work, "a", "b")
    assert found[0] == found[1] == found[2]
    assert troubles == [(), (), ()]


def lose_some(fabric, lost):
    """Have a fabric lose some pieces of snapshots."""
    send_all = fabric.send

    def send_most(to, body):
        if to == "d" and len(body) > 900 and is_of_shipment(body) and len(lost) < 5:
            lost.append(body)
        else:
            send_all(to, body)

    fabric.send = send_most


def test_a_snapshot_goes_in_pieces_and_what_is_lost_is_asked_for_again(world, monkeypatch):
    for name, value in (("SHIPPED_PART_BYTES", 1_000), ("SHIPPED_WAIT_MS", 50)):
        monkeypatch.setattr(limits, name, value)

    async def work(world):
        await send(world, "a", "a1", *range(30))
        await forget(world, "a", "b")
        lost = []
        for name in "ab":
            lose_some(world.nodes[name]._options.world.fabric, lost)
        await join(world, "d")
        await renewed(world, "d")
        await world.equal()
        return len(lost)

    assert world(work, "a", "b") == 5


def test_a_node_that_was_put_back_from_an_old_copy_goes_on_with_what_it_alone_has(world):
    async def work(world):
        first = await send(world, "c", "c1", *range(9))
        await world.equal()
        await world.kill("c")
        shutil.copytree(world.path / "c", world.path / "old")
        await world.start("c")
        more = [await send(world, name, f"{name}2", ord(name)) for name in "ac"]
        await world.equal()
        await forget(world, "a", "b", "c")
        await world.stop("c")
        shutil.rmtree(world.path / "c")
        (world.path / "old").rename(world.path / "c")
        world.cut.add("c")
        await world.start("c")
        alone = await send(world, "c", "c3", 77)
        world.cut.clear()
        await renewed(world, "c")
        found = [await active(node, first, *more, alone) for node in world.nodes.values()]
        await world.equal()
        return found, troubles_of(world.nodes.values())

    found, troubles = world(work, "a", "b", "c")
    assert found[0] == found[1] == found[2]
    assert troubles == [(), (), ()]


def test_a_node_whose_snapshots_hold_what_the_world_has_closed_takes_one_of_another_node(world):
    async def work(world):
        await send(world, "c", "c1", *range(9))
        await forget(world, "a", "b", "c")
        world.cut.add("c")
        for number in range(30, 33):  # in all that is on its disk
            beyond = await send(world, "c", f"c{number}", number)
            await active(world.nodes["c"], beyond)
            await asyncio.to_thread(world.nodes["c"].saving.save)
        closed = {str(o): n for o, n in world.nodes["a"]._live.applied.items() if o.node == "c"}
        for fact in (
            MemberFenced(node="c"),
            MemberLeft(node="c", closed=closed, forced="it burnt"),
            MemberJoined(node="c", region="c", jurisdiction="x", key=world.key("c")),
        ):
            await world.nodes["a"].change(fact, "somebody")
        world.cut.clear()
        await renewed(world, "c")
        await world.until(
            lambda: {n._live.read("main", sealed_events) for n in world.nodes.values()} == {12},
            "all count what was written once more, once",
        )
        await world.equal_as_counted()
        return [one for told in troubles_of(world.nodes.values()) for one in told]

    assert world(work, "a", "b", "c") == []


def test_what_was_loaded_with_files_at_the_home_reaches_all_others_and_goes_with_no_load(world):
    async def load(made):
        rows = [event(number) for number in range(20)]
        columns = {name: [row[name] for row in rows] for name in rows[0]}
        hr.load(made.path / "a", pa.table(columns))

    async def work(world):
        await renewed(world, "b")
        token = await send(world, "b", "b1", 100)
        found = [await active(node, token) for node in world.nodes.values()]
        await world.equal()
        await world.stop("a")
        await world.start("a")
        await world.until(
            lambda: all(len(n.status("main").applied) <= 4 for n in world.nodes.values()),
            "what stands for the load collapses",
        )
        await world.equal()
        return found, troubles_of(world.nodes.values())

    found, troubles = world(work, "a", "b", prepared=load)
    assert found[0] == found[1]
    assert troubles == [(), ()]


class _Killed(BaseException):
    """The process ends here."""


def killed_after(monkeypatch, steps):
    """Let a process live for some more changes to its disk."""
    left = [steps]

    def counted(change):
        def then(*args, **kwargs):
            left[0] -= 1
            if left[0] < 0:
                raise _Killed
            return change(*args, **kwargs)

        return then

    for name in ("rename", "unlink", "rmdir"):
        monkeypatch.setattr(Path, name, counted(getattr(Path, name)))
    monkeypatch.setattr(shutil, "rmtree", counted(shutil.rmtree))
    monkeypatch.setattr(SqliteStore, "pass_over", counted(SqliteStore.pass_over))
    return left


def test_whatever_ends_a_start_half_way_there_is_the_old_state_or_the_new_one(world, tmp_path):
    async def work(world):
        await send(world, "a", "a1", *range(30))
        await forget(world, "a", "b")
        await join(world, "d")
        await world.until(world.nodes["d"].renewal.is_set, "it has fetched a snapshot")
        given = NodeOptions(now_ms=now_ms, name="d", world=world.nodes["d"]._options.world)
        await world.stop("d")
        return given

    given = world(work, "a", "b")
    write_reports(tmp_path / "d", {"somebody": {"history": 1}})
    seen, steps, is_over = set(), 0, False
    while not is_over:
        copy = shutil.copytree(tmp_path / "d", tmp_path / f"killed {steps}")
        with pytest.MonkeyPatch.context() as patch:
            killed_after(patch, steps)
            try:
                open_all(copy, given).stack.close()
                is_over = True
            except _Killed:
                steps += 1
        there = DataDirectory(copy)
        opened = there.open(there.manifest(), Dictionaries.under(bytes(32)), ThreadRun(1))
        seen.add(opened.learners.rows)
        again = open_all(copy, given)
        assert again.folding.tenants["main"].state.learners.rows == 7
        assert len(again.store.begins())
        again.stack.close()
        assert not (copy / "incoming").exists()
        assert read_reports(copy) == {}, "who was erased may be in there again"
    assert seen == {0, 7}
    assert steps > 8


def test_a_node_that_takes_a_snapshot_reads_documents_from_logs_and_none_of_who_is_erased(
    tmp_path, monkeypatch
):
    async def keep(world, number, who):
        one = statement(who, number)
        answer = await record(world.nodes["a"], "POST", "statements", json=one)
        assert answer.status_code == 200, answer.text
        return one["id"]

    async def work():
        world = RunningWorld(tmp_path, "a", "b", monkeypatch=monkeypatch)
        await world.start("b")
        await world.start("a", erasure_register=register_of(tmp_path))
        await world.known("main")
        try:
            hers, his = await keep(world, 1, ADA), await keep(world, 2, BOB)
            await world.equal()
            await erase(world.nodes["a"], ADA)
            await world.equal()
            for node in world.nodes.values():
                await node.erasures.settled()
            await forget(world, "a", "b")
            await join(world, "d")
            await renewed(world, "d")
            await world.equal()
            nodes = [world.nodes[name] for name in "abd"]
            applied = [node._recorder for node in nodes]
            await world.until(
                lambda: applied[0].applied == applied[1].applied == applied[2].applied, "level"
            )
            told = [
                [
                    (
                        await record(node, "GET", "statements", params={"statementId": one})
                    ).status_code
                    for one in (hers, his)
                ]
                for node in nodes
            ]
            prints = {fingerprint_of(node._recorder._reader) for node in nodes}
            return told, len(prints), troubles_of(nodes)
        finally:
            await world.stop()

    told, prints, troubles = asyncio.run(work())
    assert told == [[404, 200]] * 3
    assert prints == 1
    assert troubles == [(), (), ()]


def test_a_node_that_leaves_a_tenant_out_gives_no_snapshot_and_takes_none_without_it(world):
    async def work(world):
        await send(world, "a", "a1", *range(9))
        await forget(world, "a", "b")
        world.prepare("d")
        for name in "bd":  # a key of its own, which is not that of the world
            open_key(made(world.path / name / "tenants" / "other") / "pseudonym.key")
        await world.nodes["a"].change(TenantPut(name="other"), "somebody")
        outcome = await world.nodes["a"].offer("other", "key", batch("o1", *map(event, range(5))))
        await active(world.nodes["b"], outcome.token)
        await asyncio.to_thread(world.nodes["b"].saving.save)  # it goes beyond what it leaves out
        silent = keep_silent(world.nodes["a"])
        await join(world, "d")
        node = world.nodes["d"]
        await world.until(
            lambda: node.renewal.is_set() or any("leaves out other" in t for t in node.troubles),
            "b was asked",
        )
        silent.clear()
        await renewed(world, "d")
        await world.stop("d")
        world.copy_key("other", "d")
        await world.start("d")
        await world.until(lambda: world.nodes["d"].status("other").learners == 5, "all is there")

    world(work, "a", "b")


def test_a_tenant_that_is_left_out_keeps_of_a_log_what_it_will_want_and_no_more(world):
    async def settle(world, origin, up_to):
        """Have b write snapshots until it has forgotten up to an entry at least; return up to which it has."""
        node = world.nodes["b"]
        for number in range(20):
            token = await send(world, "b", None, 200 + number)
            await active(world.nodes["a"], token)
            await active(node, token)
            await asyncio.to_thread(node.saving.save)
            await node._committer.done(node._collecting.finish)
            if number and node._store.begins()[origin] >= up_to:
                break
        return node._store.begins()[origin]

    async def work(world):
        first = await send(world, "a", "a1", *range(9))
        open_key(made(world.path / "b" / "tenants" / "other") / "pseudonym.key")
        await world.nodes["a"].change(TenantPut(name="other"), "somebody")
        outcome = await world.nodes["a"].offer("other", "key", batch("o1", *map(event, range(5))))
        wanted, last = outcome.token, await send(world, "a", "a2", *range(20, 29))
        await active(world.nodes["b"], last)
        kept = []
        for _ in range(2):  # what is to be kept outlasts a start
            kept.append(await settle(world, wanted.origin, first.number))
            await world.stop("b")
            await world.start("b")
            await world.known("main")
        await world.stop("b")
        world.copy_key("other", "b")
        await world.start("b")
        await world.until(lambda: world.nodes["b"].status("other").learners == 5, "all is there")
        await world.known("other")
        left = await settle(world, wanted.origin, last.number)
        return kept, first.number, wanted.number, left, troubles_of(world.nodes.values())

    kept, first, wanted, left, troubles = world(work, "a", "b")
    assert first < wanted
    assert kept == [wanted - 1] * 2
    assert left > wanted
    assert troubles == [(), ()]


def test_a_tenant_whose_key_is_lost_finds_in_the_log_what_its_own_snapshot_lacks(world):
    async def work(world):
        world.share("other")
        await world.nodes["a"].change(TenantPut(name="other"), "somebody")
        nodes = world.nodes
        await world.until(lambda: all(n._tenant_doors.is_open("other") for n in nodes.values()), "")
        one = await nodes["a"].offer("other", "key", batch("o1", *map(event, range(3))))
        await nodes["b"].ask("other", question("active"), one.token)
        await asyncio.to_thread(nodes["b"].saving.save)
        two = await nodes["a"].offer("other", "key", batch("o2", *map(event, range(9))))
        await nodes["b"].ask("other", question("active"), two.token)
        nodes["b"].saving._save_one("main")
        await world.kill("b")
        key = world.path / "b" / "tenants" / "other" / "pseudonym.key"
        key.rename(key.with_suffix(".aside"))
        await world.start("b")
        kept = world.nodes["b"]._live.wanted()[two.token.origin]
        await world.stop("b")
        key.with_suffix(".aside").rename(key)
        await world.start("b")
        await world.until(lambda: world.nodes["b"].status("other").learners == 7, "all is there")
        return kept <= two.token.number

    assert world(work, "a", "b")


def made(folder):
    folder.mkdir(parents=True)
    return folder


def keep_silent(node):
    """Have a node give nobody its snapshot, as long as there is anything in what is returned."""
    shipping, silent = node._replacing.courier._shipping, ["silent"]
    take = shipping.asked

    def asked(sender, forgotten):
        if silent:
            shipping._send(sender, NoShipment("", "not now"))
        else:
            take(sender, forgotten)

    shipping.asked = asked
    return silent


def test_events_of_a_tenant_that_nobody_has_stated_wait_in_logs_over_starts(world):
    async def prepared(world):
        world.share("other")

    async def work(world):
        await send(world, "a", "a1", *range(9))
        await forget(world, "a", "b")
        world.cut.add("b")
        await world.nodes["b"].change(HomeMoved(node="b", term=0), "somebody")
        await world.nodes["a"].change(TenantPut(name="other"), "somebody")
        await world.nodes["a"].offer("other", "key", batch("o1", *map(event, range(5))))
        world.cut.clear()
        nodes = world.nodes.values
        await world.until(lambda: all(n._live.unknown for n in nodes()), "it is passed over")
        await world.equal()
        for node in nodes():
            for number in range(2):
                await node.offer("main", "key", batch(f"b{number}", event(number)))
                await asyncio.to_thread(node.saving.save)
        for name in "ab":
            await world.stop(name)
            await world.start(name)
        told = [node._live.unknown for node in nodes()]
        assert all("forgets nothing" in " ".join(node.troubles) for node in nodes())
        await world.known("main")
        await world.nodes["b"].change(TenantPut(name="other"), "somebody")
        await world.until(
            lambda: all(n.status("other").learners == 5 for n in nodes()), "all is there"
        )
        await world.equal()
        return told, troubles_of(nodes())

    told, troubles = world(work, "a", "b", prepared=prepared)
    assert told == [{"other"}, {"other"}]
    assert troubles == [(), ()]
