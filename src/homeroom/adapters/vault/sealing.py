"""Keys, seals and keyed hashes of one tenant.

Every person has a random key of 256 bits, which seals (AES-256-GCM, NIST SP 800-38D) what the vault keeps of them. The
keys themselves are sealed under a key that is derived from the tenant's, and only so are they written. To destroy a
person's key is to destroy all that was sealed under it, in every copy and in every backup, at once; nothing else is
lost, since nobody else's data are under that key.

What is not a person's (what is known of activities, say) is sealed under the key of a subject that is nobody.

Filters need equality. A keyed hash (BLAKE2s, RFC 7693) of what is asked for gives it: without the tenant's key nobody
can try out addresses.

Random nonces of 96 bits are safe for 2**32 seals under one key; a person has some thousands of statements. The way not
taken, AES-GCM-SIV, needs no such argument, and takes twice the time.
"""

import contextlib
import hashlib
import os
from collections.abc import Callable
from typing import Final, NamedTuple

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from homeroom import limits
from homeroom.adapters.vault.held import Held
from homeroom.adapters.vault.operations import HASH_BYTES
from homeroom.errors import VaultError
from homeroom.events.generations import Readmitted, key_at

__all__ = ["KEY_NAME_BYTES", "GivenKey", "Seals", "SubjectKeys", "TenantKeys", "key_name"]

_KEY_BYTES: Final = 32
_NONCE_BYTES: Final = 12
KEY_NAME_BYTES: Final = 4
"""Bytes of the name of its key that a seal begins with."""
_CLOSED: Final = (
    "a sealed record does not open: it was damaged, or sealed under another tenant's key; "
    "check the key, else make the vault again from the log"
)


class TenantKeys(NamedTuple):
    """Two secrets of a tenant, 32 bytes each.

    ``pseudonym`` is the one that the door uses, so that a person has one pseudonym in events and in records;
    ``readmitted`` says who goes under another one now (`homeroom.events.generations`).
    """

    pseudonym: bytes
    vault: bytes
    readmitted: Callable[[], Readmitted] = dict


class Seals:
    """Seals and opens, wraps and hashes for one tenant."""

    def __init__(self, keys: TenantKeys) -> None:
        for name, key in (("pseudonym", keys.pseudonym), ("vault", keys.vault)):
            if len(key) != _KEY_BYTES:
                raise ValueError(f"len({name}) == {len(key)}, must be {_KEY_BYTES}.")
        self._pseudonym = keys.pseudonym
        self._readmitted = keys.readmitted
        self._wrapping = AESGCM(_derived(keys.vault, b"wrap"))
        self._cursor = AESGCM(_derived(keys.vault, b"cursor"))
        self._labels = AESGCM(_derived(keys.vault, b"labels"))
        self._given = _derived(keys.vault, b"given")
        self._index = hashlib.blake2s(key=_derived(keys.vault, b"index"), digest_size=HASH_BYTES)
        self._hashes: Held[tuple[bytes, bytes], bytes] = Held(limits.FORMS_HELD)
        self.nobody: Final = self.hash(b"nobody", b"")
        """The subject of what is no person's."""

    def pseudonym(self, issuer: str, account: str) -> bytes:
        """Return the pseudonym of an account, 16 bytes: the same as that of its events."""
        return key_at(self._pseudonym, (issuer, account), self._readmitted())

    def hash(self, kind: bytes, value: bytes) -> bytes:
        """Return the keyed hash of a value of a kind, 16 bytes."""
        found = self._index.copy()
        found.update(b"%d:%b" % (len(kind), kind))
        found.update(value)
        return found.digest()

    def hash_everywhere(self, kind: bytes, value: bytes) -> bytes:
        """Return the keyed hash of a value of a kind, 16 bytes, that is the same in all jurisdictions."""
        named = b"%d:%b" % (len(kind), kind)
        return hashlib.blake2s(
            named + value, key=self._pseudonym, person=b"homeaway", digest_size=HASH_BYTES
        ).digest()

    def known_hash(self, kind: bytes, value: bytes) -> bytes:
        """Return the keyed hash of a value that will be asked for again, such as a verb."""
        found = self._hashes.get((kind, value))
        if found is None:
            found = self.hash(kind, value)
            self._hashes.add((kind, value), found)
        return found

    def new_key(self, subject: bytes) -> bytes:
        """Draw a key for a subject; return it wrapped."""
        return _seal(self._wrapping, os.urandom(_KEY_BYTES), subject)

    def given_key(self, subject: bytes, secret: bytes) -> "GivenKey":
        """Return the key of a subject that follows from a secret from elsewhere; who sent that does not know it."""
        key = hashlib.blake2s(subject + secret, key=self._given).digest()
        nonce = hashlib.blake2s(subject + key, key=self._given, digest_size=_NONCE_BYTES).digest()
        return GivenKey(key, nonce + self._wrapping.encrypt(nonce, key, subject))

    def unwrap(self, subject: bytes, wrapped: bytes) -> AESGCM:
        """Return a key of a subject; raise `VaultError` if it is not one that this tenant wrapped."""
        return AESGCM(_open(self._wrapping, wrapped, subject))

    def seal_labels(self, content: bytes) -> bytes:
        """Seal labels; the seal begins with its nonce."""
        return _seal(self._labels, content, b"labels")

    def open_labels(self, sealed: bytes) -> bytes:
        """Open labels; raise `VaultError` if they are none of this tenant's."""
        return _open(self._labels, sealed, b"labels")

    def seal_cursor(self, content: bytes) -> bytes:
        """Seal what a link to a next page says."""
        return _seal(self._cursor, content, b"cursor")

    def open_cursor(self, sealed: bytes) -> bytes:
        """Open a link to a next page; raise `VaultError` if it is none of this tenant's."""
        return _open(self._cursor, sealed, b"cursor")


class SubjectKeys:
    """The keys of one subject, ready for use.

    There is one, but where two nodes met a person for the first time at the same time: then each goes on with its own,
    and both open. A seal says which key it is of, by the beginning of its name: should two begin alike, one of them
    opens it.

    Parameters
    ----------
    ciphers : by `key_name`, the first one to seal with
    reload : returns those that there are now, for a seal of a key that came since
    """

    def __init__(
        self, ciphers: dict[bytes, AESGCM], reload: Callable[[], dict[bytes, AESGCM]] = dict
    ) -> None:
        self.ciphers = ciphers
        self._name, self._cipher = next(iter(ciphers.items()))
        self._reload = reload

    def seal(self, content: bytes, bound_to: bytes) -> bytes:
        """Seal content, bound to what it belongs to: it opens only as that."""
        return self._name[:KEY_NAME_BYTES] + _seal(self._cipher, content, bound_to)

    def can_open(self, sealed: bytes) -> bool:
        """Say whether the key of a seal is here; that of another node may be on its way still."""
        return bool(self._of(sealed))

    def open(self, sealed: bytes, bound_to: bytes) -> bytes:
        """Open what was sealed; raise `VaultError` if it was changed, or sealed by another key or as something else."""
        for cipher in self._of(sealed):
            with contextlib.suppress(VaultError):
                return _open(cipher, sealed[KEY_NAME_BYTES:], bound_to)
        raise VaultError(_CLOSED)

    def _of(self, sealed: bytes) -> list[AESGCM]:
        found = self._named(sealed[:KEY_NAME_BYTES])
        if not found:
            self.ciphers |= self._reload()
            found = self._named(sealed[:KEY_NAME_BYTES])
        return found

    def _named(self, begin: bytes) -> list[AESGCM]:
        return [cipher for name, cipher in self.ciphers.items() if name[:KEY_NAME_BYTES] == begin]


class GivenKey:
    """A key of a subject that several nodes make of one secret, each for itself, and seal the same with.

    So what they seal must be equal, byte by byte. A nonce is a keyed hash of what it seals: never one for two contents.

    Parameters
    ----------
    key : 32 bytes
    wrapped : the same, wrapped under the tenant's
    """

    def __init__(self, key: bytes, wrapped: bytes) -> None:
        self.wrapped = wrapped
        self._cipher = AESGCM(key)
        self._nonces = hashlib.blake2s(b"homeroom nonces", key=key).digest()

    def seal(self, content: bytes, bound_to: bytes) -> bytes:
        """Seal content as `SubjectKeys.seal` does."""
        named = b"%d:%b" % (len(bound_to), bound_to)
        nonce = hashlib.blake2s(
            named + content, key=self._nonces, digest_size=_NONCE_BYTES
        ).digest()
        name = key_name(self.wrapped)[:KEY_NAME_BYTES]
        return name + nonce + self._cipher.encrypt(nonce, content, bound_to)


def key_name(wrapped: bytes) -> bytes:
    """Return what names a key: its wrapping's nonce, which is random; its seals begin as that does."""
    return wrapped[:_NONCE_BYTES]


def _seal(key: AESGCM, content: bytes, bound_to: bytes) -> bytes:
    nonce = os.urandom(_NONCE_BYTES)
    return nonce + key.encrypt(nonce, content, bound_to)


def _open(key: AESGCM, sealed: bytes, bound_to: bytes) -> bytes:
    try:
        return key.decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], bound_to)
    except (InvalidTag, ValueError):
        raise VaultError(_CLOSED) from None


def _derived(key: bytes, use: bytes) -> bytes:
    return hashlib.blake2s(b"homeroom vault 1 " + use, key=key, digest_size=_KEY_BYTES).digest()
