"""Setups of a year: what is shipped is whole, and what makes no sense is refused."""

import tomllib
from pathlib import Path

import pytest

import homeroom.proving
from homeroom.errors import ProvingError
from homeroom.proving.hazards import Reach, changed, read_setup
from tests.proving.setups import tables


def test_the_shipped_setup_names_a_source_for_each_rate():
    text = (Path(homeroom.proving.__file__).parent / "hazards.toml").read_text("utf-8")
    setup = read_setup(tomllib.loads(text), "hazards.toml")
    assert sum(place.users for place in setup.places.values()) == pytest.approx(1)
    known = ("Dean 2009", "SRE 201", "Hill 2024", "Backblaze 2024", "Kordahi 2019", "assumption")
    for hazard in setup.hazards:
        assert any(name in hazard.source for name in known), hazard.name


def test_a_change_leaves_what_it_does_not_name():
    setup = read_setup(tables(), "it")
    after = changed(setup, setup.changes[0])
    (before,), (hazard,) = setup.hazards, after.hazards
    assert (hazard.reach, hazard.per_year) == (Reach.WORLD, 1.0)
    assert (hazard.hit, hazard.repair) == (before.hit, before.repair)
    assert after.places["one"].room == 2 * setup.places["one"].room
    assert setup.hazards[0].per_year == 10


def broken(**edits):
    plain = tables()
    for path, value in edits.items():
        *steps, last = path.split("__")
        inner = plain
        for step in steps:
            inner = inner[int(step) if step.isdigit() else step]
        inner[last] = value
    return plain


@pytest.mark.parametrize(
    ("plain", "said"),
    [
        (broken(hazards__0__hit=1.5), r"hazards\[0\].hit"),
        (broken(hazards__0__per_year=-1), "per_year"),
        (broken(hazards__0__colour="red"), "colour"),
        (broken(hazards__0__reach="galaxy"), "galaxy"),
        (broken(hazards__0__repair={"median_s": 10, "p95_s": 5}), "below its median"),
        (broken(hazards=tables()["hazards"] * 2), "stands there twice"),
        (broken(changes=tables()["changes"] * 2), "stands there twice"),
        (broken(changes__0__edits=[{"hazard": "none"}]), "not there"),
        (broken(day=[1] * 23), "day"),
        (broken(places={}), "places"),
    ],
)
def test_what_makes_no_sense_is_refused(plain, said):
    with pytest.raises(ProvingError, match=said):
        read_setup(plain, "mine.toml")
