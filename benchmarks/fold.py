"""Folding decoded events into state: how many a second a core, into tables that hold millions of rows already.

The events come in random order of learners, the worst that there is: almost every one meets a row that no cache
holds. Three loads are measured, each with one thread and with two: days alone into the table of learners; days by
track; and all that `State.fold_tables` does (local days, tracks, an attribute, enrolments). Events come 65,536 at a
time, as readers make them, and 100 at a time, as clients send them; `State.fold` lets small batches wait for each
other. That all ways end in the same table is checked by its fingerprint.
"""

import argparse
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from benchmarks.learners import COUNTRY_SHARES, FIRST_DAY, keys_of
from homeroom import limits
from homeroom.adapters.threads import ThreadRun
from homeroom.events.dictionary import Dictionaries
from homeroom.events.model import TRACKS, EventBatch
from homeroom.state.fingerprint import table_fingerprint
from homeroom.state.running import Run, Sequential
from homeroom.state.state import State, chosen_events
from homeroom.state.table import RowBatch, SubjectTable
from homeroom.state.zones import load_zone

__all__ = ["add_arguments", "drawn_events", "measure", "show"]

_LARGE, _SMALL = 1 << 16, 100
_COURSES = 12
_TRACK_SHARES = (0.1, 0.35, 0.2, 0.15, 0.1, 0.03, 0.05, 0.02)
_DAY_MS = 86_400_000
_SMALL_SHARE = 16
"""Of the events, one in so many is folded in calls of 100 events, which take so much longer."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the sizes."""
    parser.add_argument("--learners", type=int, default=5_000_000)
    parser.add_argument("--events", type=int, default=4_000_000, help="folded in each way")
    parser.add_argument("--days", type=int, default=180)


def drawn_events(numbers: np.ndarray[Any, Any], days: int, rng: np.random.Generator) -> EventBatch:
    """Return events of these learners as the door lets them in: random days, tracks, one of two courses each."""
    count = len(numbers)
    key_hi, key_lo = keys_of(numbers)
    nothing = np.zeros(count, np.uint64)
    times = (FIRST_DAY + 4) * _DAY_MS + rng.integers(0, days * _DAY_MS, count)
    return EventBatch(
        key_hi=key_hi,
        key_lo=key_lo,
        time_ms=times,
        verb=np.full(count, -1, np.int32),
        activity=np.full(count, -1, np.int32),
        course=((numbers + rng.integers(0, 2, count)) % _COURSES).astype(np.int32),
        track=rng.choice(len(TRACKS), count, p=_TRACK_SHARES).astype(np.uint8),
        identity_hi=nothing,
        identity_lo=nothing,
        id_hash=nothing,
        attributes={"country": (numbers % (len(COUNTRY_SHARES) - 1)).astype(np.int32)},
    )


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """Measure everything; the result is JSON-ready."""
    rng = np.random.default_rng(7)
    state = _full_state(options.learners, options.days, rng)
    batch = drawn_events(rng.integers(0, options.learners, options.events), options.days, rng)
    days = _rows(batch)
    tracks = replace(days, tracks=batch.track, track_names=TRACKS)
    results = []
    for threads in (1, 2):
        run: Run = Sequential() if threads == 1 else ThreadRun(threads)
        state.run = run
        alone = _folded_days(options.learners, options.days)
        for name, rows in (("days", days), ("days and tracks", tracks)):
            results += _of_table(name, alone, rows, run)
        results += _of_state(state, batch)
    prints = {r["fingerprint"] for r in results if r["load"] == "days"}
    assert len(prints) == 1, "the size of the batches or the threads changed the table"
    return {
        "learners": state.learners.rows,
        "enrolments": state.enrolments.rows,
        "events": options.events,
        "loads": results,
        "hash": results[0]["fingerprint"],
    }


def _dictionaries() -> Dictionaries:
    dictionaries = Dictionaries.under(bytes(32))
    dictionaries.course.codes([f"course-{i}" for i in range(_COURSES)], _COURSES)
    countries = ["AT", "BR", "CM", "DK", "EE"][: len(COUNTRY_SHARES) - 1]
    dictionaries.attribute("country").codes(countries, len(countries))
    return dictionaries


def _full_state(learners: int, days: int, rng: np.random.Generator) -> State:
    """Return a state that knows every learner already."""
    state = State(load_zone("UTC"), _dictionaries(), ThreadRun(2))
    for first in range(0, learners, _LARGE):
        numbers = np.arange(first, min(first + _LARGE, learners))
        state.fold_tables(drawn_events(np.repeat(numbers, 2), days, rng))
    return state


def _folded_days(learners: int, days: int) -> SubjectTable:
    """Return a table of all learners with a first day each."""
    table = SubjectTable()
    rng = np.random.default_rng(11)
    for first in range(0, learners, 1 << 20):
        numbers = np.arange(first, min(first + (1 << 20), learners))
        table.fold(_rows(drawn_events(numbers, days, rng)), ThreadRun(2))
    return table


def _rows(batch: EventBatch) -> RowBatch:
    days = (batch.time_ms // _DAY_MS - 4).astype(np.int32)
    return RowBatch(key_hi=batch.key_hi, key_lo=batch.key_lo, days=days, time_ms=batch.time_ms)


def _of_table(name: str, table: SubjectTable, rows: RowBatch, run: Run) -> list[dict[str, Any]]:
    """Fold into one table, large batches and, a part of the events, small ones."""
    results = []
    for size in (_LARGE, _SMALL):
        count = len(rows.days) if size == _LARGE else len(rows.days) // _SMALL_SHARE
        batches = [_slice(rows, i, min(i + size, count)) for i in range(0, count, size)]
        seconds = _seconds(batches, lambda piece: table.fold(piece, run))
        results.append(_said(name, "SubjectTable.fold", run, size, count / seconds))
        results[-1]["fingerprint"] = f"{table_fingerprint(table, 'learner', {}) % (1 << 64):016x}"
    return results


def _of_state(state: State, batch: EventBatch) -> list[dict[str, Any]]:
    """Fold into a whole state: at once, and as batches of 100 that wait for each other."""
    name, results = "days, tracks, attribute, enrolments", []
    large = [
        chosen_events(batch, slice(i, i + _LARGE))  # type: ignore[arg-type]  # any index of an array will do
        for i in range(0, len(batch), _LARGE)
    ]
    seconds = _seconds(large, state.fold_tables)
    results.append(_said(name, "State.fold_tables", state.run, _LARGE, len(batch) / seconds))
    count = min(len(batch), limits.SEGMENT_EVENTS_MAX - 1)
    small = [
        chosen_events(batch, slice(i, min(i + _SMALL, count)))  # type: ignore[arg-type]
        for i in range(0, count, _SMALL)
    ]
    # A state of its own shares the tables: what waits for history ends with it.
    waiting = State(state.zone, state.dictionaries, state.run)
    waiting.learners, waiting.enrolments = state.learners, state.enrolments
    seconds = _seconds(small, waiting.fold)
    results.append(_said(name, "State.fold", state.run, _SMALL, count / seconds))
    for result in results:
        result["fingerprint"] = state.fingerprint()
    return results


def _seconds(batches: Sequence[Any], fold: Callable[[Any], None]) -> float:
    for piece in batches[:1]:
        fold(piece)
    start = time.perf_counter()
    for piece in batches:
        fold(piece)
    return time.perf_counter() - start


def _slice(rows: RowBatch, low: int, high: int) -> RowBatch:
    return replace(
        rows,
        key_hi=rows.key_hi[low:high],
        key_lo=rows.key_lo[low:high],
        days=rows.days[low:high],
        time_ms=rows.time_ms[low:high],
        tracks=None if rows.tracks is None else rows.tracks[low:high],
    )


def _said(load: str, way: str, run: Run, batch_events: int, rate: float) -> dict[str, Any]:
    return {
        "load": load,
        "way": way,
        "threads": run.workers,
        "batch_events": batch_events,
        "events_per_second": round(rate),
        "events_per_second_per_core": round(rate / run.workers),
    }


def show(result: dict[str, Any]) -> None:
    """Print the result for a person."""
    print(
        f"{result['events']:,} events into {result['learners']:,} learners, {result['enrolments']:,} enrolments"
    )
    for load in result["loads"]:
        print(
            f"{load['load']:<36} {load['way']:<18} {load['batch_events']:>6} at a time, {load['threads']} threads: "
            f"{load['events_per_second'] / 1e6:6.2f} M events/s, "
            f"{load['events_per_second_per_core'] / 1e6:6.2f} a core"
        )
