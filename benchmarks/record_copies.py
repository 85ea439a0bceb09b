"""What copies of the records cost and save: bytes on disk, seconds of copying, and how long a client waits meanwhile.

One node keeps made statements without ever copying its vault, as a log does that forgets no document; another one
copies it after every so many, while the next ones come in, and its log forgets what two copies hold. Both keep the
same.
"""

import argparse
import asyncio
import contextlib
import hashlib
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.records import _CALLER, _made
from homeroom.adapters.vault.reading import VaultReader
from homeroom.records.reading import read_json
from homeroom.records.store import Accepted, Sent
from homeroom.records.versions import Version
from homeroom.running.node import RunningNode
from homeroom.running.opening import NodeOptions

__all__ = ["add_arguments", "measure", "show"]

_NEVER_MS = 86_400_000


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the sizes."""
    parser.add_argument("--statements", type=int, default=100_000)
    parser.add_argument("--copies", type=int, default=10, help="copies that are made meanwhile")
    parser.add_argument("--batch", type=int, default=50, help="statements of a request")
    parser.add_argument("--clients", type=int, default=8, help="requests at the same time")
    parser.add_argument("--workdir", type=Path, default=Path("build/benchmarks"))


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """Measure both; the result is JSON-ready."""
    options.workdir.mkdir(parents=True, exist_ok=True)
    ways = {}
    for way, copies in (("log forgets nothing", 0), ("with copies", options.copies)):
        with tempfile.TemporaryDirectory(dir=options.workdir) as folder:
            ways[way] = asyncio.run(_Run(options, Path(folder), copies).measured())
    hashes = {way.pop("hash") for way in ways.values()}
    assert len(hashes) == 1, "both keep the same"
    return {
        "statements": options.statements,
        "copies": options.copies,
        "ways": ways,
        "hash": hashes.pop(),
    }


class _Run:
    """A node, and its clients."""

    def __init__(self, options: argparse.Namespace, path: Path, copies: int) -> None:
        self.options, self.path, self.copies = options, path, copies
        self.taken: list[tuple[bool, float]] = []
        self.copied_s: list[float] = []
        self.is_copying = False

    async def measured(self) -> dict[str, Any]:
        options = self.options
        node = await RunningNode.open(
            self.path,
            NodeOptions(now_ms=lambda: time.time_ns() // 1_000_000, record_copy_ms=_NEVER_MS),
        )
        rounds = max(1, self.copies)
        size = options.statements // rounds
        copying: asyncio.Task[None] | None = None
        for first in range(0, size * rounds, size):
            await self._send(node, range(first, first + size))
            if self.copies:
                if copying is not None:
                    await copying
                copying = asyncio.create_task(self._copy(node))
        if copying is not None:
            await copying
        await node.stop()
        kept = hashlib.sha256()
        with contextlib.closing(VaultReader(self.path / "documents.db")) as reader:
            for row in reader.rows("SELECT id FROM statements ORDER BY id", ()):
                kept.update(str(row).encode())
        return self._result(kept.hexdigest()[:16])

    async def _send(self, node: RunningNode, numbers: range) -> None:
        starts = iter(range(numbers.start, numbers.stop, self.options.batch))

        async def client() -> None:
            for start in starts:
                some = range(start, min(start + self.options.batch, numbers.stop))
                sent = Sent([read_json(_made(number)) for number in some], {}, Version.ONE)
                began = time.perf_counter()
                outcome = await node.records.accept(sent, _CALLER)
                assert isinstance(outcome, Accepted), outcome
                self.taken.append((self.is_copying, time.perf_counter() - began))

        await asyncio.gather(*(client() for _ in range(self.options.clients)))

    async def _copy(self, node: RunningNode) -> None:
        self.is_copying, began = True, time.perf_counter()
        await node.record_copies.make()
        self.is_copying = False
        self.copied_s.append(time.perf_counter() - began)

    def _result(self, digest: str) -> dict[str, Any]:
        def p99_ms(is_copying: bool) -> float | None:  # noqa: FBT001 - of this function alone
            some = [took for during, took in self.taken if during is is_copying]
            return round(float(np.percentile(some, 99)) * 1_000, 1) if some else None

        return {
            "log_bytes": _size(self.path / "log"),
            "records_bytes": sum(one.stat().st_size for one in self.path.glob("documents.db*")),
            "copies_bytes": _size(self.path / "documents.copies"),
            "last_copy_s": round(self.copied_s[-1], 2) if self.copied_s else None,
            "request_p99_ms": p99_ms(is_copying=False),
            "request_p99_ms_while_copying": p99_ms(is_copying=True),
            "hash": digest,
        }


def _size(folder: Path) -> int:
    return sum(one.stat().st_size for one in folder.iterdir()) if folder.exists() else 0


def show(result: dict[str, Any]) -> None:
    """Print the result as a table."""
    print(f"{result['statements']:,} statements, {result['copies']} copies; hash {result['hash']}")
    print("| way | log | records | copies | last copy | P99 of a request | while copying |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    for way, of in result["ways"].items():
        sizes = [
            f"{of[name] / 1e6:,.0f} MB" for name in ("log_bytes", "records_bytes", "copies_bytes")
        ]
        times = [
            "" if of[name] is None else f"{of[name]:,} {unit}"
            for name, unit in (
                ("last_copy_s", "s"),
                ("request_p99_ms", "ms"),
                ("request_p99_ms_while_copying", "ms"),
            )
        ]
        print(f"| {way} | {' | '.join([*sizes, *times])} |")
