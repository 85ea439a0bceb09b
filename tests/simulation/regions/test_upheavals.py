"""Lives begin and end, nodes leave and come back: vectors stay short, and nothing that was acknowledged is gone."""

import pytest

from homeroom import limits
from homeroom.regions.steps import Level, Trouble
from homeroom.simulation.regions.outside import Request
from homeroom.simulation.regions.places import WORLD
from homeroom.simulation.regions.plan import Fault, Kind, Plan
from homeroom.simulation.regions.rows import Happening
from homeroom.simulation.regions.twins import twin_of
from homeroom.simulation.regions.world import World
from tests.simulation.regions.mutation import Mutant

NODES = {place.name: place for place in WORLD[:4]}
NAMES = list(NODES)


def world(storm_ms, *faults, every_ms=400):
    ordered = tuple(sorted(faults, key=lambda fault: fault.at_ms))
    return World(Plan(7, NODES, {}, storm_ms, every_ms, ordered))


def restarts(storm_ms, period_ms):
    """Return faults in which one node after the other is started again, one a period."""
    times = range(period_ms, storm_ms - period_ms, period_ms)
    return [
        Fault(Kind.KILL, at_ms, 300, (NAMES[number % len(NAMES)],))
        for number, at_ms in enumerate(times)
    ]


def longest_vector(tried, from_ms):
    """Let a world run; return how many origins a vector had at most, from a time on."""
    longest = 0

    def look():
        nonlocal longest
        lengths = [len(machine.member.held) for machine in tried.running if machine.life]
        longest = max([longest, *lengths])
        tried.agenda.after(500, look)

    tried.agenda.after(from_ms, look)
    run = tried.run()
    assert not run.violations, run.violations
    return longest


@pytest.mark.parametrize(
    ("storm_ms", "period_ms", "every_ms"),
    [(30_000, 5_000, 1_000), pytest.param(1_200_000, 60_000, 8_000, marks=pytest.mark.slow)],
)
def test_vectors_stay_short_where_nodes_are_started_again_for_ever(storm_ms, period_ms, every_ms):
    faults = restarts(storm_ms, period_ms)
    longest = longest_vector(world(storm_ms, *faults, every_ms=every_ms), 0)
    # Two streams of the home, one of each other node, and the lives that are not closed yet.
    assert longest <= len(NODES) + 5
    assert len(faults) >= 4


def test_what_a_removed_node_wrote_meanwhile_is_written_once_more():
    tried = world(8_000, Fault(Kind.RETURN, 2_000, 4_000, (NAMES[1],)), every_ms=200)
    run = tried.run()
    assert not run.violations
    back = tried.machines[NAMES[1]]
    closed = back.member.members.closed
    beyond = [o for o in back.store.held() if back.store.head(o).number > closed.get(o, 1 << 40)]
    (gone,) = [origin for origin in beyond if origin.node == back.name]
    # What its clients were told while it was away is folded everywhere, under its new life.
    late = [told for told in tried.diary.acknowledged if told.token.origin == gone]
    assert max(told.token.number for told in late) > closed[gone]
    for machine in tried.running:
        assert machine.ledger.events() >= {
            e for told in late for e in told.batch.events if not (e.voids or e.says)
        }


def test_a_copy_of_a_machine_is_told_by_all_others_and_what_both_wrote_counts():
    tried = world(9_000, Fault(Kind.CLONE, 1_000, 7_000, (NAMES[1],)))
    run = tried.run()
    assert not run.violations
    assert tried.watcher.alarms[Trouble.CLONE] >= len(NODES) - 1
    there = [told for told in tried.diary.acknowledged if told.batch.id.startswith("at the copy")]
    assert len(there) >= 5


def test_a_running_machine_that_is_copied_with_its_memory_is_a_fork_and_all_else_goes_on():
    tried, twins = world(9_000, every_ms=150), []
    name = NAMES[1]

    def copy():
        twins.append(twin_of(tried.machines[name]))
        tried.agenda.after(5_000, twins[0].destroy)
        write(0)

    def write(number):
        event = Happening(f"twin {number}", "learner 1", tried.agenda.wall_ms)
        request = Request(event.id, (event,), Level.LOCAL, lambda _: None, tried.agenda.now_ms)
        twins[0].offer(request)
        if number < 20:
            tried.agenda.after(200, write, number + 1)

    tried.agenda.after(3_000, copy)
    tried.run()
    assert twins[0].member is not tried.machines[name].member
    assert tried.watcher.alarms[Trouble.FORK] >= 1
    forked = {
        origin for machine in tried.running for origin in machine.member.held if origin.node == name
    }
    for machine in tried.running:
        others = {o: n for o, n in machine.member.held.items() if o not in forked}
        assert others == {o: n for o, n in tried.running[0].member.held.items() if o not in forked}
        assert {o.node for o in others} == {*NAMES} - {name}
        assert machine.ledger.applied == machine.member.held
    assert max(told.at_ms for told in tried.diary.acknowledged if told.node != name) > 9_000


HASTY = Mutant(
    "a home states facts that stand before what it has stated",
    "member",
    "        return self.facts_ahead(wall_ms) is None\n",
    "        return True\n",
)


@pytest.mark.parametrize("cores", [None, HASTY.cores()], ids=["sound", "hasty"])
def test_a_home_whose_clock_was_put_back_states_nothing_before_what_it_has_stated(cores):
    faults = (
        Fault(Kind.ALONE_AND_WRONG, 2_000, 3_500, (NAMES[0],), -20_000.0),
        Fault(Kind.KILL, 2_500, 300, (NAMES[0],)),
        Fault(Kind.RETURN, 2_100, 5_000, (NAMES[2],)),
    )
    tried = World(Plan(7, NODES, {}, 8_000, 400, faults), cores)
    assert bool(tried.run().violations) == (cores is not None)


def test_a_node_that_joins_while_logs_forget_gets_a_snapshot():
    place = WORLD[5]
    fault = Fault(Kind.JOIN, 7_000, 0, (place.name,))
    tried = World(Plan(7, NODES, {place.name: place}, 9_000, 200, (fault,)))
    run = tried.run()
    assert not run.violations
    new = tried.machines[place.name]
    assert new.ended_ms, "it began anew from a snapshot"
    assert tried.outside.courier.carried
    assert max(new.store.begins().values()) > 0


def test_everything_else_goes_on_while_the_home_is_lost_and_is_moved():
    tried = world(9_000, Fault(Kind.DESTROY, 3_000, 0, (NAMES[0],)))
    run = tried.run()
    assert not run.violations
    home = tried.operator.home
    assert home.name != NAMES[0]
    assert {machine.member.members.home for machine in tried.running} == {home.name}
    assert max(told.at_ms for told in tried.diary.acknowledged) > tried.agenda.now_ms - 25_000


def test_entries_of_the_future_count_as_it_was_ruled_everywhere():
    year_ms = 31_536_000_000
    wrong = Fault(Kind.ALONE_AND_WRONG, 1_000, 6_000, (NAMES[2],), year_ms)
    # A new life has heard no other clock, and believes its own.
    tried = world(9_000, wrong, Fault(Kind.KILL, 1_500, 300, (NAMES[2],)))
    run = tried.run()
    assert not run.violations
    rulings = tried.running[0].member.members.rulings
    assert {origin.node for origin in rulings} == {NAMES[2]}
    assert all(machine.member.gate.held == 0 for machine in tried.running)


def test_a_removal_is_crossed_by_a_partition_that_is_longer_than_every_buffer(monkeypatch):
    for name, bound in (("GAP_ENTRIES_MAX", 4), ("PUSH_AHEAD_MAX", 8), ("ARRIVED_ENTRIES_MAX", 32)):
        monkeypatch.setattr(limits, name, bound)
    cut = Fault(Kind.CUT, 1_000, 6_000, (NAMES[2],))
    removed = Fault(Kind.RETURN, 500, 5_000, (NAMES[1],))
    tried = world(8_000, cut, removed, every_ms=60)
    run = tried.run()
    assert not run.violations
    assert len(tried.diary.sent) > 10 * 32
