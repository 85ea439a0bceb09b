"""A world of processes to which faults are done: each region in a network of its own, with what it can lose.

One region's log is in a PostgreSQL, one region's disk is small, all have a Redis, as far as the faults of a plan need
them. What is done is what happens to machines: signals, packets that are dropped, a disk without room, settings that
nobody understands, an order of an operator. What was done is undone by `end`, whatever has happened meanwhile.
"""

import contextlib
import os
import shutil
import signal
import subprocess
from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Final, TypeAlias

from homeroom.adapters import system_clock
from homeroom.adapters.world_directory import WorldPlaces, make_world
from homeroom.adapters.world_file import SHIPPED, Stage, read_world
from homeroom.client import KnownWorld
from homeroom.errors import ProvingError
from homeroom.provers.networks import Network, address_of
from homeroom.provers.postgres_server import PostgresServer
from homeroom.provers.programs import HOMEROOM
from homeroom.provers.redis_server import redis_program
from homeroom.provers.world_processes import Processes
from homeroom.proving.faults import Action, Fault, Need, Reach, catalogue
from homeroom.proving.turns import Turns
from homeroom.regions.world import Region, RegionNode, World

__all__ = ["FaultWorld", "planned_world"]

_SETTINGS: Final = """
[limits]
requests_per_second = 100000.0
requests_burst = 100000
events_per_second = 10000000.0
events_burst = 10000000

[acknowledgement]
wait_seconds = 4.0
"""
_WRONG: Final = "\n[sever]\nprot = 1\n"
_DISK_BYTES: Final = 256 << 20
_SLOW_KILOBITS: Final = 256
_END_S: Final = 20.0

_Done: TypeAlias = Callable[[tuple[str, ...]], object]


def planned_world(count: int) -> World:
    """Return the first so many of the shipped regions, each with a node and a server in a network of its own."""
    shipped = read_world(SHIPPED, Stage.PLANNED)
    regions: dict[str, Region] = {}
    for place, (name, region) in enumerate(list(shipped.active().items())[:count]):
        host = address_of(place)
        regions[name] = replace(
            region,
            fabric=(f"tls://{host}:4222",),
            gateways=(f"tls://{host}:7222",),
            nodes={f"{name}-1": RegionNode(key="", http=f"http://{host}:18080")},
        )
    return replace(shipped, regions=regions, home=next(iter(regions)))


class FaultWorld:
    """All processes of a world, and its network; made in the network that this process is in.

    Parameters
    ----------
    folder : an own one, whose path is short and open to all
    count : how many regions
    needs : what the faults of the plan need

    Attributes
    ----------
    processes : servers and nodes
    database, disk : the regions whose log is in PostgreSQL, and whose disk is small; empty for none
    turns : whom faults strike
    known : by which keys its routing tables are believed
    """

    def __init__(self, folder: Path, count: int, needs: Collection[Need]) -> None:
        plan = planned_world(count)
        self._network = Network(list(plan.regions))
        world = make_world(folder / "world", plan, 18_000, 1, system_clock.now_ms())
        self.processes = Processes(folder / "world", world, self._network)
        self.known = KnownWorld.read(WorldPlaces(folder / "world").regions)
        names = list(plan.regions)
        self.database = names[1] if Need.POSTGRESQL in needs else ""
        self.disk = names[-1] if Need.DISKS in needs else ""
        self._folder, self._needs = folder, needs
        places = {name: (one.latitude, one.longitude) for name, one in plan.regions.items()}
        self.turns = Turns(places, plan.home, self.database, self.disk)
        self._postgres: PostgresServer | None = None
        self._settings: dict[str, str] = {}
        for region in names:
            with self.processes.settings(region).open("a") as settings:
                settings.write(_SETTINGS)
        one, nobody = self._of_one, self._of_none
        self._ways: Mapping[tuple[Action, Reach], tuple[_Done, _Done]] = {
            (Action.KILL, Reach.REGION): (self._kill, self._start),
            (Action.KILL, Reach.CONTINENT): (self._kill, self._start),
            (Action.PAUSE, Reach.REGION): (one(self.processes.hang), one(self.processes.go_on)),
            (Action.KILL, Reach.FABRIC): (self._kill_fabric, self._start_fabric),
            (Action.KILL, Reach.ALL_FABRIC): (self._kill_fabric, self._start_fabric),
            (Action.KILL, Reach.CACHES): (nobody(self._kill_caches), nobody(self._start_caches)),
            (Action.KILL, Reach.DATABASE): (nobody(self._crash), nobody(self._recover)),
            (Action.CUT, Reach.REGION): (one(self._isolate), one(self._let_in)),
            (Action.CUT, Reach.LINK): (self._part, self._join),
            (Action.CUT_ONE_WAY, Reach.LINK): (self._part_one_way, self._join),
            (Action.SLOW, Reach.REGION): (one(self._slow), one(self._network.quicken)),
            (Action.FILL, Reach.NODE): (nobody(self._fill), nobody(self._empty)),
            (Action.MISCONFIGURE, Reach.NODE): (one(self._misconfigure), one(self._configure)),
            (Action.EVACUATE, Reach.REGION): (
                one(partial(self._order, "evacuate")),
                one(partial(self._order, "return")),
            ),
        }

    # --- it begins and ends ------------------------------------------------------------------------------------------

    @property
    def urls(self) -> Mapping[str, str]:
        """By region where its node is reached."""
        return self.processes.urls

    def start(self) -> None:
        """Start all of it. Raises `ProvingError` for what does not start."""
        if Need.REDIS in self._needs:
            program = redis_program()
            assert program is not None, "a run without Redis was refused"
            (self._folder / "r").mkdir()
            self.processes.add_redises(program, self._folder / "r")
        if self.database:
            (self._folder / "p").mkdir()
            self._postgres = PostgresServer(self._folder / "p")
            self._postgres.start()
            self.processes.variables[self.database]["HOMEROOM_NODE_STORE_URL"] = (
                self._postgres.url()
            )
        if self.disk:
            self._make_disk(self.processes.data(self.disk))
        self.processes.start()

    def _make_disk(self, data: Path) -> None:
        """Have a small disk under a data directory: in memory, and of this process and those that it starts alone."""
        kept = self._folder / "kept"
        shutil.copytree(data, kept)
        options = f"size={_DISK_BYTES},mode=0700"
        subprocess.run(  # noqa: S603 - no words of others
            ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(data)],  # noqa: S607 - of the system
            check=True,
        )
        shutil.copytree(kept, data, dirs_exist_ok=True)

    def stop(self) -> None:
        """End all of it."""
        with contextlib.suppress(ProcessLookupError):
            self.processes.stop()
        if self._postgres is not None:
            self._postgres.kill()
        self._network.close()

    # --- faults ------------------------------------------------------------------------------------------------------

    def can(self, fault: Fault) -> bool:
        """Say whether there is a way to do it."""
        return fault.does is Action.TOGETHER or (fault.does, fault.at) in self._ways

    def begin(self, fault: Fault, whom: tuple[str, ...]) -> None:
        """Let it happen."""
        for one in self._parts(fault):
            self._ways[one.does, one.at][0](whom)

    def end(self, fault: Fault, whom: tuple[str, ...]) -> None:
        """Put right what has happened."""
        for one in self._parts(fault):
            self._ways[one.does, one.at][1](whom)

    @staticmethod
    def _parts(fault: Fault) -> list[Fault]:
        return [catalogue()[name] for name in fault.together] or [fault]

    @staticmethod
    def _of_one(do: Callable[[str], object]) -> _Done:
        return lambda whom: do(whom[0])

    @staticmethod
    def _of_none(do: Callable[[], object]) -> _Done:
        return lambda _whom: do()

    def _kill(self, whom: tuple[str, ...]) -> None:
        for region in whom:
            self.processes.node(region).kill()
            self.processes.servers[region].kill()

    def _start(self, whom: tuple[str, ...]) -> None:
        for region in whom:
            self.processes.start_again(region)

    def _kill_fabric(self, whom: tuple[str, ...]) -> None:
        for region in whom:
            self.processes.servers[region].kill()

    def _start_fabric(self, whom: tuple[str, ...]) -> None:
        for region in whom:
            self.processes.servers[region].start()

    def _kill_caches(self) -> None:
        for one in self.processes.redises.values():
            one.kill()

    def _start_caches(self) -> None:
        for one in self.processes.redises.values():
            one.start()

    def _crash(self) -> None:
        assert self._postgres is not None, "a plan that needs it has it"
        self._postgres.end(signal.SIGQUIT)

    def _recover(self) -> None:
        assert self._postgres is not None, "a plan that needs it has it"
        self._postgres.start()

    def _isolate(self, region: str) -> None:
        for other in self.processes.servers.keys() - {region}:
            self._part((region, other))

    def _let_in(self, region: str) -> None:
        for other in self.processes.servers.keys() - {region}:
            self._join((region, other))

    def _part(self, whom: tuple[str, ...]) -> None:
        self._network.cut(whom[0], whom[1])
        self._network.cut(whom[1], whom[0])

    def _part_one_way(self, whom: tuple[str, ...]) -> None:
        self._network.cut(whom[0], whom[1])

    def _join(self, whom: tuple[str, ...]) -> None:
        self._network.heal(whom[0], whom[1])
        self._network.heal(whom[1], whom[0])

    def _slow(self, region: str) -> None:
        self._network.slow(region, kilobits=_SLOW_KILOBITS)

    def _fill(self) -> None:
        with self._filling().open("wb", buffering=0) as file:
            for size in (1 << 20, 1 << 12):
                with contextlib.suppress(OSError):
                    while True:
                        os.posix_fallocate(file.fileno(), file.seek(0, os.SEEK_END), size)

    def _empty(self) -> None:
        self._filling().unlink()

    def _filling(self) -> Path:
        return self.processes.data(self.disk) / "of somebody else"

    def _misconfigure(self, region: str) -> None:
        """Stop a node, and start it with settings that it cannot understand."""
        path, node = self.processes.settings(region), self.processes.node(region)
        self._settings[region] = path.read_text()
        path.write_text(self._settings[region] + _WRONG)
        node.terminate()
        try:
            node.wait(_END_S)
        except subprocess.TimeoutExpired:
            node.kill()
            node.wait()
        self.processes.start_node(region)

    def _configure(self, region: str) -> None:
        self.processes.node(region).kill()
        self.processes.node(region).wait()
        self.processes.settings(region).write_text(self._settings.pop(region))
        self.processes.start_node(region)

    def has_refused(self, region: str) -> bool:
        """Say whether the node of a region has ended with an error that names what it did not understand."""
        status = self.processes.node(region).poll()
        return status not in (None, 0) and "sever" in self.processes.said(region)[-1_000:]

    def _order(self, order: str, region: str) -> None:
        data = str(self.processes.data(self.processes.world.home))
        command = [*HOMEROOM, "route", order, data, region]
        done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - our own
        if done.returncode:
            raise ProvingError(f"homeroom route {order} {region}: {done.stderr.strip()[-300:]}")
