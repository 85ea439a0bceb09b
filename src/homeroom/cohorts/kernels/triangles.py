"""The first-time triangle from columns that are clustered by first day: the fastest question there is.

All rows of one first day are neighbours, so row p of the triangle is a *positional popcount* of their words: how
often is each of the 63 bits set. Carry-save adders do that at the speed of memory: sixteen words are added into bit
planes with five operations each, and only the planes are ever looked at bit by bit (Muła, Kurz, Lemire, Faster
population counts using AVX2 instructions, The Computer Journal 61, 2018; Clausecker, Lemire, Schintke, Faster
positional-population counts, 2024). Words before a group's first day are never read.

Weeks and months need "any day of the period", which is a test of the word against a mask; a period lies in two words
at most.
"""

import numba
import numpy as np

from homeroom.cohorts.kernels.vectors import (
    BLOCK_WORDS,
    PLANES,
    add_block,
    add_masked_block,
    spread_planes,
)
from homeroom.limits import DAYS_PER_WORD

__all__ = ["add_rows", "count_bits", "day_triangle", "mask_triangle"]

_DAYS = DAYS_PER_WORD
_BLOCKS_MAX = (1 << PLANES) // 16 - 1
_ROWS_IN_CACHE = 2048


@numba.njit(cache=True, nogil=True)
def _read_out(planes, fields, counts):  # type: ignore[no-untyped-def]
    spread_planes(planes, fields)
    for j in range(8):
        for half in range(2):
            packed = fields[2 * j + half]
            for i in range(4):
                counts[16 * i + 8 * half + j] += np.int64((packed >> np.uint64(16 * i)) & np.uint64(0xFFFF))
    planes[:] = 0


@numba.njit(cache=True, nogil=True)
def count_bits(words, mask, start, end, scratch, counts):  # type: ignore[no-untyped-def]
    """Add to ``counts[b]``, int64 of shape (64,), the number of ``words[start:end]`` with bit b set.

    ``mask`` is None, or int8 by word, -1 for those that count and 0 for the others. ``scratch`` is zeroed uint64 of
    shape (PLANES * 8 + 16 + BLOCK_WORDS,), and is zeroed again on return (but for its fields).
    """
    planes = scratch[: PLANES * 8]
    fields = scratch[PLANES * 8 : PLANES * 8 + 16]
    tail = scratch[PLANES * 8 + 16 :]
    at = start
    while at < end:
        blocks = 0
        while blocks < _BLOCKS_MAX and at + BLOCK_WORDS <= end:
            if mask is None:
                add_block(words, at, planes)
            else:
                add_masked_block(words, at, mask, planes)
            at += BLOCK_WORDS
            blocks += 1
        if at < end and blocks < _BLOCKS_MAX:  # less than a block is left: pad it with zeros
            for i in range(BLOCK_WORDS):
                tail[i] = 0
            for i in range(end - at):
                if mask is None or mask[at + i] != 0:
                    tail[i] = words[at + i]
            add_block(tail, 0, planes)
            at = end
        _read_out(planes, fields, counts)


@numba.njit(cache=True, nogil=True)
def day_triangle(words, first_word, run_days, run_starts, mask, first_day, scratch, counts):  # type: ignore[no-untyped-def]
    """Add the daily triangle of clustered rows to ``counts``, int64 of shape (days, days).

    ``words`` is uint64 of shape (words, rows), its first word ``first_word``; rows ``run_starts[i]:run_starts[i + 1]``
    began on ``run_days[i]``; ``counts[p, k]`` is of day ``first_day + p`` and k days later.
    """
    days = counts.shape[0]
    bits = np.zeros(64, np.int64)
    end_word = min((first_day + days - 1) // _DAYS + 1, first_word + words.shape[0])
    for run in range(len(run_days)):
        day = run_days[run]
        p = day - first_day
        if p < 0 or p >= days:
            continue
        for word in range(day // _DAYS, end_word):
            bits[:] = 0
            count_bits(words[word - first_word], mask, run_starts[run], run_starts[run + 1], scratch, bits)
            for bit in range(max(0, day - word * _DAYS), min(_DAYS, first_day + days - word * _DAYS)):
                counts[p, word * _DAYS + bit - day] += bits[bit]


@numba.njit(cache=True, nogil=True)
def _count_one(words, wanted, mask, start, end):  # type: ignore[no-untyped-def]
    found = 0
    if mask is None:
        for i in range(start, end):
            found += (words[i] & wanted) != 0
    else:
        for i in range(start, end):
            found += (words[i] & wanted & np.uint64(np.int64(mask[i]))) != 0
    return found


@numba.njit(cache=True, nogil=True)
def _count_two(words, wanted, words_2, wanted_2, mask, start, end):  # type: ignore[no-untyped-def]
    found = 0
    if mask is None:
        for i in range(start, end):
            found += ((words[i] & wanted) | (words_2[i] & wanted_2)) != 0
    else:
        for i in range(start, end):
            hit = (words[i] & wanted) | (words_2[i] & wanted_2)
            found += (hit & np.uint64(np.int64(mask[i]))) != 0
    return found


@numba.njit(cache=True, nogil=True)
def mask_triangle(words, run_periods, run_starts, mask, pieces, counts):  # type: ignore[no-untyped-def]
    """Add the triangle of clustered rows over any periods to ``counts``, int64 of shape (periods, periods).

    Rows ``run_starts[i]:run_starts[i + 1]`` began in period ``run_periods[i]`` (outside of 0 … periods - 1: not
    shown). ``pieces`` = (starts, word, bits): period q is met by a word with a bit of ``bits[j]`` in row ``word[j]``
    of ``words``, for j in ``starts[q]:starts[q + 1]``, which are none, one or two.
    """
    starts, piece_word, piece_bits = pieces
    periods = counts.shape[0]
    for run in range(len(run_periods)):
        p = run_periods[run]
        if p < 0 or p >= periods:
            continue
        for start in range(run_starts[run], run_starts[run + 1], _ROWS_IN_CACHE):
            end = min(start + _ROWS_IN_CACHE, run_starts[run + 1])
            for q in range(p, periods):
                j = starts[q]
                if starts[q + 1] - j == 1:
                    found = _count_one(words[piece_word[j]], piece_bits[j], mask, start, end)
                elif starts[q + 1] - j == 2:
                    found = _count_two(words[piece_word[j]], piece_bits[j], words[piece_word[j + 1]],
                                       piece_bits[j + 1], mask, start, end)
                else:
                    continue
                counts[p, q - p] += found


@numba.njit(cache=True, nogil=True)
def add_rows(words, rows, start_periods, sign, mask, pieces, counts):  # type: ignore[no-untyped-def]
    """Add (``sign`` 1) or take away (-1) single rows of the triangle: rows that are not where they should be.

    Row ``rows[i]`` is in the group of period ``start_periods[i]``.
    """
    starts, piece_word, piece_bits = pieces
    periods = counts.shape[0]
    for i in range(len(rows)):
        row = rows[i]
        p = start_periods[i]
        if p < 0 or p >= periods or (mask is not None and mask[row] == 0):
            continue
        for q in range(p, periods):
            for j in range(starts[q], starts[q + 1]):
                if words[piece_word[j], row] & piece_bits[j]:
                    counts[p, q - p] += sign
                    break
