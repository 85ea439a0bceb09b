"""Row groups of Parquet files, in a directory or in a bucket: the pieces in which a backfill goes.

A row group can be read alone, by whoever is there, and says how large it is before anything of it is read. Files are
known by their names below the place that was given, and by a stamp that is another one when they are replaced.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from homeroom.errors import SourceError

__all__ = ["RowGroup", "find_row_groups", "read_row_group"]

_SUFFIX = ".parquet"


@dataclass(frozen=True, slots=True)
class RowGroup:
    """A row group: its file below the place, the stamp of that, which one it is, and how large it is."""

    file: str
    stamp: str
    number: int
    rows: int
    size_bytes: int

    @property
    def name(self) -> str:
        """How it is called."""
        return f"{self.file}#{self.number}"


def find_row_groups(place: str, environment: Mapping[str, str]) -> list[RowGroup]:
    """Return the row groups of all Parquet files below a directory, or ``s3://bucket/prefix``, in order of their names.

    ``environment`` says where a bucket is, and who may use it (`homeroom.adapters.object_store`). Raises `SourceError`
    for a place that is not there or has no such file, and for a file that is damaged.
    """
    stamps = _stamps_in_bucket(place, environment) if "://" in place else _stamps_below(place)
    found = []
    for file, stamp in sorted(stamps.items()):
        with _opened(place, file, environment) as parquet:
            groups = (parquet.metadata.row_group(n) for n in range(parquet.num_row_groups))
            found += [
                RowGroup(file, stamp, number, one.num_rows, one.total_byte_size)
                for number, one in enumerate(groups)
            ]
    if not found:
        raise SourceError(f"{place} has no Parquet file with a row in it; name a place that has")
    return found


def read_row_group(place: str, group: RowGroup, environment: Mapping[str, str]) -> pa.Table:
    """Return the rows of a row group. Raises `SourceError` if it cannot be read."""
    with _opened(place, group.file, environment) as parquet:
        return parquet.read_row_group(group.number)


def _stamps_below(place: str) -> dict[str, str]:
    folder = Path(place)
    if not folder.is_dir():
        raise SourceError(f"{place} is no directory; name one, or s3://BUCKET/PREFIX")
    paths = [path for path in folder.rglob(f"*{_SUFFIX}") if path.is_file()]
    stats = [(path, path.stat()) for path in paths]
    return {
        path.relative_to(folder).as_posix(): f"{one.st_size}-{one.st_mtime_ns}"
        for path, one in stats
    }


def _stamps_in_bucket(place: str, environment: Mapping[str, str]) -> dict[str, str]:
    from homeroom.adapters.object_store import open_objects
    from homeroom.errors import BackupError

    try:
        listed = list(open_objects(place, environment).list(""))
    except BackupError as error:
        raise SourceError(str(error)) from error
    return {
        one.name: f"{one.size_bytes}-{one.modified_ms}"
        for one in listed
        if one.name.endswith(_SUFFIX)
    }


@contextmanager
def _opened(place: str, file: str, environment: Mapping[str, str]) -> Iterator[pq.ParquetFile]:
    """Have a file open. Raises `SourceError` for whatever goes wrong with it."""
    from homeroom.errors import BackupError

    try:
        with pq.ParquetFile(_source(place, file, environment)) as parquet:
            yield parquet
    except (BackupError, OSError, pa.ArrowException) as error:
        raise SourceError(f"{file} of {place} cannot be read: {error}") from error


def _source(place: str, file: str, environment: Mapping[str, str]) -> Any:  # noqa: ANN401 - of Arrow
    if "://" not in place:
        return Path(place) / file
    from homeroom.adapters.object_store import open_objects

    return pa.PythonFile(open_objects(place, environment).reader(file), mode="r")
