"""The events of one course run, picked out of the history of some learners and brought into order of time.

History lies learner by learner and, within a learner, segment by segment in order of time. A report needs all events
that a learner has in a course run as one line, so what each segment has is picked out and the segments are merged,
two at a time. Numbers that seldom stand beside each other share columns: of a video event ``first`` and ``second``
are positions, of an answer they are what was answered and how long it took.
"""

import numpy as np

from homeroom.kernel import inlined, kernel

__all__ = [
    "fill_acts",
    "fill_payload",
    "lengthen",
    "mark_codes",
    "merge_order",
    "pack_flags",
    "renumber",
    "select_events",
]

_PAUSED, _PLAYED, _ANSWERED, _POSTED, _READ = 1, 5, 6, 7, 8
_TIME_MS_MAX = 24 * 86_400_000
"""An answer that took longer than 24 days has no time: the page was left open, and the number would not fit."""


@kernel
def select_events(offsets, rows, courses, keep, mask, course, places, found_rows):
    """Write the places of the events of a course run that are kept, and their learners' rows; return how many.

    Events ``offsets[s]:offsets[s + 1]`` are those of subject s, in row ``rows[s]``; ``courses`` are their codes,
    int32; ``keep`` is uint8 by event, or None; ``mask`` is int8 by row, 0 for learners that are left out, or None.
    """
    used = 0
    for subject in range(len(rows)):
        row = rows[subject]
        if mask is not None and mask[row] == 0:
            continue
        for event in range(offsets[subject], offsets[subject + 1]):
            if courses[event] == course and (keep is None or keep[event] != 0):
                places[used] = event
                found_rows[used] = row
                used += 1
    return used


@kernel
def merge_order(rows, time_ms, cut, order):
    """Write the order of events whose first ``cut`` and whose others are each in order of row and time."""
    a, b = 0, cut
    for i in range(len(rows)):
        second = a >= cut or (
            b < len(rows)
            and (rows[b] < rows[a] or (rows[b] == rows[a] and time_ms[b] < time_ms[a]))
        )
        if second:
            order[i] = b
            b += 1
        else:
            order[i] = a
            a += 1


@kernel
def fill_acts(places, verbs, tracks, codes, forum, acts):
    """Fill ``acts``, uint8, with ``codes[verb + 1]``; posting and reading count where the track is the forum's."""
    for i in range(len(places)):
        act = codes[verbs[places[i]] + 1]
        if _POSTED <= act <= _READ and tracks[places[i]] != forum:
            act = 0
        acts[i] = act


@inlined
def _milliseconds(seconds, most_ms):
    if not 0.0 <= seconds * 1000.0 <= most_ms:  # not a number fails too
        return np.int32(-1)
    return np.int32(np.rint(seconds * 1000.0))


@kernel
def fill_payload(acts, places, positions, answers, most_ms, first, second):
    """Fill the two columns that depend on the act, int32, -1 where there is nothing.

    Of an event of a video ``first`` is its position and ``second`` where its seek began, in milliseconds up to
    ``most_ms``; of an answer ``first`` is its code and ``second`` how long it took, in milliseconds. ``places`` are
    those of the events in the columns; ``positions`` = (position_s, position_from_s), float64, and ``answers`` =
    (answer codes, int32, duration_ms, int64), each of length 0 where there is no such column.
    """
    position_s, position_from_s = positions
    answer, duration_ms = answers
    for i in range(len(places)):
        act, place = acts[i], places[i]
        first[i] = -1
        second[i] = -1
        if _PAUSED <= act <= _PLAYED:
            if len(position_s):
                first[i] = _milliseconds(position_s[place], most_ms)
            if len(position_from_s):
                second[i] = _milliseconds(position_from_s[place], most_ms)
        elif act == _ANSWERED:
            if len(answer):
                first[i] = answer[place]
            if len(duration_ms) and duration_ms[place] <= _TIME_MS_MAX:
                second[i] = duration_ms[place]


@kernel
def pack_flags(places, success, completion, flags):
    """Fill ``flags``, uint8: success + 1 in the lowest two bits, completion + 1 in the next two."""
    for i in range(len(places)):
        well = success[places[i]] + 1 if len(success) else 0
        done = completion[places[i]] + 1 if len(completion) else 0
        flags[i] = well | done << 2


@kernel
def mark_codes(codes, places, tracks, track, marks):
    """Set ``marks[code]``, uint8, for each code, int32, of an event of a track; of any event if that is -1."""
    for i in range(len(codes)):
        if codes[i] >= 0 and (track < 0 or tracks[places[i]] == track):
            marks[codes[i]] = 1


@kernel
def lengthen(codes, places, length_s, most_ms, length_ms):
    """Raise ``length_ms[code]``, int32, to the greatest length, float64 in seconds, above 0 and up to ``most_ms``."""
    for i in range(len(codes)):
        if codes[i] >= 0:
            found = _milliseconds(length_s[places[i]], most_ms)
            if found > 0 and found > length_ms[codes[i]]:
                length_ms[codes[i]] = found


@kernel
def renumber(codes, numbers):
    """Replace each code, int32, by its number; what is absent stays so."""
    for i in range(len(codes)):
        if codes[i] >= 0:
            codes[i] = numbers[codes[i]]
