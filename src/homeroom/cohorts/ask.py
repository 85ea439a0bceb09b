"""From a question to its answer: of which rows, over which periods, from columns or from history.

The columns answer a question if its conditions are about tracks, one course, or attributes of learners, if its
periods are made of days, and if its zone is that of the day bits. Everything else is answered from history. The
answer says which, and both give the same.
"""

import datetime as dt
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from homeroom.cohorts import breakdown, course_time, retention, simple
from homeroom.cohorts.activity import Activity, ColumnActivity, HistoryActivity
from homeroom.cohorts.answers import (
    ActiveAnswer,
    Answer,
    LifecycleAnswer,
    RetentionAnswer,
    Series,
    Source,
    StickinessAnswer,
)
from homeroom.cohorts.matching import Selection, common, resolve
from homeroom.cohorts.periods import Periods, make_periods
from homeroom.cohorts.questions import (
    Active,
    Condition,
    Interval,
    Lifecycle,
    Question,
    Retention,
    Stickiness,
)
from homeroom.errors import QuestionError
from homeroom.events.instants import format_instant
from homeroom.state.state import State
from homeroom.state.zones import Zone, date_of, load_zone, local_days

__all__ = ["ask"]

_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)


@dataclass(frozen=True)
class _Context:
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


def ask(state: State, question: Question, source: Source) -> Answer:
    """Answer a question from settled state. Raises `QuestionError` for what makes no sense on these data."""
    question.check()
    if state.scanned_ms is not None:
        _refuse_beyond_days(state, question)
    context = _context(state, question, source)
    answer = _answer(context, question)
    if question.breakdown is None:
        return answer
    wanted = breakdown.parts(state, question)
    parts = tuple(
        (value, _answer(context, _narrowed(question, conditions)))
        for value, conditions in wanted.parts
    )
    from_history = any(part.answered_from == "history" for _, part in parts)
    return replace(
        answer,
        parts=parts,
        notes=answer.notes + wanted.notes,
        answered_from="history" if from_history else answer.answered_from,
    )


def _refuse_beyond_days(state: State, question: Question) -> None:
    """Raise `QuestionError` for what cannot be answered where nothing but days of activity was kept."""
    asked = {
        "filters": bool(question.filters),
        "breakdown": question.breakdown is not None,
        "timezone": question.timezone not in (None, state.zone.name),
    }
    if isinstance(question, Retention):
        asked |= {
            "entry": bool(question.entry),
            "returning": bool(question.returning),
            "align": question.align != "calendar",
        }
    asked["interval"] = getattr(question, "interval", "day") == "hour"
    refused = [name for name, is_asked in asked.items() if is_asked]
    if refused:
        raise QuestionError(
            f"{refused[0]}: a scan keeps nothing but days of any activity, cut in {state.zone.name}; read the files "
            f"in whole for this question (without --scan, or homeroom.read)"
        )


def _narrowed(question: Question, conditions: tuple[Condition, ...]) -> Question:
    fields: dict[str, Any] = {name: getattr(question, name) for name in question.__struct_fields__}
    return type(question)(
        **{**fields, "breakdown": None, "filters": (*question.filters, *conditions)}
    )


def _context(state: State, question: Question, source: Source) -> _Context:
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
    return _Context(state, zone, first, last, int(newest_ms), source)


def _answer(context: _Context, question: Question) -> Answer:
    selection = resolve(question.filters, context.state.dictionaries)
    if isinstance(question, Retention):
        if question.align != "calendar":
            return _course_time(context, question, selection)
        return _retention(context, question, selection)
    if isinstance(question, Lifecycle):
        return _lifecycle(context, question, selection)
    if isinstance(question, Stickiness):
        return _stickiness(context, question, selection)
    assert isinstance(question, Active)
    return _active(context, question, selection)


def _from_columns(context: _Context, interval: Interval, *selections: Selection) -> bool:
    """Whether the columns hold all that is asked for."""
    return (
        interval != "hour"
        and context.zone.name == context.state.zone.name
        and not any(selection.needs_history for selection in selections)
    )


def _activity(context: _Context, periods: Periods, *behaviours: Selection) -> Activity:
    if _from_columns(context, periods.interval, *behaviours):
        course = any(behaviour.course is not None for behaviour in behaviours)
        return ColumnActivity(
            context.state.enrolments if course else context.state.learners, periods, behaviours
        )
    return HistoryActivity(context.state, periods, behaviours)


def _said(
    context: _Context,
    question: Question,
    periods: Periods,
    answered_from: Literal["columns", "history"],
    *selections: Selection,
) -> dict[str, Any]:
    """Return what all answers say of themselves."""
    known = context.as_of_ms > np.iinfo(np.int64).min
    return {
        "question": question,
        "periods": periods.labels,
        "as_of": format_instant(context.as_of_ms) if known else None,
        "timezone": context.zone.name,
        "answered_from": answered_from,
        "source": context.source,
        "notes": tuple(dict.fromkeys(note for selection in selections for note in selection.notes)),
    }


def _behaviour(
    filters: Selection, conditions: tuple[Condition, ...], context: _Context
) -> Selection:
    """Return what passes the filters and the conditions of one behaviour."""
    if not conditions:
        return filters
    own = resolve(conditions, context.state.dictionaries)
    course = own.history_tests_of_course()
    return Selection(
        tracks=common(filters.tracks, own.tracks),
        course=filters.course,
        tests=(*filters.tests, *own.tests, *course),
        learners=(*filters.learners, *own.learners),
        notes=(*filters.notes, *own.notes),
    )


def _retention(context: _Context, question: Retention, selection: Selection) -> RetentionAnswer:
    state = context.state
    periods = context.periods(question, question.interval)
    entry = _behaviour(selection, question.entry, context)
    returning = (
        entry
        if question.returning == question.entry
        else _behaviour(selection, question.returning, context)
    )
    source: Literal["columns", "history"] = "columns"
    clustered = retention.is_clustered_question(question) and selection.tracks is None
    if clustered and periods.count and _from_columns(context, question.interval, selection):
        table = state.learners if selection.course is None else state.enrolments
        counts = retention.clustered_triangle(table, selection, periods, state.run)
    else:
        activity = _activity(context, periods, entry, returning)
        source = activity.answered_from
        counts = retention.bit_triangle(activity, question, entry, returning, periods, state.run)
    ended = periods.complete(context.as_of_ms)
    complete = retention.completeness(question, counts, ended)
    said = _said(context, question, periods, source, entry, returning)
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


def _course_time(context: _Context, question: Retention, selection: Selection) -> RetentionAnswer:
    periods = context.periods(question, question.interval)
    returning = resolve(question.returning, context.state.dictionaries)
    counts, answered_from = course_time.course_triangle(
        context.state, question, selection, returning, periods
    )
    complete = course_time.course_completeness(question, counts, periods, context.as_of_ms)
    said = _said(context, question, periods, answered_from, selection, returning)
    return _triangle_answer(said, question, counts, complete)


def _lifecycle(context: _Context, question: Lifecycle, selection: Selection) -> LifecycleAnswer:
    periods = context.periods(question, question.interval)
    activity = _activity(context, periods, selection)
    counts = simple.lifecycle_counts(activity, selection, periods, context.state.run)
    new, returning, resurrecting, dormant = counts
    return LifecycleAnswer(
        **_said(context, question, periods, activity.answered_from, selection),
        new=new,
        returning=returning,
        resurrecting=resurrecting,
        dormant=dormant,
        complete=periods.complete(context.as_of_ms),
    )


def _stickiness(context: _Context, question: Stickiness, selection: Selection) -> StickinessAnswer:
    periods = context.periods(question, question.interval)
    activity = _activity(context, periods, selection)
    learners = simple.stickiness_counts(activity, selection, periods, context.state.run)
    return StickinessAnswer(
        **_said(context, question, periods, activity.answered_from, selection),
        learners=learners,
        complete=periods.complete(context.as_of_ms),
    )


def _active(context: _Context, question: Active, selection: Selection) -> ActiveAnswer:
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
        activity = _activity(context, periods, selection)
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
        **_said(context, question, shown["day"], answered_from, selection),
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
