"""A region of processes that is killed under traffic, through the library and through a real HAProxy.

``kill -9`` ends its node and its server of the fabric in one moment. Programs that use `homeroom.client` move by
themselves, those that come through HAProxy are moved by it, and nobody is to notice. What is not installed is said, and
left out.
"""

import asyncio
import contextlib
from collections import Counter
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import httpx

from demos.crowd import Crowd, Death, Program, library_programs, say, until
from demos.front_door import HAProxy, Visitor
from demos.world import DYING
from homeroom.adapters.haproxy import haproxy_program
from homeroom.client import AsyncClient, KnownWorld
from homeroom.provers.redis_server import STALE_S

if TYPE_CHECKING:
    from collections.abc import Mapping

    from homeroom.provers.world_processes import Processes

PROGRAMS = 4
VISITORS = 4
AFTER_S = 3.0
TIERS = {
    "process": "from the node's memory",
    "region": "from the region's Redis",
    "engine": "worked out",
}
DOOR_PORT = 9  # of the ten that the first region has


class RealRegions:
    """Regions of a node and a server of the fabric each, all processes; see `demos.crowd.Mortal`."""

    end = "its node and its server of the fabric get kill -9"

    def __init__(self, processes: "Processes") -> None:
        self._processes = processes
        self.urls: Mapping[str, str] = {name: processes.url(name) for name in processes.servers}
        self.known = KnownWorld.read(processes.places.regions)
        self.key = processes.key

    async def kill(self, region: str) -> None:
        """End the processes of a region."""
        await asyncio.to_thread(self._processes.kill, region)

    async def start_again(self, region: str) -> None:
        """Start them on the same directories."""
        await asyncio.to_thread(self._processes.start_again, region)

    async def are_routed(self) -> bool:
        """Say whether all nodes hand out routing tables."""
        async with httpx.AsyncClient(trust_env=False) as http:
            answers = [await http.get(f"{url}/v1/routes") for url in self.urls.values()]
        return all(one.status_code == httpx.codes.OK for one in answers)


async def killed_under_traffic(processes: "Processes", count: int, share: float) -> bool:
    """Kill a region under traffic, and wait until it has a share of its clients again; kill what keeps answers, too.

    ``count`` is how many events all regions count before. Returns whether no request failed, and all count the same.
    """
    world = RealRegions(processes)
    await until(world.are_routed)
    async with contextlib.AsyncExitStack() as stack:
        sizes = dict.fromkeys(world.urls, 1) | {DYING: PROGRAMS}
        programs = await stack.enter_async_context(library_programs(world, sizes))
        say(
            f"{len(programs)} programs use the library, {PROGRAMS} of them at {DYING}; two regions hold what is "
            "acknowledged"
        )
        visitors: list[Program] = []
        haproxy = haproxy_program()
        if haproxy is None:
            say(
                "SKIPPED: HAProxy is not installed, so nobody comes through it: apt-get install haproxy"
            )
        else:
            door = await asyncio.to_thread(_front_door, processes, haproxy)
            coming = door.visitors(DYING, VISITORS, world.key)
            visitors = await stack.enter_async_context(coming)
            say(f"{VISITORS} more come through HAProxy at {door.url}, and try nothing again")
        crowd = await stack.enter_async_context(Crowd([*programs, *visitors]))
        death = Death(world, DYING, crowd)
        await death.show(before_s=3, share=share)
        await _lose_redises(processes, death)
        is_fine = await crowd.stop()
        _tell_found(visitors, STALE_S if processes.redises else 0)
    counted = count + crowd.events
    for url in world.urls.values():
        async with AsyncClient(url, world.key) as client:
            await until(partial(counts, client, counted))
    say(f"all {len(world.urls)} regions count {counted:,} events: what was acknowledged, once")
    say("nobody noticed" if is_fine else "THIS IS WRONG")
    return is_fine


def _front_door(processes: "Processes", program: Path) -> HAProxy:
    """Start a front door near the region that dies, by what the home says."""
    home = processes.data(processes.world.home)
    port = processes.port(next(iter(processes.servers)), DOOR_PORT)
    door = HAProxy(program, home.parent / "haproxy.cfg", port)
    processes.doors.append(door)
    door.configure(home, DYING)
    door.start()
    return door


async def _lose_redises(processes: "Processes", death: Death) -> None:
    """Kill every Redis, and let traffic go on."""
    if not processes.redises:
        say(
            "SKIPPED: Redis is not installed, so regions share no answers: apt-get install redis-server"
        )
        return
    for one in processes.redises.values():
        one.kill()
    death.note("redis", f"all {len(processes.redises)} servers of Redis get kill -9")
    await asyncio.sleep(AFTER_S)
    for one in processes.redises.values():
        await asyncio.to_thread(one.start)
    death.note("redis", "they are started again, empty")


def _tell_found(visitors: Sequence[Program], stale_s: int) -> None:
    """Say where answers were found, which may be told for so long while they are made anew."""
    found = sum((one.asker.found for one in visitors if isinstance(one.asker, Visitor)), Counter())
    if found:
        where = ", ".join(f"{n:,} {TIERS.get(tier, tier)}" for tier, n in found.most_common())
        say(f"answers through HAProxy, which may miss the last {stale_s} s: {where}")


async def counts(client: AsyncClient, count: int) -> bool:
    """Say whether a node counts so many events."""
    return bool((await client.status())["events"] == count)
