"""All that a node knows of one tenant's learners: two subject tables and history.

`State.fold` takes events in any order and any number of times. `State.seal` turns what has come since the last time
into a segment of history, and only then knows which events were new. Folding first and dropping repeats later is
safe because the tables are idempotent; counting first would not be.

`rebuild` folds history from nothing. It is slow and simple, and whatever `fold` does quickly must equal it.

Where history was cut, what was before the cut is a *base* for each raw key: rows of tables of their own, from which the
rows here begin whenever they begin anew (`homeroom.state.cutting`, `homeroom.state.tables`).
"""

import copy
import functools
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from enum import StrEnum

import numpy as np
import numpy.typing as npt

from homeroom import limits
from homeroom.events.dictionary import Dictionaries
from homeroom.events.model import EventBatch, Int32s, Int64s, UInt64s
from homeroom.log.origins import Vector
from homeroom.state.batches import chosen_events, event_pieces, joined_batches, segment_events
from homeroom.state.copies import Copies, Source
from homeroom.state.cut_making import ReadyCut, ready_cut
from homeroom.state.cutting import Begins, Cut
from homeroom.state.fingerprint import keys_fingerprint
from homeroom.state.history import Segment
from homeroom.state.identities import Edge
from homeroom.state.keys import Keys, distinct_keys
from homeroom.state.past import Change, History
from homeroom.state.running import Run, Sequential
from homeroom.state.sealing import build_segment
from homeroom.state.still import frozen_table
from homeroom.state.table import Partition, SubjectTable
from homeroom.state.tables import COURSE, BaseRows, Tables, enrolment_keys
from homeroom.state.taking import EventCounts, ReadyBatch, spanned
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
    cut_made : the last cut of history, None if there was none
    base : what was cut, by raw key; None if nothing was. A cut makes a new one, and never writes to it
    base_file : the name under which the base is written down, None if it is not yet
    owns : whether events of some raw keys have an effect here, bool of shape (n,); None if all have
    reach_ms : time of the first and last event of all shards, where this state is asked as one of them
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
        self.keep: Callable[[Segment], Segment] = lambda segment: segment
        self.watch: Callable[[UInt64s, UInt64s, Touch], None] = _unwatched
        self.cut_events = 0
        self.guard: AbstractContextManager[object] = nullcontext()
        self.cut_made: Cut | None = None
        self.base: Tables | None = None
        self.base_file: str | None = None
        self.owns: Callable[[UInt64s, UInt64s], npt.NDArray[np.bool_]] | None = None
        self.reach_ms: tuple[int, int] | None = None
        self._waiting: list[EventBatch] = []
        self._waiting_events = 0
        self._pending: list[EventBatch] = []
        self._pending_events = 0
        # Of what history does not have yet; kept, because a running node asks after every fold.
        self._unsealed_ms: tuple[int, int] | None = None
        self._voids: list[Copies] = []
        # By attribute the places of its values in alphabetical order: kept until there are more of them.
        self._ranks: dict[str, UInt64s] = {}

    @property
    def segments(self) -> Sequence[Segment]:
        """The segments of history that questions walk through, some of them with hidden events."""
        return self.history.shown

    def fold(self, batch: EventBatch) -> None:
        """Take a batch for the tables and for history.

        Small batches wait for each other: folding a few hundred events at a time into partitions would cost
        more in calls than in work. Events from before a cut have no effect, and are counted.
        """
        batch, late, cut = self._effective(batch)
        self.cut_events += cut
        self._note_late(late)
        self._waiting.append(batch)
        self._waiting_events += len(batch)
        if len(batch):
            span = int(batch.time_ms.min()), int(batch.time_ms.max())
            self._unsealed_ms = spanned([self._unsealed_ms, span])
        if self._waiting_events >= limits.FOLD_EVENTS:
            self._fold_waiting()

    def partitions(self) -> list[Partition]:
        """Return the partitions of both tables as they are; others may take their place."""
        return [*self.learners.partitions, *self.enrolments.partitions]

    def _effective(self, batch: EventBatch) -> tuple[EventBatch, int, int]:
        """Return the events that have an effect, how many are late, and how many of somebody who is erased."""
        if self.owns is not None:
            batch = chosen_events(batch, self.owns(batch.key_hi, batch.key_lo))
        kept, begins = self.history.unerased(batch), self.history.begins
        cut = len(batch) - len(kept)
        if begins is None or not len(kept) or kept.time_ms.min() >= begins.sure_ms:
            return kept, 0, cut
        is_late = begins.before(kept.time_ms)
        return chosen_events(kept, ~is_late), int(is_late.sum()), cut

    def _note_late(self, late: int) -> None:
        if late:
            assert self.cut_made is not None, "history was cut"
            self.cut_made = replace(self.cut_made, lost=self.cut_made.lost + late)
            self.counts = replace(self.counts, late=self.counts.late + late)

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
        batch, late, cut = self._effective(batch)
        shown = self.history.as_shown(batch)
        return ReadyBatch(batch, shown, late, cut, self.tables.ready(shown) if len(shown) else None)

    def make_room(self, key_hi: UInt64s, time_ms: Int64s) -> None:
        """Make room for events of which no more is known, so that to take them makes few arrays anew."""
        if self.owns is None and len(time_ms):
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
            self._note_late(ready.late)
            self._join(ready)
            self.cut_events += ready.cut
            if len(ready.batch):
                self._pending.append(ready.batch)
                self._pending_events += len(ready.batch)
            if len(ready.shown):
                times = ready.shown.time_ms
                span = int(times.min()), int(times.max())
                self._unsealed_ms = spanned([self._unsealed_ms, span])

    def fold_tables(self, batch: EventBatch) -> None:
        """Join a batch into the tables alone, without keeping it for history.

        Voided events are left out, and those of merged accounts go to the row of their group.
        """
        self._join(self.ready(batch))

    def _join(self, ready: ReadyBatch) -> None:
        """Join a batch that was made ready into the tables."""
        if ready.rows is None:
            return
        self.watch(ready.shown.key_hi, ready.shown.key_lo, Touch.EVENT)
        self.tables.join_ready(ready.rows)

    @property
    def tables(self) -> Tables:
        """Both tables, as they are folded into."""
        return Tables(
            zone=self.zone,
            dictionaries=self.dictionaries,
            run=self.run,
            learners=self.learners,
            enrolments=self.enrolments,
            ranks=self._ranks,
        )

    def refold(self) -> None:
        """Join all of history into the tables once more, which gives them columns that were not kept before."""
        if self.base is not None:
            self.tables.join(self._seen(self.base.all_rows()), self.history.identities.moved)
        for segment in self.history.stored:
            for _, events in event_pieces(segment):
                self.fold_tables(events)
        self.settle()

    def key_enrolments(self) -> None:
        """Key enrolments by how their course runs are stored now, which may have been texts and be hashes."""
        self.tables.key_enrolments()

    def showing(self, dictionaries: Dictionaries) -> "State":
        """Return this state with other texts behind its codes, to be asked. Copies nothing."""
        view = copy.copy(self)
        view.dictionaries = dictionaries
        return view

    def owner_rows(self, number: int) -> Int32s:
        """Return for each enrolment of a partition the row of its learner, int32 of shape (rows,), read-only.

        A learner's enrolments lie in the partition of the same number. Kept until rows of either table move.
        """
        return self.tables.owner_rows(number)

    def seal(self) -> None:
        """Turn the events since the last time into a segment of history, without repeats; apply voids that waited."""
        self._fold_waiting()
        self._seal_pending()
        voids, self._voids = self._voids, []
        if voids:
            self._void(functools.reduce(Copies.joined, voids))
        self._merge_small()

    def _void(self, copies: Copies) -> None:
        self.alter(lambda history: history.void(copies))

    def alter(self, change: Callable[[History], Change | None]) -> None:
        """Change the past in a draft of history, which is sealed, and make the rows anew that this touches."""
        history = self.history.draft()
        changed = change(history)
        with self.guard:
            self.history = history
            self._refold(changed)

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
        history.repeated(report.repeats)
        with self.guard:
            self.history = history
            self._pending, self._pending_events = [], 0
            self._unsealed_ms = None  # nothing waits: `seal` has seen to it
            self.counts = replace(
                self.counts,
                accepted=self.counts.accepted + new,
                duplicate=self.counts.duplicate + report.duplicates,
                conflicts=self.counts.conflicts + report.conflicts,
            )

    def hold(self, exchange: Callable[[History], None]) -> None:
        """Have history hold other segments of the same events, as ``exchange`` does it to a draft of history."""
        self.alter(exchange)

    def settle(self) -> None:
        """Seal history and cluster the tables: what to do before questions are asked."""
        self.seal()
        self._tidy()
        self.learners.cluster(self.run)
        self.enrolments.cluster(self.run)

    def _tidy(self) -> None:
        history, base = self.history.draft(), self.base
        history.tidy()
        identifying = self.dictionaries.identifying()
        if base is not None:
            base = base.without(identifying)
        with self.guard:
            self.history = history
            for name in identifying:
                self.learners.forget_attribute(name)
            if base is not self.base:
                self.base, self.base_file = base, None

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

    def void(self, id_hashes: UInt64s, source: Source | None = None) -> None:
        """Void events by the hashes of their ids, whether they have come yet or not: they have not happened.

        ``source`` is the entry that says so, None where no log tells of it. Where events wait to be sealed, it takes
        effect when they are (`seal`, `settle`), else at once. Raises `InputError` if there would be more voids than
        ``limits.VOIDS_MAX``.
        """
        ids = np.asarray(id_hashes, np.uint64)
        self._voids.append(Copies.of_voids(ids, source or Source()))
        if not self._waiting and not self._pending:
            self.seal()

    def void_at_once(self, voids: Copies) -> None:
        """Void events as `void` does, and seal those that wait: it takes effect at once. Merges no segments of history.

        Raises `InputError` like `void`.
        """
        self._fold_waiting()
        self._seal_pending()
        self._void(voids)

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
        base = None if self.base is None else self.base.without_learners(keys)
        with self.guard:
            self._refold(self.history.erase(keys), base)

    def forget(self) -> Iterator[None]:
        """Drop the rows that hold nothing, a partition at a time: their keys are still there before."""
        for number in range(limits.PARTITIONS):
            pair = self.learners.partitions[number], self.enrolments.partitions[number]
            if any(partition.empty_rows for partition in pair):
                self._cluster(number)
            yield

    def _refold(self, change: Change | None, base: Tables | None = None) -> None:
        """Make the rows of those whose past has changed anew: from the base, and from the events that are left.

        ``base`` is the one from now on, None for that which there is.
        """
        if change is not None:
            self._clear(change)
        if base is not None and base is not self.base:
            assert self.cut_made is not None, "history was cut"
            self.base, self.base_file = base, None
            self.cut_made = replace(self.cut_made, span_ms=base.span_ms())
        if change is not None:
            rows = self._seen(self._base_rows(change.keys))
            self.tables.join(rows, self.history.identities.moved)
            self.fold_tables(change.after)

    def _base_rows(self, keys: Keys) -> BaseRows:
        return BaseRows() if self.base is None else self.base.rows_of(keys)

    def _seen(self, rows: BaseRows) -> BaseRows:
        """Return those of some rows of the base that are of nobody who is withheld."""
        return rows.without(self.history.withheld.covers) if self.history.withheld else rows

    def _clear(self, change: Change) -> None:
        """Have the rows of those whose past has changed hold nothing."""
        before, named = change.before, change.names.apply(*change.keys)
        for keys in ((before.key_hi, before.key_lo), named, self.shown_keys(*change.keys)):
            self.watch(*keys, Touch.CORRECTION)
        self.learners.clear(*distinct_keys([(before.key_hi, before.key_lo), named]))
        enrolled = before.course >= 0
        hashes = self.dictionaries.course.hashes.hi[before.course[enrolled]]
        owned = [enrolment_keys(before.key_hi[enrolled], before.key_lo[enrolled], hashes)]
        owned += self.tables.enrolments_under(self._base_rows(change.keys), change.names)
        self.enrolments.clear(*distinct_keys(owned))

    # --- cuts ----------------------------------------------------------------------------------------------------

    def cut(self, day: int, vector: Vector, epoch: int) -> None:
        """Let history begin at a local day; what it holds of days before, and a vector covers, goes into the base.

        Every entry that the vector covers has been folded. ``epoch`` is that of the control change that says so; a cut
        that was made already is passed over.
        """
        ready = self.ready_cut(day, vector, epoch)
        if ready is not None:
            self.take_cut(ready)

    def ready_cut(self, day: int, vector: Vector, epoch: int) -> ReadyCut | None:
        """Make ready to cut, which takes long; None if that was done already. Questions see no more of it than a seal.

        The state must stay as it is until the cut is taken.
        """
        made = self.cut_made
        if made is not None and epoch <= made.epoch:
            return None
        self.seal()
        base = self.fresh_base() if self.base is None else self.base.apart()
        stated = made or Cut(day, vector, epoch)
        return ready_cut(self.history, base, replace(stated, day=day, vector=vector, epoch=epoch))

    def take_cut(self, ready: ReadyCut) -> None:
        """Make a cut that was made ready."""
        with self.guard:
            for keys in ready.touched:
                self.watch(*self.shown_keys(*keys), Touch.CORRECTION)
            self.history, self.cut_made = ready.history, ready.cut
            self.base, self.base_file = ready.base, None
            self._refold(ready.change)

    def fresh_base(self) -> Tables:
        """Return tables without rows."""
        return Tables(zone=self.zone, dictionaries=self.dictionaries, run=self.run)

    def restore_cut(self, cut: Cut, base: Tables, file: str) -> None:
        """Take a cut that was written down, with the base and its file; history has been restored."""
        self.cut_made, self.base, self.base_file = cut, base, file
        self.history.restore_begin(Begins(cut.day, self.zone))

    def have_keys(self, keys: Keys) -> npt.NDArray[np.bool_]:
        """Return which raw keys any event has, or had before a cut, voided or not: bool of shape (n,)."""
        found = self.history.have_keys(keys)
        return found if self.base is None else found | self.base.have_learners(keys)

    def shown_keys(self, key_hi: UInt64s, key_lo: UInt64s) -> tuple[UInt64s, UInt64s]:
        """Return the keys under which the learners with some raw keys go now."""
        return self.history.identities.moved.apply(key_hi, key_lo)

    @property
    def events(self) -> int:
        """Number of events in history that questions see."""
        return len(self.history)

    @property
    def time_range_ms(self) -> tuple[int, int] | None:
        """Time of the first and last event, unsealed ones included; of what was cut, where its days begin and end."""
        cut_ms = None if self.cut_made is None else self.cut_made.span_ms
        return self.reach_ms or spanned([self.held_ms, cut_ms])

    @property
    def held_ms(self) -> tuple[int, int] | None:
        """Time of the first and of the last event that was not cut, as `time_range_ms`."""
        sealed_ms = self.history.span_ms if self.history.stored else self.scanned_ms
        return spanned([sealed_ms, self._unsealed_ms])

    def fingerprint(self) -> str:
        """Return 32 hexadecimal digits that are equal for equal tables, erased keys and consents."""
        total = self.tables.fingerprint() + self.history.consents.fingerprint()
        total += keys_fingerprint("erased", *self.history.erased)
        return f"{total % (1 << 128):032x}"


def rebuild(state: State) -> State:
    """Fold history from nothing, event by event in its own order: the oracle of the incremental way.

    All that was stored is looked at, and what was taken back or is under another key now follows from the voids and
    edges alone. Where history was cut, rows begin from the base.
    """
    fresh = State(state.zone, state.dictionaries)
    fresh.history = state.history
    if state.base is not None:
        rows = fresh._seen(state.base.all_rows())  # noqa: SLF001 - of its own class
        fresh.tables.join(rows, state.history.identities.moved)
    for segment, veil in zip(state.history.stored, state.history.veils, strict=True):
        kept = np.ones(len(segment), np.bool_)
        kept[veil.gone] = False
        for first, events in event_pieces(segment):
            fresh.fold_tables(chosen_events(events, kept[first : first + len(events)]))
    return fresh


def _unwatched(_hi: UInt64s, _lo: UInt64s, _touch: Touch) -> None:
    pass
