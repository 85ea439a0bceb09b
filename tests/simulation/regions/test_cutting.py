"""Retention cuts in worlds that fail: what was before the day is in the bases of all nodes alike, or nowhere."""

import pytest

from homeroom.log.origins import Origin, Stream
from homeroom.simulation.regions.cutting import Bases, cut
from homeroom.simulation.regions.ledger import Readings
from homeroom.simulation.regions.places import WORLD
from homeroom.simulation.regions.plan import Fault, Kind, Plan
from homeroom.simulation.regions.rows import DAY_MS, FIRST_DAY, Happening
from homeroom.simulation.regions.world import World

NODES = {place.name: place for place in WORLD[:4]}
NAMES = list(NODES)
ORIGIN = Origin("here", "0" * 32, Stream.ANALYTIC)
DAY = FIRST_DAY + 3


def event(name, day, learner="one", **fields):
    return Happening(name, learner, (FIRST_DAY + day) * DAY_MS, **fields)


def cut_of(*entries, up_to=9, erased=()):
    readings = Readings()
    said = {(ORIGIN, number): readings.read(some) for number, some in enumerate(entries, 1)}
    return cut(Bases(), DAY, {ORIGIN: up_to}, said, erased)


def test_what_is_covered_and_before_the_day_is_in_the_base_once():
    bases = cut_of([event("a", 1), event("b", 4)], [event("a", 1)], [event("c", 2)], up_to=2)
    assert bases.rows["one"].figures()[0] == 0b10
    assert bases.rows["one"].events == 1


def test_a_void_counts_if_it_is_covered():
    entries = [event("a", 1), event("b", 2)], [event("v", 4, voids="a")], [event("w", 4, voids="b")]
    assert cut_of(*entries, up_to=2).rows["one"].figures()[0] == 0b100


def test_nothing_is_kept_of_who_is_erased():
    assert not cut_of([event("a", 1)], erased={"one"}).rows


def test_voids_stay_whenever_they_were_said():
    said = [event("a", 1), event("v", 1, voids="x"), event("b", 5)]
    assert Bases(DAY).since(said) == tuple(said[1:])


@pytest.mark.parametrize("kind", [Kind.CUT, Kind.RETURN, Kind.ERASE_CUT_OFF])
def test_a_cut_is_crossed_by_what_else_goes_wrong(kind):
    other = Fault(kind, 1_500, 3_000, (NAMES[2],), 7)
    cuts = (
        Fault(Kind.CUT_HISTORY, at_ms, 0, (NAMES[0],), day)
        for at_ms, day in ((2_500, 2), (5_000, 0))
    )
    faults = tuple(sorted((other, *cuts), key=lambda fault: fault.at_ms))
    tried = World(Plan(7, NODES, {}, 6_000, 100, faults))
    assert not tried.run().violations
    for machine in tried.running:
        assert machine.ledger.bases.rows
        assert len(machine.stated.control.cuts) == 1
