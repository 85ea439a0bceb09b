"""History: the set of events, one per identity, in segments sorted by learner and time.

State answers "on which days"; everything else (this verb, that activity, at which hour, how often) is a question to
history. A segment is a set of columns; learners lie one after the other in it, so a question walks it once, in
order, and needs no index. Repeats fall out of the sort: the same event has the same learner, time and identity.

A segment never changes. New events make a new one, checked against those before it; only segments whose time ranges
overlap can hold the same event. What is taken back later stays in its segment and is *hidden* there
(`homeroom.state.past`): a repeat of it must still be known as a repeat.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from homeroom.events.columns import Column, joined_columns
from homeroom.events.model import EventBatch, Int64s, UInt64s
from homeroom.events.texts import sealed
from homeroom.limits import PARTITIONS
from homeroom.state import sorting
from homeroom.state.fold import PARTITION_SHIFT
from homeroom.state.running import Run, Task

__all__ = [
    "NO_PLACES",
    "Column",
    "Places",
    "Segment",
    "SegmentReport",
    "build_segment",
    "places_by_id",
    "sorted_segment",
]

Places: TypeAlias = Int64s
"""Where events stand in a segment, rising."""
NO_PLACES: Places = sealed(np.empty(0, np.int64))
_Keys: TypeAlias = tuple[Column, Column]
_Identity: TypeAlias = tuple[Column, Column, Column]
_Mark: TypeAlias = Callable[[_Keys, _Identity, npt.NDArray[np.bool_]], None]
"""Sets the flags of sorted events that are to be left out."""


@dataclass(frozen=True)
class Segment:
    """Sorted events.

    Parameters
    ----------
    key_hi, key_lo : uint64 (subjects,), the learners in order
    offsets : int64 (subjects + 1,), where each learner's events begin
    columns : by name of `EVENT_COLUMNS` (those that no event has may be missing) and ``attributes.NAME`` (int32
        codes); all of shape (events,). The mapping may read a column only when it is asked for
    sorted_ids : uint64, the hashes of all event ids, sorted
    id_places : uint32, where the event of each of these stands
    min_ms, max_ms : time of the first and last event
    """

    key_hi: UInt64s
    key_lo: UInt64s
    offsets: Int64s
    columns: Mapping[str, Column]
    sorted_ids: UInt64s
    id_places: npt.NDArray[np.uint32]
    min_ms: int
    max_ms: int

    def __len__(self) -> int:
        """Return the number of events."""
        return int(self.offsets[-1])

    def piece(self, name: str, first: int, end: int) -> Column | None:
        """Return the events ``first:end`` of a column; None if the segment does not have it."""
        column = self.columns.get(name)
        return None if column is None else column[first:end]

    def pick(self, name: str, places: Places) -> Column:
        """Return a column at some places; the segment must have it."""
        return self.columns[name][places]

    @property
    def hidden(self) -> Places:
        """The places of events that no question may see: int64, rising."""
        return NO_PLACES


@dataclass(frozen=True, slots=True)
class SegmentReport:
    """What became of the events that a segment was made from. ``segment`` is None if none of them was new."""

    segment: Segment | None
    duplicates: int
    conflicts: int


def build_segment(
    batches: Sequence[EventBatch], earlier: Sequence[Segment], run: Run
) -> SegmentReport:
    """Sort events into a segment without those that are repeated, or that an earlier segment holds.

    ``conflicts`` counts the events whose id another event, here or earlier, has with other content.
    """

    def mark(keys: _Keys, identity: _Identity, known: npt.NDArray[np.bool_]) -> None:
        _mark_known(keys, identity, earlier, known)

    columns = joined_columns(batches)
    count = len(columns["time_ms"])
    segment = _sorted_segment(columns, mark, run)
    if segment is None:
        return SegmentReport(None, count, 0)
    return SegmentReport(segment, count - len(segment), _conflicts(segment, earlier))


def sorted_segment(batch: EventBatch, run: Run) -> Segment | None:
    """Sort events into a segment, all of them: none is taken for a repeat. None if there are none."""
    return _sorted_segment(joined_columns([batch]), lambda *_: None, run)


def _sorted_segment(columns: dict[str, Column], mark: _Mark, run: Run) -> Segment | None:
    """Sort events; those that ``mark`` marks are left out.

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
    kept = [part for part in found if part is not None and len(part.offsets) > 1]
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


def places_by_id(id_hash: UInt64s) -> tuple[UInt64s, npt.NDArray[np.uint32]]:
    """Return the hashes of the ids that events have (0 is none), sorted, and the place of each: uint64, uint32."""
    assert len(id_hash) < 1 << 32
    given = np.flatnonzero(id_hash).astype(np.uint32)
    ids = id_hash[given]
    order = np.argsort(ids)
    return ids[order], given[order]


@dataclass(frozen=True, slots=True)
class _Sorted:
    """The sorted new events of one range of keys."""

    key_hi: UInt64s
    key_lo: UInt64s
    offsets: Int64s
    columns: dict[str, Column]


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
    mark(keys, identity, known)
    if known.any():
        new = ~known
        order, keys = order[new], (sealed(keys[0][new]), sealed(keys[1][new]))
    starts = np.empty(len(order) + 1, np.int64)
    subjects = sorting.subject_starts(*keys, starts)
    starts[subjects] = len(order)
    first = starts[:subjects]
    columns = {name: column[order] for name, column in events.items()}
    return _Sorted(keys[0][first], keys[1][first], starts[: subjects + 1].copy(), columns)


def _mark_known(
    keys: _Keys, identity: _Identity, earlier: Iterable[Segment], known: npt.NDArray[np.bool_]
) -> None:
    """Mark sorted events that repeat the one before, or that an earlier segment holds."""
    sorting.mark_repeats(*keys, *identity, known)
    low, high = identity[0].min(), identity[0].max()
    for old in earlier:
        if old.min_ms <= high and low <= old.max_ms:
            old_keys = (sealed(old.key_hi), sealed(old.key_lo))
            sorting.mark_known(
                keys, identity, old_keys, sealed(old.offsets), _identity(old.columns), known
            )


def _identity(columns: Mapping[str, Column]) -> _Identity:
    """Return what tells the events of one learner apart."""
    return (
        sealed(columns["time_ms"]),
        sealed(columns["identity_hi"]),
        sealed(columns["identity_lo"]),
    )


def _conflicts(segment: Segment, earlier: Iterable[Segment]) -> int:
    given = sealed(segment.sorted_ids)
    again = np.zeros(len(given), np.bool_)
    again[1:] = given[1:] == given[:-1]
    for old in earlier:
        sorting.mark_shared(given, sealed(old.sorted_ids), again)
    return int(again.sum())
