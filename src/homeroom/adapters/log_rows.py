"""Entries and records as rows of a database, the same for both; what comes back is looked at before it is believed.

A database on a failing disk hands out what it finds. Entries are guarded by their chain (`Entry.check`), which needs
values of the right kinds to begin with; records of batches have no chain, so each row carries a checksum.
"""

import zlib
from collections.abc import Sequence
from typing import Any, Final

import msgspec

from homeroom.errors import InputError, StoreError
from homeroom.log.entries import Entry, Head, Redaction
from homeroom.log.log import BatchRecord
from homeroom.log.origins import Origin, Stream, Token

__all__ = [
    "BATCH_COLUMNS",
    "ENTRY_COLUMNS",
    "HEAD_COLUMNS",
    "ORIGIN",
    "REMEDY",
    "check_run",
    "check_sequel",
    "damaged",
    "entry_of",
    "entry_row",
    "head_of",
    "head_row",
    "insert",
    "record_of",
    "record_rows",
    "redaction_row",
    "select",
]

ENTRY_COLUMNS: Final = (
    "node, incarnation, stream, number, hybrid, epoch, previous, payload, payload_digest, signature, "
    "redacted"
)
HEAD_COLUMNS: Final = "node, incarnation, stream, number, digest, hybrid"
BATCH_COLUMNS: Final = "owner, batch_id, digest, answer, token, checksum"
REMEDY: Final = (
    "Restore it from a backup, or move it away and let the node fetch from others what they have"
)
"""What to do about a store that is damaged."""
ORIGIN: Final = "node, incarnation, stream"
"""Columns that say whose an entry is."""
_ENTRY_KINDS: Final = (str, str, str, int, int, int, bytes, bytes, bytes, bytes, int)
_HEAD_KINDS: Final = (str, str, str, int, bytes, int)


class _Left(msgspec.Struct, array_like=True, frozen=True):
    """What stands in the place of a payload that was redacted."""

    payload: bytes
    node: str
    payload_digest: bytes
    signature: bytes


_read_left: Final = msgspec.msgpack.Decoder(_Left).decode


def insert(table: str, columns: str, mark: str) -> str:
    """Return the statement that inserts a row; ``mark`` is how the driver writes a parameter."""
    return (
        f"INSERT INTO {table} ({columns}) VALUES ({', '.join([mark] * (columns.count(',') + 1))})"  # noqa: S608 - names of ours
    )


def select(columns: str, table: str, rest: str = "", mark: str = "?") -> str:
    """Return a statement that reads rows. In ``rest`` ``ORIGIN`` stands for the comparison with a place of an entry."""
    where = " AND ".join(f"{name} = {mark}" for name in ORIGIN.split(", "))
    return f"SELECT {columns} FROM {table} {rest.replace('ORIGIN', where)}".strip()  # noqa: S608 - names of ours


def entry_row(entry: Entry) -> tuple[Any, ...]:
    """Return an entry in the order of ``ENTRY_COLUMNS``."""
    return (
        *_origin_row(entry.origin),
        entry.number,
        entry.hybrid,
        entry.epoch,
        entry.previous,
        entry.payload if entry.redaction is None else _redacted_payload(entry),
        entry.payload_digest,
        entry.signature,
        0 if entry.redaction is None else 1,
    )


def head_row(origin: Origin, head: Head) -> tuple[Any, ...]:
    """Return a head in the order of ``HEAD_COLUMNS``."""
    return (*_origin_row(origin), head.number, head.digest, head.hybrid)


def _origin_row(origin: Origin) -> tuple[str, str, str]:
    return origin.node, origin.incarnation, str(origin.stream)


def entry_of(row: Sequence[Any], place: str) -> Entry:
    """Read an entry. Raises `StoreError` if a value is of the wrong kind; the rest is for `Entry.check` to see."""
    # What backups wrote before there were redactions does not say that there is none.
    row = row if len(row) == len(_ENTRY_KINDS) else (*row, 0)
    (
        node,
        incarnation,
        stream,
        number,
        hybrid,
        epoch,
        previous,
        payload,
        digest,
        signature,
        is_redacted,
    ) = row
    if tuple(map(type, row)) != _ENTRY_KINDS:
        raise StoreError(damaged(place, f"an entry {number!r} of {node!r}"))
    redaction = None
    if is_redacted:
        payload, redaction = _redaction(
            payload, damaged(place, f"a redacted entry {number} of {node!r}")
        )
    return Entry(
        origin=Origin(node, incarnation, _stream(stream, place)),
        number=number,
        hybrid=hybrid,
        epoch=epoch,
        previous=previous,
        payload=payload,
        payload_digest=digest,
        signature=signature,
        redaction=redaction,
    )


def redaction_row(entry: Entry) -> tuple[Any, ...]:
    """Return what redacts the row of an entry: the payload, and which row it is, by place and digest of its payload."""
    return (
        _redacted_payload(entry),
        *_origin_row(entry.origin),
        entry.number,
        entry.payload_digest,
    )


def _redacted_payload(entry: Entry) -> bytes:
    """Return what stands in the place of the payload: the one that is left, and who has put it there."""
    redaction = entry.redaction
    assert redaction is not None, "it was redacted"
    left = _Left(entry.payload, redaction.node, redaction.payload_digest, redaction.signature)
    return msgspec.msgpack.encode(left)


def _redaction(written: bytes, fault: str) -> tuple[bytes, Redaction]:
    try:
        left = _read_left(written)
    except (msgspec.MsgspecError, ValueError):
        raise StoreError(fault) from None
    return left.payload, Redaction(
        node=left.node, payload_digest=left.payload_digest, signature=left.signature
    )


def head_of(row: Sequence[Any], place: str) -> tuple[Origin, Head]:
    """Read a head and whose it is. Raises `StoreError`."""
    if tuple(map(type, row)) != _HEAD_KINDS:
        raise StoreError(damaged(place, "the last number of an origin"))
    node, incarnation, stream, number, digest, hybrid = row
    return Origin(node, incarnation, _stream(stream, place)), Head(number, digest, hybrid)


def _stream(text: str, place: str) -> Stream:
    try:
        return Stream(text)
    except ValueError:
        raise StoreError(damaged(place, f"a stream {text[:20]!r}")) from None


def damaged(place: str, what: str) -> str:
    """Say that a store holds something that was never written to it."""
    return f"{place} is damaged: it holds {what} that was never written. {REMEDY}"


# --- records of batches ----------------------------------------------------------------------------------------------


def record_rows(records: Sequence[BatchRecord]) -> list[tuple[Any, ...]]:
    """Return records in the order of ``BATCH_COLUMNS``."""
    texts: dict[Token | None, str | None] = {None: None}
    rows = []
    for record in records:
        token = record.token
        if token not in texts:
            texts[token] = str(token)
        text = texts[token]
        values = (record.owner, record.batch_id, record.digest, record.answer, text)
        rows.append((*values, _checksum(*values)))
    return rows


def _checksum(owner: str, batch_id: str, digest: bytes, answer: bytes, token: str | None) -> int:
    names = f"{owner}\0{batch_id}\0{token}\0".encode("utf-8", "surrogatepass")
    return zlib.crc32(answer, zlib.crc32(digest, zlib.crc32(names)))


def record_of(row: Sequence[Any], place: str) -> BatchRecord:
    """Read a record. Raises `StoreError` if it is not what was written."""
    *values, checksum = row
    owner, batch_id, digest, answer, token = values
    kinds = (str, str, bytes, bytes, type(None) if token is None else str)
    if tuple(map(type, values)) != kinds or _checksum(*values) != checksum:
        raise StoreError(damaged(place, "a record of a batch"))
    try:
        found = None if token is None else Token.parse(token)
    except InputError:
        raise StoreError(damaged(place, "the token of a batch")) from None
    return BatchRecord(owner=owner, batch_id=batch_id, digest=digest, answer=answer, token=found)


# --- order -----------------------------------------------------------------------------------------------------------


def check_sequel(entry: Entry, head: Head, place: str) -> None:
    """Raise `StoreError` if an entry does not follow what the store holds: somebody else has written there."""
    if (entry.number, entry.previous) != (head.number + 1, head.digest):
        raise StoreError(
            f"entry {entry.number} of {entry.origin} does not follow what {place} holds, number {head.number}: another "
            f"process has written to it, or it was restored to an earlier time. Nothing was written; start again"
        )


def check_run(entries: Sequence[Entry], wanted: range, place: str) -> None:
    """Raise `StoreError` if these are not the entries of the wanted numbers."""
    if [entry.number for entry in entries] != [*wanted]:
        raise StoreError(
            f"{place} is damaged: of entries {wanted[0]} to {wanted[-1]} it has {len(entries)}, out of {len(wanted)}. "
            f"{REMEDY}"
        )
