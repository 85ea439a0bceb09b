"""What an entry carries, as bytes.

A payload is a compressed envelope: the content, and in the first entry of an incarnation a claim of what the node's
store held before. The content of the analytic stream is a part a tenant: its events as one Arrow record batch, with
texts in place of codes (`homeroom.events.columns`), the hashes of voided ids, and who is erased. Arrow is what every
tool reads, and a column of a thousand events costs little more than a column of one.

A payload may come from a peer or from a disk, so nothing in it is believed: sizes are bounded before anything is
unpacked (200 MB of zeros fit in 208 bytes), the schema is compared before the data are looked at, and the data are
validated in full before the first row is used.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

import msgspec
import numpy as np
import pyarrow as pa

from homeroom import limits
from homeroom.errors import EntryError
from homeroom.events.columns import (
    ATTRIBUTE_PREFIX,
    COPY_COLUMNS,
    EVENT_COLUMNS,
    Column,
    arrow_type,
    batch_of,
    columns_of,
    from_arrow,
    is_text,
    known_column,
    to_arrow,
)
from homeroom.events.dictionary import Dictionaries
from homeroom.events.ids import HASHED_ID_BYTES
from homeroom.events.model import EventBatch, Int64s, UInt64s
from homeroom.events.texts import sealed
from homeroom.log.consents import Consent, checked_consents
from homeroom.log.erasures import Erasure, checked_erasures
from homeroom.log.origins import Vector

__all__ = [
    "OpenPart",
    "Opened",
    "Part",
    "PartBytes",
    "decode_parts",
    "encode_parts",
    "joined_parts",
    "open_parts",
    "pack",
    "read_parts",
    "unchecked_parts",
    "unpack",
    "write_parts",
    "written_events",
]

_KEYS: Final = ("key_hi", "key_lo")
_SENT: Final = frozenset(EVENT_COLUMNS) - frozenset(COPY_COLUMNS)
"""The columns of an event that an entry may have: where it came from is known from the entry itself."""
_UINT64 = pa.uint64()
_SIZE_BYTES: Final = 4
_MARKS: Final = b"~"
_MARK: Final = _MARKS[0]
_BASE32: Final = b"abcdefghijklmnopqrstuvwxyz234567"
_IS_BASE32: Final = np.isin(np.arange(256), np.frombuffer(_BASE32, np.uint8))
_SCHEMAS_KNOWN_MAX: Final = 16
_schemas_known: tuple[pa.Schema, ...] = ()
_FAULTS = (pa.ArrowException, ValueError, TypeError, KeyError, OverflowError, MemoryError, OSError)
"""What Arrow and NumPy may raise for bytes that are not what they should be."""


class _Envelope(msgspec.Struct, array_like=True, frozen=True):
    content: bytes
    closes: dict[str, int] | None = None


class PartBytes(msgspec.Struct, array_like=True, frozen=True):
    """A `Part` as it is written: its events as a stream of Arrow."""

    tenant: str
    events: bytes
    voids: bytes = b""
    erasures: tuple[Erasure, ...] = ()
    consents: tuple[Consent, ...] = ()


_pack = msgspec.msgpack.Encoder().encode
_unpack_envelope = msgspec.msgpack.Decoder(_Envelope).decode
_unpack_parts = msgspec.msgpack.Decoder(list[PartBytes]).decode


@dataclass(frozen=True, slots=True)
class Opened:
    """A payload without its compression. ``closes`` is what the node's store held, in an incarnation's first entry."""

    content: bytes
    closes: Vector | None


@dataclass(frozen=True, slots=True)
class Part:
    """What an entry says of one tenant: events, hashes of the ids of voided ones (uint64), who is erased, and consents.

    An erasure counts for the events of its own entry too, wherever these stand, and so does a consent.
    """

    tenant: str
    events: EventBatch | None
    voids: UInt64s
    erasures: tuple[Erasure, ...] = ()
    consents: tuple[Consent, ...] = ()


# --- envelope --------------------------------------------------------------------------------------------------------


def pack(content: bytes, closes: Vector | None = None) -> bytes:
    """Return a payload: the length of the envelope (4 bytes, little-endian) and the envelope under Zstandard."""
    envelope = _pack(_Envelope(content, None if closes is None else closes.to_json()))
    compressed: bytes = pa.compress(envelope, codec="zstd", asbytes=True)
    return len(envelope).to_bytes(_SIZE_BYTES, "little") + compressed


def unpack(payload: bytes) -> Opened:
    """Return what `pack` was given. Raises `EntryError`."""
    size = int.from_bytes(payload[:_SIZE_BYTES], "little")
    if size > limits.ENTRY_UNPACKED_BYTES_MAX:
        raise EntryError(
            f"a payload says that it unpacks to {size:,} bytes, at most {limits.ENTRY_UNPACKED_BYTES_MAX:,} are allowed"
        )
    try:
        envelope = _unpack_envelope(
            pa.decompress(payload[_SIZE_BYTES:], decompressed_size=size, codec="zstd", asbytes=True)
        )
        closes = None if envelope.closes is None else Vector.from_json(envelope.closes)
    except (*_FAULTS, msgspec.MsgspecError) as error:
        raise EntryError(f"a payload cannot be unpacked ({type(error).__name__})") from error
    return Opened(envelope.content, closes)


# --- events ----------------------------------------------------------------------------------------------------------


def write_parts(parts: Sequence[Part], dictionaries: Mapping[str, Dictionaries]) -> bytes:
    """Return the content of an analytic entry; ``dictionaries`` by tenant are those behind the codes of its events."""
    return encode_parts(
        [
            PartBytes(
                part.tenant,
                b"" if part.events is None else _arrow(part.events, dictionaries[part.tenant]),
                part.voids.astype("<u8").tobytes(),
                part.erasures,
                part.consents,
            )
            for part in parts
        ]
    )


def _arrow(batch: EventBatch, dictionaries: Dictionaries) -> bytes:
    columns = columns_of(batch)
    arrays = [
        pa.array(column) if name in _KEYS else to_arrow(name, column, dictionaries)
        for name, column in columns.items()
    ]
    record = pa.RecordBatch.from_arrays(arrays, names=list(columns))
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, record.schema) as writer:
        writer.write_batch(record)
    return bytes(memoryview(sink.getvalue()))


@dataclass(frozen=True, slots=True)
class OpenPart:
    """What an entry says of one tenant, with texts in place of codes; None is no events. Whole, but for `check`."""

    tenant: str
    record: pa.RecordBatch | None
    voids: UInt64s
    erasures: tuple[Erasure, ...] = ()
    consents: tuple[Consent, ...] = ()

    @property
    def count(self) -> int:
        """How many events there are."""
        return 0 if self.record is None else int(self.record.num_rows)

    def is_like(self, other: "OpenPart") -> bool:
        """Say whether the events of two parts, which both have some, have the same columns."""
        assert self.record is not None
        assert other.record is not None
        return bool(self.record.schema == other.record.schema)

    def keys_and_times(self) -> tuple[UInt64s, Int64s]:
        """Return the upper halves of the keys and the times of the events, uint64 and int64 of shape (n,)."""
        if self.record is None:
            return np.empty(0, np.uint64), np.empty(0, np.int64)
        times = self.record.column("time_ms").view(pa.int64())
        return self.record.column("key_hi").to_numpy(), times.to_numpy()

    @property
    def plain_texts(self) -> int:
        """How many texts of the columns are no hashes of ids."""
        if self.record is None:
            return 0
        names = filter(is_text, self.record.schema.names)
        return sum(_plain_texts(self.record.column(name)) for name in names)

    @property
    def attributes(self) -> frozenset[str]:
        """The names of the attributes that some events have."""
        names = () if self.record is None else self.record.schema.names
        return frozenset(
            name.removeprefix(ATTRIBUTE_PREFIX)
            for name in names
            if name.startswith(ATTRIBUTE_PREFIX)
        )

    def check(self) -> None:
        """Look at the values of the events, of one entry or of several together.

        Raises `EntryError` if there is one that the door would have refused.
        """
        if self.record is not None:
            _check_values(self.record)

    def without(self, attributes: Collection[str]) -> "OpenPart":
        """Return the part without some attributes."""
        if self.record is None or not attributes:
            return self
        return replace(
            self,
            record=self.record.drop_columns([f"{ATTRIBUTE_PREFIX}{one}" for one in attributes]),
        )

    def chosen(self, rows: Collection[bool]) -> "OpenPart":
        """Return the part with some of its events, given by a flag each, and with the texts of these alone."""
        if self.record is None:
            return self
        some = self.record.filter(pa.array(rows, pa.bool_()))
        columns = [
            column.dictionary_decode().dictionary_encode()
            if pa.types.is_dictionary(column.type)
            else column
            for column in some.columns
        ]
        return replace(self, record=pa.RecordBatch.from_arrays(columns, schema=self.record.schema))

    def of_persons(self) -> "OpenPart":
        """Return what persons have said in the part: erasures and consents, without events and voids."""
        nothing: UInt64s = sealed(np.empty(0, np.uint64))
        return replace(self, record=None, voids=nothing)

    def known(self, dictionaries: Dictionaries) -> Part | None:
        """Return the part with codes of a tenant's dictionaries; None if it has texts that they do not have."""
        if self.record is None:
            return self._part(None)
        columns = _columns(self.record, lambda name, one: known_column(name, one, dictionaries))
        return None if columns is None else self._part(batch_of(columns))

    def coded(self, dictionaries: Dictionaries) -> Part:
        """Return the part with codes of a tenant's dictionaries; texts that are new get one. Raises `EntryError`."""
        if self.record is None:
            return self._part(None)
        columns = _columns(self.record, lambda name, one: from_arrow(name, dictionaries)(one))
        assert columns is not None, "every text gets a code"
        return self._part(batch_of(columns))

    def _part(self, events: EventBatch | None) -> Part:
        return Part(self.tenant, events, self.voids, self.erasures, self.consents)


def joined_parts(parts: Sequence[OpenPart]) -> OpenPart:
    """Return the events of some parts as those of one; each has some, and all have the same columns.

    A few calls for all of them take the place of some for each: an entry of a hundred events costs as much in calls as
    in events. What else parts have is not in it. Raises `EntryError` for texts that cannot be joined.
    """
    if len(parts) == 1:
        return parts[0]
    table = pa.Table.from_batches([part.record for part in parts])
    try:
        table = table.unify_dictionaries().combine_chunks()
    except _FAULTS as error:
        raise EntryError(
            f"the events of entries cannot be joined ({type(error).__name__})"
        ) from error
    return OpenPart(parts[0].tenant, table.to_batches()[0], parts[0].voids[:0])


def open_parts(content: bytes) -> list[OpenPart]:
    """Return the parts of an analytic entry as they were written. Raises `EntryError` for what is not whole."""
    parts = unchecked_parts(content)
    for part in parts:
        part.check()
    return parts


def unchecked_parts(content: bytes) -> list[OpenPart]:
    """Do as `open_parts`, and leave it to the caller to `check` the values, of many entries together if he likes.

    Columns, lengths and places are as they must be, so whatever is in them can be joined. Raises `EntryError`.
    """
    return [
        OpenPart(
            part.tenant,
            _record(part.events) if part.events else None,
            _voids(part.voids),
            checked_erasures(part.erasures),
            checked_consents(part.consents),
        )
        for part in decode_parts(content)
    ]


def read_parts(content: bytes, dictionaries: Mapping[str, Dictionaries]) -> list[Part]:
    """Return the parts of an analytic entry, with codes of ``dictionaries``, those of each tenant.

    Raises `EntryError` for what is not whole in every row. A tenant that has no dictionaries is a `KeyError`.
    """
    return [part.coded(dictionaries[part.tenant]) for part in open_parts(content)]


def encode_parts(parts: Sequence[PartBytes]) -> bytes:
    """Return the content of an analytic entry."""
    return _pack(parts)


def decode_parts(content: bytes) -> list[PartBytes]:
    """Return what `encode_parts` was given; nothing in it has been looked at. Raises `EntryError`."""
    try:
        return _unpack_parts(content)
    except (msgspec.MsgspecError, ValueError) as error:
        raise EntryError(
            f"the parts of an entry cannot be read ({type(error).__name__})"
        ) from error


def _voids(written: bytes) -> UInt64s:
    if len(written) % 8:
        raise EntryError("the voided ids of an entry are cut off")
    return sealed(np.frombuffer(written, "<u8").astype(np.uint64))


def written_events(written: bytes) -> pa.RecordBatch:
    """Return the events of a part as they are written, with texts; all of them are whole. Raises `EntryError`."""
    record = _record(written)
    _check_values(record)
    return record


def _record(written: bytes) -> pa.RecordBatch:
    """Return the events of a part with columns that there may be, each in itself as Arrow wants it."""
    try:
        with pa.ipc.open_stream(pa.py_buffer(written)) as reader:
            _check_schema(reader.schema)
            record = reader.read_next_batch()
            if record.num_rows > limits.ENTRY_EVENTS_MAX:
                raise EntryError(
                    f"an entry holds {record.num_rows:,} events, at most {limits.ENTRY_EVENTS_MAX:,} are allowed"
                )
            record.validate(full=True)
    except _FAULTS as error:
        raise EntryError(
            f"the events of an entry cannot be read ({type(error).__name__})"
        ) from error
    return record


def _plain_texts(column: pa.Array) -> int:
    """Count the texts of a column that have not the form of a hashed id."""
    texts = column.dictionary
    if not len(texts):
        return 0
    offsets = np.frombuffer(texts.buffers()[1], np.int32, len(texts) + 1, 4 * texts.offset)
    hashed = np.diff(offsets) == HASHED_ID_BYTES
    if hashed.all() and _are_hashed(texts.buffers()[2], int(offsets[0]), len(texts)):
        return 0
    if hashed.any():
        data = np.frombuffer(texts.buffers()[2], np.uint8)
        rows = data[offsets[:-1][hashed][:, None] + np.arange(HASHED_ID_BYTES)]
        hashed[hashed] = (rows[:, 0] == _MARK) & _IS_BASE32[rows[:, 1:]].all(axis=1)
    return int((~hashed).sum())


def _are_hashed(data: pa.Buffer, first: int, count: int) -> bool:
    """Say whether texts that lie one after the other, each as long as a hashed id, all have its form."""
    texts = data[first : first + count * HASHED_ID_BYTES].to_pybytes()
    marks = texts[::HASHED_ID_BYTES]
    return marks == _MARKS * count and len(texts.translate(None, _BASE32)) == count


def _check_schema(schema: pa.Schema) -> None:
    """Refuse columns that there may not be; those of the entries before are mostly those of the next, and are known."""
    global _schemas_known  # noqa: PLW0603
    if schema in _schemas_known:
        return
    _check_columns(schema)
    # Another tuple, because another thread may be looking at this one.
    _schemas_known = (schema, *_schemas_known[: _SCHEMAS_KNOWN_MAX - 1])


def _check_columns(schema: pa.Schema) -> None:
    attributes = [name for name in schema.names if name.startswith(ATTRIBUTE_PREFIX)]
    if len(attributes) > limits.ATTRIBUTES_MAX or len(set(schema.names)) < len(schema.names):
        raise EntryError("the events of an entry have columns that there may not be")
    for field in schema:
        known = field.name in _KEYS or field.name in _SENT or field.name in attributes
        wanted = _UINT64 if field.name in _KEYS else arrow_type(field.name) if known else None
        if field.type != wanted:
            raise EntryError(f"the events of an entry have a column {field.name!r} of {field.type}")
    needed = {*_KEYS, *(name for name, (_, absent) in EVENT_COLUMNS.items() if absent is None)}
    if not needed <= set(schema.names):
        raise EntryError("the events of an entry lack a column that each event has")


def _check_values(record: pa.RecordBatch) -> None:
    """Refuse what the door would have refused. Raises `EntryError`."""
    try:
        _look_at_values(record)
    except _FAULTS as error:
        raise EntryError(
            f"the events of an entry cannot be read ({type(error).__name__})"
        ) from error


def _look_at_values(record: pa.RecordBatch) -> None:
    """Refuse a missing verb, a time out of range, a text that may not enter."""
    for name in record.schema.names:
        column = record.column(name)
        if not pa.types.is_dictionary(column.type):
            if column.null_count:
                raise EntryError(f"column {name} of an entry has missing values")
        else:
            _check_texts(name, column.dictionary)
    time_ms = record.column("time_ms").view(pa.int64()).to_numpy()
    if (
        len(time_ms)
        and not limits.TIME_MS_MIN <= time_ms.min() <= time_ms.max() < limits.TIME_MS_MAX
    ):
        raise EntryError("an entry has a time out of range")
    if record.column("verb").null_count:
        raise EntryError("an entry has an event without a verb")


def _check_texts(name: str, texts: pa.StringArray) -> None:
    """Refuse texts that are empty or too long; by their offsets, since questions wait while an entry is read."""
    if not len(texts):
        return
    offsets = np.frombuffer(texts.buffers()[1], np.int32, len(texts) + 1, 4 * texts.offset)
    sizes = np.diff(offsets)
    if texts.null_count or not sizes.all():
        raise EntryError("an entry has an empty text")
    if sizes.max() > limits.TEXT_BYTES_MAX:
        raise EntryError(f"column {name} of an entry has a text that is too long")


def _columns(
    record: pa.RecordBatch, make: Callable[[str, pa.Array], Column | None]
) -> dict[str, Column] | None:
    """Return the columns of a record: keys as they are, of the others what ``make`` makes; None as soon as it does."""
    columns: dict[str, Column] = {}
    try:
        for name in record.schema.names:
            column = record.column(name)
            made = column.to_numpy() if name in _KEYS else make(name, column)
            if made is None:
                return None
            columns[name] = sealed(made)
    except _FAULTS as error:
        raise EntryError(
            f"the events of an entry cannot be read ({type(error).__name__})"
        ) from error
    return columns
