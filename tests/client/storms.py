"""Many clients before a few endpoints on a virtual clock: what a region that dies does to the others, and afterwards.

An endpoint is one queue with a pace and no mercy: it works on what its clients have long given up, which is how an
outage outlives its cause ("metastable failures": Bronson et al., HotOS 2021). Clients are the real machine
(`homeroom.client.retrying`), or one that tries again at once and knows no budget.
"""

import heapq
import itertools
import random
from collections import Counter
from dataclasses import dataclass, field

from homeroom.client.endpoints import Endpoints
from homeroom.client.measures import Kind, Loss
from homeroom.client.retrying import (
    Answered,
    Begun,
    Done,
    Failed,
    GiveUp,
    Keep,
    Late,
    Retrying,
    Try,
    Wait,
    Waited,
)
from homeroom.client.routes import Endpoint

HOP_MS = 20


@dataclass
class Server:
    """An endpoint: so many requests a second, in the order in which they come; dead between two instants."""

    per_second: float
    dead: tuple[int, int] = (0, 0)
    sheds_at_ms: float = float("inf")  # a request that would wait longer is told to come again
    free_ms: float = 0.0
    came: Counter[int] = field(default_factory=Counter)  # by second

    def done_ms(self, now_ms):
        """Return when a request that comes now is done; 0 if it is not taken, None if nobody is there."""
        if self.dead[0] <= now_ms < self.dead[1]:
            self.free_ms = 0.0
            return None
        self.came[now_ms // 1_000] += 1
        if self.free_ms - now_ms > self.sheds_at_ms:
            return 0
        self.free_ms = max(self.free_ms, now_ms) + 1_000 / self.per_second
        done_ms = round(self.free_ms)
        # What dies with it is heard of by nobody.
        return done_ms if not now_ms < self.dead[0] <= done_ms else None


@dataclass
class Moody:
    """An endpoint that is quick between its spells, in which it is dead, hung, slow, or asks to be left alone."""

    spells: list[tuple[int, int, str]]
    came: Counter[int] = field(default_factory=Counter)

    def done_ms(self, now_ms):
        """Return as `Server.done_ms`; what hangs is done never."""
        moods = {mood for first, last, mood in self.spells if first <= now_ms < last}
        if "dead" in moods:
            return None
        self.came[now_ms // 1_000] += 1
        if "hung" in moods:
            return 1 << 40
        if "sheds" in moods:
            return 0
        return now_ms + (2_500 if "slow" in moods else 10)


class Naive:
    """Tries again at once, at the next endpoint, until its time is over."""

    late_in_ms = None

    def __init__(self, urls, time_ms_max, first):
        self.urls, self.time_ms_max = itertools.cycle(urls[first:] + urls[:first]), time_ms_max
        self.attempts, self.began_ms = 0, 0

    def step(self, event, now_ms):
        if isinstance(event, Begun):
            self.began_ms = now_ms
        elif isinstance(event, Answered) and event.status == 200:
            return Done()
        if now_ms - self.began_ms >= self.time_ms_max:
            return GiveUp("the time is over")
        self.attempts += 1
        return Try(4_000, next(self.urls))


class Storm:
    """Clients that each make a request now and then, over servers by address."""

    def __init__(
        self,
        servers,
        clients,
        every_ms,
        is_naive=False,
        seed=1,
        kind=Kind.WRITE,
        time_ms_max=30_000,
    ):
        self.servers, self.every_ms, self.kind = servers, every_ms, kind
        self.random = random.Random(seed)
        self.agenda, self.order = [], itertools.count()
        self.good, self.bad, self.begun = Counter(), Counter(), Counter()  # requests by second
        self.attempts = self.requests = 0
        self.took_ms = []
        urls = list(servers)
        for number in range(clients):
            own = urls[number % len(urls) :] + urls[: number % len(urls)]
            generator = random.Random(self.random.random())
            endpoints = Endpoints([Endpoint(url) for url in own], generator)
            retrying = Retrying(time_ms_max, 30_000, generator, endpoints)
            make = (lambda own=own: Naive(own, 30_000, 0)) if is_naive else None
            make = make or (lambda retrying=retrying: retrying.exchange(kind))
            self.at(self.random.expovariate(1 / every_ms), self.begin, make)

    def at(self, when_ms, do, *what):
        heapq.heappush(self.agenda, (round(when_ms), next(self.order), do, what))

    def run(self, until_ms):
        while self.agenda and self.agenda[0][0] < until_ms:
            now_ms, _, do, what = heapq.heappop(self.agenda)
            do(now_ms, *what)

    def begin(self, now_ms, make):
        self.at(now_ms + self.random.expovariate(1 / self.every_ms), self.begin, make)
        self.requests += 1
        self.begun[now_ms // 1_000] += 1
        exchange = make()
        self.follow(now_ms, exchange, now_ms, exchange.step(Begun(), now_ms))

    def follow(self, now_ms, exchange, began_ms, found):
        """Do what a machine has said."""
        if isinstance(found, Try):
            self.attempt(now_ms, exchange, began_ms, found)
            if exchange.late_in_ms is not None:
                late = (exchange, began_ms, Late())
                self.at(now_ms + exchange.late_in_ms, self.happen, *late)
        elif isinstance(found, Wait):
            self.at(now_ms + found.wait_ms, self.happen, exchange, began_ms, Waited())
        elif not isinstance(found, Keep):
            (self.good if isinstance(found, Done) else self.bad)[began_ms // 1_000] += 1
            self.attempts += exchange.attempts
            self.took_ms.append(now_ms - began_ms)
            exchange.is_over = True

    def attempt(self, now_ms, exchange, began_ms, found):
        done_ms = self.servers[found.at].done_ms(now_ms + HOP_MS)
        if done_ms is None:
            event, when_ms = Failed("nobody", Loss.UNREACHABLE, found.at), now_ms + HOP_MS
        elif not done_ms:
            asked_ms = 1_000 * self.random.randint(1, 3)
            event, when_ms = Answered(503, asked_ms, found.at), now_ms + 2 * HOP_MS
        elif done_ms + HOP_MS - now_ms > found.time_ms_max:
            event, when_ms = Failed("late", Loss.LATE, found.at), now_ms + found.time_ms_max
        else:
            event, when_ms = Answered(200, at=found.at), done_ms + HOP_MS
        self.at(when_ms, self.happen, exchange, began_ms, event)

    def happen(self, now_ms, exchange, began_ms, event):
        if not getattr(exchange, "is_over", False):
            self.follow(now_ms, exchange, began_ms, exchange.step(event, now_ms))

    def share_good(self, first_s, last_s):
        """Return which share of the requests that began then had a good answer."""
        begun = sum(self.begun[s] for s in range(first_s, last_s))
        return sum(self.good[s] for s in range(first_s, last_s)) / begun
