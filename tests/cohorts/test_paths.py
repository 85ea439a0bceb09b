"""Paths of random events are those of the twin that reads visits off one by one, whatever the events were cut into."""

import hypothesis
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.cohorts.engine import misses, needs_reading
from tests.cohorts.test_funnels import in_segments, knows_country
from tests.examples import examples
from tests.oracle.draw_behaviour import lines, path_questions

pytestmark = needs_reading


@given(st.data(), lines())
@settings(examples(150), phases=[hypothesis.Phase.generate])
def test_paths_are_what_reading_off_each_visit_gives(data, events):
    events = knows_country(events)
    dataset = in_segments(data, events)
    for _ in range(4):
        question = data.draw(path_questions())
        assert misses(dataset, events, question, "UTC") == []
