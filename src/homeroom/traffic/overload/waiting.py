"""Who waits to be let in: a short queue of one class, fair between tenants, in which nobody waits in vain.

A queue is for bursts. One that does not empty any more is no help: all that it does is that whoever is served has
waited long. So as long as the queue was empty a while ago, as many may wait as are served in the time that one may
wait. Once it has stood for that long without being empty, it is an overload, and a tenth of that is left of both (after
"controlled delay": Nichols and Jacobson, "Controlling queue delay", ACM Queue 2012, and Maurer, "Fail at scale", ACM
Queue 2015). That lasts until nobody was refused for as long as one may wait: the short queue is empty every now and
then, and if each time a long one were filled again, nobody would get in for the two seconds in which its last ones grow
old, and these are refused after they have waited. Who would be too many is refused when it comes, which costs next to
nothing. To serve those first who came last ("adaptive LIFO") was tried and not taken: in a queue this short it gains
nothing, and nearly all who are refused have waited for it, each with a task and a timer.

Each tenant has a queue of its own; a place goes to the tenant that has the fewest requests under way, and when the
queue is full the tenant that has most of it loses one (McKenney, "Stochastic fairness queueing", 1990). So the flood of
one tenant costs that tenant.
"""

from collections import deque
from collections.abc import Callable, Hashable, Iterator
from math import inf
from typing import Final, Generic, TypeVar

from homeroom.traffic.overload.kinds import Bounds

__all__ = ["Waiting"]

_W = TypeVar("_W", bound=Hashable)
_STANDING: Final = 0.1
"""Part of the time that may be waited, and of the places, once the queue stands."""
_FEW: Final = 4
"""So many may always wait."""


class Waiting(Generic[_W]):
    """The queue of one class. What waits is whatever its owner can tell by: a ticket, a future.

    Attributes
    ----------
    count : how many wait
    """

    def __init__(self, bounds: Bounds) -> None:
        self._bounds = bounds
        self.count = 0
        # By tenant those that wait, the oldest first, each with when it came; no tenant without any is held.
        self._flows: dict[str, deque[tuple[_W, float]]] = {}
        # Since when the queue has not been empty; None while it is.
        self._since_ms: float | None = None
        # When somebody was last refused who stood in a queue that stands, or would have.
        self._refused_ms = -inf

    def is_standing(self, now_ms: float) -> bool:
        """Whether it has not been empty for as long as one may wait, and for as long nobody was refused since."""
        wait_ms, since_ms = self._bounds.wait_ms_max, self._since_ms
        return 0 <= now_ms - self._refused_ms < wait_ms or (
            since_ms is not None and now_ms - since_ms >= wait_ms
        )

    def _refuses(self, now_ms: float) -> None:
        """Take that somebody is refused: as long as that goes on, a queue that stands does so."""
        if self.is_standing(now_ms):
            self._refused_ms = now_ms

    def turns_away(self, flow: str, now_ms: float, room: int) -> bool:
        """Say whether one more of a tenant would be refused, as it then is."""
        if self.count < self._most(now_ms, room):
            return False
        own = len(self._flows.get(flow, ()))
        if not all(own >= len(queue) for queue in self._flows.values()):
            return False
        self._refuses(now_ms)
        return True

    def _most(self, now_ms: float, room: int) -> int:
        """Return how many may wait, with room for so many in the time that one may wait."""
        if self.is_standing(now_ms):
            room = max(_FEW, round(_STANDING * room))
        return min(room, self._bounds.queue_max)

    def put(self, flow: str, waiter: _W, now_ms: float, room: int) -> _W | None:
        """Take one; return who is refused for it, which may be itself, or None where there is room.

        ``room`` is how many may wait such that all of them are served in time.
        """
        if self._since_ms is None or now_ms < self._since_ms:
            self._since_ms = now_ms
        most = self._most(now_ms, room)
        self._flows.setdefault(flow, deque()).append((waiter, now_ms))
        self.count += 1
        if self.count <= most:
            return None
        own = len(self._flows[flow])
        longest = max(self._flows, key=lambda one: len(self._flows[one]))
        # The newest of those that have most: who came before is nearer to its turn.
        longest = flow if own >= len(self._flows[longest]) else longest
        refused, _ = self._flows[longest].pop()
        self._refuses(now_ms)
        self._less(longest)
        return refused

    def take(self, under_way: Callable[[str], int]) -> tuple[str, _W] | None:
        """Return who is let in next, with its tenant; None if nobody waits.

        ``under_way`` says how many requests of a tenant there are. Ties go to the tenant that was served longest ago.
        """
        if not self.count:
            return None
        flow = min(self._flows, key=under_way)
        waiter, _ = self._flows[flow].popleft()
        self._less(flow)
        if flow in self._flows:  # it is the last to have been served
            self._flows[flow] = self._flows.pop(flow)
        return flow, waiter

    def late(self, now_ms: float) -> Iterator[_W]:
        """Take out and return all that have waited too long."""
        part = _STANDING if self.is_standing(now_ms) else 1.0
        until_ms = now_ms - part * self._bounds.wait_ms_max
        for flow in list(self._flows):
            queue = self._flows[flow]
            # Who came at a time that is yet to come has seen the clock set back: it has waited long enough too.
            while queue and not until_ms < queue[0][1] <= now_ms:
                self._refuses(now_ms)
                yield queue.popleft()[0]
                self._less(flow)

    def forget(self, flow: str, waiter: _W) -> bool:
        """Take out one whose client has gone; say whether it waited."""
        queue = self._flows.get(flow, ())
        for held in queue:
            if held[0] == waiter:
                self._flows[flow].remove(held)
                self._less(flow)
                return True
        return False

    def _less(self, flow: str) -> None:
        self.count -= 1
        if not self._flows[flow]:
            del self._flows[flow]
        if not self.count:
            self._since_ms = None

    def check_invariants(self) -> None:
        """Raise `AssertionError` where what is held does not fit together."""
        assert self.count == sum(map(len, self._flows.values())), "each is counted once"
        assert all(self._flows.values()), "a tenant without any is not held"
        assert (self._since_ms is None) == (self.count == 0), "it stands while somebody waits"
        assert self.count <= self._bounds.queue_max, "the queue has a bound"
