"""Worlds have documents and erasures in them, and what is watched is seen."""

import pytest

from homeroom.log.origins import Stream
from homeroom.simulation.regions.erasing import Register, cut
from homeroom.simulation.regions.plan import ERASURES, make_plan
from homeroom.simulation.regions.residency import BorderWatch
from homeroom.simulation.regions.rows import Happening
from homeroom.simulation.regions.world import World
from tests.simulation.regions.residency_mutants import calm

SHORT_MS = 4_000


def test_worlds_have_documents_that_cross_no_border_and_learners_who_are_erased():
    world = World(make_plan(15, SHORT_MS))
    run = world.run()
    assert not run.violations
    assert run.figures["documents"] > 10
    assert run.figures["erasures"] > 0
    assert world.border.crossed > 100
    for machine in world.running:
        assert machine.ledger.erased
        assert any(origin.stream == "document" for origin in machine.member.held)


def test_worlds_have_events_that_stay_in_their_jurisdiction_and_are_compared_there():
    world = World(calm(21, SHORT_MS))
    run = world.run()
    assert not run.violations
    assert run.figures["pinned"] > 5
    laws = {machine.jurisdiction for machine in world.running if machine.pinned.rows}
    assert len(laws) > 1
    for machine in world.running:
        names = [origin.node for origin in machine.member.held if origin.stream is Stream.PINNED]
        assert {world.machines[name].jurisdiction for name in names} <= {machine.jurisdiction}


def test_in_open_worlds_documents_of_who_lives_elsewhere_go_home_sealed():
    world = World(make_plan(9, SHORT_MS))
    run = world.run()
    assert not run.violations
    homes = world.outside.homes
    assert set(homes.values()) == {place.jurisdiction for place in world.plan.nodes.values()}
    sealed = [o for machine in world.running for o in machine.member.held if o.stream.home]
    assert len({origin.stream.home for origin in sealed}) > 1
    for machine in world.running:
        mine = {o for o in machine.member.held if o.stream.home}
        laws = {(world.machines[o.node].jurisdiction, o.stream.home) for o in mine}
        assert all(machine.jurisdiction in both for both in laws)


def test_every_kind_of_erasure_befalls_some_world():
    plans = [make_plan(seed, SHORT_MS) for seed in range(60)]
    assert set().union(*(plan.kinds for plan in plans)) >= ERASURES


@pytest.mark.parametrize(
    ("to", "body", "is_seen"),
    [
        ("lagos", b"..document..", True),
        ("us-west", b"..document..", False),
        ("lagos", b"..analytic..", False),
        ("nobody", b"..document..", True),
        ("lagos", b"..sealed-ng..sealed-us..", False),
        ("lagos", b"..sealed-ng..sealed-eu..", True),
    ],
)
def test_what_belongs_to_documents_is_seen_at_a_border(to, body, is_seen):
    watch = BorderWatch({"us-east": "us", "us-west": "us", "lagos": "ng"})
    watch.carried("us-east", to, body)
    assert bool(watch.violations) == is_seen


def test_what_is_void_stays_so_when_who_said_it_is_erased():
    events = [
        Happening("1", "one", 5),
        Happening("2", "one", 6, voids="9"),
        Happening("3", "two", 7),
    ]
    assert cut(events, {"one"}) == [Happening("", "", 0, voids="9"), events[2]]


def test_a_register_states_what_does_not_count_once_in_each_life():
    register, erasure = Register(), Happening("e", "", 5, erases="one")
    register.add(erasure)
    assert register.missing(set(), "a") == [erasure]
    assert register.missing(set(), "a") == []
    assert register.missing(set(), "b") == [erasure]
    assert register.missing({"one"}, "c") == []
