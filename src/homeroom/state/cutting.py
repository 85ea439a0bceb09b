"""Where history begins: which events a retention cut takes out of it, and which of them go into the bases of the rows.

A cut names a local day and covers entries by a vector. Of the events before the day, those that are covered, and that
no covered void takes back, are in the bases from then on: as the columns that they fold into, by raw key. The others
before the day have no effect any more, on this node as on all others. They are *lost* if they were not covered: that is
counted, because somebody sent them and was told yes.

Which event is on which side follows from the day, the vector, and the copies of events and voids (`homeroom.state.
copies`); not from when this node learned of it. So a void that is not covered takes nothing out of a base: here it may
have come in time, elsewhere it did not.

The way not taken is an instant in place of a day. The columns know days; an event of the day's early hours would be in
a bit that its late hours need.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import numpy.typing as npt

from homeroom.events.columns import COPY_COLUMNS, Column
from homeroom.events.model import Int64s, UInt64s
from homeroom.limits import ROW_GROUP_EVENTS
from homeroom.log.origins import Vector
from homeroom.state.copies import ALWAYS, Copies, Coverage
from homeroom.state.history import NO_PLACES, Places, Segment, places_by_id
from homeroom.state.keys import Keys, find_sorted
from homeroom.state.places import are_in, places_of_subjects
from homeroom.state.zones import DAY_MS, Zone, date_of, day_start_ms, local_days

__all__ = ["Begins", "Covered", "Cut", "Parted", "further_copies", "parted", "rest_of"]

Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Cut:
    """The last cut that was made.

    Parameters
    ----------
    day : local day at which history begins
    vector : by origin the last entry whose events are in the bases
    epoch : of the control change that stated it
    span_ms : from the start of the first day in the bases to the end of the last, None if there is none: of the events
        no times are kept, and none may stay of people who are erased
    lost : events before the day that came, and were in no entry that a cut covered when it was made
    """

    day: int
    vector: Vector
    epoch: int
    span_ms: tuple[int, int] | None = None
    lost: int = 0

    @property
    def date(self) -> str:
        """ISO date of the day at which history begins."""
        return date_of(self.day).isoformat()


@dataclass(frozen=True)
class Begins:
    """The local day at which history begins, in the zone of the tenant's days."""

    day: int
    zone: Zone

    @cached_property
    def sure_ms(self) -> int:
        """The instant from which no event is before the day."""
        return day_start_ms(self.day, self.zone)

    def before(self, time_ms: Int64s) -> Flags:
        """Return which instants are before the day, bool of the shape of these."""
        return np.asarray(local_days(time_ms, self.zone) < self.day)

    def places(self, segment: Segment) -> Places:
        """Return the places of the events before the day; of their columns no more than some times are held."""
        if segment.min_ms >= self.sure_ms:
            return NO_PLACES
        if segment.max_ms < self.sure_ms - DAY_MS:  # whatever a clock does around midnight
            return np.arange(len(segment), dtype=np.int64)
        found = []
        for first in range(0, len(segment), ROW_GROUP_EVENTS):
            times = segment.piece("time_ms", first, min(first + ROW_GROUP_EVENTS, len(segment)))
            assert times is not None, "every event has a time"
            found.append(first + np.flatnonzero(self.before(times)))
        return np.concatenate(found)


@dataclass(frozen=True, slots=True)
class Covered:
    """What a cut covers.

    Parameters
    ----------
    coverage : which copies
    events : identities of events of which a further copy is covered, sorted
    late_voids : hashes of the ids of voids of which no copy is covered, sorted
    """

    coverage: Coverage
    events: Keys
    late_voids: UInt64s

    @classmethod
    def by(cls, coverage: Coverage, copies: Copies, void_copies: Copies) -> "Covered":
        """Return what is covered of the copies that there are."""
        voids = void_copies.covered(coverage)[0]
        return cls(coverage, copies.covered(coverage), np.setdiff1d(void_copies.key_hi, voids))

    def of(self, segment: Segment, places: Places) -> Flags:
        """Return which events at some places of a segment are covered."""
        if "origin" not in segment.columns:
            return np.ones(len(places), np.bool_)
        found = self.coverage.covers(segment.pick("origin", places), segment.pick("entry", places))
        rest = np.flatnonzero(~found)
        if len(rest) and len(self.events[0]):
            identities = (segment.pick(name, places[rest]) for name in _IDENTITY)
            found[rest] = find_sorted(*self.events, *identities) >= 0
        return found


_IDENTITY = ("identity_hi", "identity_lo")


@dataclass(frozen=True, slots=True)
class Parted:
    """The events of a segment before the day: all of them, those for the bases, and those whose rows change.

    ``lost`` is how many are not covered, and were not voided; ``is_whole`` whether nothing is left of the segment.
    """

    gone: Places
    base: Places
    changed: Places
    lost: int
    is_whole: bool = False

    def done(self) -> "Parted":
        """Return what is needed of it once the bases have theirs: places of years of events are not to be held."""
        return replace(self, base=NO_PLACES, gone=NO_PLACES if self.is_whole else self.gone)


def parted(
    segment: Segment, places: tuple[Places, Places], voids: UInt64s, covered: Covered
) -> Parted:
    """Return what becomes of events of a segment that go; ``voids`` are the hashes of all voided ids, sorted.

    ``places`` are those of the events that go, and of those of people who are erased: of these nothing is kept.
    Rows change where an event was folded into them that is lost, and where one was voided by a void that is not covered
    and has happened after all.
    """
    gone, erased = places
    if not len(gone):
        return Parted(NO_PLACES, NO_PLACES, NO_PLACES, 0)
    is_erased = are_in(erased, gone)
    is_covered = covered.of(segment, gone)
    ids = segment.pick("id_hash", gone)
    is_voided = are_in(voids, ids)
    is_base = is_covered & ~is_erased & ~(is_voided & ~are_in(covered.late_voids, ids))
    is_lost = ~is_covered & ~is_erased & ~is_voided
    changed = is_lost | (is_base & is_voided)
    is_whole = len(gone) == len(segment)
    return Parted(gone, gone[is_base], gone[changed], int(is_lost.sum()), is_whole)


def rest_of(segment: Segment, gone: Places) -> Segment | None:
    """Return a segment in memory without the events at some places; None if nothing is left."""
    kept = np.ones(len(segment), np.bool_)
    kept[gone] = False
    if not kept.any():
        return None
    counts = np.add.reduceat(kept.astype(np.int64), segment.offsets[:-1])
    there = counts > 0
    columns = {name: column[kept] for name, column in segment.columns.items()}
    sorted_ids, id_places = places_by_id(columns["id_hash"])
    return Segment(
        key_hi=segment.key_hi[there],
        key_lo=segment.key_lo[there],
        offsets=np.append(0, np.cumsum(counts[there])),
        columns=columns,
        sorted_ids=sorted_ids,
        id_places=id_places,
        min_ms=int(columns["time_ms"].min()),
        max_ms=int(columns["time_ms"].max()),
    )


# --- copies ----------------------------------------------------------------------------------------------------------


def further_copies(repeats: Mapping[str, Column], stored: Sequence[Segment]) -> Copies:
    """Return those copies of events, given by columns, that say more than the copies that are kept in segments."""
    count = len(repeats["time_ms"])
    says_more = np.ones(count, np.bool_)
    copies = Copies.of_events(repeats)
    low, high = repeats["time_ms"].min(), repeats["time_ms"].max()
    for segment in stored:
        if segment.min_ms > high or low > segment.max_ms:
            continue
        mine, origin, entry = _kept(segment, repeats, copies.keys)
        is_behind = (copies.origin[mine] == origin) & (copies.entry[mine] >= entry)
        says_more[mine] = (origin != ALWAYS) & ~is_behind
    return copies.picked(says_more)


def _kept(
    segment: Segment, repeats: Mapping[str, Column], identities: Keys
) -> tuple[Int64s, Column, Column]:
    """Return which of some events a segment holds, and the origin and entry of the copies that it has."""
    subjects = find_sorted(segment.key_hi, segment.key_lo, repeats["key_hi"], repeats["key_lo"])
    places = places_of_subjects(segment, np.unique(subjects[subjects >= 0]))
    held = [segment.pick(name, places) for name in _IDENTITY]
    order = np.lexsort((held[1], held[0]))
    found = find_sorted(held[0][order], held[1][order], *identities)
    mine = np.flatnonzero(found >= 0)
    if not len(mine) or "origin" not in segment.columns:
        return mine, np.full(len(mine), ALWAYS, np.int32), np.zeros(len(mine), np.int64)
    distinct, inverse = np.unique(places[order[found[mine]]], return_inverse=True)
    origin, entry = (segment.pick(name, distinct)[inverse] for name in COPY_COLUMNS)
    return mine, origin, entry
