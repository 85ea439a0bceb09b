"""Who is at risk, of millions of enrolments in memory: now, of one country, week by week, and the whole list.

Made-up enrolments: an event that makes each, visits that fade, and for some a leave, an outcome, a completion. All
goes through `State.fold`, history too. Questions go through `ask`, as anybody's do; the first of a kind, which works
out what later ones find ready (the first day beyond the front page, what changed when), is measured apart. Beside the
times stands the time of all processors together, which says what a question costs on a machine that others use too.

DuckDB gets the same as tables that it would choose itself, prepared before the clock starts: for *now* a row an
enrolment with all that the question needs (first and last day, first day beyond the front page, how it stands), in the
narrowest types; for the *trend* the distinct active days and the events about standings, sorted by enrolment. Every
number is compared.
"""

import argparse
import datetime as dt
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from benchmarks.learners import COUNTRY_SHARES, FIRST_DAY, keys_of
from benchmarks.timing import hash_of, timed
from homeroom.adapters.threads import ThreadRun
from homeroom.cohorts.answers import AtRiskAnswer, Source
from homeroom.cohorts.ask import ask
from homeroom.cohorts.questions import AtRisk, Condition
from homeroom.events.dictionary import Dictionaries
from homeroom.events.model import STANDINGS, TRACKS, EventBatch, Int64s
from homeroom.state.state import State
from homeroom.state.zones import load_zone

if TYPE_CHECKING:
    import duckdb

__all__ = ["add_arguments", "measure", "show"]

_BLOCK = 1 << 18
_COURSES = 12
_VISITS = 6
_WEEKS = 12
_DAY_MS = 86_400_000
_FIRST_MS = (FIRST_DAY + 4) * _DAY_MS
_COUNTRIES = ("AT", "BR", "CM", "DK", "EE")
_BEYOND = ("video", "problem", "reading", "forum")
_TRACK_SHARES = (0.05, 0.35, 0.2, 0.15, 0.05, 0.0, 0.2, 0.0)
_PEER_RUNS = 5


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the sizes."""
    parser.add_argument("--enrolments", type=int, default=5_000_000)
    parser.add_argument("--days", type=int, default=180)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--runs", type=int, default=200)
    parser.add_argument(
        "--peers", choices=["all", "none"], default="all", help="none: only ourselves"
    )


@dataclass(frozen=True, slots=True)
class _Events:
    """Events of a block of enrolments: number, day from 0 on, track and standing of each."""

    number: Int64s
    day: Int64s
    track: Int64s
    standing: Int64s

    def batch(self, rng: np.random.Generator) -> EventBatch:
        """Return the events as the door lets them in, at random times of their days."""
        count = len(self.number)
        key_hi, key_lo = keys_of(self.number)
        none, identity = np.full(count, -1, np.int32), rng.integers(0, 1 << 62, count)
        return EventBatch(
            key_hi=key_hi,
            key_lo=key_lo,
            time_ms=_FIRST_MS + self.day * _DAY_MS + rng.integers(0, _DAY_MS, count),
            verb=none,
            activity=none,
            course=(self.number % _COURSES).astype(np.int32),
            track=self.track.astype(np.uint8),
            identity_hi=identity.astype(np.uint64),
            identity_lo=np.arange(count, dtype=np.uint64),
            id_hash=np.zeros(count, np.uint64),
            standing=self.standing.astype(np.uint8),
            attributes={"country": (self.number // _COURSES % len(_COUNTRIES)).astype(np.int32)},
        )


def _blocks(count: int, days: int) -> Iterator[_Events]:
    for first in range(0, count, _BLOCK):
        rng = np.random.default_rng((20240101, first))
        yield _block(np.arange(first, min(first + _BLOCK, count)), days, rng)


def _block(numbers: Int64s, days: int, rng: np.random.Generator) -> _Events:
    size, other = len(numbers), TRACKS.index("other")
    start = (rng.beta(1.0, 2.0, size) * days * 0.8).astype(np.int64)
    gaps = rng.exponential(days / 6, (_VISITS, size)).astype(np.int64)
    tracks = rng.choice(len(TRACKS), (_VISITS, size), p=_TRACK_SHARES)
    parts = [(numbers, start, np.full(size, TRACKS.index("enrolment")), "enrolled")]
    parts += [(numbers, start + gaps[i], tracks[i], "none") for i in range(_VISITS)]
    left, outcome, completed = rng.random((3, size))
    said = {
        "left": left < 0.12,
        "passed": outcome < 0.15,
        "failed": outcome > 0.95,
        "completed": completed < 0.2,
    }
    for standing, does in said.items():
        some = numbers[does]
        after = (days * (0.3 + 0.6 * rng.random(len(some)))).astype(np.int64)
        parts.append((some, start[some - numbers[0]] + after, np.full(len(some), other), standing))
    whole = _Events(
        *(np.concatenate([part[i] for part in parts]) for i in range(3)),
        np.concatenate([np.full(len(part[0]), STANDINGS.index(part[3])) for part in parts]),
    )
    inside = whole.day < days
    return _Events(*(getattr(whole, name)[inside] for name in whole.__slots__))


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """Measure everything; the result is JSON-ready."""
    state = _folded(options)
    con = _prepared(options) if options.peers == "all" else None
    today = options.days - 1
    noon = dt.datetime(2024, 1, 1, 12, tzinfo=dt.UTC) + dt.timedelta(days=today)
    german = (Condition("country", (_COUNTRIES[1],)),)
    found = {
        "now": _asked(state, AtRisk(as_of=noon, weeks=0), options.runs, con, _now_sql(today)),
        "of one country": _asked(
            state,
            AtRisk(as_of=noon, weeks=0, filters=german),
            options.runs,
            con,
            _now_sql(today, country=1),
        ),
        "trend": _asked(
            state,
            AtRisk(as_of=noon, weeks=_WEEKS),
            max(options.runs // 10, 2),
            con,
            _trend_sql(today),
        ),
    }
    answer = ask(state, AtRisk(as_of=noon, weeks=0), Source())
    assert isinstance(answer, AtRiskAnswer)
    listed, rows = timed(lambda: len(answer.everyone()), 2)
    assert rows == answer.at_risk
    return {
        "enrolments": state.enrolments.rows,
        "events": state.events,
        "days": options.days,
        "threads": options.threads,
        "bytes_an_enrolment": round(state.enrolments.size_bytes / state.enrolments.rows, 1),
        "questions": found,
        "list": {"enrolments": rows, **listed.to_json()},
        "ratio": found["now"]["ratio"],
        "hash": found["trend"]["hash"],
    }


def _folded(options: argparse.Namespace) -> State:
    dictionaries = Dictionaries.under(bytes(32))
    dictionaries.course.codes([f"course-{i}" for i in range(_COURSES)], _COURSES)
    dictionaries.attribute("country").codes(list(_COUNTRIES), len(_COUNTRIES))
    assert len(_COUNTRIES) < len(COUNTRY_SHARES)
    state = State(load_zone("UTC"), dictionaries, ThreadRun(options.threads))
    rng = np.random.default_rng(5)
    for events in _blocks(options.enrolments, options.days):
        state.fold(events.batch(rng))
    state.settle()
    return state


def _asked(
    state: State,
    question: AtRisk,
    runs: int,
    con: "duckdb.DuckDBPyConnection | None",
    sql: str,
) -> dict[str, Any]:
    """Measure the first answer and later ones, and the peer's; compare the numbers by course and week."""
    start = time.perf_counter()
    ask(state, question, Source())
    first_ms = 1e3 * (time.perf_counter() - start)
    cpu_start = time.process_time()
    times, answer = timed(lambda: ask(state, question, Source()), runs, warm=0)
    cpu_ms = 1e3 * (time.process_time() - cpu_start) / runs
    assert isinstance(answer, AtRiskAnswer)
    counts = _counts(answer)
    out = {
        "ours": times.to_json(),
        "cpu_ms": round(cpu_ms, 3),
        "first_ms": round(first_ms, 3),
        "answered_from": answer.answered_from,
        "current": answer.current,
        "at_risk": answer.at_risk,
        "hash": hash_of(counts),
        "peers": [],
        "ratio": None,
    }
    if con is not None:
        work: Callable[[], Any] = lambda: con.execute(sql).fetchall()  # noqa: E731 - named for its type
        theirs, rows = timed(work, _PEER_RUNS)
        assert np.array_equal(np.array(sorted(rows), np.int64)[:, 1:], counts), (
            "DuckDB counts otherwise"
        )
        out["peers"] = [{"peer": "duckdb", "equal": True, **theirs.to_json()}]
        out["ratio"] = round(theirs.median_ms / times.median_ms, 1)
    return out


def _counts(answer: AtRiskAnswer) -> Int64s:
    """Return current enrolments and those at risk by course (and week), int64, a row a course in order."""
    if answer.trend is None:
        rows = [(int(one.course[7:]), one.current, one.at_risk) for one in answer.courses]
        return np.array(sorted(rows), np.int64)[:, 1:]
    order = np.argsort([int(name[7:]) for name in answer.trend.courses])
    both = (answer.trend.current[1:][order], answer.trend.at_risk[1:][order])
    return np.concatenate(both, axis=1)


def _prepared(options: argparse.Namespace) -> "duckdb.DuckDBPyConnection":
    import duckdb

    con = duckdb.connect()
    con.execute(f"set threads = {options.threads}")
    con.execute(
        "create table raw (number uinteger, day usmallint, track utinyint, standing utinyint)"
    )
    for events in _blocks(options.enrolments, options.days):
        columns = {name: getattr(events, name) for name in events.__slots__}
        con.register("block", pa.table(columns))
        con.execute("insert into raw select * from block")
    beyond = ", ".join(str(TRACKS.index(track)) for track in _BEYOND)
    # Of one enrolment and kind there is one event here, so the day orders them.
    con.execute(
        f"""create table active as select number, day, max(track in ({beyond})) as beyond
        from raw group by all order by number, day;
        create table standings as select number, day, standing from raw where standing > 0 order by number, day;
        create table enrolments as select
            number % {_COURSES} as course, number // {_COURSES} % {len(_COUNTRIES)} as country,
            min(day) as start, max(day) as last,
            coalesce(min(day) filter (track in ({beyond})), 60000)::usmallint as beyond,
            coalesce(bool_or(standing = 2), false) as gone,
            coalesce(arg_max(standing, day) filter (standing in (6, 7)), 0)::utinyint as outcome,
            coalesce(bool_or(standing = 5), false) as completed
        from raw group by number;
        alter table enrolments alter course type utinyint; alter table enrolments alter country type utinyint;
        drop table raw"""
    )
    return con


def _now_sql(today: int, country: int | None = None) -> str:
    where = "" if country is None else f"where country = {country}"
    lost = f"beyond <= {today} and last <= {today - 7} and outcome <> 6 and not completed"
    return (
        f"select course, count_if(not gone), count_if(not gone and {lost}) from enrolments {where} "
        f"group by course"
    )


def _trend_sql(today: int) -> str:
    """Return the SQL of the same numbers at the ends of weeks: one pass over days, one over standings."""
    sunday = (today + 1) // 7 * 7 - 1  # day 0 is a Monday
    ends = [sunday - 7 * i for i in range(_WEEKS - 1, -1, -1)]
    if today > sunday:
        ends = [*ends[1:], today]
    last = ", ".join(f"max(day) filter (day <= {end}) as l{i}" for i, end in enumerate(ends))
    stands = ", ".join(
        f"bool_or(standing = 2 and day <= {end}) as g{i}, "
        f"arg_max(standing, day) filter (standing in (6, 7) and day <= {end}) as o{i}, "
        f"bool_or(standing = 5 and day <= {end}) as c{i}"
        for i, end in enumerate(ends)
    )
    current = [f"start <= {end} and not g{i}" for i, end in enumerate(ends)]
    lost = [
        f"{here} and beyond <= {end} and l{i} <= {end - 7} and o{i} is distinct from 6 and not c{i}"
        for i, (end, here) in enumerate(zip(ends, current, strict=True))
    ]
    counted = ", ".join(f"count_if({one})" for one in (*current, *lost))
    return f"""with days as (
            select number, min(day) as start, min(day) filter (beyond) as beyond, {last} from active group by number
        ), stands as (select number, {stands} from standings group by number)
        select number % {_COURSES} as course, {counted} from days join stands using (number) group by course"""


def show(result: dict[str, Any]) -> None:
    """Print the result for a person."""
    print(
        f"{result['enrolments']:,} enrolments, {result['events']:,} events over {result['days']} days, "
        f"{result['threads']} threads, {result['bytes_an_enrolment']} bytes an enrolment"
    )
    for name, question in result["questions"].items():
        times = question["ours"]
        ratio = f"  ratio {question['ratio']}" if question["ratio"] else ""
        print(
            f"{name:<16} P50 {times['median_ms']:7.1f}  P99 {times['p99_ms']:7.1f} ms, the first "
            f"{question['first_ms']:8.1f} ms, processors {question['cpu_ms']:7.1f} ms, {question['at_risk']:,} of "
            f"{question['current']:,}, from {question['answered_from']}{ratio}"
        )
        for peer in question["peers"]:
            print(f"    {peer['peer']:<12} P50 {peer['median_ms']:7.1f} ms")
    listed = result["list"]
    print(f"the whole list of {listed['enrolments']:,} in {listed['median_ms']:,.0f} ms")
