"""What must hold of a partition between any two folds; tests look after every step.

It stands apart from the rows that it is about, so that a reader of either sees one thing. It looks at every row, and is
never called while a node runs.
"""

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from homeroom.limits import DAYS_PER_WORD
from homeroom.state import fold
from homeroom.state.layout import ANY, CLEARED, FAMILIES, NEVER, NO_DAY, TYPES
from homeroom.state.standing import STANDING_CODES

if TYPE_CHECKING:
    from homeroom.state.table import Partition

__all__ = ["check_partition"]


def check_partition(part: "Partition") -> None:
    """Assert what must hold between any two folds."""
    rows = part.rows
    assert rows <= len(part.key_hi)
    assert (np.diff(part.run_starts) >= 0).all()
    assert part.clustered_rows <= rows
    any_words = part.words[ANY][:, :rows]
    for name, words in part.words.items():
        assert words.shape == (part.word_count, len(part.key_hi)), name
        assert not (words[:, :rows] & ~any_words).any(), f"{name} has days that {ANY} has not"
        assert not (words[:, :rows] >> np.uint64(DAYS_PER_WORD)).any(), "the top bit stays clear"
    empty = part.start_day[:rows] == NO_DAY
    assert not any_words[:, empty].any(), "a row without a first day holds nothing"
    there = np.flatnonzero(~empty)
    if len(there):
        word, bit = np.divmod(part.start_day[there], DAYS_PER_WORD)
        held = any_words[word - part.first_word, there] >> bit.astype(np.uint64)
        assert (held & np.uint64(1)).all(), "the first day is an active day"
        assert (part.last_day[there] >= part.start_day[there]).all()
    placed = np.repeat(part.run_days, np.diff(part.run_starts))
    moved = np.flatnonzero(part.start_day[: part.clustered_rows] != placed)
    assert np.array_equal(part.displaced(), moved)
    _check_columns(part)
    _check_empty(part, empty)


def _check_empty(part: "Partition", empty: npt.NDArray[np.bool_]) -> None:
    assert part.empty_rows == empty.sum()
    assert (part.last_day[: len(empty)][empty] == -1).all()
    for family, nothing in CLEARED.items():
        for name, column in getattr(part, family).items():
            held = column[: len(empty)][empty]
            assert (np.isnan(held) if np.isnan(nothing) else held == nothing).all(), name


def _check_columns(part: "Partition") -> None:
    rows = part.rows
    for family in FAMILIES:
        for name, column in getattr(part, family).items():
            assert column.shape == part.key_hi.shape, f"{family}/{name}"
            assert column.dtype == TYPES[family], f"{family}/{name}"
    held = [(name, codes[:rows] >= 0) for name, codes in part.codes.items()]
    held += [(name, ~np.isnan(values[:rows])) for name, values in part.numbers.items()]
    for name, has in held:
        if name in part.set_ms:
            timed = part.set_ms[name][:rows] != NEVER
            assert (has == timed).all(), f"{name} has a time where it has a value"
    for name, allowed in STANDING_CODES.items():
        if name in part.codes:
            known = np.isin(part.codes[name][:rows], (-1, *allowed))
            assert known.all(), f"{name} is one of {allowed}"
    if part.owners:
        same = (part.owners["hi"] ^ part.key_hi)[:rows] >> fold.PARTITION_SHIFT
        assert not same.any(), "an enrolment lies in the partition of its learner"
