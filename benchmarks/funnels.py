"""A funnel of five steps and the paths of visits, over a loaded directory, against DuckDB and ClickHouse.

The funnel asks how far learners come from registering over viewing, playing and answering to posting, within seven
days of the first step; the paths, which verbs follow a registration within a visit. Both read 100 million events at
full size, from the same logs, directory and table as the benchmark ``history``. Each answer is asked for in a fresh
process, from its first import on, with files in the page cache, and once more in the same process.

Peers ask DuckDB's own table (learners as numbers, verbs as an enumeration, sorted by learner and time) and, as
ClickHouse has a function for it, the Parquet files of our history with chDB's ``windowFunnel``. DuckDB's SQL is the
quickest of several tries. For the funnel: a join a step to the latest start so far (ASOF); windows over windows took
three times as long, and a fold over a sorted list of each learner's events twice, in less memory. For the paths: one
pass of windows to cut visits, then rows numbered within them. Every result is compared in full.
"""

import argparse
import hashlib
import json
import time
from pathlib import Path
from typing import Any

from benchmarks.alone import peak_bytes, run_alone
from benchmarks.history import prepare

__all__ = ["add_arguments", "ask_clickhouse", "ask_duckdb", "ask_ours", "measure", "show"]

_STEPS = ("registered", "viewed", "played", "answered", "posted")
_WITHIN_DAYS = 7
_GAP_MINUTES = 30
_DEPTH = 4
_PEERS = {"funnel": ("duckdb", "clickhouse"), "paths": ("duckdb",)}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the sizes."""
    parser.add_argument("--events", type=int, default=100_000_000)
    parser.add_argument("--learners", type=int, default=None, help="default: a twentieth of events")
    parser.add_argument("--runs", type=int, default=3, help="processes a question")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument(
        "--peers", nargs="*", default=["duckdb", "clickhouse"], help="those to compare with"
    )
    parser.add_argument("--workdir", type=Path, default=Path("build/benchmarks"))


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """Measure everything; the result is JSON-ready."""
    learners = options.learners or max(1, options.events // 20)
    folder = options.workdir / "history" / f"{options.events}-{learners}"
    prepare(folder, options.events, learners)
    questions = [_question(name, folder, options) for name in _PEERS]
    return {
        "events": options.events,
        "learners": learners,
        "threads": options.threads,
        "questions": questions,
        "hash": questions[0]["hash"],
        "ratio": questions[0]["ratio"],
    }


def _question(name: str, folder: Path, options: argparse.Namespace) -> dict[str, Any]:
    asked = {"question": name, "folder": str(folder)}
    ours = _asked("ask_ours", asked, options)
    counts = ours.pop("counts")
    peers = []
    for peer in (one for one in _PEERS[name] if one in options.peers):
        found = _asked(f"ask_{peer}", asked, options)
        assert found.pop("counts") == counts, f"{peer} answers {name} otherwise"
        peers.append({"peer": peer} | found)
    quickest = min(peers, key=lambda peer: float(peer["first_s"]), default=None)
    return {
        "question": name,
        "ours": ours,
        "peers": peers,
        "ratio": quickest and round(quickest["first_s"] / ours["first_s"], 2),
        "ratio_again": quickest and round(min(p["again_s"] for p in peers) / ours["again_s"], 2),
        "share_of_memory": quickest and round(ours["peak_bytes"] / quickest["peak_bytes"], 2),
        "hash": hashlib.sha256(json.dumps(counts).encode()).hexdigest()[:16],
    }


def _asked(function: str, asked: dict[str, Any], options: argparse.Namespace) -> dict[str, Any]:
    """Ask in so many fresh processes; return the medians and the last answer."""
    found = [
        run_alone(f"benchmarks.funnels:{function}", asked, processors=options.threads)
        for _ in range(options.runs)
    ]
    names = ("first_s", "again_s", "processor_s")
    middle = options.runs // 2
    return found[-1] | {n: round(sorted(one[n] for one in found)[middle], 3) for n in names}


def _timed(start: float, answer: Any) -> dict[str, Any]:  # noqa: ANN401 - what asks the question
    """Ask twice; the first time begins at ``start``, before the imports."""
    counts = answer()
    first_s = time.perf_counter() - start
    start, used = time.perf_counter(), time.process_time()
    answer()
    return {
        "first_s": first_s,
        "again_s": time.perf_counter() - start,
        "processor_s": time.process_time() - used,
        "peak_bytes": peak_bytes(),
        "counts": counts,
    }


def ask_ours(asked: dict[str, Any]) -> dict[str, Any]:
    """Open the directory and ask; called in a process of its own."""
    start = time.perf_counter()
    from homeroom.analyzer import open_directory

    data = open_directory(Path(asked["folder"]) / "data")

    def funnel() -> list[int]:
        steps = [f"verb={step}" for step in _STEPS]
        counts: list[int] = data.funnel(steps=steps, within=f"{_WITHIN_DAYS}d").counts.tolist()
        return counts

    def paths() -> list[list[Any]]:
        found = data.paths(
            after=[f"verb={_STEPS[0]}"], within=f"{_GAP_MINUTES}m", depth=_DEPTH, branches=50
        )
        return sorted([e.step, e.source, e.target, e.paths, e.learners] for e in found.edges)

    return _timed(start, {"funnel": funnel, "paths": paths}[asked["question"]])


def ask_duckdb(asked: dict[str, Any]) -> dict[str, Any]:
    """Open DuckDB's file and ask; called in a process of its own."""
    start = time.perf_counter()
    import os

    import duckdb

    con = duckdb.connect(str(Path(asked["folder"]) / "events.duckdb"), read_only=True)
    con.execute(f"set threads = {len(os.sched_getaffinity(0))}; set timezone = 'UTC'")

    def funnel() -> list[int]:
        [row] = con.execute(_funnel_sql()).fetchall()
        return [int(count) for count in row]

    def paths() -> list[list[Any]]:
        return sorted(list(row) for row in con.execute(_paths_sql()).fetchall())

    return _timed(start, {"funnel": funnel, "paths": paths}[asked["question"]])


def _funnel_sql() -> str:
    """Return the funnel as SQL: for each event of a step the latest start that has come to the step before.

    The start of a later event of a step is never earlier, so the latest event of the step before has the latest start.
    """
    sql = f"""with s1 as (
        select learner, time, time as start from events where verb like '%/{_STEPS[0]}')"""
    for number, step in enumerate(_STEPS[1:], 2):
        sql += f""", s{number} as (
            select e.learner, e.time, s.start from (
                select learner, time from events where verb like '%/{step}'
            ) e asof join s{number - 1} s on e.learner = s.learner and e.time >= s.time
            where e.time - s.start <= interval {_WITHIN_DAYS} day)"""
    counts = (
        f"(select count(distinct learner) from s{number})" for number in range(1, len(_STEPS) + 1)
    )
    return f"{sql} select {', '.join(counts)}"


def _paths_sql() -> str:
    """Return the paths as SQL: edges by step, with paths and learners.

    Verbs are an enumeration in the order of their texts, by which ties are decided. A visit is named by the time of
    its first event; in it, what follows the first registration and differs from the event before is numbered.
    """
    line = "partition by learner order by time, verb"
    visit = "partition by learner, visit order by time, verb"
    return f"""
        with cut as (
            select learner, time, verb, time - lag(time) over ({line}) as pause from events
        ), visits as (
            select learner, time, verb,
                max(case when pause is null or pause > interval {_GAP_MINUTES} minute then time end)
                    over ({line} rows unbounded preceding) as visit
            from cut
        ), begun as (
            select *, lag(verb) over ({visit}) as before,
                bool_or(verb like '%/{_STEPS[0]}') over ({visit} rows unbounded preceding) as after
            from visits
        ), nodes as (
            select *, row_number() over ({visit}) - 1 as step from (
                select *, coalesce(not lag(after) over ({visit}), true) as is_first
                from begun where after qualify is_first or verb <> before)
        ), ways as (
            select learner, step + 1 as step,
                case when step = 0 then '(begin)' else verb::varchar end as source,
                coalesce(lead(verb) over ({visit})::varchar, '(end)') as target
            from nodes
        )
        select step, source, target, count(*), count(distinct learner) from ways
        where step <= {_DEPTH} or (step = {_DEPTH + 1} and target = '(end)') group by all"""


def ask_clickhouse(asked: dict[str, Any]) -> dict[str, Any]:
    """Ask our Parquet files with chDB; called in a process of its own."""
    start = time.perf_counter()
    import os

    import chdb

    verbs = [f"verb like '%/{step}'" for step in _STEPS]
    counts = ", ".join(f"countIf(level >= {k})" for k in range(1, len(_STEPS) + 1))
    sql = f"""
        select {counts} from (
            select windowFunnel({_WITHIN_DAYS * 86_400_000})
                (toUInt64(toUnixTimestamp64Milli(time)), {", ".join(verbs)}) as level
            from file('{asked["folder"]}/data/history/*.parquet', Parquet)
            where {" or ".join(verbs)} group by learner
        ) settings max_threads = {len(os.sched_getaffinity(0))}"""

    def funnel() -> list[int]:
        return [int(count) for count in str(chdb.query(sql, "CSV")).strip().split(",")]

    return _timed(start, funnel)


def show(result: dict[str, Any]) -> None:
    """Print the result for a person."""
    print(
        f"{result['events']:,} events of {result['learners']:,} learners, {result['threads']} threads"
    )
    for question in result["questions"]:
        for found in ({"peer": "homeroom"} | question["ours"], *question["peers"]):
            print(
                f"{question['question']:<8} {found['peer']:<12} first {found['first_s']:7.2f} s, again "
                f"{found['again_s']:7.2f} s ({found['processor_s']:.2f} s of processors), "
                f"{found['peak_bytes'] / 1e6:,.0f} MB"
            )
        print(
            f"{'':<8} ratio {question['ratio']}, again {question['ratio_again']}, memory "
            f"{question['share_of_memory']} of the quickest peer's"
        )
