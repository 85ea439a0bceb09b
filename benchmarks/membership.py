"""Membership that is fresh: how long after an acknowledgement it is true, while events come, and what a midnight costs.

A node holds so many learners with half a year behind them, and a hundred definitions (forty of days of activity,
twenty of silence, ten of first days, ten of attributes, five of one course run, ten of counts of one kind of event, and
five of one kind after another: fifteen are answered from history). Clients send batches of a hundred events, five each
of twenty learners, at a fixed rate. Meanwhile one learner's cohorts are asked for over and over. The clock is set so
that a local midnight passes in the middle. At the end what is held is compared with an evaluation of everybody.
"""

import argparse
import asyncio
import hashlib
import shutil
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

import homeroom as hr
from benchmarks.learners import Learners, Visits
from benchmarks.timing import timing_of
from homeroom.cohorts.evaluating import Evaluator
from homeroom.cohorts.kept import kept_definitions
from homeroom.events.sent import Form, SentBatch
from homeroom.log.control import DefinitionKind, DefinitionPut
from homeroom.log.log import Accepted
from homeroom.log.origins import Token
from homeroom.running.node import RunningNode
from homeroom.running.opening import NodeOptions
from homeroom.state.zones import DAY_MS, date_of, day_of_date, load_zone, local_days

__all__ = ["add_arguments", "load_half_a_year", "measure", "show"]

_BATCH = 100
_EACH = 5
_VERBS = ("viewed", "played", "answered", "posted")
_COUNTRIES = ("DE", "FR", "IN", "US", "BR")
_COURSES = 8
_DAYS = 180
_CLIENTS = 32
_PREPARING_MS = 3_600_000
"""So long before midnight it is at first, so that no day ends before it should."""
_WARM_S = 5
"""Seconds of load that are not counted."""
_MIDNIGHT = 0.7
"""The part of the time after which it is midnight."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of the benchmark."""
    parser.add_argument("--learners", type=int, default=5_000_000)
    parser.add_argument("--rate", type=int, default=30_000, help="events a second")
    parser.add_argument("--seconds", type=int, default=90)
    parser.add_argument("--definitions", type=int, default=100)
    parser.add_argument(
        "--workdir", type=Path, help="where the node's directory is kept for another run"
    )


@dataclass(slots=True)
class _Measured:
    """Seconds of what was measured, and what was sent."""

    acknowledged: list[float] = field(default_factory=list)
    fresh: list[float] = field(default_factory=list)
    read: list[float] = field(default_factory=list)
    sent: int = 0
    last: Token | None = None


class _Clock:
    """The machine's clock, moved."""

    def __init__(self) -> None:
        self.moved_ms = 0

    def __call__(self) -> int:
        return time.time_ns() // 1_000_000 + self.moved_ms

    def set_before_midnight(self, before_ms: int) -> None:
        """Let a midnight (UTC) come after so long."""
        self.moved_ms += DAY_MS - (self() + before_ms) % DAY_MS


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """Load, define, send, compare."""
    folder = options.workdir or Path(tempfile.mkdtemp(prefix="homeroom-bench-"))
    clock = _Clock()
    clock.set_before_midnight(_PREPARING_MS)
    try:
        place = folder / f"membership-{options.learners}"
        if not place.exists():
            load_half_a_year(place, options.learners, clock())
        running = folder / "running"
        shutil.copytree(place, running)
        try:
            return asyncio.run(_run(running, options, clock))
        finally:
            shutil.rmtree(running)
    finally:
        if options.workdir is None:
            shutil.rmtree(folder)


# --- what there is ---------------------------------------------------------------------------------------------------


def load_half_a_year(place: Path, learners: int, now_ms: int) -> None:
    """Load half a year of visits that ends today; every visit is one event."""
    first_ms = (now_ms // DAY_MS - _DAYS) * DAY_MS
    with tempfile.TemporaryDirectory() as parts:
        files = []
        for number, visits in enumerate(Learners(learners, _DAYS).blocks()):
            files.append(Path(parts) / f"{number:04d}.parquet")
            pq.write_table(_table(visits, first_ms, number), files[-1])
        hr.load(place, *map(str, files))


def _table(visits: Visits, first_ms: int, seed: int) -> pa.Table:
    rng, count = np.random.default_rng(seed), len(visits.learner)
    times = first_ms + visits.day.astype(np.int64) * DAY_MS + rng.integers(0, DAY_MS, count)
    country = np.where(visits.country < 0, 0, visits.country) % len(_COUNTRIES)
    return pa.table(
        {
            "account": pa.array(visits.learner).cast(pa.string()),
            "time": pa.array(times, pa.timestamp("ms", tz="UTC")),
            "verb": _texts(rng.integers(0, len(_VERBS), count), _VERBS),
            "course": _texts(visits.learner % _COURSES, [f"c{n}" for n in range(_COURSES)]),
            "country": _texts(country, _COUNTRIES),
        }
    )


def _texts(codes: npt.NDArray[np.int64], values: Sequence[str]) -> pa.Array:
    return pa.DictionaryArray.from_arrays(pa.array(codes.astype(np.int32)), pa.array(values))


def _definitions(count: int) -> dict[str, dict[str, Any]]:
    """Return so many definitions: of twenty, three are answered from history."""
    rules: dict[str, dict[str, Any]] = {}
    for number in range(count):
        kind, turn = number % 20, number // 20
        days = {
            "did": "any",
            "at_least": 1 + number % 4,
            "unit": "days",
            "within": f"{7 + number}d",
        }
        if kind < 8:
            rule = days
        elif kind < 12:
            rule = {"stopped": "any", "quiet": f"{5 + number % 30}d"}
        elif kind < 14:
            first = {"first": "any", "within": f"{10 + number}d"}
            rule = {"all": [first, {"did": "any", "at_least": 2, "unit": "days"}]}
        elif kind < 16:
            rule = {"all": [{"attribute": f"country={_COUNTRIES[turn % 5]}"}, days]}
        elif kind < 17:
            rule = {"did": f"course=c{turn % _COURSES}", "unit": "days", "within": "21d"}
        elif kind < 19:
            verb = f"verb={_VERBS[number % 4]}"
            rule = {"did": verb, "at_least": 2 + turn, "within": f"{20 + number}d"}
        else:
            rule = {"did": "verb=played", "then_not": "verb=answered", "during": "7d"}
            rule |= {"within": f"{30 + number}d"}
        rules[f"cohort {number:03d}"] = rule
    return rules


# --- what comes ------------------------------------------------------------------------------------------------------


def _batch(number: int, rng: np.random.Generator, learners: int, now_ms: int) -> SentBatch:
    """Return a hundred events of twenty learners, one of a hundred of whom is new."""
    who = rng.integers(0, round(learners * 1.01), _BATCH // _EACH)
    verbs = rng.integers(0, len(_VERBS), _BATCH)
    when = time.gmtime(now_ms // 1_000)
    at = time.strftime("%Y-%m-%dT%H:%M:%S", when)
    events = [
        {
            "account": str(who[n // _EACH]),
            "time": f"{at}.{n:03d}Z",
            "verb": _VERBS[verbs[n]],
            "course": f"c{who[n // _EACH] % _COURSES}",
            "id": f"{number}/{n}",
        }
        for n in range(_BATCH)
    ]
    body = b"\n".join(map(msgspec.json.encode, events))
    digest = hashlib.sha256(body).digest()
    return SentBatch(batch_id=f"b{number}", body=body, form=Form.NDJSON, digest=digest)


async def _run(place: Path, options: argparse.Namespace, clock: _Clock) -> dict[str, Any]:
    start = time.perf_counter()
    node = await RunningNode.open(place, NodeOptions(now_ms=clock, wait_ms=600_000))
    opened_s = time.perf_counter() - start
    try:
        start = time.perf_counter()
        for name, rule in _definitions(options.definitions).items():
            put = DefinitionPut(tenant="main", kind=DefinitionKind.COHORT, name=name, written=rule)
            defined = await node.change(put, "benchmark")
        await node.cohorts("main", defined)
        counted_s = time.perf_counter() - start
        first_s = await _first(node, options, clock)
        # A new day begins when the clock is moved, and rows are put in their places after the first pause.
        await _load_up(node, clock, (options.learners, options.rate, _WARM_S))
        clock.set_before_midnight(round(options.seconds * 1_000 * _MIDNIGHT))
        measured, days = await _load_up(
            node, clock, (options.learners, options.rate, options.seconds)
        )
        return {
            "learners": options.learners,
            "rate": options.rate,
            "definitions": options.definitions,
            "sent": measured.sent,
            "opened_s": round(opened_s, 2),
            "counted_s": round(counted_s, 2),
            "first_s": first_s,
            "acknowledged": timing_of(measured.acknowledged).to_json(),
            "fresh": timing_of(measured.fresh).to_json(),
            "read": timing_of(measured.read).to_json(),
            **days,
            **await _compared(node, measured.last),
        }
    finally:
        await node.stop()


async def _first(node: RunningNode, options: argparse.Namespace, clock: _Clock) -> float:
    """Send one batch: the first fold after a start copies the columns that lie in the snapshot's file."""
    rng = np.random.default_rng(0)
    start = time.perf_counter()
    outcome = await node.offer("main", "key", _batch(-1, rng, options.learners, clock()))
    assert isinstance(outcome, Accepted), outcome
    await node.cohorts("main", outcome.token)
    return round(time.perf_counter() - start, 2)


async def _load_up(
    node: RunningNode, clock: _Clock, sizes: tuple[int, int, int]
) -> tuple[_Measured, dict[str, Any]]:
    """Send events at a rate for some seconds (``sizes``: learners, rate, seconds) and wait for midnight in between."""
    learners, rate, seconds = sizes
    measured = _Measured()
    batches = max(rate * seconds // _BATCH, _CLIENTS)
    start_ms = clock()
    begin = time.perf_counter() + 0.2
    numbers = iter(range(batches))

    async def client(seed: int) -> None:
        rng = np.random.default_rng((start_ms, seed))
        for number in numbers:
            await asyncio.sleep(max(begin + number * _BATCH / rate - time.perf_counter(), 0))
            sent = _batch(start_ms + number, rng, learners, clock())
            start = time.perf_counter()
            outcome = await node.offer("main", "key", sent)
            assert isinstance(outcome, Accepted), outcome
            told = time.perf_counter()
            measured.acknowledged.append(told - start)
            measured.sent += _BATCH
            assert outcome.token is not None
            if measured.last is None or outcome.token > measured.last:
                measured.last = outcome.token
            if number % 5 == 0:
                await node.cohorts_of("main", "0" * 32, outcome.token)
                measured.fresh.append(time.perf_counter() - told)

    reading = asyncio.create_task(_read(node, measured))
    watching = asyncio.create_task(_midnight(node, clock, start_ms + seconds * 1_000))
    await asyncio.gather(*(client(seed) for seed in range(_CLIENTS)))
    reading.cancel()
    return measured, {"midnight": await watching}


async def _read(node: RunningNode, measured: _Measured) -> None:
    """Ask for one learner's cohorts over and over."""
    names = [one.name for one in (await node.cohorts("main", None)).cohorts if one.size]
    learners = (await node.members("main", names[0], 0, 1_000, None)).members
    number = 0
    while True:
        await asyncio.sleep(0.005)
        start = time.perf_counter()
        await node.cohorts_of("main", learners[number % len(learners)], None)
        measured.read.append(time.perf_counter() - start)
        number += 1


async def _midnight(node: RunningNode, clock: _Clock, end_ms: int) -> dict[str, Any]:
    """Wait for the next day to be seen; return how late, and how many changes came with it."""
    midnight_ms = (clock() // DAY_MS + 1) * DAY_MS
    if midnight_ms > end_ms:
        return {"late_ms": None, "changes": 0}
    tomorrow = date_of(int(local_days(np.array([midnight_ms]), load_zone("UTC"))[0]))
    before = await node.cohorts("main", None)
    while (after := await node.cohorts("main", None)).date != tomorrow:
        before = after
        await asyncio.sleep(0.01)
    late_ms = clock() - midnight_ms
    return {"late_ms": late_ms, "changes": after.last_change - before.last_change}


async def _compared(node: RunningNode, last: Token | None) -> dict[str, Any]:
    """Compare all sizes with an evaluation of everybody; return how long that took."""
    now = await node.cohorts("main", last)
    assert now.date is not None
    names = [one.name for one in now.cohorts]
    definitions = kept_definitions(node.control(), "main")
    with node._live.held("main") as one:  # noqa: SLF001 - an evaluation of all of the very same state
        state = one.state.frozen()
    start = time.perf_counter()
    found = Evaluator(state, definitions).evaluate(names, day_of_date(now.date)).members
    seconds = time.perf_counter() - start
    sizes = {one.name: one.size for one in now.cohorts}
    assert {name: len(members) for name, members in found.items()} == sizes
    return {"everybody_s": round(seconds, 2), "members": sum(sizes.values()), "equal": True}


def show(result: dict[str, Any]) -> None:
    """Print the result for a person."""
    print(
        f"{result['learners']:,} learners, {result['definitions']} definitions, {result['members']:,} memberships; "
        f"{result['sent']:,} events at {result['rate']:,} a second"
    )
    print(
        f"opened in {result['opened_s']} s, all asked about all definitions in {result['counted_s']} s"
    )
    for name, what in (
        ("acknowledged", "sent to acknowledged"),
        ("fresh", "acknowledged to membership visible"),
        ("read", "one learner's cohorts"),
    ):
        times = result[name]
        print(
            f"{what:<36} P50 {times['median_ms']:8.2f}  P99 {times['p99_ms']:8.2f}  "
            f"max {times['max_ms']:8.2f} ms"
        )
    midnight = result["midnight"]
    print(
        f"midnight: {midnight['changes']:,} changes, seen {midnight['late_ms']} ms after it; "
        f"one evaluation of everybody takes {result['everybody_s']} s"
    )
