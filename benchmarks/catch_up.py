"""How soon a node that joins has what all others have: by the snapshot of another node, and by reading whole logs.

A node of a world has taken events of many learners. Two nodes join it, each with an empty directory: one while the log
is whole, which is told all of it and folds it; one after the log has forgotten what two snapshots hold, which fetches
the newest snapshot. Beside that the log is folded anew where it lies, without any other node: no way that reads a log
is quicker than this. All nodes share a process here, and the fabric is its memory, so links cost nothing: over a link
the bytes that are told here come on top.
"""

import argparse
import asyncio
import contextlib
import hashlib
import random
import shutil
import tempfile
import time
import zlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import msgspec

from homeroom.adapters.keyfile import open_key
from homeroom.adapters.signing import open_node_key
from homeroom.cohorts.questions import parse_question
from homeroom.events.sent import Form, SentBatch
from homeroom.limits import SENT_EVENTS_MAX
from homeroom.log.log import Refused
from homeroom.log.members import MemberJoined
from homeroom.regions.fabric import Box, InProcess
from homeroom.regions.world import Region, RegionNode, World
from homeroom.running.in_world import InWorld
from homeroom.running.node import RunningNode
from homeroom.running.opening import NodeOptions, opened_folding

__all__ = ["add_arguments", "measure", "show"]

_WANTED: Final = 10
_NEVER_MS: Final = 86_400_000
_DAYS: Final = 180
_ACTIVE_DAYS: Final = 4
_OFFERED: Final = 4
_HOME: Final = "home"
_PAUSE_S: Final = 0.02


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the sizes."""
    parser.add_argument("--learners", type=int, default=5_000_000)
    parser.add_argument("--workdir", type=Path, default=Path("build/benchmarks"))


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """Measure all ways; the result is JSON-ready."""
    options.workdir.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=options.workdir) as folder:
        return asyncio.run(_Measured(Path(folder), options.learners).all())


@dataclass(slots=True)
class _Measured:
    """A world of one node, which others join."""

    path: Path
    learners: int
    boxes: dict[str, Box] = field(default_factory=dict)

    async def all(self) -> dict[str, Any]:
        """Return what was measured."""
        home = await self._open(_HOME)
        try:
            made_s, events = await _fill(home, self.learners)
            log_bytes = _size(self.path / _HOME / "log")
            whole_s, answers = await self._joined(home, "reader")
            for _ in range(2):  # the log forgets what two snapshots hold
                token = await _token(home, [f"last-{time.time_ns()}"])
                await home.ask("main", parse_question({"question": "active"}), token)
                await home.save()
            snapshot_s, more = await self._joined(home, "taker")
        finally:
            await home.stop()
        anew_s = await asyncio.to_thread(self._folded_anew)
        assert len({*answers, *more}) == 2, "nodes that have the same answer the same"
        return {
            "learners": self.learners,
            "events": events,
            "made_s": round(made_s, 1),
            "log_bytes": log_bytes,
            "snapshot_bytes": _size(self.path / "taker" / "history", self.path / "taker" / "state"),
            "whole_log_s": round(whole_s, 2),
            "snapshot_s": round(snapshot_s, 2),
            "anew_s": round(anew_s, 2),
            "quicker": round(whole_s / snapshot_s, 1),
            "quicker_than_anew": round(anew_s / snapshot_s, 1),
            "wanted": _WANTED,
            "hash": hashlib.sha256("".join(sorted(more)).encode()).hexdigest()[:16],
        }

    async def _joined(self, home: RunningNode, name: str) -> tuple[float, list[str]]:
        """Have a node join; return how long it took until it has all that the home has, and what both answer."""
        key = self._prepare(name)
        fact = MemberJoined(node=name, region=name, jurisdiction="x", key=key)
        await home.change(fact, "benchmark")
        token = await _token(home, [f"token-{name}"])
        began_s = time.perf_counter()
        node = await self._open(name)
        starts = 1
        while node.status("main").applied[token.origin] < token.number:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(node.renewal.wait(), _PAUSE_S)
                await node.stop()
                node, starts = await self._open(name), starts + 1
        lasted_s = time.perf_counter() - began_s
        assert (starts > 1) == (name == "taker"), "the one takes a snapshot, and the other none"
        await _told(home, name)
        answers = []
        for one in (home, node):
            found = await one.ask("main", parse_question({"question": "active"}), token)
            answers.append(str(found.answer.day.to_json()))
        if name == "reader":  # what a log holds is folded anew from this directory
            await node.stop()
            shutil.copytree(self.path / name / "log", self.path / "anew" / "log")
            shutil.copy(self.path / name / "pseudonym.key", self.path / "anew" / "pseudonym.key")
            shutil.copy(self.path / name / "node.key", self.path / "anew" / "node.key")
        else:
            await node.stop()
        return lasted_s, answers

    def _folded_anew(self) -> float:
        began_s = time.perf_counter()
        with opened_folding(self.path / "anew") as (folding, _):
            assert folding.tenants["main"].state.learners.rows >= self.learners
            return time.perf_counter() - began_s

    def _prepare(self, name: str) -> str:
        """Make a directory with the key that all have; return the node's public key."""
        place, home = self.path / name, self.path / _HOME
        for one in (home, place):
            one.mkdir(mode=0o700, exist_ok=True)
        open_key(home / "pseudonym.key")
        if place != home:
            shutil.copy(home / "pseudonym.key", place / "pseudonym.key")
        return open_node_key(place / "node.key").public_text

    async def _open(self, name: str) -> RunningNode:
        keys = {one: self._prepare(one) for one in {_HOME, name}}
        regions = {
            one: Region(
                name=one,
                latitude=0.0,
                longitude=0.0,
                jurisdiction="x",
                nodes={one: RegionNode(key=key)},
            )
            for one, key in keys.items()
        }
        world = InWorld(
            world=World(name="benchmark", home=_HOME, regions=regions),
            fabric=InProcess(name, self.boxes),
            steady_ms=lambda: time.monotonic_ns() // 1_000_000,
            draw=random.Random(name).randrange,
        )
        return await RunningNode.open(
            self.path / name,
            NodeOptions(
                now_ms=lambda: time.time_ns() // 1_000_000,
                name=name,
                world=world,
                wait_ms=3_600_000,
                snapshot_ms=_NEVER_MS,
                record_copy_ms=_NEVER_MS,
            ),
        )


async def _fill(node: RunningNode, learners: int) -> tuple[float, int]:
    """Have each learner be active on some days; return how long it took, and how many events these are."""
    began_s = time.perf_counter()
    ids = [f"{learner}-{n}" for n in range(_ACTIVE_DAYS) for learner in range(learners)]
    waiting: set[asyncio.Task[Any]] = set()
    token = None
    for first in range(0, len(ids), SENT_EVENTS_MAX):
        waiting.add(asyncio.create_task(_token(node, ids[first : first + SENT_EVENTS_MAX])))
        if len(waiting) >= _OFFERED:
            _, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
    tokens = await asyncio.gather(*waiting)
    token = max(tokens, key=lambda one: one.number)
    await node.ask("main", parse_question({"question": "active"}), token)
    return time.perf_counter() - began_s, len(ids)


async def _token(node: RunningNode, ids: list[str]) -> Any:  # noqa: ANN401 - a token
    """Send events of these ids; return the token of the last."""
    body = b"\n".join(msgspec.json.encode(_event(one)) for one in ids)
    digest = hashlib.sha256(body).digest()
    batch = SentBatch(batch_id=ids[0], body=body, form=Form.NDJSON, digest=digest)
    outcome = await node.offer("main", "benchmark", batch)
    if isinstance(outcome, Refused):  # it compares its clock first, or has much to write
        await asyncio.sleep(_PAUSE_S)
        return await _token(node, ids)
    return outcome.token


async def _told(home: RunningNode, name: str) -> None:
    """Return when a node has said that it holds all: before that the log keeps it."""
    if _lacks(home, name):
        await asyncio.sleep(_PAUSE_S)
        await _told(home, name)


def _lacks(home: RunningNode, name: str) -> bool:
    world = home.status("main").world
    return world is None or name not in world.nodes or world.nodes[name].lacks > 0


def _event(name: str) -> dict[str, str]:
    learner, _, _ = name.rpartition("-")
    day = zlib.crc32(name.encode()) % _DAYS
    return {
        "account": learner,
        "verb": "watched",
        "time": f"2024-{1 + day // 28 % 12:02d}-{1 + day % 28:02d}T10:00:00Z",
        "id": name,
    }


def _size(*folders: Path) -> int:
    files = (file for folder in folders for file in folder.rglob("*"))
    return sum(file.stat().st_size for file in files if file.is_file())


def show(result: dict[str, Any]) -> None:
    """Print the result."""
    print(
        f"{result['learners']:,} learners, {result['events']:,} events; log {result['log_bytes'] / 1e6:,.0f} MB, "
        f"snapshot {result['snapshot_bytes'] / 1e6:,.0f} MB\n"
        f"by snapshot          {result['snapshot_s']:8.2f} s\n"
        f"by the log of others {result['whole_log_s']:8.2f} s: {result['quicker']} times as long\n"
        f"log folded anew      {result['anew_s']:8.2f} s: {result['quicker_than_anew']} times as long "
        f"(wanted: {result['wanted']})"
    )
