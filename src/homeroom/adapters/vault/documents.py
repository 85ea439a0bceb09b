"""A change of documents becomes operations."""

from dataclasses import replace
from typing import Final, NamedTuple

import msgspec

from homeroom import limits
from homeroom.adapters.vault.drafting import Drafting
from homeroom.adapters.vault.operations import DocumentDropped, DocumentKept
from homeroom.adapters.vault.reading import DocumentForm
from homeroom.adapters.vault.sealing import Seals
from homeroom.adapters.vault.statements import uuid_bytes
from homeroom.errors import RecordError
from homeroom.records.documents import (
    Action,
    Address,
    Document,
    merged,
    must_be_conditional,
)
from homeroom.records.people import identity_of
from homeroom.records.store import DocumentChange, Refusal, Refused

__all__ = ["Place", "draft_document", "place_of"]

_encode: Final = msgspec.msgpack.Encoder().encode


class Place(NamedTuple):
    """Where a document is in the vault: keyed hashes of its address and of its list, its registration, whose it is."""

    key: bytes
    scope: bytes
    registration: bytes
    subject: bytes


def place_of(address: Address, seals: Seals) -> Place:
    """Return where the document of an address is; without an id, only the list counts."""
    agent = address.agent
    subject = seals.nobody if agent is None else seals.pseudonym(*identity_of(agent))
    registration = b"" if address.registration is None else uuid_bytes(address.registration)
    listed = (address.kind.value, address.activity, subject)
    return Place(
        seals.hash(b"document", _encode((*listed, registration, address.document_id))),
        seals.hash(b"documents", _encode(listed)),
        registration,
        subject,
    )


def draft_document(drafting: Drafting, change: DocumentChange, now_ms: int) -> Refused | None:
    """Draft what a change does to documents; return why nothing is done, None if it is.

    Parameters
    ----------
    drafting : has begun a draft; it is to be undone after a refusal
    """
    place = place_of(change.address, drafting.seals)
    if change.address.document_id is None:
        _drop_all(drafting, change.address, place)
        return None
    current = drafting.document(place.key)
    refused = _refused(change, current)
    if refused is not None:
        return refused
    if change.document is None:
        if current is not None:
            _drop(drafting, place.key)
        return None
    sent = replace(change.document, updated_ms=now_ms)
    try:
        kept = merged(current, sent) if change.action is Action.POST else sent
    except RecordError as error:
        return Refused(Refusal.INVALID, error.field, error.rule)
    return _keep(drafting, change.address.document_id, place, kept)


def _refused(change: DocumentChange, current: Document | None) -> Refused | None:
    """Return why a document may not be changed as it is now."""
    if not change.conditions.hold(current):
        rule = "does not hold for the document as it is now; read it again"
        field = "If-Match" if change.conditions.if_match is not None else "If-None-Match"
        return Refused(Refusal.PRECONDITION, field, rule)
    if (
        change.action is Action.PUT
        and current is not None
        and not change.conditions.are_given
        and must_be_conditional(change.address.kind, change.version)
    ):
        rule = (
            "is missing, and there is a document already: read it, and send its entity tag in If-Match to replace it, "
            "or send If-None-Match: * to write only where there is none"
        )
        return Refused(Refusal.CONFLICT, "If-Match", rule)
    return None


def _keep(drafting: Drafting, name: str, place: Place, document: Document) -> Refused | None:
    key = drafting.key(place.subject)
    if key is None:
        return Refused(Refusal.FORBIDDEN, "agent", "was erased; nothing is kept of them any more")
    form = DocumentForm(name, document.content_type, document.content)
    kept = DocumentKept(
        key=place.key,
        scope=place.scope,
        registration=place.registration,
        subject=place.subject,
        updated_ms=document.updated_ms,
        sealed=key.seal(_encode(form), place.key),
    )
    _note(drafting, place.key, kept)
    return None


def _drop(drafting: Drafting, key: bytes) -> None:
    _note(drafting, key, DocumentDropped(key))


def _note(drafting: Drafting, key: bytes, operation: DocumentKept | DocumentDropped) -> None:
    drafting.operations.append(operation)
    pending = drafting.pending
    drafting.noted.append(pending.note(pending.documents, key, operation))


def _drop_all(drafting: Drafting, address: Address, place: Place) -> None:
    """Drop the documents of a list: those of one registration where the address names one."""
    registration = None if address.registration is None else place.registration
    # One more than a change may hold, so that what is too much for it is refused, and not cut.
    rows_max = limits.RECORD_CHANGE_UNITS_MAX + 1
    listed = drafting.reader.document_rows(place.scope, registration, -1, rows_max)
    keys = {row.key for row in listed}
    for key, pending in drafting.pending.documents.items():
        if isinstance(pending, DocumentDropped):
            keys.discard(key)
        elif pending.scope == place.scope and registration in (None, pending.registration):
            keys.add(key)
    for key in sorted(keys):
        _drop(drafting, key)
