"""What of the data an answer depends on: course runs, attributes, one learner; or all of it.

A question about one course run reads its events and nothing else, so what is written of other course runs leaves its
answer as it is. But for three things, and these are told apart here:

- *All of the data* stand in every answer: the instant up to which they are known, and what was read (`Source`). They
  are at the end of what is told, and whoever tells an answer again puts in what they are by then. Which columns there
  are at all (whether any event says who passed) is looked at too, and changes a few times in all.
- *Days*: a range without an end goes as far as any event, a period is complete once the newest event is later, cohorts
  are those of the newest event's day. So an answer names the days that it was made under (`under`), and is no more
  what the engine would say when they have changed. Some answers change with the instant itself: a chain that may still
  be finished, a course run whose last week is not over. These name the instant.
- *What is missing*: "no event has verb x" is about all events. An answer with such a note depends on everything, as
  does one that is refused.

Only what is listed here is believed to depend on less than everything: a new kind of question, or of rule, does not.
"""

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import numpy as np

from homeroom.cohorts.answers import Answer, AtRiskAnswer, CourseReportAnswer, FunnelAnswer
from homeroom.cohorts.answers.behaviour import PathsAnswer
from homeroom.cohorts.matching import NONE
from homeroom.cohorts.questions import (
    ATTENDANCE,
    FLAG_FIELDS,
    NUMBER_FIELDS,
    TEXT_FIELDS,
    AtRisk,
    Condition,
    CourseReport,
    Definitions,
    Funnel,
    Learner,
    Paths,
    Question,
)
from homeroom.cohorts.questions.rules import (
    Attribute,
    Conditions,
    Did,
    DidThenNot,
    First,
    InCohort,
    Listed,
    Result,
    Rule,
    Sequence,
    Stopped,
    leaves,
)
from homeroom.events.instants import EPOCH
from homeroom.state.zones import load_zone, local_days

__all__ = ["Depends", "Span", "Under", "depends_of", "made_under", "span_of", "under"]

_BY_COURSE: Final[tuple[type[Question], ...]] = (*ATTENDANCE, Funnel, Paths, CourseReport, AtRisk)
_OF_EVENTS: Final = frozenset((*TEXT_FIELDS, *NUMBER_FIELDS, *FLAG_FIELDS))
_MISSING: Final = "no event has "
"""So does every note begin that says so of all events; what columns there are is looked at in another way."""


@dataclass(frozen=True, slots=True)
class Depends:
    """What an answer depends on, beside days: all of these, and nothing else.

    Parameters
    ----------
    courses : names of course runs, as the question has them
    attributes : names of attributes of learners
    learner : a pseudonym, 32 hexadecimal digits in lower case; empty for none
    zones : in which days are cut, None for that of the data
    """

    courses: frozenset[str] = frozenset()
    attributes: frozenset[str] = frozenset()
    learner: str = ""
    zones: tuple[str | None, ...] = ()


@dataclass(frozen=True, slots=True)
class Span:
    """The instants of the first and of the last event, and that up to which a question takes the data to be known."""

    first_ms: int
    last_ms: int
    as_of_ms: int


@dataclass(frozen=True, slots=True)
class Under:
    """Under which days, and under which days and instant, a question is answered."""

    days: str
    instant: str


# --- questions -------------------------------------------------------------------------------------------------------


def depends_of(question: Question) -> Depends | None:
    """Return what the answer to a question depends on; None for everything."""
    if isinstance(question, Learner):
        return _of_learner(question)
    if not isinstance(question, _BY_COURSE):
        return None
    courses, cohorts = _courses_of(question), _of_cohorts(question)
    if courses is None or cohorts is None:
        return None
    filtered = {one.field for some in question.conditions().values() for one in some}
    fields = filtered | {question.breakdown or "course"}
    return Depends(
        courses=courses | cohorts.courses,
        attributes=cohorts.attributes | (fields - _OF_EVENTS),
        zones=_zones_of(question),
    )


def _of_learner(question: Learner) -> Depends | None:
    """Say of one learner that nothing of others is read: a rule holds of whom it holds, also one that says not."""
    if question.as_of is not None or question.filters or question.compare or question.breakdown:
        return None
    return Depends(learner=question.learner.lower(), zones=_zones_of(question))


def _zones_of(question: Question) -> tuple[str | None, ...]:
    of_rules = None if question.definitions is None else question.definitions.timezone
    return tuple(dict.fromkeys((None, question.timezone, of_rules)))


def _courses_of(question: Question) -> frozenset[str] | None:
    """Return the course runs that a question is about, None for all."""
    if isinstance(question, CourseReport):
        # Without a name it is about the only one that there is.
        return frozenset(question.course) or None
    return _named_in(question.filters)


def _named_in(where: Iterable[Condition]) -> frozenset[str] | None:
    """Return the course runs that conditions let through, None for all."""
    for one in where:
        if one.field == "course" and one.op == "=" and NONE not in one.values:
            return frozenset(one.values)
    return None


def _of_cohorts(question: Question) -> Depends | None:
    """Return what the cohorts depend on that a question names; None where these see more than its course runs."""
    names, definitions = question.cohorts_named(), question.definitions
    if not names:
        return Depends()
    if question.as_of is not None or definitions is None:
        # By an earlier day, who had come at all is a matter of other course runs.
        return None
    return _joined(_of_rule(definitions.cohort(name).rule, definitions) for name in names)


def _of_rule(rule: Rule, definitions: Definitions) -> Depends | None:
    """Return what it depends on for whom a rule holds of those who were active in a course run; None for everything."""
    return _joined(_of_leaf(leaf, definitions) for leaf in leaves(rule))


def _of_leaf(leaf: Rule, definitions: Definitions) -> Depends | None:
    kinds: tuple[Conditions, ...]
    match leaf:
        case InCohort():
            return _of_rule(definitions.cohort(leaf.name).rule, definitions)
        case Attribute():
            return Depends(attributes=frozenset({leaf.condition.field}))
        case Listed():
            kinds = ()
        case Did() | First() | Stopped() | Result():
            kinds = (leaf.where,)
        case DidThenNot():
            kinds = (leaf.where, leaf.then_not)
        case Sequence():
            kinds = leaf.steps
        case _:
            return None
    named = map(_named_in, kinds)
    return _joined(None if courses is None else Depends(courses=courses) for courses in named)


def _joined(found: Iterable[Depends | None]) -> Depends | None:
    total = Depends()
    for one in found:
        if one is None:
            return None
        total = Depends(total.courses | one.courses, total.attributes | one.attributes)
    return total


# --- days ------------------------------------------------------------------------------------------------------------


def span_of(question: Question, span_ms: tuple[int, int] | None) -> Span | None:
    """Return the instants that a question is answered under, None where there are no events."""
    if span_ms is None:
        return None
    as_of_ms = span_ms[1]
    if question.as_of is not None:
        as_of_ms = (question.as_of - EPOCH) // dt.timedelta(milliseconds=1)
    return Span(*span_ms, as_of_ms)


def under(span: Span, depends: Depends, zone: str, columns: Iterable[str]) -> Under:
    """Return what an answer is made under; ``zone`` is that of the data, ``columns`` are those of all enrolments."""
    instants = np.array([span.first_ms, span.last_ms, span.as_of_ms], np.int64)
    days = [
        day
        for name in dict.fromkeys(one or zone for one in depends.zones)
        for day in local_days(instants, load_zone(name)).tolist()
    ]
    said = f"{','.join(map(str, days))} {','.join(sorted(columns))}"
    return Under(f"days {said}", f"instant {said} {span.as_of_ms}")


def made_under(answer: Answer, found: Under) -> str:
    """Return which of the two an answer is made under; empty for one that depends on everything."""
    if any(note.startswith(_MISSING) for note in answer.notes):
        return ""
    question = answer.question
    if getattr(question, "interval", "day") == "hour":
        return found.instant
    if isinstance(answer, FunnelAnswer | PathsAnswer):
        # What is finished or given up stays so.
        return found.instant if answer.open else found.days
    if isinstance(answer, CourseReportAnswer):
        is_over = all(run.weeks.complete.all() for run in answer.runs)
        return found.days if is_over else found.instant
    if isinstance(answer, AtRiskAnswer):
        assert isinstance(question, AtRisk)
        # One that is shorter goes back to the first enrolment of all.
        return found.days if len(answer.periods) == question.weeks else ""
    return found.days
