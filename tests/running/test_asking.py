"""Questions that want something of their answers: entries of several nodes, a vector, shares of an age."""

import asyncio

import pytest

from homeroom.cohorts.live import Wanted, freshness_in_words
from homeroom.errors import NotFreshError, NotYetError
from homeroom.log.log import Accepted
from homeroom.log.origins import Origin, Stream, Vector
from tests.running.nodes import batch, event, on, question

ACTIVE = question("active")


async def send(world, name, *numbers):
    sent = batch(f"{name} {numbers}", *(event(n) for n in numbers))
    outcome = await world.nodes[name].offer("main", "key", sent)
    assert isinstance(outcome, Accepted), outcome
    return outcome.token


def after(*tokens, **fields):
    return Wanted(after=Vector({one.origin: one.number for one in tokens}), **fields)


def test_an_answer_after_what_was_written_at_several_nodes_holds_all_of_it(world):
    async def work(world):
        tokens = [await send(world, name, *range(ord(name), ord(name) + 3)) for name in "abc"]
        found = await world.nodes["b"].ask("main", ACTIVE, after(*tokens))
        elsewhere = await world.nodes["c"].ask("main", ACTIVE, Wanted(after=found.applied))
        return found, elsewhere, tokens

    found, elsewhere, tokens = world(work, "a", "b", "c")
    assert all(found.applied[one.origin] >= one.number for one in tokens)
    # The vector of an answer names documents of its node too, which are in no answer anywhere.
    assert elsewhere.answer.figures() == found.answer.figures()


def test_a_question_of_history_wants_the_same_of_its_frozen_state(world):
    hourly = question("retention", interval="hour", to="2024-03-21")

    async def work(world):
        node, sums = world.nodes["a"], []
        for number in range(4):
            token = await send(world, "b", number)
            found = await node.ask("main", hourly, after(token, lag_s_max=5))
            sums.append(int(found.answer.sizes.sum()))
        return sums

    assert world(work, "a", "b") == [1, 2, 3, 4]


def test_an_answer_that_must_be_fresh_waits_until_every_region_is(world):
    async def work(world):
        await world.equal()
        found = await world.nodes["a"].ask("main", ACTIVE, Wanted(lag_s_max=1.5))
        world.cut.add("c")
        while (found.freshness["c"] or 0) < 0.3:
            found = await world.nodes["a"].ask("main", ACTIVE, None)
        with pytest.raises(NotFreshError) as late:
            await world.nodes["a"].ask("main", ACTIVE, Wanted(lag_s_max=0.25, wait_ms=100))
        waiting = asyncio.create_task(world.nodes["a"].ask("main", ACTIVE, Wanted(lag_s_max=0.25)))
        asyncio.get_running_loop().call_soon(world.cut.clear)
        return late.value, await waiting

    late, found = world(work, "a", "b", "c")
    assert "c" in late.lagging
    assert late.lagging["c"] >= 0.25
    assert "after 100 ms" in str(late)
    assert "c 0." in str(late)
    assert set(found.freshness) == {"a", "b", "c"}


def test_a_node_alone_is_fresh_when_all_that_is_durable_is_folded(tmp_path):
    async def work(node):
        for number in range(5):
            await node.offer("main", "key", batch(None, event(number)))
            found = await node.ask("main", ACTIVE, Wanted(lag_s_max=0))
            assert found.is_complete
        return found.freshness

    assert on(tmp_path / "n", work) is None


def test_what_does_not_come_is_said_after_the_time_that_was_asked_for(tmp_path):
    nobody = Origin("elsewhere", "0" * 32, Stream.ANALYTIC)

    async def work(node):
        with pytest.raises(NotYetError, match=r"entry 7 of elsewhere/.* within 30 ms"):
            await node.ask("main", ACTIVE, Wanted(after=Vector({nobody: 7}), wait_ms=30))
        with pytest.raises(NotYetError, match="within 50 ms"):  # a read never waits longer
            await node.ask("main", ACTIVE, Wanted(after=Vector({nobody: 7}), wait_ms=90_000))

    on(tmp_path / "n", work, wait_ms=50)


def test_freshness_is_said_in_words():
    ages = {"us-east": 0.03, "lagos": 0.84, "tokyo": None, "dubai": 300.0, "mumbai": 9_000.0}
    said = "us-east now, lagos 0.8 s, tokyo unknown, dubai 5 min, mumbai 2 h"
    assert freshness_in_words(ages) == said
    assert freshness_in_words({}) == ""
