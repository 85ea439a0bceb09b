"""Crowds before a node, on a virtual clock: what an overload leaves behind, and what admission makes of it."""

from random import Random

import pytest

from homeroom.traffic.overload.admission import Overload
from homeroom.traffic.overload.kinds import Kind
from tests.traffic.overload.crowds import Crowd, World

CAPACITY = 100
"""Requests a second that two workers do."""


def node(*crowds, seed=1, has_admission=True, **fields):
    """Return a world of two workers."""
    overload = Overload(Random(seed).random) if has_admission else None
    return World(seed=seed, crowds=list(crowds), overload=overload, workers=2, **fields)


def fourfold(usual=0.7, times=4, last_s=70):
    """Return an offer that is four times the capacity from the tenth second on, for a minute."""
    return lambda now_s: CAPACITY * (times if 10 <= now_s < last_s else usual)


def steady(part):
    """Return an offer that stays."""
    return lambda _now_s: CAPACITY * part


def naive(per_second, **fields):
    """Return clients that try again at once."""
    return Crowd(per_second=per_second, timeout_ms=2_000, tries=3, obeys=False, **fields)


def test_without_admission_a_node_stays_broken_when_the_crowd_has_gone():
    world = node(naive(fourfold()), has_admission=False).run(130)
    assert world.goodput(2, 10) >= 0.65 * CAPACITY
    assert world.goodput(30, 70) < 0.05 * CAPACITY
    assert world.goodput(120, 130) < 0.05 * CAPACITY, "a minute later nothing good is done"
    assert world.wasted > 50 * CAPACITY, "though it works all the time"


@pytest.mark.parametrize("obeys", [True, False])
def test_within_ten_seconds_of_the_end_of_an_overload_all_is_well_again(obeys):
    offered = fourfold()
    crowd = Crowd(per_second=offered, timeout_ms=2_000, tries=3, obeys=obeys)
    world = node(crowd).run(90)
    assert world.goodput(20, 70) > 0.5 * CAPACITY, "and during it, what can be done is done"
    assert world.share(80, 90) >= 0.95
    assert world.wasted < 0.2 * world.goodput(20, 70) * 60


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("tries", [2, 6])
@pytest.mark.parametrize("usual", [0.4, 0.7, 0.8])
def test_recovers_whatever_the_load_and_the_retries(seed, tries, usual):
    crowd = Crowd(per_second=fourfold(usual), timeout_ms=2_000, tries=tries, obeys=False)
    world = node(crowd, seed=seed).run(100)
    assert world.share(80, 100) >= 0.95


def test_events_go_before_questions_and_these_before_exports_and_none_starves():
    quick = 5 * CAPACITY  # a second, of work that takes a fifth
    events = Crowd(per_second=lambda _: 0.6 * quick, kind=Kind.INGEST, obeys=False)
    questions = Crowd(per_second=lambda _: 1.0 * quick, timeout_ms=2_000, tries=3, obeys=False)
    exports = Crowd(per_second=lambda _: 0.2 * quick, kind=Kind.EXPORT, tries=3, obeys=False)
    world = node(events, questions, exports, service_ms=4.0).run(8)
    world.delays.clear()
    world.run(12)
    assert world.share(8, 20, events) >= 0.95
    assert world.goodput(8, 20, questions) > 0.05 * quick
    assert world.goodput(8, 20, exports) > 0
    delays = sorted(world.delays[id(events)])
    assert delays[len(delays) * 95 // 100] < 600


def test_the_flood_of_one_tenant_costs_that_tenant():
    flood = naive(steady(4), tenant="loud")
    quiet = naive(steady(0.2), tenant="quiet")
    world = node(flood, quiet).run(40)
    assert world.share(10, 40, quiet) >= 0.95


def test_a_slow_disk_is_no_crowd():
    slower = {"slower": lambda ms: 120.0 if ms > 10_000 else 1.0}
    crowd = Crowd(per_second=steady(2), kind=Kind.INGEST, timeout_ms=5_000, obeys=False)
    world = node(crowd, is_steady=True, service_ms=5.0, **slower).run(40)
    assert world.share(25, 40) >= 0.9, "600 ms each, and still all of them"


def test_a_node_for_which_the_floor_is_too_much_is_not_taken_for_a_slow_disk():
    # A hundred batches a second: the 64 that are always let in take 640 ms, and more of them take longer.
    crowd = naive(fourfold(last_s=40), kind=Kind.INGEST)
    world = node(crowd).run(40)
    assert world.overload.statistics()[Kind.INGEST].limit <= 2.5 * 64
    assert world.goodput(15, 40) > 0.6 * CAPACITY
    delays = sorted(world.delays[id(crowd)])
    assert delays[len(delays) * 9 // 10] < 1_500
    world.run(20)
    assert world.share(50, 60) >= 0.95


def test_an_offer_at_the_edge_does_not_make_the_limit_flap():
    world = node(naive(steady(1.05))).run(90)
    settled = world.limits[len(world.limits) // 2 :]
    turns = sum(
        (b - a) * (c - b) < 0
        for a, b, c in zip(settled[::50], settled[50::50], settled[100::50], strict=False)
    )
    assert max(settled) < 3 * min(settled)
    assert turns <= 25, "seconds in which it turned"


@pytest.mark.parametrize("jump_ms", [-3_600_000.0, 3_600_000.0])
def test_a_clock_that_jumps_costs_a_moment(jump_ms):
    clock = {"clock": lambda ms: ms + 5_000_000.0 + (jump_ms if ms > 15_000 else 0.0)}
    world = node(naive(fourfold(last_s=30)), **clock).run(60)
    assert world.goodput(18, 30) > 0.5 * CAPACITY
    assert world.share(40, 60) >= 0.95


def test_load_tells_an_idle_node_from_a_busy_one_and_how_much_too_much_comes():
    world = node(Crowd(per_second=fourfold(last_s=40), timeout_ms=2_000, tries=1))
    world.run(9)
    assert world.overload.load(world.now_ms) < 0.5
    world.run(26)
    assert 2.5 < world.overload.load(world.now_ms) < 6
    world.run(25)
    assert world.overload.load(world.now_ms) < 0.6
