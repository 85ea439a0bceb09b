"""Files into objects, part by part: what has not changed since the last backup is not even read.

A part is a stretch of a file at a fixed place. The tables of a state are written anew with each snapshot, but much of
them is as it was, and such parts are in the repository already. Databases beside the log are copied through SQLite,
which hands out one commit, and never as files.
"""

import hashlib
import os
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import BinaryIO, Final

from homeroom import limits
from homeroom.adapters.backup.manifest import FileCopy, Manifest
from homeroom.adapters.backup.repository import Repository
from homeroom.errors import BackupError

__all__ = ["PASSING_PREFIX", "Copying", "MovedOnError"]

PASSING_PREFIX: Final = ".backup-"
"""How names begin of files that a backup makes in the directory, and removes."""
_SQLITE: Final = b"SQLite format 3\0"


class MovedOnError(Exception):
    """What was to be copied is not there any more: the node has gone on, and so must the backup."""


class Copying:
    """Copies files of a directory.

    Parameters
    ----------
    directory : the files lie below it
    repository : where parts go
    before : the last backup, None if this is the first
    """

    def __init__(self, directory: Path, repository: Repository, before: Manifest | None) -> None:
        self._directory = directory
        self._repository = repository
        self._before = {} if before is None else {copy.path: copy for copy in before.copies()}

    def copy(self, path: str) -> FileCopy:
        """Copy a file. Raises `MovedOnError` if it is gone or cut, `BackupError` if it cannot be read."""
        place = self._directory / path
        try:
            with place.open("rb") as file:
                is_database = file.read(len(_SQLITE)) == _SQLITE
                file.seek(0)
                if not is_database:
                    return self._copied(path, file)
            with _one_commit(place, self._directory) as file:
                return self._copied(path, file)
        except FileNotFoundError:
            raise MovedOnError(path) from None
        except (OSError, sqlite3.Error) as error:
            raise BackupError(
                f"{place} cannot be read: {getattr(error, 'strerror', None) or error}; run the backup as the user who "
                f"owns the directory, and check its disk"
            ) from error

    def _copied(self, path: str, file: BinaryIO) -> FileCopy:
        status = os.fstat(file.fileno())
        before = self._before.get(path)
        if (
            before is not None
            and (before.size_bytes, before.mtime_ns) == (status.st_size, status.st_mtime_ns)
            and self._repository.has(before.parts)
        ):
            self._repository.sent.there += len(before.parts)
            return before
        digest, parts = hashlib.sha256(), []
        # Of a file to which lines are being added, what stood in it at one moment.
        for part in _parts(file, status.st_size):
            digest.update(part)
            parts.append(self._repository.keep(part))
        return FileCopy(
            path=path,
            size_bytes=status.st_size,
            mtime_ns=status.st_mtime_ns,
            digest=digest.digest(),
            parts=tuple(parts),
        )


def _parts(file: BinaryIO, size_bytes: int) -> Iterator[bytes]:
    left = size_bytes
    while left:
        part = file.read(min(left, limits.BACKUP_PART_BYTES))
        if not part:
            raise MovedOnError("a file was cut while it was read")
        left -= len(part)
        yield part


@contextmanager
def _one_commit(place: Path, directory: Path) -> Iterator[BinaryIO]:
    """Have a copy of a database as of one commit, beside it: what is in it is as private as the directory."""
    handle, name = tempfile.mkstemp(prefix=PASSING_PREFIX, suffix=".part", dir=directory)
    os.close(handle)
    passing = Path(name)
    try:
        with (
            closing(sqlite3.connect(f"{place.absolute().as_uri()}?mode=ro", uri=True)) as source,
            closing(sqlite3.connect(passing)) as target,
        ):
            source.backup(target)
        with passing.open("rb") as file:
            yield file
    finally:
        passing.unlink()
