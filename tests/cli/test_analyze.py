"""What `homeroom analyze` decides by itself."""

import pytest

from homeroom.cli.analyze import choose_interval
from homeroom.cohorts.answers import Source


@pytest.mark.parametrize(
    ("last", "interval"),
    [
        ("2024-01-01T23:00:00Z", "day"),
        ("2024-01-21T23:00:00Z", "day"),
        ("2024-01-22T00:00:00Z", "week"),
        ("2024-12-31T00:00:00Z", "week"),
        ("2025-01-01T00:00:00Z", "month"),
    ],
)
def test_the_period_suits_the_range_of_the_data(last, interval):
    source = Source(first_event="2024-01-01T00:00:00Z", last_event=last)

    assert choose_interval(source, {}) == interval


def test_the_part_that_is_asked_about_counts_not_the_whole():
    source = Source(first_event="2020-01-01T00:00:00Z", last_event="2024-01-01T00:00:00Z")

    assert choose_interval(source, {"from": "2023-12-25"}) == "day"
    assert choose_interval(source, {"to": "2020-03-01"}) == "week"


def test_no_events_at_all_have_a_period_too():
    assert choose_interval(Source(), {}) == "day"
