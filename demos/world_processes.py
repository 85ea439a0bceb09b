"""A world of processes that stays: ``make world``, or ``python -m demos.world_processes``.

Eight servers of the fabric and eight nodes are started, each a process, as they would be on eight machines. Every
region takes events of its own learners over HTTP; the servers of Africa and Asia are killed, and the nodes there go on
alone; they are started again, and all come to the same. Then the world is left running, until Ctrl-C.
"""

import argparse
import asyncio
import contextlib
import shutil
import signal
import time
from collections.abc import Mapping
from functools import partial
from pathlib import Path

from demos.crowd import QUESTION, until
from demos.deaths import counts, killed_under_traffic
from demos.front_door import HAProxy
from demos.world import BATCH, CUT_OFF, PACE_S, events, say, say_waits
from homeroom.adapters import system_clock
from homeroom.adapters.world_directory import make_world
from homeroom.adapters.world_file import SHIPPED, Stage, read_world
from homeroom.client import AsyncClient
from homeroom.errors import KeyRefusedError
from homeroom.provers.redis_server import redis_program
from homeroom.provers.world_processes import Processes, running


def main() -> int:
    """Run it; return 0 if all regions come to the same."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--folder", type=Path, default=Path("demo/processes"))
    parser.add_argument("--batches", type=int, default=40)
    parser.add_argument("--first-port", type=int, default=18_000)
    parser.add_argument("--once", action="store_true", help="end afterwards")
    parser.add_argument(
        "--share",
        type=float,
        default=1.0,
        help="the part of its clients that the region must have again which is killed under traffic",
    )
    options = parser.parse_args()
    shutil.rmtree(options.folder, ignore_errors=True)
    plan = read_world(SHIPPED, Stage.PLANNED)
    world = make_world(options.folder, plan, options.first_port, 1, system_clock.now_ms())
    with running(options.folder, world, redis_program()) as processes:
        try:
            is_one = asyncio.run(story(processes, options))
            if not options.once:
                leave(processes)
        except KeyboardInterrupt:
            say("ends")
            return 0
    return 0 if is_one else 1


def leave(processes: Processes) -> None:
    """Say where all is, and wait for the end."""
    for region, url in processes.urls.items():
        say(f"{region:<11} {url}")
    for door in processes.doors:
        if isinstance(door, HAProxy):
            say(f"{'HAProxy':<11} {door.url}")
    say("each has pages below /docs")
    say(f"where requests go: homeroom route table {processes.data(processes.world.home)}")
    say(f"key: {processes.key}   Ctrl-C ends it")
    signal.pause()


async def story(processes: Processes, options: argparse.Namespace) -> bool:
    """Cut regions off, then kill one under traffic; return whether all is as it should be."""
    count = 2 * options.batches * BATCH * len(processes.servers)
    is_one = await show(processes, options.batches)
    return await killed_under_traffic(processes, count, options.share) and is_one


async def show(processes: Processes, batches: int) -> bool:
    """Write everywhere, cut two regions off, heal, compare; return whether all came to the same."""
    began = time.perf_counter()
    regions = list(processes.servers)
    async with contextlib.AsyncExitStack() as stack:
        await until(processes.are_listening)
        await asyncio.to_thread(processes.make_key)
        clients = {
            region: await stack.enter_async_context(
                AsyncClient(processes.url(region), processes.key)
            )
            for region in regions
        }
        for client in clients.values():
            await until(partial(knows, client))
        say(
            f"{len(regions)} nodes and {len(regions)} servers run after {time.perf_counter() - began:.0f} s"
        )
        await write(clients, "before", batches)
        for region in CUT_OFF:
            processes.servers[region].kill()
        say(f"the servers of {' and '.join(CUT_OFF)} are killed: these regions hear nobody")
        await write(clients, "meanwhile", batches)
        for region in CUT_OFF:
            processes.servers[region].start()
        healed = time.perf_counter()
        count = 2 * batches * BATCH * len(regions)
        for client in clients.values():
            await until(partial(counts, client, count))
        say(f"started again; {time.perf_counter() - healed:.1f} s later all count {count:,} events")
        answers = [(await client.query(QUESTION)).answer for client in clients.values()]
    is_one = all(answer == answers[0] for answer in answers)
    say("eight answers are one" if is_one else "THIS IS WRONG: answers differ")
    return is_one


async def knows(client: AsyncClient) -> bool:
    """Say whether a node has heard of the key."""
    try:
        await client.status()
    except KeyRefusedError:
        return False
    return True


async def write(clients: Mapping[str, AsyncClient], name: str, batches: int) -> None:
    """Send batches to all regions at the same moment; tell how long each waited."""

    async def send(region: str) -> list[float]:
        waits = []
        for number in range(batches):
            batch = list(events(region, name, number))
            began = time.perf_counter()
            await clients[region].send(batch)
            waits.append(time.perf_counter() - began)
            await asyncio.sleep(PACE_S)
        return waits

    waits = await asyncio.gather(*(send(region) for region in clients))
    for region, waited in zip(clients, waits, strict=True):
        say_waits(region, waited)


if __name__ == "__main__":
    raise SystemExit(main())
