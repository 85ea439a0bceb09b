"""Several segments read as one: their events in order of learner and time, a strip of learners at a time.

Segments grow many, since a load or a node makes one whenever memory is full or a snapshot is due, and then the events
of one learner lie in many places. To put a hundred million events into one segment must not take more memory than a
few of them, so the learners are cut into strips of about so many events; what the segments hold of a strip is read,
sorted and given on. All segments are sorted by key, so a strip is one stretch of each.

The same walk leaves events out where these are to go for good (an erased learner, days before a cut): see ``kept``.
"""

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from homeroom.events.columns import EVENT_COLUMNS, Column
from homeroom.events.texts import sealed
from homeroom.limits import PARTITIONS
from homeroom.state import sorting
from homeroom.state.fold import PARTITION_SHIFT
from homeroom.state.history import Segment

__all__ = ["Kept", "absent_column", "merged_strips"]

Kept: TypeAlias = npt.NDArray[np.bool_] | None
"""Which events of a segment stay, bool of shape (events,); None if all do."""
_SORTED_BY = ("time_ms", "identity_hi", "identity_lo")
_KEY_BITS = int(PARTITION_SHIFT)


def absent_column(name: str, count: int) -> Column:
    """Return what so many events have in a column that their segment does not have."""
    dtype, absent = EVENT_COLUMNS.get(name, ("int32", -1))
    return np.full(count, absent, dtype)


def merged_strips(
    segments: Sequence[Segment], kept: Sequence[Kept], names: Sequence[str], strip_events: int
) -> Iterator[dict[str, Column]]:
    """Give the events of segments in order: by name of the column, with ``key_hi`` and ``key_lo`` of each event.

    Parameters
    ----------
    segments : sorted, without an event that is in two of them
    kept : of each segment, the events that stay
    names : the columns to give; an event whose segment lacks one has what stands for an absent value
    strip_events : about so many events are given at a time; those of one learner always together
    """
    edges = _edges(segments, strip_events)
    for low, high in pairwise(edges):
        parts = [
            _strip(segment, one, (low, high), names)
            for segment, one in zip(segments, kept, strict=True)
        ]
        strip = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
        if len(strip["key_hi"]):
            yield strip if len(parts) == 1 else _in_order(strip, low, high)


def _edges(segments: Sequence[Segment], strip_events: int) -> list[int]:
    """Return upper halves of keys at which to cut; partitions are cut too, as sorting looks at the bits below these."""
    largest = max(segments, key=len)
    share = max(1, strip_events * len(largest) // sum(map(len, segments)))
    places = np.searchsorted(largest.offsets, np.arange(share, len(largest), share))
    cuts = largest.key_hi[np.minimum(places, len(largest.key_hi) - 1)].tolist()
    of_partitions = [number << _KEY_BITS for number in range(PARTITIONS)]
    return [*sorted({*cuts, *of_partitions}), 1 << 64]


def _strip(
    segment: Segment, kept: Kept, keys: tuple[int, int], names: Sequence[str]
) -> dict[str, Column]:
    """Return what a segment has of the learners between two upper halves of keys."""
    low = int(np.searchsorted(segment.key_hi, np.uint64(keys[0])))
    high = len(segment.key_hi)
    if keys[1] < 1 << 64:
        high = int(np.searchsorted(segment.key_hi, np.uint64(keys[1])))
    widths = np.diff(segment.offsets[low : high + 1])
    first, end = int(segment.offsets[low]), int(segment.offsets[high])
    found: dict[str, Column] = {
        "key_hi": np.repeat(segment.key_hi[low:high], widths),
        "key_lo": np.repeat(segment.key_lo[low:high], widths),
    }
    for name in names:
        column = segment.piece(name, first, end)
        if column is None:
            column = absent_column(name, end - first)
        found[name] = column
    if kept is None or kept[first:end].all():
        return found
    return {name: column[kept[first:end]] for name, column in found.items()}


def _in_order(strip: dict[str, Column], low: int, high: int) -> dict[str, Column]:
    """Sort the events of a strip."""
    # As large as they can be made, so that the bits by which sorting begins tell them apart.
    shift = np.uint64(_KEY_BITS - (high - low - 1).bit_length())
    spread = (strip["key_hi"] - np.uint64(low)) << shift
    order = np.empty(len(spread), np.int64)
    time_ms, id_hi, id_lo = (sealed(strip[name]) for name in _SORTED_BY)
    keys = sealed(spread), sealed(strip["key_lo"])
    sorting.sort_events(*keys, time_ms, id_hi, id_lo, sorting.bucket_bits(len(order)), order)
    return {name: column[order] for name, column in strip.items()}
