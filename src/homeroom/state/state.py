"""All that a node knows of one tenant's learners: two subject tables and history.

`State.fold` takes events in any order and any number of times. `State.seal` turns what has come since the last time
into a segment of history, and only then knows which events were new. Folding first and dropping repeats later is
safe because the tables are idempotent; counting first would not be.

`rebuild` folds history from nothing. It is slow and simple, and whatever `fold` does quickly must equal it.
"""

import copy
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from enum import StrEnum

import numpy as np
import numpy.typing as npt

from homeroom import limits
from homeroom.events.dictionary import Dictionaries
from homeroom.events.model import TRACKS, EventBatch, Int32s, Int64s, UInt64s
from homeroom.events.texts import sealed
from homeroom.state.batches import chosen_events, event_pieces, joined_batches, segment_events
from homeroom.state.fingerprint import (
    hash_rows,
    keys_fingerprint,
    standing_hashes,
    table_fingerprint,
)
from homeroom.state.fold import PARTITION_SHIFT
from homeroom.state.history import Segment
from homeroom.state.identities import Edge
from homeroom.state.keys import Keys, distinct_keys
from homeroom.state.past import Change, History
from homeroom.state.readying import ReadyBatch, chosen_rows, standings_of
from homeroom.state.running import Run, Sequential
from homeroom.state.sealing import build_segment
from homeroom.state.still import frozen_table
from homeroom.state.table import Partition, RowBatch, SubjectTable
from homeroom.state.zones import Zone, local_days

__all__ = [
    "COURSE",
    "EventCounts",
    "ReadyBatch",
    "State",
    "Touch",
    "chosen_events",
    "enrolment_keys",
    "joined_batches",
    "rebuild",
    "segment_events",
]

COURSE = "course"
"""The attribute that names an enrolment's course run."""
_PARTITION_BITS = np.uint64(limits.PARTITIONS - 1) << PARTITION_SHIFT


@dataclass(frozen=True, slots=True)
class EventCounts:
    """What became of the events folded so far: new ones, repeats, and new ones with an id that others have."""

    accepted: int = 0
    duplicate: int = 0
    conflicts: int = 0


class Touch(StrEnum):
    """Why rows are written to: an event came, or what the past was is told anew (a void, a merge)."""

    EVENT = "event"
    CORRECTION = "correction"


class State:
    """Learners, enrolments and history of one tenant.

    Parameters
    ----------
    zone : the tenant's time zone, in which its day bits are cut
    dictionaries : texts behind the codes of the events (those of the door)
    run : runs tasks, perhaps in threads

    Attributes
    ----------
    scanned_ms : time of the first and last event, where only days were kept and there is no history (a scan)
    keep : is given each new segment of history and returns the one to hold in its place (one that lies on disk)
    watch : is told the keys of learners whose rows are written to, repeats not removed
    cut_events : events that came and were of somebody who is erased, since the start
    guard : is held while anything that questions see becomes other; what takes long is done before. Whoever asks while
        another thread folds sets it to a lock that can be taken again by who has it, and holds that while he asks.
        Folding, sealing, clustering and freezing are for one thread at a time, whatever the guard is
    """

    def __init__(self, zone: Zone, dictionaries: Dictionaries, run: Run | None = None) -> None:
        self.zone = zone
        self.dictionaries = dictionaries
        self.run: Run = run or Sequential()
        self.learners = SubjectTable()
        self.enrolments = SubjectTable()
        self.history = History(self.run)
        self.counts = EventCounts()
        self.scanned_ms: tuple[int, int] | None = None
        self.keep: Callable[[Segment], Segment] = _as_it_is
        self.watch: Callable[[UInt64s, UInt64s, Touch], None] = _unwatched
        self.cut_events = 0
        self.guard: AbstractContextManager[object] = nullcontext()
        self._waiting: list[EventBatch] = []
        self._waiting_events = 0
        self._pending: list[EventBatch] = []
        self._pending_events = 0
        # Of what history does not have yet; kept, because a running node asks after every fold.
        self._unsealed_ms: tuple[int, int] | None = None
        self._voids: list[UInt64s] = []
        # By attribute the places of its values in alphabetical order: kept until there are more of them.
        self._ranks: dict[str, UInt64s] = {}

    @property
    def segments(self) -> Sequence[Segment]:
        """The segments of history that questions walk through, some of them with hidden events."""
        return self.history.shown

    def fold(self, batch: EventBatch) -> None:
        """Take a batch for the tables and for history.

        Small batches wait for each other: folding a few hundred events at a time into partitions would cost
        more in calls than in work.
        """
        kept = self.history.unerased(batch)
        self.cut_events += len(batch) - len(kept)
        batch = kept
        self._waiting.append(batch)
        self._waiting_events += len(batch)
        if len(batch):
            span = int(batch.time_ms.min()), int(batch.time_ms.max())
            self._unsealed_ms = _spanned([self._unsealed_ms, span])
        if self._waiting_events >= limits.FOLD_EVENTS:
            self._fold_waiting()

    def partitions(self) -> list[Partition]:
        """Return the partitions of both tables as they are; others may take their place."""
        return [*self.learners.partitions, *self.enrolments.partitions]

    def flush(self) -> None:
        """Join what waits into the tables, so that questions of columns see it; history seals it later."""
        self._fold_waiting()

    def frozen(self) -> "State":
        """Return the state as it is now, sealed, to be asked while this one goes on; see `homeroom.state.still`."""
        still = self.history_alone()
        still.learners, still.enrolments = (
            frozen_table(self.learners),
            frozen_table(self.enrolments),
        )
        return still

    def history_alone(self) -> "State":
        """Return history as it is now, sealed, with tables that have no rows. Copies nothing, now or later."""
        self.seal()
        still = copy.copy(self)
        still.learners, still.enrolments = SubjectTable(), SubjectTable()
        still.history = self.history.frozen()
        still._waiting, still._pending, still._voids = [], [], []  # noqa: SLF001 - of its own class
        still.watch, still.guard = _unwatched, nullcontext()
        return still

    @property
    def unsealed_events(self) -> int:
        """Events that history does not have yet."""
        return self._pending_events + self._waiting_events

    def unsealed(self) -> list[EventBatch]:
        """Return the events that history does not have yet, as they came: some may be repeats."""
        return [*self._pending, *self._waiting]

    @property
    def has_waiting_voids(self) -> bool:
        """Whether there are voids that take effect at the next `seal`."""
        return bool(self._voids)

    def _fold_waiting(self) -> None:
        batches, self._waiting, self._waiting_events = self._waiting, [], 0
        if not batches:
            return
        self.take(self.ready(batches[0] if len(batches) == 1 else joined_batches(batches)))
        if self._pending_events >= limits.SEGMENT_EVENTS_MAX:
            self._seal_pending()
            self._merge_small()

    def ready(self, batch: EventBatch) -> ReadyBatch:
        """Make ready to take a batch: all that takes long. The state stays as it is, and must until it is taken."""
        came, batch = len(batch), self.history.unerased(batch)
        shown, cut = self.history.as_shown(batch), came - len(batch)
        if not len(shown):
            return ReadyBatch(batch, shown, cut)
        rows = self._rows_of(shown)
        learners = self.learners.ready(rows, self.run)
        enrolled = shown.course >= 0
        if not enrolled.any():
            return ReadyBatch(batch, shown, cut, learners)
        owned = self._owned_by(shown, rows, enrolled)
        enrolments = self.enrolments.ready(owned, self.run)
        standings = standings_of(shown, owned, enrolled)
        return ReadyBatch(batch, shown, cut, learners, enrolments, standings)

    def make_room(self, key_hi: UInt64s, time_ms: Int64s) -> None:
        """Make room for events of which no more is known, so that to take them makes few arrays anew."""
        if len(time_ms):
            days = local_days(time_ms, self.zone)
            # A learner's enrolments lie in the partition of the same number.
            learners = self.learners.with_room(key_hi, days)
            enrolments = self.enrolments.with_room(key_hi, days)
            _before = self.partitions()
            with self.guard:
                self.learners.replace(learners)
                self.enrolments.replace(enrolments)

    def take(self, ready: ReadyBatch) -> None:
        """Join a batch that was made ready, so that questions of columns see it; history seals it later."""
        with self.guard:
            self._join(ready)
            self.cut_events += ready.cut
            self._pending.append(ready.batch)
            self._pending_events += len(ready.batch)
            if len(ready.batch):
                times = ready.batch.time_ms
                span = int(times.min()), int(times.max())
                self._unsealed_ms = _spanned([self._unsealed_ms, span])

    def fold_tables(self, batch: EventBatch) -> None:
        """Join a batch into the tables alone, without keeping it for history.

        Voided events are left out, and those of merged accounts go to the row of their group.
        """
        self._join(self.ready(batch))

    def _join(self, ready: ReadyBatch) -> None:
        """Join a batch that was made ready into the tables."""
        if ready.learners is None:
            return
        self.watch(ready.shown.key_hi, ready.shown.key_lo, Touch.EVENT)
        self.learners.join(ready.learners, self.run)
        if ready.enrolments is not None:
            self.enrolments.join(ready.enrolments, self.run)
        if ready.standings is not None:
            self.enrolments.fold_standings(ready.standings, self.run)

    def _rows_of(self, batch: EventBatch) -> RowBatch:
        refused = self.dictionaries.identifying()
        attributes = {
            name: codes for name, codes in batch.attributes.items() if name not in refused
        }
        return RowBatch(
            key_hi=batch.key_hi,
            key_lo=batch.key_lo,
            days=local_days(batch.time_ms, self.zone),
            time_ms=batch.time_ms,
            tracks=batch.track,
            track_names=TRACKS,
            attributes=attributes,
            ties={name: self._ranks_of(name) for name in attributes},
        )

    def _ranks_of(self, attribute: str) -> UInt64s:
        """Return the places of an attribute's values in alphabetical order: of those set at one time the last wins."""
        values = self.dictionaries.attributes[attribute].stored
        known = self._ranks.get(attribute)
        if known is None or len(known) != len(values):
            known = self._ranks[attribute] = _ranks(values)
        return known

    def _owned_by(
        self, batch: EventBatch, rows: RowBatch, enrolled: npt.NDArray[np.bool_]
    ) -> RowBatch:
        """Return the rows of the events of a batch that name a course, as of enrolments."""
        if not enrolled.all():
            rows = chosen_rows(rows, enrolled)
        courses = batch.course[enrolled]
        key_hi, key_lo = enrolment_keys(
            rows.key_hi, rows.key_lo, self.dictionaries.course.hashes.hi[courses]
        )
        # An enrolment has one course for ever, so nothing is ever tied.
        ties = {COURSE: np.zeros(len(self.dictionaries.course), np.uint64)}
        return replace(
            rows,
            key_hi=key_hi,
            key_lo=key_lo,
            attributes={COURSE: courses},
            ties=ties,
            owner_hi=rows.key_hi,
            owner_lo=rows.key_lo,
        )

    def refold(self) -> None:
        """Join all of history into the tables once more, which gives them columns that were not kept before."""
        for segment in self.history.stored:
            for _, events in event_pieces(segment):
                self.fold_tables(events)
        self.settle()

    def key_enrolments(self) -> None:
        """Key enrolments by how their course runs are stored now, which may have been texts and be hashes."""
        hashes = self.dictionaries.course.hashes.hi
        for part in self.enrolments.partitions:
            rows = part.rows
            if not rows:
                continue
            courses = part.codes[COURSE][:rows]
            there = courses >= 0  # a row that holds nothing keeps a key that nothing has
            owner_hi, owner_lo = (part.owners[half][:rows][there] for half in ("hi", "lo"))
            key_hi, key_lo = part.key_hi[:rows].copy(), part.key_lo[:rows].copy()
            key_hi[there], key_lo[there] = enrolment_keys(
                owner_hi, owner_lo, hashes[courses[there]]
            )
            part.key_hi, part.key_lo = key_hi, key_lo
            part.slots = None
            part.version += 1

    def showing(self, dictionaries: Dictionaries) -> "State":
        """Return this state with other texts behind its codes, to be asked. Copies nothing."""
        view = copy.copy(self)
        view.dictionaries = dictionaries
        return view

    def owner_rows(self, number: int) -> Int32s:
        """Return for each enrolment of a partition the row of its learner, int32 of shape (rows,), read-only.

        A learner's enrolments lie in the partition of the same number. Kept until either table changes.
        """
        owned, owning = self.enrolments.partitions[number], self.learners.partitions[number]

        def found() -> Int32s:
            nobody = np.empty(0, np.uint64)
            hi, lo = (owned.owners.get(half, nobody)[: owned.rows] for half in ("hi", "lo"))
            return sealed(owning.find(sealed(hi), sealed(lo)))

        return owned.derived("owner rows", owning.version, found)

    def seal(self) -> None:
        """Turn the events since the last time into a segment of history, without repeats; apply voids that waited."""
        self._fold_waiting()
        self._seal_pending()
        voids, self._voids = self._voids, []
        if voids:
            self._void(np.concatenate(voids))
        self._merge_small()

    def _void(self, id_hashes: UInt64s) -> None:
        history = self.history.draft()
        change = history.void(id_hashes)
        with self.guard:
            self.history = history
            self._refold(change)

    def _merge_small(self) -> None:
        """Have few segments of history; which ones there are is all that becomes other."""
        history = self.history.draft()
        history.merge_small()
        if len(history.stored) < len(self.history.stored):
            with self.guard:
                self.history = history

    def _seal_pending(self) -> None:
        if not self._pending:
            return
        history = self.history.draft()
        report = build_segment(self._pending, history.stored, self.run)
        new = 0 if report.segment is None else len(report.segment)
        if report.segment is not None:
            history.add(report.segment, self.keep(report.segment))
        with self.guard:
            self.history = history
            self._pending, self._pending_events = [], 0
            self._unsealed_ms = None  # nothing waits: `seal` has seen to it
            self.counts = EventCounts(
                self.counts.accepted + new,
                self.counts.duplicate + report.duplicates,
                self.counts.conflicts + report.conflicts,
            )

    def hold(self, exchange: Callable[[History], None]) -> None:
        """Have history hold other segments of the same events, as ``exchange`` does it to a draft of history."""
        history = self.history.draft()
        exchange(history)
        with self.guard:
            self.history = history

    def settle(self) -> None:
        """Seal history and cluster the tables: what to do before questions are asked."""
        self.seal()
        self._tidy()
        self.learners.cluster(self.run)
        self.enrolments.cluster(self.run)

    def _tidy(self) -> None:
        history = self.history.draft()
        history.tidy()
        with self.guard:
            self.history = history
            for name in self.dictionaries.identifying():
                self.learners.forget_attribute(name)

    def upkeep(self) -> Iterator[None]:
        """Do what `settle` does, a short step at a time, but for room that may be wanted again: that is kept.

        Between two steps the state may be folded into; it may be asked at any time.
        """
        self.seal()
        yield
        self._tidy()
        for number in range(limits.PARTITIONS):
            if not self._is_clustered(number):
                yield
                self._cluster(number)

    def cluster_some(self) -> bool:
        """Put the rows of one partition in their places, if there is one with many out of place; say whether."""
        for number in range(limits.PARTITIONS):
            pair = self.learners.partitions[number], self.enrolments.partitions[number]
            if any(one.is_far_from_clustered() for one in pair):
                self._cluster(number)
                return True
        return False

    def _is_clustered(self, number: int) -> bool:
        pair = self.learners.partitions[number], self.enrolments.partitions[number]
        return all(one.is_clustered() for one in pair)

    def _cluster(self, number: int) -> None:
        """Put the rows of one partition in their places."""
        # Both at once: an enrolment that holds nothing goes with the learner who does not.
        learners = self.learners.partitions[number].draft()
        enrolments = self.enrolments.partitions[number].draft()
        learners.reorder()
        enrolments.reorder()
        # Held on to until nobody waits: to give back the memory of large arrays takes milliseconds.
        _before = self.partitions()
        with self.guard:
            self.learners.replace({number: learners})
            self.enrolments.replace({number: enrolments})

    # --- what changes the past -----------------------------------------------------------------------------------

    def void(self, id_hashes: UInt64s) -> None:
        """Void events by the hashes of their ids, whether they have come yet or not: they have not happened.

        Where events wait to be sealed, it takes effect when they are (`seal`, `settle`), else at once.
        Raises `InputError` if there would be more voids than ``limits.VOIDS_MAX``.
        """
        self._voids.append(np.asarray(id_hashes, np.uint64))
        if not self._waiting and not self._pending:
            self.seal()

    def void_at_once(self, id_hashes: UInt64s) -> None:
        """Void events as `void` does, and seal those that wait: it takes effect at once. Merges no segments of history.

        Raises `InputError` like `void`.
        """
        self._fold_waiting()
        self._seal_pending()
        self._void(np.asarray(id_hashes, np.uint64))

    def merge(self, edge_id: int, one: int, other: int) -> None:
        """Say that two raw keys are one learner; all are 128-bit numbers, and the id is a new one each time."""
        self.change_identities([Edge(edge_id, one, other)], [])

    def unmerge(self, one: int, other: int) -> None:
        """Take back all edges that are known between two raw keys."""
        self.change_identities([], self.history.identities.between(one, other))

    def change_identities(self, edges: Sequence[Edge], taken_back: Sequence[int]) -> None:
        """Add edges between raw keys, and ids of edges that hold no longer, whether they have come yet or not.

        Raises `InputError` if there would be more edges than ``limits.EDGES_MAX``.
        """
        self.seal()
        with self.guard:
            self._refold(self.history.change_identities(edges, taken_back))

    def erase(self, keys: Keys) -> None:
        """Erase raw keys, whether any event of them has come or not: nothing of them is told or counted, for ever.

        What they leave in memory and in segments is hidden here; `forget` and the next snapshot leave nothing of it.
        Raises `InputError` if there would be more than ``limits.ERASED_MAX`` of them.
        """
        self.seal()
        with self.guard:
            self._refold(self.history.erase(keys))

    def forget(self) -> Iterator[None]:
        """Drop the rows that hold nothing, a partition at a time: their keys are still there before."""
        for number in range(limits.PARTITIONS):
            pair = self.learners.partitions[number], self.enrolments.partitions[number]
            if any(partition.empty_rows for partition in pair):
                self._cluster(number)
            yield

    def _refold(self, change: Change | None) -> None:
        """Make the rows of those whose past has changed anew."""
        if change is None:
            return
        before = change.before
        for events in (before, change.after):
            self.watch(events.key_hi, events.key_lo, Touch.CORRECTION)
        self.learners.clear(*distinct_keys([(before.key_hi, before.key_lo)]))
        enrolled = before.course >= 0
        hashes = self.dictionaries.course.hashes.hi[before.course[enrolled]]
        owners = before.key_hi[enrolled], before.key_lo[enrolled]
        if enrolled.any():
            self.enrolments.clear(*distinct_keys([enrolment_keys(*owners, hashes)]))
        self.fold_tables(change.after)

    def shown_keys(self, key_hi: UInt64s, key_lo: UInt64s) -> tuple[UInt64s, UInt64s]:
        """Return the keys under which the learners with some raw keys go now."""
        return self.history.identities.moved.apply(key_hi, key_lo)

    @property
    def events(self) -> int:
        """Number of events in history that questions see."""
        return len(self.history)

    @property
    def time_range_ms(self) -> tuple[int, int] | None:
        """Time of the first and of the last event, those that history does not have yet included."""
        sealed_ms = self.history.span_ms if self.history.stored else self.scanned_ms
        return _spanned([sealed_ms, self._unsealed_ms])

    def fingerprint(self) -> str:
        """Return 32 hexadecimal digits that are equal for equal tables, and the same erased keys."""
        hashes = {name: values.hashes.hi for name, values in self.dictionaries.attributes.items()}
        total = table_fingerprint(self.learners, "learner", hashes)
        of_enrolments = {COURSE: self.dictionaries.course.hashes.hi, **standing_hashes()}
        total += table_fingerprint(self.enrolments, "enrolment", of_enrolments)
        total += keys_fingerprint("erased", *self.history.erased)
        return f"{total % (1 << 128):032x}"


def _spanned(spans: Sequence[tuple[int, int] | None]) -> tuple[int, int] | None:
    known = [span for span in spans if span is not None]
    return (min(s[0] for s in known), max(s[1] for s in known)) if known else None


def enrolment_keys(
    key_hi: UInt64s, key_lo: UInt64s, course_hashes: UInt64s
) -> tuple[UInt64s, UInt64s]:
    """Return the keys of enrolments; an enrolment lies in the partition of its learner."""
    hi, lo = hash_rows(key_hi, key_lo, course_hashes)
    return (hi & ~_PARTITION_BITS) | (key_hi & _PARTITION_BITS), lo


def rebuild(state: State) -> State:
    """Fold history from nothing, event by event in its own order: the oracle of the incremental way.

    All that was stored is looked at, and what was taken back or is under another key now follows from the voids and
    edges alone.
    """
    fresh = State(state.zone, state.dictionaries)
    fresh.history = state.history
    for segment in state.history.stored:
        for _, events in event_pieces(segment):
            fresh.fold_tables(events)
    return fresh


def _as_it_is(segment: Segment) -> Segment:
    return segment


def _unwatched(_hi: UInt64s, _lo: UInt64s, _touch: Touch) -> None:
    pass


def _ranks(values: Sequence[str]) -> UInt64s:
    """Return the place of each value in alphabetical order: of values set at one time, the last of them wins."""
    ranks = np.empty(len(values), np.uint64)
    ranks[sorted(range(len(values)), key=values.__getitem__)] = np.arange(
        len(values), dtype=np.uint64
    )
    return ranks
