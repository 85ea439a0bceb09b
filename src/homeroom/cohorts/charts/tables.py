"""The numbers of every kind of answer as tables of text."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Final

import numpy as np

from homeroom import limits
from homeroom.cohorts.answers import (
    ActiveAnswer,
    Answer,
    AtRiskAnswer,
    CohortAnswer,
    CourseReportAnswer,
    FunnelAnswer,
    LearnerAnswer,
    LifecycleAnswer,
    MembersAnswer,
    OverlapAnswer,
    PathsAnswer,
    RetentionAnswer,
    StickinessAnswer,
    wilson,
)
from homeroom.cohorts.charts import at_risk, belonging, course_tables, funnel, paths, words
from homeroom.cohorts.charts.active import RATIOS, SPANS
from homeroom.cohorts.charts.numbers import Numbers, newest, open_count
from homeroom.cohorts.charts.scale import pool

__all__ = ["pooled_numbers", "tabulate", "tabulate_parts"]


def tabulate(answer: Answer) -> tuple[Numbers, ...]:
    """Return the numbers of an answer, newest periods last; of a breakdown, those of all learners."""
    return _TABLES[type(answer)](answer)


def tabulate_parts(answer: Answer) -> tuple[Numbers, ...]:
    """Return the numbers of a breakdown, a row a value; nothing for an answer without one."""
    parts = [(value, part) for value, part in answer.parts if isinstance(part, RetentionAnswer)]
    if isinstance(answer, RetentionAnswer) and parts:
        last = min(len(answer.columns), limits.REPORT_TRIANGLE_PERIODS_MAX + 1)
        heads = (str(answer.question.parted_by).capitalize(), "Learners",
                 *(words.since_label(c) for c in answer.columns[1:last]))  # fmt: skip
        rows = tuple(
            (
                value,
                words.count(int(part.sizes.sum())),
                *(words.share(cell.rate) for cell in pool(part)[1:last]),
            )
            for value, part in parts
        )
        caption = (f"All groups of a {answer.question.parted_by} together, complete cells only, "
                   f"by {words.unit(answer.question)}s since")  # fmt: skip
        return (Numbers(caption, heads, rows, last < len(answer.columns)),)
    return tuple(
        replace(numbers, caption=f"{value}: {numbers.caption}")
        for value, part in answer.parts
        for numbers in tabulate(part)
    )


def _retention(answer: RetentionAnswer) -> tuple[Numbers, ...]:
    return (pooled_numbers(answer), _triangle(answer))


def pooled_numbers(answer: RetentionAnswer) -> Numbers:
    """Return one row a column of the triangle: all groups together, with the confidence interval."""
    cells = pool(answer)
    low, high = wilson(np.array([c.returned for c in cells]), np.array([c.learners for c in cells]))
    rows = tuple(
        (
            words.since_label(answer.columns[k]),
            words.count(cell.groups),
            words.count(cell.learners),
            words.count(cell.returned),
            words.share(cell.rate),
            f"{100 * low[k]:.1f}\u2013{100 * high[k]:.1f}%" if cell.learners else "\u2013",
        )
        for k, cell in enumerate(cells)
        if k
    )
    one = words.unit(answer.question).capitalize()
    return Numbers("All groups together, complete cells only",
                   (f"{one}s since", "Groups", "Learners", "Returned", "Share", "95% interval"), rows)  # fmt: skip


def _triangle(answer: RetentionAnswer) -> Numbers:
    interval, most = answer.question.interval, limits.REPORT_TRIANGLE_PERIODS_MAX
    first, last = max(len(answer.periods) - most, 0), min(len(answer.columns), most + 1)
    heads = (
        interval.capitalize(),
        "Learners",
        *(words.since_label(c) for c in answer.columns[1:last]),
    )
    rows = tuple(
        (
            words.period_label(answer.periods[i], interval),
            words.size(answer, i),
            *(_cell(answer, i, k) for k in range(1, last)),
        )
        for i in range(first, len(answer.periods))
    )
    cut = first > 0 or last < len(answer.columns)
    return Numbers(f"Learners of each group who returned, by {interval}s since", heads, rows, cut)


def _cell(answer: RetentionAnswer, row: int, column: int) -> str:
    value = int(answer.counts[row, column])
    return "" if value < 0 else open_count(value, answer.complete[row, column])


def _lifecycle(answer: LifecycleAnswer) -> tuple[Numbers, ...]:
    interval = answer.question.interval
    stages = ("new", "returning", "resurrecting", "dormant")
    rows = tuple(
        (
            words.period_label(period, interval),
            *(open_count(getattr(answer, stage)[i], answer.complete[i]) for stage in stages),
        )
        for i, period in enumerate(answer.periods)
    )
    heads = (interval.capitalize(), *(stage.capitalize() for stage in stages))
    return (newest("Learners by stage", heads, rows),)


def _stickiness(answer: StickinessAnswer) -> tuple[Numbers, ...]:
    everyone, complete = int(answer.learners.sum()), answer.complete.all()
    rows = tuple(
        (
            words.count(i + 1),
            open_count(value, complete),
            words.share(value / everyone) if everyone else "\u2013",
        )
        for i, value in enumerate(answer.learners.tolist())
    )
    one = words.unit(answer.question)
    return (newest(f"Learners by active {one}s", (f"Active {one}s", "Learners", "Share"), rows),)


def _active(answer: ActiveAnswer) -> tuple[Numbers, ...]:
    out = []
    ratios = {"day": (), "week": (RATIOS[1],), "month": (RATIOS[0], RATIOS[2])}
    for line in reversed(SPANS):
        series = getattr(answer, line.series)
        beside = [(r.label, getattr(answer, r.series)) for r in ratios[line.series]]
        rows = tuple(
            (
                words.period_label(period, line.series),
                open_count(series.values[i], series.complete[i]),
                *(
                    words.share(float(ratio.values[i])) if i < len(ratio.values) else "\u2013"
                    for _, ratio in beside
                ),
            )
            for i, period in enumerate(series.periods)
        )
        out.append(
            newest(
                f"By {line.series}",
                (line.label, "Active learners", *(label for label, _ in beside)),
                rows,
            )
        )
    return tuple(out)


_TABLES: Final[Mapping[type[Answer], Callable[[Any], tuple[Numbers, ...]]]] = {
    RetentionAnswer: _retention,
    LifecycleAnswer: _lifecycle,
    StickinessAnswer: _stickiness,
    ActiveAnswer: _active,
    MembersAnswer: belonging.members_numbers,
    CohortAnswer: belonging.size_numbers,
    OverlapAnswer: belonging.overlap_numbers,
    LearnerAnswer: belonging.learner_numbers,
    CourseReportAnswer: course_tables.numbers,
    FunnelAnswer: funnel.numbers,
    PathsAnswer: paths.numbers,
    AtRiskAnswer: at_risk.numbers,
}
