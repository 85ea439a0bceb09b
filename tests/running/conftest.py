"""What tests of worlds of running nodes share."""

import asyncio

import pytest

from tests.running.worlds import RunningWorld


@pytest.fixture
def world(tmp_path, monkeypatch):
    """Run something in a world of running nodes, which is stopped at the end."""

    def run(work, *names, prepared=None, **fields):
        async def whole():
            made = RunningWorld(tmp_path, *names, monkeypatch=monkeypatch, **fields)
            if prepared is not None:
                await prepared(made)
            async with made:
                return await work(made)

        return asyncio.run(whole())

    return run
