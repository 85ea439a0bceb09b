"""Segments of history on disk: one Parquet file each, readable by any tool.

Texts are written as texts (dictionary-encoded), so a file stands on its own and `select verb, count(*) from
'DIR/history/*.parquet'` works; on reading, each distinct text is looked up once to get the code of this run. Columns
are read when a question asks for them. Where each learner's events begin stands beside it in an index file, which
could be had from the column ``learner`` too, but not in a millisecond.
"""

import os
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from homeroom.adapters.tensors import read_tensors, write_tensors
from homeroom.errors import DataDirectoryError
from homeroom.events.dictionary import Dictionaries, Dictionary
from homeroom.events.model import TRACKS
from homeroom.limits import ROW_GROUP_EVENTS
from homeroom.state.history import EVENT_COLUMNS, Segment

__all__ = ["open_segment", "write_segment"]

_TEXTS = ("verb", "activity", "course")
_PREFIX = "attributes."
_NAMES = {"time_ms": "time"}


def write_segment(path: Path, segment: Segment, dictionaries: Dictionaries) -> None:
    """Write a segment to ``path`` and its index beside it, and make both durable."""
    refused = {f"{_PREFIX}{name}" for name in dictionaries.identifying()}
    columns = {name: column for name, column in segment.columns.items() if name not in refused}
    names = ["learner", *(_NAMES.get(name, name) for name in columns)]
    types = [pa.dictionary(pa.int32(), pa.binary(16)), *(_type(name) for name in columns)]
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
                    _encoded(name, column[rows], dictionaries) for name, column in columns.items()
                ]
                writer.write_table(pa.Table.from_arrays(arrays, schema=schema))
        file.flush()
        os.fsync(file.fileno())
    write_tensors(
        path.with_suffix(".index"),
        {
            "key_hi": segment.key_hi,
            "key_lo": segment.key_lo,
            "offsets": segment.offsets,
            "sorted_ids": segment.sorted_ids,
            "range_ms": np.array([segment.min_ms, segment.max_ms], np.int64),
        },
    )


def open_segment(path: Path, dictionaries: Dictionaries) -> Segment:
    """Open a segment; its columns are read when they are asked for."""
    index = read_tensors(path.with_suffix(".index"))
    low, high = (int(ms) for ms in index["range_ms"])
    columns = _ParquetColumns(path, dictionaries, int(index["offsets"][-1]))
    return Segment(
        index["key_hi"], index["key_lo"], index["offsets"], columns, index["sorted_ids"], low, high
    )


class _ParquetColumns(Mapping[str, npt.NDArray[Any]]):
    """The columns of a Parquet file, each read at its first use and kept."""

    def __init__(self, path: Path, dictionaries: Dictionaries, events: int) -> None:
        self._path = path
        self._dictionaries = dictionaries
        try:
            with pq.ParquetFile(path) as file:
                schema, rows = file.schema_arrow, file.metadata.num_rows
        except (OSError, pa.ArrowException) as error:
            raise DataDirectoryError(
                f"{path} is damaged: {error}. Restore it from a backup"
            ) from error
        if rows != events:
            raise DataDirectoryError(
                f"{path} holds {rows} events, its index {events}. Restore both from a backup"
            )
        back = {written: name for name, written in _NAMES.items()}
        self._names = [back.get(name, name) for name in schema.names if name != "learner"]
        self._lock = threading.Lock()
        self._read: dict[str, npt.NDArray[Any]] = {}

    def __getitem__(self, name: str) -> npt.NDArray[Any]:
        if name not in self._names:
            raise KeyError(name)
        with self._lock:  # two threads that ask for one column must not both decode it
            if name not in self._read:
                self._read[name] = self._load(name)
            return self._read[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)

    def _load(self, name: str) -> npt.NDArray[Any]:
        written = _NAMES.get(name, name)
        text = name in _TEXTS or name == "track" or name.startswith(_PREFIX)
        try:
            with pq.ParquetFile(
                self._path,
                read_dictionary=[written] if text else None,
                memory_map=True,
                page_checksum_verification=True,
            ) as file:
                column = file.read([written]).column(0)
        except (OSError, pa.ArrowException) as error:
            raise DataDirectoryError(
                f"{self._path}, column {written}: {error}. Restore it from a backup"
            ) from error
        if not text:
            if name == "time_ms":
                column = column.cast(pa.int64())
            return _numbers(column, np.dtype(EVENT_COLUMNS[name][0]))
        if name == "track":
            places = {track: code for code, track in enumerate(TRACKS)}
            parts = [
                np.array([places[v] for v in chunk.dictionary.to_pylist()], np.uint8)[
                    chunk.indices.to_numpy()
                ]
                for chunk in column.chunks
            ]
            return np.concatenate(parts)
        dictionary = _dictionary(self._dictionaries, name)
        return np.concatenate([dictionary.codes(chunk, len(chunk)) for chunk in column.chunks])


def _dictionary(dictionaries: Dictionaries, name: str) -> Dictionary:
    if name.startswith(_PREFIX):
        return dictionaries.attribute(name.removeprefix(_PREFIX))
    found: Dictionary = getattr(dictionaries, name)
    return found


def _numbers(column: pa.ChunkedArray, dtype: np.dtype[Any]) -> npt.NDArray[Any]:
    values = np.empty(len(column), dtype)
    start = 0
    for chunk in column.chunks:
        values[start : start + len(chunk)] = chunk.to_numpy(zero_copy_only=False)
        start += len(chunk)
    return values


def _type(name: str) -> pa.DataType:
    if name == "time_ms":
        return pa.timestamp("ms", tz="UTC")
    if name in _TEXTS or name == "track" or name.startswith(_PREFIX):
        return pa.dictionary(pa.int32(), pa.string())
    return pa.from_numpy_dtype(EVENT_COLUMNS[name][0])


def _encoded(name: str, column: npt.NDArray[Any], dictionaries: Dictionaries) -> pa.Array:
    if name == "time_ms":
        return pa.array(column).cast(pa.timestamp("ms", tz="UTC"))
    if name == "track":
        return pa.DictionaryArray.from_arrays(
            pa.array(column.astype(np.int32)), pa.array(TRACKS, pa.string())
        )
    if name not in _TEXTS and not name.startswith(_PREFIX):
        return pa.array(column)
    # Only the values that these rows use go into the file, renumbered.
    used, indices = np.unique(column, return_inverse=True)
    values = _dictionary(dictionaries, name).values
    absent = len(used) and used[0] < 0
    texts = pa.array([values[code] for code in used if code >= 0], pa.string())
    places = indices.astype(np.int32) - np.int32(1 if absent else 0)
    return pa.DictionaryArray.from_arrays(pa.array(places, mask=places < 0), texts)


def _learners(segment: Segment, rows: slice) -> pa.Array:
    first = int(np.searchsorted(segment.offsets, rows.start, side="right")) - 1
    end = int(np.searchsorted(segment.offsets, rows.stop, side="left"))
    bounds = np.clip(segment.offsets[first : end + 1], rows.start, rows.stop)
    indices = np.repeat(np.arange(end - first, dtype=np.int32), np.diff(bounds))
    keys = np.empty((end - first, 2), ">u8")
    keys[:, 0], keys[:, 1] = segment.key_hi[first:end], segment.key_lo[first:end]
    texts = pa.Array.from_buffers(pa.binary(16), end - first, [None, pa.py_buffer(keys.tobytes())])
    return pa.DictionaryArray.from_arrays(pa.array(indices), texts)
