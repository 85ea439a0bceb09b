"""What operators rule of entries is folded alike by all running nodes, and by all that start again."""

import asyncio

import pytest

from homeroom.errors import ControlError
from homeroom.log.rulings import EntriesLost, Restamped
from tests.running.nodes import now_ms
from tests.running.test_belonging import active, send
from tests.running.worlds import RunningWorld

YEAR_MS = 365 * 86_400_000


@pytest.fixture
def world(tmp_path, monkeypatch):
    """Run something in a world of running nodes, which is stopped at the end."""

    def run(work, *names):
        async def whole():
            async with RunningWorld(tmp_path, *names, monkeypatch=monkeypatch) as made:
                return await work(made)

        return asyncio.run(whole())

    return run


async def rule(world, node, ruling, **fields):
    token = await world.nodes[node].change(ruling(**fields), "somebody")
    for one in world.nodes.values():
        await one._folds.reached(token)


async def sent_from_the_future(world, node, *numbers):
    """Have a node write something with a clock that is a year ahead; return the token once all hold it."""
    world.ahead_ms[node] = YEAR_MS
    token = await send(world, node, "future", *numbers)
    await world.until(
        lambda: all(
            one._store.held()[token.origin] >= token.number for one in world.nodes.values()
        ),
        "all hold it",
    )
    return token


def learners(world):
    return {name: node.status("main").learners for name, node in world.nodes.items()}


def span(token):
    return {"origin": str(token.origin), "first": token.number, "last": token.number}


def test_an_entry_of_the_future_counts_when_it_is_ruled_to(world):
    async def work(world):
        await send(world, "a", "b1", 1)
        await world.equal()
        token = await sent_from_the_future(world, "b", 2, 3)
        before = learners(world)["a"]
        await rule(world, "a", Restamped, hybrid=now_ms() << 16, **span(token))
        await active(world.nodes["a"], token)
        return before, learners(world)["a"]

    assert world(work, "a", "b") == (1, 3)


def test_an_entry_of_the_future_that_is_lost_counts_for_nothing_and_what_follows_goes_on(world):
    async def work(world):
        await send(world, "a", "b1", 1)
        await world.equal()
        token = await sent_from_the_future(world, "b", 2, 3)
        await rule(world, "a", EntriesLost, **span(token))
        await world.nodes["a"]._folds.reached(token)
        world.ahead_ms.clear()
        await world.stop("b")  # its life stamps on from the year that it was in
        await world.start("b")
        after = await send(world, "b", "b3", 4)
        await active(world.nodes["a"], after)
        await world.equal()
        return learners(world)

    assert world(work, "a", "b") == {"a": 2, "b": 2}


def test_what_was_folded_and_is_lost_is_taken_out_everywhere(world):
    async def work(world):
        lost = await send(world, "b", "b1", 1, 2, 3)
        kept = await send(world, "c", "b2", 3, 4)
        await active(world.nodes["a"], lost, kept)
        await world.equal()
        await rule(world, "a", EntriesLost, **span(lost))
        await world.equal()
        found = learners(world)
        await rule(world, "a", Restamped, hybrid=now_ms() << 16, **span(lost))
        await world.equal()
        return found, learners(world), [one.troubles for one in world.nodes.values()]

    lost, again, troubles = world(work, "a", "b", "c")
    assert lost == dict.fromkeys("abc", 2)
    assert again == dict.fromkeys("abc", 4)
    assert troubles == [(), (), ()]


def test_a_batch_that_was_lost_counts_if_another_entry_has_it_too(world):
    async def work(world):
        lost = await send(world, "b", "b1", 1, 2)
        await active(world.nodes["a"], lost)
        again = await send(world, "a", "b2", 2)
        await rule(world, "a", EntriesLost, **span(lost))
        await active(world.nodes["b"], again)
        await world.equal()
        return learners(world)

    assert world(work, "a", "b") == {"a": 1, "b": 1}


def test_a_start_takes_no_snapshot_from_before_a_ruling(world):
    async def work(world):
        lost = await send(world, "b", "b1", 1, 2, 3)
        await active(world.nodes["a"], lost)
        await send(world, "a", "b2", 4)
        await world.equal()
        await asyncio.to_thread(world.nodes["b"].saving.save)
        await rule(world, "a", EntriesLost, **span(lost))
        await world.kill("b")  # before it could write what it has folded anew
        await world.start("b")
        await world.equal()
        return learners(world), world.nodes["b"].troubles, world.nodes["b"]._live.times_anew

    assert world(work, "a", "b") == ({"a": 1, "b": 1}, (), 0)


def test_questions_and_cohorts_are_answered_from_what_was_folded_anew(world):
    async def work(world):
        lost = await send(world, "b", "b1", 1, 2, 3)
        await active(world.nodes["a"], lost)
        await rule(world, "a", EntriesLost, **span(lost))
        after = await send(world, "b", "b3", 9)
        return await active(world.nodes["a"], after), await active(world.nodes["b"], after)

    one, other = world(work, "a", "b")
    assert one == other


def test_entries_are_not_ruled_into_the_future(world):
    async def work(world):
        token = await send(world, "b", "b1", 1)
        ahead = Restamped(hybrid=now_ms() + 60_000 << 16, **span(token))
        with pytest.raises(ControlError, match="ahead of now"):
            await world.nodes["a"].change(ahead, "somebody")

    world(work, "a", "b")
