"""The thread that writes: whoever offers something hears of it, whenever the node stops."""

import asyncio

from homeroom.log.log import Accepted, Refusal, Refused
from homeroom.running.node import RunningNode
from tests.running.nodes import batch, event, on, options


def test_whoever_offers_while_the_writing_ends_hears_whether_it_is_durable(tmp_path):
    async def send(node, numbers):
        for number in numbers:
            outcome = await node.offer("main", "key", batch(f"b{number}", event(number)))
            if isinstance(outcome, Refused):
                return number, outcome.refusal
        raise AssertionError("the node went on for ever")

    async def run():
        node = await RunningNode.open(tmp_path, options())
        sending = [
            asyncio.create_task(send(node, range(first, first + 100_000)))
            for first in range(0, 500_000, 100_000)
        ]
        await asyncio.wait(sending, timeout=0)
        await node._committer.stop()
        heard = await asyncio.wait_for(asyncio.gather(*sending), 30)
        await node.stop()
        return heard

    refused = asyncio.run(run())
    assert {refusal for _, refusal in refused} == {Refusal.DRAINING}
    accepted = sum(number % 100_000 for number, _ in refused)

    async def counted(node):
        return node.status("main").events

    assert on(tmp_path, counted) == accepted


def test_what_is_offered_in_one_turn_of_the_loop_is_written_together(tmp_path):
    async def work(node):
        return await asyncio.gather(
            *(node.offer("main", "key", batch(f"b{number}", event(number))) for number in range(9))
        )

    outcomes = on(tmp_path, work)
    assert all(isinstance(one, Accepted) for one in outcomes)
    assert len({one.token for one in outcomes}) == 1
