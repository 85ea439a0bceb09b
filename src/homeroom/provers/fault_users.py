"""Users of a world to which faults are done: programs at all regions that ask and send by the client library.

When each request begins is settled by a clock (a Poisson process) and not by the answers before it, so a world that
hangs has more and more waiting for it, as it would have. What is sent has ids that stay the same however often it is
tried, and is acknowledged when two regions hold it. A failed request is one of which the library has given up.
"""

import asyncio
import datetime as dt
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any, Final, Self

import numpy as np

from homeroom.client import AsyncClient, ClientOptions, KnownWorld
from homeroom.errors import HomeroomError
from homeroom.proving.audit import Ledger
from homeroom.proving.episodes import Counts

__all__ = ["FIRST", "PROBES", "QUESTION", "Request", "Users", "batch_of"]

FIRST: Final = dt.date(2025, 1, 6)
_DAYS: Final = 280
PROBES: Final = FIRST + dt.timedelta(days=_DAYS)
"""The day of what is sent to see whether a node takes anything."""
_LEARNERS: Final = 5
_SENT_EVERY: Final = 4
_GIVE_UP_S: Final = 30.0
_ATTEMPT_S: Final = 10.0
_UNDER_WAY_MAX: Final = 2_000
QUESTION: Final = {"question": "retention", "interval": "week"}


@dataclass(frozen=True, slots=True)
class Request:
    """One request: whose it was, when it was to begin and when it ended (seconds of the run), and why it failed."""

    user: int
    region: str
    due_s: float
    ended_s: float
    failed: str = ""


def batch_of(number: int) -> tuple[str, list[dict[str, str]]]:
    """Return the day and the events of a batch: of learners who are in no other one."""
    day = (FIRST + dt.timedelta(days=number % _DAYS)).isoformat()
    return day, [
        {
            "id": f"{number}/{n}",
            "account": f"learner {number} {n}",
            "time": f"{day}T10:00:00Z",
            "verb": "read",
            "course": f"course {number % 7}",
        }
        for n in range(_LEARNERS)
    ]


class Users:
    """Programs, so many at each region.

    Attributes
    ----------
    requests : all that have ended, in the order in which they did
    ledger : what was sent and acknowledged
    """

    def __init__(
        self, ledger: Ledger, clock: Callable[[], float], rng: np.random.Generator
    ) -> None:
        self.requests: list[Request] = []
        self.ledger = ledger
        self._clock, self._rng = clock, rng
        self._clients: list[tuple[str, AsyncClient]] = []
        self._stack = AsyncExitStack()
        self._batches = 0
        self._under_way: set[asyncio.Future[None]] = set()

    async def __aenter__(self) -> Self:
        """Return them."""
        return self

    async def __aexit__(self, *error: object) -> None:
        """Have all of them end at once."""
        for one in self._under_way:
            one.cancel()
        await asyncio.gather(*self._under_way, return_exceptions=True)
        await self._stack.aclose()

    async def come(self, urls: Mapping[str, str], key: str, known: KnownWorld, each: int) -> None:
        """Have so many programs come to each region, and wait until all know where the other regions are."""
        options = ClientOptions(
            ack="remote", world=known, time_s_max=_GIVE_UP_S, attempt_s_max=_ATTEMPT_S
        )
        for region, url in urls.items():
            for _ in range(each):
                client = AsyncClient(url, key, options)
                await self._stack.enter_async_context(client)
                self._clients.append((region, client))
        for _, client in self._clients:
            while client.statistics()["generation"] is None:
                await client.status()
                await asyncio.sleep(0.1)

    @property
    def failed(self) -> list[Request]:
        """Requests that have failed."""
        return [one for one in self.requests if one.failed]

    async def go_on(self, per_second: float, stopping: asyncio.Event) -> None:
        """Begin so many requests a second until they are to stop, and wait for what was begun."""
        due_s, number = self._clock(), 0
        while not stopping.is_set():
            due_s += float(self._rng.exponential(1 / per_second))
            await asyncio.sleep(max(due_s - self._clock(), 0))
            if len(self._under_way) >= _UNDER_WAY_MAX:
                await asyncio.wait(self._under_way, return_when=asyncio.FIRST_COMPLETED)
            user = int(self._rng.integers(len(self._clients)))
            number += 1
            self._begin(self._do(user, due_s, number % _SENT_EVERY == 0))
        await asyncio.gather(*self._under_way)

    def _begin(self, work: Any) -> None:  # noqa: ANN401 - a coroutine
        one = asyncio.ensure_future(work)
        self._under_way.add(one)
        one.add_done_callback(self._under_way.discard)

    async def _do(self, user: int, due_s: float, is_sent: bool) -> None:  # noqa: FBT001 - which of two
        region, client = self._clients[user]
        try:
            if is_sent:
                await self.send(client)
            else:
                await client.query(QUESTION)
        except HomeroomError as error:
            self.requests.append(Request(user, region, due_s, self._clock(), str(error)[:300]))
        else:
            self.requests.append(Request(user, region, due_s, self._clock()))

    async def send(self, client: AsyncClient) -> None:
        """Send the next batch. Raises `NodeError` if it is not known to be taken; then it is sent again at the end."""
        number, self._batches = self._batches, self._batches + 1
        day, events = batch_of(number)
        name = f"batch {number}"
        self.ledger.send(name, day, len(events))
        receipt = await client.send(events, name)
        assert receipt.accepted == len(events), receipt
        self.ledger.acknowledge(name)

    async def load(self, learners: int, batch: int = 500) -> None:
        """Send learners who are there from the beginning, an event each, by the first program."""
        day = (FIRST - dt.timedelta(days=7)).isoformat()
        for first in range(0, learners, batch):
            some = range(first, min(first + batch, learners))
            name = f"learners from {first}"
            events = [
                {
                    "id": f"first/{n}",
                    "account": f"first {n}",
                    "time": f"{day}T10:00:00Z",
                    "verb": "read",
                }
                for n in some
            ]
            self.ledger.send(name, day, len(events))
            await self._clients[0][1].send(events, name)
            self.ledger.acknowledge(name)

    async def send_again(self) -> int:
        """Send what nobody is known to have taken, under its ids; return how many batches still are not."""
        for name in self.ledger.unknown():
            kind, _, number = name.rpartition(" ")
            if kind != "batch":
                continue
            _, events = batch_of(int(number))
            for _, client in self._clients:
                try:
                    await client.send(events, name)
                except HomeroomError:
                    continue
                self.ledger.acknowledge(name)
                break
        return len(self.ledger.unknown())

    # --- what became of them -----------------------------------------------------------------------------------------

    def users_of(self, regions: Iterable[str]) -> set[int]:
        """Return the programs at some regions."""
        wanted = set(regions)
        return {user for user, (region, _) in enumerate(self._clients) if region in wanted}

    def answered_after(self, since_s: float, users: Iterable[int]) -> dict[int, float]:
        """Return by program when it was first answered of what it began after a moment; who was not is left out."""
        wanted, found = set(users), dict[int, float]()
        for one in self.requests:
            if one.user in wanted and one.due_s >= since_s and not one.failed:
                found[one.user] = min(found.get(one.user, one.ended_s), one.ended_s)
        return found

    def first_trouble(self, since_s: float, users: set[int], late_s: float) -> float | None:
        """Return when it first showed after a moment, to some programs, that a request failed or was late."""
        showed = [
            one.ended_s if one.failed else one.due_s + late_s
            for one in self.requests
            if one.user in users
            and one.ended_s >= since_s
            and (one.failed or one.ended_s - one.due_s > late_s)
        ]
        return min((one for one in showed if one >= since_s), default=None)

    def counts(
        self, between: tuple[float, float], users: set[int], late_s: float
    ) -> tuple[Counts, Counts]:
        """Count requests that were to begin between two moments: of some programs, and of all others."""
        begin_s, end_s = between
        some: Sequence[Request] = [one for one in self.requests if begin_s <= one.due_s < end_s]
        found = []
        for is_theirs in (True, False):
            theirs = [one for one in some if (one.user in users) == is_theirs]
            failed = sum(bool(one.failed) for one in theirs)
            late = sum(not one.failed and one.ended_s - one.due_s > late_s for one in theirs)
            found.append(Counts(len(theirs), failed, late))
        return found[0], found[1]
