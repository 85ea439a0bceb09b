"""Course time: each enrolment counts in periods of its own, from its own start.

No two enrolments share a calendar, so neither clustered words nor period bits help: the days of a row are looked at
one by one, from its start on, and its group's columns are counted. There are as many looks as there are active days,
which is a small part of the bits.
"""

import numpy as np

from homeroom.kernel import inlined, kernel
from homeroom.limits import DAYS_PER_WORD

__all__ = ["add_enrolments"]


@inlined
def _mark_periods(words, row, first_word, start, bounds, shown, active):
    """Set ``active[k]`` for each of the first ``shown`` course periods in which the row has a day."""
    k = 0
    for word in range(max(0, start // DAYS_PER_WORD - first_word), words.shape[0]):
        left = words[word, row]
        while left:
            bit = 0
            while not (left >> np.uint64(bit)) & np.uint64(1):
                bit += 1
            left &= left - np.uint64(1)
            day = (first_word + word) * DAYS_PER_WORD + bit
            if day < start:
                continue
            while k < shown and day >= bounds[k + 1]:
                k += 1
            if k < shown:
                active[k] = True


@inlined
def _count_columns(active, spans, shown, counts):
    for c in range(len(spans)):
        for k in range(spans[c, 0], min(spans[c, 1], shown - 1) + 1):
            if active[k]:
                counts[c + 1] += 1
                break


@kernel
def add_enrolments(words, first_word, days, groups, first_day, edges, spans, counts):
    """Count each enrolment in its group and in the columns whose span holds one of its course periods.

    ``words`` is uint64 of shape (words, rows); ``days`` is int64 by row, the day from which it counts. Row i is in
    group ``groups[i]`` (outside of 0 … periods - 1: not shown), and its course period k begins on day
    ``edges[days[i] - first_day, k]``. ``counts`` is int64 of shape (periods, columns): column 0 is the group, column
    c + 1 those active in any course period of ``spans[c]``, both ends in.
    """
    periods = counts.shape[0]
    active = np.zeros(periods + 1, np.bool_)
    for row in range(len(days)):
        p = groups[row]
        if p < 0 or p >= periods:
            continue
        counts[p, 0] += 1
        active[:] = False
        bounds = edges[days[row] - first_day]
        _mark_periods(words, row, first_word, days[row], bounds, periods - p, active)
        _count_columns(active, spans, periods - p, counts[p])
