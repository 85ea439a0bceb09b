"""A small course run with every part of a report, and the report about it."""

import dataclasses
from typing import Any

from homeroom.cohorts.answers import CourseReportAnswer
from homeroom.cohorts.questions import CourseReport
from tests.oracle import instant_ms
from tests.oracle.course_events import CourseEvent, answered

__all__ = ["EVENTS", "OTHER", "report"]

AT = instant_ms("2024-03-04T10:00Z")
DAY_MS = 86_400_000
LEARNERS = 14


def OTHER(event: CourseEvent, **fields: Any) -> CourseEvent:  # noqa: N802 - reads as what it makes
    """Return an event that differs in some fields."""
    return dataclasses.replace(event, **fields)


def _events() -> list[CourseEvent]:
    """Return what 14 learners did in three weeks; the later a learner's number, the less of it."""
    out = []
    for n in range(LEARNERS):
        at = AT + n * 3_600_000
        own = {
            "account": f"learner {n}",
            "attributes": (("country", ("DE", "FR")[n % 2]),),
        }

        def add(minutes: float, verb: str, own=own, at=at, **fields: Any) -> None:
            out.append(
                CourseEvent(time_ms=at + round(60_000 * minutes), verb=verb, **own, **fields)
            )

        add(0, "registered", track="enrolment", standing="enrolled")
        film = {"activity": "film", "track": "video", "section": "week 1", "length_s": 60.0}
        add(1, "played", position_s=0.0, **film)
        add(1.5, "seeked", position_s=10.0, position_from_s=30.0, **film)
        add(2, "completed" if n < 5 else "paused", position_s=40.0, **film)
        puzzle = {"activity": "puzzle", "track": "problem", "section": "week 1"}
        add(
            10,
            "answered",
            success=n % 4 == 0,
            answer="ab"[n % 4 == 0],
            duration_ms=9_000,
            score=0.5,
            **puzzle,
        )
        add(
            11,
            "answered",
            success=n % 2 == 0,
            answer="ab"[n % 2 == 0],
            duration_ms=7_000,
            score=0.8,
            **puzzle,
        )
        if n < 9:
            add(8 * 1440, "viewed", activity="page", track="reading", section="week 2")
            add(
                8 * 1440 + 5,
                "edx.forum.thread.created" if n % 3 else "viewed",
                activity="forum",
                track="forum",
            )
        if n < 4:
            add(20 * 1440, "scored", standing="passed" if n else "failed", score=0.4 + n / 10)
            add(20 * 1440 + 1, "progressed", standing="progressed", progress=n / 4)
        if n > 11:
            add(3 * 1440, "unregistered", standing="left")
    out.append(OTHER(out[0], course="other run", time_ms=AT + 5 * DAY_MS))
    return out


EVENTS = _events()


def report(
    question: CourseReport | None = None, events: list[CourseEvent] = EVENTS
) -> CourseReportAnswer:
    """Return the report about the course run, or the answer to another question about it."""
    found = answered([events[::2], events[1::2]], question or CourseReport(course=("run",)))
    assert isinstance(found, CourseReportAnswer)
    return found
