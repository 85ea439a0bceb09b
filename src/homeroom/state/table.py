"""A subject table: one row a learner (or an enrolment), one array a column, every column a join.

Rows lie in ``limits.PARTITIONS`` partitions by the top bits of the key, so that threads need no locks. Within a
partition rows are *clustered by first day*: then all rows of one start period are neighbours, and a retention
triangle is a positional popcount over contiguous words. Clustering is done now and then (`SubjectTable.cluster`);
rows that came or moved since then are found by `Partition.displaced` and take a slower way.

Columns grow by doubling into fresh zeroed memory, whose pages cost nothing until they are written: a word or a
track that nobody used takes no room. The way not taken is a list of chunks: growing would copy less, but every
kernel would need a loop over chunks within its loop over rows.
"""

from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import numpy as np
import numpy.typing as npt

from homeroom.events.model import Float64s, Int32s, Int64s, UInt8s, UInt64s
from homeroom.events.texts import sealed
from homeroom.limits import OUT_OF_PLACE_ROWS_MAX, PARTITIONS
from homeroom.state import fold, index
from homeroom.state.dealing import by_partition, codes_met, run_all, words_of
from homeroom.state.derived import Derived
from homeroom.state.invariants import check_partition
from homeroom.state.keys import distinct_keys
from homeroom.state.layout import ANY, CLEARED, FAMILIES, NO_DAY, TYPES, grown, ordered
from homeroom.state.places import are_in, with_places, without_places
from homeroom.state.running import Run, Task
from homeroom.state.standing import STANDING_RANKS, StandingBatch

if TYPE_CHECKING:
    import weakref

__all__ = [
    "ANY",
    "FAMILIES",
    "NO_DAY",
    "Keeper",
    "Partition",
    "ReadyRows",
    "RowBatch",
    "SubjectTable",
]

_T = TypeVar("_T")
_FEW_EVENTS = 256
"""After so few events it is looked again at their own rows only, which of them are out of place."""
_FEW_SHIFT = 8
"""In a large partition as many events are few as one of two to the power of this of its rows."""
_FEW_KEYS = 8
"""So few keys are looked for one by one where there is no index: making one takes as long as some thirty walks."""
_PLACED_ROWS = 64
"""One of so many rows may be out of place, and `OUT_OF_PLACE_ROWS_MAX` at most."""
_SPARE_ROWS = 64
_SPARE_SHIFT = 5
"""Room that clustering leaves, and a 32nd of the rows: as many may come before rows are clustered again while a node is
busy, and none of them should need a copy of all columns."""
_LARGE_ROWS = 1 << 17
_STEP_ROWS = 1 << 16
"""Events folded into a partition at once: bounds the room that is reserved before it is known to be needed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RowBatch:
    """What a table folds: columns of length n.

    ``key_hi``, ``key_lo`` uint64; ``days`` int32 local days; ``time_ms`` int64; ``tracks`` uint8 or None (then only
    the track ``any`` is folded), with ``track_names`` by code; ``attributes`` int32 codes (-1 absent) by name, with
    the hash of each code's value in ``ties``; ``owner_hi``, ``owner_lo`` uint64, of enrolments the learner's key.
    """

    key_hi: UInt64s
    key_lo: UInt64s
    days: Int32s
    time_ms: Int64s
    tracks: UInt8s | None = None
    track_names: tuple[str, ...] = ()
    attributes: Mapping[str, Int32s] = field(default_factory=dict)
    ties: Mapping[str, UInt64s] = field(default_factory=dict)
    owner_hi: UInt64s | None = None
    owner_lo: UInt64s | None = None


class Keeper(Protocol):
    """Must know what rows hold before they are written to."""

    def set_aside(self, rows: Int32s) -> None:
        """Take what some rows hold; -1 is none."""
        ...


class Partition:
    """The rows of one range of keys. Arrays are longer than ``rows``; what lies beyond is zero or unset.

    Attributes
    ----------
    words : by track uint64 of shape (words, room)
    codes, set_ms : by attribute int32 and int64 of shape (room,): the value, -1 absent, and the time it was set at
    numbers : by name float64 of shape (room,), NaN absent; the time of one that has one is in ``set_ms``
    owners : of enrolments ``hi`` and ``lo``, uint64 of shape (room,): the key of the learner; empty for learners
    derived_rows : what questions have worked out from the rows, and which of these were written to since
    """

    def __init__(self, first_word: int, word_count: int) -> None:
        self.rows = 0
        self.first_word = first_word
        self.key_hi: UInt64s = np.empty(0, np.uint64)
        self.key_lo: UInt64s = np.empty(0, np.uint64)
        self.start_day: Int32s = np.empty(0, np.int32)
        self.last_day: Int32s = np.empty(0, np.int32)
        self.words: dict[str, UInt64s] = {ANY: np.zeros((word_count, 0), np.uint64)}
        self.codes: dict[str, Int32s] = {}
        self.set_ms: dict[str, Int64s] = {}
        self.numbers: dict[str, Float64s] = {}
        self.owners: dict[str, UInt64s] = {}
        self.derived_rows = Derived()
        self.slots: npt.NDArray[np.int32] | None = index.new_slots(0)
        # From the last clustering: rows run_starts[i]:run_starts[i + 1] began on run_days[i].
        self.run_days: Int32s = np.empty(0, np.int32)
        self.run_starts: Int64s = np.zeros(1, np.int64)
        # Looked for after a fold, when somebody asks.
        self._displaced: Int64s | None = None
        self._empty: int | None = None
        # Those who must know what rows hold before they are written to (`homeroom.state.still`).
        self.keepers: tuple[weakref.ref[Keeper], ...] = ()

    def draft(self) -> "Partition":
        """Return the same rows as a partition of its own: arrays that it makes anew are not seen in this one."""
        draft = Partition.__new__(Partition)
        draft.__dict__ |= self.__dict__  # as copy.copy does, in a tenth of its time
        for name in ("words", *FAMILIES):
            setattr(draft, name, dict(getattr(self, name)))
        draft.derived_rows = self.derived_rows.draft()
        return draft

    def outline(self) -> "Partition":
        """Return a copy of who has which row since when, and nothing else of them."""
        still = Partition(0, 0)
        still.rows = self.rows
        for name in ("key_hi", "key_lo", "start_day", "last_day"):
            setattr(still, name, getattr(self, name)[: self.rows].copy())
        still.run_days, still.run_starts = self.run_days, self.run_starts
        still._displaced = self.displaced()
        still.slots = None
        return still

    @property
    def clustered_rows(self) -> int:
        """Rows that lie in runs of one first day, but for the displaced ones."""
        return int(self.run_starts[-1])

    @property
    def empty_rows(self) -> int:
        """Rows that hold nothing any more: they are of no subject, until an event comes or clustering drops them."""
        if self._empty is None:
            self._empty = int(np.count_nonzero(self.start_day[: self.rows] == NO_DAY))
        return self._empty

    @property
    def word_count(self) -> int:
        """Words a row and track."""
        return len(self.words[next(iter(self.words))])

    def reserve(self, more: int) -> None:
        """Make room for ``more`` rows, in the columns and in the index."""
        needed = self.rows + more
        if needed > len(self.key_hi):
            # A large one grows by a quarter: twice the room would cost more to fill than it saves in copies.
            more_room = len(self.key_hi) >> (2 if len(self.key_hi) > _LARGE_ROWS else 0)
            self._grow(max(needed, len(self.key_hi) + more_room, 64))
        self._own_columns()
        self._index(needed)

    def _index(self, rows: int) -> None:
        """Have an index with room for so many rows."""
        if self.slots is None or index.slots_needed(rows) > len(self.slots):
            slots = index.new_slots(rows)
            index.refill(slots, sealed(self.key_lo), self.rows)
            self.slots = slots  # another thread that asks sees it filled, or not at all

    def _grow(self, room: int) -> None:
        self.keepers = ()  # no array of theirs will be written to
        self.key_hi = grown(self.key_hi, self.rows, room, 0)
        self.key_lo = grown(self.key_lo, self.rows, room, 0)
        self.start_day = grown(self.start_day, self.rows, room, NO_DAY)
        self.last_day = grown(self.last_day, self.rows, room, -1)
        for name in self.words:
            self.words[name] = grown(self.words[name], self.rows, room, 0)
        for family, fill in FAMILIES.items():
            columns = getattr(self, family)
            for name in columns:
                columns[name] = grown(columns[name], self.rows, room, fill)

    def cover(self, first_word: int, end_word: int) -> None:
        """Make words exist from ``first_word`` up to ``end_word``, excluded."""
        first = min(first_word, self.first_word)
        count = max(end_word, self.first_word + self.word_count) - first
        if (first, count) == (self.first_word, self.word_count):
            return
        shift = self.first_word - first
        for name, old in self.words.items():
            new = np.zeros((count, len(self.key_hi)), np.uint64)
            for word in range(old.shape[0]):
                if old[word, : self.rows].any():
                    new[word + shift, : self.rows] = old[word, : self.rows]
            self.words[name] = new
        self.first_word = first

    def fold(self, batch: RowBatch, events: Int64s) -> Int32s:
        """Fold the events with these numbers; return the row of each."""
        found = np.empty(len(events), np.int32)
        for start in range(0, len(events), _STEP_ROWS):
            step = events[start : start + _STEP_ROWS]
            self._fold_step(batch, step, found[start : start + _STEP_ROWS])
        return found

    def _fold_step(self, batch: RowBatch, events: Int64s, rows: Int32s) -> None:
        more = self._new_rows_max(batch, events)
        self.reserve(more)
        known_rows = self.rows
        self.rows = index.find_or_add(
            self.slots,
            self.key_hi,
            self.key_lo,
            self.rows,
            events,
            batch.key_hi,
            batch.key_lo,
            rows,
        )
        self._set_aside(rows)
        self.derived_rows.written(rows)
        if self._empty:
            self._empty = None  # one of them may have got an event
        if not self._are_few(events):
            self._displaced = None
        fold.fold_days(
            rows,
            events,
            batch.days,
            self.first_word,
            self.words[ANY],
            self.start_day,
            self.last_day,
        )
        if batch.owner_hi is not None:
            owners = self.column("owners", "hi"), self.column("owners", "lo")
            fold.fold_owners(rows, events, known_rows, batch.owner_hi, batch.owner_lo, *owners)
        if batch.tracks is not None:
            self._fold_tracks(batch, events, rows, batch.tracks)
        for name, codes in batch.attributes.items():
            columns = self.column("codes", name), self.column("set_ms", name)
            fold.fold_attribute(rows, events, batch.time_ms, codes, batch.ties[name], *columns)
        self._note_moved(rows)

    def fold_standings(self, batch: StandingBatch, events: Int64s) -> None:
        """Fold these of the events that say how an enrolment stands; their rows are there already."""
        rows = self.find(sealed(batch.key_hi[events]), sealed(batch.key_lo[events]))
        assert (rows >= 0).all(), "an event about an enrolment has been folded into its days"
        self._own_columns()
        self._set_aside(rows)
        self.derived_rows.written(rows)
        for name, codes in batch.codes.items():
            columns = self.column("codes", name), self.column("set_ms", name)
            fold.fold_attribute(rows, events, batch.time_ms, codes, STANDING_RANKS, *columns)
        for name, values in batch.latest.items():
            numbers = self.column("numbers", name), self.column("set_ms", name)
            fold.fold_latest(rows, events, batch.time_ms, values, *numbers)
        for name, values in batch.greatest.items():
            fold.fold_greatest(rows, events, values, self.column("numbers", name))

    def make_ready(self, batch: RowBatch, events: Int64s, words: tuple[int, int]) -> None:
        """Make room for events, so that to fold them makes no array anew: what takes long is done by then.

        ``words`` are the first one and the one after the last that they need.
        """
        step = events[:_STEP_ROWS]
        self.make_room(self._new_rows_max(batch, step), words)
        for name in batch.attributes:
            self.column("codes", name)
            self.column("set_ms", name)
        if batch.tracks is not None:
            for code in codes_met(batch.tracks[events]):
                self.track(batch.track_names[code])
        if self._are_few(step):
            self.displaced()
        if self.keepers:
            self._set_aside(self.find(sealed(batch.key_hi[step]), sealed(batch.key_lo[step])))

    def make_room(self, more: int, words: tuple[int, int]) -> None:
        """Have columns of one's own with room for more rows, and the words that they need."""
        if self.rows == 0 and self.word_count == 0:
            self.first_word = words[0]
        self.cover(*words)
        self.reserve(more)

    def _are_few(self, events: Int64s) -> bool:
        """Say whether it is quicker to look at the rows of some events than at all rows."""
        return len(events) <= max(_FEW_EVENTS, self.rows >> _FEW_SHIFT)

    def _new_rows_max(self, batch: RowBatch, events: Int64s) -> int:
        """Return for how many new rows there must be room.

        Few events among many rows are looked up first, where there is no room for all: most are of rows that there
        are, and more room means a copy of all columns.
        """
        more = len(events)
        if self.rows + more <= len(self.key_hi) or more > max(_FEW_EVENTS, self.rows >> 4):
            return more
        keys = sealed(batch.key_hi[events]), sealed(batch.key_lo[events])
        new = self.find(*keys) < 0
        return len(distinct_keys([(keys[0][new], keys[1][new])])[0])

    def _fold_tracks(self, batch: RowBatch, events: Int64s, rows: Int32s, tracks: UInt8s) -> None:
        addresses = np.zeros(len(batch.track_names), np.int64)
        for code in codes_met(tracks[events]):
            addresses[code] = self.track(batch.track_names[code]).__array_interface__["data"][0]
        room = len(self.key_hi)
        fold.fold_tracks(rows, events, batch.days, tracks, self.first_word, room, addresses)

    def track(self, name: str) -> UInt64s:
        """Return the words of a track, made if there are none; they may be written to after `reserve`."""
        if name not in self.words:
            self.words[name] = np.zeros(self.words[ANY].shape, np.uint64)  # `zeros_like` writes it
        return self.words[name]

    def column(self, family: str, name: str) -> npt.NDArray[Any]:
        """Return a column of a family, made if there is none, that may be written to after `reserve`."""
        columns: dict[str, npt.NDArray[Any]] = getattr(self, family)
        if name not in columns:
            columns[name] = np.full(len(self.key_hi), FAMILIES[family], TYPES[family])
        elif not columns[name].flags.writeable:  # it lies in a mapped file
            columns[name] = columns[name].copy()
        return columns[name]

    def clear(self, rows: Int32s) -> None:
        """Make rows hold nothing, as though no event had ever been folded into them."""
        self._own_columns()
        self._set_aside(rows)
        self.start_day[rows], self.last_day[rows] = NO_DAY, -1
        for words in self.words.values():
            words[:, rows] = 0
        for family, nothing in CLEARED.items():
            for column in getattr(self, family).values():
                column[rows] = nothing
        self._empty = None
        self.derived_rows.moved()
        self._note_moved(rows)

    def _set_aside(self, rows: Int32s) -> None:
        """Have what rows hold kept by those who must know it, before these are written to."""
        for known in self.keepers:
            keeper = known()
            if keeper is not None:
                keeper.set_aside(rows)

    def _own_columns(self) -> None:
        """Have columns that may be written to, not those of a mapped file."""
        if not self.start_day.flags.writeable:
            self._grow(len(self.key_hi))

    def cluster(self) -> None:
        """Sort the rows by first day, drop those that hold nothing, trim the columns: if more than a few need it."""
        if not self._is_in_place():
            self.reorder()

    def reorder(self) -> None:
        """Sort the rows by first day, drop those that hold nothing, and trim the columns."""
        # Rows that hold nothing come last.
        order = np.argsort(self.start_day[: self.rows], kind="stable")
        order = order[: self.rows - self.empty_rows]
        self.rows, room = len(order), len(order) + _spare(len(order))
        self.key_hi = ordered(self.key_hi, order, room, 0)
        self.key_lo = ordered(self.key_lo, order, room, 0)
        self.start_day = ordered(self.start_day, order, room, NO_DAY)
        self.last_day = ordered(self.last_day, order, room, -1)
        for name in self.words:
            self.words[name] = ordered(self.words[name], order, room, 0)
        for family, fill in FAMILIES.items():
            columns = getattr(self, family)
            for name in columns:
                columns[name] = ordered(columns[name], order, room, fill)
        self.run_days, starts = np.unique(self.start_day[: self.rows], return_index=True)
        self.run_starts = np.append(starts, self.rows).astype(np.int64)
        self._displaced, self._empty = np.empty(0, np.int64), 0
        self.derived_rows.moved()
        self.keepers = ()
        # Rows have moved.
        self.slots = None
        self._index(self.rows)

    def _is_in_place(self) -> bool:
        """Say whether few enough rows are out of place, and no more room is kept than that for a few."""
        return len(self.key_hi) <= self.rows + _spare(self.rows) and self.is_clustered()

    def is_clustered(self) -> bool:
        """Say whether few enough rows are out of place for questions to be quick."""
        allowed = min(OUT_OF_PLACE_ROWS_MAX, self.rows // _PLACED_ROWS)
        tail = self.rows - self.clustered_rows
        return tail <= allowed and tail + len(self.displaced()) <= allowed

    def is_far_from_clustered(self) -> bool:
        """Say whether so many rows are out of place that it is worth while to put all in their places at once."""
        out_of_place = self.rows - self.clustered_rows + len(self.displaced())
        return out_of_place > max(OUT_OF_PLACE_ROWS_MAX, self.rows >> _SPARE_SHIFT)

    def _note_moved(self, rows: Int32s) -> None:
        """Look again at which of some rows are out of place, where the others are known."""
        if self._displaced is None:
            return
        touched = rows[rows < self.clustered_rows].astype(np.int64)
        placed = self.run_days[np.searchsorted(self.run_starts, touched, side="right") - 1]
        is_out, was_out = self.start_day[touched] != placed, are_in(self._displaced, touched)
        # Nearly always all are as they were before.
        for change, changed in (
            (with_places, is_out & ~was_out),
            (without_places, was_out & ~is_out),
        ):
            if changed.any():
                self._displaced = change(self._displaced, np.unique(touched[changed]))

    def displaced(self) -> Int64s:
        """Rows below ``clustered_rows`` that have another first day than at the clustering, or hold nothing now."""
        if self._displaced is None:
            placed = np.repeat(self.run_days, np.diff(self.run_starts))
            self._displaced = np.flatnonzero(self.start_day[: self.clustered_rows] != placed)
        return self._displaced

    def derived(
        self,
        name: str,
        of: Hashable,
        make: Callable[[], _T],
        renew: Callable[[_T, Int32s], _T] | None = None,
    ) -> _T:
        """Return what ``make`` works out from the rows (read-only); kept until they, or ``of``, change.

        ``renew`` makes it of what there was and of the rows that were written to since. One thing is kept under each
        name, so names must be few.
        """
        return self.derived_rows.kept(name, of, make, renew)

    def find(self, key_hi: UInt64s, key_lo: UInt64s) -> Int32s:
        """Return the row of each key, -1 for those that have none."""
        found = np.empty(len(key_hi), np.int32)
        if self.slots is None and len(key_hi) <= _FEW_EVENTS:
            keys = distinct_keys([(key_hi, key_lo)])
            if len(keys[0]) <= _FEW_KEYS:
                for hi, lo in zip(*keys, strict=True):
                    found[(key_hi == hi) & (key_lo == lo)] = self._row_of(hi, lo)
                return found
        self._index(self.rows)
        index.find_rows(self.slots, sealed(self.key_hi), sealed(self.key_lo), key_hi, key_lo, found)
        return found

    def _row_of(self, hi: np.uint64, lo: np.uint64) -> int:
        """Return the row of a key, -1 if it has none, without an index."""
        places = np.flatnonzero(self.key_lo[: self.rows] == lo)
        places = places[self.key_hi[places] == hi]
        return int(places[0]) if len(places) else -1

    def check_invariants(self) -> None:
        """Assert what must hold between any two folds."""
        check_partition(self)


@dataclass(frozen=True, slots=True)
class ReadyRows:
    """A batch that is ready to be joined into a table.

    Parameters
    ----------
    batch : the events
    mine : by partition that has any of them, their numbers, int64
    drafts : by partition what takes its place, with room for them
    """

    batch: RowBatch
    mine: Mapping[int, Int64s]
    drafts: Mapping[int, Partition]


class SubjectTable:
    """All partitions of one kind of subject."""

    def __init__(self) -> None:
        self._partitions = [Partition(0, 0) for _ in range(PARTITIONS)]
        self._opened: Callable[[], list[Partition]] | None = None

    @property
    def partitions(self) -> list[Partition]:
        """The partitions, opened when they are first asked for if they lie in a file."""
        opened = self._opened  # two threads may ask at once; both open the same
        if opened is not None:
            self._partitions = opened()
            self._opened = None
        return self._partitions

    @partitions.setter
    def partitions(self, partitions: list[Partition]) -> None:
        self._partitions, self._opened = partitions, None

    def open_later(self, opened: Callable[[], list[Partition]]) -> None:
        """Take the partitions that a function gives, each time the same ones, when they are first asked for."""
        self._opened = opened

    @property
    def rows(self) -> int:
        """Number of subjects: rows that hold something."""
        return sum(p.rows - p.empty_rows for p in self.partitions)

    @property
    def size_bytes(self) -> int:
        """Bytes that the rows take: keys, index, days, words that were written, attributes."""
        total = 0
        for p in self.partitions:
            columns = [column for family in FAMILIES for column in getattr(p, family).values()]
            row_bytes = 16 + 4 + 4 + sum(column.itemsize for column in columns)
            total += p.rows * row_bytes + (p.slots.nbytes if p.slots is not None else 0)
            total += sum(
                8 * p.rows for words in p.words.values() for w in words if w[: p.rows].any()
            )
        return total

    def fold(self, batch: RowBatch, run: Run) -> None:
        """Fold a batch; ``run`` may fold the partitions in several threads."""
        self.join(self.ready(batch, run), run)

    def ready(self, batch: RowBatch, run: Run) -> ReadyRows:
        """Make ready to join a batch: all that makes arrays anew. The table stays as it is, and must until the join."""
        if not len(batch.days):
            return ReadyRows(batch, {}, {})
        words = words_of(batch.days)
        mine = by_partition(batch.key_hi)
        drafts = {number: self.partitions[number].draft() for number in mine}

        def task(number: int) -> Task:
            return partial(drafts[number].make_ready, batch, mine[number], words)

        run_all([task(number) for number in mine], len(batch.days), run)
        return ReadyRows(batch, mine, drafts)

    def with_room(self, key_hi: UInt64s, days: Int32s) -> dict[int, Partition]:
        """Return what can take the place of partitions, with room for a new row for each event."""
        drafts = {}
        for number, events in by_partition(key_hi).items():
            drafts[number] = self.partitions[number].draft()
            drafts[number].make_room(len(events), words_of(days))
        return drafts

    def replace(self, drafts: Mapping[int, Partition]) -> None:
        """Put partitions in the place of those with the same numbers."""
        for number, draft in drafts.items():
            self.partitions[number] = draft

    def join(self, ready: ReadyRows, run: Run) -> None:
        """Join a batch that was made ready."""
        self.replace(ready.drafts)

        def task(number: int) -> Task:
            def work() -> None:
                self.partitions[number].fold(ready.batch, ready.mine[number])

            return work

        run_all([task(number) for number in ready.mine], len(ready.batch.days), run)

    def fold_standings(self, batch: StandingBatch, run: Run) -> None:
        """Fold what events say of how enrolments stand, after their days have been folded."""
        tasks: list[Task] = [
            partial(self.partitions[number].fold_standings, batch, events)
            for number, events in by_partition(batch.key_hi).items()
        ]
        run_all(tasks, len(batch.time_ms), run)

    def clear(self, key_hi: UInt64s, key_lo: UInt64s) -> None:
        """Make the rows of some keys hold nothing; keys that have no row are passed over."""
        numbers = key_hi >> fold.PARTITION_SHIFT
        for number in np.unique(numbers).tolist():
            mine, partition = numbers == number, self.partitions[number]
            rows = partition.find(sealed(key_hi[mine]), sealed(key_lo[mine]))
            partition.clear(np.unique(rows[rows >= 0]))

    def forget_attribute(self, name: str) -> None:
        """Drop an attribute of all rows."""
        for partition in self.partitions:
            partition.codes.pop(name, None)
            partition.set_ms.pop(name, None)

    def cluster(self, run: Run) -> None:
        """Cluster every partition by first day."""
        run([p.cluster for p in self.partitions if p.rows])


def _spare(rows: int) -> int:
    return _SPARE_ROWS + (rows >> _SPARE_SHIFT)
