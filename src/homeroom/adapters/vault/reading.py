"""The vault is read: statements by id and by what they are found by, documents, what is known of activities and people.

A reader has a connection of its own and sees whole transactions only. It opens what it returns: body and persons, each
with the key of its subject. A person whose key was destroyed is shown as erased, in whatever statement.

Where several nodes write, a statement of one may be here before what it names and another one wrote: a person's key, a
form of theirs. Then it is not shown yet. Missing is not erased: which of the two it is, is known as soon as all is here
that was written before it.
"""

import contextlib
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Final, NamedTuple, TypeAlias

import msgspec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from homeroom import limits
from homeroom.adapters.vault.cutting import put_back
from homeroom.adapters.vault.held import Held
from homeroom.adapters.vault.operations import HASH_BYTES
from homeroom.adapters.vault.schema import connected, sqlite_errors, vault_error
from homeroom.adapters.vault.sealing import Seals, SubjectKeys
from homeroom.adapters.vault.terms import PLACE_BITS
from homeroom.errors import VaultError
from homeroom.records.documents import Document
from homeroom.records.people import Json

__all__ = [
    "DocumentForm",
    "DocumentRow",
    "Opened",
    "Row",
    "TenantReader",
    "VaultReader",
    "all_is_here",
    "wrapped_opens",
]

_ROW: Final = "place, id, subject, body, people, standing, digest"
_decode: Final = msgspec.json.Decoder().decode


class Row(NamedTuple):
    """A statement as the file has it."""

    place: int
    id: bytes
    subject: bytes
    body: bytes
    people: bytes
    standing: int
    digest: bytes = b""

    @property
    def stored_ms(self) -> int:
        """When it was stored, milliseconds since 1970."""
        return self.place >> PLACE_BITS


class DocumentRow(NamedTuple):
    """A document as the file has it."""

    key: bytes
    subject: bytes
    sealed: bytes
    updated_ms: int


class Opened(NamedTuple):
    """A statement, opened, and when it was stored."""

    statement: Json
    stored_ms: int


class DocumentForm(msgspec.Struct, frozen=True, array_like=True):
    """What is sealed of a document."""

    document_id: str
    content_type: str
    content: bytes


KeyOf: TypeAlias = Callable[[bytes], SubjectKeys | None]
PeopleOf: TypeAlias = Callable[[Iterable[bytes]], dict[bytes, Json]]


def all_is_here() -> int:
    """Return a time that never comes: where one node writes, nothing is on its way."""
    return 1 << 62


class VaultReader:
    """A connection that reads. Not for two threads at once.

    Parameters
    ----------
    path : of the vault's file
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._connection = connected(path)
        self._connection.execute("PRAGMA query_only = ON")
        self._numbers: dict[str, int] = {}

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def rows(self, query: str, given: Sequence[object]) -> list[tuple[object, ...]]:
        """Return the rows of a query; raise `VaultError` where the file cannot be read."""
        try:
            return self._connection.execute(query, given).fetchall()
        except sqlite3.Error as error:
            raise vault_error(self.path, error) from error

    def walk(self, query: str) -> Iterator[tuple[object, ...]]:
        """Yield the rows of a query, however many; raise `VaultError` where the file cannot be read."""
        with sqlite_errors(self.path):
            yield from self._connection.execute(query)

    @contextlib.contextmanager
    def at_once(self) -> Iterator[None]:
        """Have several queries see the file as it is at the first of them: to begin anew costs as much as the query."""
        with sqlite_errors(self.path):
            self._connection.execute("BEGIN")
        try:
            yield
        finally:
            with sqlite_errors(self.path):
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")

    def last_place(self) -> int:
        """Return the place of the statement that was stored last, 0 if there is none."""
        return int(str(self.rows("SELECT coalesce(max(place), 0) FROM statements", ())[0][0]))

    def number(self, tenant: str) -> int:
        """Return the number of a tenant in the file, -1 as long as it has nothing there."""
        number = self._numbers.get(tenant)
        if number is None:
            rows = self.rows("SELECT number FROM tenants WHERE name = ?", (tenant,))
            if not rows:
                return -1
            number = self._numbers[tenant] = int(str(rows[0][0]))
        return number

    def tenants(self) -> list[str]:
        """Return the names of the tenants that have something in the file."""
        return [str(name) for (name,) in self.rows("SELECT name FROM tenants ORDER BY name", ())]


class TenantReader:
    """Reads what is one tenant's.

    Parameters
    ----------
    reader : of the file
    tenant : name
    seals : of the tenant
    through_ms : returns up to when all that was stored is here, milliseconds since 1970
    """

    def __init__(
        self,
        reader: VaultReader,
        tenant: str,
        seals: Seals,
        through_ms: Callable[[], int] = all_is_here,
    ) -> None:
        self.seals = seals
        self._through_ms = through_ms
        self._reader = reader
        self._tenant = tenant
        self._keys: Held[bytes, SubjectKeys] = Held(limits.SUBJECT_KEYS_HELD)

    @property
    def number(self) -> int:
        """The tenant's number in the file."""
        return self._reader.number(self._tenant)

    def forget(self, subject: bytes) -> None:
        """Forget a key that was destroyed."""
        self._keys.pop(subject)

    def is_destroyed(self, subject: bytes) -> bool:
        """Say whether the keys of a subject were destroyed."""
        query = "SELECT 1 FROM destroyed WHERE tenant = ? AND subject = ?"
        return bool(self._reader.rows(query, (self.number, subject)))

    def key(self, subject: bytes) -> SubjectKeys | None:
        """Return the keys of a subject, None if they were destroyed or there are none."""
        found = self._keys.get(subject)
        if found is None:
            ciphers = self._ciphers(subject)
            if not ciphers:
                return None
            found = SubjectKeys(ciphers, lambda: self._ciphers(subject))
            self._keys.add(subject, found)
        return found

    def _ciphers(self, subject: bytes) -> dict[bytes, AESGCM]:
        rows = self._reader.rows(
            "SELECT name, wrapped FROM subjects WHERE tenant = ? AND subject = ? ORDER BY name",
            (self.number, subject),
        )
        return {_bytes(name): self.seals.unwrap(subject, _bytes(wrapped)) for name, wrapped in rows}

    # --- statements --------------------------------------------------------------------------------------------------

    def statement(self, identifier: bytes) -> Row | None:
        """Return a statement by its UUID."""
        rows = self._reader.rows(
            f"SELECT {_ROW} FROM statements WHERE tenant = ? AND id = ?", (self.number, identifier)
        )
        return Row(*rows[0]) if rows else None  # type: ignore[arg-type]  # the columns have these types

    def sent(self, identifier: bytes) -> list[tuple[bytes, str]]:
        """Return what tells the statements apart that have gone away under an id, and where each has gone."""
        query = "SELECT digest, home FROM sent WHERE tenant = ? AND id = ? ORDER BY digest, home"
        rows = self._reader.rows(query, (self.number, identifier))
        return [(_bytes(digest), str(home)) for digest, home in rows]

    def at(self, places: Sequence[int]) -> list[Row]:
        """Return the statements at places, in the order of these."""
        marks = ", ".join("?" * len(places))
        rows = self._reader.rows(
            f"SELECT {_ROW} FROM statements WHERE tenant = ? AND place IN ({marks})",
            (self.number, *places),
        )
        by_place = {row[0]: Row(*row) for row in rows}  # type: ignore[arg-type]  # the columns have these types
        return [by_place[place] for place in places if place in by_place]

    def places(self, query: str, given: Sequence[object]) -> list[int]:
        """Return the places that a search finds."""
        return [int(str(row[0])) for row in self._reader.rows(query, given)]

    def opened(self, row: Row) -> Opened | None:
        """Open a statement, None if its actor's key was destroyed, or something of it is not here yet."""
        return self.opened_with(row, self.key, self.people)

    def opened_with(self, row: Row, key_of: KeyOf, people_of: PeopleOf) -> Opened | None:
        """Open a statement with keys and persons from elsewhere; None as for `opened`."""
        key = key_of(row.subject)
        if key is None or not row.body or not key.can_open(row.body):
            return None
        body: Json = _decode(key.open(row.body, row.id))
        forms = [row.people[at : at + HASH_BYTES] for at in range(0, len(row.people), HASH_BYTES)]
        people = people_of(forms)
        if not all(form in people for form in forms) and self._is_awaited(row):
            return None
        return Opened(put_back(body, lambda number: people.get(forms[number])), row.stored_ms)

    def _is_awaited(self, row: Row) -> bool:
        """Say whether something may be on its way that was written before a statement, by clocks that may differ."""
        return row.stored_ms + limits.HYBRID_AHEAD_MS_MAX > self._through_ms()

    def people(self, forms: Iterable[bytes]) -> dict[bytes, Json]:
        """Return persons by their forms, without those whose key was destroyed or is not here yet."""
        wanted = list(dict.fromkeys(forms))
        found: dict[bytes, Json] = {}
        for at in range(0, len(wanted), _FORMS_ASKED):
            some = wanted[at : at + _FORMS_ASKED]
            rows = self._reader.rows(
                "SELECT form, subject, sealed FROM portraits WHERE tenant = ? AND form IN "
                f"({', '.join('?' * len(some))})",
                (self.number, *some),
            )
            for form, subject, sealed in rows:
                key = self.key(_bytes(subject))
                if key is not None and key.can_open(_bytes(sealed)):
                    found[_bytes(form)] = _decode(key.open(_bytes(sealed), _bytes(form)))
        return found

    def attachments(self, row: Row) -> dict[bytes, bytes]:
        """Return the data of a statement's attachments, by the keyed hash of their hash."""
        key = self.key(row.subject)
        if key is None:
            return {}
        rows = self._reader.rows(
            "SELECT digest, sealed FROM attachments WHERE place = ?", (row.place,)
        )
        return {
            _bytes(digest): key.open(_bytes(sealed), _bytes(digest) + row.id)
            for digest, sealed in rows
            if key.can_open(_bytes(sealed))
        }

    def rows_of(self, subject: bytes, term: bytes) -> list[Row]:
        """Return the statements of an actor, the oldest first; ``term`` is that of statements about the actor."""
        columns = ", ".join(f"s.{name}" for name in _ROW.split(", "))
        rows = self._reader.rows(
            f"SELECT DISTINCT {columns} FROM terms t JOIN statements s ON s.place = t.place "
            "WHERE t.term = ? AND s.tenant = ? AND s.subject = ? ORDER BY s.place",
            (term, self.number, subject),
        )
        return [Row(*row) for row in rows]  # type: ignore[arg-type]  # the columns have these types

    # --- activities, persons, documents ------------------------------------------------------------------------------

    def definition(self, activity: bytes) -> Json | None:
        """Return what is known of an activity, by the keyed hash of its id."""
        rows = self._reader.rows(
            "SELECT sealed FROM activities WHERE tenant = ? AND activity = ?",
            (self.number, activity),
        )
        key = self.key(self.seals.nobody) if rows else None
        if key is None or not key.can_open(_bytes(rows[0][0])):
            return None
        found: Json = _decode(key.open(_bytes(rows[0][0]), activity))
        return found

    def all_portraits(self, subject: bytes) -> dict[bytes, Json]:
        """Return all forms of a person, by their names."""
        key = self.key(subject)
        query = "SELECT form, sealed FROM portraits WHERE tenant = ? AND subject = ? ORDER BY form"
        if key is None:
            return {}
        rows = self._reader.rows(query, (self.number, subject))
        return {
            _bytes(form): _decode(key.open(_bytes(sealed), _bytes(form)))
            for form, sealed in rows
            if key.can_open(_bytes(sealed))
        }

    def documents_of(self, subject: bytes) -> list[DocumentRow]:
        """Return the documents of a person, the oldest first."""
        rows = self._reader.rows(
            "SELECT key, subject, sealed, updated_ms FROM documents WHERE tenant = ? AND subject = ? "
            "ORDER BY updated_ms, key",
            (self.number, subject),
        )
        return [DocumentRow(*row) for row in rows]  # type: ignore[arg-type]  # the columns have these types

    def portraits(self, subject: bytes) -> list[Json]:
        """Return the forms of a person."""
        key = self.key(subject)
        if key is None:
            return []
        rows = self._reader.rows(
            "SELECT form, sealed FROM portraits WHERE tenant = ? AND subject = ? ORDER BY form LIMIT ?",
            (self.number, subject, limits.PORTRAITS_SHOWN_MAX),
        )
        return [
            _decode(key.open(_bytes(sealed), _bytes(form)))
            for form, sealed in rows
            if key.can_open(_bytes(sealed))
        ]

    def document(self, key: bytes) -> Document | None:
        """Return a document by the keyed hash of its address."""
        rows = self._reader.rows(
            "SELECT subject, updated_ms, sealed FROM documents WHERE tenant = ? AND key = ?",
            (self.number, key),
        )
        if not rows:
            return None
        form = self.document_form(key, self.key(_bytes(rows[0][0])), _bytes(rows[0][2]))
        if form is None:
            return None
        return Document(form.content, form.content_type, int(str(rows[0][1])))

    def document_rows(
        self, scope: bytes, registration: bytes | None, since_ms: int, rows_max: int
    ) -> list[DocumentRow]:
        """Return the documents of a scope, the latest changed first.

        Parameters
        ----------
        scope : keyed hash of what they are listed by
        registration : of those that are wanted, None for any
        since_ms : changed after this
        rows_max : no more than so many
        """
        which = "" if registration is None else " AND registration = ?"
        rows = self._reader.rows(
            "SELECT key, subject, sealed, updated_ms FROM documents WHERE tenant = ? AND scope = ? AND updated_ms > ?"
            f"{which} ORDER BY updated_ms DESC, key LIMIT ?",
            (
                self.number,
                scope,
                since_ms,
                *(() if registration is None else (registration,)),
                rows_max,
            ),
        )
        return [DocumentRow(*row) for row in rows]  # type: ignore[arg-type]  # the columns have these types

    def document_id(self, row: DocumentRow) -> str | None:
        """Return the id of a document, None if the key of its person was destroyed."""
        form = self.document_form(row.key, self.key(row.subject), row.sealed)
        return None if form is None else form.document_id

    def document_form(
        self, address: bytes, key: SubjectKeys | None, sealed: bytes
    ) -> DocumentForm | None:
        """Open a document with the key of its person, None if that is not here any more, or not yet."""
        if key is None or not key.can_open(sealed):
            return None
        return msgspec.msgpack.decode(key.open(sealed, address), type=DocumentForm)


_FORMS_ASKED: Final = 500


def wrapped_opens(reader: VaultReader, tenant: str, seals: Seals) -> bool:
    """Say whether the key of a subject opens, if the tenant has any: else its vault key is another one.

    Raises `VaultError` where the file cannot be read.
    """
    query = "SELECT subject, wrapped FROM subjects WHERE tenant = ? LIMIT 1"
    for subject, wrapped in reader.rows(query, (reader.number(tenant),)):
        try:
            seals.unwrap(_bytes(subject), _bytes(wrapped))
        except VaultError:
            return False
    return True


def _bytes(value: object) -> bytes:
    if not isinstance(value, bytes):
        raise VaultError(
            "the vault holds something else where sealed bytes should be; make it again from the log"
        )
    return value
