"""Events as clients send them in JSON: objects with the names of the event model.

A client that sends one event a request and one that sends a thousand are read by the same code: the lines of many
requests are put together and decoded in one call, into objects that hold nothing but what an event has. What is not
known is refused and not skipped: a `cuorse` that is silently dropped is found months later, in a report.
"""

import difflib
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import chain
from typing import Any, Final

import msgspec
import numpy as np

from homeroom.events.jsonlines import JsonReader
from homeroom.events.jsontext import nests_too_deep, split_array
from homeroom.events.mapping import KNOWN_ATTRIBUTES
from homeroom.events.model import Int64s, Reason, Reject

__all__ = ["ATTRIBUTES", "SentEvent", "SentItems", "count_elements", "read_arrays", "read_lines"]

ATTRIBUTES: Final = tuple(name for name in KNOWN_ATTRIBUTES if name != "organization")
"""The attributes that an event may bring: those with known vocabularies. Nobody's name is one."""

SentAttributes = msgspec.defstruct(
    "SentAttributes",
    [(name, str | None, None) for name in ATTRIBUTES],
    gc=False,
    forbid_unknown_fields=True,
)


class SentEvent(msgspec.Struct, gc=False, forbid_unknown_fields=True):
    """One event, with the fields of ``docs/reference/event-model.md``.

    All are optional here: what an event must have is asked of whole columns, at the door.
    """

    account: str | None = None
    verb: str | None = None
    time: str | int | None = None
    issuer: str | None = None
    activity: str | None = None
    course: str | None = None
    id: str | None = None
    track: str | None = None
    score: float | None = None
    progress: float | None = None
    success: bool | None = None
    completion: bool | None = None
    duration_ms: int | None = None
    standing: str | None = None
    section: str | None = None
    answer: str | None = None
    position_s: float | None = None
    position_from_s: float | None = None
    length_s: float | None = None
    attributes: SentAttributes | None = None  # type: ignore[valid-type]


@dataclass(frozen=True, slots=True)
class SentItems:
    """What was read of some bodies.

    ``line`` numbers the events from 1 over all bodies, ``lines`` says how many numbers each body took.
    """

    values: list[SentEvent]
    line: Int64s
    rejects: list[Reject]
    lines: list[int]


_READER: Final = JsonReader(SentEvent)
_list: Final = msgspec.json.Decoder(list[SentEvent]).decode
_UNKNOWN: Final = re.compile(
    r"^(?P<where>.*): object contains unknown field (?P<name>.*)$", re.DOTALL
)
_FIELDS: Final = tuple(field.name for field in msgspec.structs.fields(SentEvent))


def read_lines(bodies: Sequence[bytes]) -> SentItems:
    """Read bodies of one JSON object a line; a line keeps its number within its body."""
    ended = [body if body.endswith(b"\n") else body + b"\n" for body in bodies]
    items = _READER.lines(b"".join(ended), 1)
    return SentItems(
        items.values, items.line, _told(items.rejects), [body.count(b"\n") for body in ended]
    )


def read_arrays(bodies: Sequence[bytes]) -> SentItems:
    """Read bodies that are one JSON array of objects, or one object; an element's place stands for its line."""
    values: list[list[SentEvent]] = []
    lines: list[Int64s] = []
    rejects: list[Reject] = []
    counts: list[int] = []
    before = 0
    for body in bodies:
        some, line, refused = _document(body)
        count = max(int(line[-1]) if len(line) else 0, max((r.line for r in refused), default=0), 1)
        values.append(some)
        lines.append(line + before)
        rejects += [replace(one, line=one.line + before) for one in refused]
        counts.append(count)
        before += count
    line = np.concatenate(lines) if lines else np.zeros(0, np.int64)
    return SentItems(list(chain.from_iterable(values)), line, _told(rejects), counts)


def _document(body: bytes) -> tuple[list[SentEvent], Int64s, list[Reject]]:
    if body.isascii() and body[:1] == b"[" and not nests_too_deep(body):
        try:
            values = _list(body)
        except (ValueError, RecursionError):
            pass  # looked at element by element
        else:
            return values, np.arange(1, len(values) + 1), []
    if not body.strip():
        nothing = Reject(
            "", 1, Reason.NOT_JSON, "the body is empty, and must be an array or an object"
        )
        return [], np.zeros(0, np.int64), [nothing]
    items = _READER.document(body)
    return items.values, items.line, items.rejects


def count_elements(body: bytes) -> int:
    """Return how many elements a JSON array has, without decoding them; 1 for anything else."""
    opening = len(body) - len(body.lstrip())
    if body[opening : opening + 1] != b"[":
        return 1
    places, _ = split_array(body, opening)
    return len(places)


def _told(rejects: Sequence[Reject]) -> list[Reject]:
    """Say of unknown fields what they might be; their names are content, and are not repeated."""
    return [replace(one, detail=_without_name(one.detail)) for one in rejects]


def _without_name(detail: str) -> str:
    found = _UNKNOWN.match(detail)
    if found is None:
        return detail
    where = found["where"]
    known: Any = ATTRIBUTES if where == "attributes" else _FIELDS
    near = difflib.get_close_matches(found["name"], known, n=1)
    hint = f"did you mean {near[0]}?" if near else f"there are: {', '.join(known)}"
    return f"{where} has a field that is not known; {hint}"
