"""Marks: texts that stand for a person or a secret, so odd that no byte on a disk holds one by chance.

All marks of a run share a core, so a search looks for the core first and for the single marks only where it is. A text
that was planted comes back in many forms: other letters, another encoding, escaped for one protocol or another, in the
middle of a longer text under base64. `forms` returns them.
"""

import base64
import unicodedata
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from urllib.parse import quote

import numpy as np

__all__ = ["Mark", "Marks", "forms"]

_LETTERS = "bcdfghjkmpqvwxz"
_ACCENTED = "åéñöüčžßř"
_CORE_LETTERS = 10
_TAIL = "vwx"
"""Under base64 the last two letters of a text cannot be told; those of marks are the same."""


@dataclass(frozen=True)
class Mark:
    """One text, and through which entrance it went in."""

    entrance: str
    text: str

    def __str__(self) -> str:
        return self.text


class Marks:
    """All marks of a run: ``marks("entrance")`` draws one, or returns the one of that entrance."""

    def __init__(self, rng: np.random.Generator) -> None:
        self._rng = rng
        drawn = "".join(rng.choice(list(_LETTERS), _CORE_LETTERS))
        self.core = drawn[0].upper() + drawn[1:]
        self.accented_core = "".join(rng.choice(list(_ACCENTED), 6)) + drawn[:4]
        self.all: dict[str, Mark] = {}
        self._secrets: list[str] = []

    def __call__(self, entrance: str) -> str:
        """Return the mark of an entrance, in letters of ASCII."""
        return self._mark(entrance, self.core)

    def accented(self, entrance: str) -> str:
        """Return the mark of an entrance, with letters that have more than one form."""
        return self._mark(entrance, self.accented_core)

    def secret(self, entrance: str, text: str) -> str:
        """Count a text that somebody else drew as a mark; return it."""
        self.all[entrance] = Mark(entrance, text)
        self._secrets.append(text)
        return text

    def _mark(self, entrance: str, core: str) -> str:
        if entrance not in self.all:
            number, text = len(self.all), core
            for _ in range(3):
                number, letter = divmod(number, len(_LETTERS))
                text += _LETTERS[letter]
            text += _TAIL
            self.all[entrance] = Mark(entrance, text)
        return self.all[entrance].text

    def cores(self) -> tuple[str, ...]:
        """Return the texts of which every mark holds one."""
        return (self.core, self.accented_core, *self._secrets)


def forms(text: str) -> dict[tuple[bytes, bool], str]:
    """Return the names of the forms of a text, by the bytes, and whether their case counts.

    Where case does not count, the bytes have small letters of ASCII only, and are looked for in such bytes.
    """
    found: dict[tuple[bytes, bool], str] = {}
    for kind in ("NFC", "NFD"):
        for cased in _cased(unicodedata.normalize(kind, text)):
            for name, form, is_cased in _written(cased):
                found.setdefault((form, is_cased), f"{kind} {name}")
    return found


def _written(text: str) -> Iterator[tuple[str, bytes, bool]]:
    for encoding in ("utf-8", "utf-16-le", "utf-16-be", "utf-32-le", "latin-1"):
        with suppress(UnicodeEncodeError):
            yield encoding, text.encode(encoding).lower(), False
    encoded = text.encode()
    yield "hex", encoded.hex().encode(), False
    yield "percent", "".join(f"%{byte:02x}" for byte in encoded).encode(), False
    yield "quoted", quote(text).lower().encode(), False
    yield "escaped", "".join(f"\\u{ord(letter):04x}" for letter in text).encode(), False
    for before in range(3):
        within = _base64_within(encoded, before)
        yield f"base64+{before}", within, True
        yield f"base64url+{before}", within.translate(_URL_SAFE), True


_URL_SAFE = bytes.maketrans(b"+/", b"-_")


def _cased(text: str) -> list[str]:
    return list(dict.fromkeys((text, text.lower(), text.upper(), text.casefold())))


def _base64_within(content: bytes, before: int) -> bytes:
    """Return what of some bytes shows in base64, whatever stands around them, after ``before`` bytes."""
    whole = (before + len(content)) // 3 * 3
    padded = (b"\0" * before + content)[:whole]
    return base64.b64encode(padded)[4 if before else 0 :]
