"""A world as people run it, for the benchmarks of many regions: a server of the fabric and a node a region.

Each is a process of its own, as on as many machines; here all of them share one, and so its processors and its disk.
"""

import argparse
import asyncio
import itertools
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Final

from benchmarks.alone import run_alone
from benchmarks.ingest_node import SETTINGS, ServedNode, processor_s_of
from demos.crowd import until
from demos.world_processes import knows
from homeroom.adapters import system_clock
from homeroom.adapters.world_directory import WorldPlaces, make_world
from homeroom.adapters.world_file import SHIPPED, Stage, read_world
from homeroom.client import AsyncClient
from homeroom.provers.world_processes import Processes, running
from homeroom.regions.world import World

__all__ = [
    "Sender",
    "ServedWorld",
    "add_world_arguments",
    "served_world",
    "waited",
    "world_of",
]

_CONNECTIONS_MAX: Final = 16
_FIRST: Final = 1 << 32
"""Numbers of events begin here for the first region, and so far apart for each."""
_SETTLED_S_MAX: Final = 300.0


@dataclass(frozen=True, slots=True)
class ServedWorld:
    """A world that runs.

    Parameters
    ----------
    nodes : by region its node
    names : by region the name of its node
    servers : the processes of the fabric
    places : where what lies
    processes : of all of them
    """

    nodes: Mapping[str, ServedNode]
    names: Mapping[str, str]
    servers: tuple[int, ...]
    places: WorldPlaces
    processes: Processes

    def log(self, region: str) -> Path:
        """Return where the log of a region's node lies."""
        return self.places.data(region, self.names[region]) / "log"

    def processor_s(self) -> float:
        """Return how long all nodes and servers have used processors."""
        nodes = sum(node.processor_s() for node in self.nodes.values())
        return nodes + sum(map(processor_s_of, self.servers))

    def statuses(self) -> dict[str, dict[str, Any]]:
        """Return by region how its node says that it is."""
        return {region: node.get("/v1/status") for region, node in self.nodes.items()}

    def settled(self, events: int) -> float:
        """Return after how many seconds all nodes had folded all there is, which must be so many events."""

        def missing() -> str:
            for region, status in self.statuses().items():
                others = status["world"]["nodes"].values()
                if status["events"] != events or any(one["behind"] for one in others):
                    return f"{region} counts {status['events']:,} events of {events:,}"
            return ""

        return waited(missing, _SETTLED_S_MAX)

    def sent_bytes(self) -> dict[tuple[str, str], int]:
        """Return by sender and receiver, as regions, the bytes of messages that went out."""
        statuses = self.statuses()
        return {
            (one, other): statuses[one]["world"]["nodes"][self.names[other]]["sent_bytes"]
            for one, other in itertools.permutations(self.nodes, 2)
        }


class Sender:
    """Sends events to all regions of a world at the same time, each with a number that none had before.

    Attributes
    ----------
    accepted : how many events were acknowledged, probes among them
    """

    def __init__(self, world: ServedWorld) -> None:
        self.accepted = 0
        self._world = world
        self._next = 0

    def sent(
        self,
        count: int,
        batch: int,
        rate: float,
        probing: tuple[int, float] = (0, 1.0),
        **load: object,
    ) -> dict[str, Any]:
        """Send so many events to each region, so many a second; return what `benchmarks.world_load.run` tells.

        ``probing`` is how many probes look meanwhile, and how many a second; ``load`` are further fields of a `Load`.
        """
        loads = [
            {
                "address": node.address,
                "key": node.key,
                "kind": "events",
                "first": place * _FIRST + self._next,
                "count": count,
                "batch": batch,
                "connections": _connections_for(rate / batch),
                "per_second": rate / batch,
                **load,
            }
            for place, node in enumerate(self._world.nodes.values())
        ]
        self._next += count
        probes, probes_per_second = probing
        arguments = {"loads": loads, "probes": probes, "probes_per_second": probes_per_second}
        found: dict[str, Any] = run_alone("benchmarks.world_load:run", arguments)
        self.accepted += sum(one["accepted"] for one in found["regions"]) + found["probes"]
        return found


def add_world_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what a world is made of, and where."""
    parser.add_argument("--regions", type=int, default=8)
    parser.add_argument("--first-port", type=int, default=19_000)
    parser.add_argument("--workdir", type=Path, default=Path("build/benchmarks"))


@contextmanager
def world_of(options: argparse.Namespace) -> Iterator[tuple[ServedWorld, Path]]:
    """Have a world as the arguments say, in a folder that goes with it."""
    options.workdir.mkdir(parents=True, exist_ok=True)
    with (
        tempfile.TemporaryDirectory(dir=options.workdir) as folder,
        served_world(Path(folder) / "world", options.regions, options.first_port) as world,
    ):
        yield world, Path(folder)


def _connections_for(per_second: float) -> int:
    """Return over how many connections so many requests a second go; a node closes those that say nothing for long."""
    return max(2, min(_CONNECTIONS_MAX, int(4 * per_second)))


def waited(missing: Callable[[], str], seconds_max: float) -> float:
    """Return after how many seconds nothing was missing any more."""
    begun_s, pause = time.perf_counter(), threading.Event()
    while said := missing():
        took_s = time.perf_counter() - begun_s
        if took_s > seconds_max:
            raise SystemExit(f"after {took_s:.0f} s: {said}")
        pause.wait(0.1)
    return time.perf_counter() - begun_s


@contextmanager
def served_world(folder: Path, regions: int, first_port: int) -> Iterator[ServedWorld]:
    """Have a world of the first so many of the regions that are shipped, with a key of all scopes."""
    world = make_world(folder, _plan(regions), first_port, 1, system_clock.now_ms())
    places = WorldPlaces(folder)
    names = {region.name: next(iter(region.nodes)) for region in world.active().values()}
    for region, node in names.items():
        with places.settings(region, node).open("a") as settings:
            settings.write(f"\n{SETTINGS}")
    with running(folder, world) as processes:
        asyncio.run(until(processes.are_listening))
        processes.make_key()
        urls = {region: processes.url(region) for region in names}
        asyncio.run(_known(urls, processes.key))
        nodes = {
            region: ServedNode(urls[region], processes.key, process.pid)
            for region, process in zip(names, processes.nodes, strict=True)
        }
        servers = tuple(server.pid for server in processes.servers.values())
        yield ServedWorld(nodes, names, servers, places, processes)


def _plan(regions: int) -> World:
    plan = read_world(SHIPPED, Stage.PLANNED)
    kept = list(plan.active())[:regions]
    return replace(plan, regions={name: plan.regions[name] for name in kept})


async def _known(urls: Mapping[str, str], key: str) -> None:
    """Wait until all nodes know the key, which the home has stated."""
    for url in urls.values():
        async with AsyncClient(url, key) as client:
            await until(partial(knows, client))
