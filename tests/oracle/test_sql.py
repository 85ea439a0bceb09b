"""The two twins agree: what the engine is compared with is itself checked by somebody else's calendar and joins."""

import datetime as dt
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homeroom.cohorts.questions import Active, Lifecycle, Retention, Stickiness, parse_condition
from tests.examples import examples
from tests.oracle import Event, answer, instant_ms
from tests.oracle.draw import Case, cases
from tests.oracle.sql import Database

Interval = Literal["day", "week", "month"]
INTERVALS = st.sampled_from(("day", "week", "month"))
WEEK_STARTS = st.sampled_from(("monday", "sunday"))
BEHAVIOURS = st.sampled_from(
    (
        ("TRUE", ()),
        ("verb = 'played'", (parse_condition("verb=played"),)),
        ("verb <> 'answered'", (parse_condition("verb!=answered"),)),
    )
)

RANGES = st.tuples(st.integers(-20, 20), st.integers(0, 30))


def shown(case: Case, days: tuple[int, int]) -> tuple[dt.date, dt.date]:
    first = case.date + dt.timedelta(days=days[0])
    return first, first + dt.timedelta(days=days[1])


@given(st.data(), cases(), RANGES, INTERVALS, WEEK_STARTS)
@examples(30)
def test_retention_of_both_twins_is_the_same(data, case, days, interval, week_start):
    first, last = shown(case, days)
    (entry_sql, entry), (returning_sql, returning) = data.draw(BEHAVIOURS), data.draw(BEHAVIOURS)
    database = Database(case.events, first, last, case.zone, week_start)
    for mode in ("first-time", "recurring"):
        for match in ("on", "on-or-after"):
            question = Retention(
                interval=interval,
                mode=mode,
                match=match,
                week_start=week_start,
                from_=first,
                to=last,
                entry=entry,
                returning=returning,
            )
            expected = database.retention(
                interval, mode, match, entry=entry_sql, returning=returning_sql
            )
            assert answer(case.events, question, case.zone)["counts"] == expected


@given(cases(), RANGES, INTERVALS, WEEK_STARTS)
@examples(30)
def test_lifecycle_and_stickiness_of_both_twins_are_the_same(case, days, interval, week_start):
    first, last = shown(case, days)
    database = Database(case.events, first, last, case.zone, week_start)
    given_ = {"interval": interval, "week_start": week_start, "from_": first, "to": last}
    lifecycle = answer(case.events, Lifecycle(**given_), case.zone)
    stages = [lifecycle[name] for name in ("new", "returning", "resurrecting", "dormant")]
    assert list(zip(*stages, strict=True)) == database.lifecycle(interval)
    stickiness = answer(case.events, Stickiness(**given_), case.zone)
    assert stickiness["learners"] == database.stickiness(interval)


@given(cases(), RANGES, WEEK_STARTS)
@examples(30)
def test_active_learners_of_both_twins_are_the_same(case, days, week_start):
    first, last = shown(case, days)
    database = Database(case.events, first, last, case.zone, week_start)
    question = Active(week_start=week_start, from_=first, to=last)
    active = answer(case.events, question, case.zone)["active"]
    for interval in ("day", "week", "month"):
        assert active[interval]["values"] == database.active(interval)


def test_the_twins_agree_on_the_day_that_apia_skipped():
    case = Case("Pacific/Apia", dt.date(2011, 12, 30), ())
    database = Database(case.events, dt.date(2011, 12, 28), dt.date(2012, 1, 1), case.zone)
    question = Stickiness(interval="day", from_=dt.date(2011, 12, 28), to=dt.date(2012, 1, 1))
    assert (
        answer(case.events, question, case.zone)["learners"]
        == database.stickiness("day")
        == [0] * 5
    )


def test_a_bad_oracle_would_be_noticed():
    """A twin that cut days in UTC would differ here; the comparison is not empty."""
    event = Event(account="a", time_ms=instant_ms("2024-03-31T22:30Z"))
    day = {"from_": dt.date(2024, 4, 1), "to": dt.date(2024, 4, 1)}
    assert answer([event], Stickiness(**day), "Europe/Berlin")["learners"] == [1]
    assert answer([event], Stickiness(**day), "UTC")["learners"] == [0]
    with pytest.raises(ValueError, match="no zone"):
        instant_ms("2024-03-31T22:30")
