"""What is to be read: paths, patterns, directories, standard input and tables, each found before anything is read.

All sources are found first, so that a path that does not exist is said at once and not after an hour, and so that
a progress bar knows its length. A directory is read in sorted order, which keeps runs comparable. What somebody
names must be readable; what merely lies in a directory that somebody names may turn out not to be.
"""

import errno
import glob
import os
import stat
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import pyarrow as pa

from homeroom.errors import SourceError

__all__ = [
    "MANIFEST_FILE",
    "REJECTS_FILE",
    "Input",
    "Source",
    "find_sources",
    "refuse_overwriting",
    "shown",
]

REJECTS_FILE = "homeroom-rejects.ndjson"
"""The name that rejects files get unless a person names them; no source when a directory is read."""

MANIFEST_FILE = "homeroom.json"
"""The name of the file by which a data directory is known."""

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
    note : there is nothing to read here, and this is to be said
    """

    name: str
    path: Path | None = None
    table: pa.Table | None = None
    named: bool = True
    size_bytes: int | None = None
    note: str | None = None


def find_sources(
    inputs: Sequence[Input], note: Callable[[str], None] | None = None
) -> list[Source]:
    """Return all that the inputs stand for, in their order; ``note`` is told what there is that is not to be read.

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
    for source in sources:
        if note is not None and source.note is not None:
            note(source.note)
    return [source for source in sources if source.note is None]


def refuse_overwriting(
    inputs: Sequence[Input], outputs: Mapping[str, "str | os.PathLike[str] | None"]
) -> None:
    """Refuse outputs that would take the place of what is read, or of each other.

    Parameters
    ----------
    inputs : as for `find_sources`; also the files that say how to read
    outputs : by the name that a person knows it by, where each goes; None and ``-`` are no files

    Raises
    ------
    SourceError
        Two of them are one file, or one of them is among the inputs, or what `find_sources` raises.
    """
    wanted = {
        name: Path(path) for name, path in outputs.items() if path is not None and str(path) != "-"
    }
    taken: dict[object, str] = {}
    for name, path in wanted.items():
        if path.exists() and not path.is_file():
            continue  # a device or a pipe takes any number of writers
        other = taken.setdefault(_identity(path), name)
        if other != name:
            raise SourceError(f"{name} and {other} both name {path}; give each a file of its own")
    # What does not exist yet is none of the inputs, and these need not be sought.
    if any(path.exists() for path in wanted.values()):
        for source in find_sources(inputs):
            writer = None if source.path is None else taken.get(_identity(source.path))
            if writer is not None:
                raise SourceError(
                    f"{writer} would write over {source.name}, which is read; name a file outside of what is read"
                )


def _identity(path: Path) -> object:
    """Return what two names of one file have in common, whether it exists or not."""
    try:
        status = path.stat()
    except (OSError, ValueError):
        return path.resolve()
    return status.st_dev, status.st_ino


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
        if _is_data_directory(path):
            raise SourceError(f"{text} is a data directory of homeroom; ask it with --data {text}")
        found = list(_of_directory(path))
        yield from found
        if not found:
            yield Source(shown(text), path, note=f"{shown(text)} holds no file")
    else:
        yield Source(shown(text), path, size_bytes=_size(status))


def _of_pattern(text: str) -> Iterator[Source]:
    if not glob.has_magic(text):
        raise SourceError(
            f"{text} does not exist; give a file, a directory, a pattern, or - for standard input"
        )
    found = sorted(glob.glob(text, recursive=True))  # noqa: PTH207 - the pattern may be absolute
    if not found:
        raise SourceError(f"no file fits the pattern {text}")
    met: set[object] = set()
    for name in found:
        path = Path(name)
        if path.is_dir():
            if _is_data_directory(path):
                yield _passed_over(path)
            elif "**" not in text:
                yield from _of_directory(path)
        elif _is_new(path, met) and not any(map(_is_data_directory, path.parents[:2])):
            yield from _regular(path)


def _of_directory(directory: Path) -> Iterator[Source]:
    """Yield what lies in a directory and below it, links to folders followed, each folder once."""
    refused: list[OSError] = []
    met = {_identity(directory)}
    for folder, folders, files in os.walk(directory, onerror=refused.append, followlinks=True):
        below = [Path(folder, name) for name in sorted(folders) if not name.startswith(".")]
        folders[:] = [path.name for path in below if _is_new(path, met)]
        for path in below:
            if _is_data_directory(path):
                yield _passed_over(path)
        for name in sorted(files):
            if not name.startswith(".") and name != REJECTS_FILE:
                yield from _regular(Path(folder, name))
    for error in refused:
        if Path(error.filename) == directory:
            raise SourceError(f"{directory} cannot be listed: {error.strerror}") from error
        yield Source(shown(error.filename), Path(error.filename), named=False)


def _is_new(path: Path, met: set[object]) -> bool:
    """Say whether a path is to be read: it was not met by another way, and is no data directory."""
    identity = _identity(path)
    if identity in met or _is_data_directory(path):
        return False
    met.add(identity)
    return True


def _passed_over(path: Path) -> Source:
    name = shown(str(path))
    note = f"{name} is a data directory of homeroom, and is passed over"
    return Source(name, path, named=False, note=note)


def _is_data_directory(path: Path) -> bool:
    return (path / MANIFEST_FILE).is_file()


def _regular(path: Path) -> Iterator[Source]:
    """Yield a found file unless it is a pipe, a socket or a device, which could keep a reader waiting for ever."""
    try:
        status = path.stat()
    except OSError as error:
        if error.errno != errno.ELOOP:  # links in a circle hold nothing
            yield Source(shown(str(path)), path, named=False)
        return
    if stat.S_ISREG(status.st_mode):
        yield Source(shown(str(path)), path, named=False, size_bytes=_size(status))


def _size(status: os.stat_result) -> int | None:
    return status.st_size if stat.S_ISREG(status.st_mode) else None


def shown(path: str) -> str:
    """Return a path as text that can be written anywhere: names of files need not be UTF-8."""
    return os.fsencode(path).decode(errors="replace")
