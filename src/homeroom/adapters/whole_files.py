"""A file that is there whole or not at all.

Who reads a page or a table while it is being written, or after its writer was killed, must not take half of it for
all. So a file gets its name when its last byte is on the disk. What is no regular file (a device, a pipe) has a name
already and is written as it comes: replacing ``/dev/null`` by a file would be a nasty surprise.
"""

import contextlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from homeroom.errors import SourceError

__all__ = ["PRIVATE", "sync", "whole_file"]

PRIVATE = 0o600
"""The mode of a file that only its owner may read."""


@contextlib.contextmanager
def whole_file(path: Path, mode: int | None = None) -> Iterator[BinaryIO]:
    """Open a file for writing that takes its name at the end, and leaves nothing if an error ends the block.

    Parameters
    ----------
    path : where it will be; a link is followed
    mode : its permissions; None gives what any new file gets

    Raises
    ------
    SourceError
        The folder is missing or may not be written, the path is a directory, or the disk is full.
    """
    if path.is_dir():
        raise SourceError(f"{path} is a directory; name a file in it")
    place = path.resolve()
    try:
        if place.exists() and not place.is_file():
            with place.open("wb") as sink:
                yield sink
            return
        handle, beside = tempfile.mkstemp(
            prefix=f".{place.name}.", suffix=".part", dir=place.parent
        )
        try:
            with os.fdopen(handle, "wb") as sink:
                yield sink
                sink.flush()
                os.fsync(sink.fileno())
            Path(beside).chmod(_usual_mode() if mode is None else mode)
            Path(beside).replace(place)
        except BaseException:
            Path(beside).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise SourceError(
            f"{path} cannot be written: {error.strerror or error}; name a file in a folder that exists and is yours"
        ) from error


def sync(path: Path) -> None:
    """Make a file's content, or the names in a folder, last through a loss of power. Raises `OSError`."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _usual_mode() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return 0o666 & ~mask
