"""How much a node takes over HTTP, and how long until a client hears that it is durable, with everything on.

A node runs as people run it: `homeroom serve` on a fresh directory, with a key, ids of batches, pseudonyms, fold,
memberships and the vault. The load comes from another process on the same processors (`benchmarks.ingest_load`), whose
share is told. Each kind of load comes twice: in a closed loop, for how much gets through, then in an open one at half
of the rate that is wanted, for the delays, which count from the moment at which a request should have been sent. A
bare ``write`` and ``fdatasync`` in the same folder runs beside the second, since disks answer in 0.2 ms or in 8 ms by
the hour.

At the end the node must say that it has folded exactly what it acknowledged, and a count over all of it is hashed.

The way not taken is a load generator in C (wrk): it would take less of the processors than this one, whose share is
told, but it cannot send each batch once, under its own id.

Of the field's own record stores none could be had from the registries that runs here by itself. Ralph (openfun; 5.1.0)
keeps statements in files, or in servers that are not here (Elasticsearch, MongoDB, ClickHouse); its file backend takes
one request and answers 500 to each one after it ("already exists and overwrite is not allowed").
"""

import argparse
import hashlib
import json
import os
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from benchmarks.alone import run_alone
from benchmarks.ingest_node import ServedNode, served
from benchmarks.timing import timing_of

__all__ = ["DELAY_MS_MAX", "add_arguments", "measure", "probed", "show"]

_PROBE_MS: Final = 10
_PROBE_BYTES: Final = 8_192
DELAY_MS_MAX: Final = 10.0
"""What an acknowledgement may take beside three bare ``fdatasync``."""


@dataclass(frozen=True, slots=True)
class _Kind:
    """A kind of load: what is sent, over how many connections, and how much of it a node should take in a second."""

    name: str
    sends: str
    batch: int
    connections: int
    wanted_per_second: int


_KINDS: Final = (
    _Kind("batches", "events", 100, 16, 150_000),
    _Kind("singles", "events", 1, 64, 8_000),
    _Kind("statements", "statements", 1, 64, 3_000),
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the sizes."""
    parser.add_argument("--batched-events", type=int, default=1_000_000)
    parser.add_argument("--single-events", type=int, default=60_000)
    parser.add_argument("--statements", type=int, default=20_000)
    parser.add_argument("--learners", type=int, default=100_000, help="of whom the events are")
    parser.add_argument("--open-seconds", type=float, default=15.0, help="of load at half the rate")
    parser.add_argument("--workdir", type=Path, default=Path("build/benchmarks"))


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """Measure each kind of load; the result is JSON-ready."""
    options.workdir.mkdir(parents=True, exist_ok=True)
    with (
        tempfile.TemporaryDirectory(dir=options.workdir) as folder,
        served(Path(folder) / "node") as node,
    ):
        run = _Run(node, Path(folder), options)
        run.warm()
        kinds = {kind.name: run.measured(kind) for kind in _KINDS}
        digest = run.checked()
    return {"kinds": kinds, "events": run.acknowledged, "hash": digest}


class _Run:
    """One node and the load on it; numbers of events go on from one load to the next."""

    def __init__(self, node: ServedNode, folder: Path, options: argparse.Namespace) -> None:
        self.acknowledged = 0
        self._node, self._folder, self._options = node, folder, options
        self._next = 0

    def warm(self) -> None:
        """Have the node compile and import what it needs."""
        for kind in _KINDS:
            self._send(kind, 40 * kind.batch, None)
        self._node.folded(self.acknowledged)

    def measured(self, kind: _Kind) -> dict[str, Any]:
        """Send one kind of load, twice."""
        options = self._options
        count = {
            "batches": options.batched_events,
            "singles": options.single_events,
            "statements": options.statements,
        }[kind.name]
        before_s, load = self._node.processor_s(), os.getloadavg()[0]
        closed = self._send(kind, count, None)
        folded_s = self._node.folded(self.acknowledged)
        used_s = self._node.processor_s() - before_s
        half = kind.wanted_per_second / 2
        in_time = max(round(half * options.open_seconds), kind.batch)
        with probed(self._folder) as probes:
            opened = self._send(kind, in_time, half / kind.batch)
        bare = timing_of(probes)
        return {
            "connections": kind.connections,
            "batch": kind.batch,
            "wanted_per_second": kind.wanted_per_second,
            "per_second": round(closed["accepted"] / closed["seconds"]),
            "node_us": round(1e6 * used_s / closed["accepted"], 1),
            "generator_us": round(1e6 * closed["processor_s"] / closed["accepted"], 1),
            "folded_after_s": round(folded_s, 2),
            "load_before": round(load, 1),
            "delay": opened["delay"],
            "open_per_second": round(opened["accepted"] / opened["seconds"]),
            "bare": bare.to_json(),
            "wanted_p99_ms": round(3 * bare.p99_ms + DELAY_MS_MAX, 2),
        }

    def _send(self, kind: _Kind, count: int, per_second: float | None) -> dict[str, Any]:
        found = run_alone(
            "benchmarks.ingest_load:run",
            {
                "address": self._node.address,
                "key": self._node.key,
                "kind": kind.sends,
                "first": self._next,
                "count": count,
                "batch": kind.batch,
                "learners": self._options.learners,
                "connections": kind.connections,
                "per_second": per_second,
            },
        )
        self._next += count
        self.acknowledged += found["accepted"]
        if found["statuses"].keys() != {"200"}:
            raise SystemExit(f"not every request was taken: {found['statuses']}")
        return found

    def checked(self) -> str:
        """Return a hash of how many learners were active on each day; all that was acknowledged must be there."""
        self._node.folded(self.acknowledged)
        events = self._node.get("/v1/status")["events"]
        if events != self.acknowledged:
            raise SystemExit(
                f"{self.acknowledged:,} events were acknowledged, and {events:,} are there"
            )
        answer = self._node.ask({"question": "active"})
        days = json.dumps(answer["answer"]["active"]["day"], sort_keys=True)
        return hashlib.sha256(days.encode()).hexdigest()[:16]


@contextmanager
def probed(folder: Path) -> Iterator[list[float]]:
    """Write and ``fdatasync`` a file now and then meanwhile; the seconds of each time are in the list at the end."""
    found: list[float] = []
    done = threading.Event()

    def probe() -> None:
        descriptor = os.open(folder / "probe", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        while not done.wait(_PROBE_MS / 1_000):
            begun = time.perf_counter()
            os.write(descriptor, bytes(_PROBE_BYTES))
            os.fdatasync(descriptor)
            found.append(time.perf_counter() - begun)
        os.close(descriptor)

    thread = threading.Thread(target=probe)
    thread.start()
    try:
        yield found
    finally:
        done.set()
        thread.join()


def show(result: dict[str, Any]) -> None:
    """Print the result for a person."""
    for name, kind in result["kinds"].items():
        delay, bare = kind["delay"], kind["bare"]
        print(
            f"{name}: {kind['per_second']:,} events a second of {kind['wanted_per_second']:,} wanted, "
            f"{kind['connections']} connections; processors {kind['node_us']} µs an event, generator "
            f"{kind['generator_us']}; load before {kind['load_before']}"
        )
        print(
            f"  at {kind['open_per_second']:,} a second: median {delay['median_ms']:.2f} ms, P99 "
            f"{delay['p99_ms']:.2f} ms (wanted {kind['wanted_p99_ms']}); bare fdatasync P99 {bare['p99_ms']:.2f} ms"
        )
    print(f"{result['events']:,} events acknowledged, and as many folded; hash {result['hash']}")
