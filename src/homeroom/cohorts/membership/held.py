"""Who is in what: a word of bits a learner, a bit a cohort.

Rows are of learners who are, or were since the start, in any cohort. They never move, so a page of members can go on
where the last one ended, and a point read finds its row by an index. The way not taken: bits as columns of the
learners' own table. They would move, be dropped and be frozen with its rows, and whoever asks for one learner's cohorts
would wait for a fold.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from homeroom.events.model import Int32s, Int64s, UInt64s
from homeroom.events.texts import sealed
from homeroom.state import index
from homeroom.state.keys import Keys

__all__ = ["WORD_BITS", "Differences", "Held", "count_of"]

WORD_BITS = 64
_BLOCK_ROWS = 1 << 18


@dataclass(frozen=True, slots=True)
class Differences:
    """What became other: rows (int64), slots (int32), and whether the bit is set now; of shape (n,) each."""

    rows: Int64s
    slots: Int32s
    entered: npt.NDArray[np.bool_]

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self.rows)


class Held:
    """Bits by learner.

    Attributes
    ----------
    rows : learners that have a row
    key_hi, key_lo : uint64 of shape (room,)
    words : uint64 of shape (words, room); bit b of word w is slot 64 w + b
    """

    def __init__(self) -> None:
        self.rows = 0
        self.key_hi: UInt64s = np.empty(0, np.uint64)
        self.key_lo: UInt64s = np.empty(0, np.uint64)
        self.words: UInt64s = np.zeros((0, 0), np.uint64)
        self._slots = index.new_slots(0)

    @classmethod
    def of(cls, keys: Keys, words: UInt64s) -> "Held":
        """Return the bits of distinct keys, ``words`` of shape (words, n)."""
        held = cls()
        held.cover(len(words))
        rows = held.add(keys)
        held.words[:, rows] = words
        return held

    def cover(self, words: int) -> None:
        """Have so many words a learner."""
        more = words - len(self.words)
        if more > 0:
            room = np.zeros((more, len(self.key_hi)), np.uint64)
            self.words = np.concatenate([self.words, room])

    def find(self, keys: Keys) -> Int32s:
        """Return the row of each key, -1 for those that have none."""
        found = np.empty(len(keys[0]), np.int32)
        held = sealed(self.key_hi), sealed(self.key_lo)
        index.find_rows(self._slots, *held, sealed(keys[0]), sealed(keys[1]), found)
        return found

    def add(self, keys: Keys) -> Int32s:
        """Return the row of each key, a new one without any bit for those that have none."""
        count = len(keys[0])
        self._reserve(self.rows + count)
        rows, events = np.empty(count, np.int32), np.arange(count, dtype=np.int64)
        asked = sealed(keys[0]), sealed(keys[1])
        self.rows = index.find_or_add(
            self._slots, self.key_hi, self.key_lo, self.rows, events, *asked, rows
        )
        return rows

    def _reserve(self, rows: int) -> None:
        if rows > len(self.key_hi):
            room = max(rows, 2 * len(self.key_hi), WORD_BITS)
            for name in ("key_hi", "key_lo"):
                grown = np.zeros(room, np.uint64)
                grown[: self.rows] = getattr(self, name)[: self.rows]
                setattr(self, name, grown)
            words = np.zeros((len(self.words), room), np.uint64)
            words[:, : self.rows] = self.words[:, : self.rows]
            self.words = words
        if index.slots_needed(rows) > len(self._slots):
            self._slots = index.new_slots(rows)
            index.refill(self._slots, sealed(self.key_lo), self.rows)

    # --- changed -----------------------------------------------------------------------------------------------------

    def put(self, keys: Keys, fresh: UInt64s, mask: UInt64s) -> Differences:
        """Give some learners new bits, ``fresh`` of shape (words, n), in the slots of ``mask``; say what is other."""
        rows = self.find(keys)
        new = (rows < 0) & fresh.any(axis=0)
        if new.any():
            rows[new] = self.add((keys[0][new], keys[1][new]))
        known = rows >= 0
        return self._put_rows(rows[known].astype(np.int64), fresh[:, known], mask)

    def put_first(self, fresh: UInt64s, mask: UInt64s) -> None:
        """Give the first rows new bits, as many as ``fresh`` has, in the slots of ``mask``."""
        for first in range(0, fresh.shape[1], _BLOCK_ROWS):
            end = min(first + _BLOCK_ROWS, fresh.shape[1])
            held = self.words[:, first:end]
            held ^= (held ^ fresh[:, first:end]) & mask[:, None]

    def other_first(self, fresh: UInt64s, mask: UInt64s) -> Differences:
        """Say what would be other if the first rows had these bits, in the slots of ``mask``."""
        found = []
        for first in range(0, fresh.shape[1], _BLOCK_ROWS):
            end = min(first + _BLOCK_ROWS, fresh.shape[1])
            other = (self.words[:, first:end] ^ fresh[:, first:end]) & mask[:, None]
            places = np.flatnonzero(other.any(axis=0))
            found += _differences(places + first, other[:, places], fresh[:, places + first])
        return _joined(found)

    def _put_rows(self, rows: Int64s, fresh: UInt64s, mask: UInt64s) -> Differences:
        other = (self.words[:, rows] ^ fresh) & mask[:, None]
        places = np.flatnonzero(other.any(axis=0))
        rows, other = rows[places], other[:, places]
        self.words[:, rows] ^= other
        return _joined(_differences(rows, other, fresh[:, places]))

    # --- asked -------------------------------------------------------------------------------------------------------

    def having(self, slot: int, first: int, count: int) -> Int64s:
        """Return the next rows from ``first`` on, at most ``count``, that have the bit of a slot."""
        word, bit = divmod(slot, WORD_BITS)
        found: list[Int64s] = []
        while count > 0 and first < self.rows and word < len(self.words):
            end = min(first + _BLOCK_ROWS, self.rows)
            rows = np.flatnonzero(_bit(self.words[word, first:end], bit))[:count] + first
            found.append(rows)
            first, count = end, count - len(rows)
        return np.concatenate(found) if found else np.empty(0, np.int64)

    def slots_of(self, keys: Keys) -> list[int]:
        """Return the slots of one learner whose bits are set; none for one that has no row."""
        row = int(self.find(keys)[0])
        if row < 0:
            return []
        words = self.words[:, row].tolist()
        return [
            WORD_BITS * number + bit
            for number, word in enumerate(words)
            for bit in range(WORD_BITS)
            if word >> bit & 1
        ]


def count_of(words: UInt64s, slot: int) -> int:
    """Return how many of some words, uint64 of shape (words, n), have the bit of a slot."""
    word, bit = divmod(slot, WORD_BITS)
    return int(np.count_nonzero(_bit(words[word], bit))) if word < len(words) else 0


def _bit(words: UInt64s, bit: int) -> npt.NDArray[np.bool_]:
    return np.asarray((words >> np.uint64(bit)) & np.uint64(1) != 0)


def _differences(rows: Int64s, other: UInt64s, now: UInt64s) -> list[Differences]:
    """Return slot by slot which of some rows are other, and what each has ``now``; both of shape (words, n)."""
    found = []
    for number, column in enumerate(other):
        some = int(np.bitwise_or.reduce(column)) if len(column) else 0
        for bit in (bit for bit in range(WORD_BITS) if some >> bit & 1):
            mine = _bit(column, bit)
            count = int(np.count_nonzero(mine))
            slots = np.full(count, WORD_BITS * number + bit, np.int32)
            found.append(Differences(rows[mine], slots, _bit(now[number, mine], bit)))
    return found


def _joined(parts: Sequence[Differences]) -> Differences:
    return Differences(
        np.concatenate([np.empty(0, np.int64), *(one.rows for one in parts)]),
        np.concatenate([np.empty(0, np.int32), *(one.slots for one in parts)]),
        np.concatenate([np.empty(0, np.bool_), *(one.entered for one in parts)]),
    )
