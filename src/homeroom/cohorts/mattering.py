"""Which entries mattered to whether a learner is in a cell, whatever order they came in.

Two regions each bring that a learner was active in a week. Take either away and the cell is as it is with both, so by
the usual reckoning neither changed it. Entries have no order of their own (each region saw another), so the question is
asked over all orders: an entry *mattered* to a learner if there is any order in which the learner's being in the cell
becomes other when it comes. Take all that mattered away and the cell is as it was before; any of the others may come or
not, at any time, and it stays as it is. That is what "these entries changed it, and no others" can mean.

Where what a learner has is bits that are OR-ed together (`homeroom.cohorts.cells`), all orders are few: what can be
reached from the bits before is a set of at most eight values. Where an entry takes something back (a void), or where
what is asked of the learner is an attribute, which of two is kept, there is no such thing, and every subset is asked.
"""

from typing import Final

import numpy as np
import numpy.typing as npt

from homeroom.cohorts.cells import TERMS_MAX
from homeroom.events.model import Int64s, UInt8s

__all__ = ["mattering_bits", "mattering_subsets"]

Flags = npt.NDArray[np.bool_]
_VALUES: Final = 1 << TERMS_MAX


def _reached() -> npt.NDArray[np.uint8]:
    """Return what is reached from a value by any subset of a set of values: sets as bits, uint8 (values, sets)."""
    found = np.zeros((_VALUES, 1 << _VALUES), np.uint8)
    for start in range(_VALUES):
        for values in range(1 << _VALUES):
            reached = {start}
            for value in range(_VALUES):
                if values >> value & 1:
                    reached |= {one | value for one in reached}
            found[start, values] = sum(1 << one for one in reached)
    return found


_REACHED: Final = _reached()


def mattering_bits(
    before: UInt8s, owner: Int64s, bits: UInt8s, holds: UInt8s
) -> tuple[Flags, Flags, Flags]:
    """Return which of the bits that entries bring mattered, and of learners who was in the cell before and after.

    Parameters
    ----------
    before : uint8 (learners,), what each had before
    owner : int64 (pairs,), to which learner each pair of learner and entry belongs
    bits : uint8 (pairs,), what the entry brings of it
    holds : uint8 (values,), by bits whether a learner is in the cell
    """
    sets = np.zeros(len(before), np.uint8)
    np.bitwise_or.at(sets, owner, np.left_shift(np.uint8(1), bits))
    reached = _REACHED[before, sets]
    changes = np.zeros((1 << _VALUES, _VALUES), np.bool_)
    for brought in range(_VALUES):
        telling = sum(1 << one for one in range(_VALUES) if holds[one] != holds[one | brought])
        changes[:, brought] = (np.arange(1 << _VALUES) & telling) != 0
    after = before.copy()
    np.bitwise_or.at(after, owner, bits)
    return changes[reached[owner], bits], holds[before] != 0, holds[after] != 0


def mattering_subsets(holds: Flags) -> Flags:
    """Return which of n entries mattered, by whether the learner is in the cell for each subset of them.

    ``holds`` is bool of shape (2 ** n,): bit e of a place says that entry e has come.
    """
    count = len(holds).bit_length() - 1
    places = np.arange(len(holds))
    return np.array(
        [bool((holds != holds[places | 1 << one]).any()) for one in range(count)], np.bool_
    )
