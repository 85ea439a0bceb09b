"""Statements into the record store, one a request: what each step takes.

The statements are the real ones in ``../shared/data`` (a MOOC platform's, 1.2 kB each); without them, made ones. Steps
are those of a node: JSON is read and checked before the thread that writes; there requests are prepared (completed, cut
up, sealed), and the operations of a group of requests are applied to the vault in one transaction. The log between the
two is not part of this. At last all of it again through the ASGI application, a request a statement, each applied by
itself. Times are those of the processor: waiting for a disk is left out.
"""

import argparse
import asyncio
import gc
import gzip
import hashlib
import json
import tempfile
import time
from collections.abc import Iterator, MutableMapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchmarks.statements import REAL_STATEMENTS
from homeroom.adapters.certificates import is_signature
from homeroom.adapters.vault.applying import Vault
from homeroom.adapters.vault.coming_home import change_of_passage
from homeroom.adapters.vault.operations import Change, Stamped, decode
from homeroom.adapters.vault.passage import SealKey, decode_passage
from homeroom.adapters.vault.preparing import Prepared, Preparer
from homeroom.adapters.vault.reading import VaultReader
from homeroom.adapters.vault.records import VaultRecords
from homeroom.adapters.vault.sealing import Seals, TenantKeys
from homeroom.adapters.vault.sealing_away import Away, is_nobody
from homeroom.records.people import Json
from homeroom.records.reading import read_json
from homeroom.records.statements import check_statement
from homeroom.records.store import Caller, Sent
from homeroom.records.versions import Version
from homeroom.serve.xapi import RecordStore, Settings

__all__ = ["add_arguments", "measure", "show"]

_KEYS = TenantKeys(bytes(32), bytes(range(32)))
_NOW_MS = 1_760_000_000_000
_WANTED_PER_SECOND = 3_000
_CALLER = Caller(
    tenant="main",
    key_name="bench",
    scopes=frozenset({"read", "write"}),
    authority={
        "objectType": "Agent",
        "account": {"homePage": "https://keys.example", "name": "bench"},
    },
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the sizes."""
    parser.add_argument("--statements", type=int, default=20_000)
    parser.add_argument("--group", type=int, default=32, help="requests that are applied together")
    parser.add_argument("--workdir", type=Path, default=Path("build/benchmarks"))


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """Measure everything; the result is JSON-ready."""
    lines = _lines(options.statements)
    options.workdir.mkdir(parents=True, exist_ok=True)
    read_json(b"[" + b"[]," * 99 + b"1]")
    steps: dict[str, float] = {}
    with tempfile.TemporaryDirectory(dir=options.workdir) as folder:
        prepared = _steps(lines, options.group, Path(folder), steps)
        size_bytes = (Path(folder) / "documents.db").stat().st_size
    with tempfile.TemporaryDirectory(dir=options.workdir) as folder:
        shown = _over_asgi(lines, Path(folder), steps)
    return {
        "source": "real" if REAL_STATEMENTS.exists() else "made",
        "statements": len(lines),
        "group": options.group,
        "bytes_per_statement": round(sum(map(len, lines)) / len(lines)),
        "bytes_per_operation_set": round(sum(len(one.encoded) for one in prepared) / len(prepared)),
        "file_bytes_per_statement": round(size_bytes / len(lines)),
        "steps_us": {name: round(took, 1) for name, took in steps.items()},
        "wanted_per_second": _WANTED_PER_SECOND,
        "hash": hashlib.sha256(shown).hexdigest()[:16],
    }


def _lines(count: int) -> list[bytes]:
    if not REAL_STATEMENTS.exists():
        return [_made(number) for number in range(count)]
    return gzip.decompress(REAL_STATEMENTS.read_bytes()).splitlines()[:count]


def _made(number: int) -> bytes:
    """Return a statement like the real ones."""
    activity = {"objectType": "Activity", "id": f"http://things.example/{number % 997}"}
    course = {**activity, "definition": {"type": "http://adlnet.gov/expapi/activities/course"}}
    return json.dumps(
        {
            "id": f"00000000-0000-4000-8000-{number:012d}",
            "actor": {
                "account": {"homePage": "http://lms.example", "name": f"learner {number % 1999}"}
            },
            "verb": {
                "id": "https://w3id.org/xapi/video/verbs/played",
                "display": {"en-US": "played"},
            },
            "object": {**activity, "definition": {"name": {"en-US": "A video"}}},
            "context": {"contextActivities": {"parent": [course]}},
            "timestamp": "2026-03-01T12:00:00.123456+00:00",
        }
    ).encode()


@contextmanager
def _timed(steps: dict[str, float], name: str, count: int) -> Iterator[None]:
    """Note microseconds of the processor a statement.

    The collector rests: so many live objects are the benchmark's, not a node's.
    """
    gc.collect()
    gc.disable()
    start = time.process_time()
    yield
    steps[name] = (time.process_time() - start) / count * 1e6
    gc.enable()


def _steps(lines: list[bytes], group: int, folder: Path, steps: dict[str, float]) -> list[Prepared]:
    count = len(lines)
    with _timed(steps, "read JSON", count):
        statements = [read_json(line) for line in lines]
    with _timed(steps, "check", count):
        for statement in statements:
            check_statement(statement, Version.ONE)
    vault = Vault(folder / "documents.db")
    preparer = Preparer(VaultReader(vault.path), lambda _: _KEYS)
    done: list[Prepared] = []
    prepare_s = apply_s = 0.0
    gc.collect()
    gc.disable()
    for at in range(0, count, group):
        start = time.process_time()
        some = [
            _prepared(preparer, statement, _NOW_MS + at)
            for statement in statements[at : at + group]
        ]
        middle = time.process_time()
        vault.apply([Stamped(at + 1, b"", [one.change for one in some])], str(at))
        for one in some:
            preparer.applied(one)
        apply_s += time.process_time() - middle
        prepare_s += middle - start
        done += some
    gc.enable()
    vault.close()
    steps["prepare and seal"] = prepare_s / count * 1e6
    steps["apply"] = apply_s / count * 1e6
    with _timed(steps, "decode operations", count):
        for one in done:
            _decoded(one)
    _away(statements, folder, steps)
    return done


def _away(statements: list[Json], folder: Path, steps: dict[str, float]) -> None:
    """Seal each statement for another jurisdiction, and open it there."""
    home = SealKey(bytes(range(32)))
    away = Away(
        home_of=lambda _issuer, _account, _key: "eu",
        seal_keys={"eu": home.public_text},
        root=bytes(32),
    )
    vault = Vault(folder / "away.db")
    preparer = Preparer(VaultReader(vault.path), lambda _: _KEYS, lambda _: away)
    named = [one for one in statements if not is_nobody(one["actor"])]
    with _timed(steps, "prepare and seal for another jurisdiction", len(named)):
        gone = [_prepared(preparer, one, _NOW_MS + at) for at, one in enumerate(named)]
    sealed = [passage for one in gone for passage in one.sealed.values()]
    seals = Seals(_KEYS)
    with _timed(steps, "open what was sealed elsewhere", len(sealed)):
        for passage in sealed:
            change_of_passage(decode_passage(passage), home, seals)
    vault.close()


def _prepared(preparer: Preparer, statement: Json, now_ms: int) -> Prepared:
    found = preparer.accept(Sent([statement], {}, Version.ONE), _CALLER, now_ms)
    assert isinstance(found, Prepared), found
    return found


def _decoded(prepared: Prepared) -> Change | None:
    return decode(prepared.encoded) if prepared.encoded else None


def _over_asgi(lines: list[bytes], folder: Path, steps: dict[str, float]) -> bytes:
    """Send each statement through the application; return the ids of the newest, which must be the last sent."""
    ticks = iter(range(_NOW_MS, _NOW_MS + 10 * len(lines)))
    records = VaultRecords(folder / "documents.db", lambda _: _KEYS, lambda: next(ticks))
    store = RecordStore(records, Settings(is_signature))

    async def send_all() -> bytes:
        with _timed(steps, "all of it over ASGI, applied singly", len(lines)):
            for line in lines:
                await _exchange(store, "POST", b"", line)
        return await _exchange(store, "GET", b"format=ids&limit=20", b"")

    try:
        return asyncio.run(send_all())
    finally:
        records.close()


async def _exchange(store: RecordStore, method: str, query: bytes, body: bytes) -> bytes:
    answered: list[Any] = []
    scope = {
        "type": "http",
        "method": method,
        "path": "/xapi/statements",
        "query_string": query,
        "headers": [
            (b"content-type", b"application/json"),
            (b"x-experience-api-version", b"1.0.3"),
        ],
        "caller": _CALLER,
    }

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body}

    async def send(message: MutableMapping[str, Any]) -> None:
        answered.append(message)

    await store(scope, receive, send)
    assert answered[0]["status"] == 200, answered
    found: bytes = answered[1]["body"]
    return found


def show(result: dict[str, Any]) -> None:
    """Print the result as a table."""
    print(
        f"{result['statements']:,} {result['source']} statements, {result['bytes_per_statement']} bytes each"
    )
    print("| step | µs of the processor, a statement |")
    print("| --- | --- |")
    for name, took in result["steps_us"].items():
        print(f"| {name} | {took:.1f} |")
    print(
        f"operations {result['bytes_per_operation_set']} bytes, in the file "
        f"{result['file_bytes_per_statement']} bytes a statement; hash {result['hash']}"
    )
