"""Events of a course run as a test writes them, with all that a report looks at, and the state made of them.

Sources do not carry every field (no log of ours has all of them), so these events become batches directly, as they
stand behind the door.
"""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np

from homeroom.adapters.threads import ThreadRun
from homeroom.cohorts.answers import Source
from homeroom.cohorts.ask import ask
from homeroom.events.dictionary import Dictionaries
from homeroom.events.model import STANDINGS, TRACKS, EventBatch
from homeroom.events.texts import sealed
from homeroom.state.running import Run, Sequential
from homeroom.state.state import State
from homeroom.state.zones import load_zone

__all__ = ["CourseEvent", "answered", "state_of"]

NUMBERS = {
    "score": (np.float64, np.nan),
    "progress": (np.float64, np.nan),
    "success": (np.int8, -1),
    "completion": (np.int8, -1),
    "duration_ms": (np.int64, -1),
    "position_s": (np.float64, np.nan),
    "position_from_s": (np.float64, np.nan),
    "length_s": (np.float64, np.nan),
}
TEXTS = ("section", "answer")


@dataclass(frozen=True, slots=True, kw_only=True)
class CourseEvent:
    """One thing a learner did; absent values are None."""

    account: str
    time_ms: int
    verb: str = "viewed"
    activity: str | None = None
    course: str | None = "run"
    track: str = "other"
    section: str | None = None
    standing: str = "none"
    answer: str | None = None
    score: float | None = None
    progress: float | None = None
    success: bool | None = None
    completion: bool | None = None
    duration_ms: int | None = None
    position_s: float | None = None
    position_from_s: float | None = None
    length_s: float | None = None
    attributes: tuple[tuple[str, str], ...] = field(default=())


def state_of(
    portions: Iterable[Sequence[CourseEvent]], zone: str = "UTC", run: Run | None = None
) -> State:
    """Fold events into a state that is ready to be asked, each portion into a segment of its own."""
    state = State(load_zone(zone), Dictionaries.under(bytes(32)), run or Sequential())
    for events in portions:
        if events:
            state.fold(_batch(events, state.dictionaries))
            state.seal()
    state.settle()
    return state


def answered(portions: Iterable[Sequence[CourseEvent]], question, zone: str = "UTC"):
    """Answer a question about events, in two threads."""
    return ask(state_of(portions, zone, ThreadRun(2)), question, Source())


def _batch(events: Sequence[CourseEvent], dictionaries: Dictionaries) -> EventBatch:
    count = len(events)
    keys = [hashlib.sha256(e.account.encode()).digest() for e in events]
    digests = [hashlib.sha256(repr(e).encode()).digest() for e in events]
    key = np.frombuffer(b"".join(d[:16] for d in keys), np.uint64).reshape(count, 2)
    identity = np.frombuffer(b"".join(d[:16] for d in digests), np.uint64).reshape(count, 2)
    columns = {}
    for name, (dtype, absent) in NUMBERS.items():
        values = [getattr(e, name) for e in events]
        if any(value is not None for value in values):
            columns[name] = sealed(np.array([absent if v is None else v for v in values], dtype))
    for name in TEXTS:
        values = [getattr(e, name) for e in events]
        if any(value is not None for value in values):
            columns[name] = sealed(getattr(dictionaries, name).codes(values, count))
    if any(e.standing != "none" for e in events):
        columns["standing"] = sealed(
            np.array([STANDINGS.index(e.standing) for e in events], np.uint8)
        )
    names = sorted({name for e in events for name, _ in e.attributes})
    return EventBatch(
        key_hi=sealed(key[:, 0].copy()),
        key_lo=sealed(key[:, 1].copy()),
        time_ms=sealed(np.array([e.time_ms for e in events], np.int64)),
        verb=sealed(dictionaries.verb.codes([e.verb for e in events], count)),
        activity=sealed(dictionaries.activity.codes([e.activity for e in events], count)),
        course=sealed(dictionaries.course.codes([e.course for e in events], count)),
        track=sealed(np.array([TRACKS.index(e.track) for e in events], np.uint8)),
        identity_hi=sealed(identity[:, 0].copy()),
        identity_lo=sealed(identity[:, 1].copy()),
        id_hash=sealed(np.zeros(count, np.uint64)),
        **columns,
        attributes={
            name: sealed(
                dictionaries.attribute(name).codes(
                    [dict(e.attributes).get(name) for e in events], count
                )
            )
            for name in names
        },
    )
