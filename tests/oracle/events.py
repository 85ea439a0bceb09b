"""Events as a test writes them, and the table that the engine reads them from."""

import datetime as dt
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import pyarrow as pa

__all__ = ["Event", "instant_ms", "table"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One thing a learner did; absent values are None. ``time_ms`` counts from 1970-01-01T00:00:00Z."""

    account: str
    time_ms: int
    verb: str = "played"
    activity: str | None = None
    course: str | None = None
    track: str | None = None
    id: str | None = None
    score: float | None = None
    progress: float | None = None
    success: bool | None = None
    completion: bool | None = None
    duration_ms: int | None = None
    standing: str | None = None
    section: str | None = None
    answer: str | None = None
    position_s: float | None = None
    length_s: float | None = None
    attributes: Mapping[str, str] = field(default_factory=dict)


COLUMNS: dict[str, pa.DataType] = {
    "account": pa.string(),
    "time": pa.timestamp("ms", tz="UTC"),
    "verb": pa.string(),
    "activity": pa.string(),
    "course": pa.string(),
    "track": pa.string(),
    "id": pa.string(),
    "score": pa.float64(),
    "progress": pa.float64(),
    "success": pa.bool_(),
    "completion": pa.bool_(),
    "duration_ms": pa.int64(),
    "standing": pa.string(),
    "section": pa.string(),
    "answer": pa.string(),
    "position_s": pa.float64(),
    "length_s": pa.float64(),
}
ALWAYS = ("account", "time", "verb")


def table(events: Iterable[Event]) -> pa.Table:
    """Write events as a table with the event model's column names.

    A column that no event fills is left out, because a real table would not have it either; an attribute is a column
    of its own name.
    """
    events = list(events)
    columns: dict[str, pa.Array] = {}
    for name, kind in COLUMNS.items():
        values = [e.time_ms if name == "time" else getattr(e, name) for e in events]
        if name in ALWAYS or any(value is not None for value in values):
            columns[name] = pa.array(values, kind)
    for name in sorted({name for e in events for name in e.attributes}):
        columns[name] = pa.array([e.attributes.get(name) for e in events], pa.string())
    return pa.table(columns)


def instant_ms(text: str) -> int:
    """Return the milliseconds since 1970 UTC of ISO 8601 text with a zone."""
    moment = dt.datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(f"{text} has no zone; add Z or an offset")
    return round(moment.timestamp() * 1000)
