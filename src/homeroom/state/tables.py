"""The two subject tables of one tenant, and how events and whole rows get into them.

A state folds events into its tables; what it keeps of history that was cut lies in tables of the same kind, by raw key.
Both ways of filling a row, event by event and row by row (`homeroom.state.joining`), are here, so that they cannot come
to mean different things.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from homeroom import limits
from homeroom.events.dictionary import Dictionaries
from homeroom.events.model import TRACKS, EventBatch, Int32s, Int64s, UInt64s
from homeroom.events.texts import sealed
from homeroom.state.fingerprint import hash_rows, partition_fingerprints, standing_hashes
from homeroom.state.fold import PARTITION_SHIFT
from homeroom.state.joining import join_rows, rows_of, rows_of_owners
from homeroom.state.keys import NO_NAMES, Keys, Renamed, distinct_keys
from homeroom.state.running import Run
from homeroom.state.standing import RESULTS, StandingBatch, standing_batch
from homeroom.state.still import table_apart
from homeroom.state.table import NO_DAY, Partition, ReadyRows, RowBatch, SubjectTable
from homeroom.state.zones import Zone, day_start_ms, local_days

__all__ = ["COURSE", "BaseRows", "ReadyTables", "Tables", "enrolment_keys"]

COURSE = "course"
"""The attribute that names an enrolment's course run."""
_PARTITION_BITS = np.uint64(limits.PARTITIONS - 1) << PARTITION_SHIFT
_Rows: TypeAlias = tuple[Partition, Int64s]
"""Some rows of a partition, by number."""


@dataclass(frozen=True, slots=True)
class BaseRows:
    """Rows of learners and of enrolments, by partition."""

    learners: Sequence[_Rows] = ()
    enrolments: Sequence[_Rows] = ()

    def without(self, covers: Callable[[UInt64s, UInt64s], npt.NDArray[np.bool_]]) -> "BaseRows":
        """Return the rows without those of learners that ``covers`` says, by the halves of their raw keys."""
        learners = [
            (part, rows[~covers(sealed(part.key_hi[rows]), sealed(part.key_lo[rows]))])
            for part, rows in self.learners
            if len(rows)
        ]
        enrolments = [
            (part, rows[~covers(*(sealed(part.owners[half][rows]) for half in ("hi", "lo")))])
            for part, rows in self.enrolments
            if len(rows)
        ]
        return BaseRows(learners, enrolments)


@dataclass(frozen=True, slots=True)
class ReadyTables:
    """Events that are ready to be joined; None is what there is nothing of."""

    learners: ReadyRows
    enrolments: ReadyRows | None = None
    standings: StandingBatch | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Tables:
    """Learners and enrolments, and what it takes to fold into them: zone, dictionaries, and what runs tasks.

    ``ranks`` has by attribute the places of its values in alphabetical order, kept until there are more of them.
    """

    zone: Zone
    dictionaries: Dictionaries
    run: Run
    learners: SubjectTable = field(default_factory=SubjectTable)
    enrolments: SubjectTable = field(default_factory=SubjectTable)
    ranks: dict[str, UInt64s] = field(default_factory=dict)

    def apart(self) -> "Tables":
        """Return tables with the same rows, into which can be folded while these stay what they are."""
        learners, enrolments = table_apart(self.learners), table_apart(self.enrolments)
        return replace(self, learners=learners, enrolments=enrolments)

    def empty(self) -> "Tables":
        """Return tables of the same kind without rows."""
        return replace(self, learners=SubjectTable(), enrolments=SubjectTable())

    def without(self, names: Collection[str]) -> "Tables":
        """Return tables whose learners have none of some attributes: these, or others with the same rows."""
        there = {name for one in self.learners.partitions for name in one.codes}.intersection(names)
        if not there:
            return self
        fresh = self.apart()
        for name in there:
            fresh.learners.forget_attribute(name)
        return fresh

    def without_learners(self, keys: Keys) -> "Tables":
        """Return tables without the rows of some learners and of their enrolments: these, or others of which none is.

        The keys of what was there go too.
        """
        if not self.have_learners(keys).any():
            return self
        fresh = self.apart()
        rows = fresh.rows_of(distinct_keys([keys]))
        for partition, picked in (*rows.learners, *rows.enrolments):
            if len(picked):
                partition.clear(picked.astype(np.int32))
                partition.reorder()
        return fresh

    def recoded(self, courses: Int32s, attributes: Mapping[str, Int32s]) -> "Tables":
        """Return tables with the same rows where texts have other codes now, and enrolments perhaps other keys.

        ``courses``, and ``attributes`` by name, have the code that each code has become. Rows that have become one
        enrolment are joined.
        """
        moved, fresh = self.apart(), self.empty()
        for table, codes in ((moved.learners, attributes), (moved.enrolments, {COURSE: courses})):
            for own in (partition.codes for partition in table.partitions):
                for name in own.keys() & codes.keys():
                    # The last place is that of -1, which stands for no value.
                    own[name] = np.append(codes[name], np.int32(-1))[own[name]]
        fresh.join(moved.all_rows(), NO_NAMES)
        return fresh

    # --- events ------------------------------------------------------------------------------------------------------

    def fold(self, batch: EventBatch) -> None:
        """Join events into the rows of the keys that they are under."""
        self.join_ready(self.ready(batch))

    def ready(self, batch: EventBatch) -> ReadyTables:
        """Make ready to join events: all that takes long. The tables must stay as they are until then."""
        rows = self._rows_of(batch)
        learners = self.learners.ready(rows, self.run)
        enrolled = batch.course >= 0
        if not enrolled.any():
            return ReadyTables(learners)
        owned = self._owned_by(batch, rows, enrolled)
        standings = _standings(batch, owned, enrolled)
        return ReadyTables(learners, self.enrolments.ready(owned, self.run), standings)

    def join_ready(self, ready: ReadyTables) -> None:
        """Join events that were made ready."""
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
        known = self.ranks.get(attribute)
        if known is None or len(known) != len(values):
            known = self.ranks[attribute] = _ranks(values)
        return known

    def _owned_by(
        self, batch: EventBatch, rows: RowBatch, enrolled: npt.NDArray[np.bool_]
    ) -> RowBatch:
        """Return the rows of the events of a batch that name a course, as of enrolments."""
        if not enrolled.all():
            rows = _chosen(rows, enrolled)
        courses = batch.course[enrolled]
        key_hi, key_lo = enrolment_keys(
            rows.key_hi, rows.key_lo, self.dictionaries.course.hashes.hi[courses]
        )
        return replace(
            rows,
            key_hi=key_hi,
            key_lo=key_lo,
            attributes={COURSE: courses},
            ties=self._ties_of_courses(),
            owner_hi=rows.key_hi,
            owner_lo=rows.key_lo,
        )

    def _ties_of_courses(self) -> dict[str, UInt64s]:
        # An enrolment has one course for ever, so nothing is ever tied.
        return {COURSE: np.zeros(len(self.dictionaries.course), np.uint64)}

    # --- whole rows --------------------------------------------------------------------------------------------------

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
            part.derived_rows.moved()

    def owner_rows(self, number: int) -> Int32s:
        """Return for each enrolment of a partition the row of its learner; see `State.owner_rows`."""
        owned, owning = self.enrolments.partitions[number], self.learners.partitions[number]

        def found(begin: int = 0) -> Int32s:
            nobody = np.empty(0, np.uint64)
            hi, lo = (owned.owners.get(half, nobody)[begin : owned.rows] for half in ("hi", "lo"))
            return sealed(owning.find(sealed(hi), sealed(lo)))

        return owned.derived(
            "owner rows",
            owning.derived_rows.moves,
            found,
            lambda known, _: sealed(np.concatenate([known, found(len(known))])),
        )

    def all_rows(self) -> BaseRows:
        """Return all rows that hold anything."""
        return BaseRows(
            *(
                [(part, np.flatnonzero(part.start_day[: part.rows] != NO_DAY)) for part in parts]
                for parts in (self.learners.partitions, self.enrolments.partitions)
            )
        )

    def rows_of(self, keys: Keys) -> BaseRows:
        """Return the rows of some learners, given by distinct keys, and of their enrolments."""
        learners, enrolments = [], []
        for number, mine in by_partition(keys):
            owning, owned = self.learners.partitions[number], self.enrolments.partitions[number]
            asked = sealed(keys[0][mine]), sealed(keys[1][mine])
            learners.append((owning, rows_of(owning, asked)))
            enrolments.append((owned, rows_of_owners(owned, asked)))
        return BaseRows(learners, enrolments)

    def fingerprint(self) -> int:
        """Return a number that is equal for equal rows; see `homeroom.state.fingerprint`."""
        return sum(self.shards())

    def shards(self) -> list[int]:
        """Return the fingerprints of the partitions of learners, and then of enrolments; their sum is that of all."""
        return [
            one
            for table, kind, values in self.hashed()
            for one in partition_fingerprints(table, kind, values)
        ]

    def hashed(self) -> tuple[tuple[SubjectTable, str, Mapping[str, UInt64s]], ...]:
        """Return both tables, each with its name and the hashes of values behind codes."""
        hashes = {name: values.hashes.hi for name, values in self.dictionaries.attributes.items()}
        of_enrolments = {COURSE: self.dictionaries.course.hashes.hi, **standing_hashes()}
        return (
            (self.learners, "learner", hashes),
            (self.enrolments, "enrolment", of_enrolments),
        )

    def span_ms(self) -> tuple[int, int] | None:
        """Return the first instant of the first day of any learner, and the last one of the last; None without any."""
        days = []
        for partition, rows in self.all_rows().learners:
            if len(rows):
                first, last = partition.start_day[rows].min(), partition.last_day[rows].max()
                days.append((int(first), int(last)))
        if not days:
            return None
        low, high = min(first for first, _ in days), max(last for _, last in days)
        return day_start_ms(low, self.zone), day_start_ms(high + 1, self.zone) - 1

    def have_learners(self, keys: Keys) -> npt.NDArray[np.bool_]:
        """Return which keys have a row, bool of shape (n,)."""
        found = np.zeros(len(keys[0]), np.bool_)
        for number, mine in by_partition(keys):
            asked = sealed(keys[0][mine]), sealed(keys[1][mine])
            found[mine] = self.learners.partitions[number].find(*asked) >= 0
        return found

    def enrolments_under(self, rows: BaseRows, names: Renamed) -> list[Keys]:
        """Return the keys of enrolments, given by their rows, where their learners go under some names."""
        return [self._enrolments_of(one, names)[0] for one in rows.enrolments]

    def _enrolments_of(self, rows: _Rows, names: Renamed) -> tuple[Keys, Keys]:
        """Return the keys of enrolments where their learners go under some names, and those of the learners."""
        partition, picked = rows
        if not len(picked):
            return distinct_keys([]), distinct_keys([])
        owners = names.apply(*(sealed(partition.owners[half][picked]) for half in ("hi", "lo")))
        hashes = self.dictionaries.course.hashes.hi[partition.codes[COURSE][picked]]
        return enrolment_keys(*owners, hashes), owners

    def join(self, rows: BaseRows, names: Renamed) -> None:
        """Join rows of other tables, which lie there by raw key, into the rows that these go under."""
        shown = self.dictionaries.shown_attributes
        ties = {name: self._ranks_of(name) for name in shown}
        for one in rows.learners:
            partition, picked = one
            keys = names.apply(sealed(partition.key_hi[picked]), sealed(partition.key_lo[picked]))
            join_rows(self.learners, one, keys, None, ties, self.run)
        for one in rows.enrolments:
            keys, owners = self._enrolments_of(one, names)
            join_rows(self.enrolments, one, keys, owners, self._ties_of_courses(), self.run)


def by_partition(keys: Keys) -> list[tuple[int, npt.NDArray[np.bool_]]]:
    """Return the partitions that some keys lie in, and which of them."""
    numbers = keys[0] >> PARTITION_SHIFT
    return [(number, numbers == number) for number in np.unique(numbers).tolist()]


def enrolment_keys(
    key_hi: UInt64s, key_lo: UInt64s, course_hashes: UInt64s
) -> tuple[UInt64s, UInt64s]:
    """Return the keys of enrolments; an enrolment lies in the partition of its learner."""
    hi, lo = hash_rows(key_hi, key_lo, course_hashes)
    return (hi & ~_PARTITION_BITS) | (key_hi & _PARTITION_BITS), lo


def _ranks(values: Sequence[str]) -> UInt64s:
    """Return the place of each value in alphabetical order: of values set at one time, the last of them wins."""
    ranks = np.empty(len(values), np.uint64)
    ranks[sorted(range(len(values)), key=values.__getitem__)] = np.arange(
        len(values), dtype=np.uint64
    )
    return ranks


def _standings(
    batch: EventBatch, owned: RowBatch, enrolled: npt.NDArray[np.bool_]
) -> StandingBatch | None:
    """Return what the events of a batch say of how enrolments stand; ``owned`` are those that name a course."""
    if batch.standing is None:
        return None
    says = enrolled & (batch.standing != 0)
    own, results = says[enrolled], {}
    for name in RESULTS:
        column = getattr(batch, name)
        results[name] = None if column is None else column[says]
    keys = owned.key_hi[own], owned.key_lo[own]
    return standing_batch(keys, batch.time_ms[says], batch.standing[says], results)


def _chosen(rows: RowBatch, chosen: npt.NDArray[np.bool_]) -> RowBatch:
    return replace(
        rows,
        key_hi=rows.key_hi[chosen],
        key_lo=rows.key_lo[chosen],
        days=rows.days[chosen],
        time_ms=rows.time_ms[chosen],
        tracks=None if rows.tracks is None else rows.tracks[chosen],
    )
