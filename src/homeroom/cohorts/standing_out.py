"""What stands out in answers: sentences that are computed, each with the rule that found it.

A dashboard shows a hundred figures and leaves it to its reader to see which of them is news. Here each rule looks at
one series and speaks only if its newest whole period differs from those before by more than they do among themselves,
and only where enough learners are behind it. Incomplete periods are never looked at. A page on which nothing stands out
says so.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np

from homeroom.cohorts.answers import (
    SUPPRESSED,
    ActiveAnswer,
    Answer,
    AtRiskAnswer,
    Counts,
    CourseReportAnswer,
    Finding,
    Flags,
    LifecycleAnswer,
    RetentionAnswer,
    Source,
    wilson,
)
from homeroom.cohorts.charts import words
from homeroom.cohorts.charts.scale import pool

__all__ = ["EARLIER", "LEARNERS_MIN", "standing_out"]

EARLIER: Final = 4
"""Whole periods before the newest with which it is compared."""
LEARNERS_MIN: Final = 20
"""A series of fewer learners moves by chance."""
_OF_A_COURSE: Final = 3
"""Sentences of the summary of a course run."""
_SHARE_MIN: Final = 0.1
_REJECTED_SHARE: Final = 0.01


def standing_out(answers: Sequence[Answer], source: Source) -> tuple[Finding, ...]:
    """Return what stands out in answers and in what was read, in the order of the answers."""
    found = [*_of_source(source)]
    for answer in answers:
        rule = _RULES.get(type(answer))
        if rule is not None:
            found += rule(answer)
    return tuple(found)


@dataclass(frozen=True, slots=True)
class _Moved:
    """The newest whole period of a series, where it lies outside of those before."""

    period: str
    value: int
    mean: float
    change: float


def _moved(periods: Sequence[str], values: Counts, complete: Flags) -> _Moved | None:
    whole = np.flatnonzero(complete)
    if len(whole) <= EARLIER:
        return None
    *before, last = whole[-EARLIER - 1 :].tolist()
    earlier, value = values[before], int(values[last])
    mean = float(earlier.mean())
    if mean < LEARNERS_MIN or earlier.min() <= value <= earlier.max():
        return None
    change = (value - mean) / mean
    return _Moved(periods[last], value, mean, change) if abs(change) >= _SHARE_MIN else None


def _said(moved: _Moved, which: str, unit: str, of: str = "") -> str:
    more = "more" if moved.change > 0 else "fewer"
    learners = "learner" if moved.value == 1 else "learners"
    return (
        f"{moved.value:,} {which} {learners}{of} in the {unit} of {words.period_label(moved.period, unit)}: "
        f"{words.share(abs(moved.change), 0)} {more} than the {moved.mean:,.0f} of the {EARLIER} {unit}s before."
    )


def _rule(unit: str) -> str:
    return (
        f"The newest whole {unit} lies outside of the {EARLIER} before it, and differs from their mean by "
        f"{words.share(_SHARE_MIN, 0)} or more; at least {LEARNERS_MIN} learners a {unit}."
    )


def _of_source(source: Source) -> Iterator[Finding]:
    """Say if more was rejected than a log usually holds of broken lines."""
    if source.events_rejected > _REJECTED_SHARE * source.events_read:
        share = words.share(source.events_rejected / source.events_read)
        yield Finding(
            "source",
            f"{source.events_rejected:,} of {source.events_read:,} events ({share}) were rejected and are in no "
            f"figure.",
            f"More than {words.share(_REJECTED_SHARE, 0)} of what was read.",
        )


def _active(answer: ActiveAnswer) -> Iterator[Finding]:
    named = [("", answer)] + [
        (f" of {answer.question.parted_by} {value}", part)
        for value, part in answer.parts
        if isinstance(part, ActiveAnswer)
    ]
    for of, part in named:
        moved = _moved(part.week.periods, part.week.values, part.week.complete)
        if moved is not None:
            yield Finding("active", _said(moved, "active", "week", of), _rule("week"))


def _lifecycle(answer: LifecycleAnswer) -> Iterator[Finding]:
    unit = words.unit(answer.question)
    for stage in ("new", "resurrecting", "dormant"):
        moved = _moved(answer.periods, getattr(answer, stage), answer.complete)
        if moved is not None:
            yield Finding("lifecycle", _said(moved, stage, unit), _rule(unit))


def _retention(answer: RetentionAnswer) -> Iterator[Finding]:
    """Compare the newest group whose first column is whole with all earlier groups together."""
    if len(answer.columns) < 2 or not len(answer.counts):
        return
    whole = np.flatnonzero(answer.complete[:, 1] & (answer.counts[:, 1] >= 0))
    if len(whole) <= EARLIER:
        return
    last = int(whole[-1])
    size, returned = int(answer.sizes[last]), int(answer.counts[last, 1])
    cell = pool(answer)[1]
    others, back = cell.learners - size, cell.returned - returned
    if size < LEARNERS_MIN or others < LEARNERS_MIN:
        return
    low, high = (float(bound[0]) for bound in wilson(np.array([returned]), np.array([size])))
    usual = back / others
    if low <= usual <= high:
        return
    unit = words.unit(answer.question)
    column = words.since_label(answer.columns[1])
    period = words.period_label(answer.periods[last], unit)
    yield Finding(
        "retention",
        f"Of the {size:,} learners of the {unit} of {period}, {words.share(returned / size, 0)} came back after "
        f"{unit} {column}; of earlier groups {words.share(usual, 0)} did.",
        f"The 95% interval of the newest whole group ({100 * low:.0f}\u2013{100 * high:.0f}%) does not hold the "
        f"share of all earlier groups together.",
    )


def _at_risk(answer: AtRiskAnswer) -> Iterator[Finding]:
    """Say of all course runs together, and of each, if other numbers are at risk than in the weeks before."""
    trend = answer.trend
    if trend is None:
        return
    rows = zip(("all course runs", *trend.courses), trend.at_risk, strict=True)
    for course, counts in rows:
        moved = None if (counts == SUPPRESSED).any() else _moved(trend.ends, counts, trend.complete)
        if moved is None:
            continue
        more = "more" if moved.change > 0 else "fewer"
        yield Finding(
            "at-risk",
            f"{moved.value:,} enrolments of {course} were at risk at the end of {moved.period}: "
            f"{words.share(abs(moved.change), 0)} {more} than the {moved.mean:,.0f} of the {EARLIER} weeks before.",
            _rule("week").replace("learners a week", "enrolments at risk a week"),
        )


def _report(answer: CourseReportAnswer) -> Iterator[Finding]:
    """Give the first sentences of each course run's summary."""
    for run in answer.runs:
        for finding in run.findings[:_OF_A_COURSE]:
            yield replace(finding, text=f"{run.course}: {finding.text}")


_RULES: Final[Mapping[type[Answer], Callable[[Any], Iterator[Finding]]]] = {
    ActiveAnswer: _active,
    LifecycleAnswer: _lifecycle,
    RetentionAnswer: _retention,
    AtRiskAnswer: _at_risk,
    CourseReportAnswer: _report,
}
