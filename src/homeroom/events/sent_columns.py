"""What a client wrote in a column, and what an event needs there: times, ids and numbers.

What the client left out is filled in from what will be the same when the batch is sent again: an event without an id
gets one of its owner, its batch and its place; an event without a time gets that of the batch's id, if it is a UUID of
version 7 (RFC 9562, 5.7), which begins with one. Never the time of arrival: a repeat would be another event.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any, Final, TypeAlias

import numpy as np
import pyarrow as pa

from homeroom import limits
from homeroom.events.instants import format_instant
from homeroom.events.model import Int64s, RawEvents, Reason, Strings

__all__ = ["Faults", "ids_of", "numbers_of", "only", "times_of", "uuid7_ms"]

Faults: TypeAlias = dict[int, tuple[Reason, str]]
"""By row why an event is refused."""

_UUID7: Final = re.compile(
    r"([0-9a-f]{8})-([0-9a-f]{4})-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}", re.IGNORECASE
)
_LONG_AGO: Final = "0001-01-01T00:00:00Z"
"""Stands for a number that is no time of any event."""
_INT64: Final = np.iinfo(np.int64)
_FLOATS: Final = ("score", "progress", "position_s", "position_from_s", "length_s")
_FLAGS: Final = ("success", "completion")


def uuid7_ms(text: str | None) -> int | None:
    """Return the milliseconds since 1970 in a UUID of version 7, None for any other text."""
    found = None if text is None else _UUID7.fullmatch(text)
    return None if found is None else int(found[1] + found[2], 16)


def ids_of(column: "Strings", make: Callable[[int], str]) -> Strings:
    """Return ids, made by row where there is none."""
    if isinstance(column, pa.Array):
        if not column.null_count:
            return column
        column = column.to_pylist()
    if all(column):
        return column
    return [given or make(row) for row, given in enumerate(column)]


def times_of(
    column: Any,  # noqa: ANN401 - a list of text and numbers, or an Arrow array
    time_ms: Callable[[int], int | None],
    faults: Faults,
) -> Strings | Int64s:
    """Return times in one type; where there is none it is ``time_ms`` of the row, and a fault if that is None."""
    if isinstance(column, pa.Array):
        if not column.null_count:
            return column.to_numpy() if pa.types.is_integer(column.type) else column
        column = column.to_pylist()
    kinds = set(map(type, column))
    if kinds == {str}:
        return list(column)
    if kinds == {int}:
        return _int64(column)
    texts: list[str | None] = []
    for row, given in enumerate(column):
        value = time_ms(row) if given is None else given
        if value is None:
            why = "time is missing, and the batch has no id of UUID version 7 to take it from"
            faults[row] = (Reason.MISSING_FIELD, why)
        texts.append(_instant(value) if isinstance(value, int) else value)
    return texts


def _int64(values: list[int]) -> Int64s:
    try:
        return np.array(values, np.int64)
    except OverflowError:
        return np.array([min(max(one, _INT64.min), _INT64.max) for one in values], np.int64)


def _instant(time_ms: int) -> str:
    within = limits.TIME_MS_MIN <= time_ms < limits.TIME_MS_MAX
    return format_instant(time_ms) if within else _LONG_AGO


def numbers_of(found: Mapping[str, Any], faults: Faults) -> dict[str, Any]:
    """Return the columns of numbers that are there in the types that events have; what is out of bounds is a fault."""
    numbers: dict[str, Any] = {
        name: np.array(_listed(found[name]), np.float64) for name in _FLOATS if name in found
    }
    for name in _FLAGS:
        if name in found:
            given = [-1 if one is None else one for one in _listed(found[name])]
            numbers[name] = np.array(given, np.int8)
    if "duration_ms" in found:
        numbers["duration_ms"] = _durations(_listed(found["duration_ms"]), faults)
    if "progress" in numbers:
        outside = (numbers["progress"] < 0) | (numbers["progress"] > 1)
        for row in np.flatnonzero(outside).tolist():
            faults[row] = (Reason.SCORE_OUT_OF_RANGE, "progress must be from 0 to 1")
    return numbers


def _durations(given: list[int | None], faults: Faults) -> Int64s:
    durations = np.full(len(given), -1, np.int64)
    for row, one in enumerate(given):
        if one is None:
            continue
        if 0 <= one <= _INT64.max:
            durations[row] = one
        else:
            faults[row] = (Reason.NUMBER_FORMAT, "duration_ms is negative, or too large")
    return durations


def _listed(column: Any) -> list[Any]:  # noqa: ANN401 - a list or an Arrow array
    return column if isinstance(column, list) else list(column.to_pylist())


def only(raw: RawEvents, rows: Int64s) -> RawEvents:
    """Return some of the events."""

    def taken(column: Any) -> Any:  # noqa: ANN401 - of any type that a column has
        if column is None or isinstance(column, str):
            return column
        if isinstance(column, pa.Array):
            return column.take(pa.array(rows))
        return column[rows] if isinstance(column, np.ndarray) else [column[row] for row in rows]

    names = [name for name in RawEvents.__slots__ if name != "attributes"]
    columns = {name: taken(getattr(raw, name)) for name in names}
    attributes = {name: taken(column) for name, column in raw.attributes.items()}
    return RawEvents(**columns, attributes=attributes)
