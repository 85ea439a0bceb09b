"""Nodes of this process behind addresses, so that programs reach them, and so that they can die.

A node is asked over HTTP like any other. Before its server stands a door, through which all that clients and other
nodes say to it goes: when its region dies, the door breaks every connection in one moment, and the fabric brings not a
word more to or from it. What the node had written and told nobody yet is on its disk when it comes back, as it would
be after a power cut; `demos.world_processes` does this with real processes and `kill -9`.
"""

import asyncio
import contextlib
import signal
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urlsplit

from homeroom.adapters import system_clock
from homeroom.adapters.web_server import Listening, serve_until
from homeroom.adapters.world_directory import WorldPlaces
from homeroom.client import KnownWorld
from homeroom.log.control import KeyCreated, Scope
from homeroom.regions.world import World
from homeroom.running.hosting import interface_of, traffic_of, webhooks_of
from homeroom.running.in_world import InWorld
from homeroom.running.node import RunningNode
from homeroom.serve.app import make_app
from homeroom.serve.keys import draw_key
from homeroom.serve.settings import Settings


class Regions(Protocol):
    """Nodes of this process, as `demos.world` has them."""

    plan: World
    places: WorldPlaces
    nodes: dict[str, RunningNode]
    worlds: dict[str, InWorld]
    dead: set[str]

    async def open(self, region: str) -> None:
        """Start the node of a region."""
        ...

    def path(self, region: str) -> Path:
        """Return the data directory of its node."""
        ...


class Door:
    """Stands before a node's own address, and breaks all connections when it is slammed."""

    def __init__(self, port: int) -> None:
        self._port = self._inside = port
        self._open: set[asyncio.StreamWriter] = set()
        self._visits: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None

    async def open(self, inside: int) -> None:
        """Let in whoever comes, to this port of the node."""
        self._inside = inside
        self._server = await asyncio.start_server(self._let_in, "127.0.0.1", self._port)

    def slam(self) -> None:
        """Break all connections, and take none."""
        assert self._server is not None, "it was opened"
        self._server.close()
        for one in self._open:
            one.transport.abort()

    async def ended(self) -> None:
        """Wait until nothing is left of the connections that were broken."""
        await asyncio.gather(*self._visits)

    def _let_in(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        visit = asyncio.ensure_future(self._visit(reader, writer))
        self._visits.add(visit)
        visit.add_done_callback(self._visits.discard)

    async def _visit(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            there, answers = await asyncio.open_connection("127.0.0.1", self._inside)
        except OSError:  # the node is about to end
            writer.transport.abort()
            return
        both = {writer, answers}
        self._open |= both
        try:
            await asyncio.gather(_carry(reader, answers), _carry(there, writer))
        finally:
            self._open -= both
            for one in both:
                one.transport.abort()
                with contextlib.suppress(ConnectionError):
                    await one.wait_closed()


async def _carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Hand on what comes, until one of both ends."""
    with contextlib.suppress(ConnectionError):
        while body := await reader.read(1 << 16):
            writer.write(body)
            await writer.drain()
        writer.close()


class Doors:
    """All regions of a world behind addresses; see `demos.crowd.Mortal`.

    Attributes
    ----------
    urls, known, key : where clients reach them, by which keys, and with which
    """

    end = "every connection breaks, and nobody hears a word more"

    def __init__(self, regions: Regions) -> None:
        self._regions = regions
        places = regions.plan.active()
        self.urls: Mapping[str, str] = {
            name: next(iter(place.nodes.values())).http for name, place in places.items()
        }
        self.known = KnownWorld.read(regions.places.regions)
        self.key = ""
        self._whole: asyncio.Task[Any] | None = None
        self._doors = {name: Door(urlsplit(url).port or 0) for name, url in self.urls.items()}
        self._serving: dict[str, tuple[asyncio.Event, asyncio.Task[None]]] = {}

    async def open(self) -> None:
        """Have all nodes answer over HTTP, hear each other and make routing tables."""
        drawn = draw_key()
        self.key = drawn.text
        fact = KeyCreated(
            prefix=drawn.prefix,
            name="demo",
            digest=drawn.digest,
            tenant="main",
            owner=drawn.prefix,
            scopes=(Scope.READ, Scope.WRITE),
        )
        await self._regions.nodes[self._regions.plan.home].change(fact, "demo")
        self._whole = asyncio.current_task()
        await asyncio.gather(*map(self._begin, self.urls))
        for node in self._regions.nodes.values():
            await _knows(node, drawn.prefix)

    async def close(self) -> None:
        """Have no node answer any more."""
        for region in self._serving:
            self._doors[region].slam()
        await asyncio.gather(*map(self._end, list(self._serving)))

    async def kill(self, region: str) -> None:
        """End a region in one moment: its connections break, and nobody hears of it."""
        self._doors[region].slam()
        self._regions.dead.add(region)
        await self._end(region)
        await self._regions.nodes.pop(region).stop()

    async def start_again(self, region: str) -> None:
        """Start its node on the same directory."""
        self._regions.dead.discard(region)
        await self._regions.open(region)
        await self._begin(region)

    async def _begin(self, region: str) -> None:
        stopping = asyncio.Event()
        ready = asyncio.Queue[str](1)
        task = asyncio.ensure_future(self._serve(region, stopping, ready.put_nowait))
        self._serving[region] = stopping, task
        heard = asyncio.ensure_future(ready.get())
        await asyncio.wait((task, heard), return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            await task  # it raises what is wrong
        assert self._whole is not None, "all were opened together"
        # A server would take Ctrl-C for its own end, and all others would go on.
        asyncio.get_running_loop().add_signal_handler(signal.SIGINT, self._whole.cancel)
        await self._doors[region].open(urlsplit(await heard).port or 0)

    async def _end(self, region: str) -> None:
        stopping, task = self._serving.pop(region)
        stopping.set()
        await asyncio.gather(task, self._doors[region].ended())

    async def _serve(
        self, region: str, stopping: asyncio.Event, heard: Callable[[str], None]
    ) -> None:
        """Have one node answer until it is to stop, as `homeroom serve` does."""
        node, world, path = (
            self._regions.nodes[region],
            self._regions.worlds[region],
            self._regions.path(region),
        )
        settings, now_ms = Settings(), system_clock.now_ms
        async with (
            webhooks_of(path, node, settings, now_ms) as webhooks,
            interface_of(path, (node, webhooks), settings, (now_ms, None)) as interface,
            traffic_of(path, node, world, (now_ms, lambda: 0.0)) as traffic,
        ):
            app = make_app(replace(interface, stopping=stopping, traffic=traffic))
            listening = Listening(host="127.0.0.1", port=0, stop_s_max=1)
            await serve_until(app, listening, stopping, heard)


async def _knows(node: RunningNode, prefix: str) -> None:
    """Wait until a node has heard of a key."""
    for _ in range(600):
        if prefix in node.control().keys:
            return
        await asyncio.sleep(0.05)
    raise SystemExit("a node does not hear of the key")
