"""One record of a log, and the chain that all of them make.

An entry is a header and a payload. The header holds the digest of the header before it and that of its own payload, and
is signed by its node; so nobody, not even the disk, can change, drop or exchange an entry without its being seen at the
next look.

A payload can be redacted for an erasure (`homeroom.log.redacting`): another one, without what was erased, stands in its
place. The header still has the digest of the first one, so chain and signature stay what they were. What stands there
now has a digest of its own, which the node that redacted it has signed together with the header: nobody can pass
something else off as what was left.

The way not taken is a checksum a row: it finds a flipped bit, and finds neither a row that is missing nor one that
belongs to another life of the node.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final, TypeAlias

import msgspec

from homeroom.errors import EntryError
from homeroom.limits import ENTRY_BYTES_MAX
from homeroom.log.origins import Origin, Token

__all__ = [
    "NOTHING_BEFORE",
    "Entry",
    "Head",
    "Redaction",
    "Sign",
    "Verify",
    "make_entry",
    "redacted",
]

FORMAT: Final = 1
NOTHING_BEFORE: Final = bytes(32)
"""What the first entry of an origin has as the digest of the one before."""
_REDACTION: Final = b"homeroom redaction 1"

Sign: TypeAlias = Callable[[bytes], bytes]
"""Returns the 64-byte Ed25519 signature (RFC 8032) of a digest."""
Verify: TypeAlias = Callable[[str, bytes, bytes], bool]
"""Says whether a signature (third) of a digest (second) was made by the node of a name (first)."""


@dataclass(frozen=True, slots=True)
class Head:
    """The last entry of an origin: what the next one follows."""

    number: int = 0
    digest: bytes = NOTHING_BEFORE
    hybrid: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Redaction:
    """Who put another payload in the place of the first.

    Parameters
    ----------
    node : who did
    payload_digest : SHA-256 of the payload that is there now
    signature : 64 bytes, of `signed`, by that node
    """

    node: str
    payload_digest: bytes
    signature: bytes

    def signed(self, header_digest: bytes) -> bytes:
        """Return what the signature is of: SHA-256 of the header's digest and that of the payload, 32 bytes."""
        return hashlib.sha256(_REDACTION + header_digest + self.payload_digest).digest()


class _Digested:
    """Room for a head beside the fields: no part of the value, so it is neither compared, nor written, nor copied."""

    __slots__ = ("_head",)
    _head: Head


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry(_Digested):
    """One entry.

    Parameters
    ----------
    origin, number : who numbered it, and how, from 1
    hybrid : hybrid stamp, later than that of the entry before
    epoch : the control epoch under which its events were admitted
    previous : 32 bytes, the digest of the entry before
    payload : compressed, at most ``limits.ENTRY_BYTES_MAX``; see `homeroom.log.payloads`
    payload_digest : SHA-256 of the payload as it was written
    signature : 64 bytes, of `digest`
    redaction : None while the payload is the one that was written
    """

    origin: Origin
    number: int
    hybrid: int
    epoch: int
    previous: bytes
    payload: bytes
    payload_digest: bytes
    signature: bytes
    redaction: Redaction | None = None

    @property
    def digest(self) -> bytes:
        """SHA-256 of the header: 32 bytes."""
        return self.head.digest

    @property
    def head(self) -> Head:
        """What the next entry follows; reckoned once, because an entry is asked for it at each step of its way."""
        try:
            return self._head
        except AttributeError:
            head = Head(self.number, self._digested(), self.hybrid)
            object.__setattr__(self, "_head", head)
            return head

    def _digested(self) -> bytes:
        header = (
            FORMAT,
            *self.origin,
            self.number,
            self.hybrid,
            self.epoch,
            self.previous,
            self.payload_digest,
        )
        return hashlib.sha256(msgspec.msgpack.encode(header)).digest()

    @property
    def token(self) -> Token:
        """What an acknowledgement of this entry hands out."""
        return Token(self.origin, self.number, self.hybrid)

    def check(self, before: Head, verify: Verify) -> None:
        """Raise `EntryError` if this entry is damaged, or is not the one that follows."""
        if self.number != before.number + 1:
            raise EntryError(f"{self._name} follows number {before.number}")
        if self.previous != before.digest:
            raise EntryError(
                f"{self._name} does not follow the entry before it: two nodes have written under one name, or one of "
                f"the two entries is not the one that was written"
            )
        if self.hybrid <= before.hybrid:
            raise EntryError(f"{self._name} is stamped no later than the entry before it")
        self.check_payload()
        if not verify(self.origin.node, self.digest, self.signature):
            raise EntryError(f"{self._name} is not signed by its node")
        redaction = self.redaction
        if redaction is not None and not verify(
            redaction.node, redaction.signed(self.digest), redaction.signature
        ):
            raise EntryError(
                f"{self._name} was redacted, and that is not signed by {redaction.node}"
            )

    def check_payload(self) -> None:
        """Raise `EntryError` if the payload is not the one that the header tells of."""
        if len(self.payload) > ENTRY_BYTES_MAX:
            raise EntryError(
                f"{self._name} has a payload of {len(self.payload):,} bytes, at most {ENTRY_BYTES_MAX:,} are allowed"
            )
        redaction = self.redaction
        wanted = self.payload_digest if redaction is None else redaction.payload_digest
        if hashlib.sha256(self.payload).digest() != wanted:
            raise EntryError(f"{self._name} is damaged: the checksum of its payload is wrong")

    @property
    def _name(self) -> str:
        return f"entry {self.number} of {self.origin}"


def make_entry(
    origin: Origin, before: Head, stamp: tuple[int, int], payload: bytes, sign: Sign
) -> Entry:
    """Return the entry that follows; ``stamp`` is its hybrid stamp and the control epoch."""
    hybrid, epoch = stamp
    assert hybrid > before.hybrid, "hybrid time goes on"
    unsigned = Entry(
        origin=origin,
        number=before.number + 1,
        hybrid=hybrid,
        epoch=epoch,
        previous=before.digest,
        payload=payload,
        payload_digest=hashlib.sha256(payload).digest(),
        signature=b"",
    )
    return replace(unsigned, signature=sign(unsigned.digest))


def redacted(entry: Entry, payload: bytes, node: str, sign: Sign) -> Entry:
    """Return an entry with another payload in place of its own, as a node redacts it."""
    bare = Redaction(node=node, payload_digest=hashlib.sha256(payload).digest(), signature=b"")
    redaction = replace(bare, signature=sign(bare.signed(entry.digest)))
    return replace(entry, payload=payload, redaction=redaction)
