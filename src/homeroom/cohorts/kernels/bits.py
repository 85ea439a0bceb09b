"""Period bits: who was active when, as bit vectors over the learners.

For a block of rows, ``bits[p, i]`` holds in its 64 bits whether rows 64 i … 64 i + 63 were active in period p. In
this form every question is a handful of word operations for 64 learners at a time: first-time is "and not seen
before", on-or-after is a running OR from the end, lifecycle is an AND with the period before, and recurring
retention is a product of two bit matrices. Columns and history both end here, so each question is written once.
"""

import numpy as np

from homeroom.cohorts.kernels.vectors import popcount, test_64_words
from homeroom.kernel import kernel

__all__ = [
    "BLOCK_ROWS",
    "bits_of_columns",
    "bits_of_days",
    "bits_of_edges",
    "bracket_product",
    "count_active",
    "count_lifecycle",
    "count_periods_per_row",
    "keep_first",
    "mask_bits",
    "or_later",
    "product",
]

BLOCK_ROWS = 1 << 15
"""Rows of a block: 512 words a period, so that 180 periods stay in a second-level cache."""


@kernel
def bits_of_columns(words, start, end, pieces, bits):
    """Fill ``bits``, zeroed uint64 of shape (periods, words of 64 rows), from the rows ``start:end`` of day words.

    ``words`` is uint64 of shape (words, rows); ``pieces`` as in `triangles.mask_triangle`, any number a period.
    """
    starts, piece_word, piece_bits = pieces
    whole = (end - start) // 64
    for p in range(bits.shape[0]):
        for j in range(starts[p], starts[p + 1]):
            column = words[piece_word[j]]
            wanted = piece_bits[j]
            for i in range(whole):
                bits[p, i] |= test_64_words(column, start + 64 * i, wanted)
            for row in range(start + 64 * whole, end):
                if column[row] & wanted:
                    bits[p, whole] |= np.uint64(1) << np.uint64(row - start - 64 * whole)


@kernel
def mask_bits(mask, start, end, bits):
    """Clear the bits of the rows ``start:end`` whose ``mask``, int8, is 0."""
    for i in range((end - start + 63) // 64):
        kept = np.uint64(0)
        for row in range(start + 64 * i, min(start + 64 * i + 64, end)):
            if mask[row] != 0:
                kept |= np.uint64(1) << np.uint64(row - start - 64 * i)
        for p in range(bits.shape[0]):
            bits[p, i] &= kept


@kernel
def _enter(bits, p, row):
    bits[p, row >> 6] |= np.uint64(1) << np.uint64(row & 63)


@kernel
def bits_of_days(offsets, rows, time_ms, keep, zone, table, bits):
    """Fill ``bits`` from events of some subjects, into the rows ``rows[subject]``.

    Events ``offsets[s]:offsets[s + 1]`` are those of subject s; ``keep`` is uint8 by event, 0 is left out, or None.
    ``zone`` = (starts_ms, offsets_ms, zero_ms); ``table`` = (first day, period by day), where period 0 takes all
    days before the table and days after it are left out.
    """
    starts_ms, offsets_ms, zero_ms = zone
    first_day, period_of_day = table
    stretch = 0
    last_stretch = len(starts_ms) - 1
    for subject in range(len(rows)):
        row = rows[subject]
        for event in range(offsets[subject], offsets[subject + 1]):
            if keep is not None and keep[event] == 0:
                continue
            t = time_ms[event]
            if t < starts_ms[stretch] or (stretch < last_stretch and t >= starts_ms[stretch + 1]):
                stretch = np.searchsorted(starts_ms, t, side="right") - 1
            day = (t + offsets_ms[stretch] - zero_ms) // 86_400_000 - first_day
            if day < 0:
                _enter(bits, 0, row)
            elif day < len(period_of_day):
                _enter(bits, period_of_day[day], row)


@kernel
def bits_of_edges(offsets, rows, time_ms, keep, edges_ms, bits):
    """Fill ``bits`` from events as `bits_of_days` does, for periods that are stretches of absolute time.

    Period p holds the instants from ``edges_ms[p]`` up to ``edges_ms[p + 1]``; period 0 also all before.
    """
    periods = len(edges_ms) - 1
    for subject in range(len(rows)):
        row = rows[subject]
        p = 0
        for event in range(offsets[subject], offsets[subject + 1]):
            if keep is not None and keep[event] == 0:
                continue
            t = time_ms[event]
            if t < edges_ms[p] or t >= edges_ms[p + 1]:
                p = max(0, np.searchsorted(edges_ms, t, side="right") - 1)
                if p >= periods:
                    break  # a subject's events are in order of time
            _enter(bits, p, row)


@kernel
def keep_first(bits):
    """Keep of each row only its first period."""
    for i in range(bits.shape[1]):
        seen = np.uint64(0)
        for p in range(bits.shape[0]):
            held = bits[p, i]
            bits[p, i] = held & ~seen
            seen |= held


@kernel
def or_later(bits):
    """Make period p hold whoever was active in p or any later period."""
    for p in range(bits.shape[0] - 2, -1, -1):
        for i in range(bits.shape[1]):
            bits[p, i] |= bits[p + 1, i]


@kernel
def _common(a, b):
    found = np.int64(0)
    for i in range(len(a)):
        found += popcount(a[i] & b[i])
    return found


@kernel
def product(entry, returning, lead, counts):
    """Add to ``counts[p, k]`` the rows of entry period p that are in returning period p + k.

    Periods before ``lead`` are there for their bits only: ``counts`` begins with period ``lead``.
    """
    periods = counts.shape[0]
    for p in range(periods):
        group = entry[lead + p]
        if not group.any():
            continue
        for q in range(p, periods):
            counts[p, q - p] += _common(group, returning[lead + q])


@kernel
def bracket_product(entry, returning, lead, brackets, counts):
    """Add to ``counts[p, c]`` the rows of entry period p in any of the periods p + ``brackets[c]``, both ends in."""
    periods = counts.shape[0]
    union = np.empty(entry.shape[1], np.uint64)
    for p in range(periods):
        group = entry[lead + p]
        if not group.any():
            continue
        for c in range(len(brackets)):
            union[:] = 0
            for q in range(p + brackets[c, 0], min(p + brackets[c, 1], periods - 1) + 1):
                later = returning[lead + q]
                for i in range(len(union)):
                    union[i] |= later[i]
            counts[p, c] += _common(group, union)


@kernel
def count_active(bits, counts):
    """Add to ``counts[p]`` the rows active in period p."""
    for p in range(len(counts)):
        for i in range(bits.shape[1]):
            counts[p] += popcount(bits[p, i])


@kernel
def count_lifecycle(bits, counts):
    """Add (new, returning, resurrecting, dormant) to ``counts``, int64 of shape (4, periods).

    ``bits`` has two periods more: all that lies before, and the one before the first counted. ``counts[:, p]`` is of
    ``bits[p + 2]``.
    """
    for i in range(bits.shape[1]):
        seen = bits[0, i] | bits[1, i]
        before = bits[1, i]
        for p in range(counts.shape[1]):
            now = bits[p + 2, i]
            counts[0, p] += popcount(now & ~seen)
            counts[1, p] += popcount(now & before)
            counts[2, p] += popcount(now & seen & ~before)
            counts[3, p] += popcount(before & ~now)
            seen |= now
            before = now


@kernel
def count_periods_per_row(bits, lead, counts):
    """Add to ``counts[n]`` the rows that are active in exactly n of the periods from ``lead`` on."""
    active = np.empty(64, np.int64)
    for i in range(bits.shape[1]):
        active[:] = 0
        for p in range(lead, bits.shape[0]):
            word = bits[p, i]
            if word:
                for b in range(64):
                    active[b] += np.int64((word >> np.uint64(b)) & np.uint64(1))
        for b in range(64):
            counts[active[b]] += 1
