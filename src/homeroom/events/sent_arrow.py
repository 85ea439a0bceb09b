"""Events as clients send them in Arrow: columns with the names of the event model.

An Arrow stream is quick to read because it is believed: lengths, offsets and buffers are taken as they stand. One from
a client is not. So its messages are looked at one by one before anything is read: the schema is compared with what
events may have; a message that says that its buffers are compressed is refused (200 MB of zeros fit in 208 bytes);
rows are counted before there are any. Only then it is read, validated in full, and its texts unpacked within a bound (a
dictionary of one long text and a million references to it is a small message).

Whether buffers are compressed is said in the message's FlatBuffers header (Arrow columnar format 1.4, ``Message.fbs``),
which the library does not show; the two fields that matter are read here.
"""

import struct
from collections.abc import Callable, Mapping
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from homeroom import limits
from homeroom.errors import InputError
from homeroom.events.sent_json import ATTRIBUTES

__all__ = ["count_rows", "read_columns"]

_TEXT: Final = "text"
_NUMBER: Final = "a number"
_FLAG: Final = "true or false"
_WHOLE: Final = "a whole number"
_TIME: Final = "text, a timestamp with a zone, or milliseconds since 1970 as int64"
_COLUMNS: Final[Mapping[str, str]] = {
    **dict.fromkeys(
        ("account", "verb", "issuer", "activity", "course", "id", "track", "standing"), _TEXT
    ),
    **dict.fromkeys(("section", "answer", *ATTRIBUTES), _TEXT),
    "time": _TIME,
    **dict.fromkeys(("score", "progress", "position_s", "position_from_s", "length_s"), _NUMBER),
    **dict.fromkeys(("success", "completion"), _FLAG),
    "duration_ms": _WHOLE,
}
_RECORD_BATCH: Final = 3
_COMPRESSION_FIELD: Final = 3
_DICTIONARY_DATA_FIELD: Final = 1
_MESSAGES_MAX: Final = 1_000
_FAULTS: Final = (pa.ArrowException, ValueError, IndexError, OverflowError, OSError, struct.error)
"""What Arrow, NumPy and the look at headers may raise for bytes that are not what they should be."""


def count_rows(body: bytes) -> int:
    """Return how many rows a stream says that it has, after a look at each of its headers.

    Raises `InputError` if its columns are not those of events, or it says anything that may not be.
    """
    rows = messages = 0
    try:
        reader = pa.ipc.MessageReader.open_stream(pa.py_buffer(body))
        schema = reader.read_next_message()
        if schema.type != "schema":
            raise InputError("the body is no Arrow stream: it does not begin with a schema")
        _check_schema(pa.ipc.read_schema(schema))
        for message in reader:
            messages += 1
            if messages > _MESSAGES_MAX:
                raise InputError(
                    f"the Arrow stream has more than {_MESSAGES_MAX:,} messages; send larger batches"
                )
            rows += _rows(message)
    except StopIteration:
        pass
    except _FAULTS as error:
        raise InputError(f"the body is no whole Arrow stream ({type(error).__name__})") from error
    return rows


def _check_schema(schema: pa.Schema) -> None:
    if len(set(schema.names)) < len(schema.names):
        raise InputError("two columns have one name")
    for field in schema:
        wanted = _COLUMNS.get(field.name)
        if wanted is None:
            raise InputError(
                f"the Arrow stream has a column that events do not have; there are: {', '.join(_COLUMNS)}"
            )
        if not _FITS[wanted](field.type):
            raise InputError(f"column {field.name} has another type, must be {wanted}")


def _is_text(kind: pa.DataType) -> bool:
    if pa.types.is_dictionary(kind):
        return pa.types.is_integer(kind.index_type) and _is_text(kind.value_type)
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


def _is_time(kind: pa.DataType) -> bool:
    is_instant = pa.types.is_timestamp(kind) and kind.tz is not None
    return is_instant or kind == pa.int64() or _is_text(kind)


_FITS: Final[Mapping[str, Callable[[pa.DataType], bool]]] = {
    _TEXT: _is_text,
    _NUMBER: lambda kind: pa.types.is_floating(kind) or pa.types.is_integer(kind),
    _FLAG: pa.types.is_boolean,
    _WHOLE: pa.types.is_integer,
    _TIME: _is_time,
}


# --- headers ---------------------------------------------------------------------------------------------------------


def _rows(message: pa.ipc.Message) -> int:
    """Return how many rows of events a message has."""
    header = bytes(message.metadata)
    root = struct.unpack_from("<I", header, 0)[0]
    kind = header[_field(header, root, 1)]
    place = _field(header, root, 2)
    table = place + struct.unpack_from("<I", header, place)[0]
    if kind != _RECORD_BATCH:
        place = _field(header, table, _DICTIONARY_DATA_FIELD)
        table = place + struct.unpack_from("<I", header, place)[0]
    if _field(header, table, _COMPRESSION_FIELD):
        raise InputError(
            "the Arrow stream has compressed buffers, which are not taken; compress the whole body with "
            "Content-Encoding: zstd instead"
        )
    place = _field(header, table, 0)
    rows: int = struct.unpack_from("<q", header, place)[0] if place else 0
    if not 0 <= rows <= limits.SENT_EVENTS_MAX:
        raise InputError(
            f"an Arrow batch says that it has {rows:,} rows, at most {limits.SENT_EVENTS_MAX:,} are taken at once"
        )
    return rows if kind == _RECORD_BATCH else 0


def _field(header: bytes, table: int, number: int) -> int:
    """Return the place of a field of a FlatBuffers table, 0 if it is absent."""
    vtable = table - struct.unpack_from("<i", header, table)[0]
    if vtable < 0:
        raise ValueError("a table lies outside of the header")
    size = struct.unpack_from("<H", header, vtable)[0]
    at = 4 + 2 * number
    offset: int = struct.unpack_from("<H", header, vtable + at)[0] if at + 2 <= size else 0
    return table + offset if offset else 0


# --- values ----------------------------------------------------------------------------------------------------------


def read_columns(body: bytes) -> dict[str, pa.Array]:
    """Return the columns of a stream by name.

    Texts are large strings, numbers float64, whole numbers and instants int64 (instants in milliseconds), absent ones
    null. Raises `InputError` for what is not whole.
    """
    count_rows(body)
    try:
        with pa.ipc.open_stream(pa.py_buffer(body)) as reader:
            table = reader.read_all().combine_chunks()
        table.validate(full=True)
        return {
            name: _plain(name, table.column(name).combine_chunks()) for name in table.column_names
        }
    except (*_FAULTS, MemoryError) as error:
        raise InputError(f"the Arrow stream is damaged ({type(error).__name__})") from error


def _plain(name: str, column: pa.Array) -> pa.Array:
    kind = _COLUMNS[name]
    if isinstance(column, pa.ChunkedArray):
        column = column.chunk(0) if column.num_chunks else pa.array([], column.type)
    if _is_text(column.type):
        return _unpacked(name, column)
    if pa.types.is_timestamp(column.type):
        return _milliseconds(column)
    if kind == _NUMBER:
        return column.cast(pa.float64(), safe=False)
    return column.cast(pa.int64()) if kind in (_WHOLE, _TIME) else column


def _unpacked(name: str, column: pa.Array) -> pa.Array:
    if pa.types.is_dictionary(column.type):
        sizes = pc.binary_length(column.dictionary).cast(pa.int64()).fill_null(0)
        total = pc.sum(sizes.take(column.indices)).as_py() or 0
        if total > limits.ENTRY_UNPACKED_BYTES_MAX:
            raise InputError(
                f"column {name} has {total:,} bytes of text, at most {limits.ENTRY_UNPACKED_BYTES_MAX:,} are taken"
            )
        column = column.dictionary_decode()
    return column.cast(pa.large_string())


def _milliseconds(column: pa.Array) -> pa.Array:
    """Return instants as milliseconds since 1970, rounded down; what int64 cannot hold is what no event has either."""
    per_ms = {"us": 1_000, "ns": 1_000_000}.get(column.type.unit)
    whole = column.cast(pa.int64())
    if column.type.unit == "s":
        low, high = limits.TIME_MS_MIN // 1_000 - 1, limits.TIME_MS_MAX // 1_000
        whole = pc.min_element_wise(
            pc.max_element_wise(whole, low, skip_nulls=False), high, skip_nulls=False
        )
        return pc.multiply(whole, 1_000)
    if per_ms is None:
        return whole
    values = np.floor_divide(whole.fill_null(0).to_numpy(zero_copy_only=False), per_ms)
    return pc.if_else(whole.is_valid(), pa.array(values), pa.scalar(None, pa.int64()))
