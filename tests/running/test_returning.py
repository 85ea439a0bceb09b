"""What a node wrote while the world had given it up is written once more when it is taken back, and counts once."""

import asyncio

from homeroom.log.control import TenantPut
from homeroom.log.log import Refused
from homeroom.log.members import MemberFenced, MemberJoined, MemberLeft
from homeroom.regions.steps import Level
from tests.running.worlds import a_batch, active, sealed_events, send


def test_what_a_node_wrote_while_it_was_given_up_is_written_once_more_and_counts_once(world):
    async def work(world):
        await send(world, "c", "b1", 1, 2)
        await world.equal()
        world.cut.add("c")
        beyond = await send(world, "c", "b2", 3)
        await send(world, "c", "b3", 4, 5)
        await active(world.nodes["c"], beyond)
        closed = {str(o): n for o, n in world.nodes["a"]._live.applied.items() if o.node == "c"}
        assert closed[str(beyond.origin)] < beyond.number
        for fact in (
            MemberFenced(node="c"),
            MemberLeft(node="c", closed=closed, forced="it burnt"),
            MemberJoined(node="c", region="c", jurisdiction="x", key=world.key("c")),
        ):
            await world.nodes["a"].change(fact, "somebody")
        world.cut.clear()
        await world.until(
            lambda: all(n.status("main").learners == 5 for n in world.nodes.values()), "it counts"
        )
        node = world.nodes["c"]
        while isinstance(after := await node.offer("main", "key", a_batch("b4", 6)), Refused):
            await asyncio.wait([node._folds.next()], timeout=0.2)  # a life compares clocks first
        await world.equal_as_counted()
        repeated, level = await node.offer_held("main", "key", a_batch("b2", 3), Level.ALL)
        assert repeated.is_repeat
        assert level is Level.ALL
        assert await active(node, repeated.token)
        await world.kill("c")
        await world.start("c")
        found = [await active(one, after.token) for one in world.nodes.values()]
        await world.equal_as_counted()
        lasting = [n._live.read("main", sealed_events) for n in world.nodes.values()]
        return found, lasting, [one for node in world.nodes.values() for one in node.troubles]

    found, lasting, troubles = world(work, "a", "b", "c")
    assert found[0] == found[1] == found[2]
    assert lasting == [6, 6, 6]
    assert troubles == []


def test_what_is_of_a_tenant_that_is_left_out_is_written_once_more_when_it_is_not(world):
    async def prepared(world):
        world.share("other")

    async def work(world):
        await world.nodes["a"].change(TenantPut(name="other"), "somebody")
        await world.known("other")
        await send(world, "c", "b1", 1)
        await world.equal()
        world.cut.add("c")
        await world.nodes["c"].offer("other", "key", a_batch("b2", *range(5)))
        closed = {str(o): n for o, n in world.nodes["a"]._live.applied.items() if o.node == "c"}
        for fact in (
            MemberFenced(node="c"),
            MemberLeft(node="c", closed=closed, forced="it burnt"),
            MemberJoined(node="c", region="c", jurisdiction="x", key=world.key("c")),
        ):
            await world.nodes["a"].change(fact, "somebody")
        await world.stop("c")
        key = world.path / "c" / "tenants" / "other" / "pseudonym.key"
        key.rename(world.path / "kept.key")
        world.cut.clear()
        await world.start("c")
        node = world.nodes["c"]
        await world.until(
            lambda: any("is not written once more yet: other" in t for t in node.troubles), "told"
        )
        await world.stop("c")
        (world.path / "kept.key").rename(key)
        await world.start("c")
        await world.until(
            lambda: all(n.status("other").learners == 5 for n in world.nodes.values()), "it counts"
        )

    world(work, "a", "b", "c", prepared=prepared)
