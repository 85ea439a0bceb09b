"""The first-time triangle from columns that are clustered by first day: the fastest question there is.

All rows of one first day are neighbours, so row p of the triangle is a *positional popcount* of their words: how
often is each of the 63 bits set. Carry-save adders do that at the speed of memory: sixteen words are added into bit
planes with five operations each, and only the planes are ever looked at bit by bit (Muła, Kurz, Lemire, Faster
population counts using AVX2 instructions, The Computer Journal 61, 2018; Clausecker, Lemire, Schintke, Faster
positional-population counts, 2024). Words before a group's first day are never read.

A week or a month is a *segment* of a word: before a word is added, an addition with carry moves "any bit of the
segment" to the segment's top bit, so periods of any kind cost four operations more than days. A period that lies in
two words (a month, a week from Sunday) is counted apart, by testing both.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from homeroom.cohorts.kernels.vectors import (
    BLOCK_WORDS,
    PLANES,
    add_block,
    add_part,
    spread_planes,
)
from homeroom.events.texts import sealed
from homeroom.kernel import inlined, kernel
from homeroom.state.instructions import lowest_bit

__all__ = [
    "SCRATCH_WORDS",
    "Rows",
    "Segments",
    "add_rows",
    "clustered_rows_triangle",
    "count_segments",
    "cut_segments",
    "segment_triangle",
]

SCRATCH_WORDS = PLANES * 8 + 16
"""Words that `count_segments` needs to work in, zeroed."""
_BLOCKS_MAX = (1 << PLANES) // 16 - 1
_SPREADS_MAX = 32
"""A counter of 16 bits holds the sums of eight lanes this often: 32 * 8 * 255 < 2**16."""


class Segments(NamedTuple):
    """Periods as segments of day words.

    Parameters
    ----------
    low, top : uint64 by word: the lower bits of all segments in it, and their top bits
    period : int64 of shape (words, 64): the period whose segment has this top bit, -1 for none
    first_word : int64 by period: the first word that it or a later period lies in
    split : int64 of shape (n, 3): periods that lie in two words, with these words
    split_bits : uint64 of shape (n, 2): their bits in both
    """

    low: npt.NDArray[np.uint64]
    top: npt.NDArray[np.uint64]
    period: npt.NDArray[np.int64]
    first_word: npt.NDArray[np.int64]
    split: npt.NDArray[np.int64]
    split_bits: npt.NDArray[np.uint64]


class Rows(NamedTuple):
    """Rows that are clustered by first day, but for some.

    Parameters
    ----------
    words : uint64 of shape (words, room): their days
    start_day : int32 by row: the first one
    run_days, run_starts : rows ``run_starts[i]:run_starts[i + 1]`` began on ``run_days[i]`` (int32, int64)
    displaced : int64: those of them that did not; and no row from the last of ``run_starts`` on lies in any run
    """

    words: npt.NDArray[np.uint64]
    start_day: npt.NDArray[np.int32]
    run_days: npt.NDArray[np.int32]
    run_starts: npt.NDArray[np.int64]
    displaced: npt.NDArray[np.int64]


def cut_segments(
    pieces: tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], npt.NDArray[np.uint64]],
    word_count: int,
) -> Segments:
    """Cut words into segments. ``pieces`` = (starts, word, bits) as `Periods.pieces` writes them, shown ones only."""
    starts, words, bits = pieces
    widths = np.diff(starts)
    periods = np.arange(len(widths))
    first_word = np.full(len(widths), word_count, np.int64)
    first_word[widths > 0] = words[starts[:-1][widths > 0]]
    first_word = np.minimum.accumulate(first_word[::-1])[::-1]
    whole, split = periods[widths == 1], periods[widths > 1]
    word, mask = words[starts[whole]], bits[starts[whole]]
    lowest = mask & (~mask + np.uint64(1))
    # The bits of a period are neighbours, so its highest one follows from their number.
    highest = np.bitwise_count(lowest - np.uint64(1)).astype(np.int64) + np.bitwise_count(mask) - 1
    top_bits = np.uint64(1) << highest.astype(np.uint64)
    low, top = np.zeros(word_count, np.uint64), np.zeros(word_count, np.uint64)
    np.bitwise_or.at(top, word, top_bits)
    np.bitwise_or.at(low, word, mask ^ top_bits)
    period = np.full((word_count, 64), -1, np.int64)
    period[word, highest] = whole
    halves = starts[split]
    return Segments(
        sealed(low),
        sealed(top),
        sealed(period),
        sealed(first_word),
        sealed(np.stack([split, words[halves], words[halves + 1]], axis=1)),
        sealed(np.stack([bits[halves], bits[halves + 1]], axis=1)),
    )


@inlined
def _read_out(fields, counts):
    """Add the counters of all 64 bits to ``counts``, and set them to zero."""
    for j in range(8):
        for half in range(2):
            packed = fields[2 * j + half]
            for i in range(4):
                counts[16 * i + 8 * half + j] += np.int64(
                    (packed >> np.uint64(16 * i)) & np.uint64(0xFFFF)
                )
    fields[:] = 0


@kernel
def count_segments(words, low, top, mask, start, end, scratch, counts):
    """Add to ``counts[b]``, int64 of shape (64,), how many of ``words[start:end]`` meet the segment with top bit b.

    ``mask`` is None, or int8 by word, -1 for those that count and 0 for the others. ``scratch`` is zeroed uint64 of
    shape (SCRATCH_WORDS,), fit for the next call on return.
    """
    planes = scratch[: PLANES * 8]
    fields = scratch[PLANES * 8 :]
    at = start
    spread = 0
    while at < end:
        blocks = min((end - at) // BLOCK_WORDS, _BLOCKS_MAX)
        for _ in range(blocks):
            add_block(words, at, low, top, mask, planes)
            at += BLOCK_WORDS
        if at < end and blocks < _BLOCKS_MAX:
            add_part(words, at, end - at, low, top, mask, planes)
            at = end
        spread_planes(planes, fields)
        spread += 1
        if spread == _SPREADS_MAX:
            _read_out(fields, counts)
            spread = 0
    if spread:
        _read_out(fields, counts)


@kernel
def _count_split(words, words_2, wanted, wanted_2, mask, start, end):
    # Slices, whose places are never negative: only then does this become vector code.
    first, second = words[start:end], words_2[start:end]
    found = np.int64(0)
    if mask is None:
        for i in range(len(first)):
            found += np.int64(((first[i] & wanted) | (second[i] & wanted_2)) != 0)
    else:
        counted = mask[start:end]
        for i in range(len(first)):
            hit = (first[i] & wanted) | (second[i] & wanted_2)
            found += np.int64((hit & np.uint64(np.int64(counted[i]))) != 0)
    return found


@kernel
def segment_triangle(words, run_periods, run_starts, mask, segments, scratch, counts):
    """Add the triangle of clustered rows to ``counts``, int64 of shape (periods, periods).

    ``words`` is uint64 of shape (words, rows). Rows ``run_starts[i]:run_starts[i + 1]`` began in period
    ``run_periods[i]`` (outside of 0 … periods - 1: not shown); ``counts[p, k]`` is of period p and k periods later.
    """
    found = np.zeros(64, np.int64)
    # Word by word and not run by run: memory is then read in a few long stretches, which it does best.
    for word in range(words.shape[0]):
        top = segments.top[word]
        if top == 0:
            continue
        for run in range(len(run_periods)):
            p = run_periods[run]
            if p < 0 or p >= counts.shape[0] or segments.first_word[p] > word:
                continue
            start, end = run_starts[run], run_starts[run + 1]
            found[:] = 0
            count_segments(words[word], segments.low[word], top, mask, start, end, scratch, found)
            for bit in range(64):
                q = segments.period[word, bit]
                if q >= p:
                    counts[p, q - p] += found[bit]
    if len(segments.split):
        _add_split(words, run_periods, run_starts, mask, segments, counts)


@kernel
def _add_split(words, run_periods, run_starts, mask, segments, counts):
    """Do as `segment_triangle` for the periods that lie in two words."""
    for j in range(len(segments.split)):
        q = segments.split[j, 0]
        first, second = words[segments.split[j, 1]], words[segments.split[j, 2]]
        wanted = segments.split_bits[j]
        for run in range(len(run_periods)):
            p = run_periods[run]
            if 0 <= p <= q:
                start, end = run_starts[run], run_starts[run + 1]
                counts[p, q - p] += _count_split(
                    first, second, wanted[0], wanted[1], mask, start, end
                )


@kernel
def add_rows(words, rows, start_periods, sign, mask, segments, counts):
    """Add (``sign`` 1) or take away (-1) single rows of the triangle: rows that are not where they should be.

    Row ``rows[i]`` is in the group of period ``start_periods[i]``. A row costs as much as it has active periods: a
    busy node has thousands of rows that have come since the last clustering.
    """
    periods = counts.shape[0]
    for i in range(len(rows)):
        row = rows[i]
        p = start_periods[i]
        if p < 0 or p >= periods or (mask is not None and mask[row] == 0):
            continue
        for word in range(segments.first_word[p], words.shape[0]):
            low = segments.low[word]
            held = words[word, row]
            # As in `add_block`: any bit of a segment moves to its top bit.
            met = (((held & low) + low) | held) & segments.top[word]
            while met != 0:
                q = segments.period[word, lowest_bit(met)]
                met &= met - np.uint64(1)
                if q >= p:
                    counts[p, q - p] += sign
        for j in range(len(segments.split)):
            q = segments.split[j, 0]
            first = words[segments.split[j, 1], row] & segments.split_bits[j, 0]
            second = words[segments.split[j, 2], row] & segments.split_bits[j, 1]
            if q >= p and (first | second) != 0:
                counts[p, q - p] += sign


@inlined
def _last_at_most(edges, value):
    """Return the place of the last of ascending ``edges`` that is at most ``value``, -1 if none is.

    `numpy.searchsorted` as Numba has it asks for a function of Numba's run time, also where it searches one value:
    a kernel that calls it could not be called without Numba.
    """
    low, high = np.int64(-1), np.int64(len(edges) - 1)
    while low < high:
        middle = (low + high + 1) >> 1
        if edges[middle] <= value:
            low = middle
        else:
            high = middle - 1
    return low


@kernel
def clustered_rows_triangle(rows, edges, mask, segments, counts):
    """Add the triangle of `Rows` to ``counts``, int64 of shape (periods, periods).

    ``edges`` are the first days of the periods and the one after the last, int64 of shape (periods + 1,). All of it is
    one call: between two calls a thread needs the interpreter, and where others are busy it waits for it each time.
    """
    scratch = np.zeros(SCRATCH_WORDS, np.uint64)
    run_periods = np.empty(len(rows.run_days), np.int64)
    for i in range(len(run_periods)):
        run_periods[i] = _last_at_most(edges, rows.run_days[i])
    segment_triangle(rows.words, run_periods, rows.run_starts, mask, segments, scratch, counts)
    clustered = rows.run_starts[len(rows.run_starts) - 1]
    tail = np.arange(clustered, len(rows.start_day))
    moved = np.empty(len(rows.displaced), np.int64)
    for i in range(len(moved)):
        moved[i] = run_periods[_last_at_most(rows.run_starts, rows.displaced[i])]
    add_rows(rows.words, rows.displaced, moved, -1, mask, segments, counts)
    for i in range(len(moved)):
        moved[i] = _last_at_most(edges, rows.start_day[rows.displaced[i]])
    add_rows(rows.words, rows.displaced, moved, 1, mask, segments, counts)
    began = np.empty(len(tail), np.int64)
    for i in range(len(tail)):
        began[i] = _last_at_most(edges, rows.start_day[tail[i]])
    add_rows(rows.words, tail, began, 1, mask, segments, counts)
