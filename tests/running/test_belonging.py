"""Running nodes that belong together: what one writes all have, and they prove it."""

import asyncio

import pytest

from homeroom.log.log import Accepted
from tests.running.nodes import batch, event, question
from tests.running.worlds import RunningWorld


@pytest.fixture
def world(tmp_path, monkeypatch):
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


async def known(world):
    await world.until(
        lambda: all(n._tenant_doors.is_open("main") for n in world.nodes.values()), "tenants"
    )


def test_what_one_node_writes_the_other_answers_from(world):
    async def work(world):
        await known(world)
        token = await send(world, "a", "b1", *range(10))
        other = await send(world, "b", "b2", *range(5, 30))
        found = []
        for node in world.nodes.values():
            await node.ask("main", question("active"), token)
            answer = await node.ask("main", question("active"), other)
            found.append(answer.answer.day.to_json())
        await world.equal()
        return found, [node.troubles for node in world.nodes.values()]

    found, troubles = world(work, "a", "b")
    assert found[0] == found[1]
    assert troubles == [(), ()]
