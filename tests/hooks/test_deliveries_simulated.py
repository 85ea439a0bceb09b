"""Deliveries in a world that fails at random: every change arrives, in order for each learner, or is a dead letter.

Targets refuse, hang, take something and fail to say so, are down for hours; what brings changes repeats itself and
forgets where it was; the process dies between any two of its steps, also between what is durable and what is sent. In
the end everything works again, and every change must have been delivered, or be visible as a dead letter or as lost.
"""

from collections import defaultdict

import pytest

from homeroom import limits
from homeroom.hooks.steps import Changed, Outcome, Result
from tests.hooks.worlds import DELIVERED, REFUSED, Driven, change, subscription

LEARNERS = "abcdefghij"
COHORTS = ("early", "late")


class DeathError(Exception):
    """The process dies here."""


class Dying(Driven):
    """A world that dies at random between what is kept and what is sent, and before what is kept."""

    rng = None
    chance = 0.0

    def step(self, *events):
        if self.rng is not None and self.rng.random() < self.chance:
            if self.rng.random() < 0.5:
                raise DeathError  # nothing of it has happened
            sent = len(self.attempts)
            super().step(*events)
            del self.attempts[sent:]
            raise DeathError  # it is durable, and nothing was sent
        return super().step(*events)


class Receivers:
    """What each webhook's target has seen: for each learner, numbers in the order of their first arrival."""

    def __init__(self):
        self.seen = defaultdict(list)
        self.ids = {}

    def take(self, send):
        delivery = send.delivery
        content = self.ids.setdefault((delivery.webhook, delivery.id), delivery.changes)
        assert content == delivery.changes, "one id, one content"
        for one in delivery.changes:
            numbers = self.seen[delivery.webhook, one.learner]
            if one.number not in numbers:
                numbers.append(one.number)


class World:
    def __init__(self, path, rng):
        self.rng, self.path, self.receivers = rng, path, Receivers()
        self.log, self.replayed = [], set()
        self.is_down = dict.fromkeys(("all", "early", "both"), False)
        self.driven = Dying(
            path,
            subscription("all"),
            subscription("early", cohorts=frozenset({"early"})),
            subscription("both", cohorts=frozenset(COHORTS)),
            draw=rng.random,
        )
        self.driven.rng, self.driven.chance = rng, 0.05

    def live(self, steps):
        for _ in range(steps):
            try:
                self.act()
            except DeathError:
                self.die()
        self.driven.chance = 0.0

    def die(self):
        chance, self.driven.chance = self.driven.chance, 0.0
        self.driven.crash()
        self.driven.chance = chance

    def act(self):
        draw = self.rng.random()
        if draw < 0.4:
            self.bring()
        elif draw < 0.8:
            self.answer()
        elif draw < 0.9:
            self.driven.later(int(self.rng.integers(1, 20_000)))
        elif draw < 0.93:
            name = self.anyone()
            self.is_down[name] = not self.is_down[name]
        elif draw < 0.96:
            self.pause()
        elif draw < 0.97:
            self.replay()
        elif draw < 0.975:
            self.drop_dead()
        else:
            raise DeathError

    def anyone(self):
        return sorted(self.is_down)[self.rng.integers(len(self.is_down))]

    def bring(self):
        """Have new changes, or a repeat from somewhere before, or a gap."""
        for _ in range(int(self.rng.integers(0, 6))):
            # After a start numbers leap.
            leap = 10**6 if self.rng.random() < 0.05 else 1
            number = (self.log[-1].number if self.log else 0) + leap
            learner = LEARNERS[self.rng.integers(len(LEARNERS))]
            self.log.append(change(number, learner, COHORTS[self.rng.integers(2)]))
        after = self.driven.core.taken("main")
        if self.log and self.rng.random() < 0.3:
            after = self.log[self.rng.integers(len(self.log))].number
        self.hand_over(after)

    def hand_over(self, after):
        later = tuple(one for one in self.log if one.number > after)
        self.driven.step(Changed("main", after, later))

    def answer(self):
        waiting = list(self.driven.under_way.values())
        if not waiting:
            return
        send = waiting[self.rng.integers(len(waiting))]
        draw = self.rng.random()
        if self.is_down[send.delivery.webhook] or draw < 0.1:
            self.driven.answer(send, REFUSED)
        elif draw < 0.2:  # it was taken, and the answer was lost
            self.receivers.take(send)
            self.driven.answer(send, Outcome(Result.TIMED_OUT, "no answer"))
        else:
            self.receivers.take(send)
            self.driven.answer(send, DELIVERED)

    def pause(self):
        name = self.anyone()
        before = self.driven.subscriptions[name]
        after = subscription(
            name, cohorts=before.cohorts, is_paused=not before.is_paused, turn=before.turn + 1
        )
        self.driven.put(after)

    def replay(self):
        name = self.anyone()
        letters = self.driven.store.dead_letters(name, 0, 1_000)
        self.replayed |= {one.delivery.id for one in letters}
        self.driven.replay(name)

    def drop_dead(self):
        name = self.anyone()
        letters = self.driven.store.dead_letters(name, 0, 1_000)
        self.driven.drop_dead(name, *(one.delivery.id for one in letters[::2]))

    def settle(self):
        """Everything works from now on."""
        self.is_down = dict.fromkeys(self.is_down, False)
        for name, before in list(self.driven.subscriptions.items()):
            self.driven.put(subscription(name, cohorts=before.cohorts, turn=before.turn + 1))
        self.hand_over(self.driven.core.taken("main"))
        while self.driven.under_way or self.driven.core.wake_ms(self.driven.now_ms) is not None:
            for send in list(self.driven.under_way.values()):
                self.receivers.take(send)
                self.driven.answer(send, DELIVERED)
            if not self.driven.under_way and self.driven.core.wake_ms(self.driven.now_ms):
                self.driven.later()

    def check(self):
        for name, wanted in (("all", COHORTS), ("early", ("early",)), ("both", COHORTS)):
            letters = self.driven.store.dead_letters(name, 0, 100_000)
            assert self.driven.core.lines[name].dead == len(letters)
            dead = {c.number for letter in letters for c in letter.delivery.changes}
            lost = self.driven.store.lost(name)
            late = {
                c.number
                for (_, id_), content in self.receivers.ids.items()
                if id_ in self.replayed
                for c in content
            }
            for learner in LEARNERS:
                due = [c.number for c in self.log if c.learner == learner and c.cohort in wanted]
                seen = self.receivers.seen[name, learner]
                missing = set(due) - set(seen) - dead
                assert all(any(o.first <= n <= o.last for o in lost) for n in missing), (
                    "delivered, a dead letter, or told to be lost"
                )
                assert set(seen) <= set(due), "nothing else is told"
                in_time = [number for number in seen if number not in late]
                assert in_time == sorted(in_time), "in order for each learner"
        assert not any(line.window for line in self.driven.core.lines.values())


def run(path, rng, steps):
    world = World(path, rng)
    world.live(steps)
    world.settle()
    world.check()
    lost = world.driven.store.lost("all")
    world.driven.close()
    return world.log, lost


@pytest.mark.parametrize("world", range(4))
def test_every_change_arrives_in_order_whatever_fails(tmp_path, rng, world):
    rng = type(rng)(rng.bit_generator.jumped(world))
    log, lost = run(tmp_path / "deliveries.db", rng, 150)
    assert lost == []
    assert len(log) > 50


@pytest.mark.parametrize("world", range(2))
def test_what_is_given_up_or_lost_is_visible(tmp_path, rng, world, monkeypatch):
    for name, value in (
        ("DELIVERY_ATTEMPTS_MAX", 2),
        ("DEAD_LETTERS_MAX", 5),
        ("WEBHOOK_KEPT_MAX", 60),
        ("WEBHOOK_TRIMMED", 10),
        ("WEBHOOK_MEASURED", 8),
        ("DELIVERY_CHANGES_MAX", 4),
        ("DELIVERIES_OPEN_MAX", 6),
        ("WEBHOOK_SCANNED_MAX", 7),
    ):
        monkeypatch.setattr(limits, name, value)
    rng = type(rng)(rng.bit_generator.jumped(world))
    run(tmp_path / "deliveries.db", rng, 200)


@pytest.mark.slow
@pytest.mark.parametrize("world", range(40))
def test_every_change_arrives_in_order_in_many_worlds(tmp_path, rng, world):
    run(tmp_path / "deliveries.db", type(rng)(rng.bit_generator.jumped(world)), 1_500)
