"""Worlds of running nodes for tests: real nodes on real directories in one process and one event loop."""

import asyncio
import random
import shutil
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from homeroom import limits
from homeroom.adapters.keyfile import open_key
from homeroom.adapters.signing import open_node_key
from homeroom.adapters.vault.places import open_vault_key, seal_key_of, vault_key_check
from homeroom.errors import StoreError
from homeroom.log.log import Accepted
from homeroom.log.origins import Vector
from homeroom.regions.fabric import Box, Fabric, InProcess
from homeroom.regions.world import Region, RegionNode, World
from homeroom.running.in_world import InWorld, is_shared
from homeroom.running.node import RunningNode
from tests.running.nodes import batch, event, now_ms, options, question

QUICK = {
    "GOSSIP_MS": 40,
    "MEMBER_TICK_MS": 10,
    "CLOCK_START_MS_MAX": 60,
    "PULL_PATIENCE_MS": 20,
    "PULL_WAIT_MS_MAX": 200,
    "CHECK_MS": 300,
    "CHECK_WAIT_MS_MAX": 250,
    "PAUSE_MS": 20,
    "LIFE_SILENT_MS": 250,
    "ENDINGS_MS": 50,
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
    """Some nodes, each a region of its own, all under one law but those of ``laws``; the first is the home."""

    def __init__(
        self,
        path: Path,
        *names: str,
        monkeypatch: Any = None,
        is_new: bool = True,
        laws: Mapping[str, str] | None = None,
    ) -> None:
        self._laws = laws or {}
        self.path, self.names = path, list(names)
        self.nodes: dict[str, RunningNode] = {}
        self.cut: set[str] = set()
        # Short, for many tests wait it out; a test in which all must be heard sets more.
        self.ack_wait_ms = 300
        self.ahead_ms: dict[str, int] = {}
        self.boxes: dict[str, Box] = {}
        self._seeds = list(names)
        self._checks: dict[str, str] = {}
        self._seals: dict[str, str] = {}
        if monkeypatch is not None:
            for name, value in QUICK.items():
                monkeypatch.setattr(limits, name, value)
        for name in names if is_new else ():
            self.prepare(name)

    def prepare(self, name: str) -> None:
        """Make a directory with the keys that all have, and those of its jurisdiction."""
        (self.path / name).mkdir(parents=True)
        self.copy_key("main", name)
        self.copy_vault_key(name)

    def law(self, name: str) -> str:
        """Return the jurisdiction of a node."""
        return self._laws.get(name, "x")

    def copy_vault_key(self, name: str) -> None:
        """Put the vault key of its jurisdiction into a node's directory, drawn if there is none."""
        first = next((one for one in self.names if self.law(one) == self.law(name)), name)
        (self.path / first).mkdir(parents=True, exist_ok=True)
        open_vault_key(self.path / first)
        if first != name:
            (self.path / name / "vault.key").unlink(missing_ok=True)
            shutil.copy(self.path / first / "vault.key", self.path / name)

    def share(self, tenant: str) -> None:
        """Give all nodes a key of a tenant."""
        for name in self.names:
            self.copy_key(tenant, name)

    def copy_key(self, tenant: str, name: str) -> None:
        """Put the key of a tenant at the home, drawn if there is none, into a node's directory."""
        parts = () if tenant == "main" else ("tenants", tenant)
        home = self.path.joinpath(self.names[0], *parts)
        home.mkdir(parents=True, exist_ok=True)
        open_key(home / "pseudonym.key")
        place = self.path.joinpath(name, *parts)
        place.mkdir(parents=True, exist_ok=True)
        if place != home:
            (place / "pseudonym.key").unlink(missing_ok=True)
            (place / "pseudonym.key").touch(mode=0o600)
            (place / "pseudonym.key").write_bytes((home / "pseudonym.key").read_bytes())

    def world(self, *more: str) -> World:
        return World(
            name="test",
            home=self.names[0],
            regions={
                name: Region(
                    name=name,
                    latitude=0.0,
                    longitude=0.0,
                    jurisdiction=self.law(name),
                    nodes={name: RegionNode(key=self.key(name))},
                )
                for name in (*self._seeds, *more)
            },
            vaults=self._vaults(),
            seals={law: self._seals[law] for law in self._checks},
        )

    def _vaults(self) -> dict[str, str]:
        """Return the checks of the keys that the first nodes of each jurisdiction had at first."""
        if not self._checks:
            for name in reversed(self._seeds):
                key = open_vault_key(self.path / name)
                self._checks[self.law(name)] = vault_key_check(key)
                self._seals[self.law(name)] = seal_key_of(key).public_text
        return self._checks

    def key(self, name: str) -> str:
        return open_node_key(self.path / name / "node.key").public_text

    async def start(self, *names: str, **fields: Any) -> None:
        """Start nodes, together: they ask each other for the time."""
        found = await asyncio.gather(*(self._open(name, **fields) for name in names))
        self.nodes |= dict(zip(names, found, strict=True))

    async def _open(self, name: str, **fields: Any) -> RunningNode:
        world = InWorld(
            world=self.world(*({name} - set(self._seeds))),
            fabric=self.fabric(name),
            steady_ms=lambda: time.monotonic_ns() // 1_000_000,
            draw=random.Random(name).randrange,
            ack_wait_ms=self.ack_wait_ms,
        )
        given = {"now_ms": lambda: now_ms() + self.ahead_ms.get(name, 0), **fields}
        return await RunningNode.open(self.path / name, options(name=name, world=world, **given))

    def fabric(self, name: str) -> Fabric:
        """Return what carries the messages of a node."""
        return Cut(name, self.boxes, self.cut)

    async def stop(self, *names: str) -> None:
        for name in names or list(self.nodes):
            await self.nodes.pop(name).stop()

    async def __aenter__(self) -> "RunningWorld":
        await self.start(*self.names)
        await self.known("main")
        return self

    async def known(self, tenant: str) -> None:
        """Wait until all nodes take batches of a tenant."""
        nodes = self.nodes.values()
        await self.until(lambda: all(one._tenant_doors.is_open(tenant) for one in nodes), tenant)

    async def kill(self, name: str) -> None:
        """Have a node's directory as it is now, and nothing of what a stop would add to it."""
        node = self.nodes.pop(name)
        copy = self.path / f"{name} as it was"
        shutil.copytree(
            self.path / name, copy, ignore=shutil.ignore_patterns("*.sock", "*.new", "*.part")
        )
        self.cut.add(name)
        await node.stop()
        self.cut.discard(name)
        shutil.rmtree(self.path / name)
        copy.rename(self.path / name)

    def spoil(self, name: str) -> None:
        """Have the next write of a node fail."""
        store = self.nodes[name]._store
        write = store.write

        def fail(entries: Any, records: Any) -> None:
            store.write = write
            raise StoreError("the disk is full")

        store.write = fail

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
        """Return what of that which goes everywhere is folded in a node."""
        return _shared(self.nodes[name]._live.applied)

    def prints(self) -> set[tuple[str, str]]:
        """Return what is folded with its fingerprint, of each node; one if all are equal."""
        return {
            (repr(sorted(self.shared(name).items())), node._live.fingerprint()[1])
            for name, node in self.nodes.items()
        }

    async def equal(self) -> None:
        """Wait until all have folded all that any of them has, and come to the same."""

        def are_equal() -> bool:
            held = [_shared(node._store.held()) for node in self.nodes.values()]
            most = {o: max(one.get(o, 0) for one in held) for one in held for o in one}
            return all(self.shared(name) == most for name in self.nodes) and len(self.prints()) == 1

        await self.until(are_equal, "all are equal")

    async def equal_as_counted(self) -> None:
        """Wait until all have folded all that counts of what any of them has, and come to the same."""

        def are_equal() -> bool:
            closed = {str(o): n for o, n in self.nodes["a"].control().members.closed.items()}
            held = [_shared(node._store.held()) for node in self.nodes.values()]
            most = {o: max(one.get(o, 0) for one in held) for one in held for o in one}
            counted = {o: min(n, closed.get(o, n)) for o, n in most.items()}
            return all(self.shared(n) == counted for n in self.nodes) and len(self.prints()) == 1

        await self.until(are_equal, "all are equal, as far as anything counts")


def _shared(vector: Vector) -> dict[str, int]:
    return {str(o): number for o, number in vector.items() if is_shared(o)}


def a_batch(batch_id, *numbers):
    """Return a batch of some events."""
    return batch(batch_id, *(event(n) for n in numbers))


async def send(world, name, batch_id, *numbers):
    """Have a node take a batch of some events; return its token."""
    outcome = await world.nodes[name].offer("main", "key", a_batch(batch_id, *numbers))
    assert isinstance(outcome, Accepted), outcome
    return outcome.token


def sealed_events(state):
    """Return how many events there are, each once."""
    state.settle()
    return state.events


async def active(node, *tokens):
    """Return an answer that is after all these entries."""
    for token in tokens:
        found = await node.ask("main", question("active"), token)
    return found.answer.day.to_json()
