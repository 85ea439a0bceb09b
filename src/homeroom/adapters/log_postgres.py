"""A log in PostgreSQL, for a region whose database people already run, watch and back up.

It keeps what `homeroom.adapters.log_sqlite` keeps, in the same tables, and adds what a database that others can reach
needs: a fence. Each store that is opened writes its incarnation into the row of its node, and each transaction that
writes locks that row and looks whether it is still its own. So of two processes under one name the one that came first
cannot write any more; no clock and no lease has a say in it.

The SQL is what CockroachDB and others that speak the same protocol know too: no sequences, no advisory locks, no
notifications. The way not taken is an advisory lock for the life of a connection: it is gone when the connection is,
and a process that was paused would not know.
"""

import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Any, Final, LiteralString

import psycopg
from psycopg.conninfo import conninfo_to_dict

from homeroom import limits
from homeroom.adapters import log_rows as rows
from homeroom.adapters.schema.current import Found, must_migrate
from homeroom.errors import StoreError
from homeroom.log.entries import Entry, Head
from homeroom.log.log import BatchRecord
from homeroom.log.origins import Origin, Vector
from homeroom.log.store import expect

__all__ = ["PostgresStore", "place_of"]

_SETTINGS: Final[tuple[LiteralString, ...]] = (
    # A commit that the server calls done is on its disk, whatever it was configured to.
    "SET synchronous_commit = on",
    # A writer that was paused within a transaction must not keep the next one out.
    "SET idle_in_transaction_session_timeout = 5000",
    "SET lock_timeout = 5000",
)
_FENCE: Final = "SELECT 1 FROM writers WHERE node = %s AND incarnation = %s FOR UPDATE"
_TAKE: Final = (
    "INSERT INTO writers (node, incarnation) VALUES (%s, %s) "
    "ON CONFLICT (node) DO UPDATE SET incarnation = excluded.incarnation"
)
_INSERT_ENTRY: Final = rows.insert("entries", rows.ENTRY_COLUMNS, "%s")
_INSERT_HEAD: Final = rows.insert("heads", rows.HEAD_COLUMNS, "%s")
_UPDATE_HEAD: Final = (
    "UPDATE heads SET number = %s, digest = %s, hybrid = %s "
    "WHERE node = %s AND incarnation = %s AND stream = %s AND number = %s AND digest = %s"
)
_INSERT_BATCHES: Final = (
    "INSERT INTO batches (owner, batch_id, digest, answer, token, checksum) SELECT * FROM unnest("
    "%b::text[], %b::text[], %b::bytea[], %b::bytea[], %b::text[], %b::bigint[])"
)
_ADOPT_BATCHES: Final = f"{_INSERT_BATCHES} ON CONFLICT DO NOTHING"
_SELECT_HEADS: Final = rows.select(rows.HEAD_COLUMNS, "heads")
_SELECT_HEAD: Final = rows.select(rows.HEAD_COLUMNS, "heads", "WHERE ORIGIN", "%s")
_SELECT_BEGINS: Final = rows.select(f"{rows.ORIGIN}, number, ''::bytea, 0", "began", "", "%s")
_SELECT_BEGAN: Final = rows.select("number", "began", "WHERE ORIGIN", "%s")
_SET_BEGAN: Final = (
    rows.insert("began", f"{rows.ORIGIN}, number", "%s")
    + f" ON CONFLICT ({rows.ORIGIN}) DO UPDATE SET number = excluded.number"
)
_SELECT_ENTRIES: Final = rows.select(
    rows.ENTRY_COLUMNS, "entries", "WHERE ORIGIN AND number BETWEEN %s AND %s ORDER BY number", "%s"
)
_DELETE_ENTRIES: Final = rows.select(
    "", "entries", "WHERE ORIGIN AND number BETWEEN %s AND %s", "%s"
).replace("SELECT", "DELETE", 1)
_REDACT_ENTRY: Final = rows.select(
    "",
    "entries",
    "SET payload = %s, redacted = 1 WHERE ORIGIN AND number = %s AND payload_digest = %s",
    "%s",
).replace("SELECT  FROM", "UPDATE", 1)
_SELECT_BATCH: Final = rows.select(
    rows.BATCH_COLUMNS, "batches", "WHERE owner = %s AND batch_id = %s"
)
_SELECT_THESE_BATCHES: Final = rows.select(
    rows.BATCH_COLUMNS,
    "batches",
    "WHERE (owner, batch_id) IN (SELECT * FROM unnest(%s::text[], %s::text[]))",
)


class PostgresStore:
    """A log in a PostgreSQL database; a `homeroom.log.store.Store`.

    Opening it takes the right to write from any other store of this node.

    Parameters
    ----------
    url : ``postgresql://user:password@host:port/database``; it is in no error
    node : who writes
    writer : tells this store object from any other, as 32 random hexadecimal digits do

    Raises
    ------
    StoreError
        The server does not answer, is configured to lose what it said was done, or its tables are of a newer release.
    """

    def __init__(self, url: str, node: str, writer: str) -> None:
        self._url = url
        self._place = place_of(url)
        self._writer_id = (node, writer)
        self._failure: str | None = None
        self._lock = threading.Lock()
        self._idle: list[psycopg.Connection[Any]] = []
        self._migrated()
        with self._told("opened"):
            self._writer = self._connected()
            try:
                self._writer.execute(_TAKE, self._writer_id)
                self._heads = self._loaded()
            except BaseException:
                self._writer.close()
                raise

    # --- opening -----------------------------------------------------------------------------------------------------

    def _connected(self) -> psycopg.Connection[Any]:
        seconds = limits.STORE_LOCK_WAIT_MS_MAX // 1_000
        connection = psycopg.connect(
            self._url, autocommit=True, connect_timeout=seconds, client_encoding="utf8"
        )
        try:
            for setting in _SETTINGS:
                connection.execute(setting)
        except psycopg.Error:
            connection.close()
            raise
        return connection

    def _migrated(self) -> None:
        with self._told("opened"):
            connection = self._connected()
            try:
                unsafe = connection.execute(
                    "SELECT setting FROM pg_settings WHERE name = 'fsync'"
                ).fetchone()
                found = self._schema(connection)
            finally:
                connection.close()
        if unsafe == ("off",):
            raise StoreError(
                f"{self._place} has fsync = off, so it loses what it said was done; switch it on in its configuration"
            )
        if not must_migrate(found, self._place):
            return
        from homeroom.adapters.schema.migrating import migrate_postgres

        try:
            migrate_postgres(self._connected_for_migration, self._place)
        except StoreError:
            # Another process may have been quicker; then all is well.
            with self._told("opened"), self._connected() as connection:
                if must_migrate(self._schema(connection), self._place):
                    raise

    def _loaded(self) -> dict[Origin, Head]:
        return dict(rows.head_of(row, self._place) for row in self._writer.execute(_SELECT_HEADS))

    def _connected_for_migration(self) -> psycopg.Connection[Any]:
        connection = self._connected()
        connection.autocommit = False
        return connection

    @staticmethod
    def _schema(connection: psycopg.Connection[Any]) -> Found | None:
        (table,) = connection.execute("SELECT to_regclass('log_schema')").fetchone() or (None,)
        if table is None:
            return None
        row = connection.execute("SELECT revision, usable_from FROM log_schema").fetchone()
        return Found(*row) if row else None

    # --- writing -----------------------------------------------------------------------------------------------------

    @property
    def failure(self) -> str | None:
        """Why this store writes no more, None while it does. A new store object may."""
        return self._failure

    def write(self, entries: Sequence[Entry], records: Sequence[BatchRecord]) -> None:
        """Keep all of these or none; return when they are durable. The entries follow those that are there."""
        heads: dict[Origin, Head] = {}
        columns = [list(column) for column in zip(*rows.record_rows(records), strict=True)]
        with self._writing() as cursor:
            for entry in entries:
                before = heads.get(entry.origin) or self._heads.get(entry.origin, Head())
                rows.check_sequel(entry, before, self._place)
                heads[entry.origin] = entry.head
            if entries:
                cursor.executemany(_INSERT_ENTRY, list(map(rows.entry_row, entries)))
            for origin, head in heads.items():
                self._move_head(cursor, origin, head)
            if records:
                cursor.execute(_INSERT_BATCHES, columns)
        self._heads.update(heads)

    def _move_head(self, cursor: psycopg.Cursor[Any], origin: Origin, head: Head) -> None:
        before = self._heads.get(origin)
        if before is None:
            cursor.execute(_INSERT_HEAD, rows.head_row(origin, head))
            return
        place = (str(part) for part in origin)
        cursor.execute(
            _UPDATE_HEAD,
            (head.number, head.digest, head.hybrid, *place, before.number, before.digest),
        )
        if cursor.rowcount != 1:
            raise StoreError(
                f"{self._place} does not hold entry {before.number} of {origin} any more, which it said was durable: "
                f"its server failed over to one that lagged, or it was restored to an earlier time. Nothing was "
                f"written; start again"
            )

    def go_on(self) -> None:
        """Be ready for writes again after one has failed, over a new connection; a new life of the log begins.

        Raises
        ------
        StoreError
            The server does not answer, another process writes as this node, or the database has lost entries that it
            had said were durable: then only a new start, which folds anew, goes on.
        """
        with self._told("opened again"):
            with suppress(psycopg.Error):
                self._writer.close()
            self._writer = self._connected()
            with self._writer.transaction(), self._writer.cursor() as cursor:
                self._check_fence(cursor)
                found = self._loaded()
        expect(*(Vector({o: h.number for o, h in heads.items()}) for heads in (found, self._heads)))
        self._heads, self._failure = found, None

    @contextmanager
    def _writing(self) -> Iterator[psycopg.Cursor[Any]]:
        """One transaction behind the fence; whatever goes wrong, this store writes no more."""
        if self._failure is not None:
            raise StoreError(
                f"{self._place} takes no more from this store since a write failed ({self._failure}); "
                f"go on over a new connection"
            )
        try:
            with (
                self._told("written"),
                self._writer.transaction(),
                self._writer.cursor() as cursor,
            ):
                self._check_fence(cursor)
                yield cursor
        except BaseException as error:
            self._failure = str(error)
            raise

    def _check_fence(self, cursor: psycopg.Cursor[Any]) -> None:
        if cursor.execute(_FENCE, self._writer_id).fetchone() is None:
            raise StoreError(
                f"another process has begun to write to {self._place} as node {self._writer_id[0]}; this one must "
                f"stop. Give each node a name of its own"
            )

    @contextmanager
    def _told(self, what: str) -> Iterator[None]:
        try:
            yield
        except (psycopg.Error, OSError, UnicodeError) as error:
            why = " ".join(str(error).split()) or type(error).__name__
            note = "; whether the last write is there is not known" if what == "written" else ""
            raise StoreError(f"{self._place} cannot be {what}: {why}{note}") from error

    def begin(self, heads: Mapping[Origin, Head]) -> None:
        """Have an empty log go on from ``heads``, as though it had held what is up to there, and collected it.

        Raises `StoreError` if the log is not empty.
        """
        if self._heads:
            raise StoreError(
                f"{self._place} holds a log already; name a database that is empty, or remove the tables of this one"
            )
        with self._writing() as cursor:
            for origin, head in heads.items():
                cursor.execute(_INSERT_HEAD, rows.head_row(origin, head))
                cursor.execute(_SET_BEGAN, (*map(str, origin), head.number))
        self._heads = dict(heads)

    def adopt(self, records: Sequence[BatchRecord]) -> None:
        """Keep records of batches that were kept elsewhere; those that are here stay as they are."""
        columns = [list(column) for column in zip(*rows.record_rows(records), strict=True)]
        if records:
            with self._writing() as cursor:
                cursor.execute(_ADOPT_BATCHES, columns)

    def clear(self) -> None:
        """Remove all that was written, after a restore that has failed."""
        with self._writing() as cursor:
            for table in ("entries", "heads", "began", "batches"):
                cursor.execute(f"DELETE FROM {table}")  # noqa: S608 - names of ours
        self._heads = {}

    def collect(self, up_to: Vector) -> int:
        """Forget some entries up to these numbers, but not that they were; return how many, 0 when none are left."""
        room = limits.COLLECT_ENTRIES_MAX
        with self._writing() as cursor:
            for origin, number in up_to.items():
                place = tuple(str(part) for part in origin)
                row = cursor.execute(_SELECT_BEGAN, place).fetchone()
                first = (row[0] if row else 0) + 1
                last = min(number, self._heads.get(origin, Head()).number, first + room - 1)
                if first <= last:
                    cursor.execute(_DELETE_ENTRIES, (*place, first, last))
                    cursor.execute(_SET_BEGAN, (*place, last))
                    room -= last - first + 1
        return limits.COLLECT_ENTRIES_MAX - room

    def pass_over(self, heads: Mapping[Origin, Head]) -> None:
        """Have origins go on from these heads, as though all up to there had been held and collected.

        Each must lie beyond what is held of its origin; what is here of it goes.
        """
        ahead = {o: h for o, h in heads.items() if h.number > self._heads.get(o, Head()).number}
        if not ahead:
            return
        with self._writing() as cursor:
            for origin, head in ahead.items():
                place = tuple(str(part) for part in origin)
                cursor.execute(_DELETE_ENTRIES, (*place, 0, head.number))
                self._move_head(cursor, origin, head)
                cursor.execute(_SET_BEGAN, (*place, head.number))
        self._heads.update(ahead)

    def redact(self, entries: Sequence[Entry]) -> None:
        """Put redacted entries in the places of those that are here; return when it is durable."""
        with self._writing() as cursor:
            cursor.executemany(_REDACT_ENTRY, list(map(rows.redaction_row, entries)))

    def scrub(self) -> str | None:
        """Have the server give up the rows that were replaced or deleted; None if it has.

        Their pages are written over by what comes next. What a server keeps of its own journal, and archives of it, is
        the affair of whoever runs it.
        """
        with self._told("cleaned"):
            self._writer.execute("VACUUM entries")
        return None

    # --- reading -----------------------------------------------------------------------------------------------------

    def held(self) -> Vector:
        """Return by origin the last number, as the server says now."""
        return Vector({origin: head.number for origin, head in self._read_heads().items()})

    def head(self, origin: Origin) -> Head:
        """Return what the next entry of an origin follows; it stays when the entries before it are collected."""
        return self._read_heads().get(origin, Head())

    def begins(self) -> Vector:
        """Return by origin the number before the first entry that is kept."""
        with self._reading() as reader:
            found = [rows.head_of(row, self._place) for row in reader.execute(_SELECT_BEGINS)]
        return Vector({origin: head.number for origin, head in found})

    def last_hybrid(self) -> int:
        """Return the latest hybrid stamp of all entries, 0 if there is none."""
        return max((head.hybrid for head in self._read_heads().values()), default=0)

    def _read_heads(self) -> dict[Origin, Head]:
        with self._reading() as reader:
            return dict(rows.head_of(row, self._place) for row in reader.execute(_SELECT_HEADS))

    def read(self, origin: Origin, first: int, count: int) -> list[Entry]:
        """Return at most ``count`` entries in order, from number ``first`` on; payloads are not checked here."""
        place = tuple(str(part) for part in origin)
        with self._reading() as reader:
            head = reader.execute(_SELECT_HEAD, place).fetchone()
            began = reader.execute(_SELECT_BEGAN, place).fetchone()
            last = min(head[3] if head else 0, first + count - 1)
            wanted = range(max(first, (began[0] if began else 0) + 1), last + 1)
            if not wanted:
                return []
            found = reader.execute(_SELECT_ENTRIES, (*place, wanted[0], last), binary=True)
            entries = [rows.entry_of(row, self._place) for row in found]
        rows.check_run(entries, wanted, self._place)
        return entries

    def record(self, owner: str, batch_id: str) -> BatchRecord | None:
        """Return what is kept of a batch."""
        with self._reading() as reader:
            row = reader.execute(_SELECT_BATCH, (owner, batch_id), binary=True).fetchone()
        return None if row is None else rows.record_of(row, self._place)

    def records_of(self, names: Sequence[tuple[str, str]]) -> dict[tuple[str, str], BatchRecord]:
        """Return what is kept of batches by owner and id; those of which nothing is kept are left out."""
        columns = [[owner for owner, _ in names], [batch_id for _, batch_id in names]]
        with self._reading() as reader:
            found = reader.execute(_SELECT_THESE_BATCHES, columns, binary=True).fetchall()
        records = [rows.record_of(row, self._place) for row in found]
        return {(record.owner, record.batch_id): record for record in records}

    @contextmanager
    def _reading(self) -> Iterator[psycopg.Connection[Any]]:
        """Lend a connection of which no other thread knows, in a transaction that sees one state."""
        with self._told("read"):
            reader = self._lent()
            try:
                yield reader
                reader.execute("COMMIT")
            except BaseException:
                reader.close()
                raise
            with self._lock:
                self._idle.append(reader)

    def _lent(self) -> psycopg.Connection[Any]:
        begin: LiteralString = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
        while True:
            with self._lock:
                reader = self._idle.pop() if self._idle else None
            if reader is None:
                break
            try:
                reader.execute(begin)
            except psycopg.Error:
                # The server went away since; it may be back.
                reader.close()
            else:
                return reader
        reader = self._connected()
        reader.execute(begin)
        return reader

    def close(self) -> None:
        """Let go of the database."""
        with self._lock:
            for connection in (*self._idle, self._writer):
                with suppress(psycopg.Error):
                    connection.close()
            self._idle.clear()


def place_of(url: str) -> str:
    """Return how errors call a database: without user and password."""
    try:
        parts = conninfo_to_dict(url)
    except psycopg.Error:
        raise StoreError(
            "the URL of the log's database cannot be read; it must be like postgresql://user:password@host/database"
        ) from None
    return (
        f"the log's database {parts.get('dbname', '')} at {parts.get('host', 'the default host')}"
    )
