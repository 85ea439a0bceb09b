"""Questions to a node over HTTP while it takes events: the daily triangle, and one learner's cohorts.

A node runs on a directory of five million learners with half a year behind them, with ten cohorts that are kept true.
Batches of a hundred events come at a fixed rate, of a hundred thousand other learners. Meanwhile two clients ask at a
fixed rate, each in a process of its own: one for the daily triangle of all learners, which columns answer, one for the
cohorts of one learner after the other, each of which is written to the audit log before it is answered. Delays count
from the moment at which a question should have been asked, and the processors are those of the node, the load and the
clients together.

The way not taken is a closed loop of questions: it asks less when the node is slow, and so hides that it is.
"""

import argparse
import json
import os
import shutil
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from benchmarks.alone import run_alone
from benchmarks.ingest_node import ServedNode, served
from benchmarks.membership import load_half_a_year

__all__ = ["add_arguments", "measure", "show"]

_COHORTS: Final = 10
_SENDERS: Final = 100_000
_PEOPLE: Final = 500
_TRIANGLE: Final = {"question": "retention", "interval": "day"}
_WARM_S: Final = 2.0


@dataclass(frozen=True, slots=True)
class _Asked:
    """Questions that are asked so often in a second, and within what P99 they should be answered."""

    texts: list[str]
    per_second: float
    wanted_p99_ms: float


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the sizes."""
    parser.add_argument("--learners", type=int, default=5_000_000)
    parser.add_argument("--rate", type=int, default=30_000, help="events a second")
    parser.add_argument("--seconds", type=float, default=30.0)
    parser.add_argument("--triangles", type=float, default=10.0, help="triangles a second")
    parser.add_argument(
        "--reads", type=float, default=50.0, help="learners asked about in a second"
    )
    parser.add_argument("--workdir", type=Path, help="where the directory is kept for another run")


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """Load, define, send and ask; the result is JSON-ready."""
    with tempfile.TemporaryDirectory(prefix="homeroom-bench-") as folder:
        place = (options.workdir or Path(folder)) / f"asking-{options.learners}"
        if not place.exists():
            load_half_a_year(place, options.learners, time.time_ns() // 1_000_000)
        running = Path(folder) / "running"
        shutil.copytree(place, running)
        with served(running) as node:
            return _measured(node, options)


def _measured(node: ServedNode, options: argparse.Namespace) -> dict[str, Any]:
    for number in range(_COHORTS):
        rule = {
            "did": "any",
            "at_least": 1 + number % 4,
            "unit": "days",
            "within": f"{7 + number}d",
        }
        node.send("PUT", f"/v1/cohorts/cohort{number}", rule)
    # The one that asks the most has the fewest members.
    members = node.ask({"question": "members", "cohort": "cohort3"})["answer"]["members"]
    asked = {
        "triangle": _Asked([_posted(node, _TRIANGLE)], options.triangles, 25.0),
        "learner": _Asked([_got(node, one) for one in members[:_PEOPLE]], options.reads, 10.0),
    }
    before = node.get("/v1/status")["events"]
    _together(node, options, asked, _WARM_S, 0)
    load, before_s, begun_s = os.getloadavg()[0], node.processor_s(), time.perf_counter()
    found = _together(node, options, asked, options.seconds, 1)
    whole_s, used_s = time.perf_counter() - begun_s, node.processor_s() - before_s
    sent = found.pop("events")
    return {
        "learners": node.get("/v1/status")["learners"],
        "events_before": before,
        "per_second": round(sent["accepted"] / sent["seconds"]),
        "acknowledged": sent["delay"],
        "node_processors": round(used_s / whole_s, 2),
        "load_before": round(load, 1),
        "whole_s": round(whole_s, 1),
        "questions": {
            name: {"delay": one["delay"], "wanted_p99_ms": asked[name].wanted_p99_ms}
            for name, one in found.items()
        },
    }


def _together(
    node: ServedNode,
    options: argparse.Namespace,
    asked: dict[str, _Asked],
    seconds: float,
    turn: int,
) -> dict[str, Any]:
    """Send and ask for so long; return what each process measured."""
    count = max(round(options.rate * seconds), 100)
    load = {
        "address": node.address,
        "key": node.key,
        "kind": "events",
        "first": turn * 100_000_000,
        "count": count,
        "batch": 100,
        "learners": _SENDERS,
        "connections": 16,
        "per_second": options.rate / 100,
        "first_ms": (time.time_ns() // 86_400_000_000_000 - 30) * 86_400_000,
    }
    with ThreadPoolExecutor(1 + len(asked)) as threads:
        waiting = {"events": threads.submit(run_alone, "benchmarks.ingest_load:run", load)}
        for name, one in asked.items():
            questions = {
                "address": node.address,
                "texts": one.texts,
                "connections": 4,
                "per_second": one.per_second,
                "count": max(round(one.per_second * seconds), 1),
            }
            waiting[name] = threads.submit(run_alone, "benchmarks.ingest_load:repeat", questions)
        found = {name: future.result() for name, future in waiting.items()}
    for name, result in found.items():
        if result["statuses"].keys() != {"200"}:
            raise SystemExit(f"{name}: not every request was answered: {result['statuses']}")
    return found


def _got(node: ServedNode, learner: str) -> str:
    return (
        f"GET /v1/learners/{learner}/cohorts HTTP/1.1\r\nHost: HOST\r\n"
        f"Authorization: Bearer {node.key}\r\n\r\n"
    )


def _posted(node: ServedNode, question: dict[str, Any]) -> str:
    body = json.dumps(question)
    return (
        f"POST /v1/query HTTP/1.1\r\nHost: HOST\r\nAuthorization: Bearer {node.key}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n{body}"
    )


def show(result: dict[str, Any]) -> None:
    """Print the result for a person."""
    sent = result["acknowledged"]
    print(
        f"{result['learners']:,} learners, {result['per_second']:,} events a second (acknowledged in "
        f"{sent['median_ms']:.2f} ms, P99 {sent['p99_ms']:.2f} ms); the node used {result['node_processors']} "
        f"processors, load before {result['load_before']}"
    )
    for name, one in result["questions"].items():
        delay = one["delay"]
        print(
            f"{name}: median {delay['median_ms']:.2f} ms, P99 {delay['p99_ms']:.2f} ms (wanted "
            f"{one['wanted_p99_ms']:.0f}), {delay['runs']:,} times"
        )
