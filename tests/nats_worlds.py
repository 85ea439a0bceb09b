"""Worlds whose servers of the fabric really run: processes on loopback ports, gone at the end."""

import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from homeroom.adapters.nats_fabric import NatsFabric, NatsOptions
from homeroom.adapters.world_directory import WorldPlaces, make_world
from homeroom.adapters.world_file import Stage, read_world
from homeroom.provers.ports import free_ports
from homeroom.provers.world_processes import FabricServer
from homeroom.regions.world import Region, RegionNode, World

NOW_MS = time.time_ns() // 1_000_000
"""Certificates are made and looked at by the machine's clock, for the programs look at it too."""


def planned(**regions: tuple[str, ...]) -> World:
    """Return a plan of regions with these nodes; the first is the home."""
    return World(
        name="trial",
        home=next(iter(regions)),
        regions={
            name: Region(
                name=name,
                latitude=10.0 * place,
                longitude=10.0 * place,
                jurisdiction=name,
                nodes={node: RegionNode(key="") for node in nodes},
            )
            for place, (name, nodes) in enumerate(regions.items())
        },
    )


class NatsWorld:
    """A world in a directory, its servers, and fabrics of its nodes."""

    def __init__(self, path: Path, plan: World) -> None:
        self.places = WorldPlaces(path)
        first_port = free_ports(10 * len(plan.regions))
        self.world = make_world(path, plan, first_port, 1, NOW_MS)
        self.servers = {
            name: FabricServer(self.places.server(name)) for name in self.world.active()
        }

    def read_again(self) -> None:
        """Take what commands have written into the file of regions."""
        self.world = read_world(self.places.regions, Stage.RUNNING)

    def options(self, node: str, *, certificate_of: str | None = None) -> NatsOptions:
        """Return where a node meets the fabric; with the certificate of another one if that is asked for."""
        region = self.world.region_of(node)
        shown = certificate_of or node
        stem = self.places.certificate(self.world.region_of(shown).name, shown)
        return NatsOptions(
            world=self.world.name,
            node=node,
            addresses=region.fabric,
            certificate=stem.with_suffix(".crt"),
            certificate_key=stem.with_suffix(".key"),
            authority=stem.with_name("servers.crt"),
        )

    def fabric(self, node: str) -> NatsFabric:
        return NatsFabric(self.options(node))


@contextmanager
def running(path: Path, plan: World) -> Iterator[NatsWorld]:
    """Have a world whose servers run."""
    world = NatsWorld(path, plan)
    with ExitStack() as stack:
        for server in world.servers.values():
            stack.callback(server.kill)
            server.start()
        yield world
