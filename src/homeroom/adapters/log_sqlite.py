"""One file of a log, in SQLite: durable when a write returns, readable from any thread meanwhile.

SQLite in WAL mode with full synchronisation does what a log needs: a transaction is one append to a journal and one
``fsync``, readers see the last commit and never wait, and after a crash the journal is read up to the last commit that
is whole. What it does not do is told here:

- A failed ``fsync`` is final. The kernel may drop what it could not write and then say yes, so a second yes means
  nothing; after any failure of a write the file takes no more. `homeroom.adapters.log_folder` goes on in a new one.
- SQLite moves pages from the journal to the file by itself, and says nothing when that fails. So it is told not to, and
  `checkpoint` does it, which says so; it may run in another thread, so that no acknowledgement waits for it.
- What an opened file shows may stand in the kernel's memory only, if an earlier ``fsync`` failed. So opening writes all
  of the journal to the file anew, and is durable before the first answer.

The way not taken is a file format of our own. It would save half a millisecond a write, and would have to earn the
trust that SQLite has.
"""

import os
import sqlite3
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final, TypeAlias

from homeroom import limits
from homeroom.adapters import log_rows as rows
from homeroom.adapters.schema.current import Found, must_migrate
from homeroom.adapters.whole_files import sync
from homeroom.errors import StoreError
from homeroom.log.entries import Entry, Head
from homeroom.log.log import BatchRecord
from homeroom.log.origins import Origin, Vector

__all__ = ["Aside", "SqliteStore", "make_file", "remove_file"]

Aside: TypeAlias = Callable[[Callable[[], None]], object]
"""Runs something at once, or hands it to another thread."""

_SETTINGS: Final = (
    "PRAGMA synchronous = FULL",
    "PRAGMA secure_delete = ON",
    "PRAGMA wal_autocheckpoint = 0",
)
_INSERT_ENTRIES: Final = rows.insert("entries", rows.ENTRY_COLUMNS, "?")
_INSERT_BATCHES: Final = rows.insert("batches", rows.BATCH_COLUMNS, "?")
_ADOPT_BATCHES: Final = _INSERT_BATCHES.replace("INSERT", "INSERT OR IGNORE", 1)
_SET_HEADS: Final = rows.insert("heads", rows.HEAD_COLUMNS, "?").replace("INSERT", "REPLACE", 1)
_SET_BEGAN: Final = rows.insert("began", f"{rows.ORIGIN}, number", "?").replace(
    "INSERT", "REPLACE", 1
)
_SELECT_ENTRIES: Final = rows.select(
    rows.ENTRY_COLUMNS, "entries", "WHERE ORIGIN AND number BETWEEN ? AND ? ORDER BY number"
)
_DELETE_ENTRIES: Final = rows.select(
    "", "entries", "WHERE ORIGIN AND number BETWEEN ? AND ?"
).replace("SELECT", "DELETE", 1)
_REDACT_ENTRY: Final = rows.select(
    "",
    "entries",
    "SET payload = ?, redacted = 1 WHERE ORIGIN AND number = ? AND payload_digest = ?",
).replace("SELECT  FROM", "UPDATE", 1)
_BLANK_ENTRIES: Final = rows.select(
    "", "entries", "SET payload = x'' WHERE ORIGIN AND number > ? AND payload <> x''"
).replace("SELECT  FROM", "UPDATE", 1)
_NEXT_ORIGIN: Final = rows.select(
    rows.ORIGIN, "entries", f"WHERE ({rows.ORIGIN}) > (?, ?, ?) ORDER BY {rows.ORIGIN} LIMIT 1"
)
_LAST_NUMBER: Final = rows.select("max(number)", "entries", "WHERE ORIGIN")
_SELECT_BATCH: Final = rows.select(
    rows.BATCH_COLUMNS, "batches", "WHERE owner = ? AND batch_id = ?"
)
_ASKED_AT_ONCE: Final = 64
"""Batches that one statement asks for. Fewer are filled up by repeats, so that its text is prepared once."""
_SELECT_THESE_BATCHES: Final = rows.select(
    rows.BATCH_COLUMNS,
    "batches",
    f"WHERE owner = ? AND batch_id IN ({', '.join('?' * _ASKED_AT_ONCE)})",
)
_SELECT_BATCHES: Final = rows.select(
    rows.BATCH_COLUMNS,
    "batches",
    "WHERE (owner, batch_id) > (?, ?) ORDER BY owner, batch_id LIMIT ?",
)
_ENTRY_BYTES: Final = 12 << 10
"""What an entry adds to the journal beside its payload: three pages."""
_RECORD_BYTES: Final = 256
_FAULTS: Final = (sqlite3.Error, OSError, ValueError, OverflowError, MemoryError)
"""What SQLite's module raises; texts and sizes of a damaged file also end in errors of Python's own."""
_REMEDIES: Final = {
    "SQLITE_FULL": "free space on its disk",
    "SQLITE_READONLY": "make the file and its folder writable",
    "SQLITE_IOERR": "check the disk and the system's log",
    "SQLITE_CANTOPEN": "check that the file is there and may be opened",
    "SQLITE_BUSY": "end the other process that uses it",
    "SQLITE_CORRUPT": rows.REMEDY,
    "SQLITE_NOTADB": rows.REMEDY,
}


def make_file(path: Path, heads: Mapping[Origin, Head]) -> None:
    """Make a file that goes on from ``heads``: durable, and under its name only when it is whole.

    Raises
    ------
    StoreError
        It cannot be made: no space, no permission, or there is a file of that name.
    """
    from homeroom.adapters.schema.migrating import migrate_sqlite

    fresh = path.with_name(f"{path.name}.new")
    with _told(path, "made"):
        _unlink(fresh)
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        os.close(descriptor)
        connection = _connected(fresh)
        connection.execute("PRAGMA journal_mode = WAL")
        connection.close()
    migrate_sqlite(lambda: _connected(fresh), str(path))
    with _told(path, "made"):
        connection = _connected(fresh)
        connection.execute("BEGIN IMMEDIATE")
        connection.executemany(_SET_HEADS, [rows.head_row(o, head) for o, head in heads.items()])
        connection.executemany(
            _SET_BEGAN, [(*origin, head.number) for origin, head in heads.items()]
        )
        connection.execute("COMMIT")
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        connection.close()
        sync(fresh)
        os.link(fresh, path)
        fresh.unlink()
        sync(path.parent)


def _unlink(path: Path) -> None:
    for part in ("", "-wal", "-shm"):
        path.with_name(path.name + part).unlink(missing_ok=True)


def remove_file(path: Path) -> None:
    """Remove a file that is closed, and what lies beside it. Raises `StoreError`."""
    with _told(path, "removed"):
        _unlink(path)
        sync(path.parent)


def _connected(path: Path, mode: str = "rw") -> sqlite3.Connection:
    """Open a file that is there; transactions are begun and ended by hand."""
    connection = sqlite3.connect(
        f"{path.absolute().as_uri()}?mode={mode}",
        uri=True,
        isolation_level=None,
        check_same_thread=False,
        timeout=limits.STORE_LOCK_WAIT_MS_MAX / 1_000,
    )
    try:
        for setting in _SETTINGS:
            connection.execute(setting)
    except BaseException:
        connection.close()
        raise
    return connection


@contextmanager
def _told(path: Path, what: str) -> Iterator[None]:
    """Turn what SQLite and the system raise into an error that says what to do."""
    try:
        yield
    except _FAULTS as error:
        name = getattr(error, "sqlite_errorname", None) or ""
        remedy = next((text for code, text in _REMEDIES.items() if name.startswith(code)), None)
        advice = f"; {remedy}" if remedy else ""
        raise StoreError(f"the log's file {path} cannot be {what}: {error}{advice}") from error


def _at_once(work: Callable[[], None]) -> None:
    work()


class SqliteStore:
    """A file of a log; a `homeroom.log.store.Store`.

    Parameters
    ----------
    path : the file, made by `make_file`
    aside : runs a checkpoint; the default does it at the end of the write that makes it due

    Raises
    ------
    StoreError
        There is no such file, it is damaged, or of a newer release.
    """

    def __init__(self, path: Path, aside: Aside = _at_once) -> None:
        self.path = path
        self._aside = aside
        self._failure: str | None = None
        self._is_closed = False
        self._journal_bytes = 0
        # Guards heads and began, and the list of idle readers.
        self._lock = threading.Lock()
        self._checkpointing = threading.Lock()
        self._idle: list[sqlite3.Connection] = []
        self._migrated()
        with _told(path, "opened"):
            self._writer = _connected(path)
            self._checkpointer = _connected(path)
            try:
                self._recover()
                self._load()
            except BaseException:
                self._writer.close()
                self._checkpointer.close()
                raise

    # --- opening -----------------------------------------------------------------------------------------------------

    def _migrated(self) -> None:
        """Bring the file to the schema of this release, if it is older."""
        with _told(self.path, "opened"):
            if not self.path.exists():
                raise StoreError(f"there is no file {self.path} of a log. {rows.REMEDY}")
            connection = _connected(self.path)
            try:
                found = self._schema(connection)
            finally:
                connection.close()
        if must_migrate(found, f"the log's file {self.path}"):
            from homeroom.adapters.schema.migrating import migrate_sqlite

            migrate_sqlite(lambda: _connected(self.path), str(self.path))

    def _schema(self, connection: sqlite3.Connection) -> Found:
        known = "SELECT count(*) FROM sqlite_master WHERE name = 'log_schema'"
        row = None
        if connection.execute(known).fetchone()[0]:
            row = connection.execute("SELECT revision, usable_from FROM log_schema").fetchone()
        if row is None or [*map(type, row)] != [int, int]:
            raise StoreError(f"{self.path} is no file of a log, or is cut off. {rows.REMEDY}")
        return Found(*row)

    def _recover(self) -> None:
        """Write what the journal holds to the file, durably, and see that the file is as long as it says."""
        busy, _, _ = self._writer.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        if busy:
            raise StoreError(
                f"the log's file {self.path} is in use by another process; end that one first"
            )
        pages, page_bytes = (
            self._writer.execute(f"PRAGMA {name}").fetchone()[0]
            for name in ("page_count", "page_size")
        )
        size = self.path.stat().st_size
        if size < pages * page_bytes:
            raise StoreError(
                f"the log's file {self.path} is cut off: it has {size:,} bytes of {pages * page_bytes:,}. {rows.REMEDY}"
            )

    def _load(self) -> None:
        place = str(self.path)
        found = self._writer.execute(rows.select(rows.HEAD_COLUMNS, "heads"))
        self._heads = dict(rows.head_of(row, place) for row in found)
        began = self._writer.execute(rows.select(f"{rows.ORIGIN}, number, x'', 0", "began"))
        self._began = {
            origin: head.number for origin, head in (rows.head_of(row, place) for row in began)
        }
        self._check_heads()

    def _check_heads(self) -> None:
        """See that the last number of each origin is that of its last entry: else entries would be lost unnoticed."""
        place = str(self.path)
        for origin, head in self._heads.items():
            if self._began.get(origin, 0) < head.number:
                (last,) = self._selected(self._writer, origin, range(head.number, head.number + 1))
                if last.head != head:
                    raise StoreError(rows.damaged(place, f"entry {head.number} of {origin}"))
        known = {tuple(map(str, origin)): head.number for origin, head in self._heads.items()}
        found = ("", "", "")
        while row := self._writer.execute(_NEXT_ORIGIN, found).fetchone():
            found = row
            number = self._writer.execute(_LAST_NUMBER, found).fetchone()[0]
            if known.get(found) != number:
                name = "/".join(map(str, found))
                raise StoreError(rows.damaged(place, f"entry {number} of {name}"))

    # --- writing -----------------------------------------------------------------------------------------------------

    @property
    def failure(self) -> str | None:
        """Why the file takes no more, None while it does."""
        return self._failure

    def write(self, entries: Sequence[Entry], records: Sequence[BatchRecord]) -> None:
        """Keep all of these or none; return when they are durable. The entries follow those that are there."""
        self._check_writable()
        heads: dict[Origin, Head] = {}
        with self._writing() as writer:
            for entry in entries:
                before = heads.get(entry.origin) or self.head(entry.origin)
                rows.check_sequel(entry, before, str(self.path))
                heads[entry.origin] = entry.head
            writer.executemany(_INSERT_ENTRIES, map(rows.entry_row, entries))
            writer.executemany(_SET_HEADS, [rows.head_row(o, head) for o, head in heads.items()])
            writer.executemany(_INSERT_BATCHES, rows.record_rows(records))
        with self._lock:
            self._heads.update(heads)
        self._journal_bytes += sum(_ENTRY_BYTES + len(entry.payload) for entry in entries)
        self._journal_bytes += _RECORD_BYTES * len(records)
        if self._journal_bytes >= limits.JOURNAL_BYTES:
            self._journal_bytes = 0
            self._aside(self.checkpoint)

    def _check_writable(self) -> None:
        if self._failure is not None:
            raise StoreError(
                f"the log's file {self.path} takes no more since a write failed ({self._failure}); go on in a new file"
            )

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        """One transaction, durable at the end; whatever goes wrong, the file takes no more."""
        try:
            with _told(self.path, "written"):
                self._writer.execute("BEGIN IMMEDIATE")
                yield self._writer
                self._writer.execute("COMMIT")
        except BaseException as error:
            self._failure = str(error)
            with suppress(sqlite3.Error):
                self._writer.rollback()
            raise

    def checkpoint(self) -> None:
        """Move the journal's pages to the file; after a failure of this, too, the file takes no more."""
        with self._checkpointing:
            if self._failure is not None or self._is_closed:
                return
            try:
                self._checkpointer.execute("PRAGMA wal_checkpoint(PASSIVE)")
            except _FAULTS as error:
                self._failure = f"pages could not be moved to it: {error}"

    def collect(self, up_to: Vector) -> int:
        """Forget some entries up to these numbers, but not that they were; return how many, 0 when none are left."""
        self._check_writable()
        gone: list[tuple[Origin, range]] = []
        room = limits.COLLECT_ENTRIES_MAX
        for origin, number in up_to.items():
            first = self._began.get(origin, 0) + 1
            last = min(number, self.head(origin).number, first + room - 1)
            if first <= last:
                gone.append((origin, range(first, last + 1)))
                room -= len(gone[-1][1])
        # Said before it is done: who reads meanwhile must not miss entries that have just gone.
        with self._lock:
            self._began.update({origin: numbers[-1] for origin, numbers in gone})
        if gone:
            with self._writing() as writer:
                for origin, numbers in gone:
                    writer.execute(_DELETE_ENTRIES, (*origin, numbers[0], numbers[-1]))
                    writer.execute(_SET_BEGAN, (*origin, numbers[-1]))
            self.checkpoint()
        return limits.COLLECT_ENTRIES_MAX - room

    def pass_over(self, heads: Mapping[Origin, Head]) -> None:
        """Have origins go on from these heads, as though all up to there had been held and collected."""
        self._check_writable()
        with self._lock:
            self._began.update({origin: head.number for origin, head in heads.items()})
        with self._writing() as writer:
            for origin, head in heads.items():
                writer.execute(_DELETE_ENTRIES, (*origin, 0, head.number))
                writer.execute(_SET_HEADS, rows.head_row(origin, head))
                writer.execute(_SET_BEGAN, (*origin, head.number))
        with self._lock:
            self._heads.update(heads)
        self.checkpoint()

    def redact(self, entries: Sequence[Entry]) -> None:
        """Put redacted entries in the places of those that are here; return when it is durable."""
        self._check_writable()
        with self._writing() as writer:
            writer.executemany(_REDACT_ENTRY, map(rows.redaction_row, entries))
        self._journal_bytes += sum(_ENTRY_BYTES + len(entry.payload) for entry in entries)

    def blank_after(self, last: Mapping[Origin, int]) -> None:
        """Leave nothing of the payloads after these numbers: they count for nobody, the next file goes on there."""
        beyond = [(*origin, last.get(origin, 0)) for origin in self.heads()]
        self._check_writable()
        with self._writing() as writer:
            writer.executemany(_BLANK_ENTRIES, beyond)

    def scrub(self) -> str | None:
        """Move all of the journal to the file, and empty it; return why that could not be, None if it was.

        What is deleted from pages is overwritten there (``secure_delete``), and stands in the journal until then.
        """
        if self._failure is not None:
            return f"{self.path} takes no more since a write failed; the next start empties its journal"
        with self._checkpointing, _told(self.path, "written"):
            busy, _, _ = self._checkpointer.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        return f"the journal of {self.path} is being read" if busy else None

    def adopt(self, records: Sequence[BatchRecord]) -> None:
        """Keep records of batches that an older file held; those that are here stay as they are."""
        self._check_writable()
        with self._writing() as writer:
            writer.executemany(_ADOPT_BATCHES, rows.record_rows(records))

    # --- reading -----------------------------------------------------------------------------------------------------

    def held(self) -> Vector:
        """Return by origin the last number."""
        return Vector({origin: head.number for origin, head in self.heads().items()})

    def heads(self) -> dict[Origin, Head]:
        """Return by origin the last entry that is durable."""
        with self._lock:
            return dict(self._heads)

    def head(self, origin: Origin) -> Head:
        """Return what the next entry of an origin follows; it stays when the entries before it are collected."""
        return self._heads.get(origin, Head())

    def begins(self) -> Vector:
        """Return by origin the number before the first entry that is kept here."""
        with self._lock:
            return Vector(self._began)

    def last_hybrid(self) -> int:
        """Return the latest hybrid stamp of all entries, 0 if there is none."""
        return max((head.hybrid for head in self.heads().values()), default=0)

    def read(self, origin: Origin, first: int, count: int) -> list[Entry]:
        """Return at most ``count`` entries in order, from number ``first`` on; payloads are not checked here."""
        last = min(self.head(origin).number, first + count - 1)
        with self._reading() as reader:
            return self._selected(
                reader, origin, range(max(first, self._began.get(origin, 0) + 1), last + 1)
            )

    def _selected(
        self, connection: sqlite3.Connection, origin: Origin, numbers: range
    ) -> list[Entry]:
        if not numbers:
            return []
        found = connection.execute(_SELECT_ENTRIES, (*origin, numbers[0], numbers[-1])).fetchall()
        entries = [rows.entry_of(row, str(self.path)) for row in found]
        # Some may have been collected since the numbers were chosen.
        still = range(max(numbers[0], self._began.get(origin, 0) + 1), numbers[-1] + 1)
        entries = [entry for entry in entries if entry.number in still]
        rows.check_run(entries, still, str(self.path))
        return entries

    def record(self, owner: str, batch_id: str) -> BatchRecord | None:
        """Return what is kept of a batch."""
        with self._reading() as reader:
            row = reader.execute(_SELECT_BATCH, (owner, batch_id)).fetchone()
        return None if row is None else rows.record_of(row, str(self.path))

    def records_of(self, names: Sequence[tuple[str, str]]) -> dict[tuple[str, str], BatchRecord]:
        """Return what is kept of batches by owner and id; those of which nothing is kept are left out."""
        ids_of: dict[str, list[str]] = {}
        for owner, batch_id in names:
            ids_of.setdefault(owner, []).append(batch_id)
        found: list[tuple[Any, ...]] = []
        with self._reading() as reader:
            for owner, ids in ids_of.items():
                for at in range(0, len(ids), _ASKED_AT_ONCE):
                    asked = ids[at : at + _ASKED_AT_ONCE]
                    asked += asked[-1:] * (_ASKED_AT_ONCE - len(asked))
                    found += reader.execute(_SELECT_THESE_BATCHES, (owner, *asked)).fetchall()
        records = [rows.record_of(row, str(self.path)) for row in found]
        return {(record.owner, record.batch_id): record for record in records}

    def records(self, after: tuple[str, str], count: int) -> list[BatchRecord]:
        """Return at most ``count`` records in the order of owner and id, after this pair of them."""
        with self._reading() as reader:
            found = reader.execute(_SELECT_BATCHES, (*after, count)).fetchall()
        return [rows.record_of(row, str(self.path)) for row in found]

    def verify(self) -> None:
        """Read all of the file, which takes long, and see that pages, indexes and records are whole.

        A wrong bit in an index hides a record from `record`, and a repeated batch is then taken again: state does not
        count it twice, but nobody would hear of it. Raises `StoreError`.
        """
        with self._reading() as reader:
            found = [str(row[0]) for row in reader.execute("PRAGMA integrity_check(3)")]
        if found != ["ok"]:
            raise StoreError(
                f"the log's file {self.path} is damaged: {'; '.join(found)}. {rows.REMEDY}"
            )
        after = ("", "")
        while records := self.records(after, limits.COLLECT_ENTRIES_MAX):
            after = (records[-1].owner, records[-1].batch_id)

    @contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        """Lend a connection of which no other thread knows."""
        with _told(self.path, "read"):
            with self._lock:
                reader = self._idle.pop() if self._idle else None
            if reader is None:
                reader = _connected(self.path)
                reader.execute("PRAGMA query_only = ON")
            try:
                yield reader
            except BaseException:
                reader.close()
                raise
            with self._lock:
                self._idle.append(reader)

    def close(self) -> None:
        """Let go of the file."""
        with self._checkpointing, self._lock:
            self._is_closed = True
            for connection in (*self._idle, self._checkpointer, self._writer):
                connection.close()
            self._idle.clear()
