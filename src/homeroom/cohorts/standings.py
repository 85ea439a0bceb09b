"""How enrolments stood at some instant: from the columns where nothing changed later, from history where it did.

The columns hold the latest status, outcome and completion with their times. A time before the instant says that the
column held then too; a later one says nothing of before (somebody who left may have left and come back). So what
changed later is asked of history, which has every event: but only those about a standing, two in a hundred.
"""

import functools
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from homeroom.cohorts.kernels import risk as kernels
from homeroom.cohorts.kernels.risk import REVOKED_SAID
from homeroom.events.columns import EVENT_COLUMNS, Column
from homeroom.events.model import STANDINGS, Int8s, Int64s, UInt64s
from homeroom.events.texts import sealed
from homeroom.state.fold import PARTITION_SHIFT
from homeroom.state.history import Segment
from homeroom.state.places import are_in
from homeroom.state.running import Run
from homeroom.state.standing import (
    COMPLETED,
    OUTCOME,
    RESULTS,
    REVOKED,
    STATUS,
    StandingBatch,
    standing_batch,
)
from homeroom.state.state import COURSE, State, enrolment_keys
from homeroom.state.table import Partition, SubjectTable

__all__ = ["Changes", "all_changes", "standing_history", "table_as_of"]

_REACHED_SAID = STANDINGS.index("completed")
_LATER = np.iinfo(np.int64).max


@dataclass(frozen=True, slots=True)
class Changes:
    """What was said of the standing of the rows of a partition, in the order in which it holds.

    Of row i ``time_ms[offsets[i]:offsets[i + 1]]``, int64, and ``said``, int8 places in ``STANDINGS`` or
    `REVOKED_SAID`. All read-only.
    """

    offsets: Int64s
    time_ms: Int64s
    said: Int8s


_CHANGES = "changes"


def _no_changes() -> Changes:
    nothing = np.zeros(1, np.int64)
    return Changes(sealed(nothing), sealed(nothing[:0]), sealed(np.empty(0, np.int8)))


def standing_history(state: State, end_ms: int) -> StandingBatch:
    """Return what the events of history before an instant say of standings."""
    parts = [_said_in(segment, state, end_ms) for segment in state.segments]
    keys = [part.keys for part in parts]
    nothing = np.empty(0, np.uint64)
    joined = tuple(np.concatenate([nothing, *(pair[half] for pair in keys)]) for half in (0, 1))
    said = np.concatenate([np.empty(0, np.uint8), *(part.said for part in parts)])
    results = {
        name: np.concatenate(
            [np.empty(0, EVENT_COLUMNS[name][0]), *(part.results[name] for part in parts)]
        )
        for name in RESULTS
    }
    times = np.concatenate([np.empty(0, np.int64), *(part.time_ms for part in parts)])
    return standing_batch((joined[0], joined[1]), times, said, results)


@dataclass(frozen=True, slots=True)
class _Said:
    """What the events of one segment say."""

    keys: tuple[UInt64s, UInt64s]
    time_ms: Int64s
    said: npt.NDArray[np.uint8]
    results: dict[str, Column]


def _said_in(segment: Segment, state: State, end_ms: int) -> _Said:
    places, subjects = segment.standings
    counts = ~are_in(segment.hidden, places)
    if end_ms < _LATER:
        counts &= _picked(segment, "time_ms", places) < end_ms
    places, subjects = places[counts], subjects[counts]
    courses = _picked(segment, "course", places)
    return _Said(
        keys=enrolment_keys(
            segment.key_hi[subjects],
            segment.key_lo[subjects],
            state.dictionaries.course.hashes.hi[courses],
        ),
        time_ms=_picked(segment, "time_ms", places),
        said=_picked(segment, "standing", places),
        results={name: _picked(segment, name, places) for name in RESULTS},
    )


def _picked(segment: Segment, name: str, places: Int64s) -> Column:
    """Return what some events have in a column, as absent where the segment does not have it."""
    if len(places) and name in segment.columns:
        return segment.pick(name, places)
    dtype, absent = EVENT_COLUMNS[name]
    return np.full(len(places), absent, dtype)


def table_as_of(table: SubjectTable, batch: StandingBatch, run: Run) -> SubjectTable:
    """Return enrolments with their days as they are, and standing as this batch alone says."""
    bare = SubjectTable()
    bare.partitions = [_bare(partition) for partition in table.partitions]
    bare.fold_standings(batch, run)
    return bare


def _bare(partition: Partition) -> Partition:
    """Return a partition that shares all but standings with another."""
    bare = Partition(partition.first_word, 0)
    rows = partition.rows
    bare.rows = rows
    for name in ("key_hi", "key_lo", "start_day", "last_day"):
        setattr(bare, name, getattr(partition, name)[:rows])
    bare.words = {track: words[:, :rows] for track, words in partition.words.items()}
    bare.codes = {COURSE: partition.codes[COURSE][:rows]} if rows else {}
    bare.owners = {half: column[:rows] for half, column in partition.owners.items()}
    bare.slots = None
    return bare


def all_changes(state: State, table: SubjectTable) -> list[Changes]:
    """Return by partition of a table of enrolments what history says; kept until the rows change."""
    parts = table.partitions
    asked = [number for number, part in enumerate(parts) if part.rows]
    missing = [number for number in asked if not parts[number].derived_rows.holds(_CHANGES, None)]
    if missing:
        batch = standing_history(state, _LATER)

        def work(part: Partition) -> None:
            part.derived(_CHANGES, None, lambda: _changes_of(part, batch))

        state.run([functools.partial(work, parts[number]) for number in missing])
    return [
        part.derived(_CHANGES, None, _no_changes) if part.rows else _no_changes() for part in parts
    ]


def _changes_of(partition: Partition, batch: StandingBatch) -> Changes:
    """Return what a batch says of the rows of a partition."""
    own = partition.key_hi[0] >> PARTITION_SHIFT
    mine = np.flatnonzero(batch.key_hi >> PARTITION_SHIFT == own)
    said = _said_by(batch, mine)
    mine, said = mine[said >= 0], said[said >= 0]
    rows = partition.find(sealed(batch.key_hi[mine]), sealed(batch.key_lo[mine]))
    offsets = np.zeros(partition.rows + 1, np.int64)
    times, ordered = np.empty(len(rows), np.int64), np.empty(len(rows), np.int8)
    kernels.order_changes(
        sealed(rows), sealed(batch.time_ms[mine]), sealed(said), offsets, (times, ordered)
    )
    return Changes(sealed(offsets), sealed(times), sealed(ordered))


def _said_by(batch: StandingBatch, places: Int64s) -> Int8s:
    """Return what each of these events says, -1 for those that speak of grade or progress alone.

    Of what is said at one instant of one matter, the greater number holds, as in the columns.
    """
    said = np.full(len(places), -1, np.int8)
    for name in (STATUS, OUTCOME, COMPLETED):
        if name in batch.codes:
            codes = batch.codes[name][places]
            if name == COMPLETED:
                meant = np.where(codes == REVOKED, REVOKED_SAID, _REACHED_SAID)
                codes = np.where(codes >= 0, meant, -1)
            said = np.where(codes >= 0, codes, said).astype(np.int8)
    return said
