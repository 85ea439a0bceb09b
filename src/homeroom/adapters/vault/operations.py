"""What changes the vault: small records, that the log carries and that every copy of the vault applies.

An operation holds no more than the file does: sealed bytes, pseudonyms, keyed hashes, ids of statements, times. So the
log may keep it as it is, and an erasure is one operation more, the one that destroys a key. All of them can be applied
again without harm, and those of several nodes in any order; where it matters which of two came first, as with what
replaces, their stamps say so: when their entries were written, and not when they arrived.

They may come from a peer or from a disk, so sizes are looked at before anything is used.
"""

from collections.abc import Sequence
from typing import Final, NamedTuple, TypeAlias

import msgspec

from homeroom import limits
from homeroom.errors import EntryError

__all__ = [
    "HASH_BYTES",
    "ActivityKnown",
    "Change",
    "DocumentDropped",
    "DocumentKept",
    "KeyDestroyed",
    "LabelsKept",
    "Operation",
    "PortraitKept",
    "Stamped",
    "StatementKept",
    "StatementSent",
    "SubjectKey",
    "decode",
    "encode",
]

HASH_BYTES: Final = 16
"""Bytes of a pseudonym, a keyed hash or a UUID."""


class SubjectKey(msgspec.Struct, frozen=True, array_like=True, tag=1):
    """A key of a person, wrapped under the tenant's; after the person's keys were destroyed it counts no more."""

    subject: bytes
    wrapped: bytes


class PortraitKept(msgspec.Struct, frozen=True, array_like=True, tag=2):
    """One form of a person, sealed under their key; ``form`` is a keyed hash of it."""

    form: bytes
    subject: bytes
    sealed: bytes


class ActivityKnown(msgspec.Struct, frozen=True, array_like=True, tag=3):
    """What is known of an activity, sealed; it replaces what was known before."""

    activity: bytes
    sealed: bytes


class StatementKept(msgspec.Struct, frozen=True, array_like=True, tag=4):
    """A statement.

    Parameters
    ----------
    id : its UUID
    place : where it stands in the order of storing: milliseconds since 1970, shifted by 20 bits, and a counter
    subject : pseudonym of its actor, under whose key the body is sealed
    body : sealed
    people : the forms of the persons that were cut out of it, 16 bytes each, in the order of their numbers in the body
    terms : what it is found by, keyed hashes of 16 bytes each
    target : UUID of the statement that it refers to, empty if it refers to none
    voids : whether it takes its target back
    attachments : keyed hash and sealed data of each
    digest : keyed hash of what is compared when its id comes again, by which nobody need open it; empty in what was
        written by a release that had none
    """

    id: bytes
    place: int
    subject: bytes
    body: bytes
    people: bytes
    terms: bytes
    target: bytes = b""
    voids: bool = False
    attachments: list[tuple[bytes, bytes]] = []
    digest: bytes = b""


class DocumentKept(msgspec.Struct, frozen=True, array_like=True, tag=5):
    """A document: keyed hashes of its address and of what several are listed by, whose it is, and itself, sealed."""

    key: bytes
    scope: bytes
    registration: bytes
    subject: bytes
    updated_ms: int
    sealed: bytes


class DocumentDropped(msgspec.Struct, frozen=True, array_like=True, tag=6):
    """A document is gone."""

    key: bytes


class KeyDestroyed(msgspec.Struct, frozen=True, array_like=True, tag=7):
    """A person's keys are destroyed for ever; ``term`` is that of statements in which they are the actor."""

    subject: bytes
    term: bytes


class LabelsKept(msgspec.Struct, frozen=True, array_like=True, tag=8):
    """Texts behind hashed ids, sealed together; ``name`` is the seal's nonce, so that they are kept once."""

    name: bytes
    sealed: bytes


class StatementSent(msgspec.Struct, frozen=True, array_like=True, tag=9):
    """A statement has gone, sealed, to the jurisdiction of its actor's home, and nothing of it is here.

    Parameters
    ----------
    id : its UUID
    place : where it stands there in the order of storing, as of `StatementKept`
    subject : pseudonym of its actor
    digest : as of `StatementKept`
    home : the jurisdiction
    """

    id: bytes
    place: int
    subject: bytes
    digest: bytes
    home: str


Operation: TypeAlias = (
    SubjectKey
    | PortraitKept
    | ActivityKnown
    | StatementKept
    | DocumentKept
    | DocumentDropped
    | KeyDestroyed
    | LabelsKept
    | StatementSent
)


class Change(msgspec.Struct, frozen=True, array_like=True):
    """Operations of one request, which belong together, in the vault of a tenant."""

    tenant: str
    operations: list[Operation]


class Stamped(NamedTuple):
    """Changes that were written together, and when.

    Parameters
    ----------
    hybrid : hybrid stamp of the entry that they are in
    tie : digest of that entry, or what else tells it from another one of the same stamp
    changes : in order
    """

    hybrid: int
    tie: bytes
    changes: Sequence[Change]

    @property
    def prefix(self) -> bytes:
        """What their stamps begin with, 16 bytes; bytes of later ones are greater."""
        return self.hybrid.to_bytes(8, "big") + self.tie[:8].ljust(8, b"\0")


_encode: Final = msgspec.msgpack.Encoder().encode
_decode: Final = msgspec.msgpack.Decoder(Change).decode
_HASHES: Final = {
    SubjectKey: ("subject",),
    PortraitKept: ("form", "subject"),
    ActivityKnown: ("activity",),
    StatementKept: ("id", "subject"),
    DocumentKept: ("key", "scope", "subject"),
    DocumentDropped: ("key",),
    KeyDestroyed: ("subject", "term"),
    LabelsKept: (),
    StatementSent: ("id", "subject", "digest"),
}


def encode(change: Change) -> bytes:
    """Write a change as MessagePack."""
    return _encode(change)


def decode(data: bytes) -> Change:
    """Read what `encode` wrote; raise `EntryError` where it is something else, or larger than a bound."""
    if len(data) > limits.RECORD_CHANGE_BYTES_MAX:
        raise EntryError(
            f"a change of records has {len(data):,} bytes, at most {limits.RECORD_CHANGE_BYTES_MAX:,} are allowed"
        )
    try:
        change = _decode(data)
    except msgspec.MsgspecError as error:
        raise EntryError(f"a change of records cannot be read: {error}") from None
    if len(change.operations) > limits.RECORD_CHANGE_UNITS_MAX:
        raise EntryError(
            f"a change of records has {len(change.operations):,} operations, at most "
            f"{limits.RECORD_CHANGE_UNITS_MAX:,} are allowed"
        )
    for operation in change.operations:
        _check(operation)
    return change


def _check(operation: Operation) -> None:
    named = _HASHES[type(operation)]
    if any(len(getattr(operation, name)) != HASH_BYTES for name in named):
        raise EntryError(f"a change of records has a {type(operation).__name__} with a wrong hash")
    if isinstance(operation, StatementKept) and (
        len(operation.people) % HASH_BYTES
        or len(operation.terms) % HASH_BYTES
        or len(operation.target) not in (0, HASH_BYTES)
        or len(operation.digest) not in (0, HASH_BYTES)
        or not 0 <= operation.place < 1 << 62
    ):
        raise EntryError("a change of records has a StatementKept of a wrong form")
    if isinstance(operation, SubjectKey) and len(operation.wrapped) < HASH_BYTES:
        raise EntryError("a change of records has a SubjectKey of a wrong form")
    if isinstance(operation, DocumentKept) and len(operation.registration) not in (0, HASH_BYTES):
        raise EntryError("a change of records has a DocumentKept of a wrong form")
