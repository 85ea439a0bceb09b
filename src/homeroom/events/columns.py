"""The columns of an event, and the form in which they leave the process.

In memory a column of texts holds codes, which mean nothing to anybody else. Wherever events are written down or sent,
in segments of history and in the payload of log entries, texts stand as texts (an Arrow dictionary of those that are
used), tracks and standings as their names. On the way back, each distinct text is looked up once.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from homeroom.events.dictionary import Dictionaries, Dictionary
from homeroom.events.model import STANDINGS, TRACKS, EventBatch

__all__ = [
    "ATTRIBUTE_PREFIX",
    "COPY_COLUMNS",
    "EVENT_COLUMNS",
    "TEXT_COLUMNS",
    "Column",
    "arrow_type",
    "batch_of",
    "column_dtype",
    "columns_of",
    "from_arrow",
    "is_text",
    "joined_columns",
    "known_column",
    "to_arrow",
]

Column: TypeAlias = npt.NDArray[Any]

EVENT_COLUMNS: Mapping[str, tuple[str, object]] = {
    "time_ms": ("int64", None),
    "verb": ("int32", None),
    "activity": ("int32", None),
    "course": ("int32", None),
    "track": ("uint8", None),
    "identity_hi": ("uint64", None),
    "identity_lo": ("uint64", None),
    "id_hash": ("uint64", None),
    "score": ("float64", np.nan),
    "progress": ("float64", np.nan),
    "success": ("int8", -1),
    "completion": ("int8", -1),
    "duration_ms": ("int64", -1),
    "standing": ("uint8", 0),
    "section": ("int32", -1),
    "answer": ("int32", -1),
    "position_s": ("float64", np.nan),
    "position_from_s": ("float64", np.nan),
    "length_s": ("float64", np.nan),
    "origin": ("int32", -1),
    "entry": ("int64", 0),
}
"""Columns of an event besides its learner and attributes: type, and what an event has where the column is missing
(None: the column is always there)."""

COPY_COLUMNS = ("origin", "entry")
"""Columns that say where the copy of an event came from that is kept: no part of what is sent."""
ATTRIBUTE_PREFIX = "attributes."
"""What stands before the name of an attribute, where it is one column among all."""
TEXT_COLUMNS = ("verb", "activity", "course", "section", "answer", "origin")
"""Columns that hold codes of texts, besides the attributes."""
_PLACES = {"track": TRACKS, "standing": STANDINGS}
"""Columns that hold places in a fixed list of names."""
_TIME = pa.timestamp("ms", tz="UTC")


def column_dtype(name: str) -> npt.DTypeLike:
    """Return the type of a column in memory."""
    return np.int32 if is_text(name) else EVENT_COLUMNS[name][0]


def arrow_type(name: str) -> pa.DataType:
    """Return the type of a column in Arrow: a dictionary of strings for all that is text."""
    if name == "time_ms":
        return _TIME
    if name in _PLACES or is_text(name):
        return pa.dictionary(pa.int32(), pa.string())
    return pa.from_numpy_dtype(EVENT_COLUMNS[name][0])


def to_arrow(name: str, column: Column, dictionaries: Dictionaries) -> pa.Array:
    """Return a column, or a piece of one, as Arrow holds it; only the texts that it uses are in its dictionary."""
    if name == "time_ms":
        return pa.array(column, pa.int64()).view(_TIME)
    if name in _PLACES:
        return pa.DictionaryArray.from_arrays(
            pa.array(column.astype(np.int32)), pa.array(_PLACES[name], pa.string())
        )
    if not is_text(name):
        return pa.array(column)
    used, indices = _used(column)
    values = _dictionary(dictionaries, name).stored
    absent = len(used) and used[0] < 0
    texts = pa.array([values[code] for code in used if code >= 0], pa.string())
    places = indices.astype(np.int32) - np.int32(1 if absent else 0)
    return pa.DictionaryArray.from_arrays(pa.array(places, mask=places < 0), texts)


def from_arrow(name: str, dictionaries: Dictionaries) -> Callable[[pa.Array], Column]:
    """Return what makes a column in memory of a piece of `arrow_type`; texts that are new get a code."""
    if name in _PLACES:
        places = {one: code for code, one in enumerate(_PLACES[name])}
        return lambda piece: np.array(
            [places[one] for one in piece.dictionary.to_pylist()], np.uint8
        )[piece.indices.to_numpy()]
    if is_text(name):
        dictionary = _dictionary(dictionaries, name)
        return lambda piece: dictionary.codes(piece, len(piece))
    if name == "time_ms":
        return lambda piece: piece.view(pa.int64()).to_numpy(zero_copy_only=False)
    return lambda piece: piece.to_numpy(zero_copy_only=False)


def known_column(name: str, piece: pa.Array, dictionaries: Dictionaries) -> Column | None:
    """Do as `from_arrow` where every text has a code already; None where one has none, and then none gets any."""
    if not is_text(name):
        return from_arrow(name, dictionaries)(piece)
    attribute = name.removeprefix(ATTRIBUTE_PREFIX)
    if name.startswith(ATTRIBUTE_PREFIX) and attribute not in dictionaries.attributes:
        return None
    return _dictionary(dictionaries, name).known_codes(piece)


def columns_of(batch: EventBatch) -> dict[str, Column]:
    """Return the columns of a batch as `joined_columns` does of several, and copy none."""
    found = {name: getattr(batch, name) for name in ("key_hi", "key_lo", *EVENT_COLUMNS)}
    columns = {name: column for name, column in found.items() if column is not None}
    attributes = sorted(batch.attributes.items())
    return columns | {f"{ATTRIBUTE_PREFIX}{name}": codes for name, codes in attributes}


def joined_columns(batches: Sequence[EventBatch]) -> dict[str, Column]:
    """Join the columns of batches; a column that no batch has stays away, attributes become ``attributes.NAME``."""
    joined: dict[str, Column] = {
        name: np.concatenate([getattr(b, name) for b in batches] or [np.empty(0, np.uint64)])
        for name in ("key_hi", "key_lo")
    }
    for name, (dtype, absent) in EVENT_COLUMNS.items():
        parts = [getattr(b, name) for b in batches]
        if all(part is None for part in parts) and absent is not None:
            continue
        joined[name] = np.concatenate(
            [
                np.full(len(b), absent, dtype) if part is None else part
                for b, part in zip(batches, parts, strict=True)
            ]
            or [np.empty(0, dtype)]
        )
    for name in sorted({name for b in batches for name in b.attributes}):
        joined[f"attributes.{name}"] = np.concatenate(
            [b.attributes.get(name, np.full(len(b), -1, np.int32)) for b in batches]
        )
    return joined


def batch_of(columns: Mapping[str, Column]) -> EventBatch:
    """Return columns, attributes under ``attributes.NAME`` among them, as a batch."""
    plain: dict[str, Any] = {}
    attributes: dict[str, Any] = {}
    for name, column in columns.items():
        if name.startswith(ATTRIBUTE_PREFIX):
            attributes[name.removeprefix(ATTRIBUTE_PREFIX)] = column
        else:
            plain[name] = column
    return EventBatch(**plain, attributes=attributes)


def _used(codes: Column) -> tuple[Column, Column]:
    """Return the codes that are used, rising, and the place of each event's code among them."""
    count = int(codes.max(initial=-1)) + 2
    if count > 4 * len(codes):
        used, places = np.unique(codes, return_inverse=True)
        return used, places
    is_used = np.bincount(codes + 1, minlength=count) > 0
    places = np.cumsum(is_used) - 1
    return np.flatnonzero(is_used) - 1, places[codes + 1]


def is_text(name: str) -> bool:
    """Say whether a column holds codes of texts."""
    return name in TEXT_COLUMNS or name.startswith(ATTRIBUTE_PREFIX)


def _dictionary(dictionaries: Dictionaries, name: str) -> Dictionary:
    if name.startswith(ATTRIBUTE_PREFIX):
        return dictionaries.attribute(name.removeprefix(ATTRIBUTE_PREFIX))
    found: Dictionary = getattr(dictionaries, name)
    return found
