"""A node with a crowd before it, on a virtual clock: workers that go on though the client has gone, clients that retry.

The node has some workers, and before them a queue without an end, as the loop, the log and the threads of a node are
for whatever was let in. Work for somebody who has given up costs as much as any other. To refuse costs a little too.
Clients come at random times, wait so long, and try again: naive ones at once, others when they were asked to.
"""

import heapq
from collections import Counter, deque
from dataclasses import dataclass, field
from itertools import count
from random import Random

from homeroom.traffic.overload.admission import LetIn, Overload
from homeroom.traffic.overload.kinds import Kind

REFUSAL = 0.03
"""Of the work of an ordinary request, to refuse one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Crowd:
    """Clients of one kind: how many begin in a second at a time, and what they do.

    ``obeys`` is whether they wait as long as they are asked to; ``tries`` how often they ask in all.
    """

    per_second: object
    kind: Kind = Kind.QUERY
    tenant: str = "main"
    timeout_ms: float = 1_000.0
    tries: int = 6
    obeys: bool = True


@dataclass(eq=False, slots=True)
class Request:
    """One try of one client."""

    crowd: Crowd
    tries_left: int
    sent_ms: float
    is_waited_for: bool = True
    is_let_in: bool = False
    began_ms: float = 0.0


@dataclass(repr=False)
class World:
    """A node and its crowds; ``overload`` None lets everybody in. ``slower`` says at a time how much slower work is."""

    seed: int
    crowds: list
    overload: Overload | None
    workers: int = 4
    service_ms: float = 20.0
    slower: object = lambda _now_ms: 1.0
    clock: object = lambda now_ms: now_ms
    is_steady: bool = False
    good: Counter = field(default_factory=Counter)
    came: Counter = field(default_factory=Counter)
    wasted: int = 0
    limits: list = field(default_factory=list)
    delays: dict = field(default_factory=dict)

    def __post_init__(self):
        self._random = Random(self.seed)
        self._heap, self._numbers = [], count()
        self._jobs, self._idle, self._debt_ms = deque(), self.workers, 0.0
        self.now_ms = 0.0

    def at(self, at_ms, what, *arguments):
        """Have something happen later."""
        heapq.heappush(self._heap, (at_ms, next(self._numbers), what, arguments))

    def run(self, seconds):
        """Go on for so long."""
        until_ms = self.now_ms + 1_000 * seconds
        if not self._heap:
            for crowd in self.crowds:
                self.at(0.0, self._comes, crowd)
            self.at(0.0, self._looks)
        while self._heap[0][0] <= until_ms:
            self.now_ms, _, what, arguments = heapq.heappop(self._heap)
            what(*arguments)
        self.now_ms = until_ms
        return self

    def goodput(self, first_s, last_s, crowd=None):
        """Return good answers a second, from a second up to another."""
        crowds = self.crowds if crowd is None else [crowd]
        return sum(
            self.good[id(one), second] for one in crowds for second in range(first_s, last_s)
        ) / (last_s - first_s)

    def share(self, first_s, last_s, crowd=None):
        """Return good answers over clients that came, from a second up to another."""
        crowds = self.crowds if crowd is None else [crowd]
        seconds = range(first_s, last_s)
        came = sum(self.came[id(one), second] for one in crowds for second in seconds)
        return self.goodput(first_s, last_s, crowd) * len(seconds) / came

    # --- clients -------------------------------------------------------------------------------------------------

    def _comes(self, crowd):
        rate = crowd.per_second(self.now_ms / 1_000)
        if rate > 0:
            self.came[id(crowd), int(self.now_ms // 1_000)] += 1
            self._sends(crowd, crowd.tries)
        self.at(self.now_ms + self._random.expovariate(max(rate, 1.0) / 1_000), self._comes, crowd)

    def _sends(self, crowd, tries):
        request = Request(crowd, tries - 1, self.now_ms)
        self.at(self.now_ms + crowd.timeout_ms, self._gives_up, request)
        if self.overload is None or self.overload.enter(crowd.kind, crowd.tenant):
            self._begins(request)
            return
        waits = self.overload.wait(crowd.kind, crowd.tenant, request, self._told())
        self._carry_out(waits)

    def _gives_up(self, request):
        if request.is_waited_for:
            request.is_waited_for = False
            crowd = request.crowd
            if self.overload is not None and not request.is_let_in:
                self.overload.forget(crowd.kind, crowd.tenant, request)
            if request.tries_left:
                self._sends(crowd, request.tries_left)

    def _refused(self, request, retry_after_s):
        self._debt_ms += REFUSAL * self.service_ms
        if not request.is_waited_for:
            return
        request.is_waited_for = False
        if request.tries_left:
            wait_ms = 1_000.0 * retry_after_s if request.crowd.obeys else 10.0
            self.at(self.now_ms + wait_ms, self._sends, request.crowd, request.tries_left)

    # --- the node ------------------------------------------------------------------------------------------------

    def _told(self):
        """Return the time as the node's clock tells it."""
        return self.clock(self.now_ms)

    def _carry_out(self, effects):
        for effect in effects:
            if isinstance(effect, LetIn):
                self._begins(effect.waiter)
            else:
                self._refused(effect.waiter, effect.retry_after_s)

    def _looks(self):
        if self.overload is not None:
            self._carry_out(self.overload.look(self._told()))
            self.overload.check_invariants()
            self.limits.append(self.overload.statistics()[Kind.QUERY].limit)
        self.at(self.now_ms + 20.0, self._looks)

    def _begins(self, request):
        request.is_let_in, request.began_ms = True, self._told()
        if self.is_steady:  # a disk: as late for one as for all
            self.at(self.now_ms + self._work_ms(), self._ends, request)
            return
        self._jobs.append(request)
        self._next()

    def _next(self):
        while self._idle and self._jobs:
            request = self._jobs.popleft()
            self._idle -= 1
            debt_ms, self._debt_ms = self._debt_ms, 0.0
            self.at(self.now_ms + self._work_ms() + debt_ms, self._ends, request)

    def _work_ms(self):
        return self.slower(self.now_ms) * self.service_ms * self._random.gammavariate(4.0, 0.25)

    def _ends(self, request):
        crowd = request.crowd
        if request.is_waited_for:
            request.is_waited_for = False
            self.good[id(crowd), int(self.now_ms // 1_000)] += 1
            self.delays.setdefault(id(crowd), []).append(self.now_ms - request.sent_ms)
        else:
            self.wasted += 1
        if not self.is_steady:
            self._idle += 1
        if self.overload is not None:
            effects = self.overload.leave(crowd.kind, crowd.tenant, request.began_ms, self._told())
            self._carry_out(effects)
        if not self.is_steady:
            self._next()
