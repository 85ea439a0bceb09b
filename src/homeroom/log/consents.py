"""What persons allow to be done with what is kept of them: consents by purpose, and restrictions.

A person gives consent and takes it back, at two schools of one district, over two nodes that do not see each other. So
a consent is a fact that is never overwritten. Each names, by identity, the facts that it takes the place of; those are
*superseded* for ever, and what is left *stands*. Where several stand, because two were stated without knowledge of each
other, the most restrictive counts. If nothing stands, consent is not given.

A fact is about one raw key, and supersedes facts of this key alone. Its identity is a digest of all that it says, so
one identity never means two things, and a fact that comes twice is one.

The way not taken is "the latest wins", or to settle two facts at a time and to keep the winner. Clocks differ; and the
winner of two does not know what the loser has superseded, so that the order in which facts come would decide
(``tests/state/test_consents.py`` shows it).
"""

import hashlib
import re
from collections.abc import Sequence
from enum import StrEnum
from typing import Final

import msgspec

from homeroom import limits
from homeroom.errors import EntryError, InputError

__all__ = [
    "ANALYTICS",
    "EVERYTHING",
    "Consent",
    "Consented",
    "Need",
    "Says",
    "check_purpose",
    "checked_consents",
    "consent_of",
]

ANALYTICS: Final = "analytics"
"""The purpose for which all answers, cohorts and webhooks are."""
EVERYTHING: Final = ""
"""In place of a purpose: the fact is about a restriction, which is about all of them."""
_KEY_BYTES: Final = 16
_PURPOSE: Final = re.compile(r"[a-z][a-z0-9-]{0,39}")


class Says(StrEnum):
    """What a fact says: of a purpose that consent is given or refused, of everything that it is restricted or not."""

    GIVEN = "given"
    REFUSED = "refused"
    RESTRICTED = "restricted"
    LIFTED = "lifted"


class Need(StrEnum):
    """What a purpose needs: nothing, so that who refused is left out; or consent, so that who has not given it is."""

    NOTHING = "nothing"
    CONSENT = "consent"


class Consent(msgspec.Struct, frozen=True, array_like=True):
    """One fact.

    Parameters
    ----------
    key : the raw key that it is about, 16 bytes
    purpose : what for; `EVERYTHING` for a restriction (GDPR, article 18)
    refuses : whether it forbids: consent refused or taken back, or processing restricted
    at_ms : when it was stated, milliseconds since 1970 UTC; it is told, and decides nothing
    supersedes : identities of facts about the same raw key that it takes the place of, 16 bytes each, rising
    """

    key: bytes
    purpose: str
    refuses: bool
    at_ms: int
    supersedes: tuple[bytes, ...] = ()

    @property
    def identity(self) -> bytes:
        """A digest of all that it says: 16 bytes (BLAKE2b, RFC 7693)."""
        return hashlib.blake2b(_encode(self), digest_size=16, person=b"consent 1").digest()

    @property
    def says(self) -> Says:
        """What it says, in a word."""
        if self.purpose == EVERYTHING:
            return Says.RESTRICTED if self.refuses else Says.LIFTED
        return Says.REFUSED if self.refuses else Says.GIVEN


class Consented(msgspec.Struct, frozen=True):
    """Facts that are stated together."""

    consents: tuple[Consent, ...]


_encode = msgspec.msgpack.Encoder().encode


def consent_of(
    key: int, what: tuple[str, Says], at_ms: int, supersedes: Sequence[bytes] = ()
) -> Consent:
    """Return a fact about a raw key, a 128-bit number; ``what`` is a purpose and what is said of it.

    Raises `InputError` for words that do not go together, or too many facts to supersede.
    """
    purpose, says = what
    if purpose != EVERYTHING:
        check_purpose(purpose)
    if (purpose == EVERYTHING) != (says in (Says.RESTRICTED, Says.LIFTED)):
        raise InputError(
            f"{says.value} is not what is said of {purpose or 'all purposes'!r}: of a purpose consent is given or "
            f"refused, and all of them together are restricted, or that is lifted"
        )
    if len(set(supersedes)) > limits.SUPERSEDED_MAX:
        raise InputError(
            f"{len(set(supersedes)):,} consents would be superseded at once, at most {limits.SUPERSEDED_MAX:,} "
            f"are allowed; state it in parts"
        )
    if not 0 <= at_ms < limits.TIME_MS_MAX:
        raise InputError(
            f"a consent would be stated at {at_ms:,} ms; set the clock of this machine"
        )
    refuses = says in (Says.REFUSED, Says.RESTRICTED)
    named = tuple(sorted(set(supersedes)))
    return Consent(key.to_bytes(_KEY_BYTES, "big"), purpose, refuses, at_ms, named)


def check_purpose(purpose: str) -> None:
    """Raise `InputError` for a name that no purpose may have."""
    if not _PURPOSE.fullmatch(purpose):
        raise InputError(
            f"a purpose is {purpose[:40]!r}; it must be 1 to 40 small letters, digits and hyphens, a letter first"
        )


def checked_consents(consents: tuple[Consent, ...]) -> tuple[Consent, ...]:
    """Return consents that came from a disk or a peer. Raises `EntryError` for one that is not whole."""
    for one in consents:
        is_purpose = one.purpose == EVERYTHING or _PURPOSE.fullmatch(one.purpose)
        sizes = {len(one.key), *map(len, one.supersedes)}
        is_time = 0 <= one.at_ms < limits.TIME_MS_MAX
        is_bounded = len(one.supersedes) <= limits.SUPERSEDED_MAX
        if not (is_purpose and is_time and is_bounded and sizes == {_KEY_BYTES}):
            raise EntryError("a consent of an entry is cut off, or says what none may say")
    return consents
