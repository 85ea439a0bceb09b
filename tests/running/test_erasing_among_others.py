"""Who is erased at one node of a world is gone from the disks of all, whatever comes later from wherever."""

import asyncio

from homeroom.log.members import MemberJoined
from homeroom.log.origins import Stream
from homeroom.log.payloads import unpack
from homeroom.log.redacting import redacted_parts
from tests.running.erasures import ADA, BOB, erase, events_of, register_of
from tests.running.nodes import batch
from tests.running.worlds import RunningWorld


async def send(node, *events):
    await node.offer("main", "key", batch(None, *events))


def entries(node):
    store = node._store
    held = {o: n for o, n in store.held().items() if o.stream is Stream.ANALYTIC}
    return [entry for origin in held for entry in store.read(origin, 1, held[origin])]


def has_any(node):
    (key,) = node.erasures.raw_keys("main", [ADA])
    erased = {"main": frozenset({(key >> 64, key & (1 << 64) - 1)})}
    contents = (unpack(entry.payload).content for entry in entries(node))
    return any(redacted_parts(content, erased) is not None for content in contents)


def test_who_is_erased_at_one_node_is_gone_from_the_disks_of_all(tmp_path, monkeypatch):
    async def work():
        world = RunningWorld(tmp_path, "a", "b", "c", monkeypatch=monkeypatch)
        await world.start("b", "c")
        await world.start("a", erasure_register=register_of(tmp_path))
        await world.known("main")
        try:
            await send(world.nodes["b"], *events_of(ADA, 1, 5))
            await send(world.nodes["a"], *events_of(BOB, 50, 5))
            await world.equal()
            assert all(map(has_any, world.nodes.values()))
            world.cut.add("c")
            await send(world.nodes["c"], *events_of(ADA, 20, 5))
            await erase(world.nodes["a"], ADA)
            await world.until(lambda: not has_any(world.nodes["b"]), "the log of another is clean")
            world.cut.clear()
            await world.equal()
            nodes = world.nodes.values()
            await world.until(lambda: not any(map(has_any, nodes)), "what came late is cut as well")
            for node in world.nodes.values():
                await node.erasures.settled()
            assert [node.status("main").learners for node in nodes] == [1, 1, 1]
            await world.stop("b")
            await world.start("b")
            await world.equal()
            assert world.nodes["b"].status("main").learners == 1
            world.prepare("d")
            joins = MemberJoined(node="d", region="d", jurisdiction="x", key=world.key("d"))
            await world.nodes["a"].change(joins, "somebody")
            await world.start("d")
            await world.equal()
            assert not has_any(world.nodes["d"])
            assert any(entry.redaction for entry in entries(world.nodes["d"]))
            assert [node.troubles for node in world.nodes.values()] == [(), (), (), ()]
        finally:
            await world.stop()

    asyncio.run(work())
