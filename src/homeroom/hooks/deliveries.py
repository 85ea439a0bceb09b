"""How changes of membership get to those who want to know, whatever the targets do: a state machine over all webhooks.

What comes is written down before anything is sent, once for all webhooks of a tenant, as a log of which each webhook
reads its part at its own pace: a webhook is a place in that log (its cursor) and a few deliveries that are open. So a
target that is slow or gone costs a number and some places on the disk, never memory, and no other target waits for it.
Deliveries are put together when they can be sent, of what has come by then: the more comes, the more share a request.

A delivery is durable, with its id, before it is tried; so after a crash the same changes go out under the same id. It
ends delivered or as a dead letter, after a bound of attempts and time. Dead letters stay, can be looked at and sent
again; what is lost beyond the bounds of what is kept is counted with its numbers (`Lose`).

Order is kept by learner, not by target (`homeroom.hooks.lines`). A dead letter that is sent again comes late; numbers
tell what is newer.

The way not taken is a queue in memory for each webhook with a spill to the disk: two paths, of which the second runs
only when things go wrong already. Here there is one path, through the disk, always.
"""

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Final

from homeroom import limits
from homeroom.hooks.lines import Line, Try, is_due
from homeroom.hooks.messages import MemberChange, make_delivery
from homeroom.hooks.steps import (
    Advance,
    Again,
    Answered,
    Bury,
    Changed,
    Drop,
    DropDead,
    Dropped,
    Effect,
    Event,
    Finish,
    Forget,
    ForgetDead,
    Keep,
    KeptLine,
    KeptState,
    KeptTry,
    Load,
    LoadAgain,
    Loaded,
    LoadedAgain,
    Lose,
    Measure,
    Measured,
    Missed,
    Note,
    Open,
    Outcome,
    Reopen,
    Replay,
    Result,
    Send,
    Start,
    Subscription,
    Subscriptions,
    Suspend,
    Tick,
    Trim,
    Why,
)

__all__ = ["Deliveries"]

_FREE_MIN: Final = 2
"""Places in a window that a look-up needs: changes of learners who wait become a delivery of their own."""


class Deliveries:
    """All webhooks of a node.

    Parameters
    ----------
    kept : what the store remembers
    draw : gives a number from 0 to 1, by chance
    """

    def __init__(self, kept: KeptState, draw: Callable[[], float]) -> None:
        self._draw = draw
        self._taken = dict(kept.taken)
        self._trimmed = {tenant: kept.trimmed.get(tenant, 0) for tenant in self._taken}
        self._kept_lines: Mapping[str, KeptLine] | None = kept.lines
        self._lines: dict[str, Line] = {}
        # By tenant, changes that were kept since it was looked whether there are too many; at first nobody knows.
        self._unmeasured = dict.fromkeys(self._taken, limits.WEBHOOK_MEASURED)

    # --- asked -------------------------------------------------------------------------------------------------------

    def taken(self, tenant: str) -> int:
        """Return up to which number the changes of a tenant are here."""
        return self._taken.get(tenant, 0)

    @property
    def lines(self) -> Mapping[str, Line]:
        """What there is of each webhook, to be looked at only."""
        return MappingProxyType(self._lines)

    def wake_ms(self, now_ms: int) -> int | None:
        """Return when a `Tick` is due, milliseconds since 1970 UTC; None if nothing waits for time to pass."""
        due = [line.wake_ms(now_ms) for line in self._lines.values()]
        return min((one for one in due if one is not None), default=None)

    # --- steps -------------------------------------------------------------------------------------------------------

    def step(self, event: Event, now_ms: int) -> list[Effect]:
        """Take what happened; return what to do, in this order."""
        if isinstance(event, Subscriptions):
            return self._subscriptions(event, now_ms)
        assert self._kept_lines is None, "which webhooks there are is said first"
        match event:
            case Changed():
                return self._changed(event, now_ms)
            case Missed():
                return self._missed(event)
            case Measured():
                return self._measured(event, now_ms)
            case Tick():
                return [one for line in self._lines.values() for one in self._go(line, now_ms)]
        line = self._lines.get(event.webhook)
        return [] if line is None else self._line_step(line, event, now_ms)

    def _line_step(
        self,
        line: Line,
        event: Loaded | LoadedAgain | Answered | Replay | Drop | Dropped,
        now_ms: int,
    ) -> list[Effect]:
        match event:
            case Loaded():
                effects = self._loaded(line, event)
            case LoadedAgain():
                effects = self._loaded_again(line, event)
            case Answered():
                effects = self._answered(line, event, now_ms)
            case Replay():
                effects = self._replay(line, event)
            case Drop():
                effects = [DropDead(event.webhook, event.deliveries)] if line.dead else []
            case Dropped():
                line.forget_dead(event.count)
                effects = []
        return effects + self._go(line, now_ms)

    def _subscriptions(self, event: Subscriptions, now_ms: int) -> list[Effect]:
        assert len(event.subscriptions) <= limits.WEBHOOKS_MAX, "the control stream bounds them"
        kept, self._kept_lines = self._kept_lines or {}, None
        wanted = {one.webhook: one for one in event.subscriptions}
        effects: list[Effect] = []
        for gone in sorted((set(self._lines) | set(kept)) - set(wanted)):
            self._lines.pop(gone, None)
            effects.append(Forget(gone))
        for webhook, subscription in wanted.items():
            effects += self._subscribed(webhook, subscription, kept)
        for tenant in sorted(self._taken):
            effects += self._trim(tenant)
        return effects + [one for line in self._lines.values() for one in self._go(line, now_ms)]

    def _subscribed(
        self, webhook: str, subscription: Subscription, kept: Mapping[str, KeptLine]
    ) -> list[Effect]:
        line = self._lines.get(webhook)
        if line is None:
            self._taken.setdefault(subscription.tenant, 0)
            self._trimmed.setdefault(subscription.tenant, 0)
            cursor = self.taken(subscription.tenant)
            line = Line(subscription, kept.get(webhook, KeptLine(cursor)))
            self._lines[webhook] = line
            if webhook not in kept:
                return [Start(webhook, subscription.tenant, cursor)]
        if line.subscription.turn != subscription.turn:
            line.end_waits()
        line.subscription = subscription
        if line.suspended is not None and line.suspended[0] != subscription.turn:
            line.suspended = None
            return [Suspend(webhook, subscription.turn, None)]
        return []

    # --- changes come ------------------------------------------------------------------------------------------------

    def _changed(self, event: Changed, now_ms: int) -> list[Effect]:
        numbers = [change.number for change in event.changes]
        assert numbers == sorted(set(numbers)), "numbers grow"
        assert not numbers or numbers[0] > event.after
        assert len(numbers) <= limits.WEBHOOK_TAKEN_MAX, "more is handed over in parts"
        tenant, before = event.tenant, self.taken(event.tenant)
        if not numbers or event.after > before or numbers[-1] <= before:
            return []
        lines = self._of(tenant)
        wanted = _wanted(event.changes, before, [line.subscription for line in lines])
        self._taken[tenant] = numbers[-1]
        self._trimmed.setdefault(tenant, 0)
        effects: list[Effect] = [Keep(tenant, wanted, numbers[-1])]
        cohorts = {change.cohort for change in wanted}
        for line in lines:
            if line.cursor == before and not line.subscription.wants_some(cohorts):
                line.cursor = numbers[-1]
        effects += self._trim(tenant)
        effects += self._measure(tenant, len(wanted))
        for line in lines:
            effects += self._go(line, now_ms)
        return effects

    def _missed(self, event: Missed) -> list[Effect]:
        tenant, before = event.tenant, self.taken(event.tenant)
        if event.up_to <= before:
            return []
        self._taken[tenant] = event.up_to
        self._trimmed.setdefault(tenant, 0)
        effects: list[Effect] = [Keep(tenant, (), event.up_to)]
        for line in self._of(tenant):
            if before:  # before the first change that was taken there is nothing to lose
                webhook = line.subscription.webhook
                effects.append(Lose(webhook, Why.FORGOTTEN, before + 1, event.up_to))
            if line.cursor == before:
                line.cursor = event.up_to
        return effects + self._trim(tenant)

    def _measure(self, tenant: str, kept: int) -> list[Effect]:
        """Look now and then whether too many changes are kept."""
        self._unmeasured[tenant] = self._unmeasured.get(tenant, 0) + kept
        if self._unmeasured[tenant] < limits.WEBHOOK_MEASURED:
            return []
        self._unmeasured[tenant] = 0
        return [Measure(tenant, limits.WEBHOOK_KEPT_MAX)]

    def _measured(self, event: Measured, now_ms: int) -> list[Effect]:
        """Give up the oldest changes of a tenant if there are too many; whoever did not have them loses them."""
        tenant, floor = event.tenant, event.floor
        if floor <= self._trimmed[tenant]:
            return []
        effects: list[Effect] = []
        for line in self._of(tenant):
            if line.cursor < floor:
                webhook = line.subscription.webhook
                effects.append(Lose(webhook, Why.BEHIND, line.cursor + 1, floor))
                line.cursor = floor
        effects += self._trim_to(tenant, self._low(tenant))
        return effects + [one for line in self._of(tenant) for one in self._go(line, now_ms)]

    def _low(self, tenant: str) -> int:
        """Return up to which number everybody has had the changes of a tenant."""
        return min((line.cursor for line in self._of(tenant)), default=self._taken[tenant])

    def _trim(self, tenant: str) -> list[Effect]:
        """Forget changes that everybody has had, if it is worth it."""
        low, taken, trimmed = self._low(tenant), self._taken[tenant], self._trimmed[tenant]
        if low == trimmed or low < min(taken, trimmed + limits.WEBHOOK_TRIMMED):
            return []
        if low == taken:
            self._unmeasured[tenant] = 0
        return self._trim_to(tenant, low)

    def _trim_to(self, tenant: str, low: int) -> list[Effect]:
        self._trimmed[tenant] = low
        effects: list[Effect] = []
        for line in self._of(tenant):
            if line.saved < line.cursor:
                line.saved = line.cursor
                effects.append(Advance(line.subscription.webhook, line.cursor))
        return [*effects, Trim(tenant, low)]

    def _of(self, tenant: str) -> list[Line]:
        return [line for line in self._lines.values() if line.subscription.tenant == tenant]

    # --- deliveries are put together ---------------------------------------------------------------------------------

    def _go(self, line: Line, now_ms: int) -> list[Effect]:
        """Send what may be sent, and look for more while the target could take it."""
        if line.is_idle or not is_due(line.due_ms, now_ms):
            return []
        effects = self._send(line, line.fresh(), now_ms)
        if line.room > 0 and not line.is_loading:
            effects += self._look(line)
        # News go first: what was refused before may be refused for ever, and would take the only place each time.
        if not line.is_loading:
            effects += self._send(line, line.tried(now_ms), now_ms)
        return effects

    def _send(self, line: Line, tries: Sequence[Try], now_ms: int) -> list[Effect]:
        effects: list[Effect] = []
        for one in tries[: max(line.room, 0)]:
            one.is_under_way = True
            if one.first_ms is None:
                one.first_ms = now_ms
            effects.append(Send(one.delivery, one.attempts + 1))
        return effects

    def _look(self, line: Line) -> list[Effect]:
        subscription, places = line.subscription, limits.DELIVERIES_OPEN_MAX - len(line.window)
        taken = self.taken(subscription.tenant)
        has_new = line.cursor < taken and places >= _FREE_MIN
        # Dead letters and news take turns, so that neither waits for all of the other.
        if line.again and places >= 1 and not (has_new and line.was_again):
            line.is_loading = line.was_again = True
            return [LoadAgain(subscription.webhook)]
        if not has_new:
            return []
        line.is_loading, line.was_again = True, False
        return [
            Load(
                webhook=subscription.webhook,
                tenant=subscription.tenant,
                cohorts=subscription.cohorts,
                after=line.cursor,
                up_to=taken,
                count=limits.DELIVERY_CHANGES_MAX,
            )
        ]

    def _loaded(self, line: Line, event: Loaded) -> list[Effect]:
        line.is_loading = False
        if event.after != line.cursor:
            return []  # meanwhile it lost these
        assert event.up_to > event.after, "a look-up gets on"
        line.cursor = event.up_to
        effects: list[Effect] = []
        if event.changes:
            webhook, waiting = line.subscription.webhook, line.learners()
            free = [change for change in event.changes if change.learner not in waiting]
            others = [change for change in event.changes if change.learner in waiting]
            made = tuple(make_delivery(webhook, part) for part in (free, others) if part)
            for delivery in made:
                line.add(KeptTry(delivery))
            line.saved = line.cursor
            effects.append(Open(webhook, made, line.cursor))
        return effects + self._trim(line.subscription.tenant)

    # --- attempts end ------------------------------------------------------------------------------------------------

    def _answered(self, line: Line, event: Answered, now_ms: int) -> list[Effect]:
        one, webhook = line.window[event.delivery], event.webhook
        assert one.is_under_way, "only what is under way is answered"
        if event.outcome.result is Result.DELIVERED:
            line.succeed(one)
            return [Finish(webhook, event.delivery)]
        line.fail(one, event.outcome.wait_ms, now_ms, self._draw)
        effects: list[Effect] = []
        if event.outcome.result is Result.GONE:
            turn = line.subscription.turn
            line.suspended = (turn, event.outcome.why)
            effects.append(Suspend(webhook, turn, event.outcome.why))
        return effects + self._tried(line, one, event.outcome, now_ms)

    def _tried(self, line: Line, one: Try, outcome: Outcome, now_ms: int) -> list[Effect]:
        webhook, delivery = line.subscription.webhook, one.delivery.id
        assert one.first_ms is not None, "it was tried"
        if (
            one.attempts < limits.DELIVERY_ATTEMPTS_MAX
            and now_ms - one.first_ms < limits.DELIVERY_AGE_MS_MAX
        ):
            return [Note(webhook, delivery, one.attempts, one.first_ms, one.due_ms, outcome.why)]
        line.remove(delivery)
        line.dead += 1
        effects: list[Effect] = [Bury(webhook, delivery, one.attempts, now_ms, outcome.why)]
        if line.dead > limits.DEAD_LETTERS_MAX:
            line.dead -= 1
            line.again = min(line.again, line.dead)
            effects.append(ForgetDead(webhook))
        return effects

    # --- dead letters ------------------------------------------------------------------------------------------------

    def _replay(self, line: Line, event: Replay) -> list[Effect]:
        """Want dead letters again; how many of those named there are shows when they are looked for."""
        if not line.dead:
            return []
        wanted = line.dead if event.deliveries is None else len(set(event.deliveries))
        line.again = min(line.again + wanted, line.dead)
        return [Again(event.webhook, event.deliveries)] if wanted else []

    def _loaded_again(self, line: Line, event: LoadedAgain) -> list[Effect]:
        line.is_loading = False
        if event.delivery is None:
            line.again = 0
            return []
        line.again, line.dead = max(line.again - 1, 0), line.dead - 1
        line.add(KeptTry(event.delivery))
        return [Reopen(event.webhook, event.delivery.id)]

    # --- what must hold ----------------------------------------------------------------------------------------------

    def check_invariants(self) -> None:
        """Assert what must hold after every step."""
        for tenant, taken in self._taken.items():
            assert self._trimmed[tenant] <= taken
        for line in self._lines.values():
            tenant = line.subscription.tenant
            assert self._trimmed[tenant] <= line.cursor <= self._taken[tenant], (
                "what a webhook has not had is kept"
            )
            assert line.saved >= self._trimmed[tenant], "and the store knows that it has not"
            line.check_invariants()


def _wanted(
    changes: Sequence[MemberChange], after: int, subscriptions: Sequence[Subscription]
) -> tuple[MemberChange, ...]:
    """Return the changes after a number that somebody is told of."""
    cohorts = frozenset[str]().union(*(one.cohorts for one in subscriptions))
    is_all = any(not one.cohorts for one in subscriptions)
    return tuple(
        change
        for change in changes
        if change.number > after and (is_all or change.cohort in cohorts)
    )
