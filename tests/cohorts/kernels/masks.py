"""Rows of days as the kernels of cohorts see them, and the same rows as a plain matrix of yes and no.

A kernel gets packed words; its twin gets ``active[period, row]``. Everything here is the slow and obvious way from
one to the other, so that a test of a kernel is one line of NumPy against one call.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from homeroom.cohorts.periods import LEAD, Periods, make_periods
from homeroom.events.texts import sealed
from homeroom.limits import DAYS_PER_WORD
from homeroom.state.zones import date_of, load_zone

if TYPE_CHECKING:
    import datetime as dt

__all__ = ["EDGE_ROWS", "Days", "by_period", "draw_days", "masks_of", "packed", "periods_of"]

EDGE_ROWS = (0, 1, 63, 64, 65, 127, 128, 129, 1919, 1920, 1921)
"""Rows at which a loop ends, or one row before or after: words of bits, blocks of the adder, overflow of its planes."""

Active = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Days:
    """Rows of days: ``active[day - first_day, row]``, and the same as words from ``first_word`` on."""

    first_word: int
    active: Active
    words: npt.NDArray[np.uint64]

    @property
    def rows(self) -> int:
        return self.active.shape[1]

    @property
    def first_day(self) -> int:
        return self.first_word * DAYS_PER_WORD

    def first_days(self) -> npt.NDArray[np.int64]:
        """Return the first active day of each row (every row has one)."""
        return self.first_day + self.active.argmax(axis=0)


def draw_days(rng: np.random.Generator, rows: int, words: int, share: float = 0.1) -> Days:
    """Draw rows that are active on a share of the days, each on one day at least."""
    first_word = int(rng.integers(300, 305))
    active = rng.random((words * DAYS_PER_WORD, rows)) < share
    active[rng.integers(0, len(active), rows), np.arange(rows)] = True
    packed_words = np.zeros((words, rows), np.uint64)
    for day in range(len(active)):
        word, bit = divmod(day, DAYS_PER_WORD)
        packed_words[word] |= active[day].astype(np.uint64) << np.uint64(bit)
    return Days(first_word, active, sealed(packed_words))


def periods_of(
    days: Days, interval: Any, first: int, last: int, week_start: Any = "monday"
) -> Periods:
    """Return the periods from one day to another, both counted from the first day of the words."""
    dates: list[dt.date] = [date_of(days.first_day + day) for day in (first, last)]
    return make_periods(interval, load_zone("UTC"), week_start, *dates)


def by_period(days: Days, periods: Periods) -> Active:
    """Return who was active in each row of bits: all before, the period before, and the shown ones."""
    edges = [days.first_day, *(int(day) for day in periods.days)]
    found = np.zeros((LEAD + periods.count, days.rows), np.bool_)
    for p in range(len(found)):
        low, high = (max(0, edge - days.first_day) for edge in edges[p : p + 2])
        found[p] = days.active[low:high].any(axis=0)
    return found


def packed(active: Active) -> npt.NDArray[np.uint64]:
    """Pack a matrix (periods, rows) into bits (periods, words of 64 rows), writable."""
    periods, rows = active.shape
    padded = np.zeros((periods, (rows + 63) // 64 * 64), np.bool_)
    padded[:, :rows] = active
    return np.packbits(padded, axis=1, bitorder="little").view(np.uint64)


def masks_of(rng: np.random.Generator, rows: int) -> dict[str, npt.NDArray[np.int8] | None]:
    """Return masks of every kind: none, nobody, everybody, some."""
    return {
        "no mask": None,
        "nobody": sealed(np.zeros(rows, np.int8)),
        "everybody": sealed(np.full(rows, -1, np.int8)),
        "some": sealed(-rng.integers(0, 2, rows).astype(np.int8)),
    }
