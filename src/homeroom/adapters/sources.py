"""What is to be read: paths, patterns, directories, standard input and tables, each found before anything is read.

All sources are found first, so that a path that does not exist is said at once and not after an hour, and so that
a progress bar knows its length. A directory is read in sorted order, which keeps runs comparable. What somebody
names must be readable; what merely lies in a directory that somebody names may turn out not to be.
"""

import glob
import os
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import pyarrow as pa

from homeroom.errors import SourceError

__all__ = ["REJECTS_FILE", "Input", "Source", "find_sources"]

REJECTS_FILE = "homeroom-rejects.ndjson"
"""The name that rejects files get unless a person names them; no source when a directory is read."""

Input: TypeAlias = "str | os.PathLike[str] | pa.Table"
"""A path, a glob pattern, a directory, ``-`` for standard input, or a table in memory."""


@dataclass(frozen=True, slots=True)
class Source:
    """One thing to read.

    Parameters
    ----------
    name : as shown to people and written to the rejects file
    path : a file; None for standard input and tables
    table : a table in memory, else None
    named : somebody named this very file; else it was found in a directory or by a pattern
    size_bytes : None where it is not known
    """

    name: str
    path: Path | None = None
    table: pa.Table | None = None
    named: bool = True
    size_bytes: int | None = None


def find_sources(inputs: Sequence[Input]) -> list[Source]:
    """Return all that the inputs stand for, in their order.

    Raises
    ------
    SourceError
        A path does not exist, a pattern fits nothing, or a directory cannot be listed.
    """
    sources: list[Source] = []
    for position, item in enumerate(inputs, 1):
        if isinstance(item, pa.Table):
            sources.append(Source(f"table {position}", table=item, size_bytes=item.nbytes))
        elif os.fspath(item) == "-":
            sources.append(Source("standard input"))
        else:
            sources.extend(_of_path(os.fspath(item)))
    return sources


def _of_path(text: str) -> Iterator[Source]:
    path = Path(text)
    try:
        status = path.stat()
    except (FileNotFoundError, NotADirectoryError):
        yield from _of_pattern(text)
        return
    except (OSError, ValueError) as error:
        raise SourceError(
            f"{text} cannot be read: {getattr(error, 'strerror', None) or error}"
        ) from error
    if stat.S_ISDIR(status.st_mode):
        yield from _of_directory(path)
    else:
        yield Source(_shown(text), path, size_bytes=_size(status))


def _of_pattern(text: str) -> Iterator[Source]:
    if not glob.has_magic(text):
        raise SourceError(
            f"{text} does not exist; give a file, a directory, a pattern, or - for standard input"
        )
    found = sorted(glob.glob(text, recursive=True))  # noqa: PTH207 - the pattern may be absolute
    if not found:
        raise SourceError(f"no file fits the pattern {text}")
    for name in found:
        path = Path(name)
        if path.is_dir():
            if "**" not in text:
                yield from _of_directory(path)
        else:
            yield from _regular(path)


def _of_directory(directory: Path) -> Iterator[Source]:
    def refuse(error: OSError) -> None:
        raise SourceError(f"{error.filename} cannot be listed: {error.strerror}") from error

    for folder, folders, files in os.walk(directory, onerror=refuse):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(files):
            if not name.startswith(".") and name != REJECTS_FILE:
                yield from _regular(Path(folder, name))


def _regular(path: Path) -> Iterator[Source]:
    """Yield a found file unless it is a pipe, a socket or a device, which could keep a reader waiting for ever."""
    try:
        status = path.stat()
    except OSError:
        yield Source(_shown(str(path)), path, named=False)
        return
    if stat.S_ISREG(status.st_mode):
        yield Source(_shown(str(path)), path, named=False, size_bytes=_size(status))


def _size(status: os.stat_result) -> int | None:
    return status.st_size if stat.S_ISREG(status.st_mode) else None


def _shown(path: str) -> str:
    """Return a path as text that can be written anywhere: names of files need not be UTF-8."""
    return os.fsencode(path).decode(errors="replace")
