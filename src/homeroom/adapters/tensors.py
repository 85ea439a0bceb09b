"""Named arrays in one file, mapped back without reading it.

State is a few dozen large arrays, and a question needs three of them. Each is an Arrow tensor message (the IPC
format's own), aligned to 64 bytes, so that a mapped file gives arrays without a copy. Names, places and checksums
stand in a footer: JSON, its length, its checksum, and a mark. Arrays are checked when they are read: a flipped bit
must end in an error, never in another answer.
"""

import json
import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from isal import isal_zlib

from homeroom.errors import DataDirectoryError

__all__ = [
    "LaterArrays",
    "TensorFile",
    "mapped_file",
    "read_tensors",
    "write_each",
    "write_tensors",
]

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


def mapped_file(path: Path) -> pa.Buffer:
    """Map a file: what was mapped can be read on when the file has been removed, and no descriptor stays open.

    Raises `DataDirectoryError` if it cannot be read.
    """
    try:
        with pa.memory_map(str(path)) as file:
            return file.read_buffer()
    except (OSError, pa.ArrowException) as error:
        why = getattr(error, "strerror", None) or error
        raise DataDirectoryError(f"{path} cannot be read: {why}. {_ADVICE}") from error


class TensorFile:
    """A file of arrays, of which each is checked when it is read.

    Parameters
    ----------
    path : the file
    whole : the file, if it is mapped already

    Raises
    ------
    DataDirectoryError
        It does not say what it holds: it is cut off or damaged.
    """

    def __init__(self, path: Path, whole: pa.Buffer | None = None) -> None:
        self._path = path
        self._whole = mapped_file(path) if whole is None else whole
        if self._whole.size < _TRAILER_BYTES:
            raise DataDirectoryError(f"{path} is cut off: {self._whole.size} bytes. {_ADVICE}")
        mapped = memoryview(self._whole)
        trailer = mapped[-_TRAILER_BYTES:]
        length = int.from_bytes(trailer[:4], "little")
        footer = mapped[-_TRAILER_BYTES - length : -_TRAILER_BYTES]
        crc = int.from_bytes(trailer[4:8], "little")
        if trailer[8:] != _MARK or isal_zlib.crc32(footer) != crc:
            raise DataDirectoryError(f"{path} is damaged or cut off. {_ADVICE}")
        self._places: dict[str, tuple[int, list[int], str, int]] = json.loads(bytes(footer))

    def shape(self, name: str) -> list[int] | None:
        """Return the shape of an array, None if there is none of that name."""
        return self._places[name][1] if name in self._places else None

    def names(self, prefix: str) -> list[str]:
        """Return the names that begin so, without this beginning."""
        return [name.removeprefix(prefix) for name in self._places if name.startswith(prefix)]

    def arrays(self, prefix: str = "") -> dict[str, npt.NDArray[Any]]:
        """Map the arrays whose names begin so, read-only, and check them. Raises `DataDirectoryError`."""
        return {name: self.array(name) for name in self._places if name.startswith(prefix)}

    def array(self, name: str) -> npt.NDArray[Any]:
        """Map one array, read-only, and check it. Raises `DataDirectoryError`."""
        place, shape, dtype, checksum = self._places[name]
        if 0 in shape:
            return np.zeros(shape, np.dtype(dtype))
        source = pa.BufferReader(self._whole)
        source.seek(place)
        try:
            array: npt.NDArray[Any] = pa.ipc.read_tensor(source).to_numpy()
        except (pa.ArrowException, OSError) as error:
            raise DataDirectoryError(
                f"{self._path} is damaged at {name}: {error}. {_ADVICE}"
            ) from error
        if list(array.shape) != shape or _checksum(array) != checksum:
            raise DataDirectoryError(f"{self._path} is damaged at {name}. {_ADVICE}")
        return array


class LaterArrays(dict[str, npt.NDArray[Any]]):
    """Arrays of a file by name, each read and checked when it is first taken, by whatever way.

    Parameters
    ----------
    file : where they are
    prefix : what stands before their names there
    """

    def __init__(self, file: TensorFile, prefix: str) -> None:
        names = file.names(prefix)
        super().__init__(dict.fromkeys(names, _UNREAD))
        self._file, self._prefix, self._unread = file, prefix, set(names)

    def __getitem__(self, name: str) -> npt.NDArray[Any]:
        if name in self._unread:
            super().__setitem__(name, self._file.array(self._prefix + name))
            self._unread.discard(name)
        return super().__getitem__(name)

    def __setitem__(self, name: str, array: npt.NDArray[Any]) -> None:
        super().__setitem__(name, array)
        self._unread.discard(name)

    def __iter__(
        self,
    ) -> Iterator[str]:  # a dictionary that is made of this one then takes what `__getitem__` gives
        return iter(list(super().__iter__()))

    def get(self, name: str, default: Any = None) -> Any:  # noqa: ANN401 - as dict has it
        """Return an array, or what stands for one that is not there."""
        return self[name] if name in self else default  # noqa: SIM401 - this is get

    def values(self) -> Any:  # noqa: ANN401 - a view, as dict has it
        """Return all arrays."""
        self._read_all()
        return super().values()

    def items(self) -> Any:  # noqa: ANN401 - a view, as dict has it
        """Return all names and arrays."""
        self._read_all()
        return super().items()

    def copy(self) -> dict[str, npt.NDArray[Any]]:
        """Return all of it as a plain dictionary."""
        return dict(self.items())

    def pop(self, name: str, *default: Any) -> Any:  # noqa: ANN401 - as dict has it
        """Take an array away."""
        self._unread.discard(name)
        return super().pop(name, *default)

    def _read_all(self) -> None:
        for name in tuple(self._unread):
            _ = self[name]


_UNREAD: npt.NDArray[Any] = np.empty(0)


def read_tensors(path: Path, whole: pa.Buffer | None = None) -> dict[str, npt.NDArray[Any]]:
    """Map all arrays of a file, read-only. Raises `DataDirectoryError` if it is not whole.

    Parameters
    ----------
    path : the file
    whole : the file, if it is mapped already
    """
    return TensorFile(path, whole).arrays()


def _checksum(array: npt.NDArray[Any]) -> int:
    """CRC-32 of an array's bytes: 10 GB/s and more, so checking a whole state costs less than one question."""
    return isal_zlib.crc32(array.reshape(-1).view(np.uint8)) if array.size else 0


_ADVICE = "Restore the directory from a backup, or load its files into a new one"
