"""Questions that only history can answer, over a loaded directory, against DuckDB over the same events.

Four questions: weekly first-time retention of those who began by one verb and came back by another; by how many
different hours of one week learners were active; and the sizes of two cohorts, one that counts events in four weeks and
one that asks for two verbs in sequence within a day. All read 100 million events at full size. Each answer is asked for
in a fresh process, from its first import on, with files in the page cache, and once more in the same process, when
columns are decoded already. DuckDB answers from its own table (made from the generated log and not from our files:
without repeats, learners as numbers, verbs as an enumeration, sorted by learner and time) and from the Parquet files
of our history.
Its SQL is the quickest of several tries: one pass with bit masks, as there are at most 64 weeks.

Logs, directory and table are made once under ``--workdir`` and kept; each step leaves a mark when it is whole, so
that a run that was stopped goes on where it was. 100 million events take some 12 GB and a quarter of an hour.
"""

import argparse
import hashlib
import json
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from benchmarks.alone import peak_bytes, run_alone

__all__ = ["add_arguments", "ask_duckdb", "ask_ours", "measure", "prepare", "show"]

_VERBS = ("played", "answered")
_DAYS = 180
_WEEK = ("2025-03-10", "2025-03-16")
_WEEKS = ("2025-03-03", "2025-03-30")
_COUNT = 5
_COURSES = 12
_QUESTIONS = ("retention", "hours", "counted", "sequence")
_ORIGINS = ("table", "our parquet")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the sizes."""
    parser.add_argument("--events", type=int, default=100_000_000)
    parser.add_argument("--learners", type=int, default=None, help="default: a twentieth of events")
    parser.add_argument("--runs", type=int, default=3, help="processes a question")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--questions", nargs="+", choices=_QUESTIONS, default=list(_QUESTIONS))
    parser.add_argument("--workdir", type=Path, default=Path("build/benchmarks"))


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """Measure everything; the result is JSON-ready."""
    learners = options.learners or max(1, options.events // 20)
    folder = options.workdir / "history" / f"{options.events}-{learners}"
    prepared = prepare(folder, options.events, learners)
    questions = [
        _question(name, folder, options.runs, options.threads) for name in options.questions
    ]
    return {
        "events": options.events,
        "learners": learners,
        "threads": options.threads,
        "prepared_s": prepared,
        "questions": questions,
        "hash": questions[0]["hash"],
        "ratio": questions[0]["ratio"],
    }


def prepare(folder: Path, events: int, learners: int) -> dict[str, float]:
    """Generate, load, and fill DuckDB's table, as far as that is not done yet; return the seconds of each step."""
    folder.mkdir(parents=True, exist_ok=True)
    log, data, table = folder / "log", folder / "data", folder / "events.duckdb"
    homeroom = [sys.executable, "-m", "homeroom"]
    size = ["--events", str(events), "--learners", str(learners), "--days", str(_DAYS)]
    form = ["--courses", str(_COURSES), "--accounts", "long", "--files", str(-(-events // 10**7))]

    def generate() -> None:
        shutil.rmtree(log, ignore_errors=True)
        subprocess.run([*homeroom, "generate", str(log), *size, *form], check=True)

    def load() -> None:
        shutil.rmtree(data, ignore_errors=True)
        done = [*homeroom, "load", str(data), str(log)]
        subprocess.run(done, check=True, stdout=subprocess.DEVNULL)

    def fill() -> None:
        table.unlink(missing_ok=True)
        _fill_table(table, log)

    steps = {"generate": generate, "load": load, "duckdb": fill}
    return {name: _once(folder / f"{name}.done", step) for name, step in steps.items()}


def _once(mark: Path, step: Callable[[], None]) -> float:
    if not mark.exists():
        start = time.perf_counter()
        step()
        mark.write_text(f"{time.perf_counter() - start:.1f}")
    return float(mark.read_text())


def _fill_table(path: Path, log: Path) -> None:
    import duckdb

    with duckdb.connect(str(path)) as con:
        con.execute("set threads = 2; set timezone = 'UTC'; set preserve_insertion_order = false")
        source = f"read_parquet('{log}/*.parquet')"
        con.execute(f"create type verb as enum (select distinct verb from {source} order by verb)")
        con.execute(
            f"""create table people as select issuer, account, row_number() over ()::uinteger as learner
            from (select distinct issuer, account from {source})"""
        )
        con.execute(
            f"""create table events as select learner, time::timestamp as time, verb::verb as verb
            from (select distinct * from {source}) join people using (issuer, account)
            order by learner, time"""
        )
        con.execute("drop table people; checkpoint")


def _question(name: str, folder: Path, runs: int, threads: int) -> dict[str, Any]:
    ours = _asked(
        "benchmarks.history:ask_ours", {"question": name, "folder": str(folder)}, runs, threads
    )
    assert ours["answered_from"] == "history", "the columns answered"
    peers: list[dict[str, Any]] = []
    for origin in _ORIGINS:
        asked = {"question": name, "folder": str(folder), "origin": origin}
        found = _asked("benchmarks.history:ask_duckdb", asked, runs, threads)
        equal = _filled(found.pop("counts")) == _filled(ours["counts"])
        assert equal, f"DuckDB ({origin}) answers {name} otherwise"
        peers.append({"peer": "duckdb", "origin": origin, "equal": equal} | found)
    counts = json.dumps(_filled(ours.pop("counts"))).encode()
    first = min(peer["first_s"] for peer in peers)
    again = min(peer["again_s"] for peer in peers)
    return {
        "question": name,
        "ours": ours,
        "peers": peers,
        "ratio": round(first / ours["first_s"], 2),
        "ratio_again": round(again / ours["again_s"], 2),
        "hash": hashlib.sha256(counts).hexdigest()[:16],
    }


def _filled(rows: list[list[int]]) -> list[list[int]]:
    """Return rows without trailing zeros, which one side may leave out."""
    kept = [max((place for place, n in enumerate(row, 1) if n), default=0) for row in rows]
    return [row[:length] for row, length in zip(rows, kept, strict=True)]


def _asked(place: str, asked: dict[str, Any], runs: int, threads: int) -> dict[str, Any]:
    """Ask in so many fresh processes; return the medians and the last answer."""
    found = []
    for _ in range(runs):
        start = time.perf_counter()
        answer = run_alone(place, asked, processors=threads)
        found.append(answer | {"process_s": time.perf_counter() - start})
    medians = {
        name: round(sorted(one[name] for one in found)[runs // 2], 3)
        for name in ("first_s", "again_s", "process_s")
    }
    return found[-1] | medians


def ask_ours(asked: dict[str, Any]) -> dict[str, Any]:
    """Open the directory and ask; called in a process of its own."""
    start = time.perf_counter()
    import homeroom as hr

    data = hr.open(Path(asked["folder"]) / "data")

    def answer() -> tuple[list[list[int]], str]:
        if asked["question"] == "retention":
            entry, returning = (f"verb={verb}" for verb in _VERBS)
            found = data.retention(interval="week", entry=[entry], returning=[returning])
            return found.counts.clip(0).tolist(), found.answered_from
        if asked["question"] in _RULES:
            ends = {"from_": _WEEKS[1], "to": _WEEKS[1], "interval": "day"}
            size = data.cohort(cohort=_RULES[asked["question"]], **ends)
            return [size.sizes.tolist()], size.answered_from
        first, last = _WEEK
        hours = data.stickiness(interval="hour", from_=first, to=last)
        return [hours.learners.tolist()], hours.answered_from

    counts, answered_from = answer()
    first_s = time.perf_counter() - start
    start = time.perf_counter()
    answer()
    return {
        "first_s": first_s,
        "again_s": time.perf_counter() - start,
        "peak_bytes": peak_bytes(),
        "answered_from": answered_from,
        "counts": counts,
    }


def ask_duckdb(asked: dict[str, Any]) -> dict[str, Any]:
    """Open DuckDB's file, or our Parquet files, and ask; called in a process of its own."""
    start = time.perf_counter()
    import os

    import duckdb

    folder = Path(asked["folder"])
    con = duckdb.connect(str(folder / "events.duckdb"), read_only=True)
    con.execute(f"set threads = {len(os.sched_getaffinity(0))}; set timezone = 'UTC'")
    source, time_column = "events", "time"
    if asked["origin"] == "our parquet":
        source, time_column = f"read_parquet('{folder}/data/history/*.parquet')", "time::timestamp"
    sql = _SQL[asked["question"]](source, time_column)

    def answer() -> list[list[int]]:
        rows = con.execute(sql).fetchall()
        if asked["question"] == "retention":
            return [[int(n) for n in row[1:]] for row in rows]
        if asked["question"] in _RULES:
            return [[int(rows[0][0])]]
        found = [0] * (max((hours for hours, _ in rows), default=0))
        for hours, learners in rows:
            found[hours - 1] = learners
        return [found]

    counts = answer()
    first_s = time.perf_counter() - start
    start = time.perf_counter()
    answer()
    return {
        "first_s": first_s,
        "again_s": time.perf_counter() - start,
        "peak_bytes": peak_bytes(),
        "counts": counts,
    }


def _retention_sql(source: str, time_column: str) -> str:
    """Return weekly retention as SQL: one pass over the events, a bit for each week a learner returned in."""
    weeks = -(-_DAYS // 7)
    week = f"datediff('week', timestamp '2025-01-06', {time_column})"
    entry, returning = (f"verb like '%/{verb}'" for verb in _VERBS)
    cells = ", ".join(
        f"count_if(s + {k} < {weeks} and (back >> (s + {k})) & 1 = 1)" for k in range(1, weeks)
    )
    return f"""
        with masks as (
            select learner, min({week}) filter (where {entry}) as s,
                coalesce(bit_or(1::ubigint << {week}::ubigint) filter (where {returning}), 0) as back
            from {source} where {entry} or {returning} group by learner
        ), shown as (
            select s::ubigint as s, back from masks where s is not null
        )
        select w, count(s), {cells} from range({weeks}) all_weeks(w) left join shown on s = w
        group by w order by w"""


def _hours_sql(source: str, time_column: str) -> str:
    """Return, for each number of hours, how many learners were active in so many of one week.

    A bit for each hour, in a word for each 56 of them: several times as quick as to count distinct hours.
    """
    first, last = _WEEK
    since = f"datediff('hour', timestamp '{first}', {time_column})"
    words = " + ".join(
        f"bit_count(bit_or(case when {since} >= {low} and {since} < {low} + 56 "
        f"then 1::ubigint << ({since} - {low}) else 0 end))"
        for low in (0, 56, 112)
    )
    return f"""
        select hours, count(*) from (
            select learner, {words} as hours from {source}
            where {time_column} >= timestamp '{first}'
                and {time_column} < timestamp '{last}' + interval 1 day
            group by learner
        ) group by hours order by hours"""


def _counted_sql(source: str, time_column: str) -> str:
    """Return how many learners did one verb so often in four weeks."""
    first, last = _WEEKS
    return f"""
        select count(*) from (
            select learner from {source} where verb like '%/{_VERBS[1]}'
                and {time_column} >= timestamp '{first}'
                and {time_column} < timestamp '{last}' + interval 1 day
            group by learner having count(*) >= {_COUNT}
        )"""


def _sequence_sql(source: str, time_column: str) -> str:
    """Return how many learners did one verb and within a day another: by the last of the first before each second."""
    first, second = (f"verb like '%/{verb}'" for verb in _VERBS)
    return f"""
        select count(distinct learner) from (
            select learner, {second} as is_second, {time_column} as moment,
                max({time_column}) filter (where {first}) over (
                    partition by learner order by {time_column} range between unbounded preceding and current row
                ) as last_first
            from {source} where ({first} or {second})
                and {time_column} < timestamp '{_WEEKS[1]}' + interval 1 day
        ) where is_second and moment - last_first <= interval 1 day"""


_SQL: Final[Mapping[str, Callable[[str, str], str]]] = {
    "retention": _retention_sql,
    "hours": _hours_sql,
    "counted": _counted_sql,
    "sequence": _sequence_sql,
}
_RULES: Final[Mapping[str, dict[str, Any]]] = {
    "counted": {
        "did": f"verb={_VERBS[1]}",
        "at_least": _COUNT,
        "within": dict(zip(("from", "to"), _WEEKS, strict=True)),
    },
    "sequence": {"sequence": [f"verb={verb}" for verb in _VERBS], "in": "1d"},
}


def show(result: dict[str, Any]) -> None:
    """Print the result for a person."""
    print(
        f"{result['events']:,} events of {result['learners']:,} learners, {result['threads']} threads; made in "
        + ", ".join(f"{step} {seconds:.0f} s" for step, seconds in result["prepared_s"].items())
    )
    for question in result["questions"]:
        ours = question["ours"]
        print(
            f"{question['question']:<10} homeroom            first {ours['first_s']:7.2f} s, again "
            f"{ours['again_s']:7.2f} s, {ours['peak_bytes'] / 1e6:,.0f} MB; ratio {question['ratio']}, "
            f"again {question['ratio_again']}"
        )
        for peer in question["peers"]:
            print(
                f"{'':<10} duckdb, {peer['origin']:<11} first {peer['first_s']:7.2f} s, again "
                f"{peer['again_s']:7.2f} s, {peer['peak_bytes'] / 1e6:,.0f} MB"
            )
