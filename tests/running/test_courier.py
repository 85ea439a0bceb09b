"""Logs forget in a world of running nodes, and whoever needs what is forgotten takes the snapshot of another node."""

import asyncio
import shutil
from pathlib import Path

import pytest

from homeroom import limits
from homeroom.adapters.directory import DataDirectory
from homeroom.adapters.log_sqlite import SqliteStore
from homeroom.adapters.threads import ThreadRun
from homeroom.events.dictionary import Dictionaries
from homeroom.log.log import Accepted
from homeroom.log.members import MemberJoined
from homeroom.log.origins import Stream
from homeroom.regions.shipments import is_of_shipment
from homeroom.running.opening import NodeOptions, open_all
from tests.running.nodes import batch, event, now_ms, question
from tests.running.worlds import RunningWorld


@pytest.fixture
def world(tmp_path, monkeypatch):
    """Run something in a world of running nodes, which is stopped at the end."""

    def run(work, *names):
        async def whole():
            async with RunningWorld(tmp_path, *names, monkeypatch=monkeypatch) as made:
                return await work(made)

        return asyncio.run(whole())

    return run


async def send(world, name, batch_id, *numbers):
    outcome = await world.nodes[name].offer(
        "main", "key", batch(batch_id, *(event(n) for n in numbers))
    )
    assert isinstance(outcome, Accepted), outcome
    return outcome.token


async def active(node, *tokens):
    for token in tokens:
        found = await node.ask("main", question("active"), token)
    return found.answer.day.to_json()


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
        return kept < token.number, [node.troubles for node in world.nodes.values()]

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
        return found, [node.troubles for node in world.nodes.values()]

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
        return found, [node.troubles for node in world.nodes.values()]

    found, troubles = world(work, "a", "b", "c")
    assert found[0] == found[1] == found[2]
    assert troubles == [(), (), ()]


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
    assert seen == {0, 7}
    assert steps > 8
