"""A node behind its interface: it stops when it is asked to, and starts again where it has fetched another state."""

import asyncio

import httpx

from homeroom.running.hosting import host
from homeroom.running.node import RunningNode
from homeroom.serve.settings import read_settings
from tests.running.nodes import now_ms


def test_a_node_that_has_fetched_another_state_starts_again_and_answers(tmp_path, monkeypatch):
    nodes, opened = [], RunningNode.open

    async def opening(path, options):
        nodes.append(await opened(path, options))
        return nodes[-1]

    monkeypatch.setattr(RunningNode, "open", opening)
    settings = read_settings("[server]\nport = 0\n", "here", {})

    async def work():
        stopping, heard = asyncio.Event(), asyncio.Queue()
        hosting = asyncio.create_task(
            host(tmp_path / "data", settings, now_ms, stopping, heard.put_nowait)
        )
        answers = []
        async with httpx.AsyncClient() as client:
            for _ in range(2):
                address = await heard.get()
                answer = await client.get(f"{address}/health/ready")
                answers.append(answer.json()["ready"])
                nodes[0].renewal.set()  # as once a snapshot is there
        stopping.set()
        await hosting
        return answers

    assert asyncio.run(work()) == [True, True]
    assert len(nodes) == 2
