"""Worlds of running nodes for tests: real nodes on real directories in one process and one event loop."""

import asyncio
import random
import time
from collections.abc import Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

from homeroom import limits
from homeroom.adapters.keyfile import open_key
from homeroom.adapters.signing import open_node_key
from homeroom.regions.fabric import Box, InProcess
from homeroom.regions.world import Region, RegionNode, World
from homeroom.running.belonging import InWorld
from homeroom.running.node import RunningNode
from tests.running.nodes import options

QUICK = {
    "GOSSIP_MS": 40,
    "MEMBER_TICK_MS": 10,
    "CLOCK_START_MS_MAX": 60,
    "PULL_PATIENCE_MS": 20,
    "PULL_WAIT_MS_MAX": 200,
    "CHECK_MS": 200,
    "CHECK_WAIT_MS_MAX": 100,
    "PAUSE_MS": 20,
}
"""Bounds that a test world does not wait out; each keeps its place among the others."""


class Cut(InProcess):
    """A fabric that drops what the test says, in both directions."""

    def __init__(self, node: str, boxes: dict[str, Box], cut: set[str]) -> None:
        super().__init__(node, boxes)
        self.node, self.cut = node, cut

    def send(self, to: str, body: bytes) -> None:
        if self.cut.isdisjoint({self.node, to}):
            super().send(to, body)


class RunningWorld:
    """Some nodes, each a region of its own; the first is the home."""

    def __init__(self, path: Path, *names: str, monkeypatch: Any = None) -> None:
        self.path, self.names = path, list(names)
        self.nodes: dict[str, RunningNode] = {}
        self.cut: set[str] = set()
        self.boxes: dict[str, Box] = {}
        self._stack = AsyncExitStack()
        self._seeds = list(names)
        if monkeypatch is not None:
            for name, value in QUICK.items():
                monkeypatch.setattr(limits, name, value)
        for name in names:
            self.prepare(name)

    def prepare(self, name: str) -> None:
        """Make a directory with the key that all have."""
        place = self.path / name
        place.mkdir(parents=True)
        key = open_key(self.path / "pseudonym.key") and (self.path / "pseudonym.key").read_bytes()
        (place / "pseudonym.key").touch(mode=0o600)
        (place / "pseudonym.key").write_bytes(key)

    def world(self, *more: str) -> World:
        return World(
            name="test",
            home=self.names[0],
            regions={
                name: Region(
                    name=name,
                    latitude=0.0,
                    longitude=0.0,
                    jurisdiction="x",
                    nodes={name: RegionNode(key=self.key(name))},
                )
                for name in (*self._seeds, *more)
            },
        )

    def key(self, name: str) -> str:
        return open_node_key(self.path / name / "node.key").public_text

    async def start(self, *names: str, **fields: Any) -> None:
        """Start nodes, together: they ask each other for the time."""
        found = await asyncio.gather(*(self._open(name, **fields) for name in names))
        self.nodes |= dict(zip(names, found, strict=True))

    async def _open(self, name: str, **fields: Any) -> RunningNode:
        world = InWorld(
            world=self.world(*({name} - set(self._seeds))),
            fabric=Cut(name, self.boxes, self.cut),
            steady_ms=lambda: time.monotonic_ns() // 1_000_000,
            draw=random.Random(name).randrange,
            ack_wait_ms=300,
        )
        return await RunningNode.open(self.path / name, options(name=name, world=world, **fields))

    async def stop(self, *names: str) -> None:
        for name in names or list(self.nodes):
            await self.nodes.pop(name).stop()

    async def __aenter__(self) -> "RunningWorld":
        await self.start(*self.names)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def until(self, holds: Callable[[], object], what: str) -> None:
        """Wait until a condition holds; it is looked at whenever a node has folded something, or has had a pause."""
        deadline = time.monotonic() + 8
        while not holds():
            if time.monotonic() > deadline:
                told = {name: (one.troubles, self.shared(name)) for name, one in self.nodes.items()}
                raise AssertionError(f"it never came to this: {what}; {told}")
            folds = [node._folds.next() for node in self.nodes.values()]
            await asyncio.wait(folds, timeout=0.2, return_when=asyncio.FIRST_COMPLETED)

    def shared(self, name: str) -> dict[str, int]:
        applied = self.nodes[name]._live.applied
        return {str(o): n for o, n in applied.items() if o.stream != "document"}

    def prints(self) -> set[tuple[str, str]]:
        found = [
            (repr(sorted(self.shared(n).items())), node._live.fingerprint()[1])
            for n, node in self.nodes.items()
        ]
        return set(found)

    async def equal(self) -> None:
        """Wait until all have folded the same, and come to the same."""
        await self.until(lambda: len(self.prints()) == 1, "all are equal")
