"""Fill the figures of docs/reference/benchmarks.md and of the README from results: no figure there is typed by hand.

    python -m benchmarks all --json > build/benchmarks/results.ndjson
    python -m benchmarks.page build/benchmarks/results.ndjson

Each line of the results is one benchmark's document. What stands between ``<!-- figures: NAME -->`` and
``<!-- end -->`` is replaced; benchmarks that are not in the results keep the figures that they have. ``summary``,
``goals`` and ``world_goals`` are made of several benchmarks, and need all of those.
"""

import json
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, TypeAlias

from benchmarks.page_cache import CACHE_HEADER, KEPT_HEADER, cache_rows, kept_rows
from benchmarks.page_overload import OVERLOAD_HEADER, overload_rows
from benchmarks.page_shards import SHARDS_HEADER, shard_rows
from benchmarks.page_worlds import (
    WORLDS,
    acknowledgement_rows,
    catch_up_rows,
    detection_rows,
    failover_rows,
    goal_rows,
    lag_rows,
    simulation_rows,
    traffic_rows,
)

__all__ = ["PAGE", "README", "SUMMED_UP", "filled", "main"]

_ROOT = Path(__file__).resolve().parents[1]
PAGE = _ROOT / "docs" / "reference" / "benchmarks.md"
README = _ROOT / "README.md"
SUMMED_UP = ("triangle", "recurring", "fold", "statements", "scan", "history", "scaling", "startup")
_FIGURES = re.compile(r"(<!-- figures: (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)

Result: TypeAlias = dict[str, Any]
Rows: TypeAlias = Iterator[Sequence[object]]


def main(arguments: Sequence[str] | None = None) -> int:
    """Fill the page from files of results."""
    paths = sys.argv[1:] if arguments is None else arguments
    if not paths:
        print("python -m benchmarks.page RESULTS…, made by python -m benchmarks NAME --json")
        return 2
    results = {}
    for path in paths:
        for line in Path(path).read_text(encoding="utf-8").splitlines():
            if line.startswith("{"):
                result = json.loads(line)
                results[result["benchmark"]] = result
    for page in (PAGE, README):
        page.write_text(filled(page.read_text(encoding="utf-8"), results), encoding="utf-8")
    print(f"{PAGE.name}, {README.name}: figures of {', '.join(sorted(results))}")
    return 0


def filled(page: str, results: dict[str, Result]) -> str:
    """Return the page with the figures of these results."""

    def figures(found: re.Match[str]) -> str:
        name = found[2]
        needed, header, make = _OF_SEVERAL.get(name, _OF_NONE)
        if needed and all(one in results for one in needed):
            rows, machine = make(results), results[needed[0]]["machine"]
        elif name in results:
            header, rows, machine = (
                _TABLES[name][0],
                _TABLES[name][1](results[name]),
                results[name]["machine"],
            )
        else:
            return found[0]
        table = [header, ["---"] * len(header), *rows]
        lines = "\n".join(f"| {' | '.join(str(cell) for cell in row)} |" for row in table)
        return f"{found[1]}{_machine(machine)}\n\n{lines}\n{found[3]}"

    return _FIGURES.sub(figures, page)


def _machine(machine: dict[str, Any]) -> str:
    peers = {name: machine["versions"].get(name) for name in ("duckdb", "polars", "chdb")}
    versions = ", ".join(f"{name} {found}" for name, found in peers.items() if found)
    return (
        f"{machine['processor']}, {machine['processors']} processors, {machine['memory_gb']} GB; Python "
        f"{machine['python']}, {versions}; load before the run {machine['load']}."
    )


def _summary(results: dict[str, Result]) -> Rows:
    """Sum up what people ask first: ours, the quickest peer's best query, and how many times as long it takes."""
    asked = {q["question"]: q for q in results["triangle"]["questions"]}
    masks = results["triangle"]["masks"]
    for name, times, found in (
        ("daily triangle", asked["day"]["ours"], asked["day"]),
        ("weekly triangle", asked["week"]["ours"], asked["week"]),
        ("monthly triangle", asked["month"]["ours"], asked["month"]),
        ("daily, of the learners of one country", masks["condition_mask_triangle"], masks),
    ):
        said = f"{_ms(times)}, P99 {_ms(times, 'p99_ms')}"
        yield f"first-time retention, {name}", said, _quickest(found, "query"), found["ratio"]
    for found in results["recurring"]["questions"]:
        if found["question"] in ("day", "week"):
            name = f"recurring retention by {found['question']}"
            yield name, _ms(found["ours"]), _quickest(found, "query"), found["ratio"] or ""
    for file in results["scan"]["files"]:
        ways = file["ways"]
        others = [way for way in ways if way != "homeroom"]
        best = min(others, key=lambda way: float(ways[way]["seconds"]))
        said = {way: f"{ways[way]['seconds']} s, {ways[way]['peak_mb']:,} MB" for way in ways}
        name = f"raw Parquet ({file['compression']}) of 100 million events, to the weekly triangle"
        yield name, said["homeroom"], f"{said[best]} ({best})", file["ratio"]
    question = results["history"]["questions"][0]
    best = min(question["peers"], key=lambda peer: float(peer["first_s"]))
    name = "from one verb to another, from the history of 100 million events"
    peer = f"{best['first_s']:.1f} s ({best['peer']}, {best['origin']})"
    yield name, f"{question['ours']['first_s']:.1f} s", peer, question["ratio"]
    for form, found in results["statements"]["ours"].items():
        if form in ("plain", "gz"):
            rate = f"{found['statements_per_second']:,} a second on one core"
            yield f"xAPI statements in, {form}: checked, repeats dropped, kept", rate, "", ""
    query = results["startup"]["commands"]["query"]
    yield "from the shell, of a loaded directory of a million learners", _ms(query), "", ""


def _goals(results: dict[str, Result]) -> Rows:
    """Compare with what was aimed at."""
    triangle, scaling = results["triangle"], results["scaling"]
    daily, masks = triangle["questions"][0], triangle["masks"]
    recurring = {q["question"]: q["ours"]["median_ms"] for q in results["recurring"]["questions"]}
    scan = {file["compression"]: file for file in results["scan"]["files"]}
    history = {q["question"]: q for q in results["history"]["questions"]}
    fold = results["fold"]["loads"][0]["events_per_second_per_core"]
    startup = results["startup"]["commands"]
    # name, wanted, measured, and 1 where more is better, -1 where less is
    goals: list[tuple[str, float, float | None, int]] = [
        ("daily triangle, P99, ms", 15, daily["ours"]["p99_ms"], -1),
        ("daily triangle: times as quick as the quickest query of a peer", 10, daily["ratio"], 1),
        ("daily triangle: times as quick as what is laid out by hand for it", 10, daily["ratio_laid_out"], 1),
        ("daily triangle, times a bare read of the words", 1.5, triangle["times_yardstick"], -1),
        ("with a ready mask, times the unfiltered", 1.5, masks["times_unfiltered"], -1),
        ("condition, mask and triangle, ms", 30, masks["condition_mask_triangle"]["median_ms"], -1),
        ("recurring by day, ms", 500, recurring["day"], -1),
        ("recurring by week, ms", 80, recurring["week"], -1),
        *((f"raw Parquet ({name}): times as quick as the quickest peer", 1.5, file["ratio"], 1)
          for name, file in scan.items()),
        *((f"raw Parquet ({name}): peak memory, times DuckDB's", 0.65, _share_of(file, "duckdb"), -1)
          for name, file in scan.items()),
        *((f"xAPI statements a second, {form}", found["target"], found["statements_per_second"], 1)
          for form, found in results["statements"]["ours"].items() if found["target"]),
        ("fold of decoded days, events a second on a core", 5e6, fold, 1),
        *((f"from history, {name}: times as quick as DuckDB", 1, q["ratio"], 1) for name, q in history.items()),
        *((f"exponent by learners: {name.replace('_', ' ')}", 1.05, scaling["exponents"][name], -1)
          for name in ("triangle", "memory", "fold_from_5_million")),
        ("bytes a learner, of a track of 180 days", 120,
         max(one["bytes_per_learner"] for one in scaling["sizes"]), -1),
        ("homeroom --help, ms", 100, startup["help"]["median_ms"], -1),
        ("a query from the shell, ms", 1_000, startup["query"]["median_ms"], -1),
    ]  # fmt: skip
    for name, wanted, measured, sign in goals:
        bound = "at least" if sign > 0 else "at most"
        if measured is None:  # a run of other sizes
            yield name, f"{bound} {wanted:,.10g}", "", "not measured"
        else:
            reached = sign * measured >= sign * wanted
            yield (
                name,
                f"{bound} {wanted:,.10g}",
                f"{measured:,.10g}",
                "" if reached else "not reached",
            )


def _share_of(file: Result, peer: str) -> float:
    ways = file["ways"]
    return round(ways["homeroom"]["peak_mb"] / ways[peer]["peak_mb"], 2)


def _ms(times: dict[str, Any], name: str = "median_ms") -> str:
    value = float(times[name])
    return f"{value:,.0f} ms" if value >= 100 else f"{value:.3g} ms"


def _quickest(found: dict[str, Any], kind: str) -> str:
    peers = [peer for peer in found["peers"] if peer["kind"] == kind]
    if not peers:
        return ""
    best = min(peers, key=lambda peer: float(peer["median_ms"]))
    return f"{_ms(best)} ({best['peer']}, {best['way']})"


def _triangle(result: Result) -> Rows:
    asked = [(f"{q['question']}", q["ours"], q) for q in result["questions"]]
    masks = result["masks"]
    asked.append(("day, condition → mask → triangle", masks["condition_mask_triangle"], masks))
    for name, times, found in asked:
        ratios = (found["ratio"], found["ratio_laid_out"] or "")
        peers = (_quickest(found, "query"), ratios[0], _quickest(found, "laid out"), ratios[1])
        yield (
            f"first-time, {name}",
            _ms(times),
            _ms(times, "p99_ms"),
            _ms(times, "max_ms"),
            *peers,
        )
    ready, again = masks["ready_mask"], masks["times_unfiltered"]
    yield _plain_row(f"day, ready mask: {again} × unfiltered", ready)
    yardstick = result["yardstick"]
    read = f"reading {yardstick['size_bytes'] / 1e6:.0f} MB at {yardstick['gigabytes_per_second']} GB/s"
    yield _plain_row(
        f"{read}; the daily triangle: {result['times_yardstick']} ×", yardstick["times"]
    )


def _plain_row(name: str, times: dict[str, Any]) -> Sequence[object]:
    return (name, _ms(times), _ms(times, "p99_ms"), _ms(times, "max_ms"), "", "", "", "")


def _recurring(result: Result) -> Rows:
    for question in result["questions"]:
        times = question["ours"]
        peer = _quickest(question, "query")
        name = f"recurring, {question['question']}"
        yield name, _ms(times), _ms(times, "p99_ms"), peer, question["ratio"] or ""


def _fold(result: Result) -> Rows:
    for load in result["loads"]:
        rate = load["events_per_second_per_core"] / 1e6
        yield (
            load["load"],
            f"`{load['way']}`",
            load["batch_events"],
            load["threads"],
            f"{rate:.2f} M",
        )


def _statements(result: Result) -> Rows:
    for form, found in result["ours"].items():
        rate = found["statements_per_second"]
        used = sorted(found["processor_seconds"])[len(found["processor_seconds"]) // 2]
        lines = result["statements"] + result["broken_lines"]
        yield "homeroom", form, f"{rate:,}", f"{lines / used:,.0f}", found["target"] or ""
    for peer in result["peers"]:
        yield peer["peer"], peer["form"], f"{peer['statements_per_second']:,}", "", ""


def _scan(result: Result) -> Rows:
    for file in result["files"]:
        for way, found in file["ways"].items():
            rate = result["events"] / found["seconds"] / 1e6
            ratio = file["ratio"] if way == "homeroom" else ""
            seconds = f"{found['seconds']} s"
            yield (
                file["compression"],
                way,
                seconds,
                f"{rate:.1f} M",
                f"{found['peak_mb']:,} MB",
                ratio,
            )


def _history(result: Result) -> Rows:
    names = {
        "retention": "weekly retention, one verb to another",
        "hours": "active hours of a week",
        "counted": "size of a cohort that counts events",
        "sequence": "size of a cohort that asks for a sequence",
    }
    for question in result["questions"]:
        ratios = f"{question['ratio']} / {question['ratio_again']}"
        ours = {"peer": "homeroom", "origin": "data directory"} | question["ours"]
        for found in (ours, *question["peers"]):
            first, again = f"{found['first_s']:.2f} s", f"{found['again_s']:.2f} s"
            who = f"{found['peer']}, {found['origin']}"
            said = ratios if found is ours else ""
            peak = f"{found['peak_bytes'] / 1e6:,.0f} MB"
            yield names[question["question"]], who, first, again, peak, said


def _course_report(result: Result) -> Rows:
    held = f"{result['ours']['held_s']:.2f} s"
    ratios = f"{result['ratio']} / {result['ratio_again']} / {result['ratio_held']}"
    ours = {"peer": "homeroom", "origin": "data directory"} | result["ours"]
    for found in (ours, *result["peers"]):
        is_ours = found is ours
        yield (
            f"{found['peer']}, {found['origin']}",
            f"{found['first_s']:.2f} s",
            f"{found['again_s']:.2f} s",
            held if is_ours else "",
            f"{found['peak_bytes'] / 1e6:,.0f} MB",
            ratios if is_ours else "",
        )


def _funnels(result: Result) -> Rows:
    names = {"funnel": "funnel of five steps", "paths": "paths after a registration"}
    for question in result["questions"]:
        ratios = f"{question['ratio']} / {question['ratio_again']}"
        for found in ({"peer": "homeroom"} | question["ours"], *question["peers"]):
            first, again = f"{found['first_s']:.2f} s", f"{found['again_s']:.2f} s"
            said = ratios if found["peer"] == "homeroom" else ""
            used = f"{found['processor_s']:.2f} s"
            peak = f"{found['peak_bytes'] / 1e6:,.0f} MB"
            yield names[question["question"]], found["peer"], first, again, used, peak, said


def _cohorts(result: Result) -> Rows:
    for question in result["questions"]:
        peers = question["peers"]
        peer = f"{peers[0]['median_ms']:.0f} ms ({peers[0]['peer']})" if peers else ""
        ours = question["ours"]
        yield question["question"], _ms(ours), _ms(ours, "p99_ms"), peer, question["ratio"]
    changes, many = result["changes"], result["many"]
    ours = changes["ours"]
    said = f"{changes['times_once']} times one evaluation"
    yield "who entered and left in a week", _ms(ours), _ms(ours, "p99_ms"), said, ""
    for name, form in (("sets", "as sets"), ("keys", "as lists of keys")):
        what = f"{many['definitions']} definitions, {many['members']:,} members {form}"
        yield what, _ms(many[name]), _ms(many[name], "p99_ms"), "", ""


def _at_risk(result: Result) -> Rows:
    for name, found in result["questions"].items():
        quickest = min((peer["median_ms"] for peer in found["peers"]), default=None)
        peer = "" if quickest is None else f"{quickest:.0f} ms (duckdb)"
        ours = found["ours"]
        yield name, _ms(ours), _ms(ours, "p99_ms"), peer, found["ratio"] or ""
    listed = result["list"]
    whole = f"the whole list, {listed['enrolments']:,} enrolments"
    yield whole, _ms(listed), _ms(listed, "p99_ms"), "", ""


def _past(result: Result) -> Rows:
    for name in ("void", "merge", "unmerge"):
        times = result[name]
        yield f"one {name}", _ms(times), _ms(times, "p99_ms"), _ms(times, "max_ms")
    many = result["many_voids"]
    yield f"{many['ids']:,} voids together", f"{many['ms']} ms", "", ""


def _membership(result: Result) -> Rows:
    for key, name in (
        ("acknowledged", "a batch sent, until it is acknowledged"),
        ("fresh", "acknowledged, until membership is visible"),
        ("read", "the cohorts of one learner"),
    ):
        times = result[key]
        yield name, _ms(times), _ms(times, "p99_ms"), _ms(times, "max_ms")
    midnight = result["midnight"]
    yield (
        f"midnight, until its {midnight['changes']:,} changes are told",
        f"{midnight['late_ms']:,} ms",
        "",
        "",
    )
    yield "the first event after a start, until it is visible", f"{result['first_s']} s", "", ""
    yield "all learners asked about all definitions", f"{result['counted_s']} s", "", ""


def _peers(result: Result) -> Rows:
    for name, way in result["ways"].items():
        size, how = name.split()
        yield (
            f"{int(size):,} events, {'one a message' if how == 'single' else 'many a message'}",
            f"{way['events_a_second']:,}",
            *(f"{way[one]:,.0f} ms" for one in ("check_ms", "write_ms", "fold_ms")),
        )


def _log(result: Result) -> Rows:
    names = {
        "sqlite": "SQLite",
        "sqlite_aside": "SQLite, pages moved by another thread",
        "postgres": "PostgreSQL, same machine",
    }
    for name, way in result["ways"].items():
        write, bare = way["write"], way["bare"]
        yield (
            names[name],
            _ms(write),
            _ms(write, "p99_ms"),
            f"{_ms(bare)}, {_ms(bare, 'p99_ms')}",
            f"{way['processor_ms']} ms",
        )


def _ingest(result: Result) -> Rows:
    names = {
        "batches": "events in batches of 100, 16 connections",
        "singles": "events singly, 64 connections",
        "statements": "xAPI statements singly, 64 connections",
    }
    for name, kind in result["kinds"].items():
        processors = f"{kind['node_us']} µs and {kind['generator_us']} µs"
        delays = f"{_ms(kind['delay'])}, {_ms(kind['delay'], 'p99_ms')}"
        bare = f"{_ms(kind['bare'], 'p99_ms')}, {kind['wanted_p99_ms']} ms"
        taken, wanted = f"{kind['per_second']:,}", f"{kind['wanted_per_second']:,}"
        yield names[name], taken, wanted, processors, delays, bare


def _asking(result: Result) -> Rows:
    sent, rate = result["acknowledged"], f"{result['per_second']:,}"
    yield f"acknowledgement of a batch, {rate} events a second", _ms(sent), _ms(sent, "p99_ms"), ""
    names = {"triangle": "daily triangle", "learner": "one learner's cohorts"}
    for name, one in result["questions"].items():
        delay = one["delay"]
        wanted = f"{one['wanted_p99_ms']:.0f} ms"
        yield names[name], _ms(delay), _ms(delay, "p99_ms"), wanted


def _scaling(result: Result) -> Rows:
    for size in result["sizes"]:
        fold = f"{size['fold_events_per_second'] / 1e6:.1f} M"
        learners = f"{size['learners']:,}"
        yield learners, f"{size['triangle_ms']:.3g} ms", fold, size["bytes_per_learner"]
    found = result["exponents"]
    folds = f"{found['fold']}; from 5 million on {found['fold_from_5_million']}"
    yield "fitted exponent", found["triangle"], folds, found["memory"]


def _startup(result: Result) -> Rows:
    names = {
        "python": "the interpreter alone",
        "help": "`homeroom --help`",
        "query": "`homeroom query retention --data DIR --json -`",
    }
    for name, times in result["commands"].items():
        imports = times.get("imports_ms", {})
        longest = ", ".join(f"{k} {v:.0f}" for k, v in list(imports.items())[1:6])
        wanted = f"{times['wanted_ms']} ms" if "wanted_ms" in times else ""
        yield names[name], _ms(times), _ms(times, "max_ms"), wanted, longest


_OfSeveral: TypeAlias = tuple[Sequence[str], Sequence[str], Callable[[dict[str, Result]], Rows]]
_OF_NONE: _OfSeveral = ((), (), lambda _: iter(()))
_OF_SEVERAL: dict[str, _OfSeveral] = {
    "summary": (
        SUMMED_UP,
        ("question", "homeroom", "the quickest peer's best query", "ratio"),
        _summary,
    ),
    "goals": (SUMMED_UP, ("goal", "wanted", "measured", ""), _goals),
    "world_goals": (WORLDS, ("goal", "wanted", "measured", ""), goal_rows),
}
_TIMES = ("median", "P99", "max")
_RATIOS = ("quickest query of a peer", "ratio", "quickest laid out by hand", "ratio")


def _records(result: Result) -> Rows:
    for name, took in result["steps_us"].items():
        yield name, f"{took:.1f} µs"


def _record_copies(result: Result) -> Rows:
    for way, of in result["ways"].items():
        sizes = (of[name] / 1e6 for name in ("log_bytes", "records_bytes", "copies_bytes"))
        last_s, during = of["last_copy_s"], of["request_p99_ms_while_copying"]
        yield (
            way,
            *(f"{size:,.0f} MB" for size in sizes),
            "" if last_s is None else f"{last_s} s",
            f"{of['request_p99_ms']:,} ms",
            "" if during is None else f"{during:,} ms",
        )


_TABLES: dict[str, tuple[Sequence[str], Callable[[Result], Rows]]] = {
    "triangle": (("question", *_TIMES, *_RATIOS), _triangle),
    "recurring": (("question", "median", "P99", "quickest query of the peer", "ratio"), _recurring),
    "fold": (("load", "way", "events a batch", "threads", "events/s a core"), _fold),
    "statements": (
        ("who", "form", "statements/s", "a second of processor time", "wanted"),
        _statements,
    ),
    "scan": (("file", "way", "median", "events/s", "peak memory", "ratio"), _scan),
    "history": (
        ("question", "who", "first answer", "again", "peak memory", "ratio, first / again"),
        _history,
    ),
    "course_report": (
        (
            "who",
            "first answer",
            "again",
            "columns held",
            "peak memory",
            "ratio, first / again / held",
        ),
        _course_report,
    ),
    "funnels": (
        (
            "question",
            "who",
            "first answer",
            "again",
            "processors, again",
            "peak memory",
            "ratio, first / again",
        ),
        _funnels,
    ),
    "cohorts": (("question", "median", "P99", "the peer", "ratio"), _cohorts),
    "at_risk": (("question", "median", "P99", "the peer", "ratio"), _at_risk),
    "records": (("step", "processor time of a statement"), _records),
    "record_copies": (
        ("way", "log", "records", "copies", "last copy", "P99 of a request", "while copying"),
        _record_copies,
    ),
    "membership": (("what", "median", "P99", "max"), _membership),
    "past": (("change", "median", "P99", "max"), _past),
    "simulation": (
        (
            "regions",
            "virtual seconds",
            "entries",
            "messages",
            "virtual seconds a second",
            "from",
            "folded elsewhere beyond the way there: median, P99, at most",
        ),
        simulation_rows,
    ),
    "detection": (
        (
            "detector",
            "virtual hours",
            "confirmed",
            "of these reachable",
            "deaths missed",
            "suspected after: median, P99, at most",
            "confirmed after: median, P99, at most",
        ),
        detection_rows,
    ),
    "world_acknowledgements": (
        ("level", "region", "median", "P99", "bare P99, and wanted P99"),
        acknowledgement_rows,
    ),
    "world_lag": (
        (
            "events a second in each region",
            "lag, median and P99",
            "acknowledgement in the slowest region, median and P99",
            "processors, of the world and the generator",
            "all folded after",
        ),
        lag_rows,
    ),
    "world_traffic": (("what", "median of pairs", "at most", "wanted"), traffic_rows),
    "cache": (CACHE_HEADER, cache_rows),
    "kept_answers": (KEPT_HEADER, kept_rows),
    "catch_up": (("way", "learners", "read", "until all is there", "times"), catch_up_rows),
    "client_failover": (
        (
            "a region is",
            "first good answer of a client, median and at most",
            "wanted",
            "slowest batch and question",
            "failed requests",
            "own writes not seen",
            "rounds in which all count what was acknowledged, once",
        ),
        failover_rows,
    ),
    "peers": (("entries", "events a second of a core", "checked", "written", "folded"), _peers),
    "log": (("store", "write, median", "P99", "bare, median and P99", "processor"), _log),
    "ingest": (
        (
            "what",
            "a second",
            "wanted",
            "processors, of the node and the generator",
            "delay at half of what is wanted, median and P99",
            "bare P99, and wanted P99",
        ),
        _ingest,
    ),
    "overload": (OVERLOAD_HEADER, overload_rows),
    "asking": (("what", "median", "P99", "wanted P99"), _asking),
    "scaling": (
        ("learners", "daily triangle", "fold, events/s on one core", "bytes a learner"),
        _scaling,
    ),
    "shards": (SHARDS_HEADER, shard_rows),
    "startup": (("command", "median", "max", "wanted", "imports, ms"), _startup),
}

if __name__ == "__main__":
    sys.exit(main())
