"""The machines of a trial: a server of the fabric a region and the nodes, each a process in its region's network."""

import os
import shutil
import signal
import subprocess
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from homeroom.adapters.world_directory import WorldPlaces, make_world
from homeroom.provers.networks import Network, address_of
from homeroom.provers.programs import HOMEROOM, end_with_parent
from homeroom.provers.world_processes import FabricServer
from homeroom.regions.world import Region, RegionNode, World
from tests.nats_worlds import NOW_MS
from tests.trials.plan import NODES, Fault, Kind

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = ["Machines"]

_LIMITS = """
[limits]
requests_per_second = 100000.0
requests_burst = 100000
events_per_second = 10000000.0
events_burst = 10000000

[acknowledgement]
wait_seconds = 4.0
"""
_SLOW_KILOBITS = 128


class Machines:
    """All processes of a world, and its network.

    Attributes
    ----------
    regions : by node the region that it is in
    """

    def __init__(self, folder: Path) -> None:
        self.regions = {node: region for region, nodes in NODES.items() for node in nodes}
        self._folder, self._places = folder, WorldPlaces(folder / "world")
        self._network = Network(list(NODES))
        self._world = make_world(folder / "world", _planned(), 18_000, 1, NOW_MS)
        self._nodes: dict[str, subprocess.Popen[bytes]] = {}
        self._servers = {
            region: FabricServer(self._places.server(region), self._network.enter(region))
            for region in NODES
        }
        nodes, servers, network = self._signal_node, self._signal_server, self._network
        self._wrong: Mapping[Kind, tuple[Callable[..., None], Callable[..., None]]] = {
            Kind.CUT: (network.cut, network.heal),
            Kind.PARTED: (self._part, self._join),
            Kind.ALONE: (self._isolate, self._let_in),
            Kind.SLOW: (partial(network.slow, kilobits=_SLOW_KILOBITS), network.quicken),
            Kind.KILLED: (self._kill, self.start_node),
            Kind.DESTROYED: (self._destroy, self._begin_anew),
            Kind.PAUSED: (
                partial(nodes, number=signal.SIGSTOP),
                partial(nodes, number=signal.SIGCONT),
            ),
            Kind.SERVER_KILLED: (
                lambda region: self._servers[region].kill(),
                lambda region: self._servers[region].start(),
            ),
            Kind.SERVER_PAUSED: (
                partial(servers, number=signal.SIGSTOP),
                partial(servers, number=signal.SIGCONT),
            ),
        }
        for node in self.regions:
            with self._settings(node).open("a") as settings:
                settings.write(_LIMITS)
            shutil.copytree(self.data(node), self._keys(node))

    # --- where what is -----------------------------------------------------------------------------------------------

    def url(self, node: str) -> str:
        """Return where clients reach a node."""
        return self._world.regions[self.regions[node]].nodes[node].http

    def data(self, node: str) -> Path:
        """Return the data directory of a node."""
        return self._places.data(self.regions[node], node)

    def said(self, node: str) -> str:
        """Return the end of what a node has said."""
        return self._log(node).read_text(errors="replace")[-2_000:]

    def has_ended(self, node: str) -> bool:
        """Say whether a node's process has ended."""
        return self._nodes[node].poll() is not None

    def _settings(self, node: str) -> Path:
        return self._places.settings(self.regions[node], node)

    def _keys(self, node: str) -> Path:
        return self._folder / "keys" / node

    def _log(self, node: str) -> Path:
        return self._folder / f"{node}.log"

    # --- processes ---------------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Start all servers and all nodes."""
        for server in self._servers.values():
            server.start()
        for node in self.regions:
            self.start_node(node)

    def start_node(self, node: str) -> None:
        """Start a node; it may take a while until it answers."""
        enter = self._network.enter(self.regions[node])
        words = ["serve", "--data", self.data(node), "--config", self._settings(node)]
        with self._log(node).open("ab") as log:
            self._nodes[node] = subprocess.Popen(
                [*enter, *HOMEROOM, *words],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                preexec_fn=end_with_parent,  # noqa: PLW1509 - no other thread has begun
            )

    def make_key(self) -> str:
        """Have the home state a key, and return it."""
        words = ["keys", "create", "trial", "--scopes", "read,write,admin,xapi"]
        done = subprocess.run(
            [*HOMEROOM, *words, "--data", self.data(self._world.home_node)],
            check=True,
            capture_output=True,
            text=True,
        )
        return done.stdout.strip()

    def stop(self) -> dict[str, int]:
        """Ask all nodes to end; return by node its status."""
        for process in self._nodes.values():
            process.terminate()
        return {node: process.wait(120) for node, process in self._nodes.items()}

    def verify(self, node: str) -> str | None:
        """Read all that a node has on disk again; return what is wrong, None if nothing is."""
        command = [*HOMEROOM, "verify", self.data(node)]
        run = subprocess.run(command, capture_output=True, text=True, check=False)
        return None if run.returncode == 0 else (run.stdout + run.stderr)[-1_000:]

    def end(self) -> None:
        """End whatever still runs, and give the network up."""
        for process in self._nodes.values():
            process.kill()
            process.wait()
        for server in self._servers.values():
            server.kill()
        self._network.close()

    # --- what goes wrong ---------------------------------------------------------------------------------------------

    def begin(self, fault: Fault) -> None:
        """Let something go wrong."""
        self._wrong[fault.kind][0](*fault.whom)

    def end_of(self, fault: Fault) -> None:
        """Put right what went wrong."""
        self._wrong[fault.kind][1](*fault.whom)

    def _part(self, one: str, other: str) -> None:
        self._network.cut(one, other)
        self._network.cut(other, one)

    def _join(self, one: str, other: str) -> None:
        self._network.heal(one, other)
        self._network.heal(other, one)

    def _isolate(self, region: str) -> None:
        for other in NODES.keys() - {region}:
            self._part(region, other)

    def _let_in(self, region: str) -> None:
        for other in NODES.keys() - {region}:
            self._join(region, other)

    def _kill(self, node: str) -> None:
        self._nodes[node].kill()
        self._nodes[node].wait()

    def _destroy(self, node: str) -> None:
        self._kill(node)
        shutil.rmtree(self.data(node))

    def _begin_anew(self, node: str) -> None:
        shutil.copytree(self._keys(node), self.data(node))
        self.start_node(node)

    def _signal_node(self, node: str, number: int) -> None:
        os.kill(self._nodes[node].pid, number)

    def _signal_server(self, region: str, number: int) -> None:
        os.kill(self._servers[region].pid, number)


def _planned() -> World:
    def node(place: int, number: int) -> RegionNode:
        return RegionNode(key="", http=f"http://{address_of(place)}:{18_080 + number}")

    return World(
        name="trial",
        home=next(iter(NODES)),
        regions={
            name: Region(
                name=name,
                latitude=10.0 * place,
                longitude=10.0 * place,
                jurisdiction=name,
                fabric=(f"tls://{address_of(place)}:4222",),
                gateways=(f"tls://{address_of(place)}:7222",),
                nodes={one: node(place, number) for number, one in enumerate(nodes)},
            )
            for place, (name, nodes) in enumerate(NODES.items())
        },
    )
