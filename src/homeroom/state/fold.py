"""The loops that fold events into columns.

Every update is a join (an OR, a minimum, a maximum, a greatest tuple), so folding an event twice, late, or in
another order ends in the same columns. The rows that a batch touches lie anywhere in a table that no cache holds;
the speed comes from asking for the memory of a row some events before it is needed, so that the waits overlap.
"""

import numpy as np

from homeroom.kernel import kernel
from homeroom.limits import DAYS_PER_WORD, PARTITIONS
from homeroom.state.instructions import prefetch, set_bits

__all__ = [
    "PARTITION_SHIFT",
    "fold_attribute",
    "fold_days",
    "fold_greatest",
    "fold_latest",
    "fold_owners",
    "fold_tracks",
    "group_by_partition",
]

PARTITION_SHIFT = np.uint64(64 - (PARTITIONS - 1).bit_length())
"""A subject lies in partition ``key_hi >> PARTITION_SHIFT``."""
_DAYS = DAYS_PER_WORD
_AHEAD = 16
"""Events between asking for the memory of a row and writing to it."""


@kernel
def group_by_partition(key_hi, starts, order):
    """Sort event numbers by the top bits of their keys: ``order[starts[p]:starts[p + 1]]`` are those of p."""
    for i in range(len(key_hi)):
        starts[(key_hi[i] >> PARTITION_SHIFT) + np.uint64(1)] += 1
    for p in range(1, len(starts)):
        starts[p] += starts[p - 1]
    place = starts[:-1].copy()
    for i in range(len(key_hi)):
        p = key_hi[i] >> PARTITION_SHIFT
        order[place[p]] = i
        place[p] += 1


@kernel
def fold_days(rows, events, days, first_word, words, start_day, last_day):
    """OR each event's day bit into ``words[word - first_word, row]``; move first and last day."""
    words_at, room = words.ctypes.data, words.shape[1]
    start_at, last_at = start_day.ctypes.data, last_day.ctypes.data
    end = len(events) - 1
    for i in range(len(events)):
        soon = min(i + _AHEAD, end)
        ahead = rows[soon]
        prefetch(words_at + 8 * ((days[events[soon]] // _DAYS - first_word) * room + ahead))
        prefetch(start_at + 4 * ahead)
        prefetch(last_at + 4 * ahead)
        row = rows[i]
        day = days[events[i]]
        word = day // _DAYS
        words[word - first_word, row] |= np.uint64(1) << np.uint64(day - word * _DAYS)
        start_day[row] = min(start_day[row], day)
        last_day[row] = max(last_day[row], day)


@kernel
def fold_tracks(rows, events, days, tracks, first_word, room, addresses):
    """OR each event's day bit into the word of its track.

    ``addresses[track]`` is where the words of a track begin, uint64 of shape (words, room) for each.
    """
    end = len(events) - 1
    for i in range(len(events)):
        soon = events[min(i + _AHEAD, end)]
        word = days[soon] // _DAYS
        ahead = (word - first_word) * room + rows[min(i + _AHEAD, end)]
        prefetch(addresses[tracks[soon]] + 8 * ahead)
        event = events[i]
        day = days[event]
        word = day // _DAYS
        place = addresses[tracks[event]] + 8 * ((word - first_word) * room + rows[i])
        set_bits(place, np.uint64(1) << np.uint64(day - word * _DAYS))


@kernel
def fold_attribute(rows, events, time_ms, codes, tie, column_codes, column_ms):
    """Keep each row's value of the greatest (time, hash of the value); ``tie[code]`` is that hash."""
    codes_at, ms_at = column_codes.ctypes.data, column_ms.ctypes.data
    end = len(events) - 1
    for i in range(len(events)):
        ahead = rows[min(i + _AHEAD, end)]
        prefetch(codes_at + 4 * ahead)
        prefetch(ms_at + 8 * ahead)
        event = events[i]
        code = codes[event]
        if code < 0:
            continue
        row = rows[i]
        held = column_codes[row]
        at = time_ms[event]
        if held < 0 or at > column_ms[row] or (at == column_ms[row] and tie[code] > tie[held]):
            column_codes[row] = code
            column_ms[row] = at


@kernel
def fold_owners(rows, events, known_rows, new_hi, new_lo, owner_hi, owner_lo):
    """Write the learner's key to the rows from ``known_rows`` on: those that these events have just made."""
    for i in range(len(events)):
        row = rows[i]
        if row >= known_rows:
            owner_hi[row] = new_hi[events[i]]
            owner_lo[row] = new_lo[events[i]]


@kernel
def fold_latest(rows, events, time_ms, values, column, column_ms):
    """Keep each row's number of the greatest (time, number); NaN is no number."""
    for i in range(len(events)):
        event = events[i]
        # Of the two zeros one must be kept, or the order of events would show in the bits.
        value = values[event] if values[event] != 0.0 else 0.0
        if np.isnan(value):
            continue
        row = rows[i]
        held = column[row]
        at = time_ms[event]
        if np.isnan(held) or at > column_ms[row] or (at == column_ms[row] and value > held):
            column[row] = value
            column_ms[row] = at


@kernel
def fold_greatest(rows, events, values, column):
    """Keep each row's greatest number; NaN is no number."""
    for i in range(len(events)):
        value = values[events[i]] if values[events[i]] != 0.0 else 0.0
        if np.isnan(value):
            continue
        row = rows[i]
        if np.isnan(column[row]) or value > column[row]:
            column[row] = value
