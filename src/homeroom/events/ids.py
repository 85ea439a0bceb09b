"""Ids as they are written down: keyed hashes, from which nobody reads what a platform put into them.

The id of an activity is text that its platform chose, and some choose ``https://lms.example/profile/ada.lovelace``. No
rule finds every name in every text. So in what leaves the door of a node for its log, its history and other regions,
no text stands at all: ids of verbs, activities, course runs and sections, answers and values of attributes are hashed
under a key that is derived from the tenant's. Equal texts have equal hashes, whatever they are ids of; so rows can be
joined and counted as before, and whoever knows an id and has the key finds what is about it.

All of them are hashed, those that anybody may know included. The way not taken, to hash only what is not registered,
gives one id two forms: the hash before it was registered and the text afterwards, with two enrolments, two lines in
each answer and two identities for an event that was sent again (``docs/decisions/0012-all-ids-travel-as-hashes.md``).
"""

import base64
import hashlib
import re
from collections.abc import Callable
from typing import Final

from homeroom.events.dictionary import Dictionaries, Dictionary

__all__ = ["HASHED_ID", "HASHED_ID_BYTES", "IdHasher", "hashing_dictionaries", "is_hashed"]

HASHED_ID: Final = re.compile(r"~[a-z2-7]{26}")
"""The form of a hashed id: a mark, and 128 bits in base32 (RFC 4648), in small letters."""


HASHED_ID_BYTES: Final = 27


def is_hashed(text: str) -> bool:
    """Say whether a text has the form of a hashed id."""
    return HASHED_ID.fullmatch(text) is not None


class IdHasher:
    """Hashes the ids of one tenant: keyed BLAKE2s (RFC 7693) of the text, 128 bits.

    Parameters
    ----------
    key_of : returns the tenant's key, 32 bytes; asked for with the first id and not before
    """

    def __init__(self, key_of: Callable[[], bytes]) -> None:
        self._key_of = key_of
        self._started: hashlib.blake2s | None = None

    @classmethod
    def under(cls, key: bytes) -> "IdHasher":
        """Return one for a key that is at hand."""
        return cls(lambda: key)

    @property
    def key(self) -> bytes:
        """The tenant's key."""
        return self._key_of()

    def hashed(self, text: str) -> str:
        """Return what stands for a text; text that has no UTF-8 form is a `UnicodeEncodeError`."""
        if self._started is None:
            self._started = hashlib.blake2s(key=self.key, person=b"homeids1", digest_size=16)
        one = self._started.copy()
        one.update(text.encode())
        return "~" + base64.b32encode(one.digest())[:26].decode().lower()


class _HashingDictionary(Dictionary):
    """Takes texts and stores their hashes. What came is held for the digests of rows, and in memory only."""

    def __init__(self, mask: Callable[[str], str], hasher: IdHasher) -> None:
        super().__init__(mask)
        self._hasher = hasher
        self._came: list[str] = []

    @property
    def came(self) -> list[str]:
        return self._came

    def _add(self, text: str) -> None:
        self._values.append(self._hasher.hashed(text))
        self._came.append(text)


def hashing_dictionaries(key: bytes) -> Dictionaries:
    """Return empty dictionaries for the door of a tenant, which takes texts and gives hashes."""
    hasher = IdHasher.under(key)
    return Dictionaries.under(key, lambda mask: _HashingDictionary(mask, hasher))
