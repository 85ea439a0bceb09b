"""What a node does when four times more comes than it can do, and how soon all is well when that is over.

A node runs as people run it. First it is found what it does at most of batches of events and of questions together, in
a closed loop. Then requests come at random times, whether it keeps up or not (`benchmarks.overload_load`): seven tenths
of what it can do, four times what it can do, and seven tenths again. A client waits two seconds, and comes once more if
it was told to. An answer in time is good; *recovered* is the first second after the overload from which on at least 95
% of what is wanted in each three seconds is answered well.

The load comes from another process on the same processors, so "four times" is four times of what is left to the node
while somebody loads it, and its own use of the processors stands beside the result.
"""

import argparse
import tempfile
from pathlib import Path
from typing import Any, Final

from benchmarks.alone import run_alone
from benchmarks.ingest_node import ServedNode, served
from benchmarks.timing import timing_of

__all__ = ["add_arguments", "measure", "show"]

_BATCH: Final = 100
_USUAL: Final = 0.7
_TIMEOUT_S: Final = 2.0
_GOOD: Final = 0.95
_SPAN_S: Final = 3
_FIRST: Final = 10_000_000
_QUESTION: Final = '{"question": "retention", "interval": "day"}'


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the sizes."""
    parser.add_argument("--events", type=int, default=200_000, help="that are there before")
    parser.add_argument("--learners", type=int, default=50_000, help="of whom the events are")
    parser.add_argument("--times", type=float, default=4.0, help="how many times what it can do")
    parser.add_argument("--before-seconds", type=float, default=6.0)
    parser.add_argument("--overload-seconds", type=float, default=15.0)
    parser.add_argument("--after-seconds", type=float, default=15.0)
    parser.add_argument("--connections", type=int, default=400, help="of each kind")
    parser.add_argument("--workdir", type=Path, default=Path("build/benchmarks"))


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """Measure; the result is JSON-ready."""
    options.workdir.mkdir(parents=True, exist_ok=True)
    with (
        tempfile.TemporaryDirectory(dir=options.workdir) as folder,
        served(Path(folder) / "node") as node,
    ):
        _prepared(node, options)
        can = _capacity(node, options)
        spans = {
            "before": (0.0, options.before_seconds),
            "during": (options.before_seconds, options.before_seconds + options.overload_seconds),
        }
        end_s = spans["during"][1]
        spans["after"] = (end_s, end_s + options.after_seconds)
        factors = {"before": _USUAL, "during": options.times, "after": _USUAL}
        phases = [(spans[name][1] - spans[name][0], factors[name]) for name in spans]
        found = _crowd(node, options, can, phases)
        status = node.get("/v1/status")
    return {
        "per_second": {kind: round(rate, 1) for kind, rate in can.items()},
        "times": options.times,
        "spans": {name: _span(found, span) for name, span in spans.items()},
        "recovered_s": {kind: _recovered(found, kind, spans["after"]) for kind in can},
        "generator_s": round(found["processor_s"], 1),
        "shed": {name: one["shed"] for name, one in status["admission"]["classes"].items()},
    }


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
    """Return how many batches and questions a second it does at most, both at once.

    Both come faster than they are answered, and the door keeps away what is over.
    """
    seconds = min(4.0, options.overload_seconds)
    found = _crowd(node, options, {"ingest": 2_000.0, "query": 400.0}, [(seconds, 1.0)])
    ended = found["ended"]
    rates = {
        kind: sum(one[0] == kind and one[2] == 200 for one in ended) / seconds
        for kind in ("ingest", "query")
    }
    return {kind: max(rate, 1.0) for kind, rate in rates.items()}


def _crowd(
    node: ServedNode,
    options: argparse.Namespace,
    per_second: dict[str, float],
    phases: list[tuple[float, float]],
) -> dict[str, Any]:
    wanted = sum(seconds * factor for seconds, factor in phases) * per_second["ingest"]
    batches = max(1, min(round(wanted), 3_000))
    ask = (
        f"POST /v1/query HTTP/1.1\r\nHost: HOST\r\nAuthorization: Bearer {node.key}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(_QUESTION)}\r\n\r\n{_QUESTION}"
    )
    # Numbers of events that no other crowd of this run has: what is known already is less work.
    first = _FIRST * (1 + len(phases))
    return run_alone(
        "benchmarks.overload_load:crowd",
        {
            "load": _load(node, options, first, batches * _BATCH),
            "questions": [ask],
            "per_second": per_second,
            "phases": phases,
            "connections": options.connections,
            "timeout_s": _TIMEOUT_S,
            "first": first,
            "seed": 1,
        },
    )


def _span(found: dict[str, Any], span: tuple[float, float]) -> dict[str, Any]:
    """Return by kind how many were wanted and answered well in a second, how many tries were refused, and delays."""
    first_s, last_s = span
    told = {}
    for kind in ("ingest", "query"):
        ended = [one for one in found["ended"] if one[0] == kind and first_s <= one[1] < last_s]
        good = [delay for _, _, status, delay in ended if status == 200]
        wanted = sum(one[0] == kind and first_s <= one[1] < last_s for one in found["wanted"])
        told[kind] = {
            "wanted_per_second": round(wanted / (last_s - first_s), 1),
            "good_per_second": round(len(good) / (last_s - first_s), 1),
            "refused_per_second": round(
                sum(status in (0, 503) for _, _, status, _ in ended) / (last_s - first_s), 1
            ),
            "unconnected_per_second": round(
                sum(status == -2 for _, _, status, _ in ended) / (last_s - first_s), 1
            ),
            "delay": timing_of(good or [_TIMEOUT_S]).to_json(),
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
            one[0] == kind and one[2] == 200 and begin_s <= one[1] < end_s for one in found["ended"]
        )
        if good < _GOOD * wanted:
            return None if second == seconds - 1 else second + 1
    return 0


def show(result: dict[str, Any]) -> None:
    """Print the result for a person."""
    can = result["per_second"]
    print(
        f"the node does {can['ingest']:,} batches of {_BATCH} events and {can['query']:,} questions a second together; "
        f"then {result['times']:g} times that comes (generator {result['generator_s']} s of a processor)"
    )
    for name, kinds in result["spans"].items():
        for kind, one in kinds.items():
            print(
                f"  {name:6} {kind:6} wanted {one['wanted_per_second']:8,}  good {one['good_per_second']:8,}  "
                f"refused {one['refused_per_second']:8,}  no connection {one['unconnected_per_second']:8,} a second; "
                f"median {one['delay']['median_ms']:,.0f} ms, "
                f"P99 {one['delay']['p99_ms']:,.0f} ms"
            )
    print(f"  recovered after (s): {result['recovered_s']}; refused in all: {result['shed']}")
