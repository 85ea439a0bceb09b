"""Lives end in a world of running nodes: whatever is started again and again, vectors stay short."""

import asyncio

import pytest

from homeroom.errors import ControlError
from homeroom.log.members import LivesEnded, OriginsClosed
from tests.running.nodes import question
from tests.running.worlds import RunningWorld, send


def named(world):
    """Return how many origins each node tells others of, and how many an answer names."""
    nodes = world.nodes.values()
    members = [len(n.belonging.looks.held) for n in nodes]
    views = [len(v) for n in nodes for v in n.belonging.looks.views.values()]
    return max([*members, *views, *(len(n.status("main").applied) for n in nodes)])


def looked_for(node):
    """Return a list that grows whenever a home looks for what may end."""
    turns, look = [], node._endings._look

    async def counted():
        turns.append(1)
        return await look()

    node._endings._look = counted
    return turns


def test_a_node_that_is_started_again_and_again_leaves_no_trace_in_vectors(tmp_path, monkeypatch):
    async def work():
        async with RunningWorld(tmp_path, "a", "b", "c", monkeypatch=monkeypatch) as world:
            tokens = []
            for number in range(4):
                tokens.append(await send(world, "c", f"c{number}", number))
                await world.stop("c")
                await world.start("c")
            await world.until(lambda: named(world) <= 2 * 3, "vectors are short")
            answers = {}
            for name, node in world.nodes.items():
                for token in tokens:  # of lives that nobody names any more
                    found = await node.ask("main", question("active"), token)
                answers[name] = found.answer.day.to_json(), len(found.applied)
            compared = world.nodes["a"].status("main").world.comparisons
            await world.until(
                lambda: world.nodes["a"].status("main").world.comparisons > compared,
                "fingerprints are compared",
            )
            await world.equal()
            told = [one.troubles for one in world.nodes.values()]
            claims = [len(one._committer.life.held) for one in world.nodes.values()]
            return answers, told, claims

    answers, told, claims = asyncio.run(work())
    assert len({str(day) for day, _ in answers.values()}) == 1
    assert max(count for _, count in answers.values()) <= 2 * 3
    assert told == [(), (), ()]
    assert max(claims) <= 4


def test_a_member_that_is_away_keeps_lives_from_ending(tmp_path, monkeypatch):
    async def work():
        async with RunningWorld(tmp_path, "a", "b", "c", monkeypatch=monkeypatch) as world:
            first = await send(world, "b", "b1", 1, 2)
            await world.equal()
            world.cut.add("c")
            await send(world, "b", "b2", 3)
            await world.stop("b")
            await world.start("b")
            life = first.origin[:2]
            control = world.nodes["a"].control
            await world.until(lambda: life in control().members.ended, "it is over")
            turns = looked_for(world.nodes["a"])
            await world.until(lambda: len(turns) > 3, "the home has looked again")
            early = first.origin in control().members.collapsed
            world.cut.clear()
            await world.until(lambda: first.origin in control().members.collapsed, "it collapses")
            await world.equal()
            return early, [one.troubles for one in world.nodes.values()]

    assert asyncio.run(work()) == (False, [(), (), ()])


def test_nobody_but_the_home_says_that_lives_are_over(tmp_path, monkeypatch):
    async def work():
        async with RunningWorld(tmp_path, "a", "b", monkeypatch=monkeypatch) as world:
            token = await send(world, "b", "b1", 1)
            node, life, _ = token.origin
            for fact in (
                LivesEnded(lives=(f"{node}/{life}",)),
                OriginsClosed(closed={str(token.origin): 1}),
            ):
                with pytest.raises(ControlError, match="by the home itself"):
                    await world.nodes["a"].change(fact, "somebody")

    asyncio.run(work())
