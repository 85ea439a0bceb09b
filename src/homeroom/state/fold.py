"""The loops that fold events into columns.

Every update is a join (an OR, a minimum, a maximum, a greatest tuple), so folding an event twice, late, or in
another order ends in the same columns. The loops walk one partition at a time, whose columns stay in the
processor's cache; that is where the speed comes from, not from the loop itself.
"""

import numba
import numpy as np

from homeroom.limits import DAYS_PER_WORD

__all__ = ["fold_attribute", "fold_days", "fold_track", "group_by_partition"]

_DAYS = DAYS_PER_WORD


@numba.njit(cache=True, nogil=True)
def group_by_partition(key_hi, shift, starts, order):
    """Sort event numbers by the top bits of their keys: ``order[starts[p]:starts[p + 1]]`` are those of p."""
    for i in range(len(key_hi)):
        starts[(key_hi[i] >> shift) + np.uint64(1)] += 1
    for p in range(1, len(starts)):
        starts[p] += starts[p - 1]
    place = starts[:-1].copy()
    for i in range(len(key_hi)):
        p = key_hi[i] >> shift
        order[place[p]] = i
        place[p] += 1


@numba.njit(cache=True, nogil=True)
def fold_days(rows, events, days, first_word, words, start_day, last_day):
    """OR each event's day bit into ``words[word - first_word, row]``; move first and last day."""
    for i in range(len(events)):
        row = rows[i]
        day = days[events[i]]
        word = day // _DAYS
        words[word - first_word, row] |= np.uint64(1) << np.uint64(day - word * _DAYS)
        start_day[row] = min(start_day[row], day)
        last_day[row] = max(last_day[row], day)


@numba.njit(cache=True, nogil=True)
def fold_track(rows, events, days, tracks, track, first_word, words):
    """OR the day bits of the events of one track."""
    for i in range(len(events)):
        event = events[i]
        if tracks[event] == track:
            day = days[event]
            word = day // _DAYS
            words[word - first_word, rows[i]] |= np.uint64(1) << np.uint64(day - word * _DAYS)


@numba.njit(cache=True, nogil=True)
def fold_attribute(rows, events, time_ms, codes, tie, column_codes, column_ms):
    """Keep each row's value of the greatest (time, hash of the value); ``tie[code]`` is that hash."""
    for i in range(len(events)):
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
