"""Worlds for tests of deliveries: the real state machine over the real store, targets that are made up.

`Driven` does the effects as whoever runs deliveries does: what is to be kept in one transaction, then what is looked
up, then what is sent. It can crash at every point between these, and is then opened again on the same file.
"""

from homeroom.adapters.delivery_store import DeliveryStore
from homeroom.hooks.deliveries import Deliveries
from homeroom.hooks.messages import Direction, MemberChange
from homeroom.hooks.steps import (
    Answered,
    Changed,
    Drop,
    Load,
    LoadAgain,
    Measure,
    Outcome,
    Replay,
    Result,
    Send,
    Subscription,
    Subscriptions,
    Tick,
)

NOW_MS = 1_700_000_000_000
DELIVERED = Outcome(Result.DELIVERED)
REFUSED = Outcome(Result.REFUSED, "answered 500")


def change(number, learner="a", cohort="early", **fields):
    direction = Direction.ENTERED if number % 2 else Direction.LEFT
    given = {"version": 1, "direction": direction, "at_ms": NOW_MS + number, **fields}
    return MemberChange(number=number, cohort=cohort, learner=learner, **given)


def changes(numbers, learners="abcdefgh", **fields):
    return tuple(change(n, learners[n % len(learners)], **fields) for n in numbers)


def subscription(webhook="w", tenant="main", **fields):
    return Subscription(webhook=webhook, tenant=tenant, **fields)


class Driven:
    """Deliveries whose effects are done, and what has been sent and not answered yet."""

    def __init__(self, path, *subscriptions, draw=lambda: 1.0):
        self.path, self.draw, self.now_ms = path, draw, NOW_MS
        self.subscriptions = {one.webhook: one for one in subscriptions}
        self.attempts = []
        self.open()

    def open(self):
        self.store = DeliveryStore(self.path)
        # A process that dies loses nothing that was written; only a machine does, and that is the disk's affair.
        self.store._connection.execute("PRAGMA synchronous = OFF")
        self.core = Deliveries(self.store.state(), self.draw)
        self.under_way = {}
        self.step(Subscriptions(tuple(self.subscriptions.values())))

    def crash(self):
        self.store.close()
        self.open()

    def close(self):
        self.store.close()

    def step(self, *events):
        """Take events together; return all effects of them and of what was looked up for them."""
        done, waiting = [], list(events)
        while waiting:
            effects = []
            for event in waiting:
                effects += self.core.step(event, self.now_ms)
                self.core.check_invariants()
            kept = [
                one for one in effects if not isinstance(one, Load | LoadAgain | Measure | Send)
            ]
            found = self.store.write(kept) if kept else []
            for one in effects:
                if isinstance(one, Send):
                    name = (one.delivery.webhook, one.delivery.id)
                    assert name not in self.under_way, "one attempt at a time"
                    self.under_way[name] = one
                    self.attempts.append(one)
            waiting = [
                *found,
                *(
                    self.store.find(one)
                    for one in effects
                    if isinstance(one, Load | LoadAgain | Measure)
                ),
            ]
            done += effects
        return done

    # --- in short ---

    def change(self, numbers, tenant="main", **fields):
        """Have changes, all after what was taken."""
        after = self.core.taken(tenant)
        return self.step(Changed(tenant, after, changes(numbers, **fields)))

    def put(self, *subscriptions):
        self.subscriptions.update({one.webhook: one for one in subscriptions})
        return self.step(Subscriptions(tuple(self.subscriptions.values())))

    def drop(self, webhook):
        del self.subscriptions[webhook]
        return self.step(Subscriptions(tuple(self.subscriptions.values())))

    def answer(self, send, outcome=DELIVERED):
        del self.under_way[send.delivery.webhook, send.delivery.id]
        return self.step(Answered(send.delivery.webhook, send.delivery.id, outcome))

    def answer_all(self, outcome=DELIVERED, webhook=None):
        """Answer until nothing is under way; return what was sent."""
        sent = []
        while waiting := [one for (of, _), one in self.under_way.items() if webhook in (None, of)]:
            for one in waiting:
                sent.append(one)
                self.answer(one, outcome)
        return sent

    def answer_once(self, outcome=DELIVERED):
        """Answer what is under way now."""
        sent = list(self.under_way.values())
        for one in sent:
            self.answer(one, outcome)
        return sent

    def later(self, wait_ms=None):
        """Let time pass, until something is due."""
        if wait_ms is None:
            due_ms = self.core.wake_ms(self.now_ms)
            assert due_ms is not None, "nothing waits for time"
            wait_ms = due_ms - self.now_ms
        self.now_ms += wait_ms
        return self.step(Tick())

    def replay(self, webhook="w", *ids):
        return self.step(Replay(webhook, ids or None))

    def drop_dead(self, webhook="w", *ids):
        return self.step(Drop(webhook, ids or None))


def numbers(sends):
    """Return the numbers of the changes of what was sent."""
    return [[one.number for one in send.delivery.changes] for send in sends]
