"""What the routing tables say of a region, seen as any client can see it (`GET /v1/routes`), and when it changed."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Final, Protocol

import httpx

from homeroom.client import KnownWorld
from homeroom.client.routes import LAST, RegionRoute, RouteState, decode
from homeroom.errors import InputError

__all__ = ["GONE", "LOOK_S", "WAIT_S_MAX", "Watch", "Watched"]

LOOK_S: Final = 0.1
GONE: Final = (RouteState.SUSPECTED, RouteState.EVACUATED)
WAIT_S_MAX: Final = 120.0


class Watched(Protocol):
    """A world that is watched.

    Attributes
    ----------
    urls : by region where its node is reached
    known : the keys by which its routing tables are believed
    """

    @property
    def urls(self) -> Mapping[str, str]: ...  # noqa: D102 - see above

    @property
    def known(self) -> KnownWorld: ...  # noqa: D102 - see above


class Watch:
    """What the routing tables say of one region, asked of all others as their clients ask.

    Attributes
    ----------
    nodes : those of the region
    fallen : other regions that lost their clients meanwhile
    """

    def __init__(self, world: Watched, region: str, every_s: float = LOOK_S) -> None:
        self._region, self._every_s = region, every_s
        self._urls = {name: url for name, url in world.urls.items() if name != region}
        self._verify = world.known.verify()
        self._now: dict[str, RegionRoute] = {}
        self._looked = asyncio.Condition()
        self.nodes: set[str] = set()
        self.fallen: set[str] = set()

    @property
    def others(self) -> int:
        """How many nodes are asked."""
        return len(self._urls)

    @contextlib.asynccontextmanager
    async def looking(self) -> AsyncIterator[None]:
        """Look again and again."""
        async with httpx.AsyncClient(timeout=2, trust_env=False) as http:
            tasks = [asyncio.ensure_future(self._keep_looking(http, name)) for name in self._urls]
            try:
                yield
            finally:
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)

    async def _keep_looking(self, http: httpx.AsyncClient, name: str) -> None:
        """Look at one node's table, whatever the others take: one that is slow to answer is no news of these."""
        while True:
            await self._look(http, name)
            async with self._looked:
                self._looked.notify_all()
            await asyncio.sleep(self._every_s)

    async def _look(self, http: httpx.AsyncClient, name: str) -> None:
        try:
            answer = await http.get(f"{self._urls[name]}/v1/routes")
            table = decode(answer.content, self._verify)
        except (httpx.HTTPError, InputError):  # it is busy, or has none yet: what it said counts
            return
        for region in table.regions:
            if region.name == self._region:
                self._now[name] = region
                self.nodes = {node.name for node in region.nodes}
            elif region.state in LAST:
                self.fallen.add(region.name)

    async def until(self, holds: Callable[[RegionRoute], bool], count: int | None = None) -> float:
        """Wait until something holds of the region by so many tables, or all; return when. Raises `TimeoutError`."""
        wanted = self.others if count is None else count
        async with asyncio.timeout(WAIT_S_MAX), self._looked:
            await self._looked.wait_for(lambda: sum(map(holds, self._now.values())) >= wanted)
        return time.perf_counter()
