"""Columns of a segment as memory has them, in a file beside its Parquet file: mapped, never decoded.

A question to history looks at a time and a verb of each event, and little else. Out of Parquet these cost ten times
what the question does: pages are decompressed, texts looked up, arrays filled. Here they lie as they are used. A time
is eight bytes. Of a column with few distinct values (verbs, courses, scores) each event has a place in a short list of
values, in one byte or two: a condition is settled once for each value of the list, and then a hundred million events
are a hundred megabytes to read.

The Parquet file stays the segment: whole, compressed, for any tool. This file repeats what questions ask for most; what
only loads look at (identities, attributes) is not in it. A segment of an earlier version has none and is read from
Parquet. The way not taken, to leave Parquet's pages uncompressed and map these, would save the second copy of the
times, but pages begin anywhere, and a piece of a column would again be put together before it can be used.

    columns, each at a multiple of 64 bytes; lists of values; footer: JSON, its length, its checksum, a mark

Each column is checked in chunks of ``limits.ROW_GROUP_EVENTS`` events, a chunk before its first use: a flipped bit must
end in an error, never in another answer, and who asks for one learner must not read all.
"""

import json
import os
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Self, TypeAlias

import msgspec
import numpy as np
import numpy.typing as npt
import pyarrow as pa
from isal import isal_zlib

from homeroom.adapters.mapped_pages import HeldPages
from homeroom.adapters.tensors import mapped_file
from homeroom.errors import DataDirectoryError
from homeroom.events.columns import TEXT_COLUMNS, Column, column_dtype
from homeroom.events.dictionary import Dictionaries
from homeroom.events.texts import sealed
from homeroom.limits import MAPPED_VALUES_MAX, ROW_GROUP_EVENTS
from homeroom.state.coded import PLACE_DTYPES, Coded

__all__ = [
    "MAPPED",
    "SUFFIX",
    "ColumnsWriter",
    "MappedColumns",
    "Values",
    "as_coded",
    "place_dtype",
    "values_of",
]

SUFFIX = ".columns"
MAPPED = (
    "time_ms", "verb", "activity", "course", "track", "score", "progress", "success", "completion", "duration_ms",
    "standing", "section", "answer", "position_s", "position_from_s", "length_s",
)  # fmt: skip
"""The columns that are kept so, where a segment has them."""
_LISTED = frozenset(
    (*TEXT_COLUMNS, "score", "progress", "duration_ms", "position_s", "position_from_s", "length_s")
)
"""Of these, those whose values are listed where they are few."""
Values: TypeAlias = list[str | None] | npt.NDArray[np.int64]
"""The distinct values of a column: texts, None for an absent one; or numbers, as 64 bits each."""
_MARK = b"homeroom columns 1\n"
_TRAILER_BYTES = 8 + len(_MARK)
_ALIGNMENT_BYTES = 64
_ADVICE = "Restore the directory from a backup, or load its files into a new one"


class _Place(msgspec.Struct, frozen=True):
    """Where a column lies, its type, and the checksum of each chunk; and where its list of values lies, if any."""

    start: int
    dtype: str
    crcs: list[int]
    values_start: int = 0
    values_bytes: int = -1
    values_crc: int = 0


class _Footer(msgspec.Struct, frozen=True):
    events: int
    chunk: int
    columns: dict[str, _Place]


# --- writing ---------------------------------------------------------------------------------------------------------


def place_dtype(values: int) -> np.dtype[Any]:
    """Return the type of places in a list of so many values."""
    found = next(one for one in PLACE_DTYPES if values <= np.iinfo(one).max + 1)
    return np.dtype(found)


def values_of(name: str, column: Column, dictionaries: Dictionaries) -> Values | None:
    """Return the distinct values of a column in memory; None if they are too many, or not of a kind that is listed."""
    if name not in _LISTED:
        return None
    if name in TEXT_COLUMNS:
        texts = getattr(dictionaries, name).stored
        used = np.flatnonzero(np.bincount(column + 1, minlength=1)).tolist()
        return [texts[place - 1] if place else None for place in used]
    found = np.empty(0, np.int64)
    for first in range(0, len(column), ROW_GROUP_EVENTS):
        bits = pa.array(column[first : first + ROW_GROUP_EVENTS].view(np.int64))
        found = np.union1d(found, bits.unique().to_numpy())
        if len(found) > MAPPED_VALUES_MAX:
            return None
    return found


def as_coded(name: str, column: Column, values: Values, dictionaries: Dictionaries) -> Column:
    """Return the places of events' values in a list that has them all."""
    dtype = place_dtype(len(values))
    if not isinstance(values, list):
        encoded = pa.array(column.view(np.int64)).dictionary_encode()
        places = np.searchsorted(values, encoded.dictionary.to_numpy()).astype(dtype)
        return np.asarray(places[encoded.indices.to_numpy()])
    codes = getattr(dictionaries, name).codes(values, len(values))
    table = np.zeros(int(max(codes, default=-1)) + 2, dtype)
    table[codes + 1] = np.arange(len(codes))
    return np.asarray(table[column + 1])


class ColumnsWriter:
    """Writes the columns of one segment, a chunk at a time; what is not finished is of no segment.

    Parameters
    ----------
    path : a new file
    events : their number
    columns : the list of values of each column, None for one that is written as it is

    Attributes
    ----------
    chunk_events : how many events each part has that is written, but for the last
    """

    def __init__(self, path: Path, events: int, columns: Mapping[str, Values | None]) -> None:
        self.chunk_events = ROW_GROUP_EVENTS
        self._events = events
        self._columns = columns
        self._crcs: dict[str, list[int]] = {name: [] for name in columns}
        self._starts: dict[str, int] = {}
        self._end = 0
        self._dtypes = {
            name: np.dtype(column_dtype(name)) if values is None else place_dtype(len(values))
            for name, values in columns.items()
        }
        for name, dtype in self._dtypes.items():
            self._starts[name] = self._end
            self._end += -(-events * dtype.itemsize // _ALIGNMENT_BYTES) * _ALIGNMENT_BYTES
        self._file: BinaryIO = path.open("xb")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._file.close()

    def write(self, name: str, first: int, part: Column) -> None:
        """Write the events ``first:first + len(part)`` of a column; a chunk whole, and in order."""
        dtype = self._dtypes[name]
        assert part.dtype == dtype, f"{name} is {part.dtype}, not {dtype}"
        assert first == len(self._crcs[name]) * self.chunk_events, "chunks come in order"
        assert len(part) == min(self.chunk_events, self._events - first), "chunks come whole"
        raw = np.ascontiguousarray(part).view(np.uint8)
        self._crcs[name].append(isal_zlib.crc32(raw) if len(raw) else 0)
        self._file.seek(self._starts[name] + first * dtype.itemsize)
        self._file.write(raw.data)

    def finish(self) -> None:
        """Write what says where all is, and make the file durable."""
        self._file.seek(self._end)
        places = {name: self._listed(name) for name in self._columns}
        footer = msgspec.json.encode(_Footer(self._events, self.chunk_events, places))
        self._file.write(footer)
        self._file.write(len(footer).to_bytes(4, "little"))
        self._file.write(isal_zlib.crc32(footer).to_bytes(4, "little") + _MARK)
        self._file.flush()
        os.fsync(self._file.fileno())

    def _listed(self, name: str) -> _Place:
        values = self._columns[name]
        place = _Place(self._starts[name], self._dtypes[name].str, self._crcs[name])
        if values is None:
            return place
        written = json.dumps(values).encode() if isinstance(values, list) else values.tobytes()
        start = self._file.tell()
        self._file.write(written)
        return msgspec.structs.replace(
            place,
            values_start=start,
            values_bytes=len(written),
            values_crc=isal_zlib.crc32(written),
        )


# --- reading ---------------------------------------------------------------------------------------------------------


class MappedColumns:
    """The columns in such a file. Raises `DataDirectoryError` where it is not whole, then and later.

    Parameters
    ----------
    path : the file
    dictionaries : give the texts their codes
    events : how many there must be
    whole : the file, if it is mapped already
    """

    def __init__(
        self, path: Path, dictionaries: Dictionaries, events: int, whole: pa.Buffer | None = None
    ) -> None:
        self._path = path
        self._dictionaries = dictionaries
        whole = mapped_file(path) if whole is None else whole
        self._bytes = np.frombuffer(whole, np.uint8)
        self._pages = HeldPages(whole)
        self._footer = self._read_footer(memoryview(whole))
        if self._footer.events != events:
            raise DataDirectoryError(
                f"{path} holds {self._footer.events} events, its segment {events}. {_ADVICE}"
            )
        self._lock = threading.Lock()
        self._whole: dict[str, Column] = {}
        self._values: dict[str, Column | None] = {}
        self._checked: dict[str, npt.NDArray[np.bool_]] = {}

    @property
    def names(self) -> frozenset[str]:
        """The columns that there are."""
        return frozenset(self._footer.columns)

    def coded(self, name: str, first: int, end: int) -> Coded | None:
        """Return the events ``first:end`` of a column as places in a list of values; None if it is not kept so."""
        if name not in self._footer.columns:
            return None
        values = self._values_of(name)
        return None if values is None else Coded(self._stored(name, first, end), values)

    def piece(self, name: str, first: int, end: int) -> Column:
        """Return the events ``first:end`` of a column, read-only where it is the file itself."""
        stored, values = self._stored(name, first, end), self._values_of(name)
        return stored if values is None else Coded(stored, values).column()

    def pick(self, name: str, places: npt.NDArray[np.int64]) -> Column:
        """Return a column at some places, rising; no more than the chunks with these is read."""
        if not len(places):
            return np.empty(0, column_dtype(name))
        for chunk in np.unique(places // self._footer.chunk).tolist():
            self._look_at(name, chunk * self._footer.chunk, (chunk + 1) * self._footer.chunk)
            self._check(name, chunk, chunk + 1)
        found, values = self._whole[name][places], self._values_of(name)
        return found if values is None else Coded(found, values).column()

    def check(self) -> Iterator[None]:
        """Compare all of it with the checksums, what was compared before too; stop after each chunk of a column."""
        self._checked.clear()
        for name, place in self._footer.columns.items():
            self._values_of(name)
            for chunk in range(len(place.crcs)):
                self._look_at(name, chunk * self._footer.chunk, (chunk + 1) * self._footer.chunk)
                self._check(name, chunk, chunk + 1)
                yield

    def _stored(self, name: str, first: int, end: int) -> Column:
        self._look_at(name, first, end)
        self._check(name, first // self._footer.chunk, -(-end // self._footer.chunk))
        return self._whole[name][first:end]

    def _look_at(self, name: str, first: int, end: int) -> None:
        """Note that the events ``first:end`` of a column are looked at, so that others may go if they are too many."""
        size = np.dtype(self._footer.columns[name].dtype).itemsize
        self._pages.look_at((min(end, self._footer.events) - first) * size)

    def _check(self, name: str, first: int, end: int) -> None:
        """Compare the chunks ``first:end`` with their checksums, if that is not done yet."""
        place = self._footer.columns[name]
        checked = self._checked.get(name)
        if checked is None:
            with self._lock:
                checked = self._checked.setdefault(name, np.zeros(len(place.crcs), np.bool_))
                dtype = np.dtype(place.dtype)
                stop = place.start + self._footer.events * dtype.itemsize
                self._whole[name] = sealed(self._bytes[place.start : stop].view(dtype))
        for chunk in (np.flatnonzero(~checked[first:end]) + first).tolist():
            rows = slice(chunk * self._footer.chunk, (chunk + 1) * self._footer.chunk)
            if isal_zlib.crc32(self._whole[name][rows].view(np.uint8)) != place.crcs[chunk]:
                raise DataDirectoryError(f"{self._path} is damaged at {name}. {_ADVICE}")
            checked[chunk] = True

    def _values_of(self, name: str) -> Column | None:
        """Return what each place of a column means, None for one that is kept as it is."""
        if name not in self._values:
            with self._lock:
                self._values.setdefault(name, self._read_values(name))
        return self._values[name]

    def _read_values(self, name: str) -> Column | None:
        place = self._footer.columns[name]
        if place.values_bytes < 0:
            return None
        written = self._bytes[
            place.values_start : place.values_start + place.values_bytes
        ].tobytes()
        if isal_zlib.crc32(written) != place.values_crc:
            raise DataDirectoryError(f"{self._path} is damaged at the values of {name}. {_ADVICE}")
        if name in TEXT_COLUMNS:
            texts = json.loads(written)
            codes: Column = getattr(self._dictionaries, name).codes(texts, len(texts))
            return sealed(codes)
        return sealed(np.frombuffer(written, np.int64).view(column_dtype(name)))

    def _read_footer(self, mapped: memoryview) -> _Footer:
        trailer = mapped[-_TRAILER_BYTES:]
        length = int.from_bytes(trailer[:4], "little")
        footer = mapped[-_TRAILER_BYTES - length : -_TRAILER_BYTES]
        crc = int.from_bytes(trailer[4:8], "little")
        if trailer[8:] != _MARK or isal_zlib.crc32(footer) != crc:
            raise DataDirectoryError(f"{self._path} is damaged or cut off. {_ADVICE}")
        return msgspec.json.decode(footer, type=_Footer)
