"""What a node does when four times more comes than it can do, and how soon all is well when that is over.

A node runs as people run it. First it is found what it does at most of batches of events and of questions together:
clients that send batches and some that ask, each again as soon as it has its answer, so few that none is refused. Then
requests come at random times, whether the node keeps up or not (`benchmarks.overload_load`): seven tenths of what it
can do, four times what it can do, and seven tenths again, of both kinds. A client waits two seconds, and comes once
more when it was told to. So for some seconds after the overload those come back who were refused in it.

*Recovered* is the first second after the overload from which on, up to the end, in each three seconds at least 95 % of
those who come for the first time have a good answer at their first try. Answers to those who come back do not count.

The load comes from another process on the same processors, so "what it can do" is what is left to the node while
somebody loads it. How late the load was, measured in its own process, stands beside the result: a late generator would
be a smaller overload, and a recovery that is its own. How many processors were used by others meanwhile is said too:
what they take after it was found what the node can do, it cannot do.
"""

import argparse
import os
import resource
import tempfile
import time
from pathlib import Path
from typing import Any, Final

from benchmarks.alone import run_alone
from benchmarks.ingest_node import ServedNode, served
from benchmarks.overload_load import AGAIN, GOOD, LATE, REFUSED, UNCONNECTED
from benchmarks.timing import timing_of

__all__ = ["add_arguments", "measure", "show"]

_BATCH: Final = 100
_USUAL: Final = 0.7
_TIMEOUT_S: Final = 2.0
_GOOD_SHARE: Final = 0.95
_WANTED_S: Final = 10
_CAPACITY_S: Final = 6.0
_TEXTS: Final = 500
"""Batches that differ in more than their ids."""
_SPAN_S: Final = 3
_FIRST: Final = 10_000_000
_CLIENTS: Final = {"ingest": 32, "query": 4}
"""Who are never refused: no more than a door always lets in at once of a class."""
_QUESTION: Final = (
    '{"question": "retention", "interval": "day", "as_of": "2026-03-01T00:00:00.TIMEZ"}'
)
"""``TIME`` stands for six digits: no two questions that are near each other have one answer, which would be kept."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the sizes."""
    parser.add_argument("--events", type=int, default=200_000, help="that are there before")
    parser.add_argument("--learners", type=int, default=50_000, help="of whom the events are")
    parser.add_argument("--times", type=float, default=4.0, help="how many times what it can do")
    parser.add_argument("--before-seconds", type=float, default=6.0)
    parser.add_argument("--overload-seconds", type=float, default=15.0)
    parser.add_argument("--after-seconds", type=float, default=15.0)
    parser.add_argument("--connections", type=int, default=400, help="of each kind")
    parser.add_argument("--runs", type=int, default=6)
    parser.add_argument("--workdir", type=Path, default=Path("build/benchmarks"))


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """Measure, each time with a fresh node; the result is JSON-ready."""
    options.workdir.mkdir(parents=True, exist_ok=True)
    runs = []
    for _ in range(options.runs):
        with (
            tempfile.TemporaryDirectory(dir=options.workdir) as folder,
            served(Path(folder) / "node") as node,
        ):
            runs.append(_run(node, options))
    return {"times": options.times, "usual": _USUAL, "wanted_s": _WANTED_S, "runs": runs}


def _run(node: ServedNode, options: argparse.Namespace) -> dict[str, Any]:
    _prepared(node, options)
    can = _capacity(node, options)
    spans, begin_s = {}, 0.0
    for name in ("before", "overload", "after"):
        seconds: float = getattr(options, f"{name}_seconds")
        spans[name] = begin_s, begin_s + seconds
        begin_s += seconds
    before, begun_s = _others_s(node), time.perf_counter()
    found = _crowd(node, options, can, spans)
    others = (_others_s(node) - before) / (time.perf_counter() - begun_s)
    status = node.get("/v1/status")
    return {
        "per_second": {kind: round(rate, 1) for kind, rate in can.items()},
        "spans": {name: _span(found, span) for name, span in spans.items()},
        "recovered_s": {kind: _recovered(found, kind, spans["after"]) for kind in can},
        "generator_s": round(found["processor_s"], 1),
        "others": round(max(others, 0.0), 2),
        "shed": {name: one["shed"] for name, one in status["admission"]["classes"].items()},
    }


def _others_s(node: ServedNode) -> float:
    """Return how long processors have been used by what is neither the node nor this benchmark, as differences tell."""
    fields = [int(field) for field in Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:8]]
    user, niced, system, _, _, interrupts, soft = fields
    ours = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    used_s = sum(one.ru_utime + one.ru_stime for one in ours) + node.processor_s()
    return (user + niced + system + interrupts + soft) / os.sysconf("SC_CLK_TCK") - used_s


def _prepared(node: ServedNode, options: argparse.Namespace) -> None:
    """Have events there, and what answers compiled."""
    sent = run_alone(
        "benchmarks.ingest_load:run", {**_load(node, options, 0, options.events), "batch": 1_000}
    )
    node.folded(sent["accepted"])
    node.ask({"question": "retention", "interval": "day"})


def _load(node: ServedNode, options: argparse.Namespace, first: int, count: int) -> dict[str, Any]:
    return {
        "address": node.address,
        "key": node.key,
        "kind": "events",
        "first": first,
        "count": count,
        "batch": _BATCH,
        "learners": options.learners,
        "connections": 16,
    }


def _capacity(node: ServedNode, options: argparse.Namespace) -> dict[str, float]:
    """Return how many batches and questions a second it does at most, both at once."""
    clients = {kind: min(count, options.connections) for kind, count in _CLIENTS.items()}
    seconds = min(_CAPACITY_S, options.overload_seconds)
    rates = run_alone(
        "benchmarks.overload_load:busy",
        {**_asked(node, options, 1), "clients": clients, "warm_s": 1.0, "seconds": seconds},
    )
    return {kind: max(rate, 1.0) for kind, rate in rates.items()}


def _crowd(
    node: ServedNode,
    options: argparse.Namespace,
    per_second: dict[str, float],
    spans: dict[str, tuple[float, float]],
) -> dict[str, Any]:
    factors = {"before": _USUAL, "overload": options.times, "after": _USUAL}
    phases = [(spans[name][1] - spans[name][0], factors[name]) for name in spans]
    return run_alone(
        "benchmarks.overload_load:crowd",
        {
            **_asked(node, options, 2),
            "per_second": per_second,
            "phases": phases,
            "connections": options.connections,
            "timeout_s": _TIMEOUT_S,
            "seed": 1,
        },
    )


def _asked(node: ServedNode, options: argparse.Namespace, part: int) -> dict[str, Any]:
    """Return what is sent, under numbers that no other part of this run has."""
    ask = (
        f"POST /v1/query HTTP/1.1\r\nHost: HOST\r\nAuthorization: Bearer {node.key}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(_QUESTION) + 2}\r\n\r\n{_QUESTION}"
    )
    first = _FIRST * part
    load = _load(node, options, first, _TEXTS * _BATCH)
    return {"load": load, "questions": [ask], "first": first}


def _span(found: dict[str, Any], span: tuple[float, float]) -> dict[str, Any]:
    """Return by kind who came in a second, what came of their first tries and of all, and how late the load was."""
    first_s, last_s = span
    seconds, told = last_s - first_s, {}
    for kind in ("ingest", "query"):
        wanted = [one for one in found["wanted"] if one[0] == kind and first_s <= one[1] < last_s]
        ended = [one for one in found["ended"] if one[0] == kind and first_s <= one[1] < last_s]
        good = [one for one in ended if one[2] == GOOD]
        counts = {
            "wanted": len(wanted),
            "good": len(good),
            "good_first": sum(one[4] for one in good),
            "refused": sum(one[2] in (AGAIN, REFUSED) for one in ended),
            "late": sum(one[2] == LATE for one in ended),
            "unconnected": sum(one[2] == UNCONNECTED for one in ended),
        }
        told[kind] = {
            **{f"{name}_per_second": round(count / seconds, 1) for name, count in counts.items()},
            "delay": timing_of([one[3] for one in good] or [_TIMEOUT_S]).to_json(),
            "generator_late": timing_of([one[2] for one in wanted] or [0.0]).to_json(),
        }
    return told


def _recovered(found: dict[str, Any], kind: str, span: tuple[float, float]) -> int | None:
    """Return after how many seconds all was well and stayed so; None if it was not within the span."""
    first_s, last_s = span
    seconds = int(last_s - first_s) - _SPAN_S + 1
    for second in reversed(range(seconds)):
        begin_s = first_s + second
        end_s = begin_s + _SPAN_S
        wanted = sum(one[0] == kind and begin_s <= one[1] < end_s for one in found["wanted"])
        good = sum(
            one[0] == kind and one[2] == GOOD and one[4] and begin_s <= one[1] < end_s
            for one in found["ended"]
        )
        if good < _GOOD_SHARE * wanted:
            return None if second == seconds - 1 else second + 1
    return 0


def show(result: dict[str, Any]) -> None:
    """Print the result for a person."""
    for number, run in enumerate(result["runs"], 1):
        can = run["per_second"]
        print(
            f"{number}: the node does {can['ingest']:,} batches of {_BATCH} events and {can['query']:,} questions a "
            f"second together; then {result['times']:g} times that comes"
        )
        for name, kinds in run["spans"].items():
            for kind, one in kinds.items():
                print(f"  {name:8} {kind:6} {_in_words(one)}")
        print(
            f"  recovered after (s): {run['recovered_s']}; refused in all: {run['shed']}; "
            f"the generator used {run['generator_s']} s of a processor, and others {run['others']} processors"
        )
    print("recovered after (s), wanted at most", result["wanted_s"])
    for kind in ("ingest", "query"):
        print(f"  {kind:6}", *(run["recovered_s"][kind] for run in result["runs"]))


def _in_words(one: dict[str, Any]) -> str:
    counts = {
        name.removesuffix("_per_second"): f"{count:,}"
        for name, count in one.items()
        if name.endswith("_per_second")
    }
    return (
        f"a second: {', '.join(f'{name} {count}' for name, count in counts.items())}; median "
        f"{one['delay']['median_ms']:,.0f} ms, P99 {one['delay']['p99_ms']:,.0f} ms; "
        f"load late P99 {one['generator_late']['p99_ms']:,.0f} ms"
    )
