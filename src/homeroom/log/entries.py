"""One record of a log, and the chain that all of them make.

An entry is a header and a payload. The header holds the digest of the header before it and that of its own payload, and
is signed by its node; so nobody, not even the disk, can change, drop or exchange an entry without its being seen at the
next look. A payload can be redacted for an erasure: the chain stays whole, since only the digest of the payload is in
it.

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

__all__ = ["NOTHING_BEFORE", "Entry", "Head", "Sign", "Verify", "make_entry"]

FORMAT: Final = 1
NOTHING_BEFORE: Final = bytes(32)
"""What the first entry of an origin has as the digest of the one before."""

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
class Entry:
    """One entry.

    Parameters
    ----------
    origin, number : who numbered it, and how, from 1
    hybrid : hybrid stamp, later than that of the entry before
    epoch : the control epoch under which its events were admitted
    previous : 32 bytes, the digest of the entry before
    payload : compressed, at most ``limits.ENTRY_BYTES_MAX``; see `homeroom.log.payloads`
    payload_digest : SHA-256 of the payload
    signature : 64 bytes, of `digest`
    """

    origin: Origin
    number: int
    hybrid: int
    epoch: int
    previous: bytes
    payload: bytes
    payload_digest: bytes
    signature: bytes

    @property
    def digest(self) -> bytes:
        """SHA-256 of the header: 32 bytes."""
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
    def head(self) -> Head:
        """What the next entry follows."""
        return Head(self.number, self.digest, self.hybrid)

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

    def check_payload(self) -> None:
        """Raise `EntryError` if the payload is not the one that the header tells of."""
        if len(self.payload) > ENTRY_BYTES_MAX:
            raise EntryError(
                f"{self._name} has a payload of {len(self.payload):,} bytes, at most {ENTRY_BYTES_MAX:,} are allowed"
            )
        if hashlib.sha256(self.payload).digest() != self.payload_digest:
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
