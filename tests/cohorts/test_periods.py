"""Periods against a calendar that looks at the zone's clock minute by minute (``tests/oracle/periods.py``)."""

import datetime as dt

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from homeroom import limits
from homeroom.cohorts.periods import LEAD, make_periods
from homeroom.errors import QuestionError
from homeroom.state.zones import date_of, day_of_date, load_zone
from tests.oracle.periods import Calendar

ZONES = ("UTC", "Europe/Berlin", "America/Sao_Paulo", "Australia/Lord_Howe", "Asia/Kathmandu")
CHANGES = ("2024-03-30", "2018-11-03", "2024-04-06", "2023-12-30", "2024-02-28")


@given(
    st.sampled_from(ZONES),
    st.sampled_from(CHANGES).map(dt.date.fromisoformat),
    st.integers(-40, 5),
    st.integers(0, 80),
    st.sampled_from(("day", "week", "month")),
    st.sampled_from(("monday", "sunday")),
)
@settings(max_examples=60)
def test_days_weeks_and_months_are_those_of_the_calendar(
    name, around, back, length, interval, week
):
    zone, calendar = load_zone(name), Calendar(name, week)
    first = around + dt.timedelta(days=back)
    last = first + dt.timedelta(days=length)
    periods = make_periods(interval, zone, week, first, last)
    shown = calendar.shown(interval, first, last)
    assert periods.count == len(shown)
    assert periods.labels == tuple(calendar.label(period) for period in shown)
    assert date_of(periods.days[0]) == calendar.before(interval, shown[0])
    ends = [calendar.end_ms(interval, period) for period in shown]
    for as_of in (ends[0] - 1, ends[0], ends[-1] - 1, ends[-1]):
        assert periods.complete(as_of).tolist() == [end <= as_of for end in ends]


@given(st.sampled_from(ZONES), st.sampled_from(CHANGES), st.integers(-1, 1), st.integers(0, 2))
@settings(max_examples=25)
def test_hours_are_those_of_the_calendar(name, around, shift, length):
    first = dt.date.fromisoformat(around) + dt.timedelta(days=shift)
    last = first + dt.timedelta(days=length)
    calendar = Calendar(name)
    periods = make_periods("hour", load_zone(name), "monday", first, last)
    shown = calendar.shown("hour", first, last)
    assert periods.edges_ms[1:-1].tolist() == shown
    assert periods.labels == tuple(calendar.label(period) for period in shown)
    assert periods.edges_ms[0] == calendar.before("hour", shown[0])
    assert periods.edges_ms[-1] == calendar.following("hour", shown[-1])


@pytest.mark.parametrize("week_start", ["monday", "sunday"])
@pytest.mark.parametrize("interval", ["day", "week", "month"])
@pytest.mark.parametrize(("first_word", "word_count"), [(300, 0), (300, 1), (299, 4), (310, 2)])
def test_pieces_table_and_of_days_put_every_day_in_the_same_period(
    interval, week_start, first_word, word_count
):
    first, last = date_of(300 * 63 + 20), date_of(301 * 63 + 30)
    periods = make_periods(interval, load_zone("UTC"), week_start, first, last)
    starts, words, bits = periods.pieces(first_word, word_count)
    low, table = periods.day_table
    assert len(starts) == LEAD + periods.count + 1
    days = range(first_word * 63, (first_word + word_count) * 63)
    placed = periods.of_days(np.array(days, np.int64)).tolist()
    for day, found in zip(days, placed, strict=True):
        word, bit = day // 63 - first_word, day % 63
        rows = [
            row
            for row in range(LEAD + periods.count)
            for j in range(starts[row], starts[row + 1])
            if words[j] == word and int(bits[j]) >> bit & 1
        ]
        if found == periods.count:
            assert rows == []
            assert day - low >= len(table)
        else:
            (row,) = rows
            assert row - LEAD == found or (found == -1 and row < LEAD)
            assert row == (0 if day < low else table[day - low])
    assert all(int(mask) >> 63 == 0 for mask in bits)


def test_a_range_that_ends_before_it_begins_has_no_periods():
    for interval in ("hour", "day", "week", "month"):
        periods = make_periods(
            interval, load_zone("UTC"), "monday", dt.date(2024, 1, 2), dt.date(2024, 1, 1)
        )
        assert periods.count == 0
        assert periods.labels == ()
        assert periods.complete(0).shape == (0,)


@pytest.mark.parametrize(
    ("interval", "days"), [("hour", 105), ("day", 2_502), ("week", 17_530), ("month", 71_000)]
)
def test_more_periods_than_the_bound_are_refused_with_advice(interval, days):
    first = day_of_date(dt.date(2000, 1, 1))
    with pytest.raises(QuestionError, match=f"{limits.PERIODS_MAX}; choose a longer interval"):
        make_periods(interval, load_zone("UTC"), "monday", date_of(first), date_of(first + days))
    fits = make_periods(
        interval, load_zone("UTC"), "monday", date_of(first), date_of(first + days * 9 // 10)
    )
    assert fits.count <= limits.PERIODS_MAX
