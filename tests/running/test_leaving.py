"""A node leaves a world of running nodes: closed at what the others hold, and not before all of them have said it."""

import asyncio

import pytest

from homeroom.errors import NotYetError
from homeroom.log.log import Refused
from homeroom.log.members import MemberFenced, MemberLeft
from tests.running.nodes import batch, event
from tests.running.worlds import RunningWorld, send


def has_heard(world, node):
    """Say whether the home has heard of the others what they hold since a node was fenced."""
    home = world.nodes["a"]
    members = home.control().members
    others = [n for n in members.nodes if n not in ("a", node)]
    replication = home.belonging.member.replication
    epochs = [replication.epoch, *(replication.views[other].epoch for other in others)]
    return node in members.fenced and min(epochs) >= members.fenced[node]


def test_a_node_is_closed_at_what_the_others_have_of_it_and_takes_nothing_more(
    tmp_path, monkeypatch
):
    async def work():
        async with RunningWorld(tmp_path, "a", "b", "c", monkeypatch=monkeypatch) as world:
            token = await send(world, "c", "c1", 1, 2, 3)
            await world.equal()
            home = world.nodes["a"]
            await home.change(MemberFenced(node="c"), "somebody")
            await world.until(lambda: has_heard(world, "c"), "the others have said what they hold")
            await home.change(MemberLeft(node="c", closed={}), "somebody")
            members = home.control().members
            learners = [world.nodes[name].status("main").learners for name in "ab"]
            after = await world.nodes["c"].offer("main", "key", batch("c2", event(9)))
            return members.closed[token.origin] >= token.number, set(members.nodes), learners, after

    is_whole, nodes, learners, after = asyncio.run(work())
    assert is_whole
    assert nodes == {"a", "b"}
    assert learners == [3, 3]
    assert isinstance(after, Refused)


def test_who_has_not_said_what_it_holds_holds_it_up_and_force_is_written_down(
    tmp_path, monkeypatch
):
    async def work():
        async with RunningWorld(tmp_path, "a", "b", "c", monkeypatch=monkeypatch) as world:
            await send(world, "c", "c1", 1, 2, 3)
            await world.equal()
            world.cut.add("b")
            home = world.nodes["a"]
            await home.change(MemberFenced(node="c"), "somebody")
            replication = home.belonging.member.replication
            await world.until(
                lambda: replication.epoch >= home.control().members.fenced["c"], "it knows"
            )
            with pytest.raises(NotYetError, match="b has not said yet what it holds of c"):
                await home.change(MemberLeft(node="c", closed={}), "somebody")
            fact = MemberLeft(node="c", closed={}, forced="it burnt")
            await home.change(fact, "somebody")
            members = home.control().members
            world.cut.clear()
            await world.until(
                lambda: set(world.nodes["b"].control().members.nodes) == {"a", "b"}, "all know"
            )
            return members.forced

    assert asyncio.run(work()) == {"c": "it burnt (not heard: b)"}
