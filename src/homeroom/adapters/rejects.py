"""What was not taken is written down, one JSON object a line, as it is met.

The problem: a summary that says "412 rejected" helps nobody find them, and a list of them kept in memory grows with
the worst file in the world. The intuition: a rejects file is a log. It is written as it comes, holds where and why
and never what (so it can be sent to whoever made the export), is readable by its owner alone, and ends at a bound,
beyond which rejects are only counted, and that is said.
"""

import os
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

import msgspec

from homeroom.adapters.sources import shown
from homeroom.errors import SourceError
from homeroom.events.model import REJECT_KEYS, Reject
from homeroom.limits import REJECT_LINES_MAX

__all__ = ["RejectsWriter"]

_FIRST_LINE_BYTES = 1 << 16
"""Enough to know a rejects file by: its lines hold names of files and no content."""


class RejectsWriter:
    """Counts rejects by reason and writes them to a file; used as a context manager.

    The file is made, with mode 0600, when the first reject comes: no file means no rejects. A file of that name from
    an earlier run is replaced then, and removed at the end if there were none.

    Parameters
    ----------
    path : where to write; None counts only
    """

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._file: BinaryIO | None = None
        self._encoder = msgspec.json.Encoder()
        self._counts: Counter[str] = Counter()
        self._lines = 0

    def __enter__(self) -> Self:
        """Start. Raises `SourceError` if a file of that name exists that is no rejects file."""
        if self._path is not None and self._path.is_file() and not _is_rejects_file(self._path):
            raise SourceError(
                f"{self._path} exists and is no rejects file, so it is not replaced; name another file for the rejects"
            )
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close the file."""
        self.close()

    def write(self, rejects: Iterable[Reject]) -> None:
        """Count rejects and write them down.

        Raises
        ------
        SourceError
            The file cannot be written.
        """
        lines: list[bytes] = []
        for reject in rejects:
            self._counts[reject.reason.value] += 1
            if self._path is not None and self._lines + len(lines) < REJECT_LINES_MAX:
                lines.append(self._encoder.encode(reject))
        if lines:
            self._append(b"\n".join(lines) + b"\n")
            self._lines += len(lines)

    def close(self) -> None:
        """Close the file; if nothing was rejected, an older file of that name is removed, since it is not true.

        Raises
        ------
        SourceError
            What was written last does not fit on the disk.
        """
        try:
            if self._file is not None:
                self._file.close()
            elif self._path is not None and self._lines == 0 and self._path.is_file():
                self._path.unlink()
        except OSError as error:
            raise SourceError(
                f"the rejects file {self._path} cannot be written: {error.strerror}"
            ) from error
        finally:
            self._file = None

    @property
    def count(self) -> int:
        """Rejects met."""
        return self._counts.total()

    @property
    def by_reason(self) -> Mapping[str, int]:
        """Rejects by reason, the most frequent first."""
        return dict(self._counts.most_common())

    @property
    def written_to(self) -> str | None:
        """The file's path, None if none was written."""
        return shown(str(self._path)) if self._lines else None

    @property
    def notes(self) -> tuple[str, ...]:
        """What the summary must say: that the file does not list all."""
        if self._path is None or self.count == self._lines:
            return ()
        return (
            f"the rejects file lists the first {self._lines:,} of {self.count:,} rejects; all are counted",
        )

    def _append(self, data: bytes) -> None:
        try:
            if self._file is None:
                self._file = self._opened()
            self._file.write(data)
        except OSError as error:
            raise SourceError(
                f"the rejects file {self._path} cannot be written: {error.strerror}"
            ) from error

    def _opened(self) -> BinaryIO:
        assert self._path is not None
        if (
            self._path.exists() and not self._path.is_file()
        ):  # /dev/null, a pipe: written to, never replaced
            return self._path.open("wb")
        # A new file, not the old one cut short: an older one may be readable by others, or be a link to elsewhere.
        self._path.unlink(missing_ok=True)
        descriptor = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        return os.fdopen(descriptor, "wb")


def _is_rejects_file(path: Path) -> bool:
    """Say whether a file is empty or begins like one that was written here."""
    try:
        with path.open("rb") as file:
            first = file.readline(_FIRST_LINE_BYTES)
        return not first or msgspec.json.decode(first).keys() == REJECT_KEYS
    except (OSError, ValueError, AttributeError):
        return False
