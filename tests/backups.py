"""Directories of nodes on a clock that is told, and repositories, for the tests of backups."""

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from homeroom.adapters.backup.backing_up import BackedUp, back_up
from homeroom.adapters.backup.choosing import choose, choose_as_of
from homeroom.adapters.backup.repository import Repository, make_repository
from homeroom.adapters.backup.restoring import Restored, restore
from homeroom.adapters.backup.sealing import KeyFile
from homeroom.running.node import RunningNode
from homeroom.running.opening import NodeOptions
from tests.object_stores import Place
from tests.running.nodes import batch, event, question

T0 = 1_750_000_000_000
HOUR = 3_600_000
EVENTS = 5


def run(path: Path, at_ms: int | list[int], work: Callable[[RunningNode], Any]) -> Any:
    """Run a node on a directory; stop it and return what ``work`` did. The clock is a number or stands in a list."""
    clock = [at_ms] if isinstance(at_ms, int) else at_ms

    async def running() -> Any:
        node = await RunningNode.open(path, NodeOptions(now_ms=lambda: clock[0]))
        try:
            return await work(node)
        finally:
            await node.stop()

    return asyncio.run(running())


async def offer(node: RunningNode, *numbers: int) -> list[Any]:
    """Send batches of these numbers, one after the other, each in an entry of its own."""
    return [
        await node.offer("main", "key", batch(f"b{n}", *(event(n * EVENTS + i) for i in range(EVENTS))))
        for n in numbers
    ]  # fmt: skip


async def folded(node: RunningNode, told: list[Any]) -> list[Any]:
    """Return when the node has folded what it said yes to."""
    await node.ask("main", question("active"), told[-1].token)
    return told


def send(path: Path, at_ms: int, *numbers: int) -> list[Any]:
    """Run a node, send batches, stop it."""

    async def work(node: RunningNode) -> list[Any]:
        return await offer(node, *numbers)

    return run(path, at_ms, work)


def opened(place: Place, key: Path) -> Repository:
    return make_repository(place.location, place.environment, KeyFile(key))


def backed_up(directory: Path, repository: Repository, at_ms: int) -> BackedUp:
    return back_up(directory, repository, lambda: at_ms, "0.test")


def restored(repository: Repository, directory: Path, as_of_ms: int | None = None) -> Restored:
    manifests = list(repository.manifests())
    plan = (
        choose(manifests, "here") if as_of_ms is None else choose_as_of(manifests, "here", as_of_ms)
    )
    return restore(repository, plan, directory)


def known(path: Path, numbers: range, at_ms: int = T0 + 1_000 * HOUR) -> tuple[set[int], int, str]:
    """Start a node on a directory; return which batches it knows, how many events it has, and an answer."""

    async def work(node: RunningNode) -> tuple[set[int], int, str]:
        status = node.status("main")
        assert node.troubles == ()
        found = await node.ask("main", question("active"), None)
        outcomes = await offer(node, *numbers)
        have = {n for n, one in zip(numbers, outcomes, strict=True) if one.is_repeat}
        return have, status.events, json.dumps(found.answer.day.to_json())

    return run(path, at_ms, work)
