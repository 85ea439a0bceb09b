"""The thread that writes: whoever offers something hears of it, whenever the node stops."""

import asyncio

import pytest

from homeroom.errors import ControlError, KeyFileError
from homeroom.log.control import TenantPut
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


def test_a_tenant_whose_key_cannot_be_used_is_refused_and_keeps_nobody_waiting(tmp_path):
    async def work(node):
        place = tmp_path / "node" / "tenants" / "other"
        place.mkdir(parents=True)
        (place / "pseudonym.key").write_bytes(b"cut off")
        with pytest.raises(KeyFileError):
            await asyncio.wait_for(node.change(TenantPut(name="other"), "somebody"), 2)
        with pytest.raises(ControlError):
            await asyncio.wait_for(node.change(TenantPut(name="../../out"), "somebody"), 2)
        outcome = await asyncio.wait_for(node.offer("main", "key", batch("b1", event(1))), 2)
        return outcome, list(tmp_path.iterdir())

    outcome, there = on(tmp_path / "node", work)
    assert isinstance(outcome, Accepted)
    assert there == [tmp_path / "node"]


def test_what_cannot_be_done_after_a_write_keeps_nobody_waiting(tmp_path):
    async def work(node):
        def fail():
            raise KeyFileError("it is gone")

        node._doors.durable = fail
        outcome = await asyncio.wait_for(node.offer("main", "key", batch("b1", event(1))), 2)
        del node._doors.durable
        return outcome, node.troubles

    outcome, troubles = on(tmp_path, work)
    assert isinstance(outcome, Accepted)
    assert any("it is gone" in one for one in troubles)
