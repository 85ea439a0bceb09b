"""Faults strike in turn, and never the home alone."""

import pytest

from homeroom.proving.faults import catalogue
from homeroom.proving.turns import Turns

PLACES = {"home": (0, 0), "data": (10, 0), "near": (40, 0), "nearer": (41, 0), "far": (-40, 90)}


@pytest.fixture
def turns():
    return Turns(PLACES, "home", "data", "far")


def test_whoever_was_left_alone_for_the_longest_time_is_struck(turns):
    region = catalogue()["region"]
    assert [turns.next(region) for _ in range(5)] == [
        ("near",),
        ("nearer",),
        ("far",),
        ("data",),
        ("near",),
    ]


def test_what_one_region_alone_can_lose_is_its_own_and_counts_as_its_turn(turns):
    assert turns.next(catalogue()["database"]) == ("data",)
    assert turns.next(catalogue()["full-disk"]) == ("far",)
    struck = [turns.next(catalogue()["pause"])[0] for _ in range(4)]
    assert struck == ["near", "nearer", "data", "far"]


def test_a_continent_is_two_regions_that_are_near(turns):
    assert turns.next(catalogue()["correlated"]) == ("near", "nearer")
    one, other = turns.next(catalogue()["parted"])
    assert {one, other} == {"far", "data"}


def test_what_all_have_strikes_all(turns):
    assert turns.next(catalogue()["caches"]) == tuple(PLACES)
