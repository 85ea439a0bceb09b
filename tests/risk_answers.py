"""Answers to who is at risk, asked of a few made-up learners, for tests of how they are shown and written."""

import datetime as dt
from typing import Any

from homeroom.cohorts.answers import AtRiskAnswer
from tests.cohorts.engine import read
from tests.oracle import Event, instant_ms

__all__ = ["EVENTS", "answer"]

DAY_MS = 86_400_000
START_MS = instant_ms("2024-03-04T12:00Z")
HOSTILE = "<b>\x1b[31m\"'&\u202e"
"""A course run that somebody has named to do harm."""


def _events() -> list[Event]:
    """Return sixty learners in three course runs, who stop on different days."""
    found = []
    for number in range(60):
        course = ("algebra", "biology", HOSTILE)[number % 3]
        account, first = f"learner {number}", number % 5
        given = {
            "account": account,
            "course": course,
            "attributes": {"country": "DE" if number % 2 else "FR"},
        }

        def at(day: int, given: dict[str, Any] = given, **fields: Any) -> Event:
            return Event(time_ms=START_MS + day * DAY_MS, **given, **fields)

        found.append(at(first, track="enrolment", verb="enrolled", standing="enrolled"))
        found += [
            at(day, track=("video", "problem", "navigation")[(day + number) % 3])
            for day in range(first + 1, 10 + number % 40, 3)
        ]
        if number % 7 == 0:
            found.append(at(first + 1, verb="graded", standing="graded", score=0.25 + number / 100))
        if number % 11 == 0:
            found.append(at(46, track="other", verb="passed", standing="passed"))
    return found


EVENTS = _events()


def answer(**fields: Any) -> AtRiskAnswer:
    """Answer a question given by its fields; ``as_of`` is a date of 2024."""
    if "as_of" in fields:
        date = dt.date.fromisoformat(f"2024-{fields['as_of']}")
        fields["as_of"] = dt.datetime.combine(date, dt.time(12), dt.UTC)
    found: AtRiskAnswer = read(EVENTS).at_risk(**fields)
    return found
