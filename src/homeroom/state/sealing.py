"""Sealing: events that came in any order become a segment of history, without those that are there already.

Events are dealt out by the top bits of their keys, sorted partition by partition, and compared with the segments before
them. A large batch walks beside each earlier segment, in order. A small one, as a node seals many a day, must not read
a hundred million events for the sake of a thousand: an event that is there already has an id that is there already, so
only those whose ids are found are compared, each with the events of its own learner.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from homeroom.events.columns import COPY_COLUMNS, Column, joined_columns
from homeroom.events.model import EventBatch, Int64s, UInt64s
from homeroom.events.texts import sealed
from homeroom.limits import MERGED_STRIP_EVENTS, PARTITIONS
from homeroom.state import sorting
from homeroom.state.fold import PARTITION_SHIFT
from homeroom.state.history import Segment, places_by_id
from homeroom.state.keys import find_sorted
from homeroom.state.places import are_in, places_of_subjects
from homeroom.state.running import Run, Task

__all__ = ["REPEATED", "SegmentReport", "build_segment", "sorted_segment"]

_FEW = 16
"""A segment with so many times more events than the new ones is looked into, and not walked through."""
_IDENTITY = ("time_ms", "identity_hi", "identity_lo")
"""What tells the events of one learner apart."""
REPEATED = (*_IDENTITY, *COPY_COLUMNS)
"""What is told of an event that is a repeat, beside the key of its learner."""
_Keys: TypeAlias = tuple[Column, Column]
_Identity: TypeAlias = tuple[Column, Column, Column]
_Mark: TypeAlias = Callable[[_Keys, _Identity, UInt64s, npt.NDArray[np.bool_]], None]
"""Sets the flags of sorted events, given by keys, identities and hashes of ids, that are to be left out."""


@dataclass(frozen=True, slots=True)
class SegmentReport:
    """What became of the events that a segment was made from.

    ``segment`` is None if none of them was new. ``repeats`` are columns of those that were left out, where it matters
    which entry of a log a copy came with: `REPEATED`, as far as events have them; else empty.
    """

    segment: Segment | None
    duplicates: int
    conflicts: int
    repeats: Mapping[str, Column] = field(default_factory=dict)


def build_segment(
    batches: Sequence[EventBatch], earlier: Sequence[Segment], run: Run
) -> SegmentReport:
    """Sort events into a segment without those that are repeated, or that an earlier segment holds.

    ``conflicts`` counts the events whose id another event, here or earlier, has with other content.
    """

    def mark(keys: _Keys, identity: _Identity, ids: UInt64s, known: npt.NDArray[np.bool_]) -> None:
        sorting.mark_repeats(*keys, *identity, known)
        _mark_known((keys, identity, ids), earlier, known)

    columns = joined_columns(batches)
    count = len(columns["time_ms"])
    parts = _sorted_parts(columns, mark, run)
    segment = _joined(parts)
    new = 0 if segment is None else len(segment)
    repeats = {}
    if new < count and any("origin" in known for known in (columns, *(o.columns for o in earlier))):
        repeats = _repeats(parts)
    if segment is None:
        return SegmentReport(None, count, 0, repeats)
    return SegmentReport(segment, count - new, _conflicts(segment, earlier), repeats)


def sorted_segment(batch: EventBatch, run: Run) -> Segment | None:
    """Sort events into a segment, all of them: none is taken for a repeat. None if there are none."""
    return _joined(_sorted_parts(joined_columns([batch]), lambda *_: None, run))


def _sorted_parts(columns: dict[str, Column], mark: _Mark, run: Run) -> "list[_Sorted]":
    """Sort events, by partition; those that ``mark`` marks are left out.

    Events are dealt out by the top bits of their keys first, so that what is sorted and gathered at once stays in the
    processor's cache, and partitions can be sorted in several threads.
    """
    dealt, starts = _dealt(columns, run)
    found: list[_Sorted | None] = [None] * PARTITIONS

    def task(number: int) -> Task:
        def work() -> None:
            rows = slice(int(starts[number]), int(starts[number + 1]))
            found[number] = _sorted({name: column[rows] for name, column in dealt.items()}, mark)

        return work

    run([task(number) for number in range(PARTITIONS) if starts[number] < starts[number + 1]])
    return [part for part in found if part is not None]


def _repeats(parts: "Sequence[_Sorted]") -> dict[str, Column]:
    """Return the columns `REPEATED` of the events that were left out."""
    repeated = [part.repeats for part in parts if part.repeats]
    return {name: np.concatenate([one[name] for one in repeated]) for name in repeated[0]}


def _joined(parts: "Sequence[_Sorted]") -> Segment | None:
    """Return sorted events of all partitions as a segment; None if there are none."""
    kept = [part for part in parts if len(part.offsets) > 1]
    if not kept:
        return None
    names = list(kept[0].columns)
    columns = {name: np.concatenate([part.columns[name] for part in kept]) for name in names}
    ends = np.cumsum([0, *(part.offsets[-1] for part in kept)])
    offsets = [part.offsets[:-1] + end for part, end in zip(kept, ends[:-1], strict=True)]
    sorted_ids, id_places = places_by_id(columns["id_hash"])
    return Segment(
        key_hi=np.concatenate([part.key_hi for part in kept]),
        key_lo=np.concatenate([part.key_lo for part in kept]),
        offsets=np.append(np.concatenate(offsets), ends[-1]),
        columns=columns,
        sorted_ids=sorted_ids,
        id_places=id_places,
        min_ms=int(columns["time_ms"].min()),
        max_ms=int(columns["time_ms"].max()),
    )


@dataclass(frozen=True, slots=True)
class _Sorted:
    """The sorted new events of one range of keys, and what is asked of those that were left out."""

    key_hi: UInt64s
    key_lo: UInt64s
    offsets: Int64s
    columns: dict[str, Column]
    repeats: dict[str, Column]


def _dealt(columns: dict[str, Column], run: Run) -> tuple[dict[str, Column], Int64s]:
    """Deal events out to partitions; return the columns, and where each partition's events start."""
    partition = (columns["key_hi"] >> PARTITION_SHIFT).astype(np.uint8)
    starts = np.zeros(PARTITIONS + 1, np.int64)
    starts[1:] = np.cumsum(np.bincount(partition, minlength=PARTITIONS))
    dealt = {name: np.empty_like(column) for name, column in columns.items()}

    def task(name: str) -> Task:
        def work() -> None:
            # As plain words of their width, so that one kernel serves all types.
            width = f"u{columns[name].itemsize}"
            sorting.deal(
                partition, starts, sealed(columns[name]).view(width), dealt[name].view(width)
            )

        return work

    run([task(name) for name in columns])
    return dealt, starts


def _sorted(events: dict[str, Column], mark: _Mark) -> _Sorted:
    keys = (sealed(events.pop("key_hi")), sealed(events.pop("key_lo")))
    identity = _identity(events)
    order = np.empty(len(keys[0]), np.int64)
    sorting.sort_events(*keys, *identity, sorting.bucket_bits(len(order)), order)
    keys = (sealed(keys[0][order]), sealed(keys[1][order]))
    time_ms, id_hi, id_lo = identity
    identity = (sealed(time_ms[order]), sealed(id_hi[order]), sealed(id_lo[order]))
    known = np.zeros(len(order), np.bool_)
    mark(keys, identity, events["id_hash"][order], known)
    repeats: dict[str, Column] = {}
    if known.any():
        held = {"key_hi": keys[0], "key_lo": keys[1]}
        repeats = {name: column[known] for name, column in held.items()}
        places = order[known]
        repeats |= {name: events[name][places] for name in REPEATED if name in events}
        new = ~known
        order, keys = order[new], (sealed(keys[0][new]), sealed(keys[1][new]))
    starts = np.empty(len(order) + 1, np.int64)
    subjects = sorting.subject_starts(*keys, starts)
    starts[subjects] = len(order)
    first = starts[:subjects]
    columns = {name: column[order] for name, column in events.items()}
    return _Sorted(keys[0][first], keys[1][first], starts[: subjects + 1].copy(), columns, repeats)


def _mark_known(
    new: tuple[_Keys, _Identity, UInt64s], earlier: Iterable[Segment], known: npt.NDArray[np.bool_]
) -> None:
    """Mark sorted events that an earlier segment holds."""
    keys, identity, ids = new
    low, high = identity[0].min(), identity[0].max()
    for old in earlier:
        if old.min_ms > high or low > old.max_ms:
            continue
        if len(ids) * _FEW < len(old):
            suspects = np.flatnonzero((ids == 0) | are_in(old.sorted_ids, ids))
            if len(suspects):
                known[suspects] |= _are_there(
                    _picked(keys, suspects), _picked(identity, suspects), old
                )
        else:
            _walk_beside(keys, identity, old, known)


def _walk_beside(
    keys: _Keys, identity: _Identity, old: Segment, known: npt.NDArray[np.bool_]
) -> None:
    """Mark sorted events that an earlier segment holds, a strip of its learners at a time: it may be far larger."""
    low = int(np.searchsorted(old.key_hi, keys[0][0]))
    high = int(np.searchsorted(old.key_hi, keys[0][-1], side="right"))
    first, end = int(old.offsets[low]), int(old.offsets[high])
    cuts = np.searchsorted(old.offsets, np.arange(first, end, MERGED_STRIP_EVENTS))
    for start, stop in pairwise(dict.fromkeys([*cuts.tolist(), high])):
        theirs, places = slice(start, stop), old.offsets[start : stop + 1]
        # Learners with one upper half of their keys may lie on both sides of a cut.
        mine = slice(
            int(np.searchsorted(keys[0], old.key_hi[start])),
            int(np.searchsorted(keys[0], old.key_hi[stop - 1], side="right")),
        )
        events = [old.piece(name, int(places[0]), int(places[-1])) for name in _IDENTITY]
        time_ms, id_hi, id_lo = (sealed(one) for one in events if one is not None)
        sorting.mark_known(
            _picked(keys, mine),
            _picked(identity, mine),
            (sealed(old.key_hi[theirs]), sealed(old.key_lo[theirs])),
            sealed(places - places[0]),
            (time_ms, id_hi, id_lo),
            known[mine],
        )


def _picked(columns: tuple[Column, ...], places: Int64s | slice) -> tuple[Column, ...]:
    return tuple(sealed(column[places]) for column in columns)


def _are_there(
    keys: tuple[Column, ...], identity: tuple[Column, ...], old: Segment
) -> npt.NDArray[np.bool_]:
    """Return which events a segment holds, looking only at the events of their learners."""
    subjects = find_sorted(old.key_hi, old.key_lo, *keys)
    there = np.unique(subjects[subjects >= 0])
    places = places_of_subjects(old, there)
    owners = np.repeat(there, np.diff(old.offsets)[there])
    held = _rows(owners, *(old.pick(name, places) for name in _IDENTITY))
    return np.isin(_rows(subjects, *identity), held)


def _rows(*columns: Column) -> Column:
    """Return columns of 64 bits as one column of values that can be compared as a whole."""
    rows = np.stack(
        [column.astype(np.int64, copy=False).view(np.int64) for column in columns], axis=1
    )
    return np.ascontiguousarray(rows).view([("", np.int64)] * len(columns)).ravel()


def _identity(columns: Mapping[str, Column]) -> _Identity:
    """Return what tells the events of one learner apart."""
    time_ms, hi, lo = (sealed(columns[name]) for name in _IDENTITY)
    return time_ms, hi, lo


def _conflicts(segment: Segment, earlier: Iterable[Segment]) -> int:
    given = sealed(segment.sorted_ids)
    again = np.zeros(len(given), np.bool_)
    again[1:] = given[1:] == given[:-1]
    for old in earlier:
        if len(given) * _FEW < len(old):
            again |= are_in(old.sorted_ids, given)
        else:
            sorting.mark_shared(given, sealed(old.sorted_ids), again)
    return int(again.sum())
