"""Codes of values, event by event: which events a table of codes lets through, and which values a learner has.

A condition on text is settled once for each distinct value; what is left for a hundred million events is one look-up
in a table of bytes each, and that is done here. The same columns of codes say which values a breakdown has: the
events of a learner lie together in history, so one mark a value, "last seen with this learner", tells a new pair
from a repeated one without sorting.
"""

import numpy as np

from homeroom.kernel import kernel

__all__ = ["distinct_pairs", "pass_codes", "pass_places"]


@kernel
def pass_codes(codes, allowed, passing):
    """Write to ``passing``, uint8 by event, ``allowed[code + 1]``; codes beyond the table do not pass."""
    for i in range(len(codes)):
        place = codes[i] + 1
        passing[i] = allowed[place] if place < len(allowed) else 0


@kernel
def pass_places(places, allowed, passing):
    """Write to ``passing``, uint8 by event, ``allowed[place]``.

    Written over, not into what is there: reading the byte that was just written stalls, and takes forty times as long.
    """
    for i in range(len(places)):
        passing[i] = allowed[places[i]]


@kernel
def distinct_pairs(offsets, rows, codes, keep, seen, found):
    """Write ``row * (values + 1) + code + 1`` once for each value of each learner; return how many.

    Events ``offsets[s]:offsets[s + 1]`` are those of subject s, in row ``rows[s]``; ``keep`` is uint8 by event, 0 is
    left out, or None. ``seen`` is int64 of shape (values + 1,), -1 before the call; ``found`` has room for every
    event.
    """
    used = 0
    for subject in range(len(rows)):
        for event in range(offsets[subject], offsets[subject + 1]):
            place = codes[event] + 1
            if (keep is None or keep[event] != 0) and seen[place] != subject:
                seen[place] = subject
                found[used] = np.int64(rows[subject]) * len(seen) + place
                used += 1
    return used
