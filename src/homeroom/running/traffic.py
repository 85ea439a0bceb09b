"""A running node as a vantage point: it hears and asks the others, judges them, and says where requests go.

All of it happens in the event loop, ten times a second and whenever a heartbeat has come, and nothing in it waits: the
cores decide (`homeroom.traffic.detection`, `homeroom.traffic.routing`), and what they want done is done here. The
thread that writes has no part in it: while a disk hangs, this is what must go on.

Every node does this for itself and hands out what it found, signed. So there is no place whose loss leaves clients
without a table, and the last one is on the disk of every node.

The way not taken is one node that judges for all: where it stands decides who seems to be dead.
"""

import asyncio
import contextlib
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Final

from homeroom import limits
from homeroom.adapters.probes import Probes
from homeroom.client.routes import RoutingTable, Verify, sealed
from homeroom.cohorts.live import NodeTraffic, RegionTraffic, TrafficStatus, Trouble
from homeroom.errors import HomeroomError, MessageError, kind_and_places
from homeroom.log.control import Control
from homeroom.regions.steps import Members
from homeroom.regions.world import Region, World
from homeroom.running.ordering import Ordering
from homeroom.running.route_files import RouteFiles
from homeroom.running.sorted_fabric import SortedFabric
from homeroom.traffic.detection.detector import Detector
from homeroom.traffic.detection.health import Readiness
from homeroom.traffic.detection.steps import (
    Carried,
    DetectorEffect,
    DetectorEvent,
    HeartbeatCame,
    Judged,
    MembersChanged,
    Outcome,
    OwnState,
    Probe,
    ProbeEnded,
    Refused,
    SendHeartbeat,
    Tick,
)
from homeroom.traffic.routing.orders import About, write_orders
from homeroom.traffic.routing.router import (
    Healths,
    Heard,
    KeepOrders,
    NotPublished,
    Ordered,
    Places,
    Publish,
    RefusedOrders,
    Router,
    RouterEffect,
    RouterEvent,
)

__all__ = ["RunningTraffic", "Standpoint"]

_LIFE_DRAWS: Final = 1 << 62


@dataclass(frozen=True, slots=True, kw_only=True)
class Standpoint:
    """What a node gives to its vantage point.

    Parameters
    ----------
    node : its name
    world : returns all regions as the operators wrote them down; asked again when somebody joins who is not in it
    folder : the data directory
    fabric : carries heartbeats
    key : signs a digest, and says whether this node signed one
    clocks : a steady one and the one of the machine, milliseconds
    draw : returns a whole number from 0 up to its argument, excluded, by chance
    members : returns who belongs to the world, as was stated; without regions while that is not known
    control : returns what was stated
    is_ready : whether the node takes questions and events
    load : how busy it is: 0 idle, 1 as much as it can do
    source : the address of this machine from which it asks others; None leaves that to the system
    """

    node: str
    world: Callable[[], World]
    folder: Path
    fabric: SortedFabric
    key: tuple[Callable[[bytes], bytes], Verify]
    clocks: tuple[Callable[[], int], Callable[[], int]]
    draw: Callable[[int], int]
    members: Callable[[], Members]
    control: Callable[[], Control]
    is_ready: Callable[[], bool]
    load: Callable[[], float] = lambda: 0.0
    source: str | None = None


class RunningTraffic:
    """The vantage point of a node; in its event loop.

    Attributes
    ----------
    ordering : answers operators
    """

    def __init__(self, standpoint: Standpoint) -> None:
        self._at = standpoint
        self._files = RouteFiles(standpoint.folder)
        self._world = standpoint.world()
        region = self._world.region_of(standpoint.node)
        assert region is not None, "a node without a place in the world does not start"
        now_ms = self._steady_ms()
        kept, self._document = self._files.table(standpoint.key[1], self._world.name)
        life = f"{standpoint.draw(_LIFE_DRAWS):x}"
        self.detector = Detector(standpoint.node, region.name, life, now_ms)
        self.router = Router(
            (standpoint.node, self._world.name), kept, self._files.orders(), now_ms
        )
        self._loop = asyncio.get_running_loop()
        self._probes = Probes(standpoint.source)
        self._told: OwnState | None = None
        self._members: Members | None = None
        self._due_ms = now_ms
        self._tasks: set[asyncio.Task[None]] = set()
        self._keeping: asyncio.Task[None] | None = None
        self._ticking: asyncio.Task[None] | None = None
        self._refused: tuple[int, str] | None = None
        self._is_member = True
        self._tables = self._reroutes = self._refusals = 0
        self._fault: tuple[int, str] | None = None
        self._world_trouble: str | None = None
        self._table_trouble: str | None = None
        self._shares: dict[str, tuple[str, float]] = {}
        self._carried = (self.router.orders, write_orders(self.router.orders))
        self.ordering = Ordering(
            (standpoint.node, self.router),
            self.document,
            self._given,
            standpoint.control,
            standpoint.clocks[0],
        )

    # --- what others see ---------------------------------------------------------------------------------------------

    def document(self) -> bytes:
        """Return the newest routing table as it is handed out; empty where there is none, or none that counts."""
        return self._document if self._is_member else b""

    @property
    def is_draining(self) -> bool:
        """Whether the node is being emptied by order: it serves, and says that nothing more is to be sent to it."""
        routes = self.router.routes
        return routes is not None and self._at.node in routes.drained

    def troubles(self) -> tuple[Trouble, ...]:
        """Return what is wrong; from any thread."""
        parts = (self._world_trouble, self._table_trouble, self._files.trouble)
        said = [one for one in parts if one is not None]
        since_ms = self._steady_ms() - limits.ROUTES_REFUSED_TOLD_MS
        passing = [one for one in (self._fault, self._refused) if one is not None]
        said += [why for at_ms, why in passing if at_ms > since_ms]
        return tuple(map(Trouble, said))

    def status(self) -> TrafficStatus:
        """Return where requests go; from any thread."""
        routes, health, table = self.router.routes, self.router.health, self.router.table
        why = {} if routes is None else routes.why
        weights = {
            node.name: node.weight
            for region in (() if table is None else table.regions)
            for node in region.nodes
        }
        return TrafficStatus(
            generation=0 if table is None else table.generation,
            nodes={
                name: NodeTraffic(
                    verdict=one.verdict.name.lower(),
                    why=why.get((About.NODE, name), one.why),
                    load=round(one.load, 3),
                    weight=weights.get(name, 0.0),
                )
                for name, one in health.items()
            },
            regions={
                one.name: RegionTraffic(
                    state=str(one.state),
                    share=one.weight,
                    why=why.get((About.REGION, one.name), ()),
                )
                for one in (() if table is None else table.regions)
            },
            is_draining=self.is_draining,
            tables=self._tables,
            reroutes=self._reroutes,
            refused=self._refusals,
        )

    # --- as long as it runs ------------------------------------------------------------------------------------------

    def begin(self) -> None:
        """Begin to hear, to ask and to judge."""
        self._at.fabric.beating = self._beaten
        self._ticking = self._loop.create_task(self._keep_ticking())

    async def stop(self) -> None:
        """Say and ask nothing any more."""
        self._at.fabric.beating = None
        tasks = [one for one in (self._ticking, *self._tasks) if one is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if self._keeping is not None:
            await self._keeping
        await self._probes.close()

    async def _keep_ticking(self) -> None:
        while True:
            self._safely(self._tick)
            await asyncio.sleep(limits.DETECTOR_TICK_MS / 1_000)

    def _safely(self, do: Callable[[], None]) -> None:
        """Do something that must not end this for good; a fault of ours is told, and the next tick tries again.

        It is told for a while and not until something succeeds: what failed was one message perhaps, and ten times a
        second something else goes well.
        """
        try:
            do()
        except HomeroomError as error:
            self._fault = self._steady_ms(), str(error)
        except Exception as error:  # noqa: BLE001 - judging must go on, and the trouble is told
            why = f"routes cannot be worked out: {kind_and_places(error)}; this is a fault of homeroom"
            self._fault = self._steady_ms(), why

    def _beaten(self) -> None:
        """Hear that heartbeats have come; in any thread."""
        with contextlib.suppress(RuntimeError):  # the loop has ended
            self._loop.call_soon_threadsafe(self._hear)

    def _steady_ms(self) -> int:
        return self._at.clocks[0]()

    # --- what comes --------------------------------------------------------------------------------------------------

    def _hear(self) -> None:
        for sender, body in self._at.fabric.heartbeats().items():
            # One that cannot be worked with must not take the others with it.
            self._safely(partial(self._detect, HeartbeatCame(sender, body)))

    def _tick(self) -> None:
        self._follow()
        self._tell()
        # What has come is heard before it is judged who is silent: also if this machine stood still until now, and its
        # clock with it.
        self._hear()
        self._detect(Tick())
        if self._steady_ms() >= self._due_ms:
            self._due_ms = self._steady_ms() + limits.ROUTE_TICK_MS
            self._table_trouble = None
            self._route(Healths(self.detector.health(), self._at.clocks[1]()))

    def _follow(self) -> None:
        """Go by who belongs to the world now."""
        members = self._at.members()
        if members is self._members or not (members.regions or self._members is None):
            return
        self._members = members
        regions = dict(members.regions) or {
            name: one.region for name, one in self._world.members().items()
        }
        if not regions.keys() <= self._world.members().keys():
            self._read_world()
        self._is_member = self._at.node in regions
        self._detect(MembersChanged(regions))
        self._route(Places(_places(self._world, regions, members.fenced)))
        self._due_ms = self._steady_ms()

    def _read_world(self) -> None:
        """Read again what the operators wrote: somebody belongs to the world who was not in it."""
        self._world_trouble = None
        try:
            self._world = self._at.world()
        except HomeroomError as error:  # all others are where they were
            self._world_trouble = str(error)

    def _tell(self) -> None:
        """Say how this node is, if that is new."""
        orders = self.router.orders
        if orders is not self._carried[0]:
            self._carried = orders, write_orders(orders)
        ready = Readiness.READY if self._at.is_ready() else Readiness.NOT_READY
        state = OwnState(
            load=round(min(max(self._at.load(), 0.0), 100.0), 2),
            draining=self.is_draining,
            readiness=ready,
            generation=self.router.generation,
            carried=self._carried[1],
        )
        if state != self._told:
            self._told = state
            self._detect(state)

    def _given(self, order: Ordered) -> None:
        """Take an order of an operator, and go by it at once."""
        self._route(order)
        self._due_ms = self._steady_ms()
        self._tick()

    def _detect(self, event: DetectorEvent) -> None:
        for effect in self.detector.step(event, self._steady_ms()):
            self._do(effect)

    def _route(self, event: RouterEvent) -> None:
        for effect in self.router.step(event, self._steady_ms()):
            self._do_routed(effect)

    # --- what is done ------------------------------------------------------------------------------------------------

    def _do(self, effect: DetectorEffect) -> None:
        match effect:
            case SendHeartbeat():
                # What is too long for it are the orders, and that is told elsewhere.
                with contextlib.suppress(MessageError):
                    self._at.fabric.send(effect.to, effect.body)
            case Probe():
                self._begin_task(self._probe(effect))
            case Judged():
                self._due_ms = self._steady_ms()
            case Carried():
                self._route(Heard(effect.sender, effect.generation, effect.carried))
            case Refused():
                self._refuse(effect.sender, effect.why)

    def _do_routed(self, effect: RouterEffect) -> None:
        match effect:
            case Publish():
                self._publish(effect.table)
            case KeepOrders():
                self._due_ms = self._steady_ms()
                self._keep(lambda: self._files.keep_orders(effect.orders))
            case RefusedOrders():
                self._refuse(effect.sender, effect.why)

    def _refuse(self, sender: str, why: str) -> None:
        self._refusals += 1
        self._refused = (
            self._steady_ms(),
            f"a message of {sender[:80]} about traffic was refused: {why}",
        )

    def _publish(self, table: RoutingTable) -> None:
        try:
            document = sealed(table, self._at.key[0])
        except HomeroomError as error:
            # Clients keep the one before, and the next tick makes another.
            self._table_trouble = str(error)
            self._route(NotPublished())
            return
        before = self._shares
        self._shares = {one.name: (str(one.state), one.weight) for one in table.regions}
        self._reroutes += sum(
            before.get(name, ("", 0.0))[1] > 0 and state in ("suspected", "evacuated")
            for name, (state, share) in self._shares.items()
        )
        self._tables += 1
        self._document = document
        self._keep(lambda: self._files.keep_table(document))

    def _keep(self, write: Callable[[], None]) -> None:
        """Have a file written aside, after those before it."""
        before = self._keeping

        async def keep() -> None:
            if before is not None:
                await before
            await asyncio.to_thread(write)

        self._keeping = self._loop.create_task(keep())

    def _begin_task(self, work: Coroutine[Any, Any, None]) -> None:
        task = self._loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _probe(self, asked: Probe) -> None:
        region = self._world.region_of(asked.node)
        url = "" if region is None else region.nodes[asked.node].http
        # Nobody said where clients reach it, so nobody can say that they do not.
        outcome, took_ms = await self._probes.ask(url) if url else (Outcome.ANSWER, 0.0)
        ended = ProbeEnded(asked.node, asked.asked_ms, outcome, took_ms)
        self._safely(partial(self._detect, ended))


def _places(world: World, members: Mapping[str, str], fenced: frozenset[str]) -> dict[str, Region]:
    """Return the regions with those of their nodes that belong to the world and are not about to leave it."""
    found = {}
    for name, region in world.active().items():
        nodes = {
            node: one
            for node, one in region.nodes.items()
            if node in members and node not in fenced
        }
        if nodes:
            found[name] = replace(region, nodes=nodes)
    return found
