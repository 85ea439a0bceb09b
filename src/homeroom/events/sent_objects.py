"""Events of a file as the objects that a client sends: the way of `sent_json`, walked backwards.

A node knows an event by its id, and where there is none by its batch and its place in it. For a file that is no good:
cut into other batches, or read under another name, it would be counted anew. So an event without an id gets one made of
all that it says, as rows without id have everywhere else (decision 0001): the same row is the same event, whoever sends
it, however often, in whatever batch.
"""

import hashlib
import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import repeat
from typing import Any, Final

import msgspec
import numpy as np
import pyarrow as pa

from homeroom.events.model import RawEvents
from homeroom.events.sent_json import ATTRIBUTES

__all__ = ["ROW_MARK", "event_objects"]

ROW_MARK: Final = "row-"
"""Ids that were made of what an event says begin with it."""
_TEXTS: Final = (
    "account", "issuer", "verb", "activity", "course", "track", "standing", "section", "answer"
)  # fmt: skip
_ID_BYTES: Final = 16
_encode: Final = msgspec.json.Encoder(order="sorted").encode


def event_objects(raw: RawEvents) -> Iterator[dict[str, Any]]:
    """Yield each event as an object with the fields of ``docs/reference/event-model.md``, with an id.

    Attributes that no event may bring over HTTP are left out.
    """
    columns = dict(_columns(raw))
    attributes = {
        name: _texts(column) for name, column in raw.attributes.items() if name in ATTRIBUTES
    }
    ids = repeat(None) if raw.event_id is None else _texts(raw.event_id)
    rows = zip(*columns.values(), strict=False)
    facts = zip(*attributes.values(), strict=False) if attributes else repeat(())
    for given, values, about in zip(ids, rows, facts, strict=False):
        event = {
            name: value for name, value in zip(columns, values, strict=True) if value is not None
        }
        known = {
            name: value for name, value in zip(attributes, about, strict=True) if value is not None
        }
        if known:
            event["attributes"] = known
        event["id"] = given or _made_id(event)
        yield event


def _made_id(event: dict[str, Any]) -> str:
    return ROW_MARK + hashlib.blake2b(_encode(event), digest_size=_ID_BYTES).hexdigest()


def _columns(raw: RawEvents) -> Iterator[tuple[str, Iterable[Any]]]:
    """Yield the columns that are there, in which None is absent."""
    yield "time", raw.time.tolist() if isinstance(raw.time, np.ndarray) else _texts(raw.time)
    for name in _TEXTS:
        column = getattr(raw, name)
        if isinstance(column, str):
            # One text for all; an empty one is absent.
            yield name, repeat(column or None, len(raw))
        elif column is not None:
            yield name, _texts(column)
    for name, shown in _NUMBERS.items():
        column = getattr(raw, name)
        if column is not None:
            yield name, map(shown, column.tolist())


def _number(value: float) -> float | None:
    return None if math.isnan(value) else value


def _flag(value: int) -> bool | None:
    return None if value < 0 else bool(value)


def _duration(value: int) -> int | None:
    return None if value < 0 else value


_NUMBERS: Final[Mapping[str, Callable[[Any], Any]]] = {
    **dict.fromkeys(("score", "progress", "position_s", "position_from_s", "length_s"), _number),
    **dict.fromkeys(("success", "completion"), _flag),
    "duration_ms": _duration,
}
"""By column how a number is told, None where there is none."""


def _texts(column: Any) -> list[str | None]:  # noqa: ANN401 - a list or an Arrow array
    return column.to_pylist() if isinstance(column, pa.Array) else list(column)
