"""Which copies of a fact have come: by origin the least number, for events by identity, for voids by id.

A client that hears nothing sends again, perhaps to a node that has begun a new life since; so one event may lie in
entries of several origins. It is kept once, with the entry that it came with first. But whether a retention cut covers
it depends on *any* of its copies: another node may have learned of it by the other one. So the copies that are not kept
leave a row here, unless they say nothing new: one of the same origin and a later entry is covered only where the kept
one is, and what no log tells of (a load) or an earlier cut covers already is covered for good, since the vectors of
cuts never go down.

Nearly all events have one copy, and this table has no row for them. The way not taken is a list of copies in each
event: every event would pay for the few that have two.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from homeroom.events.columns import Column
from homeroom.events.dictionary import Dictionary
from homeroom.events.model import Int32s, Int64s, UInt64s
from homeroom.events.texts import sealed
from homeroom.log.origins import Origin, Vector
from homeroom.state.keys import Keys, distinct_keys, find_sorted

__all__ = ["ALWAYS", "Copies", "Coverage", "Source", "origin_codes"]

ALWAYS = -1
"""The code of the origin of what no log tells of, or what a cut covered before: every vector covers it."""
Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Source:
    """An entry by the code of its origin and its number; without any, something that no log tells of."""

    origin: int = ALWAYS
    entry: int = 0


def origin_codes(origins: Sequence[Origin], dictionary: Dictionary) -> list[int]:
    """Return the codes of origins, new ones included."""
    codes: list[int] = dictionary.codes([str(one) for one in origins], len(origins)).tolist()
    return codes


class Coverage:
    """Which copies a vector covers.

    Parameters
    ----------
    vector : by origin the last number
    dictionary : gives origins their codes
    """

    def __init__(self, vector: Vector, dictionary: Dictionary) -> None:
        origins = list(vector)
        codes = origin_codes(origins, dictionary)
        self._numbers = np.zeros(len(dictionary) + 1, np.int64)
        self._numbers[codes] = [vector[origin] for origin in origins]
        self._numbers[ALWAYS] = np.iinfo(np.int64).max  # the last place, which -1 means

    def covers(self, origin: Int32s, entry: Int64s) -> Flags:
        """Return which copies are covered, bool of the shape of both."""
        return np.asarray(entry <= self._numbers[origin])


@dataclass(frozen=True, slots=True)
class Copies:
    """Further copies of facts, each with the entry that it came with.

    Parameters
    ----------
    key_hi, key_lo : uint64 (n,), what is copied: the identity of an event; of a void the hash of its id, and 0
    time_ms : int64 (n,), the time of the event, 0 for a void
    origin : int32 (n,), code of the origin
    entry : int64 (n,)
    """

    key_hi: UInt64s
    key_lo: UInt64s
    time_ms: Int64s
    origin: Int32s
    entry: Int64s

    @classmethod
    def none(cls) -> "Copies":
        """Return no copies."""
        nobody: UInt64s = sealed(np.empty(0, np.uint64))
        nothing: Int64s = sealed(np.empty(0, np.int64))
        return cls(nobody, nobody, nothing, sealed(np.empty(0, np.int32)), nothing)

    @classmethod
    def of_voids(cls, ids: UInt64s, source: Source) -> "Copies":
        """Return copies of voids that came with one entry."""
        count = len(ids)
        return cls(
            ids,
            np.zeros(count, np.uint64),
            np.zeros(count, np.int64),
            np.full(count, source.origin, np.int32),
            np.full(count, source.entry, np.int64),
        )

    @classmethod
    def of_events(cls, columns: Mapping[str, Column]) -> "Copies":
        """Return copies of events, given by their columns; those without an origin come from no log."""
        count = len(columns["time_ms"])
        return cls(
            columns["identity_hi"],
            columns["identity_lo"],
            columns["time_ms"],
            columns.get("origin", np.full(count, ALWAYS, np.int32)),
            columns.get("entry", np.zeros(count, np.int64)),
        )

    @classmethod
    def read(cls, arrays: Mapping[str, npt.NDArray[np.generic]], name: str) -> "Copies":
        """Read what `written` wrote under a name; none if there is nothing."""
        if f"{name}/origin" not in arrays:
            return cls.none()
        return cls(*(sealed(arrays[f"{name}/{field}"]) for field in cls.__slots__))

    def written(self, name: str) -> dict[str, npt.NDArray[np.generic]]:
        """Return what is to be written down under a name."""
        return {f"{name}/{field}": getattr(self, field) for field in self.__slots__}

    def __len__(self) -> int:
        """Return the number of copies."""
        return len(self.origin)

    @property
    def keys(self) -> Keys:
        """What is copied."""
        return self.key_hi, self.key_lo

    def picked(self, chosen: Flags | Int64s) -> "Copies":
        """Return some of the copies."""
        return Copies(*(sealed(getattr(self, field)[chosen]) for field in self.__slots__))

    def joined(self, other: "Copies") -> "Copies":
        """Return both, of each fact and origin the copy with the least number."""
        if not len(other):
            return self
        columns = [
            np.concatenate([getattr(self, field), getattr(other, field)])
            for field in self.__slots__
        ]
        key_hi, key_lo, _, origin, entry = columns
        order = np.lexsort((entry, origin, key_lo, key_hi))
        whole = Copies(*(column[order] for column in columns))
        first = np.ones(len(order), np.bool_)
        first[1:] = (
            (np.diff(whole.key_hi) != 0)
            | (np.diff(whole.key_lo) != 0)
            | (np.diff(origin[order]) != 0)
        )
        return whole.picked(first)

    def has(self, keys: Keys) -> Flags:
        """Return of which facts there are copies, bool (n,)."""
        if not len(self):
            return np.zeros(len(keys[0]), np.bool_)
        return find_sorted(*distinct_keys([self.keys]), *keys) >= 0

    def uncovered(self, coverage: Coverage) -> "Copies":
        """Return the copies of facts of which no copy is covered."""
        facts = self.covered(coverage)
        return self.picked(find_sorted(*facts, *self.keys) < 0)

    def settled(self, coverage: Coverage, since_ms: int) -> "Copies":
        """Return what later vectors, which cover more, have to know: nothing of what is before an instant.

        A fact of which any copy is covered has one copy, which is for good.
        """
        recent = self.picked(self.time_ms >= since_ms)
        facts = recent.covered(coverage)
        is_for_good = find_sorted(*facts, *recent.keys) >= 0
        for_good = replace(
            recent,
            origin=np.where(is_for_good, np.int32(ALWAYS), recent.origin),
            entry=np.where(is_for_good, np.int64(0), recent.entry),
        )
        return Copies.none().joined(for_good)

    def covered(self, coverage: Coverage) -> Keys:
        """Return the facts of which any copy is covered, sorted and distinct."""
        return distinct_keys([self.picked(coverage.covers(self.origin, self.entry)).keys])
