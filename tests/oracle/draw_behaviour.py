"""Random lines of events, and funnels and paths to ask of them, crowded where chains go wrong.

What goes wrong are ties, events that are two steps at once, windows that end at just an event, repeated steps and
chains that an event ends while another goes on. So few learners do few things within minutes, and windows are a few
minutes long.
"""

import datetime as dt
from typing import Any

from hypothesis import strategies as st

from homeroom.cohorts.questions import Condition
from homeroom.cohorts.questions.behaviour import Exclusion, Funnel, Order, Paths, Step
from tests.oracle.events import Event, instant_ms

__all__ = ["funnels", "lines", "path_questions"]

MIDNIGHT_MS = instant_ms("2024-03-31T00:00Z")
MINUTE_MS = 60_000
VERBS = ("played", "answered", "https://w3id.org/xapi/video/verbs/paused", "left")


def lines() -> st.SearchStrategy[list[Event]]:
    """Draw up to 30 events of few learners around a midnight, many of them at one instant."""
    event = st.builds(
        Event,
        account=st.sampled_from("aabc"),
        time_ms=st.one_of(
            st.integers(-8, 12).map(lambda n: MIDNIGHT_MS + n * MINUTE_MS),
            st.integers(-8 * 60, 12 * 60).map(lambda n: MIDNIGHT_MS + n * 1_000),
        ),
        verb=st.sampled_from(VERBS),
        track=st.sampled_from(("video", "problem", "other")),
        activity=st.sampled_from(("quiz", None)),
        section=st.sampled_from(("week 1", "week 2", None)),
        course=st.sampled_from(("algebra", "algebra", "biology", None)),
        score=st.sampled_from((None, 0.2, 0.9)),
        attributes=st.sampled_from(({}, {"country": "DE"}, {"country": "FR"})),
    )
    # Left to itself Hypothesis draws lists of two or three, in which nothing gets in the way of anything.
    sizes = st.sampled_from((0, 1, 3, 8, 15, 22, 30, 30))
    return sizes.flatmap(lambda size: st.lists(event, min_size=size, max_size=size))


def _kinds() -> st.SearchStrategy[tuple[Condition, ...]]:
    """Draw what an event must be; several of these hold for one event."""
    verbs = [(Condition("verb", (verb,)),) for verb in ("played", "answered", "paused", "left")]
    return st.sampled_from(
        (
            *verbs,
            *verbs,
            (Condition("verb", ("answered", "paused")),),
            (Condition("verb", ("left",), "!="),),
            (Condition("track", ("video",)),),
            (Condition("track", ("video",)), Condition("score", ("0.5",), ">=")),
            (Condition("activity", ("(none)",)),),
            (Condition("country", ("DE",)), Condition("verb", ("played",))),
            (),
        )
    )


def _shared(draw: st.DrawFn) -> dict[str, Any]:
    """Draw what funnels and paths have in common: mostly nothing, which leaves most for chains to be made of."""
    today, as_of = dt.date(2024, 3, 31), dt.datetime(2024, 3, 31, tzinfo=dt.UTC)
    ranges = ({"from_": today}, {"to": today - dt.timedelta(days=1)}, {"from_": today, "to": today})
    filters = ((Condition("course", ("algebra",)),), (Condition("country", ("FR",), "!="),))
    drawn = draw(st.sampled_from(("nothing", "nothing", "range", "filter", "all")))
    shared: dict[str, Any] = {}
    if drawn in ("range", "all"):
        shared |= draw(st.sampled_from(ranges))
    if drawn in ("filter", "all"):
        shared["filters"] = draw(st.sampled_from(filters))
    if drawn == "all":
        shared |= {
            "breakdown": draw(st.sampled_from(("course", "country", "verb"))),
            "timezone": draw(st.sampled_from(("Asia/Kolkata", "America/New_York"))),
            "as_of": draw(st.sampled_from((as_of, as_of + dt.timedelta(minutes=30)))),
        }
    return shared


@st.composite
def funnels(draw: st.DrawFn, order: Order) -> Funnel:
    """Draw a funnel of two to four steps."""
    size = draw(st.sampled_from((2, 3, 3, 4)))
    kinds = draw(st.lists(_kinds(), min_size=size, max_size=size, unique=order == "any"))
    exclude, increasing = [], False
    if order != "any":
        increasing = draw(st.sampled_from((False, False, True)))
        number = draw(st.sampled_from((0, 0, 0, 1, 2)))
        for kind in draw(st.lists(_kinds().filter(bool), min_size=number, max_size=number)):
            first = draw(st.integers(1, len(kinds) - 1))
            last = draw(st.integers(first + 1, len(kinds)))
            between = draw(st.sampled_from((None, (first, last))))
            exclude.append(Exclusion(kind, between))
    question = Funnel(
        **_shared(draw),
        steps=tuple(Step(kind) for kind in kinds),
        order=order,
        within=draw(st.sampled_from(("1d", "5m", "10m", "2m", "90s", "5m"))),
        exclude=tuple(exclude),
        count=draw(st.sampled_from(("best", "first", "every"))),
        increasing=increasing,
    )
    question.check()
    return question


@st.composite
def path_questions(draw: st.DrawFn) -> Paths:
    """Draw a question about paths."""
    anchor = draw(_kinds())
    question = Paths(
        **_shared(draw),
        **draw(st.sampled_from(({}, {"after": anchor}, {"before": anchor}))),
        by=draw(st.sampled_from(("verb", "activity", "section", "track", "course"))),
        depth=draw(st.integers(1, 4)),
        fold=draw(st.sampled_from(("loops", "none"))),
        within=draw(st.sampled_from(("30s", "1m", "3m", "none"))),
        least=draw(st.sampled_from((1, 1, 2))),
        branches=draw(st.sampled_from((1, 2, 8))),
    )
    question.check()
    return question
