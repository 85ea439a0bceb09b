"""What all parts of one course run's report share: its events, the weeks, how far the data are known."""

import datetime as dt
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from homeroom.cohorts.answers.answer import Counts
from homeroom.cohorts.answers.course_parts import Weeks
from homeroom.cohorts.context import Context
from homeroom.cohorts.course_report.acts import Act
from homeroom.cohorts.course_report.timeline import Block, CourseEvents
from homeroom.cohorts.periods import Periods, make_periods
from homeroom.cohorts.questions.course_report import CourseReport
from homeroom.events.dictionary import Dictionaries
from homeroom.events.model import STANDINGS
from homeroom.state.running import Run, any_of, listed
from homeroom.state.zones import Zone, date_of, day_of_date, day_start_ms

__all__ = ["Setting", "make_setting", "ranked"]

_ABOUT_ENROLMENT = (STANDINGS.index("enrolled"), STANDINGS.index("left"))


@dataclass(frozen=True)
class Setting:
    """What the parts of a report share.

    Parameters
    ----------
    events : the events of the course run
    periods : its calendar weeks
    days : first and end day of these, the end excluded
    start_day : the day on which the run begins
    end_ms : the end of the weeks, excluded
    as_of_ms : the as-of instant
    joins_by_verb : whether verbs say who joined and left, as no event says its standing in the course run
    """

    events: CourseEvents
    periods: Periods
    days: tuple[int, int]
    start_day: int
    end_ms: int
    as_of_ms: int
    joins_by_verb: bool
    zone: Zone
    dictionaries: Dictionaries
    run: Run

    @property
    def known_ms(self) -> int:
        """Last instant up to which the data are known and shown."""
        return min(self.as_of_ms, self.end_ms - 1)

    @property
    def weeks(self) -> Weeks:
        """The weeks as the parts show them."""
        return Weeks(self.periods.labels, self.periods.complete(self.as_of_ms))

    @property
    def week_count(self) -> int:
        """Number of weeks."""
        return self.periods.count

    @cached_property
    def activity_names(self) -> list[str]:
        """Text of each activity."""
        values = self.dictionaries.activity.values
        return [values[code] for code in self.events.activities.tolist()]

    @cached_property
    def section_names(self) -> list[str]:
        """Text of each section."""
        values = self.dictionaries.section.values
        return [values[code] for code in self.events.sections.tolist()]


def make_setting(
    context: Context, question: CourseReport, course: str, events: CourseEvents
) -> Setting:
    """Settle the weeks and the start of a course run."""
    run = context.state.run
    by_verb = not any_of(run, [_says_standing(block) for block in events.blocks])
    low, high, began = _reach(events, run, joins_by_verb=by_verb)
    first = question.from_ or min(low, question.to or low)
    last = question.to or max(high, first)
    periods = make_periods("week", context.zone, question.week_start, first, last)
    days = (int(periods.days[1]), int(periods.days[-1]))
    return Setting(
        events=events,
        periods=periods,
        days=days,
        start_day=day_of_date(_named_start(context, question, course) or began),
        end_ms=day_start_ms(days[1], context.zone),
        as_of_ms=context.as_of_ms,
        joins_by_verb=by_verb,
        zone=context.zone,
        dictionaries=context.state.dictionaries,
        run=run,
    )


def _says_standing(block: Block) -> bool:
    return bool(np.isin(block.standing, _ABOUT_ENROLMENT).any())


def _reach(
    events: CourseEvents, run: Run, *, joins_by_verb: bool
) -> tuple[dt.date, dt.date, dt.date]:
    """Return the dates of the first and the last event, and of the first that is not about joining or leaving."""
    firsts, lasts, begins = [], [], []
    for block in events.blocks:
        if joins_by_verb:
            about = (block.acts == Act.ENROLLED) | (block.acts == Act.LEFT)
        else:
            about = np.isin(block.standing, _ABOUT_ENROLMENT)
        firsts.append(int(block.days.min()))
        lasts.append(int(block.days.max()))
        begins += [int(block.days[~about].min())] if not about.all() else []
    low, high = min(listed(run, firsts)), max(listed(run, lasts))
    return date_of(low), date_of(high), date_of(min(listed(run, begins), default=low))


def _named_start(context: Context, question: CourseReport, course: str) -> dt.date | None:
    """Return the start that a calendar of the definitions names for a course run."""
    calendars = () if question.definitions is None else question.definitions.calendars
    known = context.state.dictionaries.course
    code = known.named(course)
    return next(
        (
            c.marks["start"]
            for c in calendars
            if "start" in c.marks and known.named(c.course) == code
        ),
        None,
    )


def ranked(names: list[str], learners: Counts) -> list[int]:
    """Return the numbers of what has learners, those of most learners first, of equal ones by name."""
    found = np.flatnonzero(learners).tolist()
    return sorted(found, key=lambda i: (-int(learners[i]), names[i]))
