"""Which enrolments are at risk: the first of the list quickly, all of it where somebody wants all."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from homeroom.cohorts.answers.answer import Counts
from homeroom.cohorts.answers.risk import RiskList
from homeroom.cohorts.at_risk.asked import Asked, of_rows, versions_of
from homeroom.cohorts.kernels import risk as kernels
from homeroom.cohorts.members import pack
from homeroom.errors import QuestionError
from homeroom.events.model import TRACKS, Int32s, Int64s, UInt64s
from homeroom.events.texts import sealed
from homeroom.limits import DAYS_PER_WORD
from homeroom.state.running import listed, summed
from homeroom.state.standing import ENROLLED, FAILED, GRADE, OUTCOME, PROGRESS, STATUS
from homeroom.state.state import COURSE
from homeroom.state.table import ANY, NO_DAY, Partition
from homeroom.state.zones import local_days

__all__ = ["Listing", "without"]

_DAY_BITS = 20
"""So many hold a day, or a number of days."""
_Ranked: TypeAlias = tuple[int, Int32s, Int64s]
"""A partition, some of its rows, and their ranks."""


def without(
    asked: Asked, bits: Sequence[UInt64s], hidden: npt.NDArray[np.bool_]
) -> Sequence[UInt64s]:
    """Return the bits without the enrolments in course runs of which nothing is told."""
    if not hidden.any():
        return bits
    kept = list(bits)
    for number in asked.numbers:
        part = asked.active.partitions[number]
        shown = ~hidden[part.codes[COURSE][: part.rows]]
        kept[number] = bits[number] & pack(shown)
    return [sealed(one) for one in kept]


@dataclass(frozen=True)
class Listing:
    """The enrolments at risk, by partition as bits, to be described when they are wanted."""

    asked: Asked
    bits: Sequence[UInt64s]

    def first(self, limit: int) -> RiskList:
        """Return the first enrolments of the list, without a look at most of the others."""
        found = {number: rows for number, rows, _ in self._best(limit)} if limit else {}
        whole = self._described(found)
        return whole.at(_order(whole, self.asked.question.sort)[:limit])

    def everyone(self) -> RiskList:
        """Return the whole list. Raises `QuestionError` if the data have changed since the question was asked."""
        if self.asked.versions != versions_of(self.asked.state):
            raise QuestionError("the data have changed since this was answered; ask again")
        whole = self._described(
            {number: self._rows(number, (-NO_DAY, int(NO_DAY))) for number in self.asked.numbers}
        )
        return whole.at(_order(whole, self.asked.question.sort))

    def _best(self, limit: int) -> list[_Ranked]:
        """Return by partition the rows among which the first ``limit`` of the list are: few more than these."""
        span = (-NO_DAY, int(NO_DAY))
        if self.asked.question.sort in ("recently-lost", "longest-quiet"):
            span = self._enough(limit)
        found: list[_Ranked] = []

        def work(number: int) -> None:
            rows = self._rows(number, span)
            ranks = self._ranks(number, rows)
            found.append((number, *_highest(rows, ranks, limit)))

        self.asked.state.run([partial(work, number) for number in self.asked.numbers])
        ranks = np.concatenate([np.empty(0, np.int64), *(ranks for _, _, ranks in found)])
        least = _least_of(ranks, limit)
        return [(number, rows[own >= least], own[own >= least]) for number, rows, own in found]

    def _rows(self, number: int, span: tuple[int, int]) -> Int32s:
        """Return the rows of a partition that are at risk, last active on a day of the span."""
        rows = np.empty(int(np.bitwise_count(self.bits[number]).sum()), np.int32)
        last = self.asked.last_days(number)
        return rows[: kernels.rows_within(self.bits[number], last, span, rows)]

    def _ranks(self, number: int, rows: Int32s) -> Int64s:
        """Return numbers that are the greater, the earlier an enrolment stands in the list; some may be equal."""
        part = self.asked.active.partitions[number]
        days = np.empty(len(rows), np.int32)
        kernels.active_days(
            sealed(part.words[ANY]), part.first_word, sealed(rows), self.asked.day, days
        )
        last, active = self.asked.last_days(number)[rows].astype(np.int64), days.astype(np.int64)
        match self.asked.question.sort:
            case "recently-lost":
                return (last << _DAY_BITS) + active
            case "longest-quiet":
                return (-last << _DAY_BITS) + active
            case "most-active":
                return (active << _DAY_BITS) + last
        ranks = _alphabetical(self.asked.state.dictionaries.course.values)
        courses = ranks[part.codes[COURSE][rows]]
        return (-courses << 2 * _DAY_BITS) + (last << _DAY_BITS) + active

    def _enough(self, limit: int) -> tuple[int, int]:
        """Return a span of last days that holds the first ``limit`` enrolments of the list."""
        day, parts = self.asked.day, self.asked.active.partitions
        began = listed(self.asked.state.run, [p.first_word for p in parts if p.rows])
        room = max(day - DAYS_PER_WORD * min(began, default=0), 0) + 1

        def add(number: int, counts: Counts) -> None:
            kernels.count_quiet_days(self.bits[number], self.asked.last_days(number), day, counts)

        counts = summed(self.asked.numbers, (room,), add, self.asked.state.run)
        if self.asked.question.sort == "recently-lost":
            quiet = int(np.searchsorted(np.cumsum(counts), min(limit, counts.sum())))
            return day - quiet, day
        quiet = int(np.searchsorted(np.cumsum(counts[::-1]), min(limit, counts.sum())))
        return -NO_DAY, day - (room - 1 - quiet)

    def _described(self, rows: Mapping[int, Int32s]) -> RiskList:
        """Return the enrolments in these rows by partition, in no order."""
        found = [_described(self.asked, number, rows[number]) for number in sorted(rows)]
        ours = _joined(found)
        return RiskList(
            **self.asked.state.run.gathered(ours, _joined),
            courses=self.asked.state.dictionaries.course.values,
            offered=_offered(self.asked),
            day=self.asked.day,
            known=self.asked.known,
        )


def _joined(found: Sequence[Mapping[str, npt.NDArray[Any]]]) -> dict[str, npt.NDArray[Any]]:
    return {
        name: np.concatenate([nothing, *(one[name] for one in found)])
        for name, nothing in _EMPTY.items()
    }


def _highest(rows: Int32s, ranks: Int64s, limit: int) -> tuple[Int32s, Int64s]:
    kept = ranks >= _least_of(ranks, limit)
    return rows[kept], ranks[kept]


def _least_of(ranks: Int64s, limit: int) -> int:
    """Return the least of the ``limit`` greatest ranks."""
    if len(ranks) <= limit:
        return int(ranks.min(initial=0))
    return int(np.partition(ranks, len(ranks) - limit)[len(ranks) - limit])


_EMPTY = {
    "key_hi": np.empty(0, np.uint64),
    "key_lo": np.empty(0, np.uint64),
    "course": np.empty(0, np.int32),
    "enrolled_day": np.empty(0, np.int32),
    "first_day": np.empty(0, np.int32),
    "last_day": np.empty(0, np.int32),
    "active_days": np.empty(0, np.int32),
    "tracks": np.empty(0, np.uint8),
    "failed": np.empty(0, np.bool_),
    "grade": np.empty(0, np.float64),
    "progress": np.empty(0, np.float64),
}


def _described(asked: Asked, number: int, rows: Int32s) -> dict[str, npt.NDArray[Any]]:
    """Return the columns of a `RiskList` for rows of a partition."""
    part, stands = asked.active.partitions[number], asked.standing.partitions[number]
    until_day = _days_up_to(part, asked.day)
    days = np.bitwise_count(part.words[ANY][:, rows] & until_day)
    tracks = np.zeros(len(rows), np.uint8)
    for code, track in enumerate(TRACKS):
        if track in part.words:
            was = (part.words[track][:, rows] & until_day).any(axis=0)
            tracks |= was.astype(np.uint8) << np.uint8(code)
    enrolled = np.full(len(rows), -1, np.int32)
    failed = np.zeros(len(rows), np.bool_)
    if STATUS in stands.codes:
        known = stands.codes[STATUS][rows] == ENROLLED
        enrolled[known] = local_days(stands.set_ms[STATUS][rows][known], asked.zone)
    if OUTCOME in stands.codes:
        failed = stands.codes[OUTCOME][rows] == FAILED
    unknown = np.full(len(rows), np.nan)
    grade, progress = (
        stands.numbers[name][rows] if name in stands.numbers else unknown
        for name in (GRADE, PROGRESS)
    )
    return {
        "key_hi": part.owners["hi"][rows],
        "key_lo": part.owners["lo"][rows],
        "course": part.codes[COURSE][rows],
        "enrolled_day": enrolled,
        "first_day": part.start_day[rows],
        "last_day": asked.last_days(number)[rows],
        "active_days": days.sum(axis=0).astype(np.int32),
        "tracks": tracks,
        "failed": failed,
        "grade": grade,
        "progress": progress,
    }


def _days_up_to(part: Partition, day: int) -> UInt64s:
    """Return for each word of a partition the mask of its days up to a day, uint64 of shape (words, 1)."""
    lows = (part.first_word + np.arange(part.word_count)) * DAYS_PER_WORD
    bits = np.clip(day - lows + 1, 0, DAYS_PER_WORD).astype(np.uint64)
    return ((np.uint64(1) << bits) - np.uint64(1))[:, None]


def _offered(asked: Asked) -> npt.NDArray[np.uint8]:
    """Return by course the tracks that anybody was active in up to the day, bit t for track t."""

    def add(number: int, rows: Int32s | None, offered: npt.NDArray[np.uint8]) -> None:
        part = asked.active.partitions[number]
        masks = sealed(_days_up_to(part, asked.last_seen_day)[:, 0])
        courses = sealed(of_rows(part.codes[COURSE][: part.rows], rows))
        for code, track in enumerate(TRACKS):
            if track in part.words:
                words = sealed(of_rows(part.words[track], rows))
                kernels.tracks_of(words, masks, courses, np.uint8(1 << code), offered)

    nothing = np.zeros(asked.course_count, np.uint8)
    return asked.by_course("tracks offered", nothing, add, np.bitwise_or)


def _order(rows: RiskList, sort: str) -> Int64s:
    """Return the places of enrolments in the order of the list; what is equal stands in the order of pseudonyms."""
    same = (rows.course, rows.key_lo, rows.key_hi)
    ranks = _alphabetical(rows.courses)
    by = {
        "recently-lost": (-rows.active_days, -rows.last_day),
        "longest-quiet": (-rows.active_days, rows.last_day),
        "most-active": (-rows.last_day, -rows.active_days),
        "course": (-rows.active_days, -rows.last_day, ranks[rows.course]),
    }
    return np.lexsort((*same, *by[sort]))


def _alphabetical(names: Sequence[str]) -> Int64s:
    """Return the place of each name in the order of the alphabet."""
    ranks = np.empty(len(names), np.int64)
    ranks[np.argsort(np.array(names, object), kind="stable")] = np.arange(len(names))
    return ranks
