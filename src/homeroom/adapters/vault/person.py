"""All that the vault keeps of one person: statements, attachments, documents, and the forms in which they were named.

It is for the person's own copy, so it holds nothing of anybody else: in their statements others stand as somebody, and
statements in which they are only named belong to their actors and are left out. What was taken back is kept still, and
so it is told too.

The way not taken is a search by agent: that finds what others said as well, and nothing that was voided.
"""

from dataclasses import dataclass
from typing import Any, Final

from homeroom import limits
from homeroom.adapters.vault.keeping import ERASED, VOIDED
from homeroom.adapters.vault.reading import Row, TenantReader
from homeroom.adapters.vault.terms import agent_term, attachment_name
from homeroom.errors import RightsError
from homeroom.records.contents import statement_parts
from homeroom.records.people import Json
from homeroom.records.signatures import SIGNATURE

__all__ = ["SOMEBODY", "PersonDocument", "PersonRecords", "records_of"]

SOMEBODY: Final = {
    "objectType": "Agent",
    "account": {"homePage": "urn:homeroom:somebody", "name": "somebody"},
}
"""What stands in the place of another person."""


@dataclass(frozen=True, slots=True)
class PersonDocument:
    """A document: its id, media type, content, and when it was changed, milliseconds since 1970 UTC."""

    id: str
    content_type: str
    content: bytes
    updated_ms: int


@dataclass(frozen=True, slots=True)
class PersonRecords:
    """What the vault keeps of a person.

    Parameters
    ----------
    forms : in which they were named
    statements : their own, the oldest first, each with when it was stored and whether it was voided
    attachments : data by SHA-2 in hexadecimal digits, as their statements name it; without signatures, which hold the
        statement as it was sent, with everybody in it
    documents : theirs
    """

    forms: tuple[Json, ...]
    statements: tuple[Json, ...]
    attachments: dict[str, bytes]
    documents: tuple[PersonDocument, ...]


def records_of(reader: TenantReader, subject: bytes) -> PersonRecords:
    """Return what is kept of a person, by raw key; nothing where their keys were destroyed.

    Raises `VaultError` where the file cannot be read, `RightsError` if it is more than ``limits.ARCHIVE_BYTES_MAX``.
    """
    key = reader.key(subject)
    if key is None:
        return PersonRecords((), (), {}, ())
    own = reader.all_portraits(subject)
    statements: list[Json] = []
    attachments: dict[str, bytes] = {}
    size_bytes = 0
    for row in reader.rows_of(subject, agent_term(reader.seals, subject)):
        told = _statement(reader, row, own)
        data = {} if told is None else _attachments(reader, row, told)
        if told is None:
            continue
        size_bytes += len(row.body) + sum(map(len, data.values()))
        _check(size_bytes)
        statements.append(told)
        attachments |= data
    documents = []
    for one in reader.documents_of(subject):
        form = reader.document_form(one.key, key, one.sealed)
        if form is not None:
            size_bytes += len(form.content)
            _check(size_bytes)
            documents.append(
                PersonDocument(form.document_id, form.content_type, form.content, one.updated_ms)
            )
    return PersonRecords(tuple(own.values()), tuple(statements), attachments, tuple(documents))


def _check(size_bytes: int) -> None:
    if size_bytes > limits.ARCHIVE_BYTES_MAX:
        raise RightsError(
            f"what is kept of this person has more than {limits.ARCHIVE_BYTES_MAX:,} bytes; read their statements from "
            f"the record store page by page"
        )


def _statement(reader: TenantReader, row: Row, own: dict[bytes, Json]) -> Json | None:
    """Return a statement in which everybody else is somebody; None if it was erased."""
    if row.standing == ERASED:
        return None
    opened = reader.opened_with(
        row, reader.key, lambda forms: {one: own.get(one, dict(SOMEBODY)) for one in forms}
    )
    if opened is None:
        return None
    return {
        "statement": opened.statement,
        "stored_ms": opened.stored_ms,
        "voided": row.standing == VOIDED,
    }


def _attachments(reader: TenantReader, row: Row, told: dict[str, Any]) -> dict[str, bytes]:
    data = reader.attachments(row)
    named = [
        one["sha2"].lower()
        for part in statement_parts(told["statement"])
        for one in part.get("attachments", ())
        if one["usageType"] != SIGNATURE
    ]
    return {
        sha2: data[name]
        for sha2 in named
        for name in (attachment_name(reader.seals, sha2),)
        if name in data
    }
