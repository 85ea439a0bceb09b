"""Segments of history on disk: one Parquet file each, readable by any tool.

Texts are written as texts (dictionary-encoded), so a file stands on its own and `select verb, count(*) from
'DIR/history/*.parquet'` works; on reading, each distinct text is looked up once to get the code of this run. Columns
are read when a question asks for them. Beside it stand an index (each learner's key, and where its events begin) and
the sorted hashes of the event ids with the place of each event: all could be had from the columns too, but not in a
millisecond. And there stand the columns that questions ask for most, as memory has them
(`homeroom.adapters.mapped_columns`); segments of earlier versions have none, and are read from Parquet alone.
"""

import threading
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from homeroom.adapters import mapped_columns
from homeroom.adapters.mapped_columns import (
    MAPPED,
    MappedColumns,
)
from homeroom.adapters.tensors import mapped_file, read_tensors
from homeroom.errors import DataDirectoryError
from homeroom.events.columns import (
    arrow_type,
    column_dtype,
    from_arrow,
)
from homeroom.events.dictionary import Dictionaries
from homeroom.events.model import Int64s, UInt64s
from homeroom.state.coded import Coded
from homeroom.state.history import Places, Segment, places_by_id

__all__ = [
    "PARQUET_NAMES",
    "SUFFIXES",
    "SegmentEntry",
    "StoredSegment",
    "check_segment",
    "entries_of",
]

SUFFIXES = (".parquet", ".index", ".ids", mapped_columns.SUFFIX)
"""The files of one segment; the last one is not there beside those of earlier versions."""

PARQUET_NAMES = {"time_ms": "time"}
"""Columns that are called otherwise in the file."""
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
    def of(cls, path: Path, events: int, span_ms: tuple[int, int]) -> "SegmentEntry":
        """Note a segment that was written, with so many events, of which the first and the last were then."""
        sizes = {suffix: path.with_suffix(suffix).stat().st_size for suffix in SUFFIXES}
        return cls(path.name, events, *span_ms, sizes)

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


def entries_of(segments: Sequence[Segment]) -> "tuple[SegmentEntry, ...]":
    """Return what a directory notes of segments, all of which are in files."""
    entries = []
    for segment in segments:
        assert isinstance(segment, StoredSegment), "it was written"
        entries.append(segment.entry)
    return tuple(entries)


def check_segment(folder: Path, entry: SegmentEntry) -> Iterator[None]:
    """Read all files of a segment piece by piece, and stop after each: one column of one row group, one index.

    Every page must have its checksum; nothing is kept. Raises `DataDirectoryError`.
    """
    import pyarrow.parquet as pq

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
    if mapped_columns.SUFFIX in entry.sizes:
        columns = path.with_suffix(mapped_columns.SUFFIX)
        yield from MappedColumns(columns, Dictionaries.under(bytes(32)), entry.events).check()


class StoredSegment(Segment):
    """A segment on disk, of which nothing is read before it is asked for.

    A question that the columns of the state answer never touches history, and must not pay for opening it.
    """

    _path: Path
    dictionaries: Dictionaries
    entry: SegmentEntry
    _files: dict[str, pa.Buffer]

    def __init__(self, path: Path, dictionaries: Dictionaries, entry: SegmentEntry) -> None:
        # A segment is frozen, so what it is made of goes in by this door.
        self.__dict__.update(min_ms=entry.min_ms, max_ms=entry.max_ms)
        self.__dict__.update(_path=path, dictionaries=dictionaries, entry=entry)
        # Mapped now, read when asked for: a load or a node may put another segment in place of this one meanwhile.
        files = {suffix: mapped_file(path.with_suffix(suffix)) for suffix in entry.sizes}
        self.__dict__.update(_files=files)

    def __len__(self) -> int:
        """Return the number of events."""
        return self.entry.events

    @cached_property
    def _index(self) -> dict[str, npt.NDArray[Any]]:
        index = self._tensors(".index")
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
        return self._tensors(".ids")

    def _tensors(self, suffix: str) -> dict[str, npt.NDArray[Any]]:
        return read_tensors(self._path.with_suffix(suffix), self._files[suffix])

    @cached_property
    def columns(self) -> "_ParquetColumns":
        """The columns, each read at its first use."""
        return _ParquetColumns(self, self._path, self._files[".parquet"])

    @cached_property
    def mapped(self) -> MappedColumns | None:
        """The columns that are kept as memory has them; None beside segments of earlier versions."""
        if mapped_columns.SUFFIX not in self.entry.sizes:
            return None
        path = self._path.with_suffix(mapped_columns.SUFFIX)
        whole = self._files[mapped_columns.SUFFIX]
        return MappedColumns(path, self.dictionaries, len(self), whole)

    def check_whole(self) -> None:
        """Read all of it. Raises `DataDirectoryError` if anything is damaged."""
        _ = self._index, self._ids
        for name in self.columns:
            self.columns.check(name)
        if self.mapped is not None:
            for _ in self.mapped.check():
                pass

    def piece(self, name: str, first: int, end: int) -> npt.NDArray[Any] | None:
        """Return the events ``first:end`` of a column, of which no more than that need be read."""
        return self.columns.piece(name, first, end)

    def coded(self, name: str, first: int, end: int) -> Coded | None:
        """Return the events ``first:end`` of a column as places in a list; None if it is not kept so."""
        return None if self.mapped is None else self.mapped.coded(name, first, end)

    def is_mapped(self, name: str) -> bool:
        """Say whether single places of a column can be picked without reading others."""
        return self.mapped is not None and name in self.mapped.names

    def pick(self, name: str, places: Places) -> npt.NDArray[Any]:
        """Return a column at some places, rising; row groups that hold none of them are not read."""
        return self.columns.pick(name, places)


class _ParquetColumns(Mapping[str, npt.NDArray[Any]]):
    """The columns of a segment: from its mapped file what that has, the others from Parquet.

    Of Parquet a whole column is read at its first use and kept; of pieces, the last few row groups.
    """

    def __init__(self, segment: StoredSegment, path: Path, whole: pa.Buffer) -> None:
        self._segment = segment
        self._path = path
        self._whole = whole
        self._dictionaries = segment.dictionaries
        self._lock = threading.Lock()  # two threads that ask for the same must not both decode it
        self._read: dict[str, npt.NDArray[Any]] = {}
        self._last: OrderedDict[tuple[str, int], npt.NDArray[Any]] = OrderedDict()

    @cached_property
    def _parquet(self) -> tuple[list[str], Any]:
        """The names of the columns, and what the file says of itself."""
        import pyarrow.parquet as pq  # with it file systems and TLS: mapped columns need none of that

        try:
            with pq.ParquetFile(pa.BufferReader(self._whole)) as file:
                schema, metadata = file.schema_arrow, file.metadata
        except (OSError, pa.ArrowException) as error:
            raise DataDirectoryError(f"{self._path} is damaged: {error}. {_ADVICE}") from error
        if metadata.num_rows != len(self._segment):
            raise DataDirectoryError(
                f"{self._path} holds {metadata.num_rows} events, its index {len(self._segment)}. {_ADVICE}"
            )
        back = {written: name for name, written in PARQUET_NAMES.items()}
        return [back.get(name, name) for name in schema.names if name != "learner"], metadata

    @cached_property
    def _starts(self) -> npt.NDArray[np.int64]:
        """Where each row group begins, and where the last ends."""
        metadata = self._parquet[1]
        groups = range(metadata.num_row_groups)
        return np.cumsum([0, *(metadata.row_group(group).num_rows for group in groups)])

    def _mapped(self, name: str) -> MappedColumns | None:
        """Return the mapped file if it has a column."""
        mapped = self._segment.mapped
        return mapped if mapped is not None and name in mapped.names else None

    def __contains__(self, name: object) -> bool:
        mapped = self._segment.mapped
        if mapped is not None and name in MAPPED:
            return name in mapped.names
        return name in self._parquet[0]

    def __getitem__(self, name: str) -> npt.NDArray[Any]:
        if name not in self:
            raise KeyError(name)
        mapped = self._mapped(name)
        with self._lock:
            if name not in self._read:
                found = mapped.piece(name, 0, len(self._segment)) if mapped else self._load(name)
                self._read[name] = found
            return self._read[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._parquet[0])

    def __len__(self) -> int:
        return len(self._parquet[0])

    def piece(self, name: str, first: int, end: int) -> npt.NDArray[Any] | None:
        """Return the events ``first:end`` of a column, None if there is none of that name."""
        if name not in self:
            return None
        mapped = self._mapped(name)
        if mapped is not None:
            return mapped.piece(name, first, end)
        if first == end:  # perhaps behind the last row group
            return np.empty(0, column_dtype(name))
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
        mapped = self._mapped(name)
        if mapped is not None:
            return mapped.pick(name, places)
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
            first, end = int(self._starts[group]), int(self._starts[group + 1])
            found = np.empty(end - first, column_dtype(name))
            self._decode(name, (group,), found)
            mapped = self._mapped(name)
            if mapped is not None and mapped.piece(name, first, end).tobytes() != found.tobytes():
                raise DataDirectoryError(
                    f"{self._path} and the mapped columns beside it differ at {name}. {_ADVICE}"
                )

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

    def _load(self, name: str) -> npt.NDArray[Any]:
        values = np.empty(len(self._segment), column_dtype(name))
        self._decode(name, range(len(self._starts) - 1), values)
        return values

    def _decode(self, name: str, groups: Iterable[int], values: npt.NDArray[Any]) -> None:
        """Read row groups of a column into an array, one by one: what each needs on its way is used again."""
        import pyarrow.parquet as pq

        written = PARQUET_NAMES.get(name, name)
        is_text = pa.types.is_dictionary(arrow_type(name))
        convert = from_arrow(name, self._dictionaries)
        end = 0
        try:
            with pq.ParquetFile(
                pa.BufferReader(self._whole),
                metadata=self._parquet[1],
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
