"""The two versions of the standard, and which of them a request means.

A client names its version in a header, and is answered in that version. Both are served over the same statements: what
differs is which properties are allowed, how strict a timestamp is, and a few rules of requests. The way not taken, a
store for each, would hide from a client of one what a client of the other sent.
"""

import re
from enum import Enum
from typing import Final

from homeroom.errors import RecordError

__all__ = ["VERSION_HEADER", "Version"]

VERSION_HEADER: Final = "X-Experience-API-Version"
_ONE: Final = re.compile(r"1\.0(\.\d+)?")
_TWO: Final = re.compile(r"2\.0(\.\d+)?")


class Version(Enum):
    """A version of the standard that is served; the value is what the response header says."""

    ONE = "1.0.3"
    TWO = "2.0.0"

    @classmethod
    def asked(cls, header: str | None) -> "Version":
        """Return the version that a request names (xAPI 1.0.3, Communication, 3.3; 2.0, 4.1.8.1).

        Raises `RecordError` where it names none, or one that is not served.
        """
        if header is None:
            raise RecordError(
                VERSION_HEADER, "is missing", "send 2.0.0 or 1.0.3 with every request"
            )
        if _TWO.fullmatch(header):
            return cls.TWO
        if _ONE.fullmatch(header):
            return cls.ONE
        raise RecordError(VERSION_HEADER, "must be 1.0, 1.0.x, 2.0 or 2.0.x")

    @property
    def of_statements(self) -> str:
        """What a statement that names no version gets (1.0.3, Data, 2.4.10; 2.0, 4.2.4.3)."""
        return "1.0.0" if self is Version.ONE else "2.0.0"

    @property
    def known(self) -> tuple[str, ...]:
        """What the about resource lists for a client of this version."""
        ones = ("1.0.0", "1.0.1", "1.0.2", "1.0.3")
        return ones if self is Version.ONE else (*ones, "2.0.0")

    def allows(self, text: str) -> bool:
        """Say whether a statement may name this version: under 1.0.3 only a 1.0.x."""
        if self is Version.TWO and _TWO.fullmatch(text):
            return True
        return _ONE.fullmatch(text) is not None
