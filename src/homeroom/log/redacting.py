"""What an entry carries, without the rows of those who are erased.

An entry that was written stays: its origin, its number and its place in the chain are what others count on. What is
taken out of it are the events of erased raw keys, with every text that no other event in it has, and what they said of
consent. Hashes of voided ids and erasures stay: they are facts about others too, and must not be forgotten.

Whether an entry was redacted makes no difference to what entries add up to, since an erasure cuts the same rows when
they are folded. So it makes none either while one node has redacted an entry and another has not.
"""

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

import msgspec
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from homeroom.errors import EntryError
from homeroom.events.columns import ATTRIBUTE_PREFIX, EVENT_COLUMNS
from homeroom.events.model import UInt64s
from homeroom.log.entries import Entry, Sign, redacted
from homeroom.log.payloads import (
    PartBytes,
    decode_parts,
    encode_parts,
    pack,
    unpack,
    written_events,
)

__all__ = ["Erased", "are_erased", "redacted_entry", "redacted_parts"]

Erased: TypeAlias = Mapping[str, frozenset[tuple[int, int]]]
"""By tenant the raw keys that are erased, upper and lower half."""


def are_erased(
    erased: frozenset[tuple[int, int]], key_hi: UInt64s, key_lo: UInt64s
) -> npt.NDArray[np.bool_]:
    """Return which of some keys are erased: bool of shape (n,)."""
    found = np.isin(key_hi, np.fromiter((hi for hi, _ in erased), np.uint64, len(erased)))
    for place in np.flatnonzero(found).tolist():
        found[place] = (int(key_hi[place]), int(key_lo[place])) in erased
    return found


def redacted_entry(
    entry: Entry,
    redact: Callable[[bytes], bytes | None],
    node: str,
    sign: Sign,
) -> Entry | None:
    """Return an entry without what ``redact`` takes out of its content; None if that is nothing.

    Raises `EntryError` for an entry that is damaged.
    """
    entry.check_payload()
    opened = unpack(entry.payload)
    content = redact(opened.content)
    if content is None:
        return None
    return redacted(entry, pack(content, opened.closes), node, sign)


def redacted_parts(content: bytes, erased: Erased) -> bytes | None:
    """Return the content of an analytic entry without what is of those who are erased; None if it has nothing.

    Raises `EntryError` for content that is not whole.
    """
    parts = decode_parts(content)
    kept = [_redacted(part, erased.get(part.tenant, frozenset())) for part in parts]
    if all(after is before for after, before in zip(kept, parts, strict=True)):
        return None
    return encode_parts(kept)


def _redacted(part: PartBytes, erased: frozenset[tuple[int, int]]) -> PartBytes:
    if not erased:
        return part
    kept = tuple(one for one in part.consents if _halves(one.key) not in erased)
    if len(kept) < len(part.consents):
        part = msgspec.structs.replace(part, consents=kept)
    return _without_events(part, erased) if part.events else part


def _halves(key: bytes) -> tuple[int, int]:
    return int.from_bytes(key[:8], "big"), int.from_bytes(key[8:], "big")


def _without_events(part: PartBytes, erased: frozenset[tuple[int, int]]) -> PartBytes:
    events = written_events(part.events)
    key_hi, key_lo = (events.column(name).to_numpy() for name in ("key_hi", "key_lo"))
    gone = are_erased(erased, key_hi, key_lo)
    if not gone.any():
        return part
    if gone.all():
        return msgspec.structs.replace(part, events=b"")
    try:
        written = _written(events.filter(pa.array(~gone)))
    except pa.ArrowException as error:
        raise EntryError(
            f"the events of an entry cannot be read ({type(error).__name__})"
        ) from error
    return msgspec.structs.replace(part, events=written)


def _written(events: pa.RecordBatch) -> bytes:
    """Write events with the texts that they use, and without attributes that none of them has."""
    columns: dict[str, Any] = {}
    for name in events.schema.names:
        column = events.column(name)
        is_optional = name.startswith(ATTRIBUTE_PREFIX) or _is_optional(name)
        if pa.types.is_dictionary(column.type):
            if is_optional and column.null_count == len(column):
                continue
            column = pc.dictionary_encode(column.dictionary_decode())
        columns[name] = column
    record = pa.RecordBatch.from_arrays(list(columns.values()), names=list(columns))
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, record.schema) as writer:
        writer.write_batch(record)
    return bytes(memoryview(sink.getvalue()))


def _is_optional(name: str) -> bool:
    return name in EVENT_COLUMNS and EVENT_COLUMNS[name][1] is not None
