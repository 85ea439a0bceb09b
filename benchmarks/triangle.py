"""The first-time triangle of resident state: how quick, how even, against whom, and how near to the memory's limit.

The question that everybody asks, on learners that are in memory already: daily, weekly (from Monday and from Sunday)
and monthly, unfiltered, with a ready mask, and with a condition that is first turned into one. Every answer is
compared cell by cell with those of the peers, who start from the raw visits and not from homeroom's state.
"""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import numpy as np

from benchmarks.learners import COUNTRY_SHARES, Learners, folded
from benchmarks.prepared import CUTS, FIRST_DATE, Counts, Cut, PreparedTables, Way
from benchmarks.timing import Timing, hash_of, timed
from benchmarks.yardstick import needed_stretches, quickest_read, read_stretches
from homeroom.adapters.threads import ThreadRun
from homeroom.cohorts import retention
from homeroom.cohorts.activity import partition_mask
from homeroom.cohorts.matching import Selection
from homeroom.cohorts.periods import Periods, make_periods
from homeroom.events.texts import sealed
from homeroom.state.table import ANY, SubjectTable
from homeroom.state.zones import load_zone

__all__ = ["add_arguments", "compared", "country", "measure", "periods_of", "show"]

_PEER_RUNS = 9
_COUNTRY = 0


@dataclass(frozen=True, slots=True)
class _Setting:
    """What all parts of a run share."""

    table: SubjectTable
    days: int
    run: ThreadRun
    runs: int


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the sizes."""
    parser.add_argument("--learners", type=int, default=5_000_000)
    parser.add_argument("--days", type=int, default=180)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--runs", type=int, default=400, help="runs of each of our own questions")
    parser.add_argument(
        "--peers", choices=["all", "none"], default="all", help="none: only ourselves"
    )


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """Measure everything; the result is JSON-ready."""
    learners = Learners(options.learners, options.days)
    run = ThreadRun(options.threads)
    setting = _Setting(folded(learners, run), options.days, run, options.runs)
    peers = PreparedTables(learners, options.threads) if options.peers == "all" else None
    result: dict[str, Any] = {
        "learners": setting.table.rows,
        "days": options.days,
        "threads": options.threads,
        "learner_days": _learner_days(setting.table),
        "bytes_per_learner": round(setting.table.size_bytes / max(setting.table.rows, 1), 1),
    }
    questions = [_question(setting, cut, peers) for cut in CUTS]
    result["questions"] = questions
    result["masks"] = _masks(setting, peers)
    result["yardstick"] = _yardstick(setting)
    daily = questions[0]
    result["hash"] = daily["hash"]
    result["ratio"] = daily["ratio"]
    result["ratio_laid_out"] = daily["ratio_laid_out"]
    result["times_yardstick"] = round(
        daily["ours"]["median_ms"] / result["yardstick"]["times"]["median_ms"], 2
    )
    return result


def periods_of(cut: Cut, days: int) -> Periods:
    """Return the periods of a cut of the made-up learners' days."""
    last = FIRST_DATE + timedelta(days=days - 1)
    return make_periods(cut.interval, load_zone("UTC"), cut.week_start, FIRST_DATE, last)


def country(code: int) -> Selection:
    """Return the selection of the learners of one country."""
    allowed = np.zeros(len(COUNTRY_SHARES) + 1, np.uint8)
    allowed[code + 1] = 1
    return Selection(learners=(("country", sealed(allowed)),))


def _learner_days(table: SubjectTable) -> int:
    return sum(
        int(np.bitwise_count(words[: p.rows]).sum())
        for p in table.partitions
        for words in p.words[ANY]
    )


def _question(setting: _Setting, cut: Cut, peers: PreparedTables | None) -> dict[str, Any]:
    periods = periods_of(cut, setting.days)
    times, counts = timed(
        lambda: retention.clustered_triangle(setting.table, Selection(), periods, setting.run),
        setting.runs,
    )
    ways: Sequence[Way] = ()
    if peers is not None:
        ways = list(peers.ways(cut, peers.prepare(cut)))
    return {"question": cut.name, "ours": times.to_json(), "hash": hash_of(counts)} | compared(
        times, counts, ways
    )


def compared(
    ours: Timing, counts: Counts, ways: Sequence[Way], runs: int = _PEER_RUNS
) -> dict[str, Any]:
    """Measure the peers' ways, compare their cells with ours, and return the ratios by kind of way."""
    measured = []
    for way in ways:
        times, found = timed(way.work, runs)
        equal = bool(np.array_equal(way.counts(found), counts))
        assert equal, f"{way.peer} ({way.name}) counts otherwise"
        measured.append(
            {"peer": way.peer, "way": way.name, "kind": way.kind, "equal": equal, **times.to_json()}
        )
    ratios = {}
    for name, kind in (("ratio", "query"), ("ratio_laid_out", "laid out")):
        medians = [m["median_ms"] for m in measured if m["kind"] == kind]
        ratios[name] = round(min(medians) / ours.median_ms, 2) if medians else None
    return {"peers": measured, **ratios}


def _masks(setting: _Setting, peers: PreparedTables | None) -> dict[str, Any]:
    """Measure the daily triangle of one country: with a ready mask, and from the condition on."""
    daily = CUTS[0]
    periods, chosen = periods_of(daily, setting.days), country(_COUNTRY)
    masks = [partition_mask(p, chosen) for p in setting.table.partitions]
    none = [None] * len(masks)

    def triangle(held: Sequence[Any]) -> Counts:
        return retention.masked_triangle(setting.table, held, periods, setting.run)

    plain, _ = timed(lambda: triangle(none), setting.runs)
    ready, with_mask = timed(lambda: triangle(masks), setting.runs)
    whole, counts = timed(
        lambda: retention.clustered_triangle(setting.table, chosen, periods, setting.run),
        setting.runs,
    )
    assert np.array_equal(with_mask, counts), "a ready mask and its condition count differently"
    ways: Sequence[Way] = ()
    if peers is not None:
        ways = list(peers.ways_of_country(_COUNTRY, peers.prepare(daily)))
    return {
        "share": COUNTRY_SHARES[_COUNTRY],
        "unfiltered": plain.to_json(),
        "ready_mask": ready.to_json(),
        "condition_mask_triangle": whole.to_json(),
        "times_unfiltered": round(ready.median_ms / plain.median_ms, 2),
        "hash": hash_of(counts),
    } | compared(whole, counts, ways)


def _yardstick(setting: _Setting) -> dict[str, Any]:
    parts = needed_stretches(setting.table)
    ahead_words = quickest_read(parts, setting.run)
    times, total = timed(lambda: read_stretches(parts, ahead_words, setting.run), setting.runs)
    plain = sum(int(s.words.sum(dtype=np.uint64)) for part in parts for s in part) % (1 << 64)
    assert total == plain, "the yardstick did not read what it should"
    size_bytes = sum(s.words.nbytes for part in parts for s in part)
    return {
        "times": times.to_json(),
        "size_bytes": size_bytes,
        "prefetch_words": ahead_words,
        "gigabytes_per_second": round(size_bytes / times.median_ms / 1e6, 1),
    }


def show(result: dict[str, Any]) -> None:
    """Print the result for a person."""
    print(
        f"{result['learners']:,} learners x {result['days']} days, {result['learner_days']:,} active learner-days, "
        f"{result['bytes_per_learner']} bytes a learner, {result['threads']} threads"
    )
    for question in result["questions"]:
        _show_times(f"first-time, {question['question']}", question["ours"], question)
        _show_peers(question)
    masks = result["masks"]
    _show_times(f"ready mask ({masks['times_unfiltered']} x unfiltered)", masks["ready_mask"], {})
    _show_times("condition, mask and triangle", masks["condition_mask_triangle"], masks)
    _show_peers(masks)
    yardstick = result["yardstick"]
    _show_times(
        f"reading {yardstick['size_bytes'] / 1e6:.0f} MB at {yardstick['gigabytes_per_second']} GB/s",
        yardstick["times"],
        {},
    )
    print(f"the daily triangle takes {result['times_yardstick']} times as long as that")


def _show_times(name: str, times: dict[str, Any], found: dict[str, Any]) -> None:
    ratio = f"  ratio {found['ratio']}" if found.get("ratio") else ""
    laid_out = f", laid out {found['ratio_laid_out']}" if found.get("ratio_laid_out") else ""
    print(
        f"{name:<44} P50 {times['median_ms']:8.2f}  P99 {times['p99_ms']:8.2f}  "
        f"max {times['max_ms']:8.2f} ms{ratio}{laid_out}"
    )


def _show_peers(found: dict[str, Any]) -> None:
    for peer in sorted(found["peers"], key=lambda p: float(p["median_ms"])):
        name = f"    {peer['peer']}, {peer['way']}"
        print(f"{name:<44} P50 {peer['median_ms']:8.2f} ms  ({peer['kind']})")
