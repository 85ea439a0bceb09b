"""Batches that clients send, as many as are written together, become one chunk of raw events.

A busy node writes the batches of many clients in one entry. Taking each through the codec and the door by itself would
cost its fixed price each time, some fifty small arrays; so what is written together is read together, into one set of
columns. Events are numbered on over the group, and the numbers say afterwards whose event was refused.

What the client left out is filled in here, from what will be the same when the batch is sent again: an event without
an id gets one of its owner, its batch and its place; an event without a time gets that of the batch's id, if it is a
UUID of version 7 (RFC 9562, 5.7), which begins with one. Never the time of arrival: a repeat would be another event.
"""

import re
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

import msgspec
import numpy as np
import pyarrow as pa

from homeroom import limits
from homeroom.errors import InputError
from homeroom.events.instants import format_instant
from homeroom.events.model import Decoded, Int64s, RawEvents, Reason, Reject, Strings
from homeroom.events.sent_arrow import count_rows, read_columns
from homeroom.events.sent_json import (
    ATTRIBUTES,
    SentEvent,
    SentItems,
    count_elements,
    read_arrays,
    read_lines,
)

__all__ = ["Form", "SentBatch", "SentDecoded", "SentPart", "answers", "columns", "count_events"]

_UUID7: Final = re.compile(
    r"([0-9a-f]{8})-([0-9a-f]{4})-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}", re.IGNORECASE
)
_LONG_AGO: Final = "0001-01-01T00:00:00Z"
"""Stands for a number that is no time of any event."""
_INT64: Final = np.iinfo(np.int64)
_TEXTS: Final = ("issuer", "activity", "course", "track", "standing", "section", "answer")
_FLOATS: Final = ("score", "progress", "position_s", "position_from_s", "length_s")
_FLAGS: Final = ("success", "completion")


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

    A reject with line ``firsts[i]`` would be the batch as a whole; it is given the first line of the batch instead.
    """

    firsts: Sequence[int] = ()
    counts: Sequence[int] = ()
    events_of: Sequence[int] = ()
    """How many events the codec read of each batch, those that it refused not counted."""


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
    joined = _joined(pieces)
    return _decoded(joined, parts, firsts, counts)


def _of_items(items: SentItems, before: int) -> _Piece:
    values = items.values
    found: dict[str, Any] = {
        "account": [one.account for one in values],
        "verb": [one.verb for one in values],
        "time": [one.time for one in values],
        "id": [one.id for one in values],
    }
    for name, column in _optional(values):
        if any(one is not None for one in column):
            found[name] = column
    attributes = [one.attributes for one in values]
    if any(attributes):
        for name in ATTRIBUTES:
            column = [getattr(one, name, None) for one in attributes]
            if any(column):
                found[name] = column
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
    names = dict.fromkeys(name for piece in pieces for name in piece.columns)
    found: dict[str, Any] = {}
    for name in names:
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


def _decoded(
    piece: _Piece, parts: Sequence[SentPart], firsts: list[int], counts: list[int]
) -> SentDecoded:
    found, line = piece.columns, piece.line
    numbered = _Numbered(parts, firsts)
    bad: dict[int, tuple[Reason, str]] = {}
    time = _times(found.get("time", [None] * len(line)), line, numbered, bad)
    numbers = _numbers(found, bad)
    raw = RawEvents(
        line=line,
        account=found.get("account", [None] * len(line)),
        verb=found.get("verb", [None] * len(line)),
        time=time,
        event_id=_ids(found.get("id", [None] * len(line)), line, numbered),
        issuer=found.get("issuer", ""),
        activity=found.get("activity", ""),
        **{name: found.get(name) for name in _TEXTS[2:]},
        **numbers,
        attributes={name: found[name] for name in ATTRIBUTES if name in found},
    )
    rejects = piece.rejects
    if bad:
        keep = np.ones(len(line), np.bool_)
        keep[list(bad)] = False
        refused = [Reject("", int(line[row]), *why) for row, why in bad.items()]
        rejects = sorted([*rejects, *refused], key=lambda one: one.line)
        raw = _only(raw, np.flatnonzero(keep))
    events_of = numbered.count(raw.line)
    return SentDecoded(raw, rejects, firsts=firsts, counts=counts, events_of=events_of)


class _Numbered:
    """Which part a line belongs to. Parts of one form lie together, so their first lines are not in order."""

    def __init__(self, parts: Sequence[SentPart], firsts: Sequence[int]) -> None:
        self._order = sorted(range(len(parts)), key=lambda place: firsts[place])
        self._firsts = [firsts[place] for place in self._order]
        self._parts = parts

    def find(self, line: int) -> tuple[int, int]:
        """Return the place of the part, and the line within it."""
        at = bisect_right(self._firsts, line - 1) - 1
        return self._order[at], line - self._firsts[at]

    def part(self, line: int) -> tuple[SentPart, int]:
        place, within = self.find(line)
        return self._parts[place], within

    def count(self, line: Int64s) -> list[int]:
        """Return how many of the lines each part has, in the order of the parts."""
        edges = np.searchsorted(np.sort(line), [*(first + 1 for first in self._firsts), _INT64.max])
        found = [0] * len(self._order)
        for place, count in zip(self._order, np.diff(edges).tolist(), strict=True):
            found[place] = count
        return found


def _ids(values: Any, line: Int64s, numbered: _Numbered) -> Strings:  # noqa: ANN401 - a list or an Arrow array
    if isinstance(values, pa.Array):
        if not values.null_count:
            return values
        values = values.to_pylist()
    if all(values):
        return values
    ids: list[str | None] = list(values)
    for row, given in enumerate(ids):
        if not given:
            part, within = numbered.part(int(line[row]))
            ids[row] = f"{part.owner}/{part.batch.name}/{within}"
    return ids


def _times(
    values: Any,  # noqa: ANN401 - a list or an Arrow array
    line: Int64s,
    numbered: _Numbered,
    bad: dict[int, tuple[Reason, str]],
) -> Strings | Int64s:
    if isinstance(values, pa.Array):
        if not values.null_count:
            return values.to_numpy() if pa.types.is_integer(values.type) else values
        values = values.to_pylist()
    kinds = set(map(type, values))
    if kinds == {str}:
        return values
    if kinds == {int}:
        try:
            return np.array(values, np.int64)
        except OverflowError:
            return np.array([min(max(one, _INT64.min), _INT64.max) for one in values], np.int64)
    texts: list[str | None] = []
    for row, value in enumerate(values):
        if value is None:
            part, _ = numbered.part(int(line[row]))
            value = _ms_of(part.batch.batch_id)  # noqa: PLW2901 - what the event left out
            if value is None:
                why = "time is missing, and the batch has no id of UUID version 7 to take it from"
                bad[row] = (Reason.MISSING_FIELD, why)
        texts.append(_instant(value) if isinstance(value, int) else value)
    return texts


def _ms_of(batch_id: str | None) -> int | None:
    """Return the milliseconds since 1970 in a UUID of version 7."""
    found = None if batch_id is None else _UUID7.fullmatch(batch_id)
    return None if found is None else int(found[1] + found[2], 16)


def _instant(time_ms: int) -> str:
    within = limits.TIME_MS_MIN <= time_ms < limits.TIME_MS_MAX
    return format_instant(time_ms) if within else _LONG_AGO


def _numbers(found: dict[str, Any], bad: dict[int, tuple[Reason, str]]) -> dict[str, Any]:
    """Return the columns of numbers in the types that events have; refuse what lies out of bounds."""
    numbers: dict[str, Any] = {}
    for name in _FLOATS:
        if name in found:
            numbers[name] = np.array(_listed(found[name]), np.float64)
    for name in _FLAGS:
        if name in found:
            values = [-1 if one is None else one for one in _listed(found[name])]
            numbers[name] = np.array(values, np.int8)
    if "duration_ms" in found:
        values = [-1 if one is None else one for one in _listed(found["duration_ms"])]
        numbers["duration_ms"] = np.array([min(one, _INT64.max) for one in values], np.int64)
        for row, one in enumerate(_listed(found["duration_ms"])):
            if one is not None and not 0 <= one <= _INT64.max:
                bad[row] = (Reason.NUMBER_FORMAT, "duration_ms is negative, or too large")
                numbers["duration_ms"][row] = -1
    if "progress" in numbers:
        outside = (numbers["progress"] < 0) | (numbers["progress"] > 1)
        for row in np.flatnonzero(outside).tolist():
            bad[row] = (Reason.SCORE_OUT_OF_RANGE, "progress must be from 0 to 1")
    return numbers


def _listed(column: Any) -> Any:  # noqa: ANN401 - a list or an Arrow array
    return column if isinstance(column, list) else column.to_pylist()


def _only(raw: RawEvents, rows: Int64s) -> RawEvents:
    """Return some of the events."""

    def taken(column: Any) -> Any:  # noqa: ANN401 - of any type that a column has
        if column is None or isinstance(column, str):
            return column
        if isinstance(column, pa.Array):
            return column.take(pa.array(rows))
        return column[rows] if isinstance(column, np.ndarray) else [column[row] for row in rows]

    names = (name for name in RawEvents.__slots__ if name != "attributes")
    fields: dict[str, Any] = {name: taken(getattr(raw, name)) for name in names}
    fields["attributes"] = {name: taken(column) for name, column in raw.attributes.items()}
    return RawEvents(**fields)


# --- answers ---------------------------------------------------------------------------------------------------------


class _Refused(msgspec.Struct):
    position: int
    reason: str
    detail: str


class _Answer(msgspec.Struct, omit_defaults=True):
    accepted: int
    refused: list[_Refused] | None = None
    refused_more: int = 0


_encode: Final = msgspec.json.Encoder().encode


def answers(decoded: SentDecoded, rejects: Iterable[Reject]) -> list[bytes]:
    """Return what each client is told, as JSON.

    ``rejects`` are those of the door, which hold those of the codec too. A position is a line of NDJSON, the place in
    an array, a row of Arrow, from 1.
    """
    refused: dict[int, list[Reject]] = {}
    order = sorted(range(len(decoded.firsts)), key=lambda place: decoded.firsts[place])
    firsts = [decoded.firsts[place] for place in order]
    for one in rejects:
        refused.setdefault(order[bisect_right(firsts, one.line - 1) - 1], []).append(one)
    by_codec = [0] * len(order)
    for one in decoded.rejects:
        by_codec[order[bisect_right(firsts, one.line - 1) - 1]] += 1
    return [
        _answer(
            events - (len(refused.get(place, ())) - by_codec[place]),
            refused.get(place, ()),
            decoded.firsts[place],
        )
        for place, events in enumerate(decoded.events_of)
    ]


def _answer(accepted: int, rejects: Sequence[Reject], first: int) -> bytes:
    told = sorted(rejects, key=lambda one: one.line)[: limits.REFUSALS_TOLD_MAX]
    return _encode(
        _Answer(
            accepted,
            [_Refused(one.line - first, one.reason.value, one.detail) for one in told],
            len(rejects) - len(told),
        )
    )
