"""Recurring retention of resident state: who of those active in any period was active again k periods later.

With bits by period it is a product of two bit matrices, which no peer has. DuckDB gets the ways that are left: a join
of the table of learners and periods with itself, the pairs within each learner's list of periods, and, where periods
are few enough for a bit mask, the pairs within each distinct mask. All start from tables prepared before the clock
starts, and every count is compared.
"""

import argparse
from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from benchmarks.learners import Learners, folded
from benchmarks.prepared import CUTS, Counts, Cut, Way
from benchmarks.timing import hash_of, timed
from benchmarks.triangle import compared, periods_of
from homeroom.adapters.threads import ThreadRun
from homeroom.cohorts.activity import ColumnActivity
from homeroom.cohorts.matching import Selection
from homeroom.cohorts.questions import Retention
from homeroom.cohorts.retention import bit_triangle
from homeroom.state.table import SubjectTable

if TYPE_CHECKING:
    import duckdb

__all__ = ["add_arguments", "measure", "show"]

_CUTS = tuple(cut for cut in CUTS if cut.name != "week_sunday")
_PEER_RUNS = 3
_MASK_PERIODS_MAX = 63


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the sizes."""
    parser.add_argument("--learners", type=int, default=5_000_000)
    parser.add_argument("--days", type=int, default=180)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--runs", type=int, default=30)
    parser.add_argument(
        "--peers", choices=["all", "none"], default="all", help="none: only ourselves"
    )


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """Measure everything; the result is JSON-ready."""
    run = ThreadRun(options.threads)
    learners = Learners(options.learners, options.days)
    table = folded(learners, run)
    con = _prepared(learners, options.threads) if options.peers == "all" else None
    questions = []
    for cut in _CUTS:
        times, counts = timed(partial(_ours, table, cut, options.days, run), options.runs)
        ways = [] if con is None else list(_ways(con, cut, options.days))
        found = {"question": cut.name, "ours": times.to_json(), "hash": hash_of(counts)}
        questions.append(found | compared(times, counts, ways, _PEER_RUNS))
    return {
        "learners": table.rows,
        "days": options.days,
        "threads": options.threads,
        "questions": questions,
        "ratio": questions[0]["ratio"],
        "hash": questions[0]["hash"],
    }


def _ours(table: SubjectTable, cut: Cut, days: int, run: ThreadRun) -> Counts:
    """Ask as `homeroom.cohorts.ask` does, from the columns."""
    periods, everyone = periods_of(cut, days), Selection()
    question = Retention(interval=cut.interval, mode="recurring", week_start=cut.week_start)
    activity = ColumnActivity(table, periods, [everyone])
    return bit_triangle(activity, question, everyone, everyone, periods, run)


def _prepared(learners: Learners, threads: int) -> "duckdb.DuckDBPyConnection":
    import duckdb

    con = duckdb.connect()
    con.execute(f"set threads = {threads}; set perfect_ht_threshold = 16")
    con.execute("create table raw (learner uinteger, day usmallint)")
    for visits in learners.blocks():
        con.register("block", pa.table({"learner": visits.learner, "day": visits.day}))
        con.execute("insert into raw select distinct learner, day from block")
    return con


def _ways(con: "duckdb.DuckDBPyConnection", cut: Cut, days: int) -> Iterator[Way]:
    """Prepare DuckDB's tables of a cut, and yield its ways."""
    of_day = cut.period_of_day(days)
    count = of_day[-1] + 1
    con.register("cut", pa.table({"day": np.arange(len(of_day)), "period": np.array(of_day)}))
    con.execute(
        """create or replace table periods as
        select distinct learner, period::usmallint as period from raw join cut using (day)
        order by learner, period;
        create or replace table lists as
        select learner, list(period order by period) as held from periods group by learner"""
    )
    cell = f"(a::int * {count} + (b - a)::int)::usmallint as cell"
    queries = {
        "self-join": f"""select {cell}, count(*) as n from (
            select x.period::int as a, y.period::int as b
            from periods x join periods y on x.learner = y.learner and y.period >= x.period
        ) group by cell""",
        "lists": f"""select {cell}, count(*) as n from (
            select a::int as a, unnest(held)::int as b from (select unnest(held) as a, held from lists)
        ) where b >= a group by cell""",
    }
    if count <= _MASK_PERIODS_MAX:
        con.execute(
            """create or replace table masks as
            select learner, bit_or(1::ubigint << period::ubigint) as held from periods group by learner"""
        )
        queries["bit masks"] = f"""
            with kinds as (select held, count(*) as learners from masks group by held)
            select {cell}, sum(learners) as n from kinds, range({count}) x(a), range({count}) y(b)
            where b >= a and (held >> a::ubigint) & 1 = 1 and (held >> b::ubigint) & 1 = 1
            group by cell"""

    def counts(found: dict[str, Any]) -> Counts:
        triangle = np.zeros(count * count, np.int64)
        triangle[found["cell"].astype(np.int64)] = found["n"].astype(np.int64)
        return triangle.reshape(count, count)

    for name, sql in queries.items():
        yield Way("duckdb", name, "query", partial(_fetched, con, sql), counts)


def _fetched(con: "duckdb.DuckDBPyConnection", sql: str) -> dict[str, Any]:
    return con.execute(sql).fetchnumpy()


def show(result: dict[str, Any]) -> None:
    """Print the result for a person."""
    print(f"{result['learners']:,} learners x {result['days']} days, {result['threads']} threads")
    for question in result["questions"]:
        times = question["ours"]
        print(
            f"recurring, {question['question']:<8} P50 {times['median_ms']:8.1f}  "
            f"P99 {times['p99_ms']:8.1f} ms  ratio {question['ratio']}"
        )
        for peer in question["peers"]:
            print(f"    {peer['peer']}, {peer['way']:<10} P50 {peer['median_ms']:8.1f} ms")
