"""Regions for tests: a log that a node has written, and engines that fold it; shards are threads of this process."""

import asyncio
import json
import pickle
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from homeroom.adapters.log_folder import SqliteLogFolder
from homeroom.adapters.system_clock import now_ms, steady_ms
from homeroom.cohorts.questions import Question, parse_definitions, parse_question
from homeroom.errors import ShardsAwayError
from homeroom.log.entries import Entry
from homeroom.log.origins import Stream
from homeroom.running.live import Live
from homeroom.running.sharding.local import LocalEngine
from homeroom.running.sharding.region import ShardedEngine
from homeroom.running.sharding.shard import Shard, open_shard
from homeroom.running.sharding.shard_files import ShardFiles
from homeroom.scaling.journal import Journal
from homeroom.scaling.placing import Machine
from homeroom.scaling.slots import Slots, nobody
from tests.running.nodes import batch, running

COURSES = ("algebra", "biology")
VERBS = ("played", "paused", "answered", "read", "posted", "enrolled", "left")
TRACKS = {
    "played": "video",
    "paused": "video",
    "answered": "problem",
    "read": "reading",
    "posted": "forum",
}


def drawn(count: int, learners: int, seed: int = 1) -> list[dict[str, Any]]:
    """Draw events of some learners in twelve weeks, of which all kinds of questions find something."""
    rng, events = np.random.default_rng(seed), []
    for number in range(count):
        verb = VERBS[rng.integers(len(VERBS))]
        minute = int(rng.integers(60 * 24 * 84))
        day, rest = divmod(minute, 60 * 24)
        date = np.datetime64("2024-03-04") + np.timedelta64(day, "D")
        one: dict[str, Any] = {
            "account": f"a{int(rng.integers(learners) ** 2 // learners)}",
            "verb": verb,
            "time": f"{date}T{rest // 60:02d}:{rest % 60:02d}:{int(rng.integers(60)):02d}Z",
            "id": f"e{seed}-{number}",
            "course": COURSES[int(rng.integers(8) == 0)],
            "activity": f"act{int(rng.integers(9))}",
            "section": f"week {int(rng.integers(4))}",
        }
        if verb in TRACKS:
            one["track"] = TRACKS[verb]
        if verb in ("played", "paused"):
            one |= {"position_s": float(rng.integers(60)), "length_s": 60.0}
        if verb == "answered":
            right = bool(rng.integers(2))
            one |= {"success": right, "score": float(right), "answer": f"x{int(rng.integers(3))}"}
            one["duration_ms"] = int(rng.integers(1_000, 60_000))
        if verb in ("enrolled", "left"):
            one |= {"standing": verb, "track": "enrolment"}
        if rng.integers(9) == 0:
            one |= {"standing": "passed", "score": 0.5, "progress": 1.0}
        if rng.integers(3) == 0:
            one["attributes"] = {"country": ("DE", "FR", "IN")[int(rng.integers(3))]}
        events.append(one)
    return events


def write_log(path: Path, events: Sequence[dict[str, Any]], size: int = 150) -> None:
    """Have a node write events into a new directory, in batches of a size."""

    async def write() -> None:
        async with running(path) as node:
            for start in range(0, len(events), size):
                some = events[start : start + size]
                sent = await node.offer("main", "key", batch("b" + some[0]["id"], *some))
                assert json.loads(sent.answer)["accepted"] == len(some), sent

    asyncio.run(write())


def entries_of(path: Path) -> list[Entry]:
    """Return what shards fold of the log of a directory, in order by origin, what was stated first."""
    store = SqliteLogFolder(path / "log")
    try:
        held = store.held()
        shared = [origin for origin in held if origin.stream.is_shared]
        shared.sort(key=lambda origin: origin.stream is not Stream.CONTROL)
        return [entry for origin in shared for entry in store.read(origin, 1, held[origin])]
    finally:
        store.close()


class _Awaited:
    def __init__(self, future: "Future[Any]") -> None:
        self._future = future

    def result(self, wait_ms: int) -> object:
        try:
            return pickle.loads(pickle.dumps(self._future.result(wait_ms / 1_000)))
        except TimeoutError:
            raise ShardsAwayError(f"nothing came within {wait_ms} ms") from None


class Here:
    """A shard in threads of this process; all that goes to it or comes from it is pickled, as between processes."""

    node = "here"

    def __init__(self, number: int, shard: Shard) -> None:
        self.number, self.shard = number, shard
        self.begun, self.is_running = -1, True
        self._pool = ThreadPoolExecutor(8)

    def _call(self, work: Callable[[], object]) -> _Awaited:
        try:
            return _Awaited(self._pool.submit(work))
        except RuntimeError:  # it was stopped
            gone: Future[Any] = Future()
            gone.set_exception(ShardsAwayError("it is gone"))
            return _Awaited(gone)

    def open(self, life, last, stated):
        def work():
            self.begun = self.shard.open(life, last, stated)
            return self.begun

        return self._call(work)

    def label(self, tenant, texts):
        return self._call(lambda: self.shard.label(tenant, texts))

    def apply(self, portion, entries):
        return self._call(lambda: self.shard.apply(portion, pickle.loads(pickle.dumps(entries))))

    def begin(self, asked):
        return self._call(lambda: self._said(self.shard.begin, asked))

    def go_on(self, session, joined):
        return self._call(lambda: self._said(self.shard.go_on, session, joined))

    @staticmethod
    def _said(call, *given):
        return call(*pickle.loads(pickle.dumps(given)))()

    def end(self, session):
        self._call(lambda: self.shard.end(session))

    def upkeep(self):
        return self._call(self.shard.upkeep)

    def save(self, life):
        return self._call(lambda: self.shard.save(life))

    def size(self):
        return self._call(self.shard.size)

    def stop(self):
        self.is_running = False
        self._pool.shutdown(wait=False)


class Threads:
    """A cluster of machines that are names alone: all shards are threads of this process."""

    def __init__(self, path: Path, keys: Path, *names: str) -> None:
        self.names, self.started = list(names) or ["here"], []
        self.workers: list[Here] = []
        self.is_full = False
        self._path, self._keys = path, keys

    def place(self, slots: Slots) -> Path:
        return self._path / f"{slots.shards}-kept-{slots.number}"

    def start(self, slots: Slots, node: str) -> Here:
        if self.is_full:
            raise ShardsAwayError("there is no room")
        worker = Here(slots.number, open_shard(self.place(slots), self._keys, slots))
        self.workers.append(worker)
        worker.node = node or self.names[slots.number % len(self.names)]
        self.started.append((slots.number, worker.node))
        return worker

    def share(self, value: object) -> object:
        return value

    def machines(self) -> tuple[Machine, ...]:
        return tuple(Machine(name, 2) for name in self.names)


def local(path: Path) -> LocalEngine:
    return LocalEngine(ShardFiles(path / "local", path).fresh, now_ms, steady_ms)


def head(path: Path, keys: Path) -> tuple[Live, Journal]:
    """Return what an engine begins with that has folded nothing yet."""
    folding, _ = ShardFiles(path, keys).folding("life", 0, (), nobody)
    return Live(folding, now_ms), Journal("life")


@contextmanager
def sharded(path: Path, shards: int, **fields: Any) -> Iterator[ShardedEngine]:
    """Have an engine with shards that have begun with nothing."""
    engine = ShardedEngine(head(path / f"{shards}-head", path), shards, **fields)
    for number in range(shards):
        place = path / f"{shards}-shard-{number}"
        engine.present[number] = Here(number, open_shard(place, path, Slots(number, shards)))
    engine.lost.clear()
    try:
        yield engine
    finally:
        engine.close()


DEFINITIONS = {
    "cohort": {
        "recent": {"did": "any", "within": "10d"},
        "watched": {"did": "verb=played", "at_least": 2},
        "german": {"attribute": "country=DE"},
        "right": {"result": "score>=1", "of": "latest", "where": "verb=answered"},
        "graded": {"result": "score>=0.5", "where": "course=algebra"},
        "gone": {"all": [{"cohort": "watched"}, {"not": {"cohort": "recent"}}]},
        "steps": {"sequence": ["verb=read", "verb=answered"], "in": "3d"},
    }
}


def asked(kind: str, **fields: Any) -> Question:
    if fields.pop("defined", False):
        fields["definitions"] = DEFINITIONS
    return parse_question({"question": kind, **fields})


QUESTIONS: dict[str, Question] = {
    "triangle": asked("retention"),
    "weekly triangle": asked("retention", interval="week"),
    "recurring": asked("retention", interval="week", mode="recurring", match="on-or-after"),
    "brackets": asked("retention", interval="week", brackets=["1", "2-4"]),
    "behaviours": asked("retention", interval="week", entry=["verb=played"], returning=["track=problem"]),
    "by hour": asked("retention", interval="hour", **{"from": "2024-03-04", "to": "2024-03-05"}),
    "since enrolment": asked("retention", interval="week", align="enrolment"),
    "since the run began": asked("retention", interval="week", align="course-start"),
    "run in another zone": asked("retention", interval="week", align="course-start", timezone="Asia/Kolkata"),
    "by country": asked("retention", interval="week", breakdown="country"),
    "by course": asked("lifecycle", interval="week", breakdown="course"),
    "by verb": asked("stickiness", interval="week", breakdown="verb"),
    "by track": asked("active", breakdown="track"),
    "lifecycle": asked("lifecycle", interval="week"),
    "lifecycle elsewhere": asked("lifecycle", interval="day", timezone="Asia/Kolkata"),
    "stickiness": asked("stickiness", interval="week"),
    "active": asked("active"),
    "one course": asked("active", filters=["course=biology"]),
    "unheard-of": asked("active", filters=["course=chemistry"]),
    "of a cohort": asked("retention", interval="week", cohort="gone", defined=True),
    "compared": asked("lifecycle", interval="week", compare=["watched", "german"], defined=True),
    "members": asked("members", cohort="gone", defined=True),
    "few members": asked("members", cohort="gone", suppress_below=1_000, defined=True),
    "members by result": asked("members", cohort="right", defined=True),
    "members by grade": asked("members", cohort="graded", defined=True),
    "members by steps": asked("members", cohort="steps", defined=True),
    "cohort": asked("cohort", cohort="gone", interval="week", defined=True),
    "change": asked(
        "cohort", cohort="gone", interval="week", changed=["2024-04-01", "2024-04-20"], defined=True
    ),
    "overlap": asked("overlap", cohorts=["recent", "watched", "german"], defined=True),
    "funnel": asked("funnel", steps=["verb=played", "verb=answered", "verb=posted"], within="7d"),
    "every attempt": asked("funnel", steps=["verb=read", "track=problem"], within="2d", count="every"),
    "any order": asked("funnel", steps=["verb=read", "verb=posted"], within="7d", order="any"),
    "funnel by country": asked("funnel", steps=["verb=read", "verb=answered"], within="7d", breakdown="country"),
    "paths": asked("paths", by="activity", depth=4, within="2d"),
    "few branches": asked("paths", by="verb", depth=3, branches=2, least=3, within="3d"),
    "course report": asked("report", course="algebra"),
    "at risk": asked("at-risk", as_of="2024-05-20T00:00:00Z"),
    "at risk by name": asked("at-risk", sort="course", limit=7, as_of="2024-04-20T00:00:00Z"),
    "few at risk": asked("at-risk", suppress_below=5, breakdown="country"),
    "risk in another zone": asked("at-risk", timezone="Asia/Kolkata", sort="most-active"),
}  # fmt: skip
"""A question of each kind, and of each way on which an answer is come to."""
assert parse_definitions(DEFINITIONS)
