"""Times of episodes become distributions, timelines, and what a year is modelled with."""

import pytest

from homeroom.provers.years import SHIPPED, read_setup_file
from homeroom.proving.episodes import Counts, Episode, measured_setup, spell_of, spread_of
from homeroom.proving.year import model_year

EPISODE = Episode(
    fault="region",
    whom=("africa",),
    begun_s=10.0,
    over_s=22.0,
    marks=(("rerouted", 11.5), ("suspected", 11.0)),
    failover_s=(0.4, 0.9),
)


def test_a_timeline_begins_with_the_fault_and_is_in_order_of_time():
    told = EPISODE.timeline().to_json()
    assert told["fault"] == "region (africa)"
    assert [(one["what"], one["begin_s"]) for one in told["events"]] == [
        ("region (africa) lasts", 10.0),
        ("suspected", 11.0),
        ("rerouted", 11.5),
    ]
    assert told["events"][0]["end_s"] == 22.0


def test_users_are_moved_when_the_last_of_them_is_answered_and_not_before():
    assert EPISODE.moved_s == 0.9
    assert (
        Episode(fault="x", whom=("a",), begun_s=0, failover_s=(1.0,), unanswered=1).moved_s is None
    )
    assert Episode(fault="x", whom=("a",), begun_s=0).moved_s is None


def test_times_are_spread_by_the_nearest_rank():
    assert spread_of([]) == dict.fromkeys(("least", "median", "p95", "greatest")) | {"count": 0}
    found = spread_of(float(n) for n in range(100, 0, -1))
    assert found == {"count": 100, "least": 1, "median": 50, "p95": 95, "greatest": 100}
    assert spread_of([3.0, 1.0])["p95"] == 3.0


def test_requests_are_counted_together():
    assert Counts(3, 1, 0) + Counts(2, 0, 1) == Counts(5, 1, 1)


def test_a_year_takes_what_was_measured_where_something_was():
    setup = read_setup_file(SHIPPED)
    found = measured_setup(setup, {"region": [2.0, 8.0], "release": [1.0], "router": []})
    moved = {one.name: one.moved for one in found.hazards}
    assert (moved["region"].median_s, moved["region"].p95_s) == (2.0, 8.0)
    assert moved["release"] is None  # nothing moves its users, whatever was measured
    before = {one.name: one.moved for one in setup.hazards}
    assert moved["router"] == before["router"]


def test_slower_failover_costs_a_year_more():
    setup = read_setup_file(SHIPPED)
    quick = model_year(measured_setup(setup, {"router-reload": [0.5]}), 1, 200)
    slow = model_year(measured_setup(setup, {"router-reload": [60.0]}), 1, 200)
    assert slow.by_cause["router-reload"] > 20 * quick.by_cause["router-reload"]


def test_no_time_is_no_spell_of_zero():
    assert spell_of([0.0]).median_s > 0
    with pytest.raises(AssertionError):
        spell_of([])
