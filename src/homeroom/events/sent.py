"""Batches that clients send, as many as are written together, become one chunk of raw events.

A busy node writes the batches of many clients in one entry. Taking each through the codec and the door by itself would
cost its fixed price each time, some fifty small arrays; so what is written together is read together, into one set of
columns. Events are numbered on over the group, and the numbers say afterwards whose event was refused.
"""

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import Any, Final

import msgspec
import numpy as np

from homeroom import limits
from homeroom.errors import InputError
from homeroom.events.model import Decoded, Int64s, RawEvents, Reason, Reject
from homeroom.events.projection import Cut
from homeroom.events.sent_arrow import count_rows, read_columns
from homeroom.events.sent_columns import Faults, ids_of, numbers_of, only, times_of, uuid7_ms
from homeroom.events.sent_json import (
    ATTRIBUTES,
    SentEvent,
    SentItems,
    count_elements,
    read_arrays,
    read_lines,
)

__all__ = ["Form", "SentBatch", "SentDecoded", "SentPart", "answers", "columns", "count_events"]


class Form(StrEnum):
    """How the events of a body are written."""

    NDJSON = "ndjson"
    JSON = "json"
    ARROW = "arrow"


@dataclass(frozen=True, slots=True, kw_only=True)
class SentBatch:
    """A batch as it came.

    Parameters
    ----------
    batch_id : under which the client sends it, and will again if it does not hear; None if it gave none
    body : decompressed
    form : how the events are written in it
    digest : SHA-256 of the body
    """

    batch_id: str | None
    body: bytes
    form: Form
    digest: bytes

    @property
    def name(self) -> str:
        """The batch's id; one without is known by its body, so that the same one sent again is the same batch."""
        return self.digest.hex() if self.batch_id is None else self.batch_id


@dataclass(frozen=True, slots=True)
class SentPart:
    """A batch and the owner of the key that sent it."""

    owner: str
    batch: SentBatch


@dataclass(frozen=True, slots=True)
class SentDecoded(Decoded):
    """What some batches became. Lines ``firsts[i] + 1`` to ``firsts[i] + counts[i]`` are those of the i-th batch.

    ``events_of`` says how many events there are of each batch. Batches of one form lie together, so the first lines are
    not in the order of the batches.
    """

    firsts: Sequence[int] = ()
    counts: Sequence[int] = ()
    events_of: Sequence[int] = ()


def count_events(batch: SentBatch) -> int:
    """Return at most how many events a batch has, without decoding them.

    Raises `InputError` for an Arrow stream that may not be read.
    """
    if batch.form is Form.NDJSON:
        return batch.body.count(b"\n") + (not batch.body.endswith(b"\n"))
    return count_elements(batch.body) if batch.form is Form.JSON else count_rows(batch.body)


# --- columns ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Piece:
    """Columns of some of the batches: texts and numbers by name, as lists or Arrow arrays."""

    columns: dict[str, Any]
    line: Int64s
    rejects: list[Reject]


class _Places:
    """Which batch a line belongs to."""

    def __init__(self, firsts: Sequence[int]) -> None:
        self._order = sorted(range(len(firsts)), key=lambda place: firsts[place])
        self._firsts = [firsts[place] for place in self._order]

    def find(self, line: int) -> tuple[int, int]:
        """Return the place of the batch, and the line within it."""
        at = bisect_right(self._firsts, line - 1) - 1
        return self._order[at], line - self._firsts[at]

    def count(self, line: Int64s) -> list[int]:
        """Return how many of the lines are of each batch."""
        edges = np.searchsorted(np.sort(line), [first + 1 for first in self._firsts])
        counts = np.diff(edges, append=len(line)).tolist()
        found = [0] * len(self._order)
        for place, count in zip(self._order, counts, strict=True):
            found[place] = count
        return found


def columns(parts: Sequence[SentPart]) -> SentDecoded:
    """Return the events of all parts as one set of columns. Raises nothing for what a client may have written."""
    firsts, counts = [0] * len(parts), [0] * len(parts)
    pieces: list[_Piece] = []
    before = 0
    for form, read in ((Form.NDJSON, read_lines), (Form.JSON, read_arrays)):
        places = [i for i, part in enumerate(parts) if part.batch.form is form]
        if places:
            items = read([parts[i].batch.body for i in places])
            pieces.append(_of_items(items, before))
            for place, count in zip(places, items.lines, strict=True):
                firsts[place], counts[place] = before, count
                before += count
    for place, part in enumerate(parts):
        if part.batch.form is Form.ARROW:
            piece = _of_arrow(part.batch.body, before)
            pieces.append(piece)
            firsts[place], counts[place] = before, max(len(piece.line), 1)
            before += counts[place]
    places_of = _Places(firsts)
    raw, rejects = _raw(_joined(pieces), parts, places_of)
    return SentDecoded(
        raw, rejects, firsts=firsts, counts=counts, events_of=places_of.count(raw.line)
    )


def _of_items(items: SentItems, before: int) -> _Piece:
    values = items.values
    found: dict[str, Any] = {
        "account": [one.account for one in values],
        "verb": [one.verb for one in values],
        "time": [one.time for one in values],
        "id": [one.id for one in values],
    }
    found |= {
        name: column for name, column in _optional(values) if column.count(None) < len(column)
    }
    attributes = [one.attributes for one in values]
    if attributes.count(None) < len(attributes):
        given = {name: [getattr(one, name, None) for one in attributes] for name in ATTRIBUTES}
        found |= {name: column for name, column in given.items() if any(column)}
    rejects = [Reject("", one.line + before, one.reason, one.detail) for one in items.rejects]
    return _Piece(found, items.line + before if before else items.line, rejects)


def _optional(values: list[SentEvent]) -> Iterable[tuple[str, list[Any]]]:
    """Give the columns that an event may lack; written out, because a name that is looked up costs twice as much."""
    yield "issuer", [one.issuer for one in values]
    yield "activity", [one.activity for one in values]
    yield "course", [one.course for one in values]
    yield "track", [one.track for one in values]
    yield "score", [one.score for one in values]
    yield "progress", [one.progress for one in values]
    yield "success", [one.success for one in values]
    yield "completion", [one.completion for one in values]
    yield "duration_ms", [one.duration_ms for one in values]
    yield "standing", [one.standing for one in values]
    yield "section", [one.section for one in values]
    yield "answer", [one.answer for one in values]
    yield "position_s", [one.position_s for one in values]
    yield "position_from_s", [one.position_from_s for one in values]
    yield "length_s", [one.length_s for one in values]


def _of_arrow(body: bytes, before: int) -> _Piece:
    try:
        found = read_columns(body)
    except InputError as error:
        reject = Reject("", before + 1, Reason.UNREADABLE, str(error))
        return _Piece({}, np.zeros(0, np.int64), [reject])
    rows = len(next(iter(found.values()))) if found else 0
    return _Piece(dict(found), np.arange(before + 1, before + rows + 1), [])


def _joined(pieces: Sequence[_Piece]) -> _Piece:
    """Put pieces together; a column that one of them lacks is absent there."""
    if len(pieces) == 1:
        return pieces[0]
    found: dict[str, Any] = {}
    for name in dict.fromkeys(name for piece in pieces for name in piece.columns):
        column: list[Any] = []
        for piece in pieces:
            values = piece.columns.get(name)
            if values is None:
                column += [None] * len(piece.line)
            else:
                column += values if isinstance(values, list) else values.to_pylist()
        found[name] = column
    line = [piece.line for piece in pieces]
    return _Piece(
        found,
        np.concatenate(line) if line else np.zeros(0, np.int64),
        [one for piece in pieces for one in piece.rejects],
    )


def _raw(
    piece: _Piece, parts: Sequence[SentPart], places: _Places
) -> tuple[RawEvents, list[Reject]]:
    """Return the events that a door can judge, and what is refused before."""
    found, line = piece.columns, piece.line
    faults: Faults = {}

    def made_id(row: int) -> str:
        place, within = places.find(int(line[row]))
        return f"{parts[place].owner}/{parts[place].batch.name}/{within}"

    def time_ms(row: int) -> int | None:
        return uuid7_ms(parts[places.find(int(line[row]))[0]].batch.batch_id)

    nothing = [None] * len(line)
    raw = RawEvents(
        line=line,
        account=found.get("account", nothing),
        verb=found.get("verb", nothing),
        time=times_of(found.get("time", nothing), time_ms, faults),
        event_id=ids_of(found.get("id", nothing), made_id),
        issuer=found.get("issuer", ""),
        activity=found.get("activity", ""),
        course=found.get("course"),
        track=found.get("track"),
        standing=found.get("standing"),
        section=found.get("section"),
        answer=found.get("answer"),
        **numbers_of(found, faults),
        attributes={name: found[name] for name in ATTRIBUTES if name in found},
    )
    if not faults:
        return raw, piece.rejects
    kept = np.ones(len(line), np.bool_)
    kept[list(faults)] = False
    refused = [Reject("", int(line[row]), *why) for row, why in faults.items()]
    rejects = sorted([*piece.rejects, *refused], key=lambda one: one.line)
    return only(raw, np.flatnonzero(kept)), rejects


# --- answers ---------------------------------------------------------------------------------------------------------


class _Refused(msgspec.Struct):
    position: int
    reason: str
    detail: str


class _LeftOut(msgspec.Struct):
    field: str
    events: int
    detail: str


class _Answer(msgspec.Struct, omit_defaults=True):
    accepted: int
    refused: list[_Refused]
    refused_more: int = 0
    left_out: list[_LeftOut] = []


_encode: Final = msgspec.json.Encoder().encode


@lru_cache(maxsize=1 << 10)
def _all_accepted(accepted: int) -> bytes:
    return _encode(_Answer(accepted, []))


def answers(
    decoded: SentDecoded, rejects: Iterable[Reject], cuts: Iterable[Cut] = ()
) -> list[bytes]:
    """Return what each client is told, as JSON.

    ``rejects`` are all, those of the codec and those of the door, as `homeroom.events.door.Door.admit` returns them,
    and so are ``cuts``. A position is a line of NDJSON, the place in an array, a row of Arrow, from 1.
    """
    places = _Places(decoded.firsts)
    refused: list[list[Reject]] = [[] for _ in decoded.firsts]
    for one in rejects:
        refused[places.find(one.line)[0]].append(one)
    by_codec = [0] * len(refused)
    for one in decoded.rejects:
        by_codec[places.find(one.line)[0]] += 1
    left_out: list[list[_LeftOut]] = [[] for _ in decoded.firsts]
    for cut in cuts:
        for place, count in enumerate(places.count(cut.lines)):
            if count:
                left_out[place].append(_LeftOut(f"attributes.{cut.field}", count, cut.why))
    return [
        _answer(events - len(some) + earlier, some, first, cut)
        for events, some, earlier, first, cut in zip(
            decoded.events_of, refused, by_codec, decoded.firsts, left_out, strict=True
        )
    ]


def _answer(
    accepted: int, rejects: Sequence[Reject], first: int, left_out: list[_LeftOut]
) -> bytes:
    if not rejects and not left_out:
        return _all_accepted(accepted)
    told = sorted(rejects, key=lambda one: one.line)[: limits.REFUSALS_TOLD_MAX]
    refused = [_Refused(one.line - first, one.reason.value, one.detail) for one in told]
    return _encode(_Answer(accepted, refused, len(rejects) - len(told), left_out))
