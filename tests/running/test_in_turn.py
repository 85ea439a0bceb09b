"""Facts count in the order of their stamps: none is stated that would stand before others which are held."""

import asyncio

import pytest

from homeroom.errors import ControlError
from homeroom.log.control import DefinitionKind, DefinitionPut
from homeroom.log.members import HomeMoved
from homeroom.log.origins import Stream
from homeroom.log.rulings import Restamped
from tests.running.nodes import now_ms
from tests.running.worlds import RunningWorld

AHEAD_MS = 60_000


def put(**written):
    return DefinitionPut(
        tenant="main", kind=DefinitionKind.COHORT, name="keen", written={"did": "any", **written}
    )


def at_least(node):
    """Return what the definition says at a node, None while there is none."""
    keen = node.control().definitions("main", DefinitionKind.COHORT).get("keen")
    return keen and keen.written["at_least"]


async def stated_ahead(world):
    """Have the home state a fact while its clock is ahead, and put the clock right."""
    world.ahead_ms["a"] = AHEAD_MS
    token = await world.nodes["a"].change(put(at_least=2), "somebody")
    before = world.nodes["a"]._committer.life.incarnation
    world.ahead_ms["a"] = 0
    await world.until(
        lambda: world.nodes["a"]._committer.life.incarnation != before, "another life begins"
    )
    return token


def among_two(tmp_path, monkeypatch, work):
    async def run():
        # Two nodes alone have no median that could tell which of their clocks is wrong.
        async with RunningWorld(tmp_path, "a", "b", monkeypatch=monkeypatch) as world:
            return await work(world)

    return asyncio.run(run())


def test_a_home_whose_clock_was_put_back_states_nothing_before_what_it_has_stated(
    tmp_path, monkeypatch
):
    async def work(world):
        token = await stated_ahead(world)
        a = world.nodes["a"]
        with pytest.raises(ControlError, match=f"the last of {token.origin} is of 20"):
            await a.change(put(at_least=3), "somebody")
        assert a._store.held()[token.origin] == token.number
        await world.stop("a")
        await world.start("a")
        a = world.nodes["a"]
        with pytest.raises(ControlError, match="be undone by them"):
            await a.change(put(at_least=3), "somebody")
        lives = {o for o in a._store.held() if o.stream is Stream.CONTROL}
        assert lives == {token.origin}, "at a start nothing is stated either"
        ruling = Restamped(
            origin=str(token.origin), first=token.number, last=token.number, hybrid=now_ms() << 16
        )
        await a.change(ruling, "somebody")
        await a.change(put(at_least=4), "somebody")
        await world.until(lambda: at_least(world.nodes["b"]) == 4, "it counts")
        return [at_least(node) for node in world.nodes.values()]

    assert among_two(tmp_path, monkeypatch, work) == [4, 4]


def test_another_node_can_become_the_home_while_facts_of_the_former_wait(tmp_path, monkeypatch):
    async def work(world):
        await world.equal()
        token = await stated_ahead(world)
        b = world.nodes["b"]
        await world.until(lambda: b._store.held()[token.origin] == token.number, "it is there too")
        await b.change(HomeMoved(node="b", term=0), "somebody")
        with pytest.raises(ControlError, match="facts that were stated before are of the future"):
            await b.change(put(at_least=3), "somebody")
        return b.home

    assert among_two(tmp_path, monkeypatch, work) == "b"
