"""Funnels of random events are those of the twin that tries every chain, whatever the events were cut into."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homeroom import limits
from homeroom.cohorts.questions import parse_question
from tests.cohorts.engine import misses, needs_reading, read
from tests.examples import examples
from tests.oracle import Event, instant_ms, table
from tests.oracle.compare import differences
from tests.oracle.draw_behaviour import funnels, lines
from tests.vectors import Vector, expected, vectors

pytestmark = needs_reading


def in_segments(data: st.DataObject, events: list[Event]):
    """Read events in any order, cut into segments of history anyhow."""
    shuffled = data.draw(st.permutations(events))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(shuffled)), max_size=3)))
    parts = [shuffled[a:b] for a, b in pairwise([0, *cuts, len(shuffled)]) if a < b]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(limits, "FOLD_EVENTS", 1)
        patch.setattr(limits, "SEGMENT_EVENTS_MAX", 1)
        return read([table(part) for part in parts])


def knows_country(events: list[Event]) -> list[Event]:
    """Add a learner who has what conditions name."""
    at = instant_ms("2001-01-01T00:00Z")
    country = {"country": "DE"}
    known = Event(account="z", time_ms=at, track="other", course="c", attributes=country)
    return [*events, known]


@pytest.mark.parametrize("order", ["ordered", "strict", "any"])
@given(data=st.data(), events=lines())
@examples(150)
def test_a_funnel_is_what_every_chain_tried_gives(order, data, events):
    events = knows_country(events)
    dataset = in_segments(data, events)
    for _ in range(4):
        question = data.draw(funnels(order))
        assert misses(dataset, events, question, "UTC") == []


@pytest.mark.parametrize("vector", vectors("funnel", "paths"), ids=str)
def test_what_was_worked_out_by_hand(vector: Vector):
    found = read(vector.events, vector.zone).ask(vector.question).to_json()
    assert differences(expected(vector, []), found) == []


COUNTRIES = {
    "cohort": {"german": {"attribute": "country=DE"}, "others": {"attribute": "country!=DE"}}
}


@given(data=st.data(), events=lines())
@examples(30)
def test_cohorts_that_are_compared_are_those_that_filters_pick(data, events):
    dataset = in_segments(data, knows_country(events))
    question = data.draw(funnels(data.draw(st.sampled_from(("ordered", "strict", "any")))))
    asked = {**question.to_dict(), "breakdown": None}
    for kind in (asked, {"question": "paths", "as_of": asked.get("as_of")}):
        compared = dataset.ask(
            parse_question({**kind, "compare": ["german", "others"], "definitions": COUNTRIES})
        )
        for (name, part), sign in zip(compared.parts, ("=", "!="), strict=True):
            filters = [*kind.get("filters", ()), f"country{sign}DE"]
            alone = dataset.ask(parse_question({**kind, "filters": filters}))
            assert part.figures() == alone.figures(), name
            cohort = {**kind, "cohort": name, "definitions": COUNTRIES}
            assert dataset.ask(parse_question(cohort)).figures() == alone.figures()
