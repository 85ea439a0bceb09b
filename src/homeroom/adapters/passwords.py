"""Passwords: the one module that knows the library that hashes them.

A password is short and made up by a person, so what is kept of it must be slow to try: Argon2id (RFC 9106), with the
second recommended parameters (section 4): 64 MiB, three passes, four lanes. Checks are few at once, since each takes
that memory; who signs in waits for a turn.

A name that is not there takes as long as one that is, by the hash of a password that nobody has.
"""

import unicodedata
from typing import Final

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from homeroom import limits
from homeroom.errors import InputError

__all__ = ["hashed", "is_password"]

_HASHER: Final = PasswordHasher(time_cost=3, memory_cost=65_536, parallelism=4)
_NOBODYS: Final = (
    "$argon2id$v=19$m=65536,t=3,p=4$bm9ib2R5cy1zYWx0LWhlcmU$"
    "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
)


def hashed(password: str) -> str:
    """Return what is kept of a password. Raises `InputError` for one that is too short or too long."""
    given = _normal(password)
    least, most = limits.PASSWORD_CHARACTERS_MIN, limits.PASSWORD_CHARACTERS_MAX
    if not least <= len(given) <= most:
        raise InputError(
            f"the password has {len(given)} characters, must have from {least} to {most}; "
            f"a few words that have nothing to do with each other make a good one"
        )
    return _HASHER.hash(given)


def is_password(kept: str | None, password: str) -> bool:
    """Say whether this is the password of which that is kept; None takes as long and is always False."""
    if len(password) > limits.PASSWORD_CHARACTERS_MAX:
        password = ""
    try:
        return _HASHER.verify(kept or _NOBODYS, _normal(password)) and kept is not None
    except (VerificationError, InvalidHashError):
        return False


def _normal(password: str) -> str:
    """Return a password as each keyboard gives it (RFC 8265, 4.2.2: normal form C)."""
    return unicodedata.normalize("NFC", password)
