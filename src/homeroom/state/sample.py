"""A few learners of a state, as a state of their own.

Most of what comes touches a thousandth of the learners, and what it changes is asked of these alone. Their rows and
their events are picked out into something that answers like the state they are from; so there is one way to answer,
for five million learners and for five.

Rows are copied at once. Events are not looked for before somebody asks for history, and of their columns only those
are picked that are asked for. Events that wait to be sealed are among them, without repeats, as though they had been.

The way not taken: kernels that take a list of rows. Each would be written twice, and the second would be tested less.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from homeroom.events.columns import Column
from homeroom.events.model import Int64s, UInt64s
from homeroom.events.texts import sealed
from homeroom.state.batches import chosen_events, joined_batches, segment_events
from homeroom.state.fold import PARTITION_SHIFT
from homeroom.state.history import Places, Segment
from homeroom.state.keys import Keys, find_sorted
from homeroom.state.places import places_of_subjects, without_places
from homeroom.state.sealing import build_segment, sorted_segment
from homeroom.state.state import State, enrolment_keys
from homeroom.state.table import FAMILIES, NO_DAY, Partition, SubjectTable

__all__ = ["Sample", "sample"]


class Sample(State):
    """Some learners of a state. Its tables have one partition each, and its history is put together when asked for."""

    range_ms: tuple[int, int] | None
    find_segments: Callable[[], Sequence[Segment]]

    @property
    def time_range_ms(self) -> tuple[int, int] | None:
        """Time of the first and of the last event of the whole state."""
        return self.range_ms

    @cached_property
    def _segments(self) -> Sequence[Segment]:
        return self.find_segments()

    @property
    def segments(self) -> Sequence[Segment]:
        """What history has of these learners."""
        return self._segments


def sample(state: State, keys: Keys, courses: Sequence[int], asked: set[str]) -> Sample:
    """Return some learners of a state as they are now, whatever comes later.

    Parameters
    ----------
    state : has been flushed, and nothing is folded into it meanwhile
    keys : sorted, distinct, as learners go under now; those that have no row are passed over
    courses : codes of the course runs whose enrolments are wanted
    asked : gets the names of the columns of history that somebody asks the sample for
    """
    few = Sample(state.zone, state.dictionaries)
    few.learners.partitions = [_picked_rows(state.learners, keys)]
    hashes = state.dictionaries.course.hashes.hi[np.array(courses, np.int64)]
    count = len(keys[0])
    owned = enrolment_keys(
        np.tile(keys[0], len(courses)), np.tile(keys[1], len(courses)), np.repeat(hashes, count)
    )
    few.enrolments.partitions = [_picked_rows(state.enrolments, owned)]
    few.range_ms = state.time_range_ms
    few.history.identities = state.history.identities
    shown, stored, unsealed = (
        list(state.segments),
        list(state.history.stored),
        list(state.unsealed()),
    )

    def find_segments() -> list[Segment]:
        picked = [_picked(segment, keys, asked) for segment in shown]
        return [one for one in (*picked, new()) if one is not None]

    def new() -> Segment | None:
        """Return the unsealed events of the learners, sealed."""
        batch = joined_batches(unsealed)
        shown_keys = state.history.identities.moved.apply(batch.key_hi, batch.key_lo)
        mine = find_sorted(*keys, *shown_keys) >= 0
        if not mine.any():
            return None
        fresh = build_segment([chosen_events(batch, mine)], stored, few.run).segment
        if fresh is None:
            return None
        raw = segment_events(fresh)
        seen = state.history.as_shown(raw)
        return fresh if seen is raw else sorted_segment(seen, few.run)

    few.find_segments = find_segments
    return few


_NO_IDS: UInt64s = sealed(np.empty(0, np.uint64))


# --- rows ------------------------------------------------------------------------------------------------------------


def _picked_rows(table: SubjectTable, keys: Keys) -> Partition:
    """Return the rows of some keys as one partition, none of them in its place."""
    numbers = keys[0] >> PARTITION_SHIFT
    found: list[tuple[Partition, Int64s]] = []
    for number in np.unique(numbers).tolist():
        mine, partition = numbers == number, table.partitions[number]
        rows = partition.find(sealed(keys[0][mine]), sealed(keys[1][mine]))
        rows = rows[rows >= 0].astype(np.int64)
        found.append((partition, rows[partition.start_day[rows] != NO_DAY]))
    found = [(partition, rows) for partition, rows in found if len(rows)]
    if not found:
        return Partition(0, 0)
    first = min(partition.first_word for partition, _ in found)
    end = max(partition.first_word + partition.word_count for partition, _ in found)
    picked = Partition(first, end - first)
    picked.rows = sum(len(rows) for _, rows in found)
    for name in ("key_hi", "key_lo", "start_day", "last_day"):
        setattr(picked, name, np.concatenate([getattr(part, name)[rows] for part, rows in found]))
    for name in {name for partition, _ in found for name in partition.words}:
        picked.words[name] = _picked_words(name, found, first, end)
    for family, nothing in FAMILIES.items():
        for name in {name for part, _ in found for name in getattr(part, family)}:
            getattr(picked, family)[name] = _picked_column(family, name, found, nothing)
    picked.slots = None
    return picked


def _picked_words(
    name: str, found: Sequence[tuple[Partition, Int64s]], first: int, end: int
) -> UInt64s:
    words = np.zeros((end - first, sum(len(rows) for _, rows in found)), np.uint64)
    start = 0
    for partition, rows in found:
        here = slice(start, start + len(rows))
        start += len(rows)
        if name in partition.words:
            for word, column in enumerate(partition.words[name], partition.first_word - first):
                words[word, here] = column[rows]
    return words


def _picked_column(
    family: str, name: str, found: Sequence[tuple[Partition, Int64s]], nothing: float
) -> npt.NDArray[Any]:
    some = next(getattr(part, family)[name] for part, _ in found if name in getattr(part, family))
    parts = []
    for partition, rows in found:
        column = getattr(partition, family).get(name)
        parts.append(np.full(len(rows), nothing, some.dtype) if column is None else column[rows])
    return np.concatenate(parts)


# --- events ----------------------------------------------------------------------------------------------------------


class _PickedColumns(Mapping[str, Column]):
    """Columns at some places.

    Whatever is asked for once will be asked for again, so files of which single places cannot be picked are read whole
    and kept.
    """

    def __init__(self, behind: Segment, places: Places, asked: set[str]) -> None:
        self._behind, self._places, self._asked = behind, places, asked
        self._read: dict[str, Column] = {}

    def __getitem__(self, name: str) -> Column:
        if name not in self._read:
            self._asked.add(name)
            behind = self._behind
            is_mapped = name in behind.columns and behind.is_mapped(name)
            self._read[name] = (
                behind.pick(name, self._places) if is_mapped else behind.columns[name][self._places]
            )
        return self._read[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._behind.columns)

    def __len__(self) -> int:
        return len(self._behind.columns)


def _picked(segment: Segment, keys: Keys, asked: set[str]) -> Segment | None:
    """Return what a segment shows of some learners; None if it shows nothing of them."""
    subjects = find_sorted(segment.key_hi, segment.key_lo, *keys)
    subjects = subjects[subjects >= 0]
    places = without_places(places_of_subjects(segment, subjects), segment.hidden)
    if not len(places):
        return None
    owners = np.searchsorted(segment.offsets, places, side="right") - 1
    there, starts = np.unique(owners, return_index=True)
    return Segment(
        key_hi=sealed(segment.key_hi[there]),
        key_lo=sealed(segment.key_lo[there]),
        offsets=sealed(np.append(starts, len(places)).astype(np.int64)),
        columns=_PickedColumns(segment, places, asked),
        sorted_ids=_NO_IDS,
        id_places=_NO_IDS.astype(np.uint32),
        min_ms=segment.min_ms,
        max_ms=segment.max_ms,
    )
