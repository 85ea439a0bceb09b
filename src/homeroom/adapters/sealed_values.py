"""Values that lie where others might read or exchange them: sealed, each to the name that it lies under.

A cache that nodes share is a program of somebody else's, on a network, with a memory that may be written to a disk.
Answers say who is in a cohort; so what lies there cannot be read (AES-256-GCM, NIST SP 800-38D) without the tenant's
key, and a value that was cut, exchanged with another one, or made by somebody else does not open. A node treats such a
value as none, and counts it.

The way not taken is a keyed checksum alone: it costs no less here, and everybody who reaches the cache could read.

Random nonces of 96 bits are safe for 2**32 seals under one key. A key is one tenant's in one place that shares values.
"""

import hashlib
import os
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from homeroom.errors import EntryError

__all__ = ["NONCE_BYTES", "ValueSeal"]

NONCE_BYTES: Final = 12
"""Bytes that a sealed value begins with, no two alike: by these it is known whether it is still the same."""


class ValueSeal:
    """Seals the values of one tenant in one place.

    Parameters
    ----------
    key : of the tenant, 32 bytes; another one is derived from it
    place : of the values; what was sealed for another place does not open
    """

    def __init__(self, key: bytes, place: str) -> None:
        mark = hashlib.blake2s(place.encode(), person=b"hrvalues", key=key)
        self._sealing = AESGCM(mark.digest())

    def sealed(self, name: bytes, content: bytes) -> bytes:
        """Return a value as it lies under a name."""
        nonce = os.urandom(NONCE_BYTES)
        return nonce + self._sealing.encrypt(nonce, content, name)

    def opened(self, name: bytes, value: bytes) -> bytes:
        """Return what was sealed under a name. Raises `EntryError` for what was not, or is damaged."""
        try:
            return self._sealing.decrypt(value[:NONCE_BYTES], value[NONCE_BYTES:], name)
        except (InvalidTag, ValueError):
            raise EntryError(
                "a value of a shared cache does not open: it is damaged, exchanged or forged; it is made anew"
            ) from None
