"""Made-up learners whose days of activity are known, as arrays: what the benchmarks of resident state fold and ask.

A benchmark of kernels needs millions of learners with waves of starts and fading activity, in seconds, and needs to
give the very same days to homeroom and to its peers. So learners are drawn block by block as plain arrays: number,
first day, further days, country. `homeroom generate` makes realistic logs instead, at a hundredth of this speed; the
benchmarks that begin with files use those.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from homeroom.events.model import Int32s, Int64s, UInt64s
from homeroom.state.running import Run
from homeroom.state.table import RowBatch, SubjectTable

__all__ = ["COUNTRY_SHARES", "FIRST_DAY", "Learners", "Visits", "folded", "keys_of"]

FIRST_DAY = 19_719
"""2024-01-01, a Monday, in day numbers of the state (day 0 is Monday 1970-01-05)."""
COUNTRY_SHARES = (0.4, 0.25, 0.15, 0.1, 0.05, 0.05)
"""How many learners have the country of each code; the last has none."""
BLOCK_LEARNERS = 1 << 18
_GAP_DAYS = 33.0
_FURTHER_VISITS = 7
_DAY_MS = 86_400_000
_FIRST_MS = (FIRST_DAY + 4) * _DAY_MS


@dataclass(frozen=True, slots=True)
class Visits:
    """Days of activity of one block of learners, repeats not removed.

    ``learner`` int64 numbers, ``day`` int32 from 0 on, ``country`` int32 codes (-1 is none): one value a visit.
    """

    learner: Int64s
    day: Int32s
    country: Int32s

    def rows(self) -> RowBatch:
        """Return the visits as a subject table folds them."""
        key_hi, key_lo = keys_of(self.learner)
        return RowBatch(
            key_hi=key_hi,
            key_lo=key_lo,
            days=(self.day + FIRST_DAY).astype(np.int32),
            time_ms=_FIRST_MS + self.day.astype(np.int64) * _DAY_MS,
            attributes={"country": self.country},
            ties={"country": np.arange(len(COUNTRY_SHARES), dtype=np.uint64)},
        )


@dataclass(frozen=True, slots=True)
class Learners:
    """So many learners over so many days. 5,000,000 over 180 days are active on 30 million learner-days."""

    count: int
    days: int = 180
    seed: int = 20240101

    def blocks(self) -> Iterator[Visits]:
        """Yield all visits, block by block of learners; equal parameters give equal visits."""
        for first in range(0, self.count, BLOCK_LEARNERS):
            rng = np.random.default_rng((self.seed, first))
            yield self._block(np.arange(first, min(first + BLOCK_LEARNERS, self.count)), rng)

    def _block(self, numbers: Int64s, rng: np.random.Generator) -> Visits:
        start = (rng.beta(1.0, 1.6, len(numbers)) * self.days).astype(np.int64)
        gaps = rng.exponential(_GAP_DAYS, (_FURTHER_VISITS, len(numbers))).astype(np.int64)
        days = np.vstack([start[None, :], start[None, :] + gaps])
        codes = rng.choice(len(COUNTRY_SHARES), len(numbers), p=COUNTRY_SHARES)
        country = np.where(codes == len(COUNTRY_SHARES) - 1, -1, codes).astype(np.int32)
        inside = days < self.days
        return Visits(
            np.broadcast_to(numbers, days.shape)[inside],
            days[inside].astype(np.int32),
            np.broadcast_to(country, days.shape)[inside],
        )


def keys_of(numbers: npt.NDArray[np.int64]) -> tuple[UInt64s, UInt64s]:
    """Return keys that look random, different for different numbers, as the door's pseudonyms do."""
    return _mixed(numbers.astype(np.uint64)), _mixed(~numbers.astype(np.uint64))


def _mixed(words: UInt64s) -> UInt64s:
    """Mix 64 bits one to one (the finaliser of SplitMix64)."""
    words = words + np.uint64(0x9E3779B97F4A7C15)
    words = (words ^ (words >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    words = (words ^ (words >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return words ^ (words >> np.uint64(31))


def folded(learners: Learners, run: Run) -> SubjectTable:
    """Fold all visits into a subject table as the product does, and cluster it."""
    table = SubjectTable()
    for visits in learners.blocks():
        table.fold(visits.rows(), run)
    table.cluster(run)
    return table
