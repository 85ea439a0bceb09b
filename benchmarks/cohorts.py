"""Cohorts from the columns: one definition, a hundred, and who entered and left, of learners that are in memory.

Every definition is looked up, checked and evaluated anew in each run, as a first question would; the number of
members is compared with DuckDB's, which starts from a prepared table of distinct (learner, day), sorted.
"""

import argparse
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from benchmarks.learners import FIRST_DAY, Learners, folded
from benchmarks.timing import timed
from homeroom.adapters.threads import ThreadRun
from homeroom.cohorts.evaluating import Evaluator
from homeroom.cohorts.members import Members
from homeroom.cohorts.questions import Definitions, parse_definitions
from homeroom.events.dictionary import Dictionaries
from homeroom.state.state import State
from homeroom.state.zones import load_zone

if TYPE_CHECKING:
    import duckdb

__all__ = ["add_arguments", "measure", "show"]

_DAY_MS = 86_400_000
_PEER_RUNS = 5
_MANY = 100


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the sizes."""
    parser.add_argument("--learners", type=int, default=5_000_000)
    parser.add_argument("--days", type=int, default=180)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--runs", type=int, default=200, help="runs of one definition")
    parser.add_argument(
        "--peers", choices=["all", "none"], default="all", help="none: only ourselves"
    )


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """Measure everything; the result is JSON-ready."""
    run = ThreadRun(options.threads)
    learners = Learners(options.learners, options.days)
    state = State(load_zone("UTC"), Dictionaries.under(bytes(32)), run)
    state.learners = folded(learners, run)
    first_ms = (FIRST_DAY + 4) * _DAY_MS
    state.scanned_ms = (first_ms, first_ms + options.days * _DAY_MS - 1)
    con = _prepared(learners, options.threads) if options.peers == "all" else None
    today = FIRST_DAY + options.days - 1
    questions = []
    for name, (rule, sql) in _definitions(options.days).items():
        written = parse_definitions({"cohort": {name: rule}})
        times, members = timed(partial(_evaluated, state, written, [name], today), options.runs)
        found = {"question": name, "ours": times.to_json(), "members": len(members[0])}
        questions.append(found | _compared(con, sql, len(members[0]), times.median_ms))
    return {
        "learners": state.learners.rows,
        "days": options.days,
        "threads": options.threads,
        "questions": questions,
        "changes": _changes(state, today, options.runs),
        "many": _many(state, today),
    }


def _definitions(days: int) -> dict[str, tuple[dict[str, Any], str]]:
    """Return rules with the SQL that says the same of the table ``active(learner, day)``."""
    today = days - 1
    of = "select count(*) from (select learner from active"
    return {
        "active in the last 28 days": (
            {"did": "any", "within": "28d"},
            f"{of} where day > {today - 28} group by learner)",
        ),
        "3 days in the last 28": (
            {"did": "any", "at_least": 3, "unit": "days", "within": "28d"},
            f"{of} where day > {today - 28} group by learner having count(*) >= 3)",
        ),
        "5 days ever": (
            {"did": "any", "at_least": 5, "unit": "days"},
            f"{of} group by learner having count(*) >= 5)",
        ),
        "2 days in 90, then quiet for 14": (
            {
                "all": [
                    {"did": "any", "at_least": 2, "unit": "days", "within": "90d"},
                    {"stopped": "any", "quiet": "14d"},
                ]
            },
            f"{of} where day > {today - 90} group by learner having count(*) >= 2 "
            f"and max(day) <= {today - 14})",
        ),
        "new in the last 30, back in the last 7": (
            {
                "all": [
                    {"first": "any", "within": {"last": "30d", "ago": "7d"}},
                    {"did": "any", "within": "7d"},
                ]
            },
            f"{of} group by learner having min(day) > {today - 37} and min(day) <= {today - 7} "
            f"and max(day) > {today - 7})",
        ),
    }


def _evaluated(
    state: State, definitions: Definitions, names: Sequence[str], day: int
) -> list[Members]:
    found = Evaluator(state, definitions).evaluate(names, day)
    return [found.members[name] for name in names]


def _prepared(learners: Learners, threads: int) -> "duckdb.DuckDBPyConnection":
    import duckdb

    con = duckdb.connect()
    con.execute(f"set threads = {threads}")
    con.execute("create table raw (learner uinteger, day usmallint)")
    for visits in learners.blocks():
        con.register("block", pa.table({"learner": visits.learner, "day": visits.day}))
        con.execute("insert into raw select distinct learner, day from block")
    con.execute("create table active as select * from raw order by learner, day; drop table raw")
    return con


def _compared(
    con: "duckdb.DuckDBPyConnection | None", sql: str, members: int, ours_ms: float
) -> dict[str, Any]:
    if con is None:
        return {"peers": [], "ratio": None}
    times, [(count,)] = timed(lambda: con.execute(sql).fetchall(), _PEER_RUNS)
    assert count == members, f"DuckDB counts {count} members, we {members}"
    peer = {"peer": "duckdb", "equal": True, **times.to_json()}
    return {"peers": [peer], "ratio": round(times.median_ms / ours_ms, 1)}


def _changes(state: State, today: int, runs: int) -> dict[str, Any]:
    """Measure who entered and left between two dates, beside one evaluation of the same definition."""
    rule, _ = _definitions(0)["2 days in 90, then quiet for 14"]
    written = parse_definitions({"cohort": {"a": rule}})
    once, _ = timed(partial(_evaluated, state, written, ["a"], today), runs)

    def changed() -> tuple[Members, Members]:
        before, after = Evaluator(state, written).on_days(["a"], [today - 7, today])
        return after.members["a"] - before.members["a"], before.members["a"] - after.members["a"]

    both, (entered, left) = timed(changed, runs)
    return {
        "once": once.to_json(),
        "ours": both.to_json(),
        "entered": len(entered),
        "left": len(left),
        "times_once": round(both.median_ms / once.median_ms, 2),
    }


def _many(state: State, today: int) -> dict[str, Any]:
    """Measure all members of a hundred definitions: as sets, and as the keys of those who are in them."""
    rules = {
        f"c{i}": {"did": "any", "at_least": 1 + i % 5, "unit": "days", "within": f"{7 + i}d"}
        for i in range(_MANY)
    }
    written = parse_definitions({"cohort": rules})
    names = list(rules)
    sets, members = timed(partial(_evaluated, state, written, names, today), 3)

    def listed() -> int:
        found = _evaluated(state, written, names, today)
        return sum(len(keys) for one in found for keys in _keys(state, one))

    keys, count = timed(listed, 3)
    assert count == sum(map(len, members))
    return {
        "definitions": _MANY,
        "members": count,
        "sets": sets.to_json(),
        "keys": keys.to_json(),
    }


def _keys(state: State, members: Members) -> list[np.ndarray[Any, Any]]:
    parts = enumerate(state.learners.partitions)
    return [
        np.column_stack((part.key_hi[places], part.key_lo[places]))
        for number, part in parts
        for places in (members.places(number),)
    ]


def show(result: dict[str, Any]) -> None:
    """Print the result for a person."""
    print(f"{result['learners']:,} learners x {result['days']} days, {result['threads']} threads")
    for question in result["questions"]:
        times = question["ours"]
        ratio = f"  ratio {question['ratio']}" if question["ratio"] else ""
        print(
            f"{question['question']:<40} P50 {times['median_ms']:7.2f}  P99 {times['p99_ms']:7.2f} ms, "
            f"{question['members']:>9,} members{ratio}"
        )
        for peer in question["peers"]:
            print(f"    {peer['peer']:<36} P50 {peer['median_ms']:7.1f} ms")
    changes, many = result["changes"], result["many"]
    print(
        f"{'who entered and left in a week':<40} P50 {changes['ours']['median_ms']:7.2f}  "
        f"P99 {changes['ours']['p99_ms']:7.2f} ms, {changes['times_once']} times one evaluation"
    )
    for name in ("sets", "keys"):
        print(
            f"{many['definitions']} definitions, {many['members']:,} members as {name:<8} "
            f"P50 {many[name]['median_ms']:7.1f} ms"
        )
