"""From raw Parquet to the weekly triangle: 100 million events with text accounts, nothing prepared.

Each run is a fresh process that opens the file, computes the triangle and says its peak memory; runs of all ways take
turns, so that a slower hour of the machine is shared. Peers get the best SQL that they allow: one bit a week, OR-ed
together by account, and the triangle read off the distinct bit masks.
"""

import argparse
import statistics
import time
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks.alone import peak_bytes, run_alone
from benchmarks.files import FIRST_MS, EventFile, write_events

__all__ = ["add_arguments", "measure", "show"]

_WEEK_MS = 7 * 86_400_000
_WAYS = ("homeroom", "duckdb", "polars", "chdb")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the sizes."""
    parser.add_argument("--events", type=int, default=100_000_000)
    parser.add_argument("--learners", type=int, default=5_000_000)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--compressions", nargs="+", default=["zstd", "snappy"])
    parser.add_argument("--ways", nargs="+", choices=_WAYS, default=list(_WAYS))
    parser.add_argument("--workdir", type=Path, default=Path("build/benchmarks"))


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """Measure every way on every file; the result is JSON-ready."""
    return {
        "events": options.events,
        "learners": options.learners,
        "files": [_measured(options, compression) for compression in options.compressions],
    }


def _measured(options: argparse.Namespace, compression: str) -> dict[str, Any]:
    groups = max(1, min(100, options.events // 1_000))
    file = EventFile(options.events, options.learners, row_groups=groups, compression=compression)
    asked = {"path": str(write_events(options.workdir, file)), "workdir": str(options.workdir)}
    found: dict[str, list[dict[str, Any]]] = {way: [] for way in options.ways}
    for _ in range(options.runs):
        for way in options.ways:
            found[way].append(run_alone(f"benchmarks.scan:ask_{way}", asked, processors=2))
    triangles = {str(run["counts"]) for runs in found.values() for run in runs}
    if len(triangles) != 1:
        raise SystemExit(f"{compression}: the ways differ in their triangles")
    ways = {
        way: {
            "seconds": round(statistics.median(run["seconds"] for run in runs), 2),
            "fastest_s": round(min(run["seconds"] for run in runs), 2),
            "peak_mb": round(max(run["peak_bytes"] for run in runs) / 2**20),
        }
        for way, runs in found.items()
    }
    peers = [figures["seconds"] for way, figures in ways.items() if way != "homeroom"]
    ours = ways["homeroom"]["seconds"] if "homeroom" in ways else None
    ratio = round(min(peers) / ours, 2) if peers and ours else None
    return {"compression": compression, "ways": ways, "ratio": ratio}


def _said(began: float, counts: npt.NDArray[np.int64]) -> dict[str, Any]:
    return {
        "seconds": time.perf_counter() - began,
        "peak_bytes": peak_bytes(),
        "counts": counts.tolist(),
    }


def ask_homeroom(asked: dict[str, Any]) -> dict[str, Any]:
    """Scan with homeroom."""
    began = time.perf_counter()
    import homeroom as hr

    data = hr.scan(asked["path"], key=Path(asked["workdir"]) / "pseudonym.key")
    counts = data.retention(interval="week").counts
    return _said(began, np.where(counts < 0, 0, counts))


def ask_duckdb(asked: dict[str, Any]) -> dict[str, Any]:
    """Ask DuckDB for one bit mask an account."""
    began = time.perf_counter()
    import duckdb

    masks = duckdb.connect().execute(
        f"""select mask, count(*) from (select bit_or(1::bigint << ((epoch_ms(time) - {FIRST_MS}) // {_WEEK_MS})::int)
        as mask from read_parquet(?) group by account) group by mask""",
        [asked["path"]],
    ).fetchnumpy()  # fmt: skip
    return _said(began, _triangle(masks["mask"], masks["count_star()"]))


def ask_polars(asked: dict[str, Any]) -> dict[str, Any]:
    """Ask Polars for one bit mask an account, streaming."""
    began = time.perf_counter()
    import polars as pl

    week = (pl.col("time").dt.epoch("ms") - FIRST_MS) // _WEEK_MS
    bit = pl.lit(2, dtype=pl.Int64).pow(week).cast(pl.Int64)
    masks = (
        pl.scan_parquet(asked["path"])
        .select("account", mask=bit)
        .group_by("account")
        .agg(pl.col("mask").bitwise_or())
        .group_by("mask")
        .len()
        .collect(engine="streaming")
    )
    return _said(began, _triangle(masks["mask"].to_numpy(), masks["len"].to_numpy()))


def ask_chdb(asked: dict[str, Any]) -> dict[str, Any]:
    """Ask chDB (ClickHouse) for one bit mask an account."""
    began = time.perf_counter()
    import chdb

    week = f"intDiv(toUnixTimestamp64Milli(time) - {FIRST_MS}, {_WEEK_MS})"
    answer = chdb.query(
        f"""select mask, count() from (select groupBitOr(bitShiftLeft(toUInt64(1), {week})) as mask
        from file('{asked["path"]}', Parquet) group by account) group by mask settings max_threads = 2""",
        "CSV",
    )
    rows = np.array([line.split(",") for line in str(answer).split()], np.int64)
    return _said(began, _triangle(rows[:, 0], rows[:, 1]))


def _triangle(masks: npt.NDArray[Any], learners: npt.NDArray[Any]) -> npt.NDArray[np.int64]:
    """Read the triangle off distinct masks: a bit a week."""
    masks, learners = np.asarray(masks, np.int64), np.asarray(learners, np.int64)
    weeks = int(np.bitwise_or.reduce(masks)).bit_length()
    first = np.log2((masks & -masks).astype(np.float64)).astype(np.int64)
    counts = np.zeros((weeks, weeks), np.int64)
    for week in range(weeks):
        there = (masks >> week) & 1 == 1
        np.add.at(counts, (first[there], week - first[there]), learners[there])
    return counts


def show(result: dict[str, Any]) -> None:
    """Print the figures for people."""
    for file in result["files"]:
        print(
            f"  {result['events']:,} events of {result['learners']:,} learners, {file['compression']}"
        )
        for way, figures in file["ways"].items():
            rate = result["events"] / figures["seconds"] / 1e6
            print(
                f"    {way:9} {figures['seconds']:7.2f} s  {rate:5.1f} M events/s  peak {figures['peak_mb']:,} MB"
            )
        print(f"    ratio of the quickest peer to homeroom: {file['ratio']}")
