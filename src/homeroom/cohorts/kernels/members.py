"""Loops that decide row by row whether a learner meets a rule; members leave as bits, 64 rows a word.

From columns a rule about active days is a popcount of a few masked words a row. From history a rule looks at the
events of a learner one by one; segments may come in any order, so what is kept for a learner is a count, a minimum or
a greatest pair, never "the event before".
"""

import numpy as np

from homeroom.cohorts.kernels.vectors import days_within, popcount
from homeroom.kernel import inlined, kernel

__all__ = [
    "active_days",
    "clear_outside",
    "count_bits",
    "count_events",
    "count_patterns",
    "counted_rows",
    "first_in_window",
    "followed",
    "greatest_value",
    "in_order",
    "last_time",
    "latest_value",
    "move_patterns",
]

_STRIP = 1 << 12
"""Events that are counted at once: their flags and sums stay in the first-level cache."""


@kernel
def active_days(words, rows, pieces, bounds, members):
    """Set, for each of several stretches, the bits of the rows that have so many days in it.

    ``words`` is uint64 of shape (words, at least ``rows``); ``pieces`` = (word, mask), the words of days that any
    stretch meets, and of shape (stretches, words) which days of them are in each; ``bounds`` int64 of shape
    (stretches, 2), the least and the most days; ``members`` uint64 of shape (stretches, words of 64 rows),
    overwritten. Words are read once for all stretches: the 64 rows at hand stay in the first-level cache.
    """
    piece_word, piece_bits = pieces
    for i in range(rows // 64):
        for s in range(len(bounds)):
            met = (piece_word, piece_bits[s])
            members[s, i] = days_within(words, met, 64 * i, bounds[s, 0], bounds[s, 1])
    if rows % 64:
        for s in range(len(bounds)):
            members[s, rows // 64] = _last_rows(words, rows, (piece_word, piece_bits[s]), bounds[s])


@kernel
def _last_rows(words, rows, pieces, bounds):
    """Return the bits of the rows that fill no word of 64."""
    piece_word, piece_bits = pieces
    found = np.uint64(0)
    for row in range(rows // 64 * 64, rows):
        count = np.int64(0)
        for j in range(len(piece_word)):
            count += popcount(words[piece_word[j], row] & piece_bits[j])
        if bounds[0] <= count <= bounds[1]:
            found |= np.uint64(1) << np.uint64(row % 64)
    return found


@kernel
def started(start_day, end, loose, last, members):
    """Mark the rows whose first day is at most ``last``.

    Rows below ``end`` are known to be such, but for those of ``loose`` (int64 rows), which are looked at one by one.
    """
    for word in range(end >> 6):
        members[word] = ~np.uint64(0)
    if end & 63:
        members[end >> 6] = (np.uint64(1) << np.uint64(end & 63)) - np.uint64(1)
    for row in loose:
        bit = np.uint64(1) << np.uint64(row & 63)
        if start_day[row] <= last:
            members[row >> 6] |= bit
        else:
            members[row >> 6] &= ~bit


@kernel
def clear_outside(courses, time_ms, windows, keep):
    """Clear ``keep``, uint8 by event, of events outside of the window of their course run.

    ``windows`` = (from_ms, to_ms), int64 by course code + 1, the end excluded; an empty window holds nothing.
    """
    from_ms, to_ms = windows
    for i in range(len(courses)):
        course = courses[i] + 1
        if course >= len(from_ms) or not from_ms[course] <= time_ms[i] < to_ms[course]:
            keep[i] = 0


@kernel
def _sum_strip(strip, time_ms, keep, span, room):
    """Write to ``sums[i + 1]`` how many of the first i + 1 events of a strip count; ``span`` = (from_ms, width)."""
    first, end = strip
    from_ms, width = span
    counted, sums = room
    for i in range(end - first):
        counted[i] = np.uint64(time_ms[first + i] - from_ms) < width
    if keep is not None:
        for i in range(end - first):
            counted[i] &= keep[first + i]
    total = np.int32(0)
    sums[0] = total
    for i in range(end - first):
        total += np.int32(counted[i])
        sums[i + 1] = total


@kernel
def count_events(offsets, rows, time_ms, keep, span, counts):
    """Add to ``counts[row]`` the events that are kept and lie in ``span`` = (from_ms, to_ms), the end excluded.

    ``keep`` is 0 or 1 by event, or None. Learners have a few events each, and a loop over so few is mostly its own
    ends. So events are counted through, some thousand at a time, and a learner's are the difference of two sums.
    """
    from_ms = span[0]
    width = np.uint64(span[1] - from_ms)
    counted, sums = np.empty(_STRIP, np.uint8), np.empty(_STRIP + 1, np.int32)
    subject = 0
    for first in range(0, len(time_ms), _STRIP):
        end = min(first + _STRIP, len(time_ms))
        _sum_strip((first, end), time_ms, keep, (from_ms, width), (counted, sums))
        while subject < len(rows):
            start, stop = max(offsets[subject], first), min(offsets[subject + 1], end)
            if start < stop:
                counts[rows[subject]] += sums[stop - first] - sums[start - first]
            if offsets[subject + 1] > end:
                break
            subject += 1


@kernel
def last_time(offsets, rows, time_ms, keep, span, last_ms):
    """Raise ``last_ms[row]`` to the last kept event in the span."""
    from_ms, to_ms = span
    for subject in range(len(rows)):
        row = rows[subject]
        for event in range(offsets[subject], offsets[subject + 1]):
            at = time_ms[event]
            if (keep is None or keep[event] != 0) and from_ms <= at < to_ms and at > last_ms[row]:
                last_ms[row] = at


@kernel
def followed(offsets, rows, time_ms, keep, span, last_ms, found):
    """Set ``found[row]`` if a kept event lies after ``last_ms[row]``; ``span`` = (how long after, before when)."""
    during_ms, to_ms = span
    for subject in range(len(rows)):
        row = rows[subject]
        for event in range(offsets[subject], offsets[subject + 1]):
            after = time_ms[event] - last_ms[row]
            if (
                (keep is None or keep[event] != 0)
                and 0 < after <= during_ms
                and time_ms[event] < to_ms
            ):
                found[row] = 1


@kernel
def first_in_window(offsets, rows, time_ms, keep, inside, to_ms, first_ms, found):
    """Lower ``first_ms[row]`` to the first kept event before ``to_ms``; ``found[row]`` says if it is ``inside``.

    Of events at one instant one that is inside suffices.
    """
    for subject in range(len(rows)):
        row = rows[subject]
        for event in range(offsets[subject], offsets[subject + 1]):
            at = time_ms[event]
            if (keep is not None and keep[event] == 0) or at >= to_ms or at > first_ms[row]:
                continue
            if at < first_ms[row]:
                first_ms[row] = at
                found[row] = 0
            found[row] |= inside[event]


@kernel
def latest_value(offsets, rows, time_ms, keep, span, values, best_ms, best):
    """Keep the value of each row's latest event in the span that has one; of one instant the greatest."""
    from_ms, to_ms = span
    for subject in range(len(rows)):
        row = rows[subject]
        for event in range(offsets[subject], offsets[subject + 1]):
            at, value = time_ms[event], values[event]
            if (keep is not None and keep[event] == 0) or np.isnan(value):
                continue
            if not from_ms <= at < to_ms:
                continue
            if at > best_ms[row] or (at == best_ms[row] and value > best[row]):
                best_ms[row] = at
                best[row] = value


@kernel
def greatest_value(offsets, rows, time_ms, keep, span, values, best_ms, best):
    """Keep the greatest value of each row's events in the span; ``best_ms`` notes that there is one."""
    from_ms, to_ms = span
    for subject in range(len(rows)):
        row = rows[subject]
        for event in range(offsets[subject], offsets[subject + 1]):
            at, value = time_ms[event], values[event]
            if (keep is not None and keep[event] == 0) or np.isnan(value):
                continue
            if from_ms <= at < to_ms and (
                best_ms[row] == np.iinfo(np.int64).min or value > best[row]
            ):
                best_ms[row] = at
                best[row] = value


@kernel
def mark_step(time_ms, keep, span, step, marks):
    """Set bit ``step`` of ``marks``, uint32 by event, of the events that are kept and lie in ``span``."""
    from_ms, to_ms = span
    bit = np.uint32(1) << np.uint32(step)
    for i in range(len(time_ms)):
        if (keep is None or keep[i] != 0) and from_ms <= time_ms[i] < to_ms:
            marks[i] |= bit


@kernel
def in_order(offsets, time_ms, what, steps, within_ms, found):
    """Set ``found[row]`` if the row's events ``offsets[row]:offsets[row + 1]`` take all steps in order within a time.

    Events lie in order; bit s of ``what``, uint64, says that an event is step s. What is kept for a step is the latest
    start of a chain that has come to it, since no earlier one can last longer.
    """
    never = np.iinfo(np.int64).min
    start_ms = np.empty(steps, np.int64)
    for row in range(len(offsets) - 1):
        start_ms[:] = never
        for i in range(offsets[row], offsets[row + 1]):
            at = time_ms[i]
            # From the last step down, so that one event takes a chain one step only.
            for step in range(steps - 1, -1, -1):
                if not (what[i] >> np.uint64(step)) & np.uint64(1):
                    continue
                if step == 0:
                    start_ms[0] = at
                elif start_ms[step - 1] != never and at - start_ms[step - 1] <= within_ms:
                    start_ms[step] = start_ms[step - 1]
                    if step == steps - 1:
                        found[row] = 1


@kernel
def counted_rows(bits, counts):
    """Add to ``counts[row]`` the periods of ``bits``, uint64 of shape (periods, words of 64 rows), that have it."""
    for p in range(bits.shape[0]):
        for i in range(bits.shape[1]):
            word = bits[p, i]
            while word:
                low = word & (~word + np.uint64(1))
                counts[64 * i + np.int64(popcount(low - np.uint64(1)))] += 1
                word ^= low


@kernel
def count_bits(words):
    """Return how many bits of words are set."""
    count = np.int64(0)
    for word in words:
        count += np.int64(popcount(word))
    return count


@inlined
def _crossed(square):
    """Turn 64 words of 64 bits, so that bit j of word i becomes bit i of word j (Hacker's Delight, 7-3)."""
    width = 32
    mask = np.uint64(0x00000000FFFFFFFF)
    while width != 0:
        shift = np.uint64(width)
        first = 0
        while first < 64:
            for k in range(first, first + width):
                swap = ((square[k] >> shift) ^ square[k + width]) & mask
                square[k] ^= swap << shift
                square[k + width] ^= swap
            first += 2 * width
        width >>= 1
        mask ^= mask << np.uint64(width)


@inlined
def _place_of(keys, pattern):
    """Return where a pattern stands in an open table, or the empty place where it belongs."""
    last = np.uint64(len(keys) - 1)
    mixed = pattern * np.uint64(0x9E3779B97F4A7C15)
    place = (mixed ^ (mixed >> np.uint64(32))) & last
    while keys[place] != 0 and keys[place] != pattern:
        place = (place + np.uint64(1)) & last
    return place


@kernel
def count_patterns(words, begin, keys, counts):
    """Count rows by the sets that they are in, of up to 64 sets, from a word of 64 rows on.

    Parameters
    ----------
    words : uint64 of shape (sets, words of 64 rows)
    begin : word to begin with, and how many places of the table are taken
    keys, counts : uint64 and int64 of a length that is a power of two, added to: bit s of a key stands for set s, 0
        for an empty place; rows that are in no set are not counted

    Returns
    -------
    The word to go on with and how many places are taken. It is not past the last word where the table is so full that
    64 more patterns would make it slow: give a larger one.
    """
    sets, end = words.shape
    word, taken = begin
    square = np.zeros(64, np.uint64)
    while word < end and 2 * (taken + 64) <= len(keys):
        for s in range(sets):
            square[s] = words[s, word]
        square[sets:] = 0
        _crossed(square)
        for k in range(64):
            if square[k] != 0:
                place = _place_of(keys, square[k])
                taken += keys[place] == 0
                keys[place] = square[k]
                counts[place] += 1
        word += 1
    return word, taken


@kernel
def move_patterns(old_keys, old_counts, keys, counts):
    """Put what a table holds into an empty, larger one."""
    for i in range(len(old_keys)):
        if old_keys[i] != 0:
            place = _place_of(keys, old_keys[i])
            keys[place] = old_keys[i]
            counts[place] = old_counts[i]
