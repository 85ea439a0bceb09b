"""Keys: drawn, shown once, and known again.

A key is ``hr_``, eight characters by which it is found, and a secret of 28: all of base 62, so that a double click
selects it and no shell touches it. The secret alone has 166 bits, so nobody guesses it, and a plain SHA-256 is enough
to keep: slow hashes are for what people make up. What is kept opens nothing.

A key is found by its prefix and compared as a whole, in a time that does not depend on how much of it is right.
"""

import hashlib
import hmac
import secrets
import string
from dataclasses import dataclass
from typing import Final

from homeroom.log.control import Control, Key

__all__ = ["MARK", "NewKey", "draw_key", "find_key"]

MARK: Final = "hr_"
_PREFIX_LETTERS: Final = 8
_SECRET_LETTERS: Final = 28
_LETTERS: Final = string.digits + string.ascii_uppercase + string.ascii_lowercase
_NOBODYS: Final = bytes(32)

assert len(_LETTERS) ** _SECRET_LETTERS > 1 << 160


@dataclass(frozen=True, slots=True)
class NewKey:
    """A key that was just drawn. ``text`` is told to whoever asked for it, and to nobody else."""

    text: str
    prefix: str
    digest: bytes

    def __repr__(self) -> str:
        """Show the key without its secret."""
        return f"NewKey({self.prefix})"


def draw_key() -> NewKey:
    """Return a key that nobody has."""
    letters = "".join(secrets.choice(_LETTERS) for _ in range(_PREFIX_LETTERS + _SECRET_LETTERS))
    text = MARK + letters
    return NewKey(text, letters[:_PREFIX_LETTERS], _digest(text))


def find_key(control: Control, text: str, now_ms: int) -> Key | None:
    """Return the key of this text, None if there is none, or none any more."""
    prefix = text[len(MARK) : len(MARK) + _PREFIX_LETTERS]
    key = control.keys.get(prefix)
    same = hmac.compare_digest(_NOBODYS if key is None else key.digest, _digest(text))
    return key if key is not None and same and key.is_valid(now_ms) else None


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).digest()
