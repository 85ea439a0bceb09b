"""Course time: periods since the enrolment or since the course run began.

The subject is an enrolment, a learner in a course run. Its course period k is counted in dates of the reporting zone
from the date of its start: day k is the k-th date after it, week k the dates 7k to 7k + 6, month k the dates from the
start's day of the k-th month on (that month's last day where it is shorter) up to the day before the next one's.
"""

import datetime as dt
from collections.abc import Sequence

from homeroom.cohorts.questions import Interval, Retention
from tests.oracle.events import Event
from tests.oracle.periods import Calendar, Period, add_months

__all__ = ["begins", "course_period", "course_rows"]


def begins(interval: Interval, start: dt.date, k: int) -> dt.date:
    """Return the first date of course period k of a subject that started on a date."""
    if interval == "month":
        return add_months(start, k)
    return start + dt.timedelta(days=k if interval == "day" else 7 * k)


def course_period(interval: Interval, start: dt.date, date: dt.date) -> int:
    """Return the course period that a date on or after the start lies in."""
    k = 0
    while begins(interval, start, k + 1) <= date:
        k += 1
    return k


def course_rows(
    events: Sequence[Event],
    returning: Sequence[Event],
    q: Retention,
    periods: Sequence[Period],
    calendar: Calendar,
) -> tuple[list[list[set[int]]], list[list[int]]]:
    """Return, by row, for each enrolment the set of k in which it returned; and when each column k has ended.

    A column has ended when it has for an enrolment that starts on the last date of the row's period; column 0, the
    size of the group, when the row's period has.
    """
    starts_ms = _starts_ms(events, q)
    starts = {subject: calendar.date(ms) for subject, ms in starts_ms.items()}
    returned: dict[tuple[str, str], set[int]] = {subject: set() for subject in starts}
    for event in returning:
        if event.course is not None:
            subject = (event.account, event.course)
            if event.time_ms >= starts_ms[subject]:
                k = course_period(q.interval, starts[subject], calendar.date(event.time_ms))
                returned[subject].add(k)
    rows = []
    ends_ms = []
    for row, period in enumerate(periods):
        shown = len(periods) - row
        group = sorted(
            s for s, start in starts.items() if calendar.of_date(q.interval, start) == period
        )
        rows.append([{k for k in returned[subject] if k < shown} for subject in group])
        latest_start = calendar.dates(q.interval, period)[-1]
        last_dates = [
            begins(q.interval, latest_start, k + 1) - dt.timedelta(days=1) for k in range(shown)
        ]
        last_dates[0] = latest_start
        ends_ms.append([calendar.date_ends_ms(date) for date in last_dates])
    return rows, ends_ms


def _starts_ms(events: Sequence[Event], q: Retention) -> dict[tuple[str, str], int]:
    """Return the start of each enrolment.

    With ``course-start``, the first event of anybody in the run; with ``enrolment``, the enrolment's first event of
    the track `enrolment`, or its first event of all if it has none of that.
    """
    of_run: dict[str, int] = {}
    first: dict[tuple[str, str], int] = {}
    enrolled: dict[tuple[str, str], int] = {}
    for event in events:
        if event.course is None:
            continue
        subject, ms = (event.account, event.course), event.time_ms
        of_run[event.course] = min(ms, of_run.get(event.course, ms))
        first[subject] = min(ms, first.get(subject, ms))
        if event.track == "enrolment":
            enrolled[subject] = min(ms, enrolled.get(subject, ms))
    if q.align == "course-start":
        return {subject: of_run[subject[1]] for subject in first}
    return {**first, **enrolled}
