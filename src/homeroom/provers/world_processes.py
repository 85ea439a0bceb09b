"""A world as people run it: a server of the fabric and a node a region, each a process, and what else they need.

On one machine all of them share its processors. They may each sit in a network of their own (`networks.py`), keep
answers in a Redis of their region, and have what else a test gives a node by variables; any of them can be killed as by
a power cut, made to stand still, and started again.
"""

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, Any, Final
from urllib.parse import urlsplit

from homeroom.adapters.nats_servers import NatsServer
from homeroom.adapters.world_directory import WorldPlaces
from homeroom.errors import ProvingError
from homeroom.provers.networks import Network
from homeroom.provers.programs import HOMEROOM, ServerProcess, end_with_parent, made_key
from homeroom.provers.redis_server import STALE_S, RedisServer
from homeroom.regions.world import World

__all__ = ["FabricServer", "Processes", "running"]

_REDIS_PORT: Final = 8  # of the ten that each region has
_STOP_S: Final = 20.0


class FabricServer(NatsServer):
    """A server of the fabric in the network of its region, which ends when whoever started it is killed."""

    def __init__(self, folder: Path, enter: Sequence[str] = ()) -> None:
        super().__init__(folder)
        self._enter = enter

    def _begin(self, log: IO[bytes]) -> subprocess.Popen[bytes]:
        return subprocess.Popen([*self._enter, *self._command()], **self._how(log))  # noqa: S603 - our own

    def _how(self, log: IO[bytes]) -> dict[str, Any]:
        return {**super()._how(log), "preexec_fn": end_with_parent}

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal."""
        os.kill(self.pid, number)


class Processes:
    """The servers and nodes of a world with a node in each region.

    Parameters
    ----------
    folder, world : where all of it lies, as `make_world` made it
    network : in which each region has a place of its own; None where all share this machine's

    Attributes
    ----------
    places : where what lies
    servers : of the fabric, by region
    nodes : in the order of regions
    doors, redises : what else runs, and ends with them: front doors, and by region what keeps answers
    variables : by region what its node is given beside its settings
    key : of a client; it was stated once, at the home, and all nodes know it
    """

    def __init__(self, folder: Path, world: World, network: Network | None = None) -> None:
        self.world, self.places = world, WorldPlaces(folder)
        self._network = network
        self.servers = {
            region: FabricServer(self.places.server(region), self._enter(region))
            for region in world.active()
        }
        self.key = ""
        self.nodes: list[subprocess.Popen[bytes]] = []
        self.doors: list[ServerProcess] = []
        self.redises: dict[str, RedisServer] = {}
        self.variables: dict[str, dict[str, str]] = {region: {} for region in self.servers}

    def _enter(self, region: str) -> list[str]:
        return [] if self._network is None else self._network.enter(region)

    # --- they begin and end ------------------------------------------------------------------------------------------

    def add_redises(self, program: Path, folder: Path | None = None) -> None:
        """Give each region a Redis, before its node is started: on a port, or on a socket in a folder."""
        for place, region in enumerate(self.servers):
            if folder is None:
                port = self.port(region, _REDIS_PORT)
                server = RedisServer(program, self.places.server(region), port=port)
            else:
                own = folder / str(place)
                own.mkdir()
                server = RedisServer(program, own)
            self.redises[region] = server
            server.start()
            self.variables[region] |= {
                "HOMEROOM_CACHE_STALE_SECONDS": str(STALE_S),
                "HOMEROOM_CACHE_REDIS_URL": server.url,
            }

    def start(self) -> None:
        """Start all servers and all nodes; they need each other only to agree."""
        for server in self.servers.values():
            server.start()
        for region in self.servers:
            self.nodes.append(self.serve(region))

    def serve(self, region: str) -> subprocess.Popen[bytes]:
        """Start the node of a region, and return its process."""
        settings = self.settings(region)
        command = [*self._enter(region), *HOMEROOM, "serve", "--data", str(self.data(region))]
        with self.log(region).open("ab") as log:
            return subprocess.Popen(  # noqa: S603 - our own
                [*command, "--config", str(settings)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=os.environ | self.variables[region],
                preexec_fn=end_with_parent,  # noqa: PLW1509 - what it calls takes no lock
            )

    def stop(self) -> None:
        """End all of it, in order where it does not take long."""
        for node in self.nodes:
            node.send_signal(signal.SIGTERM)
            node.send_signal(signal.SIGCONT)
        until_s = time.monotonic() + _STOP_S
        for node in self.nodes:
            with contextlib.suppress(subprocess.TimeoutExpired):
                node.wait(max(until_s - time.monotonic(), 0))
            node.kill()
            node.wait()
        for server in self.servers.values():
            server.kill()
        for one in (*self.doors, *self.redises.values()):
            one.kill()

    # --- what can be done to them ------------------------------------------------------------------------------------

    def kill_node(self, region: str) -> None:
        """End the node of a region as a power cut would."""
        self.node(region).kill()
        self.node(region).wait()

    def start_node(self, region: str) -> None:
        """Start a node that has ended."""
        self.nodes[list(self.servers).index(region)] = self.serve(region)

    def kill(self, region: str) -> None:
        """End the node and the server of a region as a power cut would."""
        self.node(region).kill()
        self.servers[region].kill()
        self.node(region).wait()

    def start_again(self, region: str) -> None:
        """Start what `kill` has ended."""
        self.servers[region].start()
        self.start_node(region)

    def hang(self, region: str) -> None:
        """Have the node and the server of a region do nothing any more, with all their connections open."""
        self.node(region).send_signal(signal.SIGSTOP)
        self.servers[region].signal(signal.SIGSTOP)

    def go_on(self, region: str) -> None:
        """Have those go on that `hang` has stopped."""
        self.servers[region].signal(signal.SIGCONT)
        self.node(region).send_signal(signal.SIGCONT)

    # --- what is known of them ---------------------------------------------------------------------------------------

    async def are_listening(self) -> bool:
        """Say whether all nodes take requests. Raises `ProvingError` for one that has ended."""
        for region in self.servers:
            if self.node(region).poll() is not None:
                raise ProvingError(f"a node did not start: {self.said(region)[-500:]}")
        return all("listening on" in self.said(region) for region in self.servers)

    def make_key(self, scopes: str = "read,write") -> None:
        """Have the home state a key."""
        self.key = made_key(self.data(self.world.home), scopes)

    @property
    def urls(self) -> Mapping[str, str]:
        """By region where clients reach it."""
        return {region: self.url(region) for region in self.servers}

    def node(self, region: str) -> subprocess.Popen[bytes]:
        """Return the process of a region's node."""
        return self.nodes[list(self.servers).index(region)]

    def url(self, region: str) -> str:
        """Return where clients reach a region."""
        return next(iter(self.world.regions[region].nodes.values())).http

    def port(self, region: str, place: int) -> int:
        """Return one of the ten ports of a region."""
        return (urlsplit(self.url(region)).port or 0) // 10 * 10 + place

    def name(self, region: str) -> str:
        """Return the name of a region's node."""
        (node,) = self.world.regions[region].nodes
        return node

    def data(self, region: str) -> Path:
        """Return the data directory of a region's node."""
        return self.places.data(region, self.name(region))

    def settings(self, region: str) -> Path:
        """Return the settings of a region's node."""
        return self.places.settings(region, self.name(region))

    def log(self, region: str) -> Path:
        """Return where a region's node says what it does."""
        return self.settings(region).with_suffix(".log")

    def said(self, region: str) -> str:
        """Return what a region's node has said."""
        return self.log(region).read_text(errors="replace")


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
