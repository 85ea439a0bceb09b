"""What an answer is found by: everything that could make it another one, and nothing that can be read.

The problem: a cache key that forgets something is how one customer sees another's numbers. The intuition: a name is a
keyed digest of all that the engine is given (tenant, scope of the caller, question, definitions, version of the fold),
each part with its length before it, so that no two lists of parts are written alike. Without the tenant's key nobody
can make a name, nor try out which question one stands for.

The way not taken is to keep one answer for all scopes and to cut it down for each reader: then one forgotten cut shows
everything. Here a scope that was forgotten in a name would have to be forgotten in the code that asks, too.
"""

import hashlib
from collections.abc import Iterable
from enum import StrEnum
from typing import Final, NamedTuple

__all__ = ["FORM", "NAME_BYTES", "CacheKey", "Reach", "name_of", "space_of"]

FORM: Final = b"homeroom answers 2"
"""Changes with the form of what is kept and with what the fold makes of events, so that older answers are not found."""
NAME_BYTES: Final = 32
"""How long each name is."""


class Reach(StrEnum):
    """How far an answer may be kept from where it was made."""

    JURISDICTION = "jurisdiction"
    WORLD = "world"


class CacheKey(NamedTuple):
    """What one answer is found by.

    Parameters
    ----------
    name : digest of all that makes the answer, 32 bytes
    tenant : whose it is
    kind : of question, for what is counted
    reach : how far it may be kept
    """

    name: bytes
    tenant: str
    kind: str
    reach: Reach


def name_of(key: bytes, parts: Iterable[bytes]) -> bytes:
    """Return the name of what these parts make, 32 bytes: BLAKE2b (RFC 7693) under a key of at most 64 bytes."""
    found = hashlib.blake2b(key=key, digest_size=NAME_BYTES)
    for part in (FORM, *parts):
        found.update(b"%d:" % len(part))
        found.update(part)
    return found.digest()


def space_of(key: bytes, world: str, jurisdiction: str) -> str:
    """Return what the names of a tenant begin with where others keep theirs too; it tells nobody whose they are.

    ``jurisdiction`` is that of the nodes that share the place, empty for one that several jurisdictions share.
    """
    parts = (b"space", world.encode(), jurisdiction.encode())
    return f"hr:{name_of(key, parts)[:12].hex()}"
