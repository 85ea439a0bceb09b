"""Lifecycle, stickiness and active learners: the questions that look at one behaviour, any activity."""

from collections.abc import Callable
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from homeroom.cohorts.activity import Activity
from homeroom.cohorts.kernels import bits as kernels
from homeroom.cohorts.matching import Selection
from homeroom.cohorts.periods import LEAD, Periods
from homeroom.state.running import Run, summed

__all__ = ["active_counts", "lifecycle_counts", "mean_share", "stickiness_counts"]

Bits = npt.NDArray[np.uint64]
Counts = npt.NDArray[np.int64]
Counted: TypeAlias = tuple[Periods, Counts]


def _summed(
    activity: Activity,
    behaviour: Selection,
    shape: tuple[int, ...],
    add: Callable[[Bits, Counts], None],
    run: Run,
) -> Counts:
    """Add up what ``add`` counts in each block of learners."""

    def add_block(block: tuple[int, int, int], counts: Counts) -> None:
        add(activity.bits(block, behaviour), counts)

    return summed(activity.blocks(), shape, add_block, run)


def lifecycle_counts(
    activity: Activity, behaviour: Selection, periods: Periods, run: Run
) -> Counts:
    """Return (new, returning, resurrecting, dormant), int64 of shape (4, periods)."""
    return _summed(activity, behaviour, (4, periods.count), kernels.count_lifecycle, run)


def stickiness_counts(
    activity: Activity, behaviour: Selection, periods: Periods, run: Run
) -> Counts:
    """Return the learners by number of active periods from 1 on, int64 of shape (periods,)."""

    def add(bits: Bits, counts: Counts) -> None:
        kernels.count_periods_per_row(bits, LEAD, counts)

    return _summed(activity, behaviour, (periods.count + 1,), add, run)[1:]


def active_counts(activity: Activity, behaviour: Selection, periods: Periods, run: Run) -> Counts:
    """Return the active learners by period, int64 of shape (periods,)."""

    def add(bits: Bits, counts: Counts) -> None:
        kernels.count_active(bits[LEAD:], counts)

    return _summed(activity, behaviour, (periods.count,), add, run)


def mean_share(
    short: Counted, long: Counted, as_of_ms: int
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.bool_]]:
    """Return for each long period the mean of the short ones that begin in it over its own number.

    Beside it stands whether it is complete. Each side is (periods, counts); the short ones must cover the long ones.
    Those that have not begun have no number yet, and are left out of the mean.
    """
    short_periods, short_counts = short
    long_periods, long_counts = long
    shares_found = np.full(long_periods.count, np.nan)
    complete = long_periods.complete(as_of_ms)
    reached = short_periods.reached(as_of_ms)
    begun, ended = reached[:-1], reached[1:]
    inside = long_periods.of_days(short_periods.days[1:-1])
    for place in range(long_periods.count):
        chosen = inside == place
        complete[place] &= ended[chosen].all()
        known = chosen & begun
        if long_counts[place] and known.any():
            shares_found[place] = short_counts[known].mean() / long_counts[place]
    return shares_found, complete
