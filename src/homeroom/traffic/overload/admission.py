"""Who is let in, who waits and who is refused: the limits and queues of all classes together.

The way in for a request is `Overload.enter`, which is two comparisons where there is no crowd: events come thousands a
second, and a step with an event and a list of effects would cost as much as all else that is done at the door. So this
core has methods in place of `step`; what they want done they return, and nothing here waits, reads a clock or draws.

What is slow for a class may be the fault of those that come after it: they use the same processors. So a class that is
slow first has the classes below make way, the lowest ones that are busy, and is cut itself once they are at their
floors, or at once if it takes twice as long as it may: then it is a crowd itself, and would keep the place that others
make for it. While a class is slow, those below it do not grow.

A refusal says when to come again (``Retry-After``): between one second and a bound that grows with how many times more
come than are served, drawn for each, so that those who were refused together do not come together (full jitter, as the
client's retries).
"""

from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass
from math import ceil, inf
from typing import Final, Generic, TypeVar

from homeroom import limits
from homeroom.traffic.overload.kinds import STANDARD, Bounds, Kind
from homeroom.traffic.overload.limiting import Found, Limit
from homeroom.traffic.overload.waiting import Waiting

__all__ = ["Effect", "LetIn", "Overload", "OverloadStatus", "Refuse"]

_W = TypeVar("_W", bound=Hashable)
_MS: Final = 1_000.0
_HALF_LIFE_MS: Final = 1_000.0
"""What was served and what was refused counts half after so long."""
_URGENT: Final = 2.0
"""Times what a class may take, from which on all below it make way."""
_SHED_SHARE: Final = 0.01
"""A node that refuses more than this part of what it serves is over its capacity."""


@dataclass(frozen=True, slots=True)
class LetIn(Generic[_W]):
    """One that waited is to be answered."""

    waiter: _W


@dataclass(frozen=True, slots=True)
class Refuse(Generic[_W]):
    """One is to be told to come again, after so many seconds."""

    waiter: _W
    retry_after_s: int


Effect = LetIn[_W] | Refuse[_W]


@dataclass(frozen=True, slots=True, kw_only=True)
class OverloadStatus:
    """How one class is.

    Parameters
    ----------
    limit : how many are let in at once
    in_flight, queued : how many are, and how many wait for that
    shed : how many were refused since the start
    mean_ms, target_ms : what a request took on average of late, once it was let in, and may take
    """

    limit: int
    in_flight: int
    queued: int
    shed: int
    mean_ms: float
    target_ms: float


class _Class(Generic[_W]):
    """One class: its limit, its queue, and what came of late."""

    __slots__ = ("_at_ms", "limit", "seen_ms", "served", "shed", "shed_total", "slow_ms", "waiting")

    def __init__(self, bounds: Bounds) -> None:
        self.limit = Limit(bounds)
        self.waiting: Waiting[_W] = Waiting(bounds)
        self.served = self.shed = 0.0
        self.shed_total = 0
        self.slow_ms = self.seen_ms = -inf
        self._at_ms = 0.0

    def decay(self, now_ms: float) -> None:
        """Let what came a while ago count less."""
        passed_ms = now_ms - self._at_ms
        if passed_ms <= 0:
            self._at_ms = min(self._at_ms, now_ms)
            return
        part = 0.5 ** min(passed_ms / _HALF_LIFE_MS, 64.0)
        self.served *= part
        self.shed *= part
        self._at_ms = now_ms

    @property
    def excess(self) -> float:
        """How many times more come than are served, of late; at least 1."""
        return 1.0 + self.shed / max(self.served, 1.0)


class Overload(Generic[_W]):
    """Admission of requests to one node. Times are milliseconds of a steady clock.

    Parameters
    ----------
    draw : returns a number from 0 to 1, 1 excluded, each time another
    bounds : of each class
    """

    def __init__(
        self, draw: Callable[[], float], bounds: Mapping[Kind, Bounds] | None = None
    ) -> None:
        self._draw = draw
        self._classes: list[_Class[_W]] = [_Class((bounds or STANDARD)[kind]) for kind in Kind]
        self._bounds = [(bounds or STANDARD)[kind] for kind in Kind]
        # By class and tenant how many are under way, where any are.
        self._under_way: list[dict[str, int]] = [{} for _ in Kind]

    # --- the way in and out ------------------------------------------------------------------------------------------

    def enter(self, kind: Kind, flow: str) -> bool:
        """Let a request of a tenant in at once, if nobody has to wait; say whether it was."""
        one = self._classes[kind]
        if one.waiting.count or not one.limit.has_room:
            return False
        self._begin(kind, flow)
        return True

    def _begin(self, kind: Kind, flow: str) -> None:
        one = self._classes[kind]
        one.served += 1
        one.limit.begun()
        under_way = self._under_way[kind]
        under_way[flow] = under_way.get(flow, 0) + 1

    def wait(self, kind: Kind, flow: str, waiter: _W, now_ms: float) -> list[Effect[_W]]:
        """Have a request wait that was not let in at once. It, or another one for it, may be refused."""
        one = self._classes[kind]
        one.decay(now_ms)
        effects: list[Effect[_W]] = [self._refuse(one, w) for w in one.waiting.late(now_ms)]
        refused = one.waiting.put(flow, waiter, now_ms, self._room(kind))
        if refused is not None:
            effects.append(self._refuse(one, refused))
        return effects + self._look_at(kind, now_ms)

    def is_crowded(self, kind: Kind) -> bool:
        """Whether anybody of a class waits."""
        return self._classes[kind].waiting.count > 0

    def refused_at_once(self, kind: Kind, flow: str, now_ms: float) -> int | None:
        """Refuse a request that would find no place to wait in either; return when it is to come again, in seconds.

        None for one that is not refused: it has to `enter` or `wait`. This is all that most of a crowd costs.
        """
        one = self._classes[kind]
        if not one.waiting.count or not one.waiting.turns_away(flow, now_ms, self._room(kind)):
            return None
        one.decay(now_ms)
        return self._refuse_one(one)

    def _room(self, kind: Kind) -> int:
        """Return how many may wait such that the last of them is let in in time, as far as is known."""
        one, bounds = self._classes[kind], self._bounds[kind]
        if not one.limit.rate:
            return bounds.queue_max
        return max(bounds.floor, ceil(one.limit.rate * bounds.wait_ms_max))

    def leave(
        self, kind: Kind, flow: str, began_ms: float | None, now_ms: float
    ) -> list[Effect[_W]]:
        """Take that a request has its answer; return who comes in for it.

        ``began_ms`` is when it was let in; None if how long it took says nothing of this node, since it waited for
        another one.
        """
        under_way = self._under_way[kind]
        left = under_way[flow] - 1
        if left:
            under_way[flow] = left
        else:
            del under_way[flow]
        one = self._classes[kind]
        found = one.limit.ended(began_ms, now_ms)
        if found is not Found.NOTHING:
            self._adapt(kind, found, now_ms)
        if one.waiting.count:
            return self._look_at(kind, now_ms)
        return []

    def forget(self, kind: Kind, flow: str, waiter: _W) -> bool:
        """Take that who waits has gone; say whether it waited. One that was let in has to `leave`."""
        return self._classes[kind].waiting.forget(flow, waiter)

    def look(self, now_ms: float) -> list[Effect[_W]]:
        """Refuse who has waited too long. To be called often while anybody waits."""
        return [
            effect
            for kind in Kind
            if self._classes[kind].waiting.count
            for effect in self._look_at(kind, now_ms)
        ]

    def _look_at(self, kind: Kind, now_ms: float) -> list[Effect[_W]]:
        one, under_way = self._classes[kind], self._under_way[kind]
        effects: list[Effect[_W]] = [self._refuse(one, w) for w in one.waiting.late(now_ms)]
        while one.limit.has_room:
            taken = one.waiting.take(lambda flow: under_way.get(flow, 0))
            if taken is None:
                break
            flow, waiter = taken
            self._begin(kind, flow)
            effects.append(LetIn(waiter))
        return effects

    def _refuse(self, one: _Class[_W], waiter: _W) -> Refuse[_W]:
        return Refuse(waiter, self._refuse_one(one))

    def _refuse_one(self, one: _Class[_W]) -> int:
        """Count one that is refused; return after how many seconds it should come again."""
        one.shed += 1
        one.shed_total += 1
        spread_s = min(one.excess, limits.OVERLOAD_RETRY_S_MAX - 1)
        return 1 + int(self._draw() * (spread_s + 1))

    # --- adapting ----------------------------------------------------------------------------------------------------

    def _adapt(self, kind: Kind, found: Found, now_ms: float) -> None:
        one = self._classes[kind]
        one.decay(now_ms)
        one.seen_ms = now_ms
        if found is Found.SLOW:
            one.slow_ms = now_ms
            makes_way = self._below_makes_way(kind, now_ms)
            if makes_way and one.limit.ratio < _URGENT:
                one.limit.anew(now_ms)
            else:
                one.limit.cut(now_ms)
        elif self._is_slow_above(kind, now_ms):
            one.limit.anew(now_ms)
        else:
            one.limit.grow(now_ms)

    def _below_makes_way(self, kind: Kind, now_ms: float) -> bool:
        """Have classes below that are busy let fewer in, the lowest first; say whether there were any.

        Where it is urgent all of them do at once.
        """
        ratio, found = self._classes[kind].limit.ratio, False
        for lower in reversed(self._classes[kind + 1 :]):
            limit = lower.limit
            if limit.in_flight > limit.floor and not limit.is_at_floor:
                limit.make_way(ratio, now_ms)
                found = True
                if ratio < _URGENT:
                    break
        return found

    def _is_slow_above(self, kind: Kind, now_ms: float) -> bool:
        return any(
            0 <= now_ms - higher.slow_ms < limits.OVERLOAD_WINDOW_MS_MAX
            for higher in self._classes[:kind]
        )

    # --- what is told of it ------------------------------------------------------------------------------------------

    def load(self, now_ms: float) -> float:
        """Return how busy the node is: 0 is idle, 1 as much as it can; over 1 so many times more come than it takes.

        Exports do not count: they come when they come, and where they are sent is no matter of milliseconds.
        """
        return max(self._load_of(self._classes[kind], now_ms) for kind in (Kind.INGEST, Kind.QUERY))

    def _load_of(self, one: _Class[_W], now_ms: float) -> float:
        one.decay(now_ms)
        if one.shed > max(1.0, _SHED_SHARE * one.served):
            return one.excess
        limit = one.limit
        now = limit.in_flight / limit.limit
        if not 0 <= now_ms - one.seen_ms < 2 * limits.OVERLOAD_WINDOW_MS_MAX:
            return min(now, 1.0)
        return min(max(now, limit.use, limit.ratio), 1.0)

    def statistics(self) -> Mapping[Kind, OverloadStatus]:
        """Return how each class is."""
        return {
            kind: OverloadStatus(
                limit=int(one.limit.limit),
                in_flight=one.limit.in_flight,
                queued=one.waiting.count,
                shed=one.shed_total,
                mean_ms=one.limit.mean_ms,
                target_ms=one.limit.target_ms,
            )
            for kind, one in zip(Kind, self._classes, strict=True)
        }

    @property
    def is_anybody_waiting(self) -> bool:
        """Whether anybody waits."""
        return any(one.waiting.count for one in self._classes)

    def check_invariants(self) -> None:
        """Raise `AssertionError` where what is held does not fit together."""
        for one, bounds, flows in zip(self._classes, self._bounds, self._under_way, strict=True):
            one.waiting.check_invariants()
            assert bounds.floor <= one.limit.limit <= bounds.limit_max, "a limit has bounds"
            assert one.limit.in_flight == sum(flows.values()), "each has a tenant"
            assert all(flows.values()), "a tenant without any is not held"
