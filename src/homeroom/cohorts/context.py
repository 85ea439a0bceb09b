"""What answering any question needs: the state, the range, the zone, and where bits of activity come from.

The columns answer a question if its conditions are about tracks, one course, or attributes of learners, if its
periods are made of days, and if its zone is that of the day bits. Everything else is answered from history. The
answer says which, and both give the same.
"""

import datetime as dt
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np

from homeroom.cohorts.activity import Activity, ColumnActivity, HistoryActivity
from homeroom.cohorts.answers import Source
from homeroom.cohorts.evaluating import Evaluator
from homeroom.cohorts.matching import Selection, common, resolve
from homeroom.cohorts.periods import Periods, make_periods
from homeroom.cohorts.questions import Condition, Interval, Question
from homeroom.events.instants import format_instant
from homeroom.state.state import State
from homeroom.state.zones import Zone, date_of, load_zone, local_days

__all__ = ["Context", "make_context"]

_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)


@dataclass(frozen=True)
class Context:
    """What all parts of one answer share: range and ``as_of`` come from all events, before filters."""

    state: State
    zone: Zone
    first: dt.date | None
    last: dt.date | None
    as_of_ms: int
    source: Source

    def periods(self, question: Question, interval: Interval) -> Periods:
        """Return the shown periods."""
        if self.first is None or self.last is None:
            return make_periods(interval, self.zone, question.week_start, dt.date.max, dt.date.min)
        return make_periods(interval, self.zone, question.week_start, self.first, self.last)

    def from_columns(self, interval: Interval, *selections: Selection) -> bool:
        """Whether the columns hold all that is asked for."""
        return (
            interval != "hour"
            and self.zone.name == self.state.zone.name
            and not any(selection.needs_history for selection in selections)
        )

    def activity(self, periods: Periods, *behaviours: Selection) -> Activity:
        """Return where the period bits of these behaviours come from."""
        if self.from_columns(periods.interval, *behaviours):
            course = any(behaviour.course is not None for behaviour in behaviours)
            return ColumnActivity(
                self.state.enrolments if course else self.state.learners, periods, behaviours
            )
        return HistoryActivity(self.state, periods, behaviours)

    def said(
        self,
        question: Question,
        periods: Periods,
        answered_from: Literal["columns", "history"],
        *selections: Selection,
    ) -> dict[str, Any]:
        """Return what all answers say of themselves."""
        known = self.as_of_ms > np.iinfo(np.int64).min
        return {
            "question": question,
            "periods": periods.labels,
            "as_of": format_instant(self.as_of_ms) if known else None,
            "timezone": self.zone.name,
            "answered_from": answered_from,
            "source": self.source,
            "notes": tuple(
                dict.fromkeys(note for selection in selections for note in selection.notes)
            ),
        }

    def filters(self, question: Question) -> Selection:
        """Return what a question's filters let through."""
        return resolve(question.filters, self.state.dictionaries)

    def selection(self, question: Question) -> Selection:
        """Return what a question's filters let through, and the members of its cohort if it names one."""
        selection = self.filters(question)
        if question.cohort is None or question.definitions is None:
            return selection
        evaluator = Evaluator(self.state, question.definitions)
        found = evaluator.evaluate([question.cohort], self.day(evaluator.zone))
        members = found.members[question.cohort]
        masks = [(part, members.mask(i)) for i, part in enumerate(self.state.learners.partitions)]
        return replace(
            selection,
            members=tuple(masks),
            members_from=found.answered_from,
            notes=(*selection.notes, *found.notes),
        )

    def day(self, zone: Zone) -> int:
        """Return the local day of the as-of instant, on which cohorts are evaluated."""
        if self.as_of_ms < 0:
            return 0
        return int(local_days(np.array([self.as_of_ms], np.int64), zone)[0])

    def behaviour(self, filters: Selection, conditions: tuple[Condition, ...]) -> Selection:
        """Return what passes the filters and the conditions of one behaviour."""
        if not conditions:
            return filters
        own = resolve(conditions, self.state.dictionaries)
        course = own.history_tests_of_course()
        return Selection(
            tracks=common(filters.tracks, own.tracks),
            course=filters.course,
            tests=(*filters.tests, *own.tests, *course),
            learners=(*filters.learners, *own.learners),
            notes=(*filters.notes, *own.notes),
            members=filters.members,
        )


def make_context(state: State, question: Question, source: Source) -> Context:
    """Settle the range, the zone and the as-of instant of a question on these data."""
    zone = load_zone(question.timezone or state.zone.name)
    span = state.time_range_ms
    first, last, newest_ms = (
        question.from_ or question.to,
        question.to or question.from_,
        np.iinfo(np.int64).min,
    )
    if span is not None:
        low, high = (date_of(int(day)) for day in local_days(np.array(span, np.int64), zone))
        first = question.from_ or min(low, question.to or low)
        last = question.to or max(high, first)
        newest_ms = span[1]
    if question.as_of is not None:
        newest_ms = (question.as_of - _EPOCH) // dt.timedelta(milliseconds=1)
    return Context(state, zone, first, last, int(newest_ms), source)
