"""So many active days in a stretch of days: what most rules come down to, and what the columns tell.

Rules that ask the same tracks are counted together, whatever their dates and bounds: the words of five million learners
do not fit into a cache, so most of the time goes by while memory is read, and it is read once for all of them. Who
entered and left between two dates costs little more than who is there on one.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from homeroom import limits
from homeroom.cohorts.activity import track_words
from homeroom.cohorts.kernels import members as kernels
from homeroom.cohorts.questions.rules import Conditions
from homeroom.cohorts.stretches import Stretch
from homeroom.events.model import UInt64s
from homeroom.events.texts import sealed
from homeroom.state.table import Partition

__all__ = ["MANY", "Days", "rows_of_days"]

MANY: Final = int(np.iinfo(np.int64).max)
"""No upper bound."""


@dataclass(frozen=True, slots=True)
class Days:
    """From ``low`` to ``high`` active days (or events) of a kind in a stretch."""

    where: Conditions
    stretch: Stretch
    low: int
    high: int
    by_day: bool = True

    @property
    def is_of_days(self) -> bool:
        """Whether days decide it: one event is one day, and none is none."""
        return self.by_day or (self.low, self.high) in ((1, MANY), (0, 0))


def rows_of_days(
    parts: Sequence[Days], partition: Partition, tracks: frozenset[int] | None
) -> list[UInt64s]:
    """Return for each part which rows of a partition have so many days of some tracks, as bits."""
    width = limits.DAYS_PER_WORD
    first_day = partition.first_word * width
    end_day = first_day + partition.word_count * width
    masks: list[dict[int, int]] = []
    for part in parts:
        first, end = max(part.stretch.first, first_day), min(part.stretch.end, end_day)
        met = range(first // width, -(-end // width)) if first < end else range(0)
        masks.append(
            {
                word - partition.first_word: _ones(end - word * width)
                & ~_ones(first - word * width)
                for word in met
            }
        )
    words = sorted(set().union(*masks))
    bits = [[mask.get(word, 0) for word in words] for mask in masks]
    found = np.zeros((len(parts), (partition.rows + 63) // 64), np.uint64)
    kernels.active_days(
        track_words(partition, tracks),
        partition.rows,
        (
            sealed(np.array(words, np.int64)),
            sealed(np.array(bits, np.uint64).reshape(len(parts), len(words))),
        ),
        sealed(np.array([(part.low, part.high) for part in parts], np.int64)),
        found,
    )
    return [sealed(one) for one in found]


def _ones(bits: int) -> int:
    """Return a word with so many of its lowest bits set, at most all that stand for days."""
    return (1 << min(max(bits, 0), limits.DAYS_PER_WORD)) - 1
