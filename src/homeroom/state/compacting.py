"""Which segments of history that lie in files are to become one.

A question walks through every segment, so there are to be few; but to write all of them anew at each snapshot would
write an event hundreds of times. So those become one that are small beside the others, as in a log-structured merge
tree, and an event is written anew some times only.
"""

from collections.abc import Sequence

from homeroom import limits
from homeroom.state.history import Segment

__all__ = ["to_compact"]


def to_compact(stored: Sequence[Segment], new: int) -> list[Segment]:
    """Return the segments in files that are to become one; empty if there is nothing to do.

    Those are the ``new`` last ones if they are several, or else the smallest that is not small beside the next, and
    from there on any that have no more than twice the events of all before.
    """
    in_files = [one for one in stored if type(one) is not Segment]
    if len(in_files) <= limits.SEGMENTS_APART_MAX:
        return []
    by_size = sorted(in_files, key=len)
    beginnings: list[list[Segment]] = [[one] for one in by_size]
    if new > 1:
        beginnings.insert(0, in_files[-new:])
    for taken in beginnings:
        begun = {id(one) for one in taken}
        least = 0 if len(taken) > 1 else len(taken[0])
        for one in by_size:
            if id(one) in begun or len(one) < least:
                continue
            count = sum(map(len, taken))
            if len(one) > min(2 * count, limits.MERGED_EVENTS_MAX - count):
                break
            taken.append(one)
        if len(taken) > 1:
            return taken
    return []
