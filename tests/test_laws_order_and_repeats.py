"""The laws that make the state trustworthy: order, split and repetition of the input change nothing.

An event that comes late, twice or in another file must not move a figure. So the same events, shuffled, dealt into
several inputs and repeated, give the same fingerprint and the same answers; and a directory that was loaded step by
step gives what one read of everything gives.
"""

from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homeroom import limits
from homeroom.cohorts.questions import Active, Condition, Lifecycle, Retention, Stickiness
from homeroom.errors import QuestionError
from tests.cohorts.engine import hr, key_file, needs_reading, read
from tests.examples import examples
from tests.oracle import Event, table
from tests.oracle.draw import Case, cases

pytestmark = needs_reading

QUESTIONS = (
    Retention(interval="day", mode="first-time"),
    Retention(interval="week", mode="recurring", match="on-or-after", breakdown="course"),
    Retention(interval="week", align="enrolment"),
    Lifecycle(interval="day", filters=(Condition("verb", ("played",)),)),
    Stickiness(interval="week"),
    Active(breakdown="track"),
)


def answers(data: Any) -> list[dict[str, Any]]:
    """Return all answers as plain data, without what the reading itself says of files and repeats."""
    written = [data.ask(question).to_json() for question in QUESTIONS]
    for answer in written:
        del answer["source"]
    return written


@st.composite
def dealt(draw: st.DrawFn, case: Case) -> list[list[Event]]:
    """Deal events into one to four inputs, in any order, some of them more than once."""
    events = list(case.events)
    if events:
        events += draw(st.lists(st.sampled_from(events), max_size=10))
    shuffled = draw(st.permutations(events))
    cuts = sorted(draw(st.lists(st.integers(0, len(shuffled)), max_size=3)))
    edges = [0, *cuts, len(shuffled)]
    return [shuffled[a:b] for a, b in pairwise(edges)]


@given(st.data(), cases())
@examples(25)
def test_any_order_any_split_and_any_repetition_give_the_same_state_and_answers(data, case):
    parts = data.draw(dealt(case))
    once, again = read(case.events, case.zone), read([table(part) for part in parts], case.zone)
    assert again.fingerprint() == once.fingerprint()
    assert answers(again) == answers(once)
    distinct = len({repr(event) for event in case.events})
    for source, read_events in (
        (once.source, len(case.events)),
        (again.source, sum(map(len, parts))),
    ):
        assert source.events_read == read_events
        assert (source.events_accepted, source.events_rejected) == (distinct, 0)
        assert source.events_duplicate == read_events - distinct


def test_events_that_differ_in_their_given_track_alone_are_two_events_in_any_order():
    """Were they one, history would hold the track of whichever came first, and the day bits of both."""
    video = Event(account="a", time_ms=1_714_557_600_000, track="video")
    problem = Event(account="a", time_ms=1_714_557_600_000, track="problem")
    for order in ((video, problem), (problem, video)):
        data = read(order)
        assert (data.source.events_accepted, data.source.events_duplicate) == (2, 0)
        for track in ("video", "problem"):
            for zone in ("UTC", "Pacific/Kiritimati"):  # from columns, and from history
                question = Stickiness(filters=(Condition("track", (track,)),), timezone=zone)
                assert data.ask(question).learners.tolist() == [1]


@given(cases())
@examples(10)
def test_other_events_have_another_fingerprint(case):
    more = Event(account="z", time_ms=case.events[0].time_ms if case.events else 1_700_000_000_000)
    assert read([*case.events, more]).fingerprint() != read(case.events).fingerprint()


@pytest.mark.skipif(not hasattr(hr, "load"), reason="homeroom.load is not there yet")
@given(st.data(), cases())
@examples(10)
def test_a_directory_that_is_loaded_in_steps_is_what_one_read_gives(tmp_path_factory, data, case):
    folder = tmp_path_factory.mktemp("loaded") / "data"
    for part in data.draw(dealt(case)):
        loaded = hr.load(str(folder), table(part), timezone=case.zone, key=key_file())
    at_once, opened = read(case.events, case.zone), hr.open(str(folder))
    assert opened.fingerprint() == loaded.fingerprint() == at_once.fingerprint()
    assert answers(opened) == answers(at_once)


def test_an_attribute_of_too_many_values_is_left_out_in_whatever_order_they_come(monkeypatch):
    monkeypatch.setattr(limits, "ATTRIBUTE_VALUES_MAX", 3)
    events = [
        Event(
            account=f"a{i % 5}",
            time_ms=1_709_251_200_000 + i * 3_600_000,
            attributes={"country": f"c{i % 4}"},
        )
        for i in range(40)
    ]
    one = read(events)
    other = read([table(events[20:]), table(list(reversed(events)))])
    assert one.fingerprint() == other.fingerprint()
    assert any("country" in note for note in one.source.notes)
    with pytest.raises(QuestionError, match="'country' is not in the data"):
        one.retention(breakdown="country")
