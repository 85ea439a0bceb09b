"""An erasure: raw keys of which nothing is to be kept, told or counted any more, for ever.

It is a fact like an event and a void, and travels with them in the analytic stream: so it comes to every node by any
path, counts whether it comes before or after what it erases, and comes again from the log when all is folded anew. The
set of raw keys that are erased only grows. There is no taking back: by then nothing is left that could come back.

It names raw keys, which are pseudonyms, and so does everything that must know for ever whom not to let in.

The way not taken is a deletion, a record that removes rows when it is met: rows that come after it, from a node that
was cut off or out of a backup, would be there again.
"""

from collections.abc import Sequence
from typing import Final, TypeAlias

import msgspec
import numpy as np

from homeroom import limits
from homeroom.errors import EntryError
from homeroom.events.model import UInt64s
from homeroom.events.texts import sealed

__all__ = ["KEY_BYTES", "Erasure", "Learner", "checked_erasures", "erased_keys", "erasure_of"]

Learner: TypeAlias = str | tuple[str, str]
"""A learner as a person names one: a pseudonym of 32 hexadecimal digits, or (issuer, account)."""
KEY_BYTES: Final = 16
"""Bytes of a raw key, upper half first, each half with its highest byte first."""
_ID_BYTES: Final = 16


class Erasure(msgspec.Struct, frozen=True, array_like=True):
    """What is erased, and under which name that is followed.

    Parameters
    ----------
    id : 16 bytes, drawn at random: names the certificate
    at_ms : when it was asked for, milliseconds since 1970 UTC
    keys : the raw keys, 16 bytes each, rising
    """

    id: bytes
    at_ms: int
    keys: bytes

    @property
    def name(self) -> str:
        """The id in 32 hexadecimal digits."""
        return self.id.hex()

    def raw_keys(self) -> list[bytes]:
        """Return the raw keys, 16 bytes each."""
        return [self.keys[at : at + KEY_BYTES] for at in range(0, len(self.keys), KEY_BYTES)]


def erasure_of(identifier: bytes, at_ms: int, keys: Sequence[int]) -> Erasure:
    """Return an erasure of raw keys, given as 128-bit numbers."""
    return Erasure(
        identifier, at_ms, b"".join(key.to_bytes(KEY_BYTES, "big") for key in sorted(set(keys)))
    )


def erased_keys(erasures: Sequence[Erasure]) -> tuple[UInt64s, UInt64s]:
    """Return the upper and lower halves of all raw keys in some erasures: two uint64 arrays of shape (n,)."""
    halves = (
        np.frombuffer(b"".join(one.keys for one in erasures), ">u8")
        .astype(np.uint64)
        .reshape(-1, 2)
    )
    return sealed(halves[:, 0].copy()), sealed(halves[:, 1].copy())


def checked_erasures(erasures: tuple[Erasure, ...]) -> tuple[Erasure, ...]:
    """Return erasures that came from a disk or a peer. Raises `EntryError` for one that is not whole."""
    for one in erasures:
        count, rest = divmod(len(one.keys), KEY_BYTES)
        if len(one.id) != _ID_BYTES or rest or not 1 <= count <= limits.ERASED_KEYS_MAX:
            raise EntryError(
                f"an erasure of an entry is cut off, or has {count:,} keys; from 1 to {limits.ERASED_KEYS_MAX:,} are "
                f"allowed"
            )
    return erasures
