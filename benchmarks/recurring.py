"""Recurring retention of resident state: who of those active in any period was active again k periods later.

With bits by period it is a product of two bit matrices, which neither peer has: in SQL it is a join of the table of
learner-days with itself, billions of pairs for millions of learners. So the peer is measured, and the counts are
compared, on fewer learners (``--peer-learners``); its time is said with that size and no ratio is claimed from it.
"""

import argparse
from typing import Any

import numpy as np
import pyarrow as pa

from benchmarks.learners import Learners, folded
from benchmarks.prepared import CUTS, Counts, Cut
from benchmarks.timing import hash_of, timed
from benchmarks.triangle import periods_of
from homeroom.adapters.threads import ThreadRun
from homeroom.cohorts.activity import ColumnActivity
from homeroom.cohorts.matching import Selection
from homeroom.cohorts.questions import Retention
from homeroom.cohorts.retention import bit_triangle
from homeroom.state.table import SubjectTable

__all__ = ["add_arguments", "measure", "show"]

_CUTS = tuple(cut for cut in CUTS if cut.name != "week_sunday")
_PEER_RUNS = 3


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the sizes."""
    parser.add_argument("--learners", type=int, default=5_000_000)
    parser.add_argument("--days", type=int, default=180)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--runs", type=int, default=30)
    parser.add_argument("--peer-learners", type=int, default=250_000)


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """Measure everything; the result is JSON-ready."""
    run = ThreadRun(options.threads)
    table = folded(Learners(options.learners, options.days), run)
    questions = []
    for cut in _CUTS:
        times, counts = timed(lambda c=cut: _ours(table, c, options.days, run), options.runs)
        questions.append({"question": cut.name, "ours": times.to_json(), "hash": hash_of(counts)})
    return {
        "learners": table.rows,
        "days": options.days,
        "threads": options.threads,
        "questions": questions,
        "peer": _compared(Learners(options.peer_learners, options.days), run),
        "hash": questions[0]["hash"],
    }


def _ours(table: SubjectTable, cut: Cut, days: int, run: ThreadRun) -> Counts:
    """Ask as `homeroom.cohorts.ask` does, from the columns."""
    periods, everyone = periods_of(cut, days), Selection()
    question = Retention(interval=cut.interval, mode="recurring", week_start=cut.week_start)
    activity = ColumnActivity(table, periods, [everyone])
    return bit_triangle(activity, question, everyone, everyone, periods, run)


def _compared(learners: Learners, run: ThreadRun) -> dict[str, Any]:
    """Measure ourselves and DuckDB's self-join on the same few learners, and compare the counts."""
    import duckdb

    table = folded(learners, run)
    con = duckdb.connect()
    con.execute(f"set threads = {run.workers}; set perfect_ht_threshold = 16")
    con.execute("create table raw (learner uinteger, day usmallint)")
    for visits in learners.blocks():
        con.register("block", pa.table({"learner": visits.learner, "day": visits.day}))
        con.execute("insert into raw select distinct learner, day from block")
    found = []
    for cut in _CUTS:
        of_day = cut.period_of_day(learners.days)
        con.register("cut", pa.table({"day": np.arange(len(of_day)), "period": np.array(of_day)}))
        con.execute(
            """create or replace table periods as
            select distinct learner, period::usmallint as period from raw join cut using (day)
            order by learner, period"""
        )
        count = of_day[-1] + 1
        sql = f"""select (a.period::int * {count} + (b.period - a.period)::int)::usmallint as cell,
            count(*) as n
            from periods a join periods b on a.learner = b.learner and b.period >= a.period
            group by 1"""
        ours, counts = timed(lambda c=cut: _ours(table, c, learners.days, run), _PEER_RUNS)
        peer, rows = timed(lambda s=sql: con.execute(s).fetchnumpy(), _PEER_RUNS)
        theirs = np.zeros(count * count, np.int64)
        theirs[rows["cell"].astype(np.int64)] = rows["n"]
        equal = bool(np.array_equal(theirs.reshape(count, count), counts))
        assert equal, f"DuckDB counts the {cut.name} triangle otherwise"
        found.append(
            {
                "question": cut.name,
                "equal": equal,
                "ours": ours.to_json(),
                "duckdb": peer.to_json(),
                "ratio": round(peer.median_ms / ours.median_ms, 1),
            }
        )
    return {"learners": table.rows, "questions": found}


def show(result: dict[str, Any]) -> None:
    """Print the result for a person."""
    print(f"{result['learners']:,} learners x {result['days']} days, {result['threads']} threads")
    for question in result["questions"]:
        times = question["ours"]
        print(
            f"recurring, {question['question']:<8} P50 {times['median_ms']:8.1f}  "
            f"P99 {times['p99_ms']:8.1f} ms"
        )
    peer = result["peer"]
    print(f"{peer['learners']:,} learners, with DuckDB's self-join of its prepared table")
    for question in peer["questions"]:
        print(
            f"recurring, {question['question']:<8} P50 {question['ours']['median_ms']:8.1f} ms, "
            f"DuckDB {question['duckdb']['median_ms']:,.1f} ms, {question['ratio']} times"
        )
