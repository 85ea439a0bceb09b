"""What light and cables allow is worked out from places alone, and what would help is the least that does."""

import pytest

from homeroom.distance import km_between
from homeroom.proving.physics import (
    Site,
    cable_ms,
    costliest,
    floors,
    forbidden,
    nearest,
    physics_json,
)
from homeroom.proving.plans import parse_plan

HEAD = """
test = "geography"
name = "line"
learners = 100
seconds = 10.0
questions_per_second = 100.0
stretch = 2.0
last_mile_ms = 10.0
"""
# One degree of the equator is 111.2 km, and light takes 1.09 ms for it there and back in a fibre.
DEGREE_MS = 2 * km_between((0, 0), (0, 1)) / (299.792458 / 1.468)
WEST, EAST, FAR = (
    Site(name=name, latitude=0.0, longitude=float(longitude))
    for name, longitude in (("west", 0), ("east", 60), ("far", 90))
)


def users(name, region, longitude, share=1):
    return f"""
[users."{name}"]
region = "{region}"
latitude = 0.0
longitude = {longitude}
share = {share}
"""


def criterion(below, of=""):
    return f'[[criteria]]\nmeasure = "p99_ms"\nbelow = {below}\n' + (f'of = "{of}"\n' if of else "")


def plan(*parts):
    return parse_plan(HEAD + "".join(parts), "line")


PLACES = (users("A", "a", 10), users("B", "a", -10), users("C", "b", 70))


def floor(found, of, down=""):
    (one,) = [one for one in found if (one.of, one.down) == (of, down)]
    return one


def test_a_floor_is_that_of_the_nearest_region_that_is_there():
    found = floors(plan(criterion(500), *PLACES), [WEST, EAST])
    assert floor(found, "a").light_ms == pytest.approx(10 * DEGREE_MS + 10)
    assert floor(found, "a").cables_ms == pytest.approx(20 * DEGREE_MS + 10)
    assert floor(found, "b", "east").light_ms == pytest.approx(70 * DEGREE_MS + 10)
    assert floor(found, "", "west").farthest == "B"
    assert len(found) == 3 * 3


def test_one_user_in_a_hundred_may_be_farther_and_not_more():
    near, far = users("near", "a", 0, 98.9), users("far", "a", 50, 1.1)
    assert floors(plan(criterion(500), near, far), [WEST])[0].farthest == "far"
    near, far = users("near", "a", 0, 99.1), users("far", "a", 50, 0.9)
    assert floors(plan(criterion(500), near, far), [WEST])[0].farthest == "near"


def test_what_cables_forbid_is_told_from_what_light_forbids():
    below_cables = 15 * DEGREE_MS + 10
    found = forbidden(plan(criterion(below_cables, "a"), *PLACES), [WEST, EAST], [])
    always, west, east = [*found, None][:3]
    assert (always.floor.down, always.by_light, always.remedy) == ("", False, ())
    assert (west.floor.down, west.by_light) == ("west", True)
    assert east is None, "with the other region down nothing more is forbidden than always"
    assert "cables of this length take" in always.in_words
    assert "would not change that" in always.in_words
    assert "while west is down: for users in B light alone takes" in west.in_words


def test_the_remedy_is_the_fewest_regions_that_are_enough():
    bound = 15 * DEGREE_MS + 10
    ready = [
        Site(name="sea", latitude=60.0, longitude=0.0),
        Site(name="left", latitude=0.0, longitude=-12.0),
        Site(name="right", latitude=0.0, longitude=12.0),
        Site(name="mid", latitude=0.0, longitude=2.0),
    ]
    wants = plan(criterion(bound, "a"), *PLACES)
    both = forbidden(wants, [EAST], ready)[0]
    assert both.remedy == ("left", "right")
    assert both.remedy_ms == pytest.approx(4 * DEGREE_MS + 10)
    assert "with left and right beside the others" in both.in_words
    one = forbidden(wants, [Site(name="west", latitude=0.0, longitude=8.0), EAST], ready)[0]
    assert one.remedy == ("left",)


def test_what_holds_is_not_forbidden_and_other_measures_are_nobodys():
    errors = '[[criteria]]\nmeasure = "errors"\nbelow = 0.01\n'
    assert forbidden(plan(criterion(500), errors, *PLACES), [WEST, EAST], [FAR]) == []


def test_the_costliest_region_is_the_one_whose_users_go_farthest():
    heavy = users("C", "b", 70, 100)
    assert costliest(plan(criterion(500), *PLACES[:2], heavy), [WEST, EAST]) == "east"
    assert costliest(plan(criterion(500), *PLACES), [WEST, EAST, FAR]) == "west"


def test_users_go_to_the_nearest_over_cables_that_are_longer():
    wants = plan(criterion(500), *PLACES)
    assert [nearest(user, [WEST, EAST]).name for user in wants.users] == ["west", "west", "east"]
    assert cable_ms(wants, WEST.at, EAST.at) == pytest.approx(120 * DEGREE_MS)


def test_all_of_it_can_be_written_down():
    wants = plan(criterion(30, "a"), *PLACES)
    sites = [WEST, EAST]
    told = physics_json(floors(wants, sites), forbidden(wants, sites, [FAR]))
    assert len(told["floors"]) == 9
    assert {one["down"] for one in told["forbidden"]} == {"", "west"}
