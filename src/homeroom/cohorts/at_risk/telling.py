"""What of the numbers is told: course runs in order, nothing that is too small, and what the data lack."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from homeroom.cohorts.answers.answer import Counts
from homeroom.cohorts.answers.belonging import SUPPRESSED
from homeroom.cohorts.answers.risk import CourseRisk, RiskTrend, guarded
from homeroom.cohorts.at_risk.asked import EVER, Asked
from homeroom.cohorts.at_risk.numbers import Trend
from homeroom.cohorts.matching import OTHER
from homeroom.events.model import Int64s
from homeroom.limits import RISK_COURSES_MAX
from homeroom.state.zones import date_of

__all__ = ["Told", "notes_of", "told_trend"]

STILL_DAYS = 28
"""So long without anybody's activity, a course run has perhaps ended."""
NAMES_MAX = 5


@dataclass(frozen=True)
class Told:
    """What of the numbers is told.

    ``order`` are the course codes of ``courses``, those that are joined in `OTHER` in one group at the end; ``hidden``
    bool by course code: how many are at risk is not told.
    """

    whole: int
    courses: tuple[CourseRisk, ...]
    order: tuple[Int64s, ...]
    hidden: npt.NDArray[np.bool_]

    @classmethod
    def of(cls, asked: Asked, current: Counts, at_risk: Counts) -> "Told":
        """Order the course runs that have current enrolments, and leave out what is too small."""
        names = asked.state.dictionaries.course.values
        order = _course_order(asked, current, at_risk)
        sums = [
            np.array([int(counts[codes].sum()) for codes in order], np.int64)
            for counts in (current, at_risk)
        ]
        bound = asked.question.suppress_below
        told, whole = guarded(sums[1], sums[0], int(at_risk.sum()), bound)
        courses = tuple(
            CourseRisk(names[codes[0]] if len(codes) == 1 else OTHER, int(there), int(count))
            for codes, there, count in zip(order, sums[0], told, strict=True)
        )
        hidden = np.full(len(names), whole == SUPPRESSED)
        for codes, count in zip(order, told, strict=True):
            hidden[codes] |= count == SUPPRESSED
        return cls(whole, courses, order, hidden)


def _course_order(asked: Asked, current: Counts, at_risk: Counts) -> tuple[Int64s, ...]:
    names = asked.state.dictionaries.course.values
    there = np.flatnonzero(current)
    ranked = sorted(there.tolist(), key=lambda code: (-at_risk[code], -current[code], names[code]))
    alone, rest = ranked[:RISK_COURSES_MAX], ranked[RISK_COURSES_MAX:]
    if len(rest) == 1:
        alone, rest = ranked, []
    groups = [np.array([code], np.int64) for code in alone]
    return (*groups, np.array(rest, np.int64)) if rest else tuple(groups)


def told_trend(asked: Asked, trend: Trend, order: Sequence[Int64s]) -> RiskTrend:
    """Return a trend for groups of courses, as `Told.order` has them, without what is too small to be told."""
    weeks, names = len(trend.days), asked.state.dictionaries.course.values
    current, at_risk = (
        np.array([counts.sum(axis=0), *(counts[codes].sum(axis=0) for codes in order)], np.int64)
        for counts in (trend.current, trend.at_risk)
    )
    bound = asked.question.suppress_below
    for week in range(weeks if bound else 0):
        parts, whole = at_risk[1:, week], int(at_risk[0, week])
        at_risk[1:, week], at_risk[0, week] = guarded(parts, current[1:, week], whole, bound)
    return RiskTrend(
        ends=tuple(date_of(int(day)).isoformat() for day in trend.days),
        courses=tuple(names[codes[0]] if len(codes) == 1 else OTHER for codes in order),
        current=current,
        at_risk=at_risk,
        complete=trend.complete,
    )


def notes_of(asked: Asked, current: Counts, unsaid: int) -> tuple[str, ...]:
    """Say which conditions the data cannot answer, and what that does to the numbers."""
    question, known, notes = asked.question, asked.known, []
    if not known.enrolments:
        notes.append(
            "no event says who enrolled or left: whoever was active beyond the front page counts as enrolled"
        )
    elif unsaid:
        notes.append(
            f"of {unsaid:,} of the {int(current.sum()):,} current enrolments no event says that they were made; they "
            f"count from their first activity beyond the front page"
        )
    if question.beyond and not known.tracks:
        notes.append(
            f"no event is of the tracks {', '.join(question.beyond)}: who went beyond the front page is not known, "
            f"and everybody counts as if they did"
        )
    if not known.outcomes and {"passed", "failed"} & set(question.unless):
        notes.append("no event says who passed or failed: those who did are among those at risk")
    if not known.completions and "completed" in question.unless:
        notes.append("no event says who completed: those who did are among those at risk")
    names = asked.state.dictionaries.course.values
    still = [names[code] for code in _still_runs(asked, current)]
    if still:
        notes.append(
            f"nobody has been active for {STILL_DAYS} days or more in {_some(still)}: if a run has ended, say so in a "
            f"calendar of definitions (end)"
        )
    ended = [names[i] for i in np.flatnonzero((asked.until > -EVER) & (asked.until <= asked.day))]
    if ended:
        notes.append(f"ended by then, and left out: {_some(ended)}")
    return tuple(notes)


def _still_runs(asked: Asked, current: Counts) -> Int64s:
    """Return the course runs with current enrolments in which nobody at all has been active for long."""
    newest = asked.newest_by_course()
    return np.flatnonzero((current > 0) & (newest <= asked.day - STILL_DAYS))


def _some(names: Sequence[str]) -> str:
    """Return some names, and how many more there are."""
    shown = sorted(names)[:NAMES_MAX]
    more = len(names) - len(shown)
    return ", ".join(shown) + (f" and {more:,} more" if more else "")
