"""Named arrays in one file, mapped back without reading it.

State is a few dozen large arrays, and a question needs three of them. Each is an Arrow tensor message (the IPC
format's own), aligned to 64 bytes, so that a mapped file gives arrays without a copy. Names, places and checksums
stand in a footer: JSON, its length, its checksum, and a mark. Arrays are checked when a file is opened: a flipped bit
must end in an error, never in another answer.
"""

import json
import mmap
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from isal import isal_zlib

from homeroom.errors import DataDirectoryError

__all__ = ["read_tensors", "write_each", "write_tensors"]

_MARK = b"homeroom tensors 1\n"
_TRAILER_BYTES = 8 + len(_MARK)


def write_tensors(path: Path, arrays: Mapping[str, npt.NDArray[Any]]) -> None:
    """Write arrays to a new file and make it durable."""
    write_each(path, arrays.items())


def write_each(path: Path, arrays: Iterable[tuple[str, npt.NDArray[Any]]]) -> None:
    """Do as `write_tensors` for arrays with their names that are made one after the other."""
    places = {}
    with path.open("xb") as file:
        sink = pa.PythonFile(file, "w")
        for name, array in arrays:
            sink.write(bytes(-sink.tell() % 64))
            whole = np.ascontiguousarray(array)
            places[name] = (sink.tell(), list(whole.shape), whole.dtype.str, _checksum(whole))
            if whole.size:
                pa.ipc.write_tensor(pa.Tensor.from_numpy(whole), sink)
        footer = json.dumps(places).encode()
        sink.write(footer)
        sink.write(
            len(footer).to_bytes(4, "little")
            + isal_zlib.crc32(footer).to_bytes(4, "little")
            + _MARK
        )
        sink.flush()
        os.fsync(file.fileno())


def read_tensors(path: Path) -> dict[str, npt.NDArray[Any]]:
    """Map a file's arrays, read-only. Raises `DataDirectoryError` if it is not whole."""
    try:
        with path.open("rb") as file:
            size_bytes = os.fstat(file.fileno()).st_size
            if size_bytes < _TRAILER_BYTES:
                raise DataDirectoryError(f"{path} is cut off: {size_bytes} bytes. {_ADVICE}")
            mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    except OSError as error:
        raise DataDirectoryError(
            f"{path} cannot be read: {error.strerror or error}. {_ADVICE}"
        ) from error
    trailer = mapped[-_TRAILER_BYTES:]
    length = int.from_bytes(trailer[:4], "little")
    footer = mapped[-_TRAILER_BYTES - length : -_TRAILER_BYTES]
    if trailer[8:] != _MARK or isal_zlib.crc32(footer) != int.from_bytes(trailer[4:8], "little"):
        raise DataDirectoryError(f"{path} is damaged or cut off. {_ADVICE}")
    source = pa.BufferReader(pa.py_buffer(mapped))
    arrays = {}
    for name, (place, shape, dtype, checksum) in json.loads(footer).items():
        if 0 in shape:
            arrays[name] = np.zeros(shape, np.dtype(dtype))
            continue
        source.seek(place)
        try:
            arrays[name] = pa.ipc.read_tensor(source).to_numpy()
        except (pa.ArrowException, OSError) as error:
            raise DataDirectoryError(f"{path} is damaged at {name}: {error}. {_ADVICE}") from error
        if list(arrays[name].shape) != shape or _checksum(arrays[name]) != checksum:
            raise DataDirectoryError(f"{path} is damaged at {name}. {_ADVICE}")
    return arrays


def _checksum(array: npt.NDArray[Any]) -> int:
    """CRC-32 of an array's bytes: 10 GB/s and more, so checking a whole state costs less than one question."""
    return isal_zlib.crc32(array.reshape(-1).view(np.uint8)) if array.size else 0


_ADVICE = "Restore the directory from a backup, or load its files into a new one"
