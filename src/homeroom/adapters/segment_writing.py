"""Writing segments of history: one that lies in memory, or several that are on disk, as one.

A segment in memory is written as it is. Merging is for what does not fit there: `homeroom.state.merging` gives the
events in order, a strip at a time, and they go to the files a row group at a time. Two things cannot be written so,
and are held in a file without a name meanwhile, which the system removes whatever happens: the hashes of the ids,
which must be sorted as a whole. They are dealt out by their upper bits as events come, and each part is then sorted
alone.

`write_merged` is also how events leave for good: it takes, for each segment, which of them stay.
"""

import os
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from homeroom.adapters import mapped_columns
from homeroom.adapters.mapped_columns import MAPPED, ColumnsWriter, Values, as_coded, values_of
from homeroom.adapters.segments import PARQUET_NAMES, SegmentEntry
from homeroom.adapters.tensors import write_tensors
from homeroom.events.columns import ATTRIBUTE_PREFIX, TEXT_COLUMNS, Column, arrow_type, to_arrow
from homeroom.events.dictionary import Dictionaries
from homeroom.events.model import UInt64s
from homeroom.limits import MAPPED_VALUES_MAX, MERGED_STRIP_EVENTS, ROW_GROUP_EVENTS
from homeroom.state.history import Segment
from homeroom.state.merging import Kept, absent_column, merged_strips

__all__ = ["write_merged", "write_segment"]

_ID_PARTS = 64
"""Parts, by the upper bits of their hash, in which the ids of a merged segment are sorted."""


def write_segment(path: Path, segment: Segment, dictionaries: Dictionaries) -> SegmentEntry:
    """Write a segment to ``path`` and what belongs to it beside it, and make all durable."""
    columns = {name: segment.columns[name] for name in _written(segment.columns, dictionaries)}
    values = {
        name: values_of(name, column, dictionaries)
        for name, column in columns.items()
        if name in MAPPED
    }
    with _EventsWriter(path, len(segment), list(columns), values, dictionaries) as writer:
        for start in range(0, len(segment), ROW_GROUP_EVENTS):
            rows = slice(start, min(start + ROW_GROUP_EVENTS, len(segment)))
            part = {name: column[rows] for name, column in columns.items()}
            writer.write(_learners(segment, rows), part)
        writer.finish()
    index = {"key_hi": segment.key_hi, "key_lo": segment.key_lo, "offsets": segment.offsets}
    write_tensors(path.with_suffix(".index"), index)
    ids: dict[str, npt.NDArray[Any]] = {
        "sorted_ids": segment.sorted_ids,
        "places": segment.id_places,
    }
    write_tensors(path.with_suffix(".ids"), ids)
    return SegmentEntry.of(path, len(segment), (segment.min_ms, segment.max_ms))


def write_merged(
    path: Path,
    segments: Sequence[Segment],
    dictionaries: Dictionaries,
    kept: Sequence[Kept] | None = None,
) -> SegmentEntry | None:
    """Write the events of segments as one segment, and make it durable; return what to note of it.

    Memory is needed for some row groups, for the learners' keys, and for ``kept``.

    Parameters
    ----------
    path : a new file
    segments : without an event that is in two of them; they are only read
    dictionaries : of the texts
    kept : of each segment, which events stay; None for all of all. If none stays nothing is written, and None returned
    """
    stays = [None] * len(segments) if kept is None else list(kept)
    pairs = list(zip(segments, stays, strict=True))
    events = sum(len(one) if flags is None else int(flags.sum()) for one, flags in pairs)
    if not events:
        return None
    names = list(dict.fromkeys(name for segment in segments for name in segment.columns))
    names = _written(names, dictionaries)
    values = {name: _listed(name, pairs, dictionaries) for name in names if name in MAPPED}
    index, span = _Index(), _Span()
    with ExitStack() as stack:
        ids = stack.enter_context(_Ids(path.parent, segments))
        writer = stack.enter_context(_EventsWriter(path, events, names, values, dictionaries))
        place = 0
        for group in _row_groups(merged_strips(segments, stays, names, MERGED_STRIP_EVENTS)):
            keys = group.pop("key_hi"), group.pop("key_lo")
            writer.write(index.add(*keys), group)
            ids.add(group["id_hash"], place)
            span.add(group["time_ms"])
            place += len(keys[0])
        assert place == events, "all that stay are there"
        writer.finish()
        write_tensors(path.with_suffix(".index"), index.arrays())
        write_tensors(path.with_suffix(".ids"), ids.sorted())
    return SegmentEntry.of(path, events, (span.min_ms, span.max_ms))


def _written(names: Sequence[str] | Mapping[str, Column], dictionaries: Dictionaries) -> list[str]:
    """Return the columns that may be written: an attribute that could identify people may not."""
    refused = {f"{ATTRIBUTE_PREFIX}{name}" for name in dictionaries.identifying()}
    return [name for name in names if name not in refused]


def _listed(
    name: str, segments: Sequence[tuple[Segment, Kept]], dictionaries: Dictionaries
) -> Values | None:
    """Return the distinct values that the events which stay have in a column, as `values_of` does."""
    found: Column | None = None
    for segment, stays in segments:
        for first in range(0, len(segment), ROW_GROUP_EVENTS):
            end = min(first + ROW_GROUP_EVENTS, len(segment))
            # What is listed in a segment may be of events that go.
            coded = segment.coded(name, 0, 0) if stays is None else None
            part = _piece(name, segment, (first, end), stays) if coded is None else coded.values
            if part.dtype == np.float64:
                part = part.view(np.int64)
            found = np.unique(part) if found is None else np.union1d(found, part)
            if coded is not None:
                break
            if name not in TEXT_COLUMNS and len(found) > MAPPED_VALUES_MAX:
                return None
            if values_of(name, found[:0], dictionaries) is None:
                return None  # of no kind that is listed
    assert found is not None, "there are events"
    column = found.view(np.float64) if absent_column(name, 0).dtype == np.float64 else found
    return values_of(name, column, dictionaries)


def _piece(name: str, segment: Segment, span: tuple[int, int], stays: Kept) -> Column:
    """Return a column of those events of a span that stay."""
    part = segment.piece(name, *span)
    if part is None:
        return absent_column(name, 1)
    return part if stays is None else part[stays[slice(*span)]]


def _row_groups(strips: Iterator[dict[str, Column]]) -> Iterator[dict[str, Column]]:
    """Cut strips into row groups: all but the last are full."""
    held: dict[str, Column] = {}
    for strip in strips:
        joined = {name: np.concatenate([held[name], strip[name]]) for name in held} or strip
        count = len(joined["key_hi"])
        whole = count - count % ROW_GROUP_EVENTS
        for first in range(0, whole, ROW_GROUP_EVENTS):
            yield {
                name: column[first : first + ROW_GROUP_EVENTS] for name, column in joined.items()
            }
        held = {name: column[whole:].copy() for name, column in joined.items()}
    if held and len(held["key_hi"]):
        yield held


class _Span:
    """Time of the first and the last event."""

    min_ms, max_ms = np.iinfo(np.int64).max, np.iinfo(np.int64).min

    def add(self, time_ms: Column) -> None:
        """Take more events."""
        self.min_ms = min(self.min_ms, int(time_ms.min()))
        self.max_ms = max(self.max_ms, int(time_ms.max()))


class _Index:
    """The learners of events that come in order: their keys, and where their events begin."""

    def __init__(self) -> None:
        self._parts: list[tuple[UInt64s, UInt64s, npt.NDArray[np.int64]]] = []
        self._last: tuple[int, int] | None = None
        self._events = 0

    def add(self, key_hi: UInt64s, key_lo: UInt64s) -> pa.Array:
        """Take the keys of more events; return them as they are written beside the events."""
        changes = (np.diff(key_hi) != 0) | (np.diff(key_lo) != 0)
        starts = np.append(0, np.flatnonzero(changes) + 1)
        widths = np.diff(np.append(starts, len(key_hi)))
        hi, lo = key_hi[starts], key_lo[starts]
        first = int((int(hi[0]), int(lo[0])) == self._last)  # goes on from the group before
        self._parts.append((hi[first:], lo[first:], starts[first:] + self._events))
        self._last = int(hi[-1]), int(lo[-1])
        self._events += len(key_hi)
        return _as_learners(hi, lo, widths)

    def arrays(self) -> dict[str, Column]:
        """Return what is written of them."""
        hi, lo, starts = (np.concatenate(one) for one in zip(*self._parts, strict=True))
        return {"key_hi": hi, "key_lo": lo, "offsets": np.append(starts, self._events)}


class _Ids:
    """The ids of events, sorted outside of memory."""

    def __init__(self, folder: Path, segments: Sequence[Segment]) -> None:
        edges = np.arange(1, _ID_PARTS, dtype=np.uint64) << np.uint64(
            64 - _ID_PARTS.bit_length() + 1
        )
        sizes = np.zeros(_ID_PARTS, np.int64)
        for segment in segments:
            ends = [*np.searchsorted(segment.sorted_ids, edges).tolist(), len(segment.sorted_ids)]
            sizes += np.diff([0, *ends])
        self._edges = edges
        self._starts = np.cumsum([0, *sizes])
        self._used = np.zeros(_ID_PARTS, np.int64)
        self._file = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115 - closed on exit
        room = int(self._starts[-1])
        self._ids: UInt64s = np.empty(0, np.uint64)
        self._places: npt.NDArray[np.uint32] = np.empty(0, np.uint32)
        if room:
            self._file.truncate(12 * room)
            self._ids = np.memmap(self._file, np.uint64, "r+", 0, (room,))
            self._places = np.memmap(self._file, np.uint32, "r+", 8 * room, (room,))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._file.close()

    def add(self, id_hash: UInt64s, first: int) -> None:
        """Take the ids of the events from the place ``first`` on; 0 is none."""
        given = np.flatnonzero(id_hash)
        ids = id_hash[given]
        parts = np.searchsorted(self._edges, ids, side="right").astype(np.uint8)
        order = np.argsort(parts, kind="stable")
        bounds = np.searchsorted(parts[order], np.arange(_ID_PARTS + 1))
        for part in np.flatnonzero(np.diff(bounds)).tolist():
            mine = order[bounds[part] : bounds[part + 1]]
            start = int(self._starts[part] + self._used[part])
            self._ids[start : start + len(mine)] = ids[mine]
            self._places[start : start + len(mine)] = given[mine] + first
            self._used[part] += len(mine)

    def sorted(self) -> dict[str, npt.NDArray[Any]]:
        """Return all ids in order, and the place of each."""
        end = 0
        for start, used in zip(self._starts[:-1].tolist(), self._used.tolist(), strict=True):
            ids = np.array(self._ids[start : start + used])
            places = np.array(self._places[start : start + used])
            order = np.argsort(ids, kind="stable")
            # Where events were left out, there is room between the parts.
            self._ids[end : end + used], self._places[end : end + used] = ids[order], places[order]
            end += used
        return {"sorted_ids": self._ids[:end], "places": self._places[:end]}


class _EventsWriter:
    """Writes the columns of one segment to its Parquet file and to its mapped one, a row group at a time."""

    def __init__(
        self,
        path: Path,
        events: int,
        names: Sequence[str],
        values: Mapping[str, Values | None],
        dictionaries: Dictionaries,
    ) -> None:
        import pyarrow.parquet as pq

        self._names, self._values, self._dictionaries = names, values, dictionaries
        self._first = 0
        written = ["learner", *(PARQUET_NAMES.get(name, name) for name in names)]
        types = [pa.dictionary(pa.int32(), pa.binary(16)), *(arrow_type(name) for name in names)]
        self._schema = pa.schema(list(zip(written, types, strict=True)))
        encoded = [
            name for name, kind in zip(written, types, strict=True) if pa.types.is_dictionary(kind)
        ]
        with ExitStack() as stack:
            self._file = stack.enter_context(path.open("xb"))
            self._parquet = stack.enter_context(
                pq.ParquetWriter(
                    self._file,
                    self._schema,
                    compression="lz4",
                    use_dictionary=encoded,
                    write_statistics=["time"],
                    write_page_checksum=True,
                )
            )
            mapped = path.with_suffix(mapped_columns.SUFFIX)
            self._mapped = stack.enter_context(ColumnsWriter(mapped, events, values))
            self._stack = stack.pop_all()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stack.close()

    def write(self, learners: pa.Array, columns: Mapping[str, Column]) -> None:
        """Write the next row group: full, but for the last."""
        arrays = [to_arrow(name, columns[name], self._dictionaries) for name in self._names]
        self._parquet.write_table(pa.Table.from_arrays([learners, *arrays], schema=self._schema))
        for name, values in self._values.items():
            part = columns[name]
            if values is not None:
                part = as_coded(name, part, values, self._dictionaries)
            self._mapped.write(name, self._first, part)
        self._first += len(learners)

    def finish(self) -> None:
        """Make the files durable."""
        self._mapped.finish()
        self._parquet.close()
        self._file.flush()
        os.fsync(self._file.fileno())


def _learners(segment: Segment, rows: slice) -> pa.Array:
    """Return the learner of each of some events of a segment in memory."""
    first = int(np.searchsorted(segment.offsets, rows.start, side="right")) - 1
    end = int(np.searchsorted(segment.offsets, rows.stop, side="left"))
    bounds = np.clip(segment.offsets[first : end + 1], rows.start, rows.stop)
    return _as_learners(segment.key_hi[first:end], segment.key_lo[first:end], np.diff(bounds))


def _as_learners(key_hi: UInt64s, key_lo: UInt64s, widths: npt.NDArray[np.int64]) -> pa.Array:
    """Return the keys of learners, each for so many events."""
    count = len(key_hi)
    indices = np.repeat(np.arange(count, dtype=np.int32), widths)
    keys = np.empty((count, 2), ">u8")
    keys[:, 0], keys[:, 1] = key_hi, key_lo
    texts = pa.Array.from_buffers(pa.binary(16), count, [None, pa.py_buffer(keys.tobytes())])
    return pa.DictionaryArray.from_arrays(pa.array(indices), texts)
