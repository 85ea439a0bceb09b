"""Events dealt out to the partitions of a table, which are worked on apart from each other.

A partition is a range of keys and shares nothing with the others, so each may have a thread of its own. For few events
it has none: to wake a thread takes longer than the work, and questions wait for it.
"""

from collections.abc import Sequence

import numpy as np

from homeroom.events.model import Int32s, Int64s, UInt8s, UInt64s
from homeroom.limits import DAYS_PER_WORD, PARTITIONS
from homeroom.state import fold
from homeroom.state.running import Run, Task

__all__ = ["by_partition", "codes_met", "run_all", "words_of"]

_SPREAD_EVENTS = 1 << 13
"""Fewer events are worked on in one thread."""


def words_of(days: Int32s) -> tuple[int, int]:
    """Return the first word of some days, and the one after their last."""
    return int(days.min()) // DAYS_PER_WORD, int(days.max()) // DAYS_PER_WORD + 1


def by_partition(key_hi: UInt64s) -> dict[int, Int64s]:
    """Return by partition that has any of some keys their numbers."""
    starts = np.zeros(PARTITIONS + 1, np.int64)
    order = np.empty(len(key_hi), np.int64)
    fold.group_by_partition(key_hi, starts, order)
    return {
        number: order[starts[number] : starts[number + 1]]
        for number in range(PARTITIONS)
        if starts[number] < starts[number + 1]
    }


def codes_met(codes: UInt8s) -> list[int]:
    """Return the codes that are there, each once, rising."""
    found: list[int] = np.bincount(codes).nonzero()[0].tolist()
    return found


def run_all(tasks: Sequence[Task], events: int, run: Run) -> None:
    """Run tasks, in several threads if there are many events: else to wake a thread takes longer than the work."""
    if events >= _SPREAD_EVENTS:
        run(tasks)
    else:
        for task in tasks:
            task()
