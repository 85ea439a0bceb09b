"""The enrolments that are asked about, and the columns that say of them what is asked."""

from collections.abc import Callable, Hashable
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal, TypeAlias, TypeVar

import numpy as np
import numpy.typing as npt

from homeroom.cohorts.activity import partition_mask
from homeroom.cohorts.answers.answer import Counts
from homeroom.cohorts.answers.risk import Known
from homeroom.cohorts.context import Context
from homeroom.cohorts.course_time import refolded
from homeroom.cohorts.kernels import risk as kernels
from homeroom.cohorts.matching import Selection
from homeroom.cohorts.questions.risk import AtRisk
from homeroom.cohorts.standings import standing_history, table_as_of
from homeroom.events.model import Int8s, Int32s, Int64s
from homeroom.events.texts import sealed
from homeroom.state.running import listed
from homeroom.state.standing import COMPLETED, OUTCOME, STATUS
from homeroom.state.state import COURSE, State
from homeroom.state.table import ANY, NO_DAY, Partition, SubjectTable
from homeroom.state.zones import Zone, day_of_date, day_start_ms

__all__ = ["EVER", "NO_TIMES", "Asked", "of_rows", "versions_of"]

EVER = np.iinfo(np.int32).max
"""A day after all days."""
NO_TIMES: Int64s = sealed(np.empty(0, np.int64))
_NO_CODES: Int32s = sealed(np.empty(0, np.int32))
_ALL_ROWS: Int8s = sealed(np.empty(0, np.int8))
_Rows: TypeAlias = Int32s | None
"""Some rows of a partition, None for all."""
_Item = TypeVar("_Item", bound=np.generic)
From: TypeAlias = Literal["columns", "history"]


@dataclass(frozen=True)
class Asked:
    """The enrolments that are asked about, and the day at whose end.

    Parameters
    ----------
    active : has their days, cut in the zone that is asked for
    standing : has how they stand at the end of the day, row by row the same
    is_newest : whether nothing at all has come after the day
    until : by course code the day from which on it is not asked about: it has ended, or never; empty: all are
    """

    context: Context
    question: AtRisk
    selection: Selection
    day: int
    active: SubjectTable
    standing: SubjectTable
    is_newest: bool
    until: Int64s
    known: Known
    versions: tuple[int, ...]
    answered_from: From

    @classmethod
    def of(cls, context: Context, question: AtRisk, selection: Selection) -> "Asked":
        """Settle the day, and find the tables that hold what is asked for."""
        state, zone = context.state, context.zone
        day = context.day(zone)
        active = state.enrolments
        answered_from: From = "columns"
        if zone.name != state.zone.name:
            active, answered_from = refolded(state, zone, ()).enrolments, "history"
        span, end_ms = state.time_range_ms, day_start_ms(day + 1, zone)
        is_newest = span is None or span[1] < end_ms
        standing = active
        if not is_newest:
            standing = table_as_of(active, standing_history(state, end_ms), state.run)
            answered_from = "history"
        return cls(
            context=context,
            question=question,
            selection=selection,
            day=day,
            active=active,
            standing=standing,
            is_newest=is_newest,
            until=_until(state, question, selection),
            known=_known(state, question),
            versions=versions_of(state),
            answered_from=answered_from,
        )

    @property
    def state(self) -> State:
        """The state that is asked."""
        return self.context.state

    @property
    def zone(self) -> Zone:
        """The zone in which days are cut."""
        return self.context.zone

    @property
    def course_count(self) -> int:
        """Number of course runs in the data."""
        return len(self.state.dictionaries.course)

    @property
    def spares(self) -> tuple[bool, bool, bool]:
        """Whether having passed, failed and completed keeps from being at risk."""
        unless = self.question.unless
        return "passed" in unless, "failed" in unless, "completed" in unless

    @property
    def last_seen_day(self) -> int:
        """The day that is asked about, `NO_DAY` where nothing came after it: then there is no other answer to keep."""
        return int(NO_DAY) if self.is_newest else self.day

    @property
    def numbers(self) -> list[int]:
        """The partitions that have rows."""
        return [number for number, part in enumerate(self.active.partitions) if part.rows]

    def columns(self, number: int) -> tuple[Any, ...]:
        """Return the columns of a partition as `homeroom.cohorts.kernels.risk` takes them."""
        part, stands = self.active.partitions[number], self.standing.partitions[number]
        codes = (stands.codes.get(name, _NO_CODES) for name in (STATUS, OUTCOME, COMPLETED))
        return (
            sealed(part.start_day[: part.rows]),
            self.last_days(number),
            self.beyond_days(number),
            sealed(part.codes[COURSE][: part.rows]),
            *(sealed(one[: part.rows]) for one in codes),
            self.chosen(number),
        )

    def last_days(self, number: int) -> Int32s:
        """Return the last day up to the day that is asked about on which each row was active."""
        part = self.active.partitions[number]
        if self.is_newest:
            return sealed(part.last_day[: part.rows])

        def lowered(rows: _Rows) -> Int32s:
            last = of_rows(part.last_day[: part.rows], rows).copy()
            words = sealed(of_rows(part.words[ANY], rows))
            start = sealed(of_rows(part.start_day, rows))
            kernels.last_days(words, part.first_word, start, self.day, last)
            return last

        return _by_row(part, "last days", self.day, lowered)

    def beyond_days(self, number: int) -> Int32s:
        """Return the first day on which each row was active beyond the front page, `NO_DAY` for never."""
        part, tracks = self.active.partitions[number], self.known.tracks
        if not tracks:
            return sealed(part.start_day[: part.rows])

        def found(rows: _Rows) -> Int32s:
            words = [of_rows(part.words[track], rows) for track in tracks if track in part.words]
            addresses = np.array([one.ctypes.data for one in words], np.int64)
            first = np.full(part.rows if rows is None else len(rows), NO_DAY, np.int32)
            room = of_rows(part.words[ANY][:1], rows).shape[1]
            kernels.first_days(sealed(addresses), (room, part.word_count, part.first_word), first)
            return first

        return _by_row(part, "beyond days", tracks, found)

    def newest_by_course(self) -> Counts:
        """Return by course the last day up to the day on which anybody was active in it, int64, -1 for never."""

        def add(number: int, rows: _Rows, newest: Counts) -> None:
            part = self.active.partitions[number]
            courses = sealed(of_rows(part.codes[COURSE][: part.rows], rows))
            kernels.newest_days(sealed(of_rows(self.last_days(number), rows)), courses, newest)

        nobody = np.full(self.course_count, -1, np.int64)
        return self.by_course("newest by course", nobody, add, np.maximum)

    def by_course(
        self,
        name: str,
        nothing: npt.NDArray[_Item],
        add: Callable[[int, _Rows, npt.NDArray[_Item]], None],
        join: np.ufunc,
    ) -> npt.NDArray[_Item]:
        """Return by course what ``add`` finds up to the day, looked for again only in rows that were written to since.

        Parameters
        ----------
        name : of what is kept of it; see `Partition.derived`
        nothing : what there is of no row, of shape (courses,)
        add : joins into it what some rows of a partition have
        join : joins two of them
        """
        total = nothing
        for number in self.numbers:

            def more(
                known: npt.NDArray[_Item], rows: _Rows, number: int = number
            ) -> npt.NDArray[_Item]:
                found = known.copy()
                add(number, rows, found)
                return sealed(found)

            of = (self.last_seen_day, self.course_count)
            part = self.active.partitions[number]
            total = join(total, part.derived(name, of, partial(more, nothing, None), more))
        return self.state.run.gathered(total, join.reduce)

    def chosen(self, number: int) -> Int8s:
        """Return -1 for the rows whose learners are asked about, 0 for others; empty: all are."""
        learners = self.state.learners.partitions[number]
        mask = partition_mask(learners, self.selection.of_learners())
        if mask is None:
            return _ALL_ROWS
        if self.active is self.state.enrolments:
            return sealed(mask[self.state.owner_rows(number)])
        part = self.active.partitions[number]
        owners = (sealed(part.owners[half][: part.rows]) for half in ("hi", "lo"))
        return sealed(mask[learners.find(*owners)])


def of_rows(column: npt.NDArray[_Item], rows: _Rows) -> npt.NDArray[_Item]:
    """Return what some rows of a column or of words hold, side by side; all of it for None."""
    return column if rows is None else np.ascontiguousarray(column[..., rows])


def _by_row(part: Partition, name: str, of: Hashable, work: Callable[[_Rows], Int32s]) -> Int32s:
    """Return what is worked out for each row by itself, again only for those that were written to."""

    def renewed(known: Int32s, rows: Int32s) -> Int32s:
        found = np.empty(part.rows, known.dtype)
        found[: len(known)] = known
        found[rows] = work(rows)
        return sealed(found)

    return part.derived(name, of, lambda: sealed(work(None)), renewed)


def _until(state: State, question: AtRisk, selection: Selection) -> Int64s:
    courses = state.dictionaries.course
    until = np.full(len(courses), EVER, np.int64)
    for calendar in () if question.definitions is None else question.definitions.calendars:
        if "end" in calendar.marks:
            until[courses.named(calendar.course)] = day_of_date(calendar.marks["end"])
    for test in (*selection.tests, *selection.history_tests_of_course()):
        assert test.column == COURSE, "other conditions on events are refused"
        assert test.allowed is not None, "a course is a text"
        allowed = np.zeros(len(courses), np.bool_)
        allowed[: len(test.allowed) - 1] = test.allowed[1:] != 0
        until[~allowed] = -EVER
    return NO_TIMES if (until == EVER).all() else sealed(until)


def _known(state: State, question: AtRisk) -> Known:
    parts = state.enrolments.partitions
    columns = set(listed(state.run, [name for part in parts for name in part.codes]))
    tracks = set(listed(state.run, [name for part in parts for name in part.words]))
    return Known(
        enrolments=STATUS in columns,
        outcomes=OUTCOME in columns,
        completions=COMPLETED in columns,
        tracks=tuple(track for track in question.beyond if track in tracks),
    )


def versions_of(state: State) -> tuple[int, ...]:
    """Return what changes whenever an enrolment does."""
    return tuple(part.derived_rows.version for part in state.enrolments.partitions)
