"""Who is at risk, one enrolment and one date at a time, as ``docs/reference/at-risk.md`` says it."""

import datetime as dt
import zoneinfo
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from homeroom.cohorts.questions import AtRisk
from tests.oracle.conditions import Learners
from tests.oracle.events import Event

__all__ = ["at_risk"]

ONE = dt.timedelta(days=1)
EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)


@dataclass(frozen=True)
class Enrolment:
    """The events of one learner in one course run, up to the end of a date."""

    account: str
    course: str
    events: tuple[tuple[dt.date, Event], ...]

    def latest(self, *standings: str) -> Event | None:
        """Return the latest event of these standings; of one instant that of the last of them."""
        said = [e for _, e in self.events if e.standing in standings]
        return max(said, key=lambda e: (e.time_ms, standings.index(e.standing)), default=None)

    def completed(self) -> bool:
        """Return whether it was completed, and that not taken back."""
        said = [
            (e.time_ms, e.completion is False) for _, e in self.events if e.standing == "completed"
        ]
        return bool(said) and not max(said)[1]

    def grade(self) -> float | None:
        """Return the latest grade, of one instant the highest."""
        graded = ("graded", "completed", "passed", "failed")
        scores = [
            (e.time_ms, e.score)
            for _, e in self.events
            if e.standing in graded and e.score is not None
        ]
        return max(scores)[1] if scores else None

    def progress(self) -> float | None:
        """Return the greatest progress in the course run as a whole."""
        said = [e.progress for _, e in self.events if e.standing and e.progress is not None]
        return max(said, default=None)


class _Twin:
    def __init__(self, events: Sequence[Event], question: AtRisk, zone: str) -> None:
        self.question, self.zone = question, zoneinfo.ZoneInfo(question.timezone or zone)
        self.learners = Learners(events)
        distinct = {repr(event): event for event in events}.values()
        self.dated = [(self.local(e.time_ms), e) for e in distinct]
        newest = max((e.time_ms for e in events), default=None)
        if question.as_of is not None:
            newest = (question.as_of - EPOCH) // dt.timedelta(milliseconds=1)
        assert newest is not None, "no data and no date"
        self.as_of_ms, self.date = newest, self.local(newest)
        known = {e.track or "other" for e in distinct if e.course is not None}
        self.beyond = set(question.beyond) & known

    def local(self, time_ms: int) -> dt.date:
        return (EPOCH + dt.timedelta(milliseconds=time_ms)).astimezone(self.zone).date()

    def enrolments(self, date: dt.date) -> Iterable[Enrolment]:
        found: dict[tuple[str, str], list[tuple[dt.date, Event]]] = {}
        for day, event in self.dated:
            if day <= date and event.course is not None and self.is_asked(event):
                found.setdefault((event.account, event.course), []).append((day, event))
        for (account, course), events in found.items():
            if not self.has_ended(course, date):
                yield Enrolment(account, course, tuple(events))

    def is_asked(self, event: Event) -> bool:
        return self.learners.meets(event, self.question.filters)

    def has_ended(self, course: str, date: dt.date) -> bool:
        definitions = self.question.definitions
        return definitions is not None and any(
            calendar.course == course and "end" in calendar.marks and date >= calendar.marks["end"]
            for calendar in definitions.calendars
        )

    def is_beyond(self, one: Enrolment) -> bool:
        return not self.beyond or any((e.track or "other") in self.beyond for _, e in one.events)

    def is_current(self, one: Enrolment) -> bool:
        status = one.latest("enrolled", "left")
        return self.is_beyond(one) if status is None else status.standing == "enrolled"

    def is_at_risk(self, one: Enrolment, date: dt.date) -> bool:
        outcome = one.latest("passed", "failed")
        reached = {outcome.standing} if outcome else set()
        reached |= {"completed"} if one.completed() else set()
        quiet = date - dt.timedelta(days=self.question.quiet_days - 1)
        return (
            self.is_current(one)
            and self.is_beyond(one)
            and not reached & set(self.question.unless)
            and not any(day >= quiet for day, _ in one.events)
        )

    def counts(self, date: dt.date) -> dict[str, tuple[int, int]]:
        """Return current enrolments and those at risk by course."""
        found: dict[str, tuple[int, int]] = {}
        for one in self.enrolments(date):
            if self.is_current(one):
                current, lost = found.get(one.course, (0, 0))
                found[one.course] = (current + 1, lost + self.is_at_risk(one, date))
        return found

    def listed(self) -> list[dict[str, Any]]:
        """Return the enrolments at risk, the account in place of the pseudonym, in no order."""
        return [
            self.row(one) for one in self.enrolments(self.date) if self.is_at_risk(one, self.date)
        ]

    def row(self, one: Enrolment) -> dict[str, Any]:
        status, days = one.latest("enrolled", "left"), {day for day, _ in one.events}
        return {
            "account": one.account,
            "course": one.course,
            "enrolled_on": None if status is None else self.local(status.time_ms),
            "last_active": max(days),
            "quiet_days": (self.date - max(days)).days,
            "active_days": len(days),
            "tracks": {e.track or "other" for _, e in one.events},
            "grade": one.grade(),
            "progress": one.progress(),
        }

    def weeks(self) -> list[dt.date]:
        """Return the first dates of the weeks of the trend."""
        back = (
            self.date.weekday()
            if self.question.week_start == "monday"
            else self.date.isoweekday() % 7
        )
        newest = self.date - back * ONE
        first = min(day for day, e in self.dated if e.course is not None)
        weeks = [newest - 7 * n * ONE for n in range(self.question.weeks)]
        return sorted(week for week in weeks if week + 6 * ONE >= first)


def at_risk(events: Sequence[Event], question: AtRisk, zone: str) -> Mapping[str, Any]:
    """Answer the question: numbers, their trend by week, and the list in no order."""
    twin = _Twin(events, question, zone)
    has_any = any(e.course is not None for e in events)
    weeks = twin.weeks() if has_any else []
    return {
        "date": twin.date,
        "courses": twin.counts(twin.date),
        "trend": {week.isoformat(): twin.counts(min(week + 6 * ONE, twin.date)) for week in weeks},
        "list": twin.listed(),
    }
