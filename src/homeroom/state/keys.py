"""Looking 128-bit keys up among sorted ones, and giving keys the names that they go under.

A segment of history has its learners in the order of their keys, so where a learner is takes some twenty steps and no
index. The keys that go under another one are few, sorted too, and looked for once for each event that comes in.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple, TypeAlias

import numpy as np

from homeroom.events.model import Int64s, UInt64s
from homeroom.events.texts import sealed
from homeroom.state import sorting

__all__ = ["NO_NAMES", "Keys", "Renamed", "distinct_keys", "find_sorted", "halves", "whole"]

_HALF = 64
_LOW = (1 << _HALF) - 1


Keys: TypeAlias = tuple[UInt64s, UInt64s]
"""Upper and lower halves of keys, uint64 of shape (n,) each."""


class Renamed(NamedTuple):
    """Keys, sorted, and the key that each goes under: uint64 of shape (n,), read-only."""

    from_hi: UInt64s
    from_lo: UInt64s
    to_hi: UInt64s
    to_lo: UInt64s

    def __bool__(self) -> bool:
        """Return whether there are any."""
        return len(self.from_hi) > 0

    def changed(self, keys: Sequence[int], names: Mapping[int, int]) -> "Renamed":
        """Return ours with other names for some keys, rising; those that ``names`` does not have go under no other."""
        old = find_sorted(self.from_hi, self.from_lo, *halves(keys))
        kept = [np.delete(column, old[old >= 0]) for column in self]
        named = [key for key in keys if key in names]
        new = (*halves(named), *halves([names[key] for key in named]))
        places = -1 - find_sorted(kept[0], kept[1], *new[:2])
        columns = zip(kept, new, strict=True)
        return Renamed(*(sealed(np.insert(column, places, more)) for column, more in columns))

    def apply(self, key_hi: UInt64s, key_lo: UInt64s) -> Keys:
        """Return what keys go under: those that are not among ours stay as they are."""
        if not self:
            return key_hi, key_lo
        found = find_sorted(self.from_hi, self.from_lo, key_hi, key_lo)
        known = found >= 0
        if not known.any():
            return key_hi, key_lo
        hi, lo = key_hi.copy(), key_lo.copy()
        hi[known], lo[known] = self.to_hi[found[known]], self.to_lo[found[known]]
        return sealed(hi), sealed(lo)


NO_NAMES = Renamed(*(sealed(np.empty(0, np.uint64)) for _ in range(4)))
"""No key goes under another."""


def find_sorted(key_hi: UInt64s, key_lo: UInt64s, asked_hi: UInt64s, asked_lo: UInt64s) -> Int64s:
    """Return the place of each asked key among sorted, distinct ones, int64.

    For one that is not there it is -1 less the place at which it would stand.
    """
    found = np.empty(len(asked_hi), np.int64)
    sorting.find_sorted(sealed(key_hi), sealed(key_lo), sealed(asked_hi), sealed(asked_lo), found)
    return found


def distinct_keys(parts: Sequence[Keys]) -> Keys:
    """Return distinct keys, sorted."""
    if not parts:
        nothing: UInt64s = sealed(np.empty(0, np.uint64))
        return nothing, nothing
    hi, lo = (np.concatenate([part[half] for part in parts]) for half in (0, 1))
    order = np.lexsort((lo, hi))
    hi, lo = hi[order], lo[order]
    is_first = np.ones(len(hi), np.bool_)
    is_first[1:] = (hi[1:] != hi[:-1]) | (lo[1:] != lo[:-1])
    return sealed(hi[is_first]), sealed(lo[is_first])


def halves(numbers: Sequence[int]) -> Keys:
    """Return 128-bit numbers as their upper and lower halves, two uint64 arrays, read-only."""
    return (
        sealed(np.array([number >> _HALF for number in numbers], np.uint64)),
        sealed(np.array([number & _LOW for number in numbers], np.uint64)),
    )


def whole(high: int, low: int) -> int:
    """Return a 128-bit number of its two halves."""
    return high << _HALF | low
