"""Nodes of this process, a region each, behind addresses and as far from each other as they are said to be.

A node is what `homeroom serve` runs, with its doors, log, cache, vantage point and routing tables, and is asked over
HTTP like any other. Before its server stands a door (`homeroom.provers.delays`), through which all goes that clients
and other nodes say to it; between nodes goes a fabric whose messages take their time. When a region dies, the door
breaks every connection, and the fabric brings not a word more to or from it. What the node had written and told nobody
yet is on its disk when it comes back, as it would be after a power cut.

The way not taken is a process for each: eight of them, each with the kernels in memory, would measure a small machine
and not the distances.
"""

import asyncio
import random
import signal
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from homeroom.adapters import system_clock
from homeroom.adapters.web_server import Listening, serve_until
from homeroom.adapters.world_directory import WorldPlaces
from homeroom.client import KnownWorld
from homeroom.client.routes import RouteState
from homeroom.errors import ProvingError
from homeroom.log.control import KeyCreated, Scope
from homeroom.provers.delays import Door, Line
from homeroom.regions.fabric import Box, InProcess, check_length
from homeroom.regions.world import World
from homeroom.running.cache_hosting import cache_of
from homeroom.running.hosting import interface_of, traffic_of, webhooks_of
from homeroom.running.in_world import InWorld
from homeroom.running.node import RunningNode
from homeroom.running.opening import NodeOptions
from homeroom.running.sorted_fabric import SortedFabric
from homeroom.serve.app import Guarded, make_app
from homeroom.serve.keys import draw_key
from homeroom.serve.settings import NodeSettings, Settings

if TYPE_CHECKING:
    from homeroom.running.traffic import RunningTraffic

__all__ = ["Apart", "Doors", "NodesHere"]

_POLL_S: Final = 0.05
_KNOWN_POLLS_MAX: Final = 1_200


@dataclass(frozen=True, slots=True, kw_only=True)
class Apart:
    """How far regions and users are apart; by default all are in one place.

    Parameters
    ----------
    between_s : how long a word takes from one region to another
    to_s : how long one takes between a region and whoever comes from an address of this machine
    source : from which address a region's node asks others; None leaves that to the system
    now_ms : the clock of all
    """

    between_s: Callable[[str, str], float] = lambda _one, _other: 0.0
    to_s: Callable[[str, str], float] = lambda _region, _address: 0.0
    source: Callable[[str], str | None] = lambda _region: None
    now_ms: Callable[[], int] = system_clock.now_ms


class _Distant(InProcess):
    """The fabric of nodes of one process, whose messages take their time, and are lost where nobody hears them."""

    def __init__(self, node: str, boxes: dict[str, Box], nodes: "NodesHere") -> None:
        super().__init__(node, boxes)
        self._nodes, self._node = nodes, node
        self._loop = asyncio.get_running_loop()
        self._lines: dict[str, Line[bytes]] = {}

    def send(self, to: str, body: bytes) -> None:
        """Take a message; it is lost on a link that is cut, and where nobody is."""
        check_length(to, body)
        if not self._nodes.hears(self._node, to):
            return
        if self._nodes.between_s(self._node, to) <= 0:
            super().send(to, body)
            return
        with suppress(RuntimeError):  # the loop has ended: nobody is there any more
            self._loop.call_soon_threadsafe(self._send_off, to, body)

    def _send_off(self, to: str, body: bytes) -> None:
        if to not in self._lines:
            way_s = self._nodes.between_s(self._node, to)
            self._lines[to] = Line(way_s, lambda said: self._arrive(to, said))
        self._lines[to].put(body)

    def _arrive(self, to: str, body: bytes) -> None:
        if self._nodes.hears(self._node, to):
            super().send(to, body)

    def close(self) -> None:
        """End for good; what is under way is lost."""
        for line in list(self._lines.values()):
            with suppress(RuntimeError):  # as above
                self._loop.call_soon_threadsafe(line.close)
        super().close()


class NodesHere:
    """The nodes of a world, all in this process, one a region.

    Parameters
    ----------
    folder, plan : where the world lies, and as its file has it
    apart : how far they are apart

    Attributes
    ----------
    nodes, worlds : by region its node, and what that was told of the world
    cut : regions that hear only each other
    dead : regions that nobody hears, and that hear nobody
    plan, places, apart : as above
    """

    def __init__(self, folder: Path, plan: World, apart: Apart | None = None) -> None:
        self.nodes: dict[str, RunningNode] = {}
        self.worlds: dict[str, InWorld] = {}
        self.cut: set[str] = set()
        self.dead: set[str] = set()
        self.places, self.plan = WorldPlaces(folder), plan
        self.apart = apart or Apart()
        self._boxes: dict[str, Box] = {}
        self._region = {node: one.name for one in plan.active().values() for node in one.nodes}

    def hears(self, node: str, other: str) -> bool:
        """Say whether what one node says reaches another."""
        regions = {self._region[one] for one in (node, other) if one in self._region}
        return not regions & self.dead and len({one in self.cut for one in regions}) == 1

    def between_s(self, node: str, other: str) -> float:
        """Return how long a word takes from one node to another."""
        return self.apart.between_s(self._region[node], self._region[other])

    async def start(self) -> None:
        """Start all nodes at once: they compare clocks before they take anything."""
        await asyncio.gather(*map(self.open, self.plan.active()))
        self.nodes = {region: self.nodes[region] for region in self.plan.active()}

    async def open(self, region: str) -> None:
        """Start the node of a region."""
        (node,) = self.plan.regions[region].nodes
        world = self.worlds[region] = InWorld(
            world=self.plan,
            fabric=SortedFabric(_Distant(node, self._boxes, self)),
            steady_ms=system_clock.steady_ms,
            draw=random.Random(node).randrange,  # noqa: S311 - draws moments
            source=self.apart.source(region),
        )
        options = NodeOptions(now_ms=self.apart.now_ms, name=node, world=world)
        self.nodes[region] = await RunningNode.open(self.path(region), options)

    async def renew(self) -> None:
        """Start those again that have fetched the state of another node, with that."""
        for region, node in list(self.nodes.items()):
            if node.renewal.is_set():
                await self.nodes.pop(region).stop()
                await self.open(region)

    def path(self, region: str) -> Path:
        """Return the data directory of a region's node."""
        (node,) = self.plan.regions[region].nodes
        return self.places.data(region, node)

    def events(self, region: str) -> int:
        """Return how many events a region counts."""
        return self.nodes[region].status("main").events

    async def stop(self) -> None:
        """Stop all nodes."""
        await asyncio.gather(*(node.stop() for node in self.nodes.values()))


class _Switched:
    """Two applications of one node, of which one answers: with its cache, or without."""

    def __init__(self, kept: Guarded, plain: Guarded, is_kept: Callable[[], bool]) -> None:
        self._apps, self._is_kept = (plain, kept), is_kept

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:  # noqa: ANN401 - ASGI
        await self._apps[self._is_kept()](scope, receive, send)

    def whole(self, scope: Any, body: bytes, answer: Any) -> bool:  # noqa: ANN401 - ASGI
        return self._apps[self._is_kept()].whole(scope, body, answer)


class Doors:
    """All regions of a world behind addresses.

    Parameters
    ----------
    nodes : those that are behind them
    interrupted : is called by Ctrl-C

    Attributes
    ----------
    urls, known, key : where clients reach them, by which keys, and with which
    caches : whether nodes tell answers that they have kept
    end : what `kill` does, in words
    """

    end = "every connection breaks, and nobody hears a word more"

    def __init__(self, nodes: NodesHere, interrupted: Callable[[], object]) -> None:
        self._nodes, self._interrupted = nodes, interrupted
        places = nodes.plan.active()
        self.urls: Mapping[str, str] = {
            name: next(iter(place.nodes.values())).http for name, place in places.items()
        }
        self.known = KnownWorld.read(nodes.places.regions)
        self.key = ""
        self.caches = True
        self._doors = {name: self._door(name, url) for name, url in self.urls.items()}
        self._serving: dict[str, tuple[asyncio.Event, asyncio.Task[None]]] = {}
        self._traffic: dict[str, RunningTraffic] = {}

    def _door(self, region: str, url: str) -> Door:
        return Door(
            urlsplit(url).port or 0, lambda address: self._nodes.apart.to_s(region, address)
        )

    async def open(self) -> None:
        """Have all nodes answer over HTTP, hear each other and make routing tables."""
        drawn = draw_key()
        self.key = drawn.text
        fact = KeyCreated(
            prefix=drawn.prefix,
            name="clients",
            digest=drawn.digest,
            tenant="main",
            owner=drawn.prefix,
            scopes=(Scope.READ, Scope.WRITE),
        )
        await self._nodes.nodes[self._nodes.plan.home].change(fact, "prove")
        await asyncio.gather(*map(self._begin, self.urls))
        for node in self._nodes.nodes.values():
            await _knows(node, drawn.prefix)

    async def close(self) -> None:
        """Have no node answer any more."""
        await asyncio.gather(*map(self._end, list(self._serving)))
        await asyncio.gather(*(door.close() for door in self._doors.values()))

    async def kill(self, region: str) -> None:
        """End a region in one moment: its connections break, and nobody hears of it."""
        self._doors[region].slam()
        self._nodes.dead.add(region)
        await self._end(region)
        await self._nodes.nodes.pop(region).stop()

    async def start_again(self, region: str) -> None:
        """Start its node on the same directory."""
        self._nodes.dead.discard(region)
        await self._nodes.open(region)
        await self._begin(region)

    def connections(self) -> int:
        """Return how many connections were made so far."""
        return sum(door.connections for door in self._doors.values())

    def is_calm(self) -> bool:
        """Say whether by all routing tables all regions that are there serve."""
        told = [one.status() for region, one in self._traffic.items() if region in self._serving]
        return all(
            one.generation > 0
            and all(
                state.state == RouteState.SERVING and state.share >= 1
                for region, state in one.regions.items()
                if region in self._serving
            )
            for one in told
        )

    async def _begin(self, region: str) -> None:
        stopping = asyncio.Event()
        ready = asyncio.Queue[str](1)
        task = asyncio.ensure_future(self._serve(region, stopping, ready.put_nowait))
        self._serving[region] = stopping, task
        heard = asyncio.ensure_future(ready.get())
        await asyncio.wait((task, heard), return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            heard.cancel()
            await task  # it raises what is wrong
        self._mind_interrupts()
        await self._doors[region].open(urlsplit(await heard).port or 0)

    def _mind_interrupts(self) -> None:
        """Hear of Ctrl-C: a server takes it for its own end while it runs, and nobody hears of it afterwards."""
        with suppress(
            ValueError, RuntimeError
        ):  # signals are the main thread's, where there are any
            asyncio.get_running_loop().add_signal_handler(signal.SIGINT, self._interrupted)

    async def _end(self, region: str) -> None:
        self._doors[region].slam()
        stopping, task = self._serving.pop(region)
        stopping.set()
        await asyncio.gather(task, self._doors[region].ended())
        self._mind_interrupts()

    async def _serve(
        self, region: str, stopping: asyncio.Event, heard: Callable[[str], None]
    ) -> None:
        """Have one node answer until it is to stop, as `homeroom serve` does."""
        nodes, now_ms = self._nodes, self._nodes.apart.now_ms
        node, world, path = nodes.nodes[region], nodes.worlds[region], nodes.path(region)
        place = nodes.plan.regions[region]
        (name,) = place.nodes
        settings = Settings(
            node=NodeSettings(name=name, region=region, jurisdiction=place.jurisdiction)
        )
        async with (
            webhooks_of(path, node, settings, now_ms) as webhooks,
            cache_of(node, settings, nodes.plan.name, now_ms) as cache,
            interface_of(path, (node, webhooks), settings, (now_ms, None)) as interface,
            traffic_of(path, node, world, (now_ms, lambda: 0.0)) as traffic,
        ):
            assert traffic is not None, "it is a node of a world"
            self._traffic[region] = traffic
            plain = replace(interface, stopping=stopping, traffic=traffic)
            kept = replace(plain, remembering=cache)
            app = _Switched(make_app(kept), make_app(plain), lambda: self.caches)
            listening = Listening(host="127.0.0.1", port=0, stop_s_max=1)
            await serve_until(app, listening, stopping, heard)


async def _knows(node: RunningNode, prefix: str) -> None:
    """Wait until a node has heard of a key. Raises `ProvingError`."""

    async def heard() -> bool:
        return prefix in node.control().keys

    await _until(heard, "a node does not hear of the key")


async def _until(holds: Callable[[], Awaitable[bool]], otherwise: str) -> None:
    """Wait until something holds, for a minute. Raises `ProvingError` with what is otherwise."""
    for _ in range(_KNOWN_POLLS_MAX):
        if await holds():
            return
        await asyncio.sleep(_POLL_S)
    raise ProvingError(otherwise)
