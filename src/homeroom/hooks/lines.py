"""One webhook's deliveries: which are open, which may be sent now, and how long a target is left alone.

Changes of one learner must arrive in their order, and a delivery that a target cannot digest must not hold up those
about other learners. So each open delivery knows which earlier ones share a learner with it, and waits for these alone.

Two things wait after a failure. The delivery waits, longer with each of its attempts, so that one that is refused again
and again does not take the place of others. And the target waits, longer with each failure since it last took anything:
while it is down it gets one request at a time, and few of them; of what could be tried then, what was tried least goes
first. A success ends that at once.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

from homeroom import limits
from homeroom.hooks.messages import Delivery
from homeroom.hooks.steps import KeptLine, KeptTry, Subscription

__all__ = ["Line", "Try", "backoff_ms", "is_due"]


def backoff_ms(failures: int, draw: Callable[[], float]) -> int:
    """Return how long to wait after so many failures: doubling, half of it by chance so that targets spread.

    Parameters
    ----------
    failures : at least 1
    draw : gives a number from 0 to 1
    """
    longest = limits.BACKOFF_MS << min(failures - 1, 40)
    whole = min(longest, limits.BACKOFF_MS_MAX)
    return whole // 2 + int(whole / 2 * draw())


def is_due(due_ms: int, now_ms: int) -> bool:
    """Say whether the time has come; a wait longer than any there can be is a clock that was set back."""
    return due_ms <= now_ms or due_ms - now_ms > limits.BACKOFF_MS_MAX


@dataclass(slots=True)
class Try:
    """An open delivery.

    Attributes
    ----------
    attempts, first_ms : attempts that failed, and when the first was made
    due_ms : not before
    behind : ids of earlier open deliveries that share a learner with it
    """

    delivery: Delivery
    attempts: int = 0
    first_ms: int | None = None
    due_ms: int = 0
    is_under_way: bool = False
    behind: set[str] = field(default_factory=set)


class Line:
    """What there is of one webhook.

    Attributes
    ----------
    cursor : up to which number changes are in deliveries, or not wanted
    saved : what the store knows of the cursor
    window : open deliveries in their order, by id
    failures, due_ms : failures since the target last took something, and until when it is left alone
    is_loading : a look-up is under way
    """

    def __init__(self, subscription: Subscription, kept: KeptLine) -> None:
        self.subscription = subscription
        self.cursor = self.saved = kept.cursor
        self.window: dict[str, Try] = {}
        self.failures = 0
        self.due_ms = 0
        self.dead, self.again = kept.dead, kept.again
        self.suspended = kept.suspended
        self.is_loading = False
        self.was_again = False
        for one in kept.tries:
            self.add(one)

    # --- asked ---

    @property
    def is_idle(self) -> bool:
        """Whether nothing is to be sent: it is paused, or its target wants no more."""
        return self.subscription.is_paused or self.suspended is not None

    @property
    def under_way(self) -> int:
        """Number of requests under way."""
        return sum(one.is_under_way for one in self.window.values())

    @property
    def room(self) -> int:
        """How many more requests may be under way."""
        most = 1 if self.failures else limits.DELIVERIES_UNDER_WAY_MAX
        return most - self.under_way

    def fresh(self) -> list[Try]:
        """Return what may be sent and was not tried yet, the oldest first."""
        return [one for one in self._free() if not one.attempts]

    def tried(self, now_ms: int) -> list[Try]:
        """Return what may be tried again by now, what was tried least first."""
        due = [one for one in self._free() if one.attempts and is_due(one.due_ms, now_ms)]
        return sorted(due, key=lambda one: one.attempts)

    def _free(self) -> list[Try]:
        """Return what is not under way and waits for no other."""
        return [one for one in self.window.values() if not one.is_under_way and not one.behind]

    def wake_ms(self, now_ms: int) -> int | None:
        """Return when something may be sent that may not now, None if no time decides that."""
        if self.is_idle:
            return None
        if not is_due(self.due_ms, now_ms):
            return self.due_ms
        waiting = [one.due_ms for one in self._free() if not is_due(one.due_ms, now_ms)]
        return min(waiting, default=None)

    def learners(self) -> set[str]:
        """Return whom open deliveries are about."""
        return {learner for one in self.window.values() for learner in one.delivery.learners}

    # --- changed ---

    def add(self, kept: KeptTry) -> None:
        """Have one more open delivery, the last."""
        delivery = kept.delivery
        about = delivery.learners
        behind = {
            before.delivery.id
            for before in self.window.values()
            if not about.isdisjoint(before.delivery.learners)
        }
        self.window[delivery.id] = Try(
            delivery, kept.attempts, kept.first_ms, kept.due_ms, behind=behind
        )

    def remove(self, delivery: str) -> None:
        """Have one less; what waited for it does no more."""
        del self.window[delivery]
        for one in self.window.values():
            one.behind.discard(delivery)

    def fail(self, one: Try, wait_ms: int, now_ms: int, draw: Callable[[], float]) -> None:
        """Wait after a failed attempt, at least as long as the target asks."""
        asked = min(wait_ms, limits.BACKOFF_MS_MAX)
        one.is_under_way = False
        one.attempts += 1
        one.due_ms = now_ms + max(backoff_ms(one.attempts, draw), asked)
        # Requests that were under way together fail together: that is one failure of the target.
        if is_due(self.due_ms, now_ms):
            self.failures += 1
            self.due_ms = now_ms + max(backoff_ms(self.failures, draw), asked)

    def succeed(self, one: Try) -> None:
        """Be at full speed again."""
        self.failures = self.due_ms = 0
        self.remove(one.delivery.id)

    def forget_dead(self, count: int) -> None:
        """Have so many dead letters less."""
        self.dead -= count
        self.again = min(self.again, self.dead)

    def end_waits(self) -> None:
        """Try everything again at once: somebody says that the target is there."""
        self.failures = self.due_ms = 0
        for one in self.window.values():
            one.due_ms = 0

    # --- what must hold ---

    def check_invariants(self) -> None:
        """Assert what must hold after every step."""
        assert len(self.window) <= limits.DELIVERIES_OPEN_MAX
        assert self.under_way <= limits.DELIVERIES_UNDER_WAY_MAX
        assert self.saved <= self.cursor
        assert 0 <= self.again <= self.dead <= limits.DEAD_LETTERS_MAX
        before: list[Try] = []
        for one in self.window.values():
            shared = {
                other.delivery.id
                for other in before
                if other.delivery.learners & one.delivery.learners
            }
            assert one.behind == shared, "a delivery waits for earlier ones about its learners"
            assert not (one.is_under_way and one.behind), "what waits is not under way"
            assert one.delivery.changes[-1].number <= self.cursor
            numbers = [change.number for change in one.delivery.changes]
            assert numbers == sorted(set(numbers)), "changes are sent in their order"
            before.append(one)
