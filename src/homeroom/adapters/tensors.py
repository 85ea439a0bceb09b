"""Named arrays in one file, mapped back without reading it.

State is a few dozen large arrays, and a question needs three of them. Each is an Arrow tensor message (the IPC
format's own), aligned to 64 bytes, so that a mapped file gives arrays without a copy and without touching what is
not asked for. Names and places stand in a footer: JSON, its length, its checksum, and a mark.
"""

import json
import mmap
import os
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from homeroom.errors import DataDirectoryError

__all__ = ["read_tensors", "write_tensors"]

_MARK = b"homeroom tensors 1\n"
_TRAILER_BYTES = 8 + len(_MARK)


def write_tensors(path: Path, arrays: Mapping[str, npt.NDArray[Any]]) -> None:
    """Write arrays to a new file and make it durable."""
    places = {}
    with path.open("xb") as file:
        sink = pa.PythonFile(file, "w")
        for name, array in arrays.items():
            sink.write(bytes(-sink.tell() % 64))
            places[name] = (sink.tell(), list(array.shape), array.dtype.str)
            if array.size:
                pa.ipc.write_tensor(pa.Tensor.from_numpy(np.ascontiguousarray(array)), sink)
        footer = json.dumps(places).encode()
        sink.write(footer)
        sink.write(
            len(footer).to_bytes(4, "little") + zlib.crc32(footer).to_bytes(4, "little") + _MARK
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
    if trailer[8:] != _MARK or zlib.crc32(footer) != int.from_bytes(trailer[4:8], "little"):
        raise DataDirectoryError(f"{path} is damaged or cut off. {_ADVICE}")
    source = pa.BufferReader(pa.py_buffer(mapped))
    arrays = {}
    for name, (place, shape, dtype) in json.loads(footer).items():
        if 0 in shape:
            arrays[name] = np.zeros(shape, np.dtype(dtype))
            continue
        source.seek(place)
        arrays[name] = pa.ipc.read_tensor(source).to_numpy()
    return arrays


_ADVICE = "Restore the directory from a backup, or load its files into a new one"
