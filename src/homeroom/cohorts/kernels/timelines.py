"""From the events of several segments to one line of events a learner.

The segments of history cut a learner's events by when they came, not by when they happened. A timeline puts those of
them that a question looks at (the ones with a mark) back into one line: counted, placed segment by segment, and then
put in order where the segments were not. Loads mostly come in the order of time, so what has to be moved is little,
and a line that is in order already costs one look at each event.

What an event is fits one word: its marks below, and above them what decides between events of one instant (the node
of a path, or the earliest step that the event is). So sorting moves two words an event and needs no other order.
"""

import numpy as np

from homeroom.kernel import kernel

__all__ = [
    "count_marked",
    "mark_codes",
    "mark_learners",
    "mark_places",
    "place_marked",
    "put_in_order",
]

INSERTED_EVENTS_MAX = 48
"""Longer lines are sorted by merging; shorter ones, which are most, by moving single events."""


@kernel
def mark_codes(codes, allowed, marks):
    """Write to ``marks``, uint32 by event, ``allowed[code + 1]``, uint32, whose last place is for codes beyond it."""
    last = len(allowed) - 1
    for i in range(len(codes)):
        marks[i] = allowed[min(codes[i] + 1, last)]


@kernel
def mark_places(places, allowed, marks):
    """Write to ``marks``, uint32 by event, ``allowed[place]``, uint32."""
    for i in range(len(places)):
        marks[i] = allowed[places[i]]


@kernel
def mark_learners(offsets, rows, learners, marks):
    """Clear the bits of ``marks`` that ``learners[row]``, uint32, lacks for the event's learner."""
    for subject in range(len(rows)):
        wanted = learners[rows[subject]]
        for event in range(offsets[subject], offsets[subject + 1]):
            marks[event] &= wanted


@kernel
def count_marked(offsets, rows, marks, counts):
    """Add to ``counts[row]`` the events of each learner that have a mark."""
    for subject in range(len(rows)):
        count = 0
        for event in range(offsets[subject], offsets[subject + 1]):
            count += marks[event] != 0
        counts[rows[subject]] += count


@kernel
def place_marked(piece, time_ms, marks, nodes, free, line):
    """Copy the events that have a mark to ``line`` = (time_ms, what) from ``free[row]`` on, which moves on.

    ``piece`` = (offsets, rows): events ``offsets[s]:offsets[s + 1]`` are those of subject s, in row ``rows[s]``.
    The upper half of ``what``, uint64, is ``nodes``, int32 by event from 0 on; where these are None, the lowest mark.
    """
    offsets, rows = piece
    line_ms, line_what = line
    for subject in range(len(rows)):
        place = free[rows[subject]]
        for event in range(offsets[subject], offsets[subject + 1]):
            mark = marks[event]
            if mark != 0:
                lowest = np.uint32(mark & (~mark + np.uint32(1)))
                upper = lowest if nodes is None else np.uint32(nodes[event])
                line_ms[place] = time_ms[event]
                line_what[place] = (np.uint64(upper) << np.uint64(32)) | np.uint64(mark)
                place += 1
        free[rows[subject]] = place


@kernel
def put_in_order(offsets, time_ms, what):
    """Sort each learner's events ``offsets[row]:offsets[row + 1]`` by time, then by what they are."""
    for row in range(len(offsets) - 1):
        first, end = offsets[row], offsets[row + 1]
        for event in range(first + 1, end):
            if time_ms[event] > time_ms[event - 1]:
                continue
            if time_ms[event] < time_ms[event - 1] or what[event] < what[event - 1]:
                if end - first <= INSERTED_EVENTS_MAX:
                    _insert(first, event, end, time_ms, what)
                else:
                    _merge(first, end, time_ms, what)
                break


@kernel
def _insert(first, start, end, time_ms, what):
    """Move each event from ``start`` on to its place among those before it."""
    for event in range(start, end):
        at, one, place = time_ms[event], what[event], event
        while place > first and (
            time_ms[place - 1] > at or (time_ms[place - 1] == at and what[place - 1] > one)
        ):
            time_ms[place] = time_ms[place - 1]
            what[place] = what[place - 1]
            place -= 1
        time_ms[place] = at
        what[place] = one


@kernel
def _merge(first, end, time_ms, what):
    """Sort by what events are, then by time, which keeps the order of equals."""
    # Element by element: what checks whole assignments raises errors that only Python can make, and code that needs
    # Python is not kept (see `homeroom.adapters.kept_code`).
    size = end - first
    old_ms, old_what = time_ms[first:end].copy(), what[first:end].copy()
    by_what = np.argsort(old_what, kind="mergesort")
    for i in range(size):
        time_ms[first + i] = old_ms[by_what[i]]
    by_time = np.argsort(time_ms[first:end], kind="mergesort")
    for i in range(size):
        place = by_what[by_time[i]]
        what[first + i] = old_what[place]
        old_ms[i] = time_ms[first + by_time[i]]
    for i in range(size):
        time_ms[first + i] = old_ms[i]
