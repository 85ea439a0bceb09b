"""A course report over a loaded directory, all parts at once, against DuckDB over the same events.

The course run has so many events (ten million at full size), a quarter as many are of another run. Each side is asked
in a fresh process from its first import on, with files in the page cache, and once more in the same process; ours a
third time with the columns of history held in memory. DuckDB answers the same parts by the queries of
`benchmarks.course_sql`, from our Parquet files and from its own table (learners as numbers, texts as enumerations,
sorted by learner and time). All figures are compared, the curves of the videos second by second.
"""

import argparse
import hashlib
import json
import shutil
import time
from pathlib import Path
from typing import Any

from benchmarks.alone import peak_bytes, run_alone
from benchmarks.course_events import COURSE, make_directory
from benchmarks.course_sql import PARTS, asked, of_report

__all__ = ["add_arguments", "ask_duckdb", "ask_ours", "measure", "show"]

_ORIGINS = ("table", "our parquet")
_ENUMS = ("verb", "activity", "track", "standing", "section", "answer")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the sizes."""
    parser.add_argument("--events", type=int, default=10_000_000)
    parser.add_argument("--learners", type=int, default=None, help="default: a hundredth of events")
    parser.add_argument("--runs", type=int, default=3, help="processes a side")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--workdir", type=Path, default=Path("build/benchmarks"))


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """Measure everything; the result is JSON-ready."""
    learners = options.learners or max(1, options.events // 100)
    folder = options.workdir / "course_report" / f"{options.events}-{learners}"
    _prepare(folder, options.events, learners)
    ours = _asked("ours", {"folder": str(folder)}, options)
    figures = ours.pop("figures")
    peers: list[dict[str, Any]] = []
    for origin in _ORIGINS:
        found = _asked("duckdb", {"folder": str(folder), "origin": origin}, options)
        others = found.pop("figures")
        differ = [name for name in PARTS if others[name] != figures[name]]
        assert not differ, f"DuckDB ({origin}) answers otherwise: {', '.join(differ)}"
        peers.append({"peer": "duckdb", "origin": origin} | found)
    quickest = min(peer["again_s"] for peer in peers)
    return {
        "events": options.events,
        "learners": learners,
        "threads": options.threads,
        "ours": ours,
        "peers": peers,
        "ratio": round(min(peer["first_s"] for peer in peers) / ours["first_s"], 2),
        "ratio_again": round(quickest / ours["again_s"], 2),
        "ratio_held": round(quickest / ours["held_s"], 2),
        "hash": hashlib.sha256(json.dumps(figures).encode()).hexdigest()[:16],
    }


def _prepare(folder: Path, events: int, learners: int) -> None:
    """Make the directory and DuckDB's table, if they are not there whole."""
    mark = folder / "made.done"
    if mark.exists():
        return
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    make_directory(folder / "data", events, learners)
    _fill_table(folder)
    mark.touch()


def _fill_table(folder: Path) -> None:
    import duckdb

    with duckdb.connect(str(folder / "events.duckdb")) as con:
        con.execute("set threads = 2; set timezone = 'UTC'; set preserve_insertion_order = false")
        source = f"read_parquet('{folder}/data/history/*.parquet')"
        for name in _ENUMS:
            values = (
                f"select distinct {name} from {source} where {name} is not null order by {name}"
            )
            con.execute(f"create type {name}_name as enum ({values})")
        con.execute(
            f"create table people as select learner as blob, row_number() over ()::uinteger as learner "
            f"from (select distinct learner from {source})"
        )
        typed = ", ".join(f"e.{name}::{name}_name as {name}" for name in _ENUMS)
        con.execute(
            f"""create table events as select p.learner, e.time::timestamp as time, {typed},
                e.success, e.score, e.duration_ms, e.position_s, e.position_from_s, e.length_s
            from {source} e join people p on e.learner = p.blob where e.course = '{COURSE}'
            order by p.learner, time"""
        )
        con.execute("drop table people; checkpoint")


def _asked(side: str, given: dict[str, Any], options: argparse.Namespace) -> dict[str, Any]:
    """Ask in so many fresh processes; return the medians and the last answer."""
    place = f"benchmarks.course_report:ask_{side}"
    found = [run_alone(place, given, processors=options.threads) for _ in range(options.runs)]
    medians = {
        name: round(sorted(one[name] for one in found)[options.runs // 2], 3)
        for name in found[-1]
        if name.endswith("_s")
    }
    return found[-1] | medians


def ask_ours(given: dict[str, Any]) -> dict[str, Any]:
    """Open the directory and ask; called in a process of its own."""
    start = time.perf_counter()
    from homeroom.analyzer import open_directory

    data = open_directory(Path(given["folder"]) / "data")
    run = data.report(course=COURSE).runs[0]
    seconds = {"first_s": time.perf_counter() - start}
    peak = peak_bytes()
    start = time.perf_counter()
    data.report(course=COURSE)
    seconds["again_s"] = time.perf_counter() - start
    for segment in data._node.state.segments:  # noqa: SLF001 - what a node in service holds
        for name in segment.columns:
            segment.columns[name]
    start = time.perf_counter()
    data.report(course=COURSE)
    seconds["held_s"] = time.perf_counter() - start
    return {**seconds, "peak_bytes": peak, "figures": of_report(run)}


def ask_duckdb(given: dict[str, Any]) -> dict[str, Any]:
    """Open DuckDB's file, or our Parquet files, and ask; called in a process of its own."""
    start = time.perf_counter()
    import os

    import duckdb

    folder = Path(given["folder"])
    if given["origin"] == "table":
        con = duckdb.connect(str(folder / "events.duckdb"), read_only=True)
    else:
        con = duckdb.connect()
        con.execute(
            f"create view events as select * replace (time::timestamp as time) "
            f"from read_parquet('{folder}/data/history/*.parquet') where course = '{COURSE}'"
        )
    con.execute(f"set threads = {len(os.sched_getaffinity(0))}; set timezone = 'UTC'")
    figures = asked(con.execute)
    seconds = {"first_s": time.perf_counter() - start}
    peak = peak_bytes()
    start = time.perf_counter()
    asked(con.execute)
    seconds["again_s"] = time.perf_counter() - start
    return {**seconds, "peak_bytes": peak, "figures": figures}


def show(result: dict[str, Any]) -> None:
    """Print the result for a person."""
    ours = result["ours"]
    print(
        f"{result['events']:,} events of {result['learners']:,} learners, {result['threads']} threads, "
        f"result {result['hash']}"
    )
    print(
        f"homeroom            first {ours['first_s']:7.2f} s, again {ours['again_s']:7.2f} s, columns held "
        f"{ours['held_s']:7.2f} s, {ours['peak_bytes'] / 1e6:,.0f} MB; ratio {result['ratio']}, again "
        f"{result['ratio_again']}, held {result['ratio_held']}"
    )
    for peer in result["peers"]:
        print(
            f"duckdb, {peer['origin']:<11} first {peer['first_s']:7.2f} s, again {peer['again_s']:7.2f} s, "
            f"{peer['peak_bytes'] / 1e6:,.0f} MB"
        )
