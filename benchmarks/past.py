"""What changes the past: one learner's void, one merge, one unmerge, until every answer has it.

A state of made-up learners is held in memory, its history too, as a node holds it that reads and answers at once. One
event of one learner is voided, for many learners one after the other; pairs of learners are merged, and unmerged again.
Measured is the change of the state alone, from the call until it is settled, and beside it the questions that are asked
then: a weekly triangle and a cohort from the columns, a triangle of two verbs from history. Questions are asked before,
too: what a change adds to them must be small.

At the end the tables are compared with a rebuild from everything that was stored, by their fingerprints (left out with
``--no-check``, as it takes minutes at full size). 100 million events and their tables take some 12 GB.
"""

import argparse
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from benchmarks.learners import COUNTRY_SHARES, FIRST_DAY, keys_of
from benchmarks.timing import hash_of, timed, timing_of
from homeroom.adapters.threads import ThreadRun
from homeroom.cohorts.answers import Source
from homeroom.cohorts.ask import ask
from homeroom.cohorts.questions import parse_question
from homeroom.events.dictionary import Dictionaries
from homeroom.events.model import TRACKS, EventBatch, UInt64s
from homeroom.state.keys import whole
from homeroom.state.state import State, rebuild
from homeroom.state.zones import load_zone

__all__ = ["add_arguments", "measure", "show"]

_BLOCK = 1 << 18
_COURSES = 12
_VERBS = ("played", "answered", "posted", "read")
_TRACK_SHARES = (0.1, 0.35, 0.2, 0.15, 0.1, 0.03, 0.05, 0.02)
_DAY_MS = 86_400_000
_MANY = 1_000
_QUESTIONS = {
    "retention": {"question": "retention", "interval": "week"},
    "retention of a cohort": {
        "question": "retention",
        "interval": "week",
        "cohort": "a",
        "definitions": {
            "cohort": {"a": {"did": "any", "at_least": 3, "unit": "days", "within": "28d"}}
        },
    },
    "history": {
        "question": "retention",
        "interval": "week",
        "entry": ["verb=played"],
        "returning": ["verb=answered"],
    },
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the sizes."""
    parser.add_argument("--learners", type=int, default=5_000_000)
    parser.add_argument("--events", type=int, default=100_000_000)
    parser.add_argument("--days", type=int, default=180)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument(
        "--runs", type=int, default=200, help="voids, merges and unmerges, one each"
    )
    parser.add_argument("--no-check", action="store_true", help="do not compare with a rebuild")


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """Measure everything; the result is JSON-ready."""
    begun = time.perf_counter()
    state = _filled(options)
    filled_s = time.perf_counter() - begun
    rng = np.random.default_rng(3)
    before = _asked(state)
    _void(state, rng, options.events)  # what is done once in a process is done
    busy_s = time.process_time()
    voids = timing_of([_void(state, rng, options.events) for _ in range(options.runs)])
    busy_s = time.process_time() - busy_s
    after_voids = _asked(state)
    pairs = rng.permutation(options.learners)[: 2 * options.runs].reshape(-1, 2)
    numbers = [tuple(_key(learner) for learner in pair) for pair in pairs.tolist()]
    merges = timing_of(
        [_seconds(partial(_merge, state, i, *pair)) for i, pair in enumerate(numbers, 1)]
    )
    after_merges = _asked(state)
    unmerges = timing_of([_seconds(partial(_unmerge, state, *pair)) for pair in numbers[::2]])
    many = rng.choice(options.events, min(_MANY, options.events), replace=False)
    many_voids = _seconds(partial(_void_ids, state, _ids(np.sort(many))))
    after = _asked(state)
    return {
        "learners": state.learners.rows,
        "enrolments": state.enrolments.rows,
        "events": state.events,
        "segments": len(state.history.stored),
        "threads": options.threads,
        "filled_s": round(filled_s, 1),
        "void": {**voids.to_json(), "mean_cpu_ms": round(busy_s * 1e3 / options.runs, 3)},
        "merge": merges.to_json(),
        "unmerge": unmerges.to_json(),
        "many_voids": {"ids": len(many), "ms": round(many_voids * 1e3, 1)},
        "questions": {
            name: {
                "before_ms": before[name][0],
                "after_voids_ms": after_voids[name][0],
                "after_merges_ms": after_merges[name][0],
            }
            for name in _QUESTIONS
        },
        "checked": _checked(state) if not options.no_check else "not checked",
        "hash": hash_of(*(after[name][1] for name in ("retention", "history"))),
    }


def _filled(options: argparse.Namespace) -> State:
    """Return a state that has folded and kept all events."""
    dictionaries = Dictionaries.under(bytes(32))
    dictionaries.course.codes([f"course-{i}" for i in range(_COURSES)], _COURSES)
    dictionaries.verb.codes(list(_VERBS), len(_VERBS))
    countries = ["AT", "BR", "CM", "DK", "EE"][: len(COUNTRY_SHARES) - 1]
    dictionaries.attribute("country").codes(countries, len(countries))
    state = State(load_zone("UTC"), dictionaries, ThreadRun(options.threads))
    for first in range(0, options.events, _BLOCK):
        numbers = np.arange(first, min(first + _BLOCK, options.events))
        state.fold(_events(numbers, options.learners, options.days))
    state.settle()
    return state


def _events(numbers: np.ndarray[Any, Any], learners: int, days: int) -> EventBatch:
    """Return the events of these numbers: any learner's, on any day from its first one on."""
    rng = np.random.default_rng((20240101, int(numbers[0])))
    count = len(numbers)
    learner = rng.integers(0, learners, count)
    key_hi, key_lo = keys_of(learner)
    first = (key_hi % np.uint64(days)).astype(np.int64) * _DAY_MS * 3 // 4
    at = first + (rng.random(count) * (days * _DAY_MS - first)).astype(np.int64)
    ids = _ids(numbers)
    return EventBatch(
        key_hi=key_hi,
        key_lo=key_lo,
        time_ms=(FIRST_DAY + 4) * _DAY_MS + at,
        verb=rng.integers(0, len(_VERBS), count).astype(np.int32),
        activity=np.full(count, -1, np.int32),
        course=((learner + rng.integers(0, 2, count)) % _COURSES).astype(np.int32),
        track=rng.choice(len(TRACKS), count, p=_TRACK_SHARES).astype(np.uint8),
        identity_hi=ids,
        identity_lo=~ids,
        id_hash=ids,
        attributes={"country": (learner % (len(COUNTRY_SHARES) - 1)).astype(np.int32)},
    )


def _ids(numbers: np.ndarray[Any, Any]) -> UInt64s:
    return keys_of(numbers)[0] | np.uint64(1)


def _key(learner: int) -> int:
    hi, lo = keys_of(np.array([learner]))
    return whole(int(hi[0]), int(lo[0]))


def _void(state: State, rng: np.random.Generator, events: int) -> float:
    """Void one event, whichever; return the seconds until the state is settled again."""
    ids = _ids(rng.integers(0, events, 1))
    return _seconds(partial(_void_ids, state, ids))


def _void_ids(state: State, ids: UInt64s) -> None:
    state.void(ids)
    state.settle()


def _merge(state: State, edge_id: int, one: int, other: int) -> None:
    state.merge(edge_id, one, other)
    state.settle()


def _unmerge(state: State, one: int, other: int) -> None:
    state.unmerge(one, other)
    state.settle()


def _seconds(work: Callable[[], None]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def _asked(state: State) -> dict[str, tuple[float, Any]]:
    """Ask every question; return the milliseconds of the quickest of some runs, and the figures."""
    found = {}
    for name, written in _QUESTIONS.items():
        question = parse_question(written)
        runs = 1 if name == "history" else 5
        times, answer = timed(lambda q=question: ask(state, q, Source()), runs, warm=runs - 1)
        figures = getattr(answer, "counts", None)
        found[name] = (round(times.min_ms, 2), np.array(0) if figures is None else figures)
    return found


def _checked(state: State) -> str:
    assert rebuild(state).fingerprint() == state.fingerprint(), (
        "the tables are not those of a rebuild"
    )
    return "equal to a rebuild"


def show(result: dict[str, Any]) -> None:
    """Print the result for a person."""
    print(
        f"{result['events']:,} events of {result['learners']:,} learners, {result['enrolments']:,} enrolments, "
        f"{result['segments']} segments, {result['threads']} threads; filled in {result['filled_s']} s; "
        f"{result['checked']}"
    )
    for name in ("void", "merge", "unmerge"):
        times = result[name]
        print(
            f"one {name:<8} state alone   P50 {times['median_ms']:7.2f}  P99 {times['p99_ms']:7.2f}  "
            f"max {times['max_ms']:7.2f} ms"
            + (f", {times['mean_cpu_ms']:.2f} ms of processor" if name == "void" else "")
        )
    many = result["many_voids"]
    print(f"{many['ids']:,} voids together     {many['ms']:,.1f} ms")
    for name, times in result["questions"].items():
        print(
            f"{name:<12} before {times['before_ms']:9.2f}  after voids {times['after_voids_ms']:9.2f}  "
            f"after merges {times['after_merges_ms']:9.2f} ms"
        )
