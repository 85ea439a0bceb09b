"""What it costs until a group of batches is durable: each store of the log, beside a bare write and ``fdatasync``.

A write is what a node makes of many requests at once: an entry or two and the records of their batches. The bare way
appends as many bytes to a file and calls ``fdatasync``; it takes turns with the store, write by write, since one disk
answers in 0.2 ms now and in 8 ms an hour later. Processor time is that of the writing thread. SQLite moves the pages of
its journal at the end of a write (``sqlite``), or in another thread (``sqlite_aside``), as a node does. PostgreSQL is
measured where a server is named. What was written is read back and its chain checked.
"""

import argparse
import hashlib
import os
import shutil
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.timing import timing_of
from homeroom.adapters.log_folder import SqliteLogFolder
from homeroom.adapters.log_postgres import PostgresStore
from homeroom.adapters.signing import KnownKeys, NodeKey
from homeroom.log.entries import Entry, Head, make_entry
from homeroom.log.log import BatchRecord
from homeroom.log.origins import Origin, Stream
from homeroom.log.store import Store

__all__ = ["add_arguments", "measure", "show"]

_KEY = NodeKey(bytes(32))
_PUBLIC = KnownKeys({"here": _KEY.public_text})
_WAYS = {
    "sqlite": "SQLite",
    "sqlite_aside": "SQLite, pages moved by another thread",
    "postgres": "PostgreSQL on this machine",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the sizes."""
    parser.add_argument("--writes", type=int, default=3_000)
    parser.add_argument("--records", type=int, default=64, help="batches of a write")
    parser.add_argument("--entry-bytes", type=int, default=6_000, help="payload of an entry")
    parser.add_argument("--postgres", help="URL of an empty database; without it SQLite alone")
    parser.add_argument("--workdir", type=Path, default=Path("build/benchmarks"))


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """Measure each store; the result is JSON-ready."""
    folder = options.workdir / "log"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    ways: dict[str, Any] = {"sqlite": lambda: SqliteLogFolder(folder / "at once")}
    found = {}
    with ThreadPoolExecutor(1) as threads:
        ways["sqlite_aside"] = lambda: SqliteLogFolder(folder / "aside", threads.submit)
        if options.postgres:
            ways["postgres"] = lambda: PostgresStore(options.postgres, "here", uuid.uuid4().hex)
        for name, opened in ways.items():
            found[name] = _measured(opened(), folder / "bare", options)
    shutil.rmtree(folder)
    return {
        "writes": options.writes,
        "records": options.records,
        "entry_bytes": options.entry_bytes,
        "ways": found,
        "hash": found["sqlite"]["hash"],
    }


def _measured(store: Store, bare: Path, options: argparse.Namespace) -> dict[str, Any]:
    rng = np.random.default_rng(1)
    incarnation = uuid.UUID(int=int(rng.integers(1 << 62))).hex
    origins = [Origin("here", incarnation, stream) for stream in (Stream.ANALYTIC, Stream.DOCUMENT)]
    heads = dict.fromkeys(origins, Head())
    wholes, bares, busy = [], [], []
    descriptor = os.open(bare, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    for number in range(options.writes):
        entries = [
            make_entry(o, heads[o], (number + 1, 0), rng.bytes(options.entry_bytes), _KEY.sign)
            for o in origins
        ]
        records = _records(entries[0], number, options.records)
        size = sum(len(entry.payload) + 400 for entry in entries) + 250 * len(records)
        begun = time.perf_counter()
        os.write(descriptor, bytes(size))
        os.fdatasync(descriptor)
        bares.append(time.perf_counter() - begun)
        begun, begun_busy = time.perf_counter(), time.thread_time()
        store.write(entries, records)
        busy.append(time.thread_time() - begun_busy)
        wholes.append(time.perf_counter() - begun)
        heads |= {entry.origin: entry.head for entry in entries}
    os.close(descriptor)
    digest = _read_back(store, origins[0], options.writes)
    store.close()
    return {
        "write": timing_of(wholes).to_json(),
        "bare": timing_of(bares).to_json(),
        "processor_ms": round(1e3 * sum(busy) / len(busy), 3),
        "writes_per_second": round(len(wholes) / sum(wholes)),
        "hash": digest,
    }


def _records(entry: Entry, number: int, count: int) -> list[BatchRecord]:
    return [
        BatchRecord(
            owner="key",
            # As version 7 of RFC 9562: ids in the order of time.
            batch_id=f"{number:012x}-{hashlib.sha256(b'%d %d' % (number, i)).hexdigest()[:20]}",
            digest=hashlib.sha256(b"%d" % i).digest(),
            answer=b'{"accepted":100,"rejected":[]}',
            token=entry.token,
        )
        for i in range(count)
    ]


def _read_back(store: Store, origin: Origin, count: int) -> str:
    head, digest = Head(), hashlib.sha256()
    while head.number < count:
        for entry in store.read(origin, head.number + 1, 256):
            entry.check(head, _PUBLIC.verify)
            head = entry.head
            digest.update(entry.digest)
    return digest.hexdigest()[:16]


def show(result: dict[str, Any]) -> None:
    """Print the result for a person."""
    print(
        f"{result['writes']:,} writes of 2 entries of {result['entry_bytes']:,} bytes and "
        f"{result['records']} records"
    )
    for name, way in result["ways"].items():
        write, bare = way["write"], way["bare"]
        print(
            f"{_WAYS[name]:<38} median {write['median_ms']:6.2f} ms, P99 {write['p99_ms']:6.2f} ms; bare "
            f"{bare['median_ms']:6.2f}, {bare['p99_ms']:6.2f}; processor {way['processor_ms']:.3f} ms"
        )
