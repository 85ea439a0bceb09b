"""Looks at a log in a PostgreSQL database, whoever writes to it meanwhile: what a backup asks of it.

One transaction sees one state of the database, however long it takes, so nothing need be locked and nobody waits. It
takes no right to write, and changes nothing; tables of an older release are left for the node to bring up to date.

Records of batches carry no number of their own. Those of entries are told apart by the entry; the few of which nothing
was written are told of again whenever there are more of them. The way not taken, a column that counts, would be one
that a distributed database cannot give out in order.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final, LiteralString

import psycopg

from homeroom import limits
from homeroom.adapters import log_rows as rows
from homeroom.adapters.log_postgres import place_of
from homeroom.adapters.log_reading import Cursor
from homeroom.adapters.schema.current import Found, must_migrate
from homeroom.errors import StoreError
from homeroom.log.entries import Entry, Head
from homeroom.log.log import BatchRecord
from homeroom.log.origins import Origin, Vector

__all__ = ["PostgresLogView", "viewed_postgres"]

_BEGIN: Final[LiteralString] = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
_HEADS: Final = rows.select(rows.HEAD_COLUMNS, "heads")
_BEGINS: Final = rows.select(f"{rows.ORIGIN}, number, ''::bytea, 0", "began")
_ENTRIES: Final = rows.select(
    rows.ENTRY_COLUMNS, "entries", "WHERE ORIGIN AND number BETWEEN %s AND %s ORDER BY number", "%s"
)
_HYBRID: Final = rows.select("hybrid", "entries", "WHERE ORIGIN AND number = %s", "%s")
_TOKENLESS: Final = rows.select(rows.BATCH_COLUMNS, "batches", "WHERE token IS NULL")
_COUNT: Final = rows.select("count(*)", "batches", "WHERE token IS NULL")
_OF_ORIGIN: Final = rows.select(
    rows.BATCH_COLUMNS,
    "batches",
    "WHERE left(token, length(%s)) = %s "
    "AND split_part(substr(token, length(%s) + 1), '/', 1)::bigint BETWEEN %s AND %s",
)
_NOT_WRITTEN: Final = ""
"""The name under which it is noted how many batches there were of which nothing was written."""


class PostgresLogView:
    """A log as it was at one moment; see `homeroom.adapters.log_reading.LogView`.

    Attributes
    ----------
    heads : by origin the last entry that was durable then
    begins : by origin the number before the first entry that was kept then
    """

    def __init__(self, connection: psycopg.Connection[Any], place: str) -> None:
        self._connection, self._place = connection, place
        with _told(place):
            self.heads = dict(rows.head_of(row, place) for row in connection.execute(_HEADS))
            begins = dict(rows.head_of(row, place) for row in connection.execute(_BEGINS))
        self.begins = Vector({origin: head.number for origin, head in begins.items()})

    def held(self) -> Vector:
        """Return by origin the last number."""
        return Vector({origin: head.number for origin, head in self.heads.items()})

    def read(self, origin: Origin, first: int, count: int) -> list[Entry]:
        """Return at most ``count`` entries, from number ``first`` on. Raises `StoreError` for one that is not there."""
        end = self.heads.get(origin, Head()).number
        wanted = range(max(first, self.begins[origin] + 1), min(end, first + count - 1) + 1)
        if not wanted:
            return []
        with _told(self._place):
            place = (*map(str, origin), wanted[0], wanted[-1])
            found = self._connection.execute(_ENTRIES, place, binary=True).fetchall()
        entries = [rows.entry_of(row, self._place) for row in found]
        rows.check_run(entries, wanted, self._place)
        return entries

    def entries(self, origin: Origin, first: int) -> Iterator[list[Entry]]:
        """Yield entries in order, from number ``first`` on, some at a time; those that were collected are left out."""
        first = max(first, self.begins[origin] + 1)
        while several := self.read(origin, first, limits.BACKUP_ENTRIES):
            yield several
            first = several[-1].number + 1

    def hybrid(self, origin: Origin, number: int) -> int | None:
        """Return the hybrid stamp of an entry, None if it was collected."""
        head = self.heads.get(origin, Head())
        if head.number == number:
            return head.hybrid
        with _told(self._place):
            row = self._connection.execute(_HYBRID, (*map(str, origin), number)).fetchone()
        return None if row is None else int(row[0])

    def records(self, after: Mapping[str, Cursor]) -> Iterator[tuple[str, Cursor, BatchRecord]]:
        """Yield what is kept of batches: by origin those of entries after a number, then those without an entry.

        With each comes the name of what it belongs to, and how far that will have been read at its end.
        """
        for origin, head in sorted(self.heads.items()):
            name, start = str(origin), f"{origin}/"
            known = after.get(name, Cursor()).row
            asked = (start, start, start, known + 1, head.number)
            for record in self._records(_OF_ORIGIN, asked):
                yield name, Cursor(head.number), record
        with _told(self._place):
            (count,) = self._connection.execute(_COUNT).fetchone() or (0,)
        if count != after.get(_NOT_WRITTEN, Cursor()).row:
            for record in self._records(_TOKENLESS, ()):
                yield _NOT_WRITTEN, Cursor(count), record

    def _records(self, query: str, asked: tuple[Any, ...]) -> Iterator[BatchRecord]:
        with _told(self._place), self._connection.cursor("records", binary=True) as cursor:
            cursor.itersize = limits.BACKUP_ENTRIES
            for row in cursor.execute(query, asked):
                yield rows.record_of(row, self._place)


@contextmanager
def viewed_postgres(url: str) -> Iterator[PostgresLogView]:
    """Look at a log in a database; one without tables is an empty log.

    Raises
    ------
    StoreError
        The server does not answer, or the tables are of a release that this one does not read.
    """
    place = place_of(url)
    seconds = limits.STORE_LOCK_WAIT_MS_MAX // 1_000
    with _told(place):
        connection = psycopg.connect(
            url, autocommit=True, connect_timeout=seconds, client_encoding="utf8"
        )
    try:
        with _told(place):
            connection.execute(_BEGIN)
            _check_schema(connection, place)
        yield PostgresLogView(connection, place)
    finally:
        connection.close()


def _check_schema(connection: psycopg.Connection[Any], place: str) -> None:
    (table,) = connection.execute("SELECT to_regclass('log_schema')").fetchone() or (None,)
    row = None
    if table is not None:
        row = connection.execute("SELECT revision, usable_from FROM log_schema").fetchone()
    if must_migrate(Found(*row) if row else None, place):
        raise StoreError(
            f"{place} has no log, or one that was written by an older release; start the node once, it brings it up to "
            f"date"
        )


@contextmanager
def _told(place: str) -> Iterator[None]:
    try:
        yield
    except (psycopg.Error, OSError, UnicodeError) as error:
        why = " ".join(str(error).split()) or type(error).__name__
        raise StoreError(f"{place} cannot be read: {why}; see that its server runs") from error
