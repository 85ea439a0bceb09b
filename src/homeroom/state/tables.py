"""The two subject tables of one tenant, and how events and whole rows get into them.

A state folds events into its tables; what it keeps of history that was cut lies in tables of the same kind, by raw key.
Both ways of filling a row, event by event and row by row (`homeroom.state.joining`), are here, so that they cannot come
to mean different things.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from homeroom import limits
from homeroom.events.dictionary import Dictionaries
from homeroom.events.model import TRACKS, EventBatch, Int64s, UInt64s
from homeroom.events.texts import sealed
from homeroom.state.fingerprint import hash_rows
from homeroom.state.fold import PARTITION_SHIFT
from homeroom.state.joining import join_rows, rows_of, rows_of_owners
from homeroom.state.keys import Keys, Renamed, distinct_keys
from homeroom.state.running import Run
from homeroom.state.standing import RESULTS, standing_batch
from homeroom.state.table import NO_DAY, Partition, RowBatch, SubjectTable
from homeroom.state.zones import Zone, local_days

__all__ = ["COURSE", "BaseRows", "Tables", "enrolment_keys"]

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


@dataclass(frozen=True, slots=True, kw_only=True)
class Tables:
    """Learners and enrolments, and what it takes to fold into them: zone, dictionaries, and what runs tasks."""

    zone: Zone
    dictionaries: Dictionaries
    run: Run
    learners: SubjectTable = field(default_factory=SubjectTable)
    enrolments: SubjectTable = field(default_factory=SubjectTable)

    def apart(self) -> "Tables":
        """Return tables with the same rows, into which can be folded while these stay what they are."""
        return replace(self, learners=self.learners.frozen(), enrolments=self.enrolments.frozen())

    def has_attribute(self, name: str) -> bool:
        """Say whether learners have a column of an attribute."""
        return any(name in partition.codes for partition in self.learners.partitions)

    # --- events ------------------------------------------------------------------------------------------------------

    def fold(self, batch: EventBatch) -> None:
        """Join events into the rows of the keys that they are under."""
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
        owned = replace(
            rows,
            key_hi=key_hi,
            key_lo=key_lo,
            attributes={COURSE: courses},
            ties=self._ties_of_courses(),
            owner_hi=rows.key_hi,
            owner_lo=rows.key_lo,
        )
        self.enrolments.fold(owned, self.run)
        if batch.standing is None:
            return
        says = enrolled & (batch.standing != 0)
        own, results = says[enrolled], {}
        for name in RESULTS:
            column = getattr(batch, name)
            results[name] = None if column is None else column[says]
        self.enrolments.fold_standings(
            standing_batch(
                (key_hi[own], key_lo[own]), batch.time_ms[says], batch.standing[says], results
            ),
            self.run,
        )

    def _ties_of_courses(self) -> dict[str, UInt64s]:
        # An enrolment has one course for ever, so nothing is ever tied.
        return {COURSE: np.zeros(len(self.dictionaries.course), np.uint64)}

    # --- whole rows --------------------------------------------------------------------------------------------------

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
        ties = {name: _ranks(one.values) for name, one in shown.items()}
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


def _chosen(rows: RowBatch, chosen: npt.NDArray[np.bool_]) -> RowBatch:
    return replace(
        rows,
        key_hi=rows.key_hi[chosen],
        key_lo=rows.key_lo[chosen],
        days=rows.days[chosen],
        time_ms=rows.time_ms[chosen],
        tracks=None if rows.tracks is None else rows.tracks[chosen],
    )
