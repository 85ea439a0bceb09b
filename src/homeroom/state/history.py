"""History: the set of events, one per identity, in segments sorted by learner and time.

State answers "on which days"; everything else (this verb, that activity, at which hour, how often) is a question to
history. A segment is a set of columns; learners lie one after the other in it, so a question walks it once, in
order, and needs no index. Repeats fall out of the sort: the same event has the same learner, time and identity.

A segment never changes. New events make a new one, checked against those before it; only segments whose time ranges
overlap can hold the same event.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from homeroom.events.model import EventBatch, Int64s, UInt64s
from homeroom.state import sorting

__all__ = ["EVENT_COLUMNS", "Column", "Segment", "SegmentReport", "build_segment", "joined_columns"]

Column = npt.NDArray[np.generic]

EVENT_COLUMNS: Mapping[str, tuple[str, object]] = {
    "time_ms": ("int64", None),
    "verb": ("int32", None),
    "activity": ("int32", None),
    "course": ("int32", None),
    "track": ("uint8", None),
    "identity_hi": ("uint64", None),
    "identity_lo": ("uint64", None),
    "id_hash": ("uint64", None),
    "score": ("float64", np.nan),
    "progress": ("float64", np.nan),
    "success": ("int8", -1),
    "completion": ("int8", -1),
    "duration_ms": ("int64", -1),
}
"""Columns of an event besides its learner and attributes: type, and what an event has where the column is missing
(None: the column is always there)."""


@dataclass(frozen=True, slots=True)
class Segment:
    """Sorted events.

    Parameters
    ----------
    key_hi, key_lo : uint64 (subjects,), the learners in order
    offsets : int64 (subjects + 1,), where each learner's events begin
    columns : by name of `EVENT_COLUMNS` (those that no event has may be missing) and ``attributes.NAME`` (int32
        codes); all of shape (events,). The mapping may read a column only when it is asked for
    min_ms, max_ms : time of the first and last event
    """

    key_hi: UInt64s
    key_lo: UInt64s
    offsets: Int64s
    columns: Mapping[str, Column]
    min_ms: int
    max_ms: int

    def __len__(self) -> int:
        """Return the number of events."""
        return int(self.offsets[-1])


@dataclass(frozen=True, slots=True)
class SegmentReport:
    """What became of the events that a segment was made from. ``segment`` is None if none of them was new."""

    segment: Segment | None
    duplicates: int
    conflicts: int


def build_segment(batches: Sequence[EventBatch], earlier: Iterable[Segment] = ()) -> SegmentReport:
    """Sort events into a segment without those that are repeated, or that an earlier segment holds.

    ``conflicts`` counts the events whose id another event, here or earlier, has with other content.
    """
    events = joined_columns(batches)
    keys = (events.pop("key_hi"), events.pop("key_lo"))
    order = np.empty(len(keys[0]), np.int64)
    identity = (events["time_ms"], events["identity_hi"], events["identity_lo"])
    sorting.sort_events(*keys, *identity, sorting.bucket_bits(len(order)), order)
    known = np.zeros(len(order), np.bool_)
    sorted_keys = (keys[0][order], keys[1][order])
    sorted_identity = (identity[0][order], identity[1][order], identity[2][order])
    sorting.mark_repeats(*sorted_keys, *sorted_identity, known)
    earlier = list(earlier)
    _mark_known(sorted_keys, sorted_identity, earlier, known)
    duplicates = int(known.sum())
    if duplicates:
        order = order[~known]
    if not len(order):
        return SegmentReport(None, duplicates, 0)
    key_hi, key_lo = keys[0][order], keys[1][order]
    columns = {name: column[order] for name, column in events.items()}
    starts = np.empty(len(order) + 1, np.int64)
    subjects = sorting.subject_starts(key_hi, key_lo, starts)
    starts[subjects] = len(order)
    offsets = starts[: subjects + 1].copy()
    first = offsets[:-1]
    segment = Segment(
        key_hi[first],
        key_lo[first],
        offsets,
        columns,
        int(columns["time_ms"].min()),
        int(columns["time_ms"].max()),
    )
    return SegmentReport(segment, duplicates, _conflicts(columns["id_hash"], earlier))


def _mark_known(
    keys: tuple[UInt64s, ...],
    identity: tuple[Column, ...],
    earlier: Iterable[Segment],
    known: npt.NDArray[np.bool_],
) -> None:
    if not len(known):
        return
    low, high = identity[0].min(), identity[0].max()
    for old in earlier:
        if old.min_ms <= high and low <= old.max_ms:
            columns = tuple(old.columns[name] for name in ("time_ms", "identity_hi", "identity_lo"))
            sorting.mark_known(
                keys, identity, (old.key_hi, old.key_lo), old.offsets, columns, known
            )


def _conflicts(ids: Column, earlier: Iterable[Segment]) -> int:
    given = np.sort(ids[ids != 0])
    if not len(given):
        return 0
    again = np.zeros(len(given), np.bool_)
    again[1:] = given[1:] == given[:-1]
    for old in earlier:
        others = np.sort(old.columns["id_hash"])
        at = np.minimum(np.searchsorted(others, given), len(others) - 1)
        again |= others[at] == given
    return int(again.sum())


def joined_columns(batches: Sequence[EventBatch]) -> dict[str, Column]:
    """Join the columns of batches; a column that no batch has stays away, attributes become ``attributes.NAME``."""
    joined: dict[str, Column] = {
        name: np.concatenate([getattr(b, name) for b in batches] or [np.empty(0, np.uint64)])
        for name in ("key_hi", "key_lo")
    }
    for name, (dtype, absent) in EVENT_COLUMNS.items():
        parts = [getattr(b, name) for b in batches]
        if all(part is None for part in parts) and absent is not None:
            continue
        joined[name] = np.concatenate(
            [
                np.full(len(b), absent, dtype) if part is None else part
                for b, part in zip(batches, parts, strict=True)
            ]
            or [np.empty(0, dtype)]
        )
    for name in sorted({name for b in batches for name in b.attributes}):
        joined[f"attributes.{name}"] = np.concatenate(
            [b.attributes.get(name, np.full(len(b), -1, np.int32)) for b in batches]
        )
    return joined
