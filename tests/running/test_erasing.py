"""Erasures of a running node."""

import asyncio

import pytest

from tests.running.nodes import batch, event, on, options, question, running


def register(tmp_path):
    return tmp_path / "register.ndjson"


async def rolled(node, account):
    return node.erasures.raw_keys("main", [("", account)])


def test_try(tmp_path):
    path = tmp_path / "data"

    async def work():
        async with running(path, erasure_register=register(tmp_path)) as node:
            told = await node.offer("main", "o", batch("b1", *[event(n) for n in range(70)]))
            keys = node.erasures.raw_keys("main", [("", "a3")])
            answer = await node.ask("main", question("retention"), told.token)
            print(answer.answer.to_json() if hasattr(answer.answer, "to_json") else answer)
            cert = await node.erasures.erase("main", keys, "test")
            print(cert)
            print(node.status("main"))
            for _ in range(50):
                await asyncio.sleep(0.05)
                cert = node.erasures.find("main", cert.name)
                if sum(line.done_ms is None for line in cert.lines) <= 1:
                    break
            print(cert)
            print(node.troubles)

    asyncio.run(work())
    assert 0
