"""A region of processes that is killed under traffic, through the library and through a real HAProxy.

``kill -9`` ends its node and its server of the fabric in one moment. Programs that use `homeroom.client` move by
themselves, those that come through HAProxy are moved by it, and nobody is to notice. What is not installed is said, and
left out.
"""

import asyncio
import contextlib
from functools import partial
from typing import TYPE_CHECKING

import httpx

from demos.crowd import Crowd, Death, library_programs, say, until
from demos.front_door import front_door
from demos.world import DYING
from homeroom.client import AsyncClient, KnownWorld

if TYPE_CHECKING:
    from collections.abc import Mapping

    from demos.world_processes import Processes

PROGRAMS = 4
VISITORS = 4
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
    """Kill a region under traffic, and wait until it has a share of its clients again.

    ``count`` is how many events all regions count before. Returns whether no request failed, and all count the same.
    """
    world = RealRegions(processes)
    await until(world.are_routed)
    async with contextlib.AsyncExitStack() as stack:
        sizes = dict.fromkeys(world.urls, 1) | {DYING: PROGRAMS}
        programs = await stack.enter_async_context(library_programs(world, sizes))
        say(
            f"{len(programs)} programs use the library, {PROGRAMS} of them at {DYING}; yes is said when two regions "
            "have a batch"
        )
        door = front_door(processes.first_port + DOOR_PORT)
        if door is None:
            say(
                "SKIPPED: no program comes through HAProxy, which is not installed (Debian: apt-get install haproxy)"
            )
        else:
            processes.beside.append(door)
            await asyncio.to_thread(door.start, processes.data(processes.world.home), DYING)
            visitors = door.visitors(DYING, VISITORS, world.key)
            programs = [*programs, *await stack.enter_async_context(visitors)]
            say(f"{VISITORS} more come through HAProxy at {door.url}, and try nothing again")
        crowd = Crowd(programs)
        await Death(world, DYING, crowd).show(before_s=3, share=share)
        is_fine = await crowd.stop()
    counted = count + crowd.events
    for url in world.urls.values():
        async with AsyncClient(url, world.key) as client:
            await until(partial(counts, client, counted))
    say(f"all {len(world.urls)} regions count {counted:,} events: what was acknowledged, once")
    say("nobody noticed" if is_fine else "THIS IS WRONG")
    return is_fine


async def counts(client: AsyncClient, count: int) -> bool:
    """Say whether a node counts so many events."""
    return bool((await client.status())["events"] == count)
