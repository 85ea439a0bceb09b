"""The way from a question to an answer: who is asked, how often, and who is told what."""

import random

import pytest

from homeroom import limits
from homeroom.log.origins import Vector
from homeroom.traffic.caching.judging import Bounds, Standing
from homeroom.traffic.caching.keys import Reach
from homeroom.traffic.caching.lookup import Lookup, Places
from homeroom.traffic.caching.resident import Resident
from homeroom.traffic.caching.steps import (
    Asked,
    Compute,
    Computed,
    Failed,
    Forgotten,
    Found,
    Keep,
    Lease,
    Leased,
    Left,
    LookAgain,
    Looked,
    LookIn,
    Refuse,
    Release,
    TakeLease,
    Tell,
    Tier,
)
from tests.traffic.caching.answers import NOW_MS, at, kept, key, want

Q = key("q")
ALONE = Places()
REGION = Places(has_region=True)
WORLD = Places(has_region=True, has_world=True, world_ms=100.0)


def lookup(places=ALONE, bounds=None, drawn=1.0):
    return Lookup(Resident(100, 1 << 20), places, bounds or Bounds(), lambda: drawn)


def kinds(effects):
    return [type(one) for one in effects]


class Steps:
    """Steps a lookup, and looks at what must hold after each."""

    def __init__(self, *args, **fields):
        self.of = lookup(*args, **fields)
        self.now_ms = NOW_MS

    def __call__(self, event):
        effects = self.of.step(event, self.now_ms)
        self.of.check_invariants()
        return effects

    def ready(self, wanted, name=Q):
        found = self.of.ready(name, wanted, self.now_ms)
        return found and (found.kept.value, found.standing)


def test_what_the_engine_said_is_told_again_without_it():
    step = Steps()
    assert step(Asked(1, Q, want(at(a=1)))) == [Compute(Q, Vector())]
    (told,) = step(Computed(Q.name, kept(b"one", at(a=1)), True))
    assert (told.ticket, told.kept.value, told.tier) == (1, b"one", Tier.ENGINE)
    assert step.ready(want(at(a=1))) == (b"one", Standing.CURRENT)
    assert step.ready(want(at(a=2))) is None
    assert step.of.under_way == 0


def test_ten_thousand_who_ask_at_once_cost_one_computation():
    step = Steps()
    effects = [
        one for ticket in range(10_000) for one in step.of.step(Asked(ticket, Q, want(at(a=1))), 0)
    ]
    assert kinds(effects) == [Compute]
    told = step(Computed(Q.name, kept(b"one", at(a=1)), True))
    assert sorted(one.ticket for one in told) == list(range(10_000))


def test_who_knows_of_more_than_the_engine_began_with_is_not_told_less():
    step = Steps()
    step(Asked(1, Q, want(at(a=1))))
    step(Asked(2, Q, want(at(a=2), after=at(a=2))))
    step(Asked(3, Q, want(at(a=1))))
    told, other, again = step(Computed(Q.name, kept(b"one", at(a=1)), True))
    assert {told.ticket, other.ticket} == {1, 3}
    assert again == Compute(Q, at(a=2))
    (told,) = step(Computed(Q.name, kept(b"two", at(a=2)), True))
    assert (told.ticket, told.kept.value) == (2, b"two")


def test_a_flight_of_which_everybody_has_left_ends_all_the_same():
    step = Steps()
    step(Asked(1, Q, want()))
    step(Left(1, Q.name))
    assert step(Computed(Q.name, kept(b"one"), True)) == []
    assert step.of.under_way == 0


def test_what_is_said_not_to_last_is_told_once_and_not_kept():
    step = Steps(REGION)
    step(Asked(1, Q, want()))
    step(Found(Q.name, Tier.REGION, None))
    step(Leased(Q.name, Lease.GOT))
    assert kinds(step(Computed(Q.name, kept(b"one"), False))) == [Tell, Release]
    assert step.ready(want()) is None


def test_what_is_forgotten_while_it_is_computed_is_not_kept():
    step = Steps()
    step(Asked(1, Q, want()))
    step(Forgotten("main"))
    assert kinds(step(Computed(Q.name, kept(b"one"), True))) == [Tell]
    assert step.ready(want()) is None


def test_a_tenant_is_forgotten_and_no_other():
    step, other = Steps(), key("q", tenant="other")
    for one in (Q, other):
        step(Asked(1, one, want()))
        step(Computed(one.name, kept(one.tenant.encode()), True))
    step(Forgotten("main"))
    assert step.ready(want()) is None
    assert step.ready(want(), other) == (b"other", Standing.CURRENT)


def test_an_engine_that_fails_is_told_to_all_and_kept_by_nobody():
    step, error = Steps(), TimeoutError("x")
    step(Asked(1, Q, want()))
    step(Asked(2, Q, want()))
    assert step(Failed(Q.name, error)) == [Refuse(1, error), Refuse(2, error)]
    assert step(Asked(3, Q, want())) == [Compute(Q, Vector())]


@pytest.mark.parametrize(("bound_ms", "effect"), [(0, Refuse), (5_000, Tell)])
def test_where_the_engine_fails_what_is_old_is_told_if_settings_let_it(bound_ms, effect):
    step = Steps(bounds=Bounds(stale_on_error_ms=bound_ms))
    step(Asked(1, Q, want(at(a=1))))
    step(Computed(Q.name, kept(b"old", at(a=1)), True))
    step.now_ms += 4_999
    assert step.ready(want(at(a=2))) is None
    step(Asked(2, Q, want(at(a=2))))
    (told,) = step(Failed(Q.name, TimeoutError()))
    assert type(told) is effect
    assert effect is Refuse or told.standing is Standing.STALE


# --- the region ------------------------------------------------------------------------------------------------------


def test_the_region_is_asked_before_the_engine_and_told_afterwards():
    step = Steps(REGION)
    assert step(Asked(1, Q, want())) == [LookIn(Tier.REGION, Q)]
    assert step(Found(Q.name, Tier.REGION, None)) == [TakeLease(Q)]
    assert step(Leased(Q.name, Lease.GOT)) == [Compute(Q, Vector())]
    answer = kept(b"one")
    effects = step(Computed(Q.name, answer, True))
    assert kinds(effects) == [Tell, Keep, Release]
    assert effects[1] == Keep(Tier.REGION, Q, answer)


def test_what_the_region_has_is_told_and_kept_here():
    step = Steps(REGION)
    step(Asked(1, Q, want(at(a=1))))
    (told,) = step(Found(Q.name, Tier.REGION, kept(b"one", at(a=1))))
    assert (told.ticket, told.tier) == (1, Tier.REGION)
    assert step.ready(want(at(a=1))) == (b"one", Standing.CURRENT)


def test_what_the_region_has_and_is_old_is_told_to_nobody():
    step = Steps(REGION, Bounds(stale_ms=60_000))
    step(Asked(1, Q, want(at(a=2), floor=at(a=2))))
    assert step(Found(Q.name, Tier.REGION, kept(b"old", at(a=1)))) == [TakeLease(Q)]


def test_a_node_waits_for_another_one_that_makes_the_answer_and_takes_it():
    step = Steps(REGION)
    step(Asked(1, Q, want()))
    step(Found(Q.name, Tier.REGION, None))
    assert step(Leased(Q.name, Lease.TAKEN)) == [LookAgain(Q.name, limits.CACHE_LEASE_LOOK_MS)]
    assert step(Looked(Q.name)) == [LookIn(Tier.REGION, Q)]
    assert kinds(step(Found(Q.name, Tier.REGION, kept(b"theirs")))) == [Tell]


def test_nobody_waits_longer_for_another_node_than_the_bound():
    step = Steps(REGION)
    step(Asked(1, Q, want()))
    looked = 0
    effects = step(Found(Q.name, Tier.REGION, None))
    while kinds(effects) != [Compute]:
        effects = step(Leased(Q.name, Lease.TAKEN))
        if kinds(effects) == [LookAgain]:
            step.now_ms += limits.CACHE_LEASE_LOOK_MS
            step(Looked(Q.name))
            step(Found(Q.name, Tier.REGION, None))
            looked += 1
    assert looked == limits.CACHE_LEASE_WAIT_MS // limits.CACHE_LEASE_LOOK_MS


@pytest.mark.parametrize("jump_ms", [-3_600_000, 3_600_000])
def test_a_clock_that_jumps_lets_nobody_wait(jump_ms):
    step = Steps(REGION)
    step(Asked(1, Q, want()))
    step(Found(Q.name, Tier.REGION, None))
    step.now_ms += jump_ms
    assert kinds(step(Leased(Q.name, Lease.TAKEN))) == [Compute]


def test_a_region_that_is_away_costs_no_answer():
    step = Steps(REGION)
    step(Asked(1, Q, want()))
    step(Found(Q.name, Tier.REGION, None))
    assert step(Leased(Q.name, Lease.AWAY)) == [Compute(Q, Vector())]
    assert kinds(step(Computed(Q.name, kept(), True))) == [Tell, Keep]


def test_a_lease_that_comes_when_all_is_over_is_given_back_or_expires():
    step = Steps(REGION)
    step(Asked(1, Q, want()))
    step(Found(Q.name, Tier.REGION, None))
    step(Leased(Q.name, Lease.AWAY))
    assert step(Leased(Q.name, Lease.GOT)) == [Release(Q)]


# --- the world -------------------------------------------------------------------------------------------------------


def slow(step, name=Q, cost_ms=900.0):
    step(Asked(0, name, want()))
    step(Found(name.name, Tier.REGION, None))
    step(Leased(name.name, Lease.GOT))
    step(Computed(name.name, kept(cost_ms=cost_ms), True))
    step(Forgotten(name.tenant))


def test_the_world_is_asked_where_the_engine_takes_longer_than_the_way():
    step = Steps(WORLD)
    slow(step)
    step(Asked(1, Q, want()))
    step(Found(Q.name, Tier.REGION, None))
    assert step(Leased(Q.name, Lease.GOT)) == [LookIn(Tier.WORLD, Q)]
    effects = step(Found(Q.name, Tier.WORLD, kept(b"far")))
    assert kinds(effects) == [Tell, Keep, Release]
    assert effects[0].tier is Tier.WORLD


def test_the_world_is_not_asked_where_the_engine_is_quicker():
    step = Steps(WORLD)
    slow(step, cost_ms=5.0)
    step(Asked(1, Q, want()))
    step(Found(Q.name, Tier.REGION, None))
    assert step(Leased(Q.name, Lease.GOT)) == [Compute(Q, Vector())]


def test_what_must_stay_in_its_jurisdiction_is_neither_looked_for_nor_kept_in_the_world():
    bound, step = key("p", reach=Reach.JURISDICTION), Steps(WORLD)
    slow(step)
    step(Asked(1, bound, want()))
    step(Found(bound.name, Tier.REGION, None))
    assert kinds(step(Leased(bound.name, Lease.GOT))) == [Compute]
    effects = step(Computed(bound.name, kept(cost_ms=900.0), True))
    assert [one.tier for one in effects if isinstance(one, Keep)] == [Tier.REGION]


# --- made anew -------------------------------------------------------------------------------------------------------


def test_what_is_stale_is_told_at_once_and_made_anew_once():
    step = Steps(bounds=Bounds(stale_ms=5_000))
    step(Asked(1, Q, want(at(a=1))))
    step(Computed(Q.name, kept(b"old", at(a=1)), True))
    wanted = want(at(a=2))
    told = step.of.ready(Q, wanted, step.now_ms)
    assert told.standing is Standing.STALE
    assert step.of.renew(told, Q, step.now_ms) == [Compute(Q, Vector())]
    assert step.of.renew(told, Q, step.now_ms) == []
    step(Computed(Q.name, kept(b"new", at(a=2)), True))
    assert step.ready(wanted) == (b"new", Standing.CURRENT)


def test_what_will_soon_be_over_is_made_anew_by_one_node_while_it_is_told():
    step = Steps(REGION, drawn=0.01)
    answer = kept(b"one", cost_ms=2_000.0)
    step(Asked(1, Q, want()))
    step(Found(Q.name, Tier.REGION, answer))
    step.now_ms += 55_000
    told = step.of.ready(Q, want(), step.now_ms)
    assert told.standing is Standing.CURRENT
    assert step.of.renew(told, Q, step.now_ms) == [LookIn(Tier.REGION, Q)]
    assert step(Found(Q.name, Tier.REGION, answer)) == [TakeLease(Q)]
    assert step(Leased(Q.name, Lease.TAKEN)) == []
    assert step.of.under_way == 0


def test_a_slow_fill_does_not_overwrite_what_is_newer():
    step = Steps(REGION)
    step(Asked(1, Q, want()))
    step(Found(Q.name, Tier.REGION, kept(b"new", at(a=5))))
    step.of.warm(Q, kept(b"slow", at(a=4), life_ms=90_000), step.now_ms)
    assert step.ready(want(at(a=5))) == (b"new", Standing.CURRENT)


def test_an_answer_by_a_clock_that_is_ahead_stays_no_longer_than_any_other():
    step = Steps(REGION)
    step(Asked(1, Q, want()))
    step(Found(Q.name, Tier.REGION, kept(b"one", made_ms=NOW_MS + 10_000_000)))
    step.now_ms += 60_000
    assert step.ready(want()) is None


# --- anything --------------------------------------------------------------------------------------------------------


class Play:
    """Readers of a store whose versions grow, and tiers that do whatever they like."""

    def __init__(self, seed):
        self.draw = random.Random(seed)
        self.step = Steps(WORLD, drawn=1 - self.draw.random())
        self.names = [key(str(number)) for number in range(3)]
        self.version, self.region = 1, {}
        self.todo, self.read, self.needs = [], {}, {}

    def take(self, effects):
        for one in effects:
            if isinstance(one, Tell):
                # Nobody is told twice, and nobody less than it knew of.
                assert one.kept.applied.covers(self.needs.pop(one.ticket))
            elif isinstance(one, Keep) and one.tier is Tier.REGION and self.draw.random() < 0.7:
                self.region[one.key.name] = one.kept
            elif not isinstance(one, Keep | Release):
                self.todo.append(one)

    def finish(self, one):
        if isinstance(one, LookIn):
            has = self.region.get(one.key.name) if self.draw.random() < 0.7 else None
            return Found(one.key.name, one.tier, has)
        if isinstance(one, TakeLease):
            return Leased(one.key.name, self.draw.choice(list(Lease)))
        if isinstance(one, LookAgain):
            self.step.now_ms += one.after_ms
            return Looked(one.name)
        applied = self.read.pop(id(one), at(a=self.version))
        return Computed(one.key.name, kept(applied=applied, cost_ms=300.0), True)

    def ask(self, ticket):
        knows = at(a=self.version)
        name, wanted = self.draw.choice(self.names), want(knows)
        ready = self.step.of.ready(name, wanted, self.step.now_ms)
        if ready is not None:
            assert ready.kept.applied.covers(knows)
            return
        self.needs[ticket] = knows
        self.take(self.step(Asked(ticket, name, wanted)))

    def go_on(self):
        one = self.todo.pop(self.draw.randrange(len(self.todo)))
        self.take(self.step(self.finish(one)))

    def turn(self, ticket):
        self.version += self.draw.random() < 0.3
        for one in self.todo:  # the engine reads its state some time after it was asked
            if isinstance(one, Compute) and self.draw.random() < 0.5:
                self.read.setdefault(id(one), at(a=self.version))
        self.ask(ticket)
        while self.todo and self.draw.random() < 0.6:
            self.go_on()


@pytest.mark.parametrize("seed", range(20))
def test_whatever_tiers_do_everybody_is_told_once_and_nothing_that_is_too_old(seed):
    play = Play(seed)
    for ticket in range(150):
        play.turn(ticket)
    while play.todo:
        play.go_on()
    assert not play.needs
    assert play.step.of.under_way == 0
