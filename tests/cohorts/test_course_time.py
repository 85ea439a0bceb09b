"""Course time: each enrolment counts from its own start, in days, weeks and months of its own."""

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homeroom.cohorts.questions import Condition, Retention, parse_condition
from tests.cohorts.engine import misses, read
from tests.examples import examples
from tests.oracle import Event, instant_ms
from tests.oracle.draw import cases

TEXTS = ("verb=played", "track=video", "course=algebra", "course=algebra,biology", "country=DE")


def at(date: str, **fields: object) -> Event:
    return Event(**{"account": "a", "course": "c", **fields}, time_ms=instant_ms(f"{date}T12:00Z"))


def asked(events: list[Event], **fields: object) -> list[list[int]]:
    question = Retention(**{"align": "enrolment", "interval": "week", **fields})
    data = read(events)
    assert misses(data, events, question, "UTC") == []
    answer = data.ask(question)
    return [[n for n in row if n >= 0] for row in answer.counts.tolist()]


def test_a_week_of_the_course_begins_on_the_day_of_the_enrolment():
    events = [
        at("2024-03-06"),
        at("2024-03-12"),
        at("2024-03-13"),
        at("2024-03-19"),
        at("2024-03-20"),
    ]
    # From Wednesday 6 March: days 0 and 6 are week 0, days 7 and 13 week 1, day 14 week 2.
    assert asked(events)[0] == [1, 1, 1]


def test_an_enrolment_event_is_the_start_even_if_other_events_came_before():
    early = [
        at("2024-03-01"),
        at("2024-03-11", track="enrolment"),
        at("2024-03-19"),
        at("2024-03-30"),
    ]
    assert asked(early)[0] == [0, 0, 0, 0, 0]
    assert asked(early)[2] == [1, 1, 1]


def test_a_month_of_the_course_ends_on_the_same_day_of_the_next_or_on_its_last():
    events = [
        at("2024-01-31"),
        at("2024-02-28"),
        at("2024-02-29"),
        at("2024-03-30"),
        at("2024-03-31"),
    ]
    # 31 January to 28 February is month 0; 29 February to 30 March month 1; from 31 March on month 2.
    assert asked(events, interval="month")[0] == [1, 1, 1]
    assert asked([*events[:2], *events[3:]], interval="month")[0] == [1, 1, 1]
    assert asked([events[0], events[1], events[4]], interval="month")[0] == [1, 0, 1]


def test_a_learner_of_two_courses_counts_in_both_and_without_one_in_none():
    events = [
        at("2024-03-04"),
        at("2024-03-12", course="d"),
        at("2024-03-20"),
        at("2024-03-20", course=None),
    ]
    assert asked(events) == [[1, 0, 1], [1, 0], [0]]


def test_a_run_begins_with_the_first_event_of_anybody():
    events = [at("2024-03-04", account="b"), at("2024-03-20"), at("2024-03-28")]
    assert asked(events, align="course-start")[0] == [2, 0, 1, 1]
    assert asked(events)[0] == [1, 0, 0, 0]


@given(
    st.data(),
    cases(size_max=60),
    st.sampled_from(("day", "week", "month")),
    st.sampled_from(("enrolment", "course-start")),
)
@examples(80)
def test_any_filter_bracket_and_zone_is_counted_as_the_oracle_does(data, case, interval, align):
    if not any("country" in e.attributes for e in case.events):
        return
    drawn = st.lists(st.sampled_from(TEXTS), max_size=2, unique=True)
    filters, returning = (
        tuple(parse_condition(text) for text in data.draw(drawn)) for _ in range(2)
    )
    question = Retention(
        interval=interval,
        align=align,
        match=data.draw(st.sampled_from(("on", "on-or-after"))),
        filters=filters,
        returning=returning,
        brackets=data.draw(st.sampled_from(((), ((1, 1), (2, 4)), ((3, 30),)))),
        timezone=data.draw(st.sampled_from((None, "Asia/Kolkata"))),
        from_=data.draw(st.sampled_from((None, case.date - dt.timedelta(days=20)))),
    )
    assert misses(read(case.events, case.zone), case.events, question, case.zone) == []


@pytest.mark.parametrize("align", ["enrolment", "course-start"])
def test_columns_and_history_agree_over_many_words(align):
    events = [
        at(
            str(dt.date(2023, 1, 1) + dt.timedelta(days=d)),
            account=f"l{d % 37}",
            course=f"c{d % 3}",
        )
        for d in range(0, 500, 3)
    ]
    plain = asked(events, align=align, interval="month")
    through_history = asked(
        events, align=align, interval="month", filters=(Condition("verb", ("played",)),)
    )
    assert plain == through_history
