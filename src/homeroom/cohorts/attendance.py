"""Retention, lifecycle, stickiness and active learners: answers about days of activity."""

from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from homeroom.cohorts import course_time, retention, simple
from homeroom.cohorts.answers import (
    ActiveAnswer,
    LifecycleAnswer,
    RetentionAnswer,
    Series,
    StickinessAnswer,
)
from homeroom.cohorts.context import Context
from homeroom.cohorts.matching import Selection, resolve
from homeroom.cohorts.periods import Periods, make_periods
from homeroom.cohorts.questions import Active, Interval, Lifecycle, Retention, Stickiness
from homeroom.state.zones import date_of

__all__ = ["answer_active", "answer_lifecycle", "answer_retention", "answer_stickiness"]


def answer_retention(
    context: Context, question: Retention, selection: Selection
) -> RetentionAnswer:
    """Answer a retention question for what its filters select."""
    if question.align != "calendar":
        return _course_time(context, question, selection)
    state = context.state
    periods = context.periods(question, question.interval)
    entry = context.behaviour(selection, question.entry)
    returning = (
        entry
        if question.returning == question.entry
        else context.behaviour(selection, question.returning)
    )
    source: Literal["columns", "history"] = "columns"
    clustered = retention.is_clustered_question(question) and selection.tracks is None
    if clustered and periods.count and context.from_columns(question.interval, selection):
        table = state.learners if selection.course is None else state.enrolments
        counts = retention.clustered_triangle(table, selection, periods, state.run)
    else:
        activity = context.activity(periods, entry, returning)
        source = activity.answered_from
        counts = retention.bit_triangle(activity, question, entry, returning, periods, state.run)
    ended = periods.complete(context.as_of_ms)
    complete = retention.completeness(question, counts, ended)
    said = context.said(question, periods, source, entry, returning)
    said["notes"] += _range_is_open(question, periods, ended)
    return _triangle_answer(said, question, counts, complete)


def _range_is_open(
    question: Retention, periods: Periods, ended: npt.NDArray[np.bool_]
) -> tuple[str, ...]:
    """Say why no cell of on or after is complete, and how one gets some that are."""
    if question.match == "on" or not ended.any() or ended[-1] or periods.interval == "hour":
        return ()
    last = date_of(int(periods.days[1 + int(ended.sum())]) - 1)
    return (
        "on or after counts up to the end of the range, and its last period is not over, so no cell is complete; "
        f"--to {last} ends the range before it",
    )


def _triangle_answer(
    said: dict[str, Any],
    question: Retention,
    counts: npt.NDArray[np.int64],
    complete: npt.NDArray[np.bool_],
) -> RetentionAnswer:
    inside = retention.shown(question, counts)
    labels = retention.column_labels(question, counts.shape[1])
    return RetentionAnswer(
        **said, columns=labels, counts=np.where(inside, counts, -1), complete=complete & inside
    )


def _course_time(context: Context, question: Retention, selection: Selection) -> RetentionAnswer:
    periods = context.periods(question, question.interval)
    returning = resolve(question.returning, context.state.dictionaries)
    counts, answered_from = course_time.course_triangle(
        context.state, question, selection, returning, periods
    )
    complete = course_time.course_completeness(question, counts, periods, context.as_of_ms)
    said = context.said(question, periods, answered_from, selection, returning)
    return _triangle_answer(said, question, counts, complete)


def answer_lifecycle(
    context: Context, question: Lifecycle, selection: Selection
) -> LifecycleAnswer:
    """Answer a question of this kind for what its filters select."""
    periods = context.periods(question, question.interval)
    activity = context.activity(periods, selection)
    counts = simple.lifecycle_counts(activity, selection, periods, context.state.run)
    new, returning, resurrecting, dormant = counts
    return LifecycleAnswer(
        **context.said(question, periods, activity.answered_from, selection),
        new=new,
        returning=returning,
        resurrecting=resurrecting,
        dormant=dormant,
        complete=periods.complete(context.as_of_ms),
    )


def answer_stickiness(
    context: Context, question: Stickiness, selection: Selection
) -> StickinessAnswer:
    """Answer a question of this kind for what its filters select."""
    periods = context.periods(question, question.interval)
    activity = context.activity(periods, selection)
    learners = simple.stickiness_counts(activity, selection, periods, context.state.run)
    return StickinessAnswer(
        **context.said(question, periods, activity.answered_from, selection),
        learners=learners,
        complete=periods.complete(context.as_of_ms),
    )


def answer_active(context: Context, question: Active, selection: Selection) -> ActiveAnswer:
    """Answer a question of this kind for what its filters select."""
    shown: dict[Interval, Periods] = {
        i: context.periods(question, i) for i in ("day", "week", "month")
    }
    week, month = shown["week"], shown["month"]
    # Ratios look at all days and weeks of a shown week or month, also at those outside of the range.
    wide: dict[Interval, Periods] = dict(shown)
    if month.count:
        first = date_of(int(min(week.days[1], month.days[1])))
        last = date_of(int(max(week.days[-1], month.days[-1])) - 1)
        shorter: tuple[Interval, ...] = ("day", "week")
        for interval in shorter:
            wide[interval] = make_periods(interval, context.zone, question.week_start, first, last)
    counted = {}
    answered_from: Literal["columns", "history"] = "columns"
    for interval, periods in wide.items():
        activity = context.activity(periods, selection)
        answered_from = activity.answered_from
        counts = simple.active_counts(activity, selection, periods, context.state.run)
        counted[interval] = (periods, counts)
    series = {
        interval: _series(shown[interval], *counted[interval], context.as_of_ms)
        for interval in shown
    }

    def ratio(short: Interval, long: Interval) -> Series:
        long_shown = (shown[long], series[long].values)
        values, complete = simple.mean_share(counted[short], long_shown, context.as_of_ms)
        return Series(shown[long].labels, values, complete)

    return ActiveAnswer(
        **context.said(question, shown["day"], answered_from, selection),
        day=series["day"],
        week=series["week"],
        month=series["month"],
        day_week=ratio("day", "week"),
        day_month=ratio("day", "month"),
        week_month=ratio("week", "month"),
    )


def _series(shown: Periods, wide: Periods, counts: npt.NDArray[np.int64], as_of_ms: int) -> Series:
    """Cut the shown periods out of more."""
    if not shown.count:
        return Series((), np.zeros(0, np.int64), np.zeros(0, np.bool_))
    start = int(np.searchsorted(wide.days, shown.days[1])) - 1
    cut = slice(start, start + shown.count)
    return Series(shown.labels, counts[cut], shown.complete(as_of_ms))
