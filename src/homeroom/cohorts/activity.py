"""Who was active when: period bits, from the columns or from history.

Every question asks for one or two behaviours (entry and returning). An `Activity` gives their bits block by block of
learners; where they come from is settled here and nowhere else: from the day words of the state if these hold what
is asked for, from the events of history if not. Both give the same bits for the same behaviour, which the tests
check, so a question need not know.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Literal, Protocol

import numpy as np
import numpy.typing as npt

from homeroom.cohorts.kernels import bits as kernels
from homeroom.cohorts.matching import Flags, Selection, Test
from homeroom.cohorts.periods import LEAD, Periods
from homeroom.cohorts.pieces import Piece
from homeroom.events.model import TRACKS, Int8s, Int32s, Int64s, UInt64s
from homeroom.events.texts import sealed
from homeroom.limits import PARTITIONS
from homeroom.state import sorting
from homeroom.state.fold import PARTITION_SHIFT
from homeroom.state.history import Segment
from homeroom.state.running import Run
from homeroom.state.state import COURSE, State
from homeroom.state.table import ANY, Partition, SubjectTable
from homeroom.state.zones import ZERO_MS

__all__ = [
    "Activity",
    "ColumnActivity",
    "HistoryActivity",
    "Roster",
    "partition_mask",
    "track_words",
]

Bits = npt.NDArray[np.uint64]

NO_KEYS: UInt64s = sealed(np.empty(0, np.uint64))


class Activity(Protocol):
    """Gives the period bits of behaviours, block by block."""

    @property
    def answered_from(self) -> Literal["columns", "history"]:
        """Where the bits come from."""
        ...

    def blocks(self) -> Sequence[tuple[int, int, int]]:
        """Return the blocks: an own number of the source, first and end row; at most ``BLOCK_ROWS`` each."""
        ...

    def bits(self, block: tuple[int, int, int], behaviour: Selection) -> Bits:
        """Return fresh bits of a block, uint64 of shape (LEAD + periods, words of 64 rows)."""
        ...


def track_words(partition: Partition, tracks: frozenset[int] | None) -> UInt64s:
    """Return the day words of a set of tracks, uint64 of shape (words, rows), read-only; None is any activity."""
    if tracks is None or len(tracks) == len(TRACKS):
        return sealed(partition.words[ANY])
    present = [
        partition.words[TRACKS[code]] for code in sorted(tracks) if TRACKS[code] in partition.words
    ]
    if len(present) == 1:
        return sealed(present[0])
    joined = np.zeros((partition.word_count, partition.rows), np.uint64)
    for words in present:
        joined |= words[:, : partition.rows]
    return sealed(joined)


def partition_mask(partition: Partition, selection: Selection) -> Int8s | None:
    """Return -1 for the rows that pass the conditions on learners (or on the course), 0 for others; None: all do."""
    tables: list[tuple[str, Flags]] = list(selection.learners)
    if selection.course is not None:
        allowed = np.zeros(selection.course + 2, np.uint8)
        allowed[selection.course + 1] = 1
        tables.append((COURSE, sealed(allowed)))
    of_members = [mask for part, mask in selection.members if part is partition]
    assert of_members or not selection.members, "members are of learners"
    if not tables and not of_members:
        return None
    mask = np.full(partition.rows, -1, np.int8)
    for chosen in of_members:
        mask &= chosen
    for name, allowed in tables:
        mask &= _allowed_rows(partition, name, allowed)
    return sealed(mask)


def _allowed_rows(partition: Partition, name: str, allowed: Flags) -> Int8s:
    if name not in partition.codes:
        return np.full(partition.rows, -int(allowed[0]), np.int8)
    places = partition.codes[name][: partition.rows] + 1
    table = np.append(-(allowed.astype(np.int8)), np.int8(0))  # codes beyond the table do not pass
    return np.take(table, places, mode="clip")


class ColumnActivity:
    """Period bits from the day words of a subject table."""

    answered_from: Literal["columns"] = "columns"

    def __init__(
        self, table: SubjectTable, periods: Periods, behaviours: Sequence[Selection]
    ) -> None:
        self._table = table
        self._periods = periods
        # Kept by the identity of the behaviour: the same few objects are asked for again for every block.
        self._masks = {id(b): [partition_mask(p, b) for p in table.partitions] for b in behaviours}
        self._words = {
            id(b): [track_words(p, b.tracks) for p in table.partitions] for b in behaviours
        }
        self._pieces = [periods.pieces(p.first_word, p.word_count) for p in table.partitions]

    def blocks(self) -> Sequence[tuple[int, int, int]]:
        """Return the blocks: partition, first and end row."""
        return [
            (number, start, min(start + kernels.BLOCK_ROWS, partition.rows))
            for number, partition in enumerate(self._table.partitions)
            for start in range(0, partition.rows, kernels.BLOCK_ROWS)
        ]

    def bits(self, block: tuple[int, int, int], behaviour: Selection) -> Bits:
        """Return fresh bits of a block."""
        number, start, end = block
        found = np.zeros((LEAD + self._periods.count, (end - start + 63) // 64), np.uint64)
        words, pieces = self._words[id(behaviour)][number], self._pieces[number]
        kernels.bits_of_columns(words, start, end, pieces, found)
        mask = self._masks[id(behaviour)][number]
        if mask is not None:
            kernels.mask_bits(mask, start, end, found)
        return found


class HistoryActivity:
    """Period bits from the events of history."""

    answered_from: Literal["history"] = "history"

    def __init__(self, state: State, periods: Periods, behaviours: Sequence[Selection]) -> None:
        self._segments = state.segments
        self._periods = periods
        self._roster = Roster.of(state)
        self._masks = {id(b): self._roster.mask(state, b) for b in behaviours}
        self._tests = {id(b): b.history_tests() for b in behaviours}

    def blocks(self) -> Sequence[tuple[int, int, int]]:
        """Return the blocks: 0, first and end number of the learners in order of their keys."""
        count = len(self._roster.key_hi)
        return [
            (0, start, min(start + kernels.BLOCK_ROWS, count))
            for start in range(0, count, kernels.BLOCK_ROWS)
        ]

    def bits(self, block: tuple[int, int, int], behaviour: Selection) -> Bits:
        """Return fresh bits of a block."""
        _, start, end = block
        found = np.zeros((LEAD + self._periods.count, (end - start + 63) // 64), np.uint64)
        tests = self._tests[id(behaviour)]
        block_number = start // kernels.BLOCK_ROWS
        for piece in self._roster.pieces(self._segments, (block_number, start, end)):
            self._fill(piece, tests, found)
        mask = self._masks[id(behaviour)]
        if mask is not None:
            kernels.mask_bits(mask, start, end, found)
        return found

    def _fill(self, piece: Piece, tests: tuple[Test, ...], found: Bits) -> None:
        keep = piece.keep(tests)
        if self._periods.interval == "hour":
            edges = np.concatenate([[np.iinfo(np.int64).min], self._periods.edges_ms])
            kernels.bits_of_edges(
                piece.offsets, piece.rows, piece.time_ms, keep, sealed(edges), found
            )
            return
        zone = self._periods.zone
        kernels.bits_of_days(
            piece.offsets,
            piece.rows,
            piece.time_ms,
            keep,
            (zone.starts_ms, zone.offsets_ms, ZERO_MS),
            self._periods.day_table,
            found,
        )


@dataclass(frozen=True)
class Roster:
    """All learners of history of whom any event is seen, numbered by the order of their keys.

    ``rows`` has for each segment the number of each of its learners (int32, rising); ``key_hi``, ``key_lo`` are the
    keys by number. A learner of whom a segment shows nothing has the number of a neighbour there.
    """

    rows: list[Int32s]
    key_hi: UInt64s
    key_lo: UInt64s

    @classmethod
    def of(cls, state: State, segments: Sequence[Segment] | None = None) -> "Roster":
        """Return the roster of a state, or of some of its segments."""
        return cls(*_numbered(state.segments if segments is None else segments, state.run))

    def pieces(self, segments: Sequence[Segment], block: tuple[int, int, int]) -> Iterator[Piece]:
        """Give what each segment has of the learners of a block = (number of the block, first, end).

        Neighbours begin at different ends, so that two threads do not wait for one to decode a segment.
        """
        number, start, end = block
        parts = list(enumerate(zip(segments, self.rows, strict=True)))
        for place, (segment, rows) in reversed(parts) if number % 2 else parts:
            # Of the type of the rows: of another, NumPy would copy all of them each time.
            first, last = np.searchsorted(rows, np.array((start, end), np.int32)).tolist()
            if first < last:
                own = sealed(rows[first:last] - np.int32(start))
                yield Piece(place, segment, slice(first, last), own)

    def mask(self, state: State, selection: Selection) -> Int8s | None:
        """Return -1 by number for learners that pass the conditions on attributes, 0 for others; None: all do."""
        if not selection.picks_learners:
            return None
        mask = np.zeros(len(self.key_hi), np.int8)
        for partition, first, found in self.located(state):
            chosen = partition_mask(partition, selection.of_learners())
            assert chosen is not None
            mask[first : first + len(found)] = chosen[found]
        return sealed(mask)

    def attribute(self, state: State, name: str) -> Int32s:
        """Return the code of each learner's value of an attribute, -1 where it has none."""
        codes = np.full(len(self.key_hi), -1, np.int32)
        for partition, first, found in self.located(state):
            if name in partition.codes:
                codes[first : first + len(found)] = partition.codes[name][found]
        return codes

    def located(self, state: State) -> Iterator[tuple[Partition, int, Int32s]]:
        """Give for each partition the number of its first learner, and its learners' rows."""
        for partition, first, end in self._parts(state):
            keys = (sealed(self.key_hi[first:end]), sealed(self.key_lo[first:end]))
            yield partition, first, partition.find(*keys)

    def find(self, state: State, numbers: Int64s) -> Iterator[tuple[Partition, slice, Int32s]]:
        """Give for each partition which of some numbers, rising, are its learners', and these learners' rows."""
        for partition, first, end in self._parts(state):
            mine = slice(*np.searchsorted(numbers, (first, end)).tolist())
            some = numbers[mine]
            if len(some):
                keys = (sealed(self.key_hi[some]), sealed(self.key_lo[some]))
                yield partition, mine, partition.find(*keys)

    def _parts(self, state: State) -> Iterator[tuple[Partition, int, int]]:
        """Give for each partition that has any learner here their numbers: first and end."""
        partitions = state.learners.partitions
        edges = np.arange(1, PARTITIONS, dtype=np.uint64) << PARTITION_SHIFT
        bounds = [0, *np.searchsorted(self.key_hi, edges).tolist(), len(self.key_hi)]
        if len(partitions) == 1:  # of a sample, which is not cut
            bounds = [0, len(self.key_hi)]
        for partition, first, end in zip(partitions, bounds[:-1], bounds[1:], strict=True):
            if first < end:
                yield partition, first, end


def _numbered(segments: Sequence[Segment], run: Run) -> tuple[list[Int32s], UInt64s, UInt64s]:
    unseen = [_unseen_subjects(segment) for segment in segments]
    keys = [
        (sealed(_others(segment.key_hi, left_out)), sealed(_others(segment.key_lo, left_out)))
        for segment, left_out in zip(segments, unseen, strict=True)
    ]
    rows, key_hi, key_lo = _numbered_keys(keys, run)
    places = zip(rows, unseen, strict=True)
    return [_beside(numbers, left_out) for numbers, left_out in places], key_hi, key_lo


def _unseen_subjects(segment: Segment) -> Int64s:
    """Return the subjects of a segment whose events are all hidden, rising."""
    subjects = np.searchsorted(segment.offsets, segment.hidden, side="right") - 1
    which, counts = np.unique(subjects, return_counts=True)
    found: Int64s = which[counts == segment.offsets[which + 1] - segment.offsets[which]]
    return found


def _others(keys: UInt64s, left_out: Int64s) -> UInt64s:
    return np.delete(keys, left_out) if len(left_out) else keys


def _beside(numbers: Int32s, left_out: Int64s) -> Int32s:
    """Return numbers with those of the next learner, or of the last, at the places that were left out."""
    if not len(left_out):
        return numbers
    places = left_out - np.arange(len(left_out))
    return np.insert(numbers, places, numbers[np.minimum(places, len(numbers) - 1)])


def _numbered_keys(
    keys: Sequence[tuple[UInt64s, UInt64s]], run: Run
) -> tuple[list[Int32s], UInt64s, UInt64s]:
    if len(keys) == 1:
        return [np.arange(len(keys[0][0]), dtype=np.int32)], *keys[0]
    rows = [np.empty(len(hi), np.int32) for hi, _ in keys]
    # Cut where partitions are: the lists are sorted, so each part can be merged alone, and by another thread.
    edges = np.arange(1, PARTITIONS, dtype=np.uint64) << PARTITION_SHIFT
    cuts = [[0, *np.searchsorted(hi, edges).tolist(), len(hi)] for hi, _ in keys]
    parts: list[tuple[UInt64s, UInt64s]] = [(NO_KEYS, NO_KEYS)] * PARTITIONS

    def slices(part: int) -> list[slice]:
        return [slice(cut[part], cut[part + 1]) for cut in cuts]

    def unite(part: int) -> None:
        lists = [(hi[cut], lo[cut]) for (hi, lo), cut in zip(keys, slices(part), strict=True)]
        parts[part] = _union(lists)
        for (hi, lo), places, cut in zip(lists, rows, slices(part), strict=True):
            sorting.place_keys(hi, lo, *parts[part], places[cut])

    run([partial(unite, part) for part in range(PARTITIONS)])
    first = 0
    for part, (hi, _) in enumerate(parts):
        for places, cut in zip(rows, slices(part), strict=True):
            places[cut] += np.int32(first)
        first += len(hi)
    key_hi, key_lo = (np.concatenate([part[half] for part in parts]) for half in (0, 1))
    return rows, sealed(key_hi), sealed(key_lo)


def _union(lists: Sequence[tuple[UInt64s, UInt64s]]) -> tuple[UInt64s, UInt64s]:
    """Merge sorted keys, halves first, so that each key moves log n times."""
    if not lists:
        return NO_KEYS, NO_KEYS
    if len(lists) == 1:
        return lists[0]
    middle = len(lists) // 2
    first, second = _union(lists[:middle]), _union(lists[middle:])
    room = len(first[0]) + len(second[0])
    hi, lo = np.empty(room, np.uint64), np.empty(room, np.uint64)
    count = sorting.union_keys(*first, *second, hi, lo)
    return sealed(hi[:count]), sealed(lo[:count])
