"""xAPI statements from a file to an open data set: validated, deduplicated, rejects written, history kept.

One processor, so that a figure is a core's. The file is made of the real statements in ``../shared/data`` (a MOOC
platform's, 1.2 kB each), over and over with other ids, learners and times, so that nothing repeats and no table of
ids stays in a cache; without them, of generated ones. In every megabyte one line is broken, as real logs are: the
chunk that holds it is decoded a second time, line by line. For orientation the peers extract the same fields into a
table of their own, which is neither validated nor deduplicated, and count learners by week, which must be ours.
"""

import argparse
import cProfile
import gzip
import hashlib
import os
import pstats
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from benchmarks.alone import run_alone

__all__ = [
    "REAL_STATEMENTS",
    "add_arguments",
    "measure",
    "prepare",
    "read_ours",
    "read_peer",
    "show",
]

REAL_STATEMENTS = Path(__file__).resolve().parents[2] / "shared/data/ralph/statements.json.gz"
_BROKEN_EVERY_BYTES = 1 << 20
_WEEK_SECONDS = 7 * 86_400
_TARGETS = {"plain": 250_000, "gz": 150_000}
_SUFFIXES = {"plain": "", "gz": ".gz", "zst": ".zst"}
_PROFILE_LINES = 25


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the sizes."""
    parser.add_argument("--statements", type=int, default=264_000)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--forms", nargs="+", choices=list(_SUFFIXES), default=list(_SUFFIXES))
    parser.add_argument("--profile", action="store_true", help="say where our time goes")
    parser.add_argument("--peers", choices=["all", "none"], default="all")
    parser.add_argument("--workdir", type=Path, default=Path("build/benchmarks"))


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """Measure everything; the result is JSON-ready."""
    folder = options.workdir / "statements"
    facts = prepare(folder, options.statements)
    ours, peers = {}, []
    for form in options.forms:
        path = str(folder / f"{facts['name']}{_SUFFIXES[form]}")
        asked = {"path": path, "runs": options.runs, "profile": options.profile}
        found = run_alone("benchmarks.statements:read_ours", asked, processors=1)
        _check(found, facts)
        rate = facts["lines"] / found["median_s"]
        ours[form] = found | {
            "statements_per_second": round(rate),
            "target": _TARGETS.get(form),
            "megabytes_per_second": round(facts["size_bytes"] / found["median_s"] / 1e6),
        }
        if options.peers == "all":
            peers.append(_peer("duckdb", form, path, found, facts))
    if options.peers == "all" and "plain" in options.forms:
        # Polars ends at the first broken line, so it gets a file that has none.
        whole = str(folder / f"{facts['name']}.whole")
        peers.append(_peer("polars", "plain", whole, ours["plain"], facts))
    return {
        "source": facts["source"],
        "statements": facts["statements"],
        "broken_lines": facts["broken"],
        "bytes_per_statement": round(facts["size_bytes"] / facts["lines"]),
        "ours": ours,
        "peers": peers,
        "hash": next(iter(ours.values()))["weeks_hash"],
    }


def _peer(
    name: str, form: str, path: str, ours: dict[str, Any], facts: dict[str, Any]
) -> dict[str, Any]:
    found = run_alone("benchmarks.statements:read_peer", {"peer": name, "path": path}, processors=1)
    assert found["weeks"] == ours["weeks"], f"{name} counts other learners by week than we do"
    rate = facts["lines"] / found["seconds"]
    return {
        "peer": name,
        "form": form,
        "statements_per_second": round(rate),
        "equal": True,
        "ratio": round(found["seconds"] / ours["median_s"], 2),
    }


def _check(found: dict[str, Any], facts: dict[str, Any]) -> None:
    for name, wanted in (
        ("events_accepted", facts["statements"]),
        ("events_rejected", facts["broken"]),
        ("events_duplicate", 0),
        ("rejects_written", facts["broken"]),
    ):
        assert found[name] == wanted, f"{name} == {found[name]}, must be {wanted}."


def prepare(folder: Path, statements: int) -> dict[str, Any]:
    """Write the file in its three forms, if it is not there yet; return what it holds."""
    real = REAL_STATEMENTS.exists()
    name = f"{'real' if real else 'generated'}-{statements}.ndjson"
    plain, facts_file = folder / name, folder / f"{name}.facts"
    folder.mkdir(parents=True, exist_ok=True)
    if not facts_file.exists():
        lines = _real_lines(statements) if real else _generated_lines(folder, statements)
        broken, size_bytes, next_broken = 0, 0, _BROKEN_EVERY_BYTES
        with plain.open("wb") as file, plain.with_name(f"{name}.whole").open("wb") as whole:
            for line in lines:
                whole.write(line)
                if size_bytes >= next_broken:
                    size_bytes += file.write(line[: len(line) // 2].rstrip() + b"\n")
                    broken += 1
                    next_broken = size_bytes + _BROKEN_EVERY_BYTES
                size_bytes += file.write(line)
        _compress(plain)
        facts_file.write_text(f"{broken} {size_bytes}")
    broken, size_bytes = (int(word) for word in facts_file.read_text().split())
    return {
        "name": name,
        "source": "real statements, repeated with other ids" if real else "generated statements",
        "statements": statements,
        "broken": broken,
        "lines": statements + broken,
        "size_bytes": size_bytes,
    }


def _compress(plain: Path) -> None:
    import zstandard

    data = plain.read_bytes()
    plain.with_name(f"{plain.name}.gz").write_bytes(gzip.compress(data, 6))
    plain.with_name(f"{plain.name}.zst").write_bytes(zstandard.compress(data, 3))


def _real_lines(statements: int) -> Iterator[bytes]:
    import msgspec

    decoder = msgspec.json.Decoder()
    originals = []
    with gzip.open(REAL_STATEMENTS) as file:
        for line in file:
            read = decoder.decode(line)
            account = read["actor"].get("account", {}).get("name", "")
            originals.append(
                (line, read["id"].encode(), read["timestamp"].encode(), account.encode())
            )
    for number in range(statements):
        line, event_id, written, account = originals[number % len(originals)]
        copy = number // len(originals)
        if copy:
            line = line.replace(event_id, _other_uuid(event_id, copy))
            line = line.replace(written, _later(written, copy))
            if len(account) == len(event_id):
                line = line.replace(account, _other_uuid(account, copy))
        yield line


def _other_uuid(text: bytes, copy: int) -> bytes:
    digits = hashlib.md5(b"%d %b" % (copy, text)).hexdigest()
    return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-a{digits[17:20]}-{digits[20:]}".encode()


def _later(written: bytes, copy: int) -> bytes:
    """Return the time so many weeks later, in the form that it was written in."""
    from datetime import datetime, timedelta

    return (
        (datetime.fromisoformat(written.decode()) + timedelta(weeks=copy))
        .isoformat(timespec="microseconds")
        .encode()
    )


def _generated_lines(folder: Path, statements: int) -> Iterator[bytes]:
    from homeroom.simulation.world import LearnerWorld
    from homeroom.simulation.writers import Target, write_world

    path = folder / f"world-{statements}.ndjson"
    world = LearnerWorld(learners=max(1, statements // 40), events=statements, repeats=0.0)
    write_world(world, Target.at(path), lambda _lines: None)
    with path.open("rb") as file:
        yield from file
    path.unlink()


def read_ours(asked: dict[str, Any]) -> dict[str, Any]:
    """Read the file as a user does, several times; called in a process of its own."""
    import tempfile

    import homeroom as hr

    with tempfile.TemporaryDirectory() as folder:
        key, rejects = Path(folder) / "bench.key", Path(folder) / "rejects.ndjson"
        warm = Path(folder) / "warm.ndjson"
        with Path(asked["path"].removesuffix(".gz").removesuffix(".zst")).open("rb") as file:
            warm.write_bytes(b"".join(file.readline() for _ in range(2_000)))
        hr.read(warm, key=key, rejects=rejects)
        seconds, processor = [], []
        for _ in range(asked["runs"]):
            start, used = time.perf_counter(), time.process_time()
            data = hr.read(asked["path"], key=key, rejects=rejects)
            seconds.append(time.perf_counter() - start)
            processor.append(time.process_time() - used)
        profile = _profile(lambda: hr.read(asked["path"], key=key)) if asked["profile"] else None
        written = rejects.read_bytes().count(b"\n") if rejects.exists() else 0
        weeks = data.active().week.values.tolist()
    source = data.source
    return {
        "median_s": sorted(seconds)[len(seconds) // 2],
        "seconds": [round(s, 3) for s in seconds],
        # What another process on the same processor does not take away.
        "processor_seconds": [round(s, 3) for s in processor],
        "events_accepted": source.events_accepted,
        "events_rejected": source.events_rejected,
        "events_duplicate": source.events_duplicate,
        "rejects_written": written,
        "learners": source.learners,
        "weeks": weeks,
        "weeks_hash": hashlib.sha256(str(weeks).encode()).hexdigest()[:16],
        "profile": profile,
    }


def _profile(work: Callable[[], object]) -> list[dict[str, Any]]:
    """Return the functions that the time is spent in."""
    profiler = cProfile.Profile()
    profiler.runcall(work)
    rows = [
        {
            "function": f"{Path(place[0]).name}:{place[2]}",
            "calls": row[1],
            "seconds": round(row[2], 3),
        }
        for place, row in pstats.Stats(profiler).stats.items()  # type: ignore[attr-defined]
    ]
    return sorted(rows, key=lambda row: -row["seconds"])[:_PROFILE_LINES]


_DUCK_COLUMNS = """{
    id: 'VARCHAR', timestamp: 'VARCHAR',
    actor: 'STRUCT(account STRUCT("name" VARCHAR, "homePage" VARCHAR), mbox VARCHAR)',
    verb: 'STRUCT(id VARCHAR)', object: 'STRUCT(id VARCHAR)',
    result: 'STRUCT(score STRUCT(scaled DOUBLE), success BOOLEAN, completion BOOLEAN, duration VARCHAR)',
    context: 'STRUCT("contextActivities" STRUCT(parent STRUCT(id VARCHAR)[]))'}"""
_DUCK_TABLE = """create or replace table events as select id, timestamp::timestamptz as time,
    actor.account.name as account, actor.account."homePage" as issuer, verb.id as verb, object.id as activity,
    context."contextActivities".parent[1].id as course, result.score.scaled as score,
    result.success as success, result.completion as completion, result.duration as duration
    from read_json('{path}', format = 'newline_delimited', ignore_errors = true, columns = {columns})
    where id is not null"""


def read_peer(asked: dict[str, Any]) -> dict[str, Any]:
    """Extract the same fields with a peer; called in a process of its own."""
    work = {"duckdb": _read_duckdb, "polars": _read_polars}[asked["peer"]](asked["path"])
    weeks = work()
    start = time.perf_counter()
    work()
    return {"seconds": time.perf_counter() - start, "weeks": weeks}


def _read_duckdb(path: str) -> Callable[[], list[int]]:
    import duckdb

    con = duckdb.connect()
    con.execute(f"set threads = {len(os.sched_getaffinity(0))}; set timezone = 'UTC'")

    def work() -> list[int]:
        con.execute(_DUCK_TABLE.format(path=path, columns=_DUCK_COLUMNS))
        found = con.execute(
            """select count(distinct (issuer, account)) from events
            group by date_trunc('week', time) order by date_trunc('week', time)"""
        ).fetchall()
        return [int(n) for (n,) in found]

    return work


def _read_polars(path: str) -> Callable[[], list[int]]:
    import polars as pl

    text = pl.String
    schema: dict[str, Any] = {
        "id": text,
        "timestamp": text,
        "actor": pl.Struct({"account": pl.Struct({"name": text, "homePage": text})}),
        "verb": pl.Struct({"id": text}),
        "object": pl.Struct({"id": text}),
        "result": pl.Struct(
            {
                "score": pl.Struct({"scaled": pl.Float64}),
                "success": pl.Boolean,
                "completion": pl.Boolean,
            }
        ),
    }

    def work() -> list[int]:
        account = pl.col("actor").struct.field("account").struct
        table = (
            pl.scan_ndjson(path, schema=schema, ignore_errors=True)
            .select(
                "id",
                time=pl.col("timestamp").str.to_datetime(time_zone="UTC"),
                account=account.field("name"),
                issuer=account.field("homePage"),
                verb=pl.col("verb").struct.field("id"),
                activity=pl.col("object").struct.field("id"),
                score=pl.col("result").struct.field("score").struct.field("scaled"),
            )
            .filter(pl.col("id").is_not_null())
            .collect(engine="streaming")
        )
        learners = pl.struct("issuer", "account").n_unique().alias("n")
        weeks = table.group_by(pl.col("time").dt.truncate("1w")).agg(learners).sort("time")
        return [int(n) for n in weeks.get_column("n")]

    return work


def show(result: dict[str, Any]) -> None:
    """Print the result for a person."""
    print(
        f"{result['statements']:,} statements of {result['bytes_per_statement']} bytes ({result['source']}), "
        f"{result['broken_lines']} broken lines, one processor"
    )
    for form, found in result["ours"].items():
        wanted = f", wanted {found['target']:,}" if found["target"] else ""
        print(
            f"{form:<6} {found['statements_per_second']:>9,} statements/s{wanted}, "
            f"{found['megabytes_per_second']} MB/s, {found['learners']:,} learners"
        )
        for row in found["profile"] or ():
            print(f"    {row['seconds']:7.3f} s {row['calls']:>9,} calls  {row['function']}")
    for peer in result["peers"]:
        print(
            f"    {peer['peer']}, {peer['form']}: {peer['statements_per_second']:,} statements/s, "
            f"{peer['ratio']} times our time"
        )
