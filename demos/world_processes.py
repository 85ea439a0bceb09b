"""A world of processes that stays: ``make world``, or ``python -m demos.world_processes``.

Eight servers of the fabric and eight nodes are started, each a process, as they would be on eight machines. Every
region takes events of its own learners over HTTP; the servers of Africa and Asia are killed, and the nodes there go on
alone; they are started again, and all come to the same. Then the world is left running, until Ctrl-C.
"""

import argparse
import asyncio
import contextlib
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from demos.crowd import QUESTION, until
from demos.deaths import counts, killed_under_traffic
from demos.programs import HOMEROOM, made_key
from demos.redises import STALE_S, RedisServer, redis_program
from demos.world import BATCH, CUT_OFF, PACE_S, events, say, say_waits
from homeroom.adapters import system_clock
from homeroom.adapters.nats_servers import NatsServer
from homeroom.adapters.world_directory import WorldPlaces, make_world
from homeroom.adapters.world_file import SHIPPED, Stage, read_world
from homeroom.client import AsyncClient
from homeroom.errors import KeyRefusedError
from homeroom.regions.world import World

if TYPE_CHECKING:
    from demos.front_door import HAProxy

REDIS_PORT = 8  # of the ten that each region has


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
                processes.leave()
        except KeyboardInterrupt:
            say("ends")
            return 0
    return 0 if is_one else 1


class Processes:
    """The servers and nodes of a world, and clients of the nodes.

    Attributes
    ----------
    world, places : as its file has it, and where all of it lies
    servers : of the fabric, by region
    nodes : in the order of regions
    doors, redises : what else runs, and ends with them: front doors, and by region what keeps answers
    key : of a client; it was stated once, at the home, and all nodes know it
    """

    def __init__(self, folder: Path, world: World) -> None:
        self.world, self.places = world, WorldPlaces(folder)
        self.servers = {region: NatsServer(self.places.server(region)) for region in world.active()}
        self.key = ""
        self.nodes: list[subprocess.Popen[bytes]] = []
        self.doors: list[HAProxy] = []
        self.redises: dict[str, RedisServer] = {}
        self._logs: list[Path] = []

    def add_redises(self, program: Path) -> None:
        """Give each region a Redis, before its node is started."""
        for region in self.servers:
            port = self.port(region, REDIS_PORT)
            self.redises[region] = RedisServer(program, self.places.server(region), port=port)
            self.redises[region].start()

    def start(self) -> None:
        """Start all servers and all nodes; they need each other only to agree."""
        for server in self.servers.values():
            server.start()
        for region in self.world.active().values():
            for node in region.nodes:
                self.nodes.append(self._serve(region.name, node))

    def _serve(self, region: str, node: str) -> subprocess.Popen[bytes]:
        settings, data = self.places.settings(region, node), self.places.data(region, node)
        self._logs.append(settings.with_suffix(".log"))
        with self._logs[-1].open("ab") as log:
            command = [str(HOMEROOM), "serve", "--data", str(data), "--config", str(settings)]
            environment = dict(os.environ)
            if region in self.redises:
                environment["HOMEROOM_CACHE_STALE_SECONDS"] = str(STALE_S)
                environment["HOMEROOM_CACHE_REDIS_URL"] = self.redises[region].url
            return subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment
            )

    def kill(self, region: str) -> None:
        """End the node and the server of a region as a power cut would."""
        place = list(self.servers).index(region)
        self.nodes[place].kill()
        self.servers[region].kill()
        self.nodes[place].wait()

    def hang(self, region: str) -> None:
        """Have the node and the server of a region do nothing any more, with all their connections open."""
        self.nodes[list(self.servers).index(region)].send_signal(signal.SIGSTOP)
        os.kill(self.servers[region].pid, signal.SIGSTOP)

    def start_again(self, region: str) -> None:
        """Start what `kill` has ended."""
        self.servers[region].start()
        (node,) = self.world.regions[region].nodes
        self.nodes[list(self.servers).index(region)] = self._serve(region, node)
        self._logs.pop()  # it is the one that it had

    async def are_listening(self) -> bool:
        """Say whether all nodes take requests. Raises `SystemExit` for one that has ended."""
        for node, log in zip(self.nodes, self._logs, strict=True):
            if node.poll() is not None:
                raise SystemExit(f"a node did not start: {log.read_text()[-500:]}")
        return all("listening on" in log.read_text() for log in self._logs)

    def make_key(self) -> None:
        """Have the home state a key."""
        self.key = made_key(self.data(self.world.home), "read,write")

    def url(self, region: str) -> str:
        """Return where clients reach a region."""
        return next(iter(self.world.regions[region].nodes.values())).http

    def stop(self) -> None:
        """End all of it."""
        for node in self.nodes:
            node.send_signal(signal.SIGTERM)
        for node in self.nodes:
            with contextlib.suppress(subprocess.TimeoutExpired):
                node.wait(20)
            node.kill()
        for server in self.servers.values():
            server.stop()
        for door in self.doors:
            door.kill()
        for redis in self.redises.values():
            redis.kill()

    def port(self, region: str, place: int) -> int:
        """Return one of the ten ports of a region."""
        return (urlsplit(self.url(region)).port or 0) // 10 * 10 + place

    def data(self, region: str) -> Path:
        """Return the data directory of a region's node."""
        (node,) = self.world.regions[region].nodes
        return self.places.data(region, node)

    def leave(self) -> None:
        """Say where all is, and wait for the end."""
        for region in self.servers:
            say(f"{region:<11} {self.url(region)}")
        for door in self.doors:
            say(f"{'HAProxy':<11} {door.url}")
        say("each has pages below /docs")
        say(f"where requests go: homeroom route table {self.data(self.world.home)}")
        say(f"key: {self.key}   Ctrl-C ends it")
        signal.pause()


@contextlib.contextmanager
def running(folder: Path, world: World, redis: Path | None = None) -> Iterator[Processes]:
    """Have the processes of a world, with a Redis in each region if its program is given."""
    processes = Processes(folder, world)
    try:
        if redis is not None:
            processes.add_redises(redis)
        processes.start()
        yield processes
    finally:
        processes.stop()


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
