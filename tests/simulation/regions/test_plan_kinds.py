"""Single faults in worlds made by hand: each does what it is meant to, and no promise is broken for it."""

import pytest

from homeroom import limits
from homeroom.regions.steps import Trouble
from homeroom.simulation.regions.places import WORLD
from homeroom.simulation.regions.plan import DISK_KINDS, Fault, Kind, Plan, make_plan
from homeroom.simulation.regions.world import World

NODES = {place.name: place for place in WORLD[:4]}
NAMES = list(NODES)


def world(*faults, storm_ms=5_000):
    return World(Plan(7, NODES, {}, storm_ms, 150, faults))


def test_a_member_that_lies_is_told_and_changes_nothing():
    tried = world(Fault(Kind.LIES, 1_000, 3_000, (NAMES[1],)))
    assert not tried.run().violations
    assert tried.watcher.alarms[Trouble.CLAIM]
    assert tried.watcher.alarms[Trouble.BAD_ENTRY]
    assert not tried.outside.courier.carried, "nobody takes its state for his own"
    assert not any(machine.ended_ms for machine in tried.running)


@pytest.mark.parametrize("kind", sorted(DISK_KINDS))
def test_a_disk_that_fails_unnoticed_costs_a_life_and_nothing_that_others_hold(kind):
    tried = world(Fault(kind, 1_500, 1_500, (NAMES[2],)))
    assert not tried.run().violations
    assert tried.machines[NAMES[2]].ended_ms


def test_an_entry_that_nobody_can_fold_stops_its_origin_alone_until_a_release_can():
    poison = Fault(Kind.POISON, 1_000, 0, (NAMES[0],))
    tried = world(poison)
    folded = {}

    def look():
        for machine in tried.running:
            held, applied = machine.member.held, machine.ledger.applied
            late = {
                origin for origin, number in held.items() if applied.get(origin, 0) < number - 3
            }
            folded[machine.name] = {origin.node for origin in late}

    tried.agenda.after(4_900, look)
    assert not tried.run().violations
    assert folded == {name: {NAMES[0]} for name in NODES}


@pytest.mark.slow
@pytest.mark.parametrize("first", range(0, 40, 10))
def test_what_is_promised_holds_where_every_buffer_is_full(monkeypatch, first):
    bounds = {"GAP_ENTRIES_MAX": 3, "PUSH_AHEAD_MAX": 4, "ARRIVED_ENTRIES_MAX": 8, "LOOKS_MAX": 1}
    for name, bound in bounds.items():
        monkeypatch.setattr(limits, name, bound)
    for seed in range(first, first + 10):
        run = World(make_plan(seed, 4_000)).run()
        assert not run.violations, f"seed {seed}: {run.violations}"
