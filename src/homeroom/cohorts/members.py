"""Sets of learners, as bits in the order of the table's rows.

A cohort of five million learners is 0.6 MB in this form, and what definitions are made of (and, or, not) costs a
thousandth of a second. Bits follow the rows, so they hold until the table is clustered or grows; a set is asked for
anew after that and never kept.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from homeroom.cohorts.kernels import members as kernels
from homeroom.events.model import Int8s, Int64s, UInt64s
from homeroom.events.texts import sealed
from homeroom.state.table import NO_DAY, Partition, SubjectTable

__all__ = ["NOBODY", "Members", "existing", "members_of", "pack", "patterns_in", "unpack"]

NOBODY: UInt64s = sealed(np.empty(0, np.uint64))
"""The words of a partition without rows."""
_PATTERNS: Final = 1 << 12
"""Places of the table of patterns to begin with: 64 kB, which stays in the second-level cache."""


@dataclass(frozen=True, slots=True)
class Members:
    """A set of rows of a table: by partition uint64 words, bit i of word w for row 64 w + i; read-only."""

    words: tuple[UInt64s, ...]
    rows: tuple[int, ...]

    def __and__(self, other: "Members") -> "Members":
        """Return who is in both."""
        return self._combined(other, np.bitwise_and)

    def __or__(self, other: "Members") -> "Members":
        """Return who is in either."""
        return self._combined(other, np.bitwise_or)

    def __sub__(self, other: "Members") -> "Members":
        """Return who is in the first and not in the second."""
        return self._combined(other, lambda a, b: a & ~b)

    def _combined(self, other: "Members", join: Callable[[UInt64s, UInt64s], UInt64s]) -> "Members":
        assert self.rows == other.rows, "sets of one state of one table"
        pairs = zip(self.words, other.words, strict=True)
        return Members(tuple(sealed(join(a, b)) for a, b in pairs), self.rows)

    def __len__(self) -> int:
        """Return how many are in it."""
        return sum(int(kernels.count_bits(words)) for words in self.words)

    def chosen(self, number: int) -> npt.NDArray[np.bool_]:
        """Return whether each row of a partition is in it, bool of shape (rows,)."""
        return unpack(self.words[number], self.rows[number])

    def mask(self, number: int) -> Int8s:
        """Return -1 for each row of a partition that is in it, 0 for the others."""
        return sealed(-self.chosen(number).view(np.int8))

    def places(self, number: int) -> npt.NDArray[np.int64]:
        """Return the rows of a partition that are in it."""
        return np.flatnonzero(self.chosen(number))


def pack(chosen: npt.NDArray[np.bool_]) -> UInt64s:
    """Return flags as words of 64."""
    room = np.zeros((len(chosen) + 63) // 64 * 8, np.uint8)
    packed = np.packbits(chosen, bitorder="little")
    room[: len(packed)] = packed
    return sealed(room.view("<u8"))


def unpack(words: UInt64s, rows: int) -> npt.NDArray[np.bool_]:
    """Return words of 64 flags as one flag a row."""
    return np.unpackbits(words.view(np.uint8), count=rows, bitorder="little").view(np.bool_)


def members_of(table: SubjectTable, choose: Callable[[int, Partition], UInt64s]) -> Members:
    """Return the set that ``choose`` gives partition by partition."""
    words: Sequence[UInt64s] = [choose(i, part) for i, part in enumerate(table.partitions)]
    return Members(tuple(words), tuple(part.rows for part in table.partitions))


def existing(table: SubjectTable, day: int) -> Members:
    """Return who had been active by the end of a local day.

    Rows lie in the order of their first days, so but for those out of place it is the first so many of each partition.
    """
    last = min(day, int(NO_DAY) - 1)

    def choose(_: int, part: Partition) -> UInt64s:
        words = np.zeros((part.rows + 63) // 64, np.uint64)
        end = int(part.run_starts[np.searchsorted(part.run_days, last, side="right")])
        loose = np.append(part.displaced(), np.arange(part.clustered_rows, part.rows))
        kernels.started(sealed(part.start_day), end, sealed(loose), last, words)
        return sealed(words)

    return members_of(table, choose)


def patterns_in(sets: Sequence[Members], number: int) -> tuple[UInt64s, Int64s]:
    """Return in which sets the rows of a partition are, and how many are in just these.

    Bit s of a pattern (uint64, each once, none of them 0) stands for set s, of up to 64; counts are int64.
    """
    assert len(sets) <= 64, "a pattern is one word"
    words = sealed(np.array([one.words[number] for one in sets], np.uint64))
    keys, counts = _empty_table(_PATTERNS)
    word, taken = kernels.count_patterns(words, (0, 0), keys, counts)
    while word < words.shape[1]:
        larger = _empty_table(2 * len(keys))
        kernels.move_patterns(keys, counts, *larger)
        keys, counts = larger
        word, taken = kernels.count_patterns(words, (word, taken), keys, counts)
    found = keys != 0
    return keys[found], counts[found]


def _empty_table(room: int) -> tuple[UInt64s, Int64s]:
    return np.zeros(room, np.uint64), np.zeros(room, np.int64)
