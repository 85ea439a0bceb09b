"""Events as batches again: joined, chosen, and out of a segment of history.

What folds and sorts events takes a batch; what is taken back or joined under another key starts from segments. These
are the ways between the two.
"""

from collections.abc import Iterator, Sequence
from dataclasses import fields
from typing import Any

import numpy as np
import numpy.typing as npt

from homeroom.events.columns import batch_of, joined_columns
from homeroom.events.model import EventBatch, Int64s
from homeroom.limits import ROW_GROUP_EVENTS
from homeroom.state.history import Segment

__all__ = [
    "chosen_events",
    "event_pieces",
    "joined_batches",
    "picked_events",
    "seen_events",
    "segment_events",
]


PIECE_EVENTS = 4 * ROW_GROUP_EVENTS
"""Events of a segment that are in memory at once when all of them are folded."""


def joined_batches(batches: Sequence[EventBatch]) -> EventBatch:
    """Return the events of several batches as one."""
    return batch_of(joined_columns(batches))


def segment_events(segment: Segment) -> EventBatch:
    """Return all events of a segment as a batch, those that are hidden too."""
    widths = np.diff(segment.offsets)
    keys = {
        "key_hi": np.repeat(segment.key_hi, widths),
        "key_lo": np.repeat(segment.key_lo, widths),
    }
    return batch_of({**keys, **segment.columns})


def event_pieces(segment: Segment) -> Iterator[tuple[int, EventBatch]]:
    """Give the events of a segment piece by piece, in order, each with the place of its first event.

    A segment in files may be far larger than memory.
    """
    for first in range(0, len(segment), PIECE_EVENTS):
        end = min(first + PIECE_EVENTS, len(segment))
        low = int(np.searchsorted(segment.offsets, first, side="right")) - 1
        high = int(np.searchsorted(segment.offsets, end))
        bounds: Int64s = np.clip(segment.offsets[low : high + 1], first, end)
        widths = np.diff(bounds)
        columns: dict[str, Any] = {
            "key_hi": np.repeat(segment.key_hi[low:high], widths),
            "key_lo": np.repeat(segment.key_lo[low:high], widths),
        }
        columns |= {name: segment.piece(name, first, end) for name in segment.columns}
        yield first, batch_of(columns)


def picked_events(segment: Segment, places: npt.NDArray[np.int64]) -> EventBatch:
    """Return the events at some places of a segment, rising, as a batch; no more than these need be read."""
    subjects = np.searchsorted(segment.offsets, places, side="right") - 1
    keys = {"key_hi": segment.key_hi[subjects], "key_lo": segment.key_lo[subjects]}
    return batch_of({**keys, **{name: segment.pick(name, places) for name in segment.columns}})


def chosen_events(batch: EventBatch, chosen: npt.NDArray[np.bool_]) -> EventBatch:
    """Return some of the events of a batch."""
    plain: dict[str, Any] = {
        f.name: None if column is None else column[chosen]
        for f in fields(batch)
        if f.name != "attributes"
        for column in (getattr(batch, f.name),)
    }
    attributes = {name: codes[chosen] for name, codes in batch.attributes.items()}
    return EventBatch(**plain, attributes=attributes)


def seen_events(segments: Sequence[Segment]) -> EventBatch:
    """Return the events of segments that are not hidden."""
    parts = []
    for segment in segments:
        visible = np.ones(len(segment), np.bool_)
        visible[segment.hidden] = False
        parts.append(chosen_events(segment_events(segment), visible))
    return joined_batches(parts)
