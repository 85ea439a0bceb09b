"""The plain twin: every question worked out with sets of (learner, period), straight from the definitions.

Nothing here is quick or clever, on purpose: a reader should be able to hold the definition in one hand and the
function in the other. Where a definition leaves room, the choice is written in ``docs/reference/worked-examples.md``.
"""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from homeroom.cohorts.questions import (
    TEXT_FIELDS,
    Active,
    Interval,
    Lifecycle,
    Question,
    Retention,
    Stickiness,
)
from homeroom.cohorts.questions.behaviour import Funnel, Paths
from tests.oracle.behaviour import funnel, paths
from tests.oracle.conditions import Learners
from tests.oracle.course_time import course_rows
from tests.oracle.events import Event
from tests.oracle.periods import Calendar, Period

__all__ = ["Figures", "answer"]

Figures: TypeAlias = dict[str, Any]
VALUES_MAX = 25


@dataclass(frozen=True, slots=True)
class Setting:
    """What all parts of one answer share: the calendar, the shown dates, and how far the data are known.

    Range and ``as_of`` come from all events, before filters, so that a filter or a breakdown cannot move them.
    """

    calendar: Calendar
    first: dt.date | None
    last: dt.date | None
    as_of_ms: int | None

    @classmethod
    def of(cls, events: Sequence[Event], question: Question, zone: str) -> "Setting":
        calendar = Calendar(question.timezone or zone, question.week_start)
        times = [event.time_ms for event in events]
        oldest = calendar.date(min(times)) if times else None
        newest = calendar.date(max(times)) if times else None
        first, last = question.from_ or oldest, question.to or newest
        if question.from_ is None:  # a date that was given is shown, wherever the data end
            first = min((date for date in (first, last) if date), default=None)
        if question.to is None:
            last = max((date for date in (first, last) if date), default=None)
        as_of_ms = max(times, default=None)
        if question.as_of is not None:
            as_of_ms = (question.as_of - dt.datetime(1970, 1, 1, tzinfo=dt.UTC)) // dt.timedelta(
                milliseconds=1
            )
        return cls(calendar, first, last, as_of_ms)

    def shown(self, interval: Interval) -> list[Period]:
        if self.first is None or self.last is None:
            return []
        return self.calendar.shown(interval, self.first, self.last)

    def complete(self, interval: Interval, period: Period) -> bool:
        return self.as_of_ms is not None and self.calendar.end_ms(interval, period) <= self.as_of_ms

    def begun(self, interval: Interval, period: Period) -> bool:
        return self.complete(interval, self.calendar.before(interval, period))

    def labels(self, interval: Interval) -> list[str]:
        return [self.calendar.label(period) for period in self.shown(interval)]


def answer(events: Sequence[Event], question: Question, zone: str = "UTC") -> Figures:
    """Return the figures of the answer, with the names and the shape that its JSON has.

    ``zone`` is the zone of the data set, used where the question names none.
    """
    learners = Learners(events)
    setting = Setting.of(events, question, zone)
    seen = [event for event in events if learners.meets(event, question.filters)]
    figures = _figures(seen, question, setting, learners)
    if question.breakdown is not None:
        figures["breakdown"] = [
            {"value": value, **_figures(part, question, setting, learners)}
            for value, part in _parts(seen, question.breakdown, learners)
        ]
    return figures


def _figures(
    events: Sequence[Event], question: Question, setting: Setting, learners: Learners
) -> Figures:
    match question:
        case Retention():
            return _retention(events, question, setting, learners)
        case Lifecycle():
            return _lifecycle(events, question, setting)
        case Stickiness():
            return _stickiness(events, question, setting)
        case Active():
            return _active(events, setting)
        case Funnel():
            return funnel(events, question, learners, setting.calendar.date, setting.as_of_ms)
        case Paths():
            return paths(events, question, learners, setting.calendar.date, setting.as_of_ms)
    raise TypeError(type(question).__name__)


# --- breakdown -------------------------------------------------------------------------------------------------


def _parts(
    events: Sequence[Event], field: str, learners: Learners
) -> list[tuple[str, list[Event]]]:
    """Return the events of each value, the value of most learners first, then the rest, then those without one."""
    of_events = field in TEXT_FIELDS

    def value_of(event: Event) -> str | None:
        if field == "track":
            return event.track or "other"
        if field == "standing":
            return event.standing or "none"
        value = getattr(event, field) if of_events else learners.attribute(event.account, field)
        return value if value is None else str(value)

    who: dict[str, set[str]] = {}
    for event in events:
        value = value_of(event)
        if value is not None:
            who.setdefault(value, set()).add(event.account)
    ranked = sorted(who, key=lambda value: (-len(who[value]), value))
    parts = [(value, [e for e in events if value_of(e) == value]) for value in ranked[:VALUES_MAX]]
    if ranked[VALUES_MAX:]:
        rest = set(ranked[VALUES_MAX:])
        parts.append(("(other)", [e for e in events if value_of(e) in rest]))
    without = [e for e in events if value_of(e) is None]
    if without and not of_events:
        parts.append(("(none)", without))
    return parts


# --- retention -------------------------------------------------------------------------------------------------


def _retention(
    events: Sequence[Event], q: Retention, setting: Setting, learners: Learners
) -> Figures:
    periods = setting.shown(q.interval)
    returning = [event for event in events if learners.meets(event, q.returning)]
    if q.align == "calendar":
        entries = [event for event in events if learners.meets(event, q.entry)]
        rows = _calendar_rows(entries, returning, q, periods, setting.calendar)
        ended = [
            [setting.complete(q.interval, period) for period in periods[row:]]
            for row in range(len(periods))
        ]
    else:
        rows, ends_ms = course_rows(events, returning, q, periods, setting.calendar)
        ended = [
            [setting.as_of_ms is not None and end <= setting.as_of_ms for end in row]
            for row in ends_ms
        ]
    spans = [(0, 0), *(q.brackets or [(k, k) for k in range(1, len(periods))])]
    counts, complete = _triangle(rows, ended, spans, q)
    return {
        "interval": q.interval,
        "mode": q.mode,
        "match": q.match,
        "periods": setting.labels(q.interval),
        "columns": [str(a) if a == b else f"{a}-{b}" for a, b in spans],
        "sizes": [row[0] for row in counts],
        "counts": counts,
        "complete": complete,
    }


def _calendar_rows(
    entries: Sequence[Event],
    returning: Sequence[Event],
    q: Retention,
    periods: Sequence[Period],
    calendar: Calendar,
) -> list[list[set[int]]]:
    """Return, by row, for each learner of the group the set of k in which it returned."""
    place = {period: i for i, period in enumerate(periods)}

    def period_of(event: Event) -> int | None:
        return place.get(calendar.period(q.interval, event.time_ms))

    if q.mode == "first-time":
        first: dict[str, Event] = {}
        for event in entries:
            if event.account not in first or event.time_ms < first[event.account].time_ms:
                first[event.account] = event
        entries = list(first.values())
    groups = {(period_of(event), event.account) for event in entries}
    did = {(period_of(event), event.account) for event in returning}
    return [
        [
            {k for k in range(len(periods) - row) if (row + k, account) in did}
            for account in sorted(account for group, account in groups if group == row)
        ]
        for row in range(len(periods))
    ]


def _triangle(
    rows: list[list[set[int]]],
    ended: list[list[bool]],
    spans: Sequence[tuple[int, int]],
    q: Retention,
) -> tuple[list[list[int]], list[list[bool]]]:
    """Count the cells of each row.

    ``ended[row][k]`` says whether column k of the row can change no more; a row has as many k as are shown.
    """
    counts: list[list[int]] = []
    complete: list[list[bool]] = []
    for group, done in zip(rows, ended, strict=True):
        last = len(done) - 1
        counts.append([])
        complete.append([])
        for first, end in spans:
            if first > last:
                continue
            wanted = set(range(first, (end if q.match == "on" else last) + 1))
            if first == 0:
                counts[-1].append(len(group))
                complete[-1].append(done[0])
            else:
                counts[-1].append(sum(1 for returned in group if returned & wanted))
                known = end <= last and done[end] if q.match == "on" else done[last]
                complete[-1].append(known)
    return counts, complete


# --- lifecycle, stickiness, active -----------------------------------------------------------------------------


def _active_in(
    events: Sequence[Event], interval: Interval, calendar: Calendar
) -> dict[Period, set[str]]:
    """Return who was active in each period that has an event."""
    who: dict[Period, set[str]] = {}
    for event in events:
        who.setdefault(calendar.period(interval, event.time_ms), set()).add(event.account)
    return who


def _lifecycle(events: Sequence[Event], q: Lifecycle, setting: Setting) -> Figures:
    calendar = setting.calendar
    who = _active_in(events, q.interval, calendar)
    figures: Figures = {"interval": q.interval, "periods": setting.labels(q.interval)}
    stages: dict[str, list[int]] = {
        name: [] for name in ("new", "returning", "resurrecting", "dormant")
    }
    for period in setting.shown(q.interval):
        now = who.get(period, set())
        just_before = who.get(calendar.before(q.interval, period), set())
        ever_before = {
            account for other, accounts in who.items() if other < period for account in accounts
        }
        stages["new"].append(len(now - ever_before))
        stages["returning"].append(len(now & just_before))
        stages["resurrecting"].append(len((now & ever_before) - just_before))
        stages["dormant"].append(len(just_before - now))
    complete = [setting.complete(q.interval, period) for period in setting.shown(q.interval)]
    return {**figures, **stages, "complete": complete}


def _stickiness(events: Sequence[Event], q: Stickiness, setting: Setting) -> Figures:
    periods = setting.shown(q.interval)
    who = _active_in(events, q.interval, setting.calendar)
    active_periods = {
        account: sum(1 for period in periods if account in who.get(period, set()))
        for account in {event.account for event in events}
    }
    learners = [
        sum(1 for n in active_periods.values() if n == wanted)
        for wanted in range(1, len(periods) + 1)
    ]
    return {
        "interval": q.interval,
        "periods": setting.labels(q.interval),
        "active_periods": list(range(1, len(periods) + 1)),
        "learners": learners,
        "complete": [setting.complete(q.interval, period) for period in periods],
    }


def _active(events: Sequence[Event], setting: Setting) -> Figures:
    calendar = setting.calendar
    intervals: tuple[Interval, ...] = ("day", "week", "month")
    who = {interval: _active_in(events, interval, calendar) for interval in intervals}

    def series(interval: Interval) -> Figures:
        shown = setting.shown(interval)
        return {
            "periods": setting.labels(interval),
            "values": [len(who[interval].get(period, ())) for period in shown],
            "complete": [setting.complete(interval, period) for period in shown],
        }

    def ratio(short: Interval, long: Interval) -> Figures:
        values, complete = [], []
        for period in setting.shown(long):
            inside = [
                date
                for date in calendar.dates(long, period)
                if calendar.of_date(short, date) == date
            ]
            known = [date for date in inside if setting.begun(short, date)]
            seen = sum(len(who[short].get(date, ())) for date in known)
            whole = len(who[long].get(period, ()))
            values.append(seen / len(known) / whole if whole and known else None)
            complete.append(
                setting.complete(long, period)
                and all(setting.complete(short, date) for date in inside)
            )
        return {"periods": setting.labels(long), "values": values, "complete": complete}

    return {
        "active": {interval: series(interval) for interval in intervals},
        "ratios": {
            "day_week": ratio("day", "week"),
            "day_month": ratio("day", "month"),
            "week_month": ratio("week", "month"),
        },
    }
