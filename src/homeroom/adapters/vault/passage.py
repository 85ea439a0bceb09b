"""What is sealed for the vault of another jurisdiction, and can be opened there alone.

A node takes a statement of somebody whose home is elsewhere. It must not be able to read what it keeps of it; so it
seals for a public key that was stated of the home, whose private half follows from the vault key there. One exchange a
request (X25519, RFC 7748; a key by HKDF with SHA-256, RFC 5869, bound to both public keys) gives a key that was used
for nothing else, under which each part is sealed (AES-256-GCM) with its number as the nonce. It is what HPKE does in
its base mode (RFC 9180, section 5.1.1), with several parts of one request under one exchange.

Parts are told apart by persons: each says by pseudonym whose it is, and nothing else of it is in clear. So who is
erased can be taken out by those who can open nothing, wherever the entry lies.

The way not taken is one seal around the whole: an erasure would have to find its way home before the bytes on the way
could go, and whoever else is in the request would go with them.
"""

import base64
import zlib
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, TypeVar

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from homeroom import limits
from homeroom.adapters.vault.operations import HASH_BYTES
from homeroom.errors import EntryError, VaultError

__all__ = [
    "Passage",
    "PassagePart",
    "SealKey",
    "Sealing",
    "decode_passage",
    "opened",
    "redacted_passages",
    "written_passages",
]

T = TypeVar("T")
_PREFIX: Final = "x25519:"
_KEY_BYTES: Final = 32
_NUMBER_BYTES: Final = 12
_encode: Final = msgspec.msgpack.Encoder().encode


class PassagePart(msgspec.Struct, frozen=True, array_like=True):
    """What is of one person: ``subject`` is their pseudonym, empty for what is of nobody; ``number`` is its nonce."""

    number: int
    subject: bytes
    sealed: bytes


class Passage(msgspec.Struct, frozen=True, array_like=True):
    """A request on its way home: whose it is, the public half of the key that was drawn for it, and its parts."""

    tenant: str
    drawn: bytes
    parts: list[PassagePart]


_decode: Final = msgspec.msgpack.Decoder(Passage).decode
_decode_all: Final = msgspec.msgpack.Decoder(list[bytes]).decode


class Sealing:
    """Seals the parts of one request.

    Parameters
    ----------
    tenant : whose request it is
    public_text : the key of the home, as it was stated
    draw : draws the key of this request
    """

    def __init__(
        self,
        tenant: str,
        public_text: str,
        draw: Callable[[], X25519PrivateKey] = X25519PrivateKey.generate,
    ) -> None:
        home = base64.b64decode(public_text.removeprefix(_PREFIX))
        drawn = draw()
        self._tenant, self._drawn = tenant, drawn.public_key().public_bytes_raw()
        shared = drawn.exchange(X25519PublicKey.from_public_bytes(home))
        self._key = AESGCM(_derived(shared, self._drawn, home))
        self._parts: list[PassagePart] = []

    def add(self, subject: bytes, content: msgspec.Struct) -> None:
        """Seal a part; ``subject`` is whose it is, empty for nobody."""
        number, written = len(self._parts), _encode(content)
        assert len(written) <= limits.PASSAGE_PART_BYTES_MAX, "a body is much smaller"
        packed = zlib.compress(written, 1)
        bound = _bound(self._tenant, number, subject)
        sealed = self._key.encrypt(_nonce(number), packed, bound)
        self._parts.append(PassagePart(number, subject, sealed))

    def encoded(self) -> bytes:
        """Return all parts as bytes."""
        return _encode(Passage(self._tenant, self._drawn, self._parts))


class SealKey:
    """The private half of the key by which others seal for a jurisdiction: 32 bytes. Raises `ValueError`."""

    def __init__(self, private: bytes) -> None:
        self._private = X25519PrivateKey.from_private_bytes(private)
        self._public = self._private.public_key().public_bytes_raw()

    @property
    def public_text(self) -> str:
        """The public half as it is stated: ``x25519:`` and base64."""
        return _PREFIX + base64.b64encode(self._public).decode()

    def key_of(self, passage: Passage) -> AESGCM:
        """Return the key that the parts of a request are under, if it was sealed for this one."""
        try:
            shared = self._private.exchange(X25519PublicKey.from_public_bytes(passage.drawn))
        except ValueError:
            raise EntryError("what was sealed elsewhere names a key that is none") from None
        return AESGCM(_derived(shared, passage.drawn, self._public))


def opened(key: AESGCM, passage: Passage, part: PassagePart, kind: Callable[[bytes], T]) -> T:
    """Open a part and decode it.

    Raises
    ------
    VaultError
        It was sealed for another jurisdiction, or changed.
    EntryError
        What it holds cannot be read.
    """
    try:
        bound = _bound(passage.tenant, part.number, part.subject)
        packed = key.decrypt(_nonce(part.number), part.sealed, bound)
    except (InvalidTag, ValueError, OverflowError):
        raise VaultError(
            "what was sealed elsewhere does not open: it is for the vault key of another jurisdiction, or was damaged"
        ) from None
    unpacking = zlib.decompressobj()
    try:
        content = unpacking.decompress(packed, limits.PASSAGE_PART_BYTES_MAX)
        return kind(content)
    except (zlib.error, msgspec.MsgspecError) as error:
        raise EntryError(
            f"what was sealed elsewhere cannot be read ({type(error).__name__})"
        ) from None


def decode_passage(data: bytes) -> Passage:
    """Read what `Sealing.encoded` wrote; raise `EntryError` where it is something else, or larger than a bound."""
    if len(data) > limits.RECORD_CHANGE_BYTES_MAX:
        raise EntryError(
            f"a request that was sealed elsewhere has {len(data):,} bytes, at most "
            f"{limits.RECORD_CHANGE_BYTES_MAX:,} are allowed"
        )
    try:
        passage = _decode(data)
    except msgspec.MsgspecError as error:
        raise EntryError(f"a request that was sealed elsewhere cannot be read: {error}") from None
    if len(passage.parts) > limits.RECORD_CHANGE_UNITS_MAX:
        raise EntryError(
            f"a request that was sealed elsewhere has {len(passage.parts):,} parts, at most "
            f"{limits.RECORD_CHANGE_UNITS_MAX:,} are allowed"
        )
    if any(len(part.subject) not in (0, HASH_BYTES) for part in passage.parts):
        raise EntryError("a request that was sealed elsewhere has a part of a wrong form")
    return passage


def written_passages(content: bytes) -> list[Passage]:
    """Return the requests in an entry. Raises `EntryError`."""
    return [decode_passage(one) for one in _encoded(content)]


def redacted_passages(content: bytes, erased: Mapping[str, frozenset[bytes]]) -> bytes | None:
    """Return the content of an entry of sealed requests without those who are erased; None if it has none of them.

    Parameters
    ----------
    content : as a log has it
    erased : by tenant the subjects, 16 bytes each

    Raises
    ------
    EntryError
        It cannot be read.
    """
    encoded = _encoded(content)
    kept = [_without(one, erased) for one in encoded]
    return None if kept == encoded else _encode(kept)


def _without(encoded: bytes, erased: Mapping[str, frozenset[bytes]]) -> bytes:
    passage = decode_passage(encoded)
    gone: Iterable[Any] = erased.get(passage.tenant, frozenset())
    left = [part for part in passage.parts if part.subject not in gone]
    if len(left) == len(passage.parts):
        return encoded
    return _encode(msgspec.structs.replace(passage, parts=left))


def _encoded(content: bytes) -> list[bytes]:
    try:
        return _decode_all(content)
    except msgspec.MsgspecError as error:
        raise EntryError(
            f"what was sealed elsewhere cannot be read ({type(error).__name__})"
        ) from None


def _derived(shared: bytes, drawn: bytes, home: bytes) -> bytes:
    info = b"homeroom passage 1" + drawn + home
    return HKDF(SHA256(), _KEY_BYTES, None, info).derive(shared)


def _nonce(number: int) -> bytes:
    return number.to_bytes(_NUMBER_BYTES, "big")


def _bound(tenant: str, number: int, subject: bytes) -> bytes:
    return b"%d:%d:%b" % (number, len(subject), subject) + tenant.encode()
