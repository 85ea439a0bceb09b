"""Clients under traffic while their region dies: for the world in this process and for the one of processes.

Programs that use `homeroom.client` send batches and ask, one request after the other, most of them at one region. That
one is ended in the middle. How the world takes it is read from what any client could see: the answers that programs
get, and the routing tables that nodes hand out (`GET /v1/routes`), checked by the keys in the file of regions. Each
line of the timeline says how long after the end of the region it was.
"""

import asyncio
import contextlib
import itertools
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Protocol, Self

import httpx

from demos import saying
from homeroom import limits
from homeroom.client import AsyncClient, ClientOptions, KnownWorld
from homeroom.client.routes import RouteState
from homeroom.errors import HomeroomError
from homeroom.provers.watching import GONE, LOOK_S, WAIT_S_MAX, Watch

PACE_S: Final = 0.15
EVENTS: Final = 10
FAILURES_MAX: Final = 5
QUESTION: Final = {"question": "retention", "interval": "week"}


class Mortal(Protocol):
    """A world of which regions can be ended and started again.

    Attributes
    ----------
    urls : by region where clients reach it
    known : the keys by which its routing tables are believed
    key : opens all nodes
    end : what `kill` does, in words
    """

    end: str
    urls: Mapping[str, str]
    known: KnownWorld
    key: str

    async def kill(self, region: str) -> None:
        """End a region in one moment."""
        ...

    async def start_again(self, region: str) -> None:
        """Start what was ended."""
        ...


def say(text: str, hanging: int = 0) -> None:
    """Say what happens."""
    saying.say("traffic", text, hanging)


async def until(holds: Callable[[], Awaitable[bool]]) -> None:
    """Wait until something holds."""
    while True:
        if await holds():
            return
        await asyncio.sleep(0.1)


class Asker(Protocol):
    """Whatever a program sends batches with and asks."""

    async def send(self, events: Sequence[Mapping[str, Any]]) -> str:
        """Send a batch; return the node that took it. Raises an error that is counted if it fails."""
        ...

    async def ask(self) -> None:
        """Ask a question. Raises likewise."""
        ...

    def is_ready(self) -> bool:
        """Say whether it has all that it needs to go elsewhere."""
        ...


class Library:
    """A program that uses the client of homeroom: it is given one address, and finds the others."""

    def __init__(self, client: AsyncClient) -> None:
        self._client = client

    async def send(self, events: Sequence[Mapping[str, Any]]) -> str:
        """Send a batch that two regions must hold."""
        token = (await self._client.send(events)).token
        assert token is not None, "all of the batch is taken"
        return token.partition("/")[0]

    async def ask(self) -> None:
        """Ask for an answer that holds what was sent."""
        await self._client.query(QUESTION)

    def is_ready(self) -> bool:
        """Say whether it has heard where the others are."""
        return self._client.statistics()["generation"] is not None


@dataclass(slots=True, kw_only=True)
class Program:
    """A program at a region that sends and asks.

    ``taken`` says when batches were acknowledged, and by which node; ``failed`` when something did, and why.
    """

    name: str
    region: str
    asker: Asker
    requests: int = 0
    events: int = 0
    slowest_s: float = 0.0
    failed: list[tuple[float, str]] = field(default_factory=list)
    taken: list[tuple[float, str]] = field(default_factory=list)

    async def run(self, stopping: asyncio.Event) -> None:
        """Send and ask until it is to stop."""
        for number in itertools.count():
            if stopping.is_set():
                return
            began_s = time.perf_counter()
            try:
                if number % 2:
                    await self.asker.ask()
                else:
                    node = await self.asker.send(list(_events(self.name, number)))
                    self.events += EVENTS
                    self.taken.append((time.perf_counter(), node))
            except (HomeroomError, httpx.HTTPError) as error:
                self.failed.append((time.perf_counter(), f"{self.name}: {error}"))
            self.requests += 1
            self.slowest_s = max(self.slowest_s, time.perf_counter() - began_s)
            await asyncio.sleep(PACE_S)

    def first_elsewhere(self, since_s: float, nodes: set[str]) -> tuple[float, str] | None:
        """Return when a batch was first acknowledged after an instant by none of these nodes, and by which."""
        later = (taken for taken in self.taken if taken[0] > since_s and taken[1] not in nodes)
        return next(later, None)


class Crowd:
    """Programs under traffic.

    Attributes
    ----------
    programs : all of them
    since_s : the instant from which times are told
    """

    def __init__(self, programs: Sequence[Program]) -> None:
        self.programs = programs
        self.since_s = time.perf_counter()
        self._stopping = asyncio.Event()
        self._running = [asyncio.ensure_future(one.run(self._stopping)) for one in programs]

    async def __aenter__(self) -> Self:
        """Return the crowd."""
        return self

    async def __aexit__(self, *error: object) -> None:
        """Let none go on, whatever has happened."""
        for one in self._running:
            one.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)

    async def ready(self, wait_s: float) -> None:
        """Wait until all know where else they may go: who has just come knows one address. Raises `TimeoutError`."""
        async with asyncio.timeout(wait_s):
            while not all(one.asker.is_ready() for one in self.programs):
                self.check()
                await asyncio.sleep(LOOK_S)

    async def stop(self) -> bool:
        """Have each finish the request that it has begun; say how it went, and return whether none failed."""
        self._stopping.set()
        await asyncio.gather(*self._running)
        slowest_s = max(one.slowest_s for one in self.programs)
        say(
            f"{self.requests:,} requests in all: {len(self.failed)} failed, the slowest took {slowest_s:.1f} s"
        )
        for failed_s, why in self.failed[:FAILURES_MAX]:
            say(f"{failed_s - self.since_s:+.1f} s {why}")
        return not self.failed

    def check(self) -> None:
        """Raise what has ended a program, if anything did: that is no failed request but a fault."""
        for one in self._running:
            if one.done():
                one.result()

    @property
    def requests(self) -> int:
        """How many requests were made."""
        return sum(one.requests for one in self.programs)

    @property
    def failed(self) -> list[tuple[float, str]]:
        """When requests failed, and why."""
        return sorted(failed for one in self.programs for failed in one.failed)

    @property
    def events(self) -> int:
        """How many events were acknowledged."""
        return sum(one.events for one in self.programs)


@contextlib.asynccontextmanager
async def library_programs(world: Mortal, sizes: Mapping[str, int]) -> AsyncIterator[list[Program]]:
    """Have programs that use the library, so many at each region."""
    async with contextlib.AsyncExitStack() as stack:
        programs = []
        for region, size in sizes.items():
            for number in range(size):
                options = ClientOptions(ack="remote", world=world.known)
                client = AsyncClient(world.urls[region], world.key, options)
                await stack.enter_async_context(client)
                name = f"{region} program {number}"
                programs.append(Program(name=name, region=region, asker=Library(client)))
        yield programs


def _events(name: str, number: int) -> Iterator[dict[str, object]]:
    for event in range(EVENTS):
        yield {
            "id": f"{name}/{number}/{event}",
            "account": f"{name} {event}",
            "time": f"2025-03-{1 + number % 28:02d}T10:00:{event:02d}Z",
            "verb": "read",
            "course": "oceans",
        }


class Death:
    """One region that dies under traffic, and comes back; what happens is said as it does."""

    def __init__(self, world: Mortal, region: str, crowd: Crowd) -> None:
        self._world, self._region = world, region
        self._watch = Watch(world, region)
        self._crowd = crowd
        self._died_s = 0.0

    def note(self, word: str, text: str) -> None:
        """Say what happens now."""
        self._say(time.perf_counter(), word, text)

    def _say(self, at_s: float, word: str, text: str) -> None:
        say(f"{at_s - self._died_s:+6.1f} s  {word:<9}  {text}", hanging=21)

    async def show(self, before_s: float, share: float) -> None:
        """End the region after some seconds, and start it again; wait until it has a share of its clients.

        Raises `SystemExit` if it does not come to this.
        """
        try:
            await self._show(before_s, share)
        except TimeoutError:
            await self._crowd.stop()
            raise SystemExit("THIS IS WRONG: the next line of the timeline did not come") from None

    async def _show(self, before_s: float, share: float) -> None:
        async with self._watch.looking():
            await self._watch.until(lambda one: one.state is RouteState.SERVING)
            await self._crowd.ready(WAIT_S_MAX)
            await asyncio.sleep(before_s)
            say(f"after {self._crowd.requests} requests {self._region} dies: {self._world.end}")
            self._died_s = self._crowd.since_s = time.perf_counter()
            await self._world.kill(self._region)
            await self._falls()
            await self._world.start_again(self._region)
            self.note("started", f"{self._region} is started again")
            await self._returns(share)
        if self._watch.fallen:
            also = ", ".join(sorted(self._watch.fallen))
            say(f"suspected for a moment, and served by others, were also {also}")

    async def _falls(self) -> None:
        """Say how it leaves."""
        moving = asyncio.ensure_future(self._moved())
        try:
            first_s = await self._watch.until(lambda one: one.state in GONE, 1)
            self._say(first_s, "suspected", "by the first of the other nodes")
            all_s = await self._watch.until(lambda one: one.state in GONE)
            text = f"by all {self._watch.others} routing tables: clients are sent elsewhere"
            self._say(all_s, "rerouted", text)
            out_s = await self._watch.until(lambda one: one.state is RouteState.EVACUATED)
            text = "a majority of the regions could not reach it, and it is evacuated in all tables"
            self._say(out_s, "confirmed", text)
            await moving
        finally:
            moving.cancel()

    async def _moved(self) -> None:
        """Say when all of its programs have had a batch acknowledged elsewhere."""
        there = [one for one in self._crowd.programs if one.region == self._region]
        async with asyncio.timeout(WAIT_S_MAX):
            while True:
                self._crowd.check()
                found = [one.first_elsewhere(self._died_s, self._watch.nodes) for one in there]
                good = [first for first in found if first is not None]
                if len(good) == len(found):
                    break
                await asyncio.sleep(LOOK_S / 4)
        nodes = ", ".join(sorted({node for _, node in good}))
        self._say(
            max(good)[0], "moved", f"its {len(good)} programs have batches acknowledged by {nodes}"
        )

    async def _returns(self, share: float) -> None:
        """Say how it comes back."""
        step, every_s = limits.ROUTE_RETURN_SHARE, limits.ROUTE_RETURN_STEP_MS / 1_000
        back_s = await self._watch.until(lambda one: 0 < one.weight < 1)
        more_s = (1 / step - 1) * every_s
        text = f"gets {step:.0%} of its clients, and {step:.0%} more every {every_s:.0f} s"
        if share < 1:
            text += f": all of them at about {back_s - self._died_s + more_s:+.0f} s"
        self._say(back_s, "returning", text)
        if share < 1:
            return
        half_s = await self._watch.until(lambda one: one.weight >= 0.5)
        self._say(half_s, "returning", "gets half of its clients")
        all_s = await self._watch.until(lambda one: one.weight >= 1)
        there = [one for one in self._crowd.programs if one.region == self._region]
        back = sum(one.taken[-1][1] in self._watch.nodes for one in there)
        text = f"gets all of its clients; {back} of the {len(there)} programs are there already"
        self._say(all_s, "returned", text)
