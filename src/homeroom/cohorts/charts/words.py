"""What a chart says in words: titles, one plain sentence, labels of periods, numbers as people write them.

The words stand beside every chart and are its description for those who hear the page. They follow
``docs/reference/definitions.md``; a heading that promises "came back" where the question asked for a certain verb
would be wrong, so behaviours and filters are always named.
"""

import datetime as dt
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from homeroom.cohorts.answers import SUPPRESSED, Answer, RetentionAnswer
from homeroom.cohorts.charts.behaviour_words import describe_funnel, describe_paths
from homeroom.cohorts.questions import Condition, Question, Retention, risk_words
from homeroom.cohorts.questions.rule_words import in_words

__all__ = [
    "INCOMPLETE",
    "NOT_TOLD",
    "count",
    "heading",
    "instant_label",
    "open_note",
    "period_label",
    "share",
    "since_label",
    "size",
    "summary",
    "told",
    "unit",
]

NOT_TOLD = "not told"
"""Stands for a count that is too small to be told."""
INCOMPLETE = "not complete yet: the period has not ended, so the number can still change"
_TITLES = {
    "retention": "Retention by {unit}",
    "lifecycle": "Learner lifecycle by {unit}",
    "stickiness": "Stickiness: {unit}s of activity",
    "active": "Active learners by day, week and month",
    "members": "Members",
    "cohort": "Size by {unit}",
    "overlap": "Overlap of cohorts",
    "learner": "Cohorts of one learner",
    "report": "Course report",
    "funnel": "Funnel",
    "paths": "Paths",
    "at-risk": "Enrolments at risk",
}
_SUMMARIES = {
    "lifecycle": "New: first activity ever. Returning: also active the {unit} before. Resurrecting: back after one "
    "{unit} away or more. Dormant: active the {unit} before, not now.",
    "stickiness": "How many learners were active in exactly 1, 2, 3 … {unit}s of the range.",
    "active": "Learners with any activity in the day, the week or the month.",
    "overlap": "How many members of one cohort are in another too, and in which exact sets of cohorts learners are.",
    "report": "What learners do in the course run, part by part, in the calendar weeks that the range meets.",
    "learner": "Each cohort, whether the learner is in it, and which of its rules hold.",
}
_WITHIN = {"hour": "in an hour", "day": "on a day", "week": "in a week", "month": "in a month"}
_ALIGNED = {"enrolment": "the enrolment", "course-start": "the course run began"}


def unit(question: Question) -> str:
    """Return the period of a question: hour, day, week or month."""
    return str(getattr(question, "interval", "week"))


def heading(answer: Answer) -> str:
    """Return the title of an answer."""
    title = _TITLES[answer.question.name].format(unit=unit(answer.question))
    courses: tuple[str, ...] = getattr(answer.question, "course", ())
    if len(courses) == 1:
        title += f": {courses[0]}"
    parted_by, cohort = answer.question.parted_by, answer.question.cohort
    of = "" if cohort is None else f" of the cohort {cohort}"
    return f"{title}{of}, by {parted_by}" if parted_by else f"{title}{of}"


def summary(answer: Answer) -> str:
    """Return one plain sentence or two that say what the numbers count."""
    question = answer.question
    tell = _TOLD.get(question.name)
    said = tell(question) if tell else _SUMMARIES[question.name].format(unit=unit(question))
    seen = f" Only events with {conditions(question.filters)}." if question.filters else ""
    return said + seen


def conditions(written: Sequence[Condition]) -> str:
    """Write conditions as the command line takes them."""
    return " and ".join(str(condition) for condition in written)


def _retention(question: Retention) -> str:
    one = question.interval
    entry = f"did {conditions(question.entry)}" if question.entry else "were active"
    back = f"did {conditions(question.returning)}" if question.returning else "were active"
    again = " again" if question.entry == question.returning else ""
    later = (
        " at that point or at any later time shown" if question.match == "on-or-after" else again
    )
    if question.align != "calendar":
        return f"The share of each group who {back}{later}, by {one}s since {_ALIGNED[question.align]}."
    first = "for the first time " if question.mode == "first-time" else ""
    many = "" if question.mode == "first-time" else " A learner can be in several groups."
    return (f"Of the learners who {entry} {first}{_WITHIN[one]}, the share who {back}{later}, by {one}s since."
            f"{many}")  # fmt: skip


def since_label(column: str) -> str:
    """Write a column's label: ``2-7`` with a dash of the right length."""
    return column.replace("-", "\u2013")


def period_label(period: str, interval: str) -> str:
    """Write a period: ``2024-01-15``, a month as ``2024-01``, an hour as ``2024-01-15 13:00``.

    An hour keeps the offset of its zone: where the clock is set back, two hours have one reading.
    """
    if interval == "month":
        return period[:7]
    if interval == "hour" and "T" in period:
        offset = period[19:]
        return period.replace("T", " ")[:16] + ("" if offset in ("", "Z", "+00:00") else offset)
    return period


def count(value: int) -> str:
    """Write a count with commas: ``12,345``."""
    return f"{int(value):,}"


def told(value: int) -> str:
    """Write a count that may be too small to be told."""
    return NOT_TOLD if value == SUPPRESSED else count(value)


def size(answer: RetentionAnswer, group: int) -> str:
    """Write the size of a group; ``*`` marks one that can still grow."""
    return count(int(answer.sizes[group])) + ("" if answer.complete[group, 0] else "*")


def open_note(mark: str, complete: Sequence[npt.NDArray[np.bool_]]) -> tuple[str, ...]:
    """Say what the mark of an incomplete number means, if there is one."""
    return () if all(flags.all() for flags in complete) else (f"What is {mark} is {INCOMPLETE}.",)


def instant_label(instant: str | None) -> str:
    """Write an ISO instant for people: ``2024-07-23 21:59 UTC``; none as ``no event``."""
    if instant is None:
        return "no event"
    when = dt.datetime.fromisoformat(instant)
    zone = "UTC" if when.utcoffset() in (None, dt.timedelta(0)) else f"{when:%z}"
    return f"{when:%Y-%m-%d %H:%M} {zone}"


def share(value: float, decimals: int = 1) -> str:
    """Write a share as a percentage; a small one is never shown as nothing, and one that misses 1 never as all."""
    if math.isnan(value):
        return "\u2013"
    least = 10.0**-decimals
    shown = f"{100 * value:.{decimals}f}"
    if value > 0 and float(shown) == 0:
        return f"<{least:.{decimals}f}%"
    if value < 1 and float(shown) == 100:
        return f">{100 - least:.{decimals}f}%"
    return f"{shown}%"


def _definition(question: Question) -> str:
    assert question.definitions is not None, "checked"
    assert question.cohort is not None, "checked"
    return f"Learners who {in_words(question.definitions.cohort(question.cohort).rule)}."


_TOLD: Final[Mapping[str, Callable[[Any], str]]] = {
    "retention": _retention,
    "members": _definition,
    "cohort": _definition,
    "funnel": describe_funnel,
    "paths": describe_paths,
    "at-risk": risk_words.in_words,
}
"""What depends on more of the question than its period."""
