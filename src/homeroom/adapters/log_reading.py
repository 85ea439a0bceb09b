"""Reads a log's folder of SQLite files, whoever writes to it meanwhile, and without its lock.

A backup runs beside a node and must neither wait for it nor make it wait. SQLite's readers see one commit and the
journal goes on beside them; so a look at each file says up to where it is whole, and what comes later is for the next
backup. Files are opened for reading only: a reader that could write would move the journal's pages when it is the last
to let go, and a failure of that would be nobody's.

Nothing is copied as a file. A copy of a database that is being written is not one, and what is wanted is what the
entries say, not how one version of one database lays them out.
"""

import re
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

import msgspec

from homeroom import limits
from homeroom.adapters import log_rows as rows
from homeroom.adapters.schema.current import Found, must_migrate
from homeroom.errors import EntryError, StoreError
from homeroom.log.control import read_changes
from homeroom.log.entries import Entry, Head
from homeroom.log.log import BatchRecord
from homeroom.log.members import MemberJoined
from homeroom.log.origins import Origin, Stream, Vector
from homeroom.log.payloads import unpack

__all__ = ["Cursor", "LogView", "ViewedLog", "stated_keys", "viewed_log"]

_NAME: Final = re.compile(r"\d{6}\.db")
_SELECT_ENTRIES: Final = rows.select(
    rows.ENTRY_COLUMNS, "entries", "WHERE ORIGIN AND number BETWEEN ? AND ? ORDER BY number"
)
_SELECT_BATCHES: Final = rows.select(
    f"rowid, {rows.BATCH_COLUMNS}",
    "batches",
    "WHERE rowid > ? AND rowid <= ? ORDER BY rowid LIMIT ?",
)


class Cursor(msgspec.Struct, frozen=True):
    """How far the records of batches in one file were read: a row, and the batch that stands in it.

    The batch is there to see that the file is still the one that was read.
    """

    row: int = 0
    owner: str = ""
    batch_id: str = ""


@dataclass(frozen=True, slots=True)
class _File:
    """One file as it was when it was looked at."""

    path: Path
    connection: sqlite3.Connection
    heads: Mapping[Origin, Head]
    began: Vector
    last_row: int


class ViewedLog(Protocol):
    """A log as it was at one moment, wherever it lies."""

    heads: dict[Origin, Head]
    begins: Vector

    def held(self) -> Vector:
        """Return by origin the last number."""

    def read(self, origin: Origin, first: int, count: int) -> list[Entry]:
        """Return at most ``count`` entries, from number ``first`` on."""

    def entries(self, origin: Origin, first: int) -> Iterator[list[Entry]]:
        """Yield entries in order, from number ``first`` on, some at a time."""

    def hybrid(self, origin: Origin, number: int) -> int | None:
        """Return the hybrid stamp of an entry, None if it was collected."""

    def records(self, after: Mapping[str, Cursor]) -> Iterator[tuple[str, Cursor, BatchRecord]]:
        """Yield what is kept of batches, and how far one has come."""


class LogView:
    """A log as it was at one moment.

    Attributes
    ----------
    heads : by origin the last entry that was durable then
    begins : by origin the number before the first entry that was kept then
    """

    def __init__(self, files: list[_File]) -> None:
        self._files = files
        self.heads: dict[Origin, Head] = dict(files[-1].heads) if files else {}
        self.begins = files[0].began if files else Vector()

    def held(self) -> Vector:
        """Return by origin the last number."""
        return Vector({origin: head.number for origin, head in self.heads.items()})

    def entries(self, origin: Origin, first: int) -> Iterator[list[Entry]]:
        """Yield entries in order, from number ``first`` on, some at a time.

        Entries that have been collected are left out; so what comes may begin later, but has no gap. Raises
        `StoreError` if it has one.
        """
        for file, last in self._spans():
            end = last[origin] if last is not None else self.heads[origin].number
            while first <= end:
                several = self._read(file, origin, range(first, end + 1))
                if not several:
                    break
                yield several
                first = several[-1].number + 1

    def read(self, origin: Origin, first: int, count: int) -> list[Entry]:
        """Return at most ``count`` entries, from number ``first`` on. Raises `StoreError` for one that is not there."""
        for file, last in self._spans():
            end = last[origin] if last is not None else self.heads[origin].number
            if first <= end:
                return self._read(file, origin, range(first, min(end, first + count - 1) + 1))
        return []

    def _read(self, file: _File, origin: Origin, numbers: range) -> list[Entry]:
        with _told(file.path):
            last = min(numbers[-1], numbers[0] + limits.BACKUP_ENTRIES - 1)
            place = (*origin, numbers[0], last)
            found = file.connection.execute(_SELECT_ENTRIES, place).fetchall()
            began = _began(file.connection, str(file.path))[origin]
        entries = [rows.entry_of(row, str(file.path)) for row in found]
        still = range(max(numbers[0], began + 1), last + 1)
        entries = [entry for entry in entries if entry.number in still]
        if not still and began < numbers[-1]:
            return self._read(file, origin, range(began + 1, numbers[-1] + 1))
        if still:
            rows.check_run(entries, still, str(file.path))
        return entries

    def hybrid(self, origin: Origin, number: int) -> int | None:
        """Return the hybrid stamp of an entry, None if it was collected."""
        head = self.heads.get(origin, Head())
        if head.number == number:
            return head.hybrid
        for file, _ in self._spans():
            with _told(file.path):
                asked = rows.select("hybrid", "entries", "WHERE ORIGIN AND number = ?")
                found = file.connection.execute(asked, (*origin, number)).fetchone()
            if found is not None:
                return int(found[0])
        return None

    def records(self, after: Mapping[str, Cursor]) -> Iterator[tuple[str, Cursor, BatchRecord]]:
        """Yield what is kept of batches, in the order in which it came: file, where one has come to, record.

        ``after`` has by file how far one had come before; where that is not what the file says, it is read anew.
        """
        for file, last in self._spans():
            row = self._still(file, after.get(file.path.name, Cursor()))
            while True:
                with _told(file.path):
                    asked = (row, file.last_row, limits.BACKUP_ENTRIES)
                    found = file.connection.execute(_SELECT_BATCHES, asked).fetchall()
                if not found:
                    break
                for row, *values in found:
                    record = rows.record_of(values, str(file.path))
                    cursor = Cursor(row, record.owner, record.batch_id)
                    if _counts(record, self.held() if last is None else last):
                        yield file.path.name, cursor, record

    def _still(self, file: _File, cursor: Cursor) -> int:
        with _told(file.path):
            asked = rows.select("owner, batch_id", "batches", "WHERE rowid = ?")
            found = file.connection.execute(asked, (cursor.row,)).fetchone()
        return cursor.row if found == (cursor.owner, cursor.batch_id) else 0

    def _spans(self) -> list[tuple[_File, Vector | None]]:
        """Return the files, and up to which numbers each counts, None for all: the next file says."""
        ends: list[Vector | None] = [file.began for file in self._files[1:]]
        return list(zip(self._files, [*ends, None], strict=False))


def _counts(record: BatchRecord, last: Vector) -> bool:
    return record.token is None or record.token.number <= last[record.token.origin]


@contextmanager
def viewed_log(folder: Path) -> Iterator[LogView]:
    """Look at a log's folder; one that is not there is an empty log.

    Raises
    ------
    StoreError
        A file is missing, damaged, or of a schema that this release does not read.
    """
    with ExitStack() as stack:
        while True:
            paths = _paths(folder)
            files = [_looked_at(stack, path) for path in paths]
            if paths == _paths(folder):
                break  # else a new file was begun, or an old one dropped, meanwhile
            stack.pop_all().close()
        yield LogView(files)


def _paths(folder: Path) -> list[Path]:
    try:
        return sorted(path for path in folder.iterdir() if _NAME.fullmatch(path.name))
    except FileNotFoundError:
        return []
    except OSError as error:
        raise StoreError(
            f"the log's folder {folder} cannot be read: {error.strerror}; make it readable for this user"
        ) from error


def _looked_at(stack: ExitStack, path: Path) -> _File:
    with _told(path):
        connection = stack.enter_context(
            closing(
                sqlite3.connect(
                    f"{path.absolute().as_uri()}?mode=ro",
                    uri=True,
                    isolation_level=None,
                    timeout=limits.STORE_LOCK_WAIT_MS_MAX / 1_000,
                )
            )
        )
        connection.execute("BEGIN")  # what follows is seen as of one commit
        schema = connection.execute("SELECT revision, usable_from FROM log_schema").fetchone()
        if must_migrate(None if schema is None else Found(*schema), f"the log's file {path}"):
            raise StoreError(
                f"the log's file {path} was written by an older release; start the node once, it brings it up to date"
            )
        asked = rows.select(rows.HEAD_COLUMNS, "heads")
        heads = dict(rows.head_of(row, str(path)) for row in connection.execute(asked))
        began = _began(connection, str(path))
        (last_row,) = connection.execute("SELECT coalesce(max(rowid), 0) FROM batches").fetchone()
        connection.execute("COMMIT")
    return _File(path, connection, heads, began, last_row)


def _began(connection: sqlite3.Connection, place: str) -> Vector:
    asked = rows.select(f"{rows.ORIGIN}, number, x'', 0", "began")
    found = (rows.head_of(row, place) for row in connection.execute(asked))
    return Vector({origin: head.number for origin, head in found})


@contextmanager
def _told(path: Path) -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        raise StoreError(f"the log's file {path} cannot be read: {error}. {rows.REMEDY}") from error


def stated_keys(view: ViewedLog) -> dict[str, tuple[str, ...]]:
    """Return by name of node the public keys that nodes of the world were ever said to have, as text.

    Entries that cannot be read are passed over: whoever checks the log finds them.
    """
    found: dict[str, dict[str, None]] = {}
    for origin in sorted(view.heads):
        if origin.stream is not Stream.CONTROL:
            continue
        for entry in (one for several in view.entries(origin, 1) for one in several):
            with suppress(EntryError):
                entry.check_payload()
                for change in read_changes(unpack(entry.payload).content):
                    if isinstance(change.fact, MemberJoined):
                        found.setdefault(change.fact.node, {})[change.fact.key] = None
    return {node: tuple(keys) for node, keys in found.items()}
