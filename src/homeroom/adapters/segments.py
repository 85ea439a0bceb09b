"""Segments of history on disk: one Parquet file each, readable by any tool.

Texts are written as texts (dictionary-encoded), so a file stands on its own and `select verb, count(*) from
'DIR/history/*.parquet'` works; on reading, each distinct text is looked up once to get the code of this run. Columns
are read when a question asks for them. Beside it stand an index (each learner's key, and where its events begin) and
the sorted hashes of the event ids with the place of each event: all could be had from the columns too, but not in a
millisecond.
"""

import os
import threading
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from homeroom.adapters.tensors import read_tensors, write_tensors
from homeroom.errors import DataDirectoryError
from homeroom.events.columns import (
    ATTRIBUTE_PREFIX,
    arrow_type,
    column_dtype,
    from_arrow,
    to_arrow,
)
from homeroom.events.dictionary import Dictionaries
from homeroom.events.model import Int64s, UInt64s
from homeroom.limits import ROW_GROUP_EVENTS
from homeroom.state.history import Places, Segment, places_by_id

__all__ = ["SUFFIXES", "SegmentEntry", "StoredSegment", "check_segment", "write_segment"]

SUFFIXES = (".parquet", ".index", ".ids")
"""The files of one segment."""

_NAMES = {"time_ms": "time"}
_GROUPS_HELD = 12
"""Row groups, of all columns together, that a segment keeps for the next block of learners: a few MB each."""
_ADVICE = "Restore the directory from a backup, or load its files into a new one"


class SegmentEntry(msgspec.Struct, frozen=True):
    """What a directory notes of a segment, so that it need not be opened; ``sizes`` in bytes by suffix."""

    name: str
    events: int
    min_ms: int
    max_ms: int
    sizes: dict[str, int]

    @classmethod
    def of(cls, path: Path, segment: Segment) -> "SegmentEntry":
        """Note a segment that was written."""
        sizes = {suffix: path.with_suffix(suffix).stat().st_size for suffix in SUFFIXES}
        return cls(path.name, len(segment), segment.min_ms, segment.max_ms, sizes)

    def check(self, folder: Path) -> None:
        """Raise `DataDirectoryError` if a file of the segment is missing or cut off; its content is not read."""
        for suffix, size_bytes in self.sizes.items():
            file = (folder / self.name).with_suffix(suffix)
            try:
                found_bytes = file.stat().st_size
            except OSError as error:
                raise DataDirectoryError(
                    f"{file} cannot be read: {error.strerror or error}. {_ADVICE}"
                ) from error
            if found_bytes != size_bytes:
                raise DataDirectoryError(
                    f"{file} has {found_bytes:,} bytes, must have {size_bytes:,}. {_ADVICE}"
                )


def write_segment(path: Path, segment: Segment, dictionaries: Dictionaries) -> None:
    """Write a segment to ``path`` and its index beside it, and make both durable."""
    refused = {f"{ATTRIBUTE_PREFIX}{name}" for name in dictionaries.identifying()}
    columns = {name: column for name, column in segment.columns.items() if name not in refused}
    names = ["learner", *(_NAMES.get(name, name) for name in columns)]
    types = [pa.dictionary(pa.int32(), pa.binary(16)), *(arrow_type(name) for name in columns)]
    schema = pa.schema(list(zip(names, types, strict=True)))
    encoded = [
        name for name, kind in zip(names, types, strict=True) if pa.types.is_dictionary(kind)
    ]
    with path.open("xb") as file:
        with pq.ParquetWriter(
            file,
            schema,
            compression="lz4",
            use_dictionary=encoded,
            write_statistics=["time"],
            write_page_checksum=True,
        ) as writer:
            for start in range(0, len(segment), ROW_GROUP_EVENTS):
                rows = slice(start, min(start + ROW_GROUP_EVENTS, len(segment)))
                arrays = [_learners(segment, rows)]
                arrays += [
                    to_arrow(name, column[rows], dictionaries) for name, column in columns.items()
                ]
                writer.write_table(pa.Table.from_arrays(arrays, schema=schema))
        file.flush()
        os.fsync(file.fileno())
    index = {"key_hi": segment.key_hi, "key_lo": segment.key_lo, "offsets": segment.offsets}
    write_tensors(path.with_suffix(".index"), index)
    ids: dict[str, npt.NDArray[Any]] = {
        "sorted_ids": segment.sorted_ids,
        "places": segment.id_places,
    }
    write_tensors(path.with_suffix(".ids"), ids)


def check_segment(folder: Path, entry: SegmentEntry) -> Iterator[None]:
    """Read all files of a segment piece by piece, and stop after each: one column of one row group, one index.

    Every page must have its checksum; no text is looked up, and nothing is kept. Raises `DataDirectoryError`.
    """
    entry.check(folder)
    path = folder / entry.name
    for suffix in (".index", ".ids"):
        read_tensors(path.with_suffix(suffix))
        yield
    try:
        with pq.ParquetFile(path, page_checksum_verification=True) as file:
            for group in range(file.metadata.num_row_groups):
                for name in file.schema_arrow.names:
                    file.read_row_group(group, [name], use_threads=False)
                    yield
    except (OSError, pa.ArrowException) as error:
        raise DataDirectoryError(f"{path} is damaged: {error}. {_ADVICE}") from error


class StoredSegment(Segment):
    """A segment on disk, of which nothing is read before it is asked for.

    A question that the columns of the state answer never touches history, and must not pay for opening it.
    """

    _path: Path
    _dictionaries: Dictionaries
    entry: SegmentEntry

    def __init__(self, path: Path, dictionaries: Dictionaries, entry: SegmentEntry) -> None:
        # A segment is frozen, so what it is made of goes in by this door.
        self.__dict__.update(min_ms=entry.min_ms, max_ms=entry.max_ms)
        self.__dict__.update(_path=path, _dictionaries=dictionaries, entry=entry)

    def __len__(self) -> int:
        """Return the number of events."""
        return self.entry.events

    @cached_property
    def _index(self) -> dict[str, npt.NDArray[Any]]:
        index = read_tensors(self._path.with_suffix(".index"))
        if index["offsets"][-1] != len(self):
            raise DataDirectoryError(f"{self._path} and its index are not of one load. {_ADVICE}")
        return index

    @cached_property
    def key_hi(self) -> UInt64s:
        """Upper halves of the learners' keys."""
        return self._index["key_hi"]

    @cached_property
    def key_lo(self) -> UInt64s:
        """Lower halves of the learners' keys."""
        return self._index["key_lo"]

    @cached_property
    def offsets(self) -> Int64s:
        """Where each learner's events begin."""
        return self._index["offsets"]

    @cached_property
    def sorted_ids(self) -> UInt64s:
        """Hashes of all event ids, sorted."""
        return self._ids["sorted_ids"]

    @cached_property
    def id_places(self) -> npt.NDArray[np.uint32]:
        """Where the event of each of these ids stands; files of earlier versions do not say."""
        if "places" in self._ids:
            return self._ids["places"]
        return places_by_id(self.columns["id_hash"])[1]

    @cached_property
    def _ids(self) -> dict[str, npt.NDArray[Any]]:
        return read_tensors(self._path.with_suffix(".ids"))

    @cached_property
    def columns(self) -> "_ParquetColumns":
        """The columns, each read at its first use."""
        return _ParquetColumns(self._path, self._dictionaries, len(self), self._path)

    def check_whole(self) -> None:
        """Read all of it. Raises `DataDirectoryError` if anything is damaged."""
        _ = self._index, self._ids
        for name in self.columns:
            self.columns.check(name)

    def hold(self) -> None:
        """Open all files now, for a segment that a later load replaces: what was opened keeps its answers."""
        _ = self._index, self._ids
        try:
            whole = pa.memory_map(str(self._path)).read_buffer()
        except OSError as error:
            raise DataDirectoryError(
                f"{self._path} cannot be read: {error.strerror or error}. {_ADVICE}"
            ) from error
        self.__dict__["columns"] = _ParquetColumns(self._path, self._dictionaries, len(self), whole)

    def piece(self, name: str, first: int, end: int) -> npt.NDArray[Any] | None:
        """Return the events ``first:end`` of a column, of which no more than that need be read."""
        return self.columns.piece(name, first, end)

    def pick(self, name: str, places: Places) -> npt.NDArray[Any]:
        """Return a column at some places, rising; row groups that hold none of them are not read."""
        return self.columns.pick(name, places)


class _ParquetColumns(Mapping[str, npt.NDArray[Any]]):
    """The columns of a Parquet file: a whole one is read at its first use and kept; of pieces, the last few groups."""

    def __init__(
        self, path: Path, dictionaries: Dictionaries, events: int, source: Path | pa.Buffer
    ) -> None:
        self._path = path
        self._source = source
        self._dictionaries = dictionaries
        try:
            with pq.ParquetFile(self._opened()) as file:
                schema, self._metadata = file.schema_arrow, file.metadata
        except (OSError, pa.ArrowException) as error:
            raise DataDirectoryError(f"{path} is damaged: {error}. {_ADVICE}") from error
        self._rows: int = self._metadata.num_rows
        if self._rows != events:
            raise DataDirectoryError(
                f"{path} holds {self._rows} events, its index {events}. {_ADVICE}"
            )
        groups = range(self._metadata.num_row_groups)
        sizes = [self._metadata.row_group(group).num_rows for group in groups]
        self._starts = np.cumsum([0, *sizes])
        back = {written: name for name, written in _NAMES.items()}
        self._names = [back.get(name, name) for name in schema.names if name != "learner"]
        self._lock = threading.Lock()  # two threads that ask for the same must not both decode it
        self._read: dict[str, npt.NDArray[Any]] = {}
        self._last: OrderedDict[tuple[str, int], npt.NDArray[Any]] = OrderedDict()

    def __getitem__(self, name: str) -> npt.NDArray[Any]:
        if name not in self._names:
            raise KeyError(name)
        with self._lock:
            if name not in self._read:
                self._read[name] = self._load(name)
            return self._read[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)

    def piece(self, name: str, first: int, end: int) -> npt.NDArray[Any] | None:
        """Return the events ``first:end`` of a column, None if there is none of that name."""
        if name not in self._names:
            return None
        with self._lock:
            if name in self._read:
                return self._read[name][first:end]
            low = int(np.searchsorted(self._starts, first, side="right")) - 1
            high = max(int(np.searchsorted(self._starts, end, side="left")), low + 1)
            held = [self._held(name, group) for group in range(low, high)]
        start = int(self._starts[low])
        whole = held[0] if len(held) == 1 else np.concatenate(held)
        return whole[first - start : end - start]

    def pick(self, name: str, places: Places) -> npt.NDArray[Any]:
        """Return a column at some places, rising."""
        if name in self._read:
            return self._read[name][places]
        picked = np.empty(len(places), column_dtype(name))
        groups = np.searchsorted(self._starts, places, side="right") - 1
        for group in np.unique(groups).tolist():
            mine = slice(*np.searchsorted(groups, (group, group + 1)).tolist())
            with self._lock:
                picked[mine] = self._held(name, group)[places[mine] - self._starts[group]]
        return picked

    def check(self, name: str) -> None:
        """Read a column group by group and keep nothing. Raises `DataDirectoryError`."""
        for group in range(len(self._starts) - 1):
            count = int(self._starts[group + 1] - self._starts[group])
            self._decode(name, (group,), np.empty(count, column_dtype(name)))

    def _held(self, name: str, group: int) -> npt.NDArray[Any]:
        """Return one row group of a column, from the few that were used last or from the file."""
        found = self._last.get((name, group))
        if found is None:
            found = np.empty(int(self._starts[group + 1] - self._starts[group]), column_dtype(name))
            self._decode(name, (group,), found)
            self._last[name, group] = found
            if len(self._last) > _GROUPS_HELD:
                self._last.popitem(last=False)
        self._last.move_to_end((name, group))
        return found

    def _opened(self) -> Path | pa.BufferReader:
        return self._source if isinstance(self._source, Path) else pa.BufferReader(self._source)

    def _load(self, name: str) -> npt.NDArray[Any]:
        values = np.empty(self._rows, column_dtype(name))
        self._decode(name, range(self._metadata.num_row_groups), values)
        return values

    def _decode(self, name: str, groups: Iterable[int], values: npt.NDArray[Any]) -> None:
        """Read row groups of a column into an array, one by one: what each needs on its way is used again."""
        written = _NAMES.get(name, name)
        is_text = pa.types.is_dictionary(arrow_type(name))
        convert = from_arrow(name, self._dictionaries)
        end = 0
        try:
            with pq.ParquetFile(
                self._opened(),
                metadata=self._metadata,
                read_dictionary=[written] if is_text else None,
                page_checksum_verification=True,
            ) as file:
                for group in groups:
                    table = file.read_row_group(group, [written], use_threads=False)
                    for chunk in table.column(0).chunks:
                        start, end = end, end + len(chunk)
                        values[start:end] = convert(chunk)
        except (OSError, pa.ArrowException) as error:
            raise DataDirectoryError(
                f"{self._path}, column {written}: {error}. {_ADVICE}"
            ) from error


def _learners(segment: Segment, rows: slice) -> pa.Array:
    first = int(np.searchsorted(segment.offsets, rows.start, side="right")) - 1
    end = int(np.searchsorted(segment.offsets, rows.stop, side="left"))
    bounds = np.clip(segment.offsets[first : end + 1], rows.start, rows.stop)
    indices = np.repeat(np.arange(end - first, dtype=np.int32), np.diff(bounds))
    keys = np.empty((end - first, 2), ">u8")
    keys[:, 0], keys[:, 1] = segment.key_hi[first:end], segment.key_lo[first:end]
    texts = pa.Array.from_buffers(pa.binary(16), end - first, [None, pa.py_buffer(keys.tobytes())])
    return pa.DictionaryArray.from_arrays(pa.array(indices), texts)
