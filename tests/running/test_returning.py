"""What a node wrote while the world had given it up is written once more when it is taken back, and counts once."""

import asyncio

from homeroom.log.control import TenantPut
from homeroom.log.log import Refused
from homeroom.log.members import MemberFenced, MemberJoined, MemberLeft
from homeroom.node.admission import again_name
from homeroom.regions.steps import Level
from tests.running.worlds import a_batch, active, sealed_events, send


async def patient(world):
    world.ack_wait_ms = 8_000


async def give_up(world, closed):
    """Have c leave, closed at these numbers, and be taken back."""
    for fact in (
        MemberFenced(node="c"),
        MemberLeft(node="c", closed=closed, forced="it burnt"),
        MemberJoined(node="c", region="c", jurisdiction="x", key=world.key("c")),
    ):
        await world.nodes["a"].change(fact, "somebody")


def written_by_c(world):
    """Return up to where the others have what c wrote."""
    return {str(o): n for o, n in world.nodes["a"]._live.applied.items() if o.node == "c"}


async def all_count(world, learners):
    nodes = world.nodes.values
    await world.until(
        lambda: all(n.status("main").learners == learners for n in nodes()), "it counts"
    )


def test_what_a_node_wrote_while_it_was_given_up_is_written_once_more_and_counts_once(world):
    async def work(world):
        await send(world, "c", "b1", 1, 2)
        await world.equal()
        world.cut.add("c")
        beyond = await send(world, "c", "b2", 3)
        await send(world, "c", "b3", 4, 5)
        await active(world.nodes["c"], beyond)
        closed = written_by_c(world)
        assert closed[str(beyond.origin)] < beyond.number
        await give_up(world, closed)
        world.cut.clear()
        await all_count(world, 5)
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

    found, lasting, troubles = world(work, "a", "b", "c", prepared=patient)
    assert found[0] == found[1] == found[2]
    assert lasting == [6, 6, 6]
    assert troubles == []


def test_a_life_that_was_given_up_takes_nothing_more_though_the_next_is_late(world):
    async def work(world):
        await send(world, "c", "b1", 1, 2)
        await world.equal()
        world.cut.add("c")
        beyond = await send(world, "c", "b2", 3)
        node, late = world.nodes["c"], []
        begin_anew, node.belonging._begin_anew = node.belonging._begin_anew, late.append
        await give_up(world, written_by_c(world))
        world.cut.clear()
        await world.until(lambda: late, "it is to begin anew")
        last = node._store.held()[beyond.origin]  # marks were written besides
        refused = await node.offer("main", "key", a_batch("b3", 4))
        assert isinstance(refused, Refused)
        assert "given up this life" in refused.why
        await world.until(lambda: any("written once more yet" in t for t in node.troubles), "told")
        assert node._store.held()[beyond.origin] == last, "nothing follows what is closed"
        node.belonging._begin_anew = begin_anew
        node._committer.work(lambda: begin_anew(node.belonging.member))
        await all_count(world, 3)
        await world.until(lambda: not node.troubles, "nothing is left")
        return await node.offer_held("main", "key", a_batch("b2", 3), Level.ALL)

    outcome, level = world(work, "a", "b", "c", prepared=patient)
    assert outcome.is_repeat
    assert level is Level.ALL


def test_a_batch_whose_node_was_given_up_twice_goes_by_the_entry_that_counts(world):
    async def work(world):
        await send(world, "c", "b1", 1, 2)
        await world.equal()
        world.cut.add("c")
        first = await send(world, "c", "b2", 3)
        await give_up(world, written_by_c(world))
        world.cut.clear()
        await all_count(world, 3)
        name = "", again_name(first.origin, first.number)
        again = world.nodes["c"]._store.records_of([name])[name].token
        await world.until(lambda: written_by_c(world).get(str(again.origin)), "all have it")
        closed = written_by_c(world) | {str(again.origin): again.number - 1}
        await give_up(world, closed)
        name = "", again_name(again.origin, again.number)
        await world.until(lambda: world.nodes["c"]._store.records_of([name]), "written once more")
        await all_count(world, 3)
        repeated, level = await world.nodes["c"].offer_held(
            "main", "key", a_batch("b2", 3), Level.ALL
        )
        return repeated.token, first, again, level

    token, first, again, level = world(work, "a", "b", "c", prepared=patient)
    assert level is Level.ALL
    assert len({token.origin, first.origin, again.origin}) == 3


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
        await give_up(world, written_by_c(world))
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
