"""Rows that join into other rows: what is left of history that was cut goes into a table as it is.

Events are folded one by one; a base is a whole row, with days in words, values with the times that they were set at.
Every column of it joins with the column of the row that it goes into: words by OR, days by minimum and maximum, values
by the greatest of (time, value). So it makes no difference whether the events of a row came as a base, as events, or
as some of each.

Several rows may go into one, where accounts are one learner. They go in one after the other, in rounds: the first of
each, then the second of each, which few have.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from homeroom.events.model import Int64s, UInt64s
from homeroom.events.texts import sealed
from homeroom.state.fold import PARTITION_SHIFT
from homeroom.state.keys import Keys, find_sorted
from homeroom.state.running import Run
from homeroom.state.standing import STANDING_CODES, STANDING_RANKS
from homeroom.state.table import Partition, RowBatch, SubjectTable

__all__ = ["join_rows", "rows_of", "rows_of_owners"]

Column = npt.NDArray[Any]


def rows_of(partition: Partition, keys: Keys) -> Int64s:
    """Return the rows of some keys, int64; keys that have none are passed over."""
    found = partition.find(sealed(keys[0]), sealed(keys[1]))
    return found[found >= 0].astype(np.int64)


def rows_of_owners(partition: Partition, keys: Keys) -> Int64s:
    """Return the rows of the enrolments of some learners, given by distinct keys, int64."""
    if not partition.owners:
        return np.empty(0, np.int64)

    def ordered() -> tuple[Int64s, UInt64s, UInt64s]:
        hi, lo = (partition.owners[half][: partition.rows] for half in ("hi", "lo"))
        order = np.lexsort((lo, hi))
        return order, sealed(hi[order]), sealed(lo[order])

    order, hi, lo = partition.derived("by owner", None, ordered)
    first = np.ones(len(order), np.bool_)
    first[1:] = (hi[1:] != hi[:-1]) | (lo[1:] != lo[:-1])
    starts = np.flatnonzero(first)
    found = find_sorted(hi[starts], lo[starts], *keys)
    ends = np.append(starts[1:], len(order))
    mine = found[found >= 0]
    return np.concatenate([np.empty(0, np.int64), *(order[starts[i] : ends[i]] for i in mine)])


def join_rows(
    table: SubjectTable,
    rows: tuple[Partition, Int64s],
    keys: Keys,
    owners: Keys | None,
    ties: Mapping[str, UInt64s],
    run: Run,
) -> None:
    """Join some rows of a partition into a table.

    Parameters
    ----------
    table : into which they go
    rows : a partition of another table, and numbers of rows in it that hold something
    keys : under which key each of them goes
    owners : of enrolments the keys of their learners, None for learners
    ties : by attribute what settles which of two values that were set at one instant wins, by code; an attribute that
        is not among these is left out
    run : may fold partitions in several threads
    """
    source, picked = rows
    if not len(picked):
        return
    _make_rows(table, source, picked, keys, owners, run)
    numbers = keys[0] >> PARTITION_SHIFT
    for number in np.unique(numbers).tolist():
        mine, target = np.flatnonzero(numbers == number), table.partitions[number]
        target.cover(source.first_word, source.first_word + source.word_count)
        places = target.find(sealed(keys[0][mine]), sealed(keys[1][mine])).astype(np.int64)
        for turn in _rounds(places):
            _join(target, places[turn], source, picked[mine[turn]], ties)


def _make_rows(
    table: SubjectTable,
    source: Partition,
    picked: Int64s,
    keys: Keys,
    owners: Keys | None,
    run: Run,
) -> None:
    """Have a row of each key, with the first and the last day of the row that goes into it."""
    nothing = np.zeros(len(picked), np.int64)
    for days in (source.start_day[picked], source.last_day[picked]):
        batch = RowBatch(
            key_hi=sealed(keys[0]),
            key_lo=sealed(keys[1]),
            days=sealed(days),
            time_ms=sealed(nothing),
            owner_hi=None if owners is None else sealed(owners[0]),
            owner_lo=None if owners is None else sealed(owners[1]),
        )
        table.fold(batch, run)


def _rounds(places: Int64s) -> Iterator[Int64s]:
    """Yield numbers of places, all of them in the end, none twice, and in one turn no place twice."""
    left = np.arange(len(places))
    while len(left):
        _, first = np.unique(places[left], return_index=True)
        yield left[first]
        left = np.delete(left, first)


def _join(
    target: Partition, to: Int64s, source: Partition, rows: Int64s, ties: Mapping[str, UInt64s]
) -> None:
    """Join rows of one partition into distinct rows of another."""
    for name, words in source.words.items():
        for word, column in enumerate(words, source.first_word - target.first_word):
            bits = column[rows]
            if bits.any():
                target.track(name)[word, to] |= bits
    for name, codes in source.codes.items():
        if name not in ties and name not in STANDING_CODES:
            continue
        new, new_ms = codes[rows], source.set_ms[name][rows]
        column, set_ms = target.column("codes", name), target.column("set_ms", name)
        order = STANDING_RANKS if name in STANDING_CODES else ties[name]
        old, old_ms = column[to], set_ms[to]
        ahead = (new_ms > old_ms) | ((new_ms == old_ms) & (order[new] > order[old]))
        _put(to, (new >= 0) & ((old < 0) | ahead), (column, new), (set_ms, new_ms))
    for name, values in source.numbers.items():
        numbers, value = target.column("numbers", name), values[rows]
        before = numbers[to]
        is_more = np.isnan(before) | (value > before)
        if name not in source.set_ms:
            _put(to, ~np.isnan(value) & is_more, (numbers, value))
            continue
        set_ms, value_ms = target.column("set_ms", name), source.set_ms[name][rows]
        before_ms = set_ms[to]
        is_later = np.isnan(before) | (value_ms > before_ms)
        is_kept = ~np.isnan(value) & (is_later | ((value_ms == before_ms) & is_more))
        _put(to, is_kept, (numbers, value), (set_ms, value_ms))


def _put(to: Int64s, chosen: npt.NDArray[np.bool_], *columns: tuple[Column, Column]) -> None:
    """Write the chosen values of each column to its rows."""
    for column, values in columns:
        column[to[chosen]] = values[chosen]
