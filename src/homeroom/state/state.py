"""All that a node knows of one tenant's learners: two subject tables and history.

`State.fold` takes events in any order and any number of times. `State.seal` turns what has come since the last time
into a segment of history, and only then knows which events were new. Folding first and dropping repeats later is
safe because the tables are idempotent; counting first would not be.

`rebuild` folds history from nothing. It is slow and simple, and whatever `fold` does quickly must equal it.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from homeroom import limits
from homeroom.events.dictionary import Dictionaries
from homeroom.events.model import TRACKS, EventBatch, Int32s, UInt64s
from homeroom.events.texts import sealed
from homeroom.state.fingerprint import hash_rows, standing_hashes, table_fingerprint
from homeroom.state.fold import PARTITION_SHIFT
from homeroom.state.history import Column, Segment, build_segment, joined_columns
from homeroom.state.running import Run, Sequential
from homeroom.state.standing import RESULTS, standing_batch, standings_of
from homeroom.state.table import RowBatch, SubjectTable
from homeroom.state.zones import Zone, local_days

__all__ = [
    "COURSE",
    "EventCounts",
    "State",
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
    """

    def __init__(self, zone: Zone, dictionaries: Dictionaries, run: Run | None = None) -> None:
        self.zone = zone
        self.dictionaries = dictionaries
        self.run: Run = run or Sequential()
        self.learners = SubjectTable()
        self.enrolments = SubjectTable()
        self.segments: list[Segment] = []
        self.counts = EventCounts()
        self.scanned_ms: tuple[int, int] | None = None
        self.keep: Callable[[Segment], Segment] = _as_it_is
        self._waiting: list[EventBatch] = []
        self._waiting_events = 0
        self._pending: list[EventBatch] = []
        self._pending_events = 0
        self._owner_rows: dict[int, tuple[tuple[int, int], Int32s]] = {}

    def fold(self, batch: EventBatch) -> None:
        """Take a batch for the tables and for history.

        Small batches wait for each other: folding a few hundred events at a time into partitions would cost
        more in calls than in work.
        """
        self._waiting.append(batch)
        self._waiting_events += len(batch)
        if self._waiting_events >= limits.FOLD_EVENTS:
            self._fold_waiting()

    def _fold_waiting(self) -> None:
        batches, self._waiting, self._waiting_events = self._waiting, [], 0
        if not batches:
            return
        batch = batches[0] if len(batches) == 1 else joined_batches(batches)
        self.fold_tables(batch)
        self._pending.append(batch)
        self._pending_events += len(batch)
        if self._pending_events >= limits.SEGMENT_EVENTS_MAX:
            self._seal_pending()

    def fold_tables(self, batch: EventBatch) -> None:
        """Join a batch into the tables alone, without keeping it for history."""
        if not len(batch):
            return
        refused = self.dictionaries.identifying()
        attributes = {
            name: codes for name, codes in batch.attributes.items() if name not in refused
        }
        rows = RowBatch(
            key_hi=batch.key_hi,
            key_lo=batch.key_lo,
            days=local_days(batch.time_ms, self.zone),
            time_ms=batch.time_ms,
            tracks=batch.track,
            track_names=TRACKS,
            attributes=attributes,
            ties={name: _ranks(self.dictionaries.attributes[name].values) for name in attributes},
        )
        self.learners.fold(rows, self.run)
        enrolled = batch.course >= 0
        if enrolled.any():
            self._fold_enrolments(batch, rows, enrolled)

    def _fold_enrolments(
        self, batch: EventBatch, rows: RowBatch, enrolled: npt.NDArray[np.bool_]
    ) -> None:
        """Join the events of a batch that name a course into the table of enrolments."""
        if not enrolled.all():
            rows = _chosen(rows, enrolled)
        courses = batch.course[enrolled]
        key_hi, key_lo = enrolment_keys(
            rows.key_hi, rows.key_lo, self.dictionaries.course.hashes.hi[courses]
        )
        # An enrolment has one course for ever, so nothing is ever tied.
        ties = {COURSE: np.zeros(len(self.dictionaries.course), np.uint64)}
        owned = replace(
            rows,
            key_hi=key_hi,
            key_lo=key_lo,
            attributes={COURSE: courses},
            ties=ties,
            owner_hi=rows.key_hi,
            owner_lo=rows.key_lo,
        )
        self.enrolments.fold(owned, self.run)
        standings = standings_of(batch.standing, batch.track)
        if standings is None:
            return
        says = enrolled & (standings != 0)
        own, results = says[enrolled], {}
        for name in RESULTS:
            column = getattr(batch, name)
            results[name] = None if column is None else column[says]
        self.enrolments.fold_standings(
            standing_batch(
                (key_hi[own], key_lo[own]), batch.time_ms[says], standings[says], results
            ),
            self.run,
        )

    def refold(self) -> None:
        """Join all of history into the tables once more, which gives them columns that were not kept before."""
        for segment in self.segments:
            self.fold_tables(segment_events(segment))
        self.settle()

    def owner_rows(self, number: int) -> Int32s:
        """Return for each enrolment of a partition the row of its learner, int32 of shape (rows,), read-only.

        A learner's enrolments lie in the partition of the same number. Kept until either table changes.
        """
        owned, owning = self.enrolments.partitions[number], self.learners.partitions[number]
        versions = (owned.version, owning.version)
        held = self._owner_rows.get(number)
        if held is None or held[0] != versions:
            empty = np.empty(0, np.uint64)
            hi, lo = (owned.owners.get(half, empty)[: owned.rows] for half in ("hi", "lo"))
            held = versions, sealed(owning.find(sealed(hi), sealed(lo)))
            self._owner_rows[number] = held
        return held[1]

    def seal(self) -> None:
        """Turn the events since the last time into a segment of history, without repeats."""
        self._fold_waiting()
        self._seal_pending()

    def _seal_pending(self) -> None:
        if not self._pending:
            return
        batches, self._pending, self._pending_events = self._pending, [], 0
        report = build_segment(batches, self.segments, self.run)
        new = 0 if report.segment is None else len(report.segment)
        if report.segment is not None:
            self.segments.append(self.keep(report.segment))
        self.counts = EventCounts(
            self.counts.accepted + new,
            self.counts.duplicate + report.duplicates,
            self.counts.conflicts + report.conflicts,
        )

    def settle(self) -> None:
        """Seal history and cluster the tables: what to do before questions are asked."""
        self.seal()
        for name in self.dictionaries.identifying():
            self.learners.forget_attribute(name)
        self.learners.cluster(self.run)
        self.enrolments.cluster(self.run)

    @property
    def events(self) -> int:
        """Number of events in history."""
        return sum(len(segment) for segment in self.segments)

    @property
    def time_range_ms(self) -> tuple[int, int] | None:
        """Time of the first and of the last event."""
        if not self.segments:
            return self.scanned_ms
        return min(s.min_ms for s in self.segments), max(s.max_ms for s in self.segments)

    def fingerprint(self) -> str:
        """Return 32 hexadecimal digits that are equal for equal tables."""
        hashes = {name: values.hashes.hi for name, values in self.dictionaries.attributes.items()}
        total = table_fingerprint(self.learners, "learner", hashes)
        of_enrolments = {COURSE: self.dictionaries.course.hashes.hi, **standing_hashes()}
        total += table_fingerprint(self.enrolments, "enrolment", of_enrolments)
        return f"{total % (1 << 128):032x}"


def enrolment_keys(
    key_hi: UInt64s, key_lo: UInt64s, course_hashes: UInt64s
) -> tuple[UInt64s, UInt64s]:
    """Return the keys of enrolments; an enrolment lies in the partition of its learner."""
    hi, lo = hash_rows(key_hi, key_lo, course_hashes)
    return (hi & ~_PARTITION_BITS) | (key_hi & _PARTITION_BITS), lo


def rebuild(state: State) -> State:
    """Fold history from nothing, event by event in its own order: the oracle of the incremental way."""
    fresh = State(state.zone, state.dictionaries)
    for segment in state.segments:
        fresh.fold_tables(segment_events(segment))
        fresh.segments.append(segment)
    return fresh


def joined_batches(batches: Sequence[EventBatch]) -> EventBatch:
    """Return the events of several batches as one."""
    return _batch_of(joined_columns(batches))


def _batch_of(columns: Mapping[str, Column]) -> EventBatch:
    prefix = "attributes."
    plain: dict[str, Any] = {name: columns[name] for name in columns if not name.startswith(prefix)}
    attributes: dict[str, Any] = {
        name.removeprefix(prefix): columns[name] for name in columns if name.startswith(prefix)
    }
    return EventBatch(**plain, attributes=attributes)


def segment_events(segment: Segment) -> EventBatch:
    """Return a segment's events as a batch again."""
    widths = np.diff(segment.offsets)
    keys = {
        "key_hi": np.repeat(segment.key_hi, widths),
        "key_lo": np.repeat(segment.key_lo, widths),
    }
    return _batch_of({**keys, **segment.columns})


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


def _as_it_is(segment: Segment) -> Segment:
    return segment


def _ranks(values: Sequence[str]) -> UInt64s:
    """Return the place of each value in alphabetical order: of values set at one time, the last of them wins."""
    ranks = np.empty(len(values), np.uint64)
    ranks[sorted(range(len(values)), key=values.__getitem__)] = np.arange(
        len(values), dtype=np.uint64
    )
    return ranks


def _chosen(rows: RowBatch, chosen: npt.NDArray[np.bool_]) -> RowBatch:
    return replace(
        rows,
        key_hi=rows.key_hi[chosen],
        key_lo=rows.key_lo[chosen],
        days=rows.days[chosen],
        time_ms=rows.time_ms[chosen],
        tracks=None if rows.tracks is None else rows.tracks[chosen],
    )
