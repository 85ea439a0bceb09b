"""The same person again, after an erasure: a new subject under the next generation.

Nothing joins the two. The raw key of an account holds a generation (`homeroom.events.pseudonyms`); once a key that is
erased was *readmitted*, events of that account from then on go under the next one. What is of before is of the person
who was erased, whenever it is sent, and is cut as before. The next generation can be erased and readmitted in its turn.

Few are ever readmitted, so all go under the first generation at first, and the few are looked for then.
"""

import hashlib
from collections.abc import Mapping
from typing import Final, TypeAlias

import numpy as np

from homeroom.events.model import Int64s, UInt64s
from homeroom.events.pseudonyms import GENERATION, subject_prefix

__all__ = ["Readmitted", "key_at", "readmitted_places"]

Readmitted: TypeAlias = Mapping[bytes, int]
"""Raw keys (16 bytes) that may come again, and from when on: milliseconds since 1970 UTC."""
_KEY_BYTES: Final = 16


def key_at(
    key: bytes, person: tuple[str, str], readmitted: Readmitted, at_ms: int | None = None
) -> bytes:
    """Return the raw key (16 bytes) that an account goes under at an instant, or now.

    Parameters
    ----------
    key : of the pseudonyms, 32 bytes
    person : issuer and account
    readmitted : which keys may come again
    """
    issuer, account = person
    generation = GENERATION
    while True:
        prefix = subject_prefix(issuer, generation)
        found = hashlib.blake2s(prefix + account.encode(), key=key, digest_size=_KEY_BYTES).digest()
        from_ms = readmitted.get(found)
        if from_ms is None or (at_ms is not None and at_ms < from_ms):
            return found
        generation += 1


def readmitted_places(readmitted: Readmitted, key_hi: UInt64s, key_lo: UInt64s) -> Int64s:
    """Return the places of the keys that may come again, int64, rising."""
    halves = np.frombuffer(b"".join(readmitted), ">u8").astype(np.uint64).reshape(-1, 2)
    few = np.flatnonzero(np.isin(key_hi, halves[:, 0]))
    known = {(int(hi), int(lo)) for hi, lo in halves.tolist()}
    mine = [(int(key_hi[place]), int(key_lo[place])) in known for place in few.tolist()]
    return few[np.array(mine, np.bool_)] if len(few) else few
