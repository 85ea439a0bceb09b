"""Accounts and times of Parquet files, row group by row group, for a scan.

Two ways lead out of a row group. The quick one reads the pages of the two columns itself (`homeroom.events.pages`);
the other gives the group to Arrow and to the codec that `homeroom read` uses, a batch at a time, and is taken
whenever the quick one meets something that it does not know. What the quick way finds odd, single rows, it lets that
codec judge too. So what a scan counts does not depend on how a file was written.
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, TypeAlias

import msgspec
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from homeroom.adapters.compression import StreamFault
from homeroom.adapters.sources import Source
from homeroom.errors import SourceError
from homeroom.events.mapping import EventSpec, TableMapping, spec_of_names
from homeroom.events.model import Decoded, Int64s, Reason, Reject
from homeroom.events.pages import Buffers, Column, Enough, PageError, read_texts, read_words
from homeroom.events.siplanes import Spans
from homeroom.events.table import TableCodec
from homeroom.limits import (
    BATCH_ROWS,
    SCAN_GROUP_ROWS_MAX,
    SCAN_WINDOW_ROWS,
    TIME_MS_MAX,
    TIME_MS_MIN,
)

__all__ = ["FAULTS", "Group", "Piece", "ScanFile", "Scratch", "columns_needed", "open_scan_file"]

CODECS: Final = {"SNAPPY": "snappy", "ZSTD": "zstd", "GZIP": "gzip", "BROTLI": "brotli"}
"""What pages may be compressed with. ``LZ4`` stands for two forms in old files, and is left to Arrow."""
PLAIN_CODEC: Final = "UNCOMPRESSED"
Mask: TypeAlias = npt.NDArray[np.bool_]
UNITS_PER_MS: Final = {"milliseconds": 1, "microseconds": 1_000, "nanoseconds": 1_000_000}
FAULTS: Final = (
    pa.ArrowException, OSError, ValueError, KeyError, IndexError, MemoryError, OverflowError
)  # fmt: skip
"""What Arrow raises for a damaged file."""


@dataclass(frozen=True, slots=True)
class Piece:
    """Accounts and times of rows that follow each other.

    Parameters
    ----------
    spans : the accounts; good until the next piece is asked for
    time_ms : int64, milliseconds where not ``odd``
    odd : rows whose time is absent or out of bounds; None if there are none
    absent : those of them whose time is absent; None if there are none
    bounded : whether some times are only the bounds of their page, all on one day
    first_row : number of the first row within the group, from 0
    buffers : keep the accounts alive
    """

    spans: Spans
    time_ms: Int64s
    odd: Mask | None
    absent: Mask | None
    bounded: bool
    first_row: int
    buffers: Buffers


@dataclass(frozen=True, slots=True)
class _Times:
    """The times of a row group; see `Piece`."""

    time_ms: Int64s
    bounded: bool
    odd: Mask | None = None
    absent: Mask | None = None

    def piece(self, spans: Spans, first_row: int, held: Buffers) -> Piece:
        rows = slice(first_row, first_row + len(spans.starts))
        odd, absent = (None if one is None else one[rows] for one in (self.odd, self.absent))
        return Piece(spans, self.time_ms[rows], odd, absent, self.bounded, first_row, held)


@dataclass(slots=True)
class Scratch:
    """Memory that one thread uses for one row group after the other."""

    time_ms: Int64s = field(default_factory=lambda: np.empty(0, np.int64))
    data: bytearray = field(default_factory=bytearray)
    starts: Int64s = field(default_factory=lambda: np.empty(SCAN_WINDOW_ROWS, np.int64))
    ends: Int64s = field(default_factory=lambda: np.empty(SCAN_WINDOW_ROWS, np.int64))

    def times(self, rows: int) -> Int64s:
        """Return room for so many times."""
        if len(self.time_ms) < rows:
            self.time_ms = np.empty(rows, np.int64)
        return self.time_ms[:rows]

    def bytes(self, size: int) -> memoryview:
        """Return room for so many bytes; what it held before is gone."""
        if len(self.data) < size:
            self.data = bytearray(size)
        return memoryview(self.data)[:size]

    def spans(self, rows: int) -> Spans:
        """Return the first addresses."""
        return Spans(self.starts[:rows], self.ends[:rows])


def columns_needed(spec: EventSpec) -> EventSpec:
    """Return what remains of a table's spec if only accounts, their issuers and times are asked for."""
    kept = {"account", "time", "issuer", "when", "empty", "lookups", "files", "columns"}
    default = {name: value for name, value in _DEFAULTS.items() if name not in kept}
    return msgspec.structs.replace(spec, **default)


_DEFAULTS: Final[dict[str, Any]] = {
    one.name: one.default for one in msgspec.structs.fields(EventSpec) if not one.required
} | {"attributes": {}}


def open_scan_file(source: Source, mapping: TableMapping | None) -> "ScanFile | Reject":
    """Open a source for a scan, or say why it cannot be: in a directory that is a reject.

    Raises
    ------
    SourceError
        A source that was named itself is no Parquet file with accounts and times.
    """
    detail = "a scan reads Parquet files; read tables and standard input instead"
    if source.path is not None:
        try:
            with pq.ParquetFile(source.path) as file:
                spec = _only_spec(source.path.name, file.schema_arrow.names, mapping)
                if spec is not None:
                    return ScanFile(source.path, source.name, columns_needed(spec), file)
            detail = "it must hold one table of events, with an account and a time in each row"
        except FAULTS as error:
            why = getattr(error, "strerror", None) or "not of that form, or damaged"
            detail = f"no Parquet file that can be read: {why}"
    if source.named:
        raise SourceError(f"{source.name} cannot be scanned: {detail}")
    return Reject(source.name, 0, Reason.NOT_EVENTS, detail)


def _only_spec(name: str, names: list[str], mapping: TableMapping | None) -> EventSpec | None:
    """Return how the file is read, None if that is not by one table without look-ups."""
    if mapping is None:
        return spec_of_names(names)
    specs = mapping.specs_for(name, names)
    return specs[0] if len(specs) == 1 and not specs[0].lookups else None


class ScanFile:
    """One Parquet file of events.

    Parameters
    ----------
    path : the file
    name : as shown to people
    codec : reads its rows, of an `EventSpec` from `columns_needed`
    metadata, schema : of the file
    """

    def __init__(self, path: Path, name: str, spec: EventSpec, parquet: pq.ParquetFile) -> None:
        self.path = path
        self.name = name
        self.issuer = spec.issuer.value if spec.issuer is not None else ""
        self.codec = TableCodec(spec)
        self.metadata: Any = parquet.metadata
        self.size_bytes = path.stat().st_size
        self._spec = spec
        self._schema = parquet.schema_arrow
        self._places = self._quick_places()

    def groups(self) -> list["Group"]:
        """Return the row groups that hold rows."""
        found, row = [], 0
        for number in range(self.metadata.num_row_groups):
            rows = self.metadata.row_group(number).num_rows
            if rows:
                found.append(Group(self, number, row, rows))
            row += rows
        return found

    @property
    def is_zone_assumed(self) -> bool:
        """Whether the times name no zone and are taken for UTC."""
        kind = self._schema.field(self._spec.time.column).type
        return pa.types.is_timestamp(kind) and kind.tz is None and self._spec.time.timezone is None

    @property
    def column_names(self) -> list[str]:
        """The columns of the file that are read."""
        there = set(self._schema.names)
        return [name for name in self.codec.columns if name in there]

    def quick_columns(self) -> tuple[int, int, int]:
        """Return the places of the account's and the time's column, and the time's units a millisecond.

        Raises
        ------
        PageError
            One of them is of a type that pages are not read for.
        """
        if self._places is None:
            raise PageError("the columns are no plain text and plain instants")
        return self._places

    def judge(self, batch: pa.RecordBatch, first_row: int) -> Decoded:
        """Decode rows as `homeroom read` does; ``first_row`` counts from 1."""
        return self.codec.decode_batch(batch, first_row)

    def as_batch(self, accounts: pa.Array, time_ms: pa.Array) -> pa.RecordBatch:
        """Return rows as Arrow's reader would, from the bytes of their accounts and their milliseconds."""
        names = [str(self._spec.account.column), self._spec.time.column]
        kind = self._schema.field(names[1]).type
        if pa.types.is_timestamp(kind):
            time_ms = time_ms.cast(pa.timestamp("ms", kind.tz))
        return pa.record_batch([accounts.view(pa.large_string()), time_ms], names)

    @property
    def is_auto(self) -> bool:
        """Whether the size of the time's integers says what they count."""
        kind = self._schema.field(self._spec.time.column).type
        return pa.types.is_integer(kind) and self._spec.time.format == "auto"

    def _quick_places(self) -> tuple[int, int, int] | None:
        spec, schema = self._spec, self.metadata.schema
        simple = (
            spec.when is None and not spec.empty and not spec.account.values
            and (spec.issuer is None or spec.issuer.value is not None)
        )  # fmt: skip
        places = {}
        for place in range(len(schema)):
            column = schema.column(place)
            if column.max_repetition_level == 0 and column.max_definition_level <= 1:
                places[column.path] = place
        if not simple or spec.account.column not in places or spec.time.column not in places:
            return None
        account, time = places[spec.account.column], places[spec.time.column]
        per_ms = self._units_per_ms(schema.column(time))
        if not _is_text(self._schema.field(spec.account.column).type) or per_ms is None:
            return None
        return account, time, per_ms

    def _units_per_ms(self, column: Any) -> int | None:  # noqa: ANN401 - pyarrow has no types
        kind = self._schema.field(self._spec.time.column).type
        if pa.types.is_timestamp(kind):
            if kind.tz is None and self._spec.time.timezone is not None:
                return None
            about = msgspec.json.decode(column.logical_type.to_json())
            return UNITS_PER_MS.get(about.get("timeUnit", ""))
        return 1 if kind == pa.int64() and self._spec.time.format in ("auto", "ms") else None


def _is_text(kind: pa.DataType) -> bool:
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


@dataclass(frozen=True, slots=True)
class Group:
    """A row group of a file; ``first_row`` counts from 0 within the file."""

    file: ScanFile
    number: int
    first_row: int
    rows: int

    @property
    def size_bytes(self) -> int:
        """Its share of the file."""
        return int(self.file.size_bytes * self.rows / max(1, self.file.metadata.num_rows))

    def pieces(self, scratch: Scratch, is_one_day: Enough) -> Iterator[Piece]:
        """Yield the rows by the quick way.

        Parameters
        ----------
        scratch : memory of the thread
        is_one_day : says whether two instants, in milliseconds, and all between them are of one day

        Raises
        ------
        PageError
            The pages are not of the form that is read so, or damaged. Rows that were yielded before are right.
        """
        account, time, per_ms = self.file.quick_columns()
        if self.rows > SCAN_GROUP_ROWS_MAX:
            raise PageError(f"a row group of {self.rows} rows")
        with self.file.path.open("rb", buffering=0) as opened:
            column = self._column(opened.fileno(), time, "INT64", scratch)
            times = self._times(column, per_ms, scratch.times(self.rows), is_one_day)
            texts = self._column(opened.fileno(), account, "BYTE_ARRAY", scratch)
        first = filled = 0
        held: Buffers = []
        for page in read_texts(texts):
            at, count = 0, len(page.spans.starts)
            while at < count:
                taken = min(count - at, SCAN_WINDOW_ROWS - filled)
                scratch.starts[filled : filled + taken] = page.spans.starts[at : at + taken]
                scratch.ends[filled : filled + taken] = page.spans.ends[at : at + taken]
                held += page.buffers
                at += taken
                filled += taken
                if filled == SCAN_WINDOW_ROWS:
                    yield times.piece(scratch.spans(filled), first, held)
                    first, filled, held = first + filled, 0, []
        if filled:
            yield times.piece(scratch.spans(filled), first, held)

    def batches(self) -> Iterator[pa.RecordBatch]:
        """Yield the rows by Arrow. Raises `StreamFault` if the file is damaged."""
        try:
            with pq.ParquetFile(self.file.path) as parquet:
                yield from parquet.iter_batches(
                    BATCH_ROWS, row_groups=[self.number], columns=self.file.column_names,
                    use_threads=False,
                )  # fmt: skip
        except FAULTS as error:
            raise StreamFault(
                Reason.UNREADABLE, f"the file is damaged ({type(error).__name__})"
            ) from error

    def _column(self, descriptor: int, place: int, kind: str, scratch: Scratch) -> Column:
        """Read a column as it lies, into the memory of the thread: the one that was read before it is gone."""
        chunk = self.file.metadata.row_group(self.number).column(place)
        start, size = chunk.data_page_offset, chunk.total_compressed_size
        if chunk.has_dictionary_page and chunk.dictionary_page_offset:
            start = min(start, chunk.dictionary_page_offset)
        if chunk.physical_type != kind or chunk.num_values != self.rows or chunk.file_path:
            raise PageError(f"a column of {chunk.physical_type}")
        if not 0 < start <= start + size <= self.file.size_bytes:
            raise PageError("a column lies beyond the end of the file")
        if chunk.compression not in CODECS and chunk.compression != PLAIN_CODEC:
            raise PageError(f"compression {chunk.compression}")
        data = scratch.bytes(size)
        if os.preadv(descriptor, [data], start) != size:
            raise PageError("the file is shorter than it says")
        codec = CODECS.get(chunk.compression)
        optional = self.file.metadata.schema.column(place).max_definition_level == 1
        return Column(
            data, self.rows, optional, None if codec is None else pa.Codec(codec).decompress
        )

    def _times(self, column: Column, per_ms: int, time_ms: Int64s, is_one_day: Enough) -> _Times:
        def are_enough(low: int, high: int) -> bool:
            first, last = low // per_ms, high // per_ms
            return TIME_MS_MIN <= first <= last < TIME_MS_MAX and is_one_day(first, last)

        words = read_words(column, time_ms, are_enough)
        if per_ms > 1:
            np.floor_divide(time_ms, per_ms, out=time_ms)
        present = words.present
        if present is None and time_ms.min() >= TIME_MS_MIN and time_ms.max() < TIME_MS_MAX:
            return _Times(time_ms, words.bounded)
        if self.file.is_auto:
            raise PageError("integers that are not all milliseconds")
        odd = (time_ms < TIME_MS_MIN) | (time_ms >= TIME_MS_MAX)
        return _Times(time_ms, words.bounded, odd, None if present is None else ~present)
