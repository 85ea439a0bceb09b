"""Random events and questions for property tests, crowded where answers go wrong.

A uniform draw over years would never meet a change of clock or the last minute of a month. So a case picks a place in
time that is known for trouble, and puts few learners, few verbs and few weeks around it, most events near the edges.
"""

import dataclasses
import datetime as dt
from typing import Any

from hypothesis import strategies as st

from homeroom.cohorts.questions import (
    ATTENDANCE,
    TEXT_FIELDS,
    Active,
    Condition,
    Question,
    Retention,
)
from tests.oracle.events import Event, instant_ms

__all__ = ["PLACES", "Case", "cases", "event_lists", "plain_questions", "questions"]

MINUTE_MS = 60_000
HOUR_MS = 60 * MINUTE_MS
DAY_MS = 24 * HOUR_MS

PLACES: tuple[tuple[str, str], ...] = (
    ("Europe/Berlin", "2024-03-31T01:00Z"),
    ("Europe/Berlin", "2024-10-27T01:00Z"),
    ("America/Sao_Paulo", "2018-11-04T03:00Z"),
    ("America/Sao_Paulo", "2018-02-18T02:00Z"),
    ("America/St_Johns", "2010-11-07T02:31Z"),
    ("Australia/Lord_Howe", "2024-10-05T15:30Z"),
    ("Australia/Lord_Howe", "2024-04-06T15:00Z"),
    ("Pacific/Apia", "2011-12-30T10:00Z"),
    ("Asia/Kolkata", "2024-02-29T18:30Z"),
    ("UTC", "2024-12-30T00:00Z"),
    ("UTC", "2024-02-29T00:00Z"),
)
"""A zone and an instant at which its clock or calendar does something that a careless program gets wrong."""

VERBS = ("played", "answered", "https://w3id.org/xapi/video/verbs/paused")
COURSES = ("algebra", "biology", None)
TRACKS = ("video", "problem", "enrolment", "other")
COUNTRIES = ("DE", "FR")


@dataclasses.dataclass(frozen=True, slots=True)
class Case:
    """Events around one place in time, with the zone and the local date there."""

    zone: str
    date: dt.date
    events: tuple[Event, ...]


@st.composite
def event_lists(draw: st.DrawFn, around_ms: int, size_max: int = 30) -> tuple[Event, ...]:
    """Draw events of few learners within seven weeks of an instant, most of them within hours of a day's edge."""
    times = st.one_of(
        st.integers(-3 * 60, 3 * 60).map(lambda minutes: minutes * MINUTE_MS),
        st.tuples(st.integers(-3, 3), st.integers(-2 * 60, 2 * 60)).map(
            lambda p: p[0] * DAY_MS + p[1] * MINUTE_MS
        ),
        st.tuples(st.integers(-49, 49), st.integers(-DAY_MS // 2, DAY_MS // 2)).map(
            lambda p: p[0] * DAY_MS + p[1]
        ),
    )
    event = st.builds(
        Event,
        account=st.sampled_from("abcdef"),
        time_ms=times.map(lambda offset: around_ms + offset),
        verb=st.sampled_from(VERBS),
        activity=st.sampled_from(("https://example.org/films/1", "quiz", None)),
        course=st.sampled_from(COURSES),
        track=st.sampled_from(TRACKS),
        score=st.sampled_from((None, None, 0.0, 0.5, 1.0)),
        progress=st.sampled_from((None, None, 0.25, 1.0)),
        success=st.sampled_from((None, None, True, False)),
        duration_ms=st.sampled_from((None, None, 1_000, 60_000)),
        standing=st.sampled_from((None, None, "enrolled", "passed")),
        section=st.sampled_from((None, "https://example.org/weeks/1", "week 2")),
        answer=st.sampled_from((None, None, "blue", "4.2")),
        position_s=st.sampled_from((None, 0.0, 12.5)),
        length_s=st.sampled_from((None, None, 60.0)),
        attributes=st.sampled_from(({}, {}, *({"country": country} for country in COUNTRIES))),
    )
    size_min = draw(st.sampled_from((0, 1, 5, size_max // 2)))
    events = draw(st.lists(event, min_size=size_min, max_size=size_max))
    if events:
        events += draw(st.lists(st.sampled_from(events).flatmap(_near_twins), max_size=5))
    return tuple(events)


def _near_twins(event: Event) -> st.SearchStrategy[Event]:
    """Draw an event of the same learner and instant that differs in one field only."""
    other: dict[str, tuple[Any, ...]] = {
        "verb": VERBS,
        "course": COURSES,
        "track": TRACKS,
        "attributes": ({}, *({"country": country} for country in COUNTRIES)),
        "score": (None, 0.5, 1.0),
        "standing": (None, "enrolled", "failed"),
        "section": (None, "week 2"),
        "answer": (None, "blue", "green"),
        "position_s": (None, 12.5, 13.0),
    }
    return st.sampled_from(sorted(other)).flatmap(
        lambda name: st.sampled_from(other[name]).map(
            lambda value: dataclasses.replace(event, **{name: value})
        )
    )


@st.composite
def cases(draw: st.DrawFn, size_max: int = 30) -> Case:
    """Draw a place and events around it."""
    zone, instant = draw(st.sampled_from(PLACES))
    around_ms = instant_ms(instant)
    date = dt.datetime.fromtimestamp(around_ms // 1000, dt.UTC).date()
    return Case(zone, date, draw(event_lists(around_ms, size_max)))


def conditions() -> st.SearchStrategy[Condition]:
    """Draw a condition on any kind of field."""
    texts = {
        "verb": ("played", "paused", VERBS[2], "unheard-of"),
        "activity": ("1", "quiz", "https://example.org/films/1"),
        "course": ("algebra", "biology", "chemistry", "(none)"),
        "track": TRACKS,
        "country": (*COUNTRIES, "XX", "(none)"),
        "success": ("true", "false"),
        "standing": ("none", "enrolled", "passed", "completed"),
        "section": ("1", "week 2", "week 3", "(none)"),
        "answer": ("blue", "4.2", "no such", "(none)"),
    }
    equal = st.sampled_from(sorted(texts)).flatmap(
        lambda name: st.builds(
            Condition,
            field=st.just(name),
            values=st.lists(st.sampled_from(texts[name]), min_size=1, max_size=2, unique=True).map(
                tuple
            ),
            op=st.sampled_from(("=", "=", "!=")),
        )
    )
    numbers = st.builds(
        Condition,
        field=st.sampled_from(("score", "progress", "duration_ms", "position_s", "length_s")),
        values=st.sampled_from((("0",), ("0.5",), ("12.5",), ("1000",))),
        op=st.sampled_from(("<", "<=", ">", ">=", "=", "!=")),
    )
    return st.one_of(equal, equal, equal, numbers)


def behaviours() -> st.SearchStrategy[tuple[Condition, ...]]:
    """Draw no condition (any activity) half of the time, else one or two."""
    return st.one_of(st.just(()), st.lists(conditions(), min_size=1, max_size=2).map(tuple))


def _brackets() -> st.SearchStrategy[tuple[tuple[int, int], ...]]:
    return st.sampled_from(((), (), (), ((1, 1), (2, 4), (5, 30)), ((2, 3),)))


@st.composite
def plain_questions(draw: st.DrawFn, case: Case) -> Question:
    """Draw a question that day bits can answer: days or longer, in the case's zone, about tracks or attributes."""
    fields: dict[str, Any] = {
        "timezone": case.zone,
        "week_start": draw(st.sampled_from(("monday", "sunday"))),
        "filters": draw(
            st.sampled_from(
                (
                    (),
                    (Condition("track", ("video", "problem")),),
                    (Condition("course", ("algebra",)),),
                )
            )
        ),
        "to": draw(st.one_of(st.none(), st.just(case.date))),
    }
    kind = draw(st.sampled_from(ATTENDANCE))
    if kind is not Active:
        fields["interval"] = draw(st.sampled_from(("day", "week", "month")))
    if kind is Retention:
        fields |= {
            "mode": draw(st.sampled_from(("first-time", "recurring"))),
            "match": draw(st.sampled_from(("on", "on-or-after"))),
            "entry": draw(st.sampled_from(((), (Condition("track", ("video",)),)))),
            "returning": draw(st.sampled_from(((), (Condition("track", ("problem",)),)))),
            "brackets": draw(_brackets()),
        }
    return kind(**fields)


@st.composite
def questions(draw: st.DrawFn, case: Case, kind: type[Question] | None = None) -> Question:
    """Draw a question of a kind (or of any) that suits a case: near its dates, in its zone or in UTC."""
    if kind is None:
        kind = draw(st.sampled_from(ATTENDANCE))
    fields: dict[str, Any] = {
        "timezone": draw(st.sampled_from((None, case.zone, "UTC", "Asia/Kolkata"))),
        "week_start": draw(st.sampled_from(("monday", "sunday"))),
        "filters": draw(st.one_of(st.just(()), behaviours())),
        "breakdown": draw(st.sampled_from((None, None, None, *TEXT_FIELDS, "country"))),
        "as_of": draw(st.one_of(st.none(), _instants(case))),
    }
    if kind is not Active:
        fields["interval"] = draw(st.sampled_from(("hour", "day", "week", "month")))
    if kind is Retention:
        fields |= {
            "mode": draw(st.sampled_from(("first-time", "recurring"))),
            "match": draw(st.sampled_from(("on", "on-or-after"))),
            "entry": draw(behaviours()),
            "returning": draw(behaviours()),
            "brackets": draw(_brackets()),
        }
        if fields["interval"] != "hour" and draw(st.integers(0, 3)) == 0:
            fields |= {
                "mode": "first-time",
                "entry": (),
                "align": draw(st.sampled_from(("enrolment", "course-start"))),
            }
    hours = fields.get("interval") == "hour"
    days = 1 if hours else draw(st.sampled_from((2, 10, 40)))
    begin = draw(st.integers(-days, days))
    if hours or draw(st.booleans()):
        fields["from_"] = case.date + dt.timedelta(days=begin)
    if hours or draw(st.booleans()):
        fields["to"] = case.date + dt.timedelta(days=begin + draw(st.integers(0, days)))
    question = kind(**fields)
    question.check()
    return question


def _instants(case: Case) -> st.SearchStrategy[dt.datetime]:
    noon = dt.datetime(case.date.year, case.date.month, case.date.day, 12, tzinfo=dt.UTC)
    return st.integers(-40 * 48, 40 * 48).map(
        lambda halves: noon + halves * dt.timedelta(minutes=30)
    )
