"""The modelled year, against worlds whose answer is a formula."""

import math

import pytest

from homeroom import limits
from homeroom.errors import ProvingError
from homeroom.proving.hazards import read_setup
from homeroom.proving.year import FIVE_NINES_S, ROOM, YEAR_S, cheapest_way, model_year
from tests.proving.setups import always, hazard, place, tables

YEARS = 4_000


def year(*hazards, years=YEARS, **rest):
    return model_year(read_setup(tables(*hazards, **rest), "it"), 1, years)


def test_what_nothing_moves_is_lost_until_it_is_repaired():
    outcome = year(hazard())
    assert outcome.mean_s == pytest.approx(10 * 1_000, rel=0.02)
    assert outcome.availability == pytest.approx(1 - 10_000 / YEAR_S, rel=1e-5)
    assert outcome.years == YEARS
    assert not outcome.is_five_nines


def test_what_is_moved_is_lost_until_then_and_no_longer_than_it_lasts():
    rooms = {"one": place(room=3), "two": place(room=3)}
    soon = hazard(moved=always(20))
    assert year(soon, **rooms).mean_s == pytest.approx(10 * 20, rel=0.02)
    assert year(hazard(moved=always(5_000)), **rooms).mean_s == pytest.approx(10 * 1_000, rel=0.02)


def test_of_a_region_with_many_nodes_one_takes_its_share():
    outcome = year(hazard(reach="node"), one=place(nodes=5))
    assert outcome.mean_s == pytest.approx(5 * 10 * 1_000 / 5, rel=0.02)


def test_what_strikes_the_world_strikes_each_place_once():
    places = {"one": place(users=3), "two": place(longitude=90)}
    assert year(hazard(reach="world", hit=0.5), **places).mean_s == pytest.approx(5_000, rel=0.02)


def test_requests_count_by_when_they_are_asked():
    """All ask from noon to one by their own sun; a failure of an hour at another time costs nothing."""
    day = [0.001] * 24
    day[12] = 24
    outcome = year(hazard(per_year=100, repair=always(10)), day=day)
    assert outcome.mean_s == pytest.approx(1_000, rel=0.05)
    assert outcome.months_within < 1
    busy = year(hazard(per_year=100, repair=always(10)), day=day, one=place(longitude=180))
    assert busy.mean_s == pytest.approx(1_000, rel=0.05)


def test_two_regions_that_fail_at_once_have_too_little_room():
    """Each is down a share of the time that is 1 - exp(-rate x repair); room is for one at most."""
    fails = hazard(per_year=20, repair=always(86_400), moved=always(0.001))
    share = 1 - math.exp(-20 * 86_400 / YEAR_S)
    both = year(fails, one=place(room=2), two=place(room=2))
    assert both.by_cause[ROOM] == pytest.approx(YEAR_S * share**2, rel=0.05)
    either = year(fails, one=place(), two=place())
    assert either.by_cause[ROOM] == pytest.approx(YEAR_S * share, rel=0.05)


def test_causes_add_up_and_the_greatest_is_first():
    rare = hazard(name="rare", per_year=0.1)
    outcome = year(rare, hazard())
    assert list(outcome.by_cause) == ["region", "rare", ROOM]
    assert sum(outcome.by_cause.values()) == pytest.approx(outcome.mean_s)


def test_a_rate_that_is_not_well_known_widens_the_interval():
    sure, unsure = year(hazard(repair=always(10))), year(hazard(repair=always(10), factor=4))
    assert sure.high_s - sure.low_s < 0.3 * sure.mean_s
    assert unsure.high_s / unsure.low_s == pytest.approx(16, rel=0.5)


def test_five_nines_are_claimed_where_the_whole_interval_is_within():
    assert year(hazard(repair=always(20))).is_five_nines
    near = year(hazard(repair=always(31), factor=2))
    assert near.low_s < FIVE_NINES_S < near.high_s
    assert not near.is_five_nines
    calm = year(hazard(per_year=0))
    assert (calm.mean_s, calm.years_within, calm.months_within) == (0, 1, 1)


def test_the_same_seed_gives_the_same_years():
    setup = read_setup(tables(), "it")
    assert model_year(setup, 7, YEARS) == model_year(setup, 7, YEARS)
    assert model_year(setup, 7, YEARS) != model_year(setup, 8, YEARS)


def test_too_little_room_for_everyday_is_refused():
    with pytest.raises(ProvingError, match="room for 50%"):
        year(hazard(), one=place(room=0.5))


# --- what to change ---------------------------------------------------------------------------------------------------


def change(name, costs, *edits):
    return {"name": name, "what": name, "costs": costs, "edits": list(edits)}


def way(*changes, **fields):
    plain = tables(hazard(), hazard(name="other", per_year=100, repair=always(2), **fields))
    return cheapest_way(read_setup({**plain, "changes": list(changes)}, "it"), 1, YEARS)


SELDOM = {"hazard": "region", "per_year": 0.02}


def test_the_cheapest_set_that_reaches_it_is_found():
    found = way(
        change("dear", 5, SELDOM),
        change("cheap", 1, SELDOM, {"hazard": "other", "per_year": 10}),
        change("idle", 0.5, {"hazard": "other", "hit": 0.9}),
    )
    assert [one.name for one in found.changes] == ["cheap"]
    assert found.costs == 1
    assert found.outcome.is_five_nines
    assert found.outcome.by_cause["region"] == pytest.approx(20, rel=0.3)


def test_several_are_taken_where_one_does_not_do():
    found = way(
        change("one", 1, {"hazard": "region", "per_year": 0.2}),
        change(
            "two",
            2,
            {"hazard": "other", "per_year": 1},
            {"hazard": "region", "repair": always(500)},
        ),
    )
    assert [one.name for one in found.changes] == ["one", "two"]


def test_where_nothing_does_there_is_no_way():
    assert way(change("idle", 1, {"hazard": "other", "hit": 0.5})) is None


def test_where_it_is_reached_nothing_is_to_be_changed():
    plain = tables(hazard(repair=always(5)))
    found = cheapest_way(read_setup(plain, "it"), 1, YEARS)
    assert found.changes == ()
    assert found.costs == 0


def test_years_are_whole_worlds():
    assert year(hazard(), years=1).years == limits.PROVING_WORLDS
