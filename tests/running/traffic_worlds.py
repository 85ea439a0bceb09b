"""Worlds of running nodes that serve and are vantage points, in one process and one event loop."""

import asyncio
import time
from contextlib import AsyncExitStack
from dataclasses import replace

from homeroom import limits
from homeroom.adapters.web_server import Listening, serve_until
from homeroom.client.routes import decode
from homeroom.log.control import KeyCreated, Scope
from homeroom.regions.world import RegionNode
from homeroom.running.hosting import interface_of, traffic_of, webhooks_of
from homeroom.running.sorted_fabric import SortedFabric
from homeroom.serve.app import make_app
from homeroom.serve.keys import draw_key
from homeroom.serve.settings import Settings
from tests.nats_worlds import free_ports
from tests.running.nodes import now_ms
from tests.running.worlds import RunningWorld

TIMES = 5
"""So many times as fast time goes on for vantage points; kernels know their bounds, so it is the clock that hurries."""
HURRY = {"DETECTOR_TICK_MS": 20, "ROUTE_RETURN_STEP_MS": 500}
"""Bounds that are not waited out either."""


def hurried_ms():
    return time.monotonic_ns() * TIMES // 1_000_000


class TrafficWorld(RunningWorld):
    """Nodes of a world, each a region of its own with an address; see `RunningWorld`."""

    def __init__(self, path, monkeypatch, *names, **fields):
        super().__init__(path, *names, monkeypatch=monkeypatch, **fields)
        for name, value in HURRY.items():
            monkeypatch.setattr(limits, name, value)
        self.first_port = free_ports(len(names))
        self.drawn = draw_key()
        self.traffic, self.loads = {}, {}
        self._serving, self._stacks = {}, {}

    def url(self, name):
        return f"http://127.0.0.1:{self.first_port + self.names.index(name)}"

    def world(self, *more):
        found = super().world(*more)
        for place, (name, region) in enumerate(found.regions.items()):
            nodes = {name: RegionNode(key=self.key(name), http=self.url(name))}
            found.regions[name] = replace(region, longitude=10.0 * place, nodes=nodes)
        return found

    def fabric(self, name):
        return SortedFabric(super().fabric(name))

    async def serve(self, name):
        """Have a node answer over HTTP, hear the others and make routes."""
        node, settings = self.nodes[name], Settings()
        stack = self._stacks[name] = AsyncExitStack()
        path = self.path / name
        webhooks = await stack.enter_async_context(webhooks_of(path, node, settings, now_ms))
        inside, outside = (node, webhooks), (now_ms, None)
        interface = await stack.enter_async_context(interface_of(path, inside, settings, outside))
        world = replace(node._options.world, steady_ms=hurried_ms)
        self.traffic[name] = await stack.enter_async_context(
            traffic_of(path, node, world, (now_ms, lambda: self.loads.get(name, 0.0)))
        )
        stopping, ready = asyncio.Event(), asyncio.Event()
        app = make_app(replace(interface, traffic=self.traffic[name]))
        port = self.first_port + self.names.index(name)
        listening = Listening(host="127.0.0.1", port=port, stop_s_max=1)
        serving = asyncio.ensure_future(
            serve_until(app, listening, stopping, lambda _: ready.set())
        )
        self._serving[name] = stopping, serving
        await ready.wait()

    async def silence(self, name):
        """Have a node answer and say nothing any more, to anybody."""
        stopping, serving = self._serving.pop(name)
        stopping.set()
        await serving
        del self.traffic[name]
        await self._stacks.pop(name).aclose()

    async def __aenter__(self):
        await super().__aenter__()
        for name in self.names:
            await self.serve(name)
        return self

    async def __aexit__(self, *error):
        for name in list(self._serving):
            await self.silence(name)
        await super().__aexit__(*error)

    def table(self, name):
        """Return the routing table of a node, as its clients read it."""
        node = self.nodes[name]
        document = self.traffic[name].document()
        return decode(document, node.belonging.keys.verify, "test") if document else None

    def states(self, name):
        """Return by region its state in the table of a node."""
        table = self.table(name)
        return {} if table is None else {one.name: str(one.state) for one in table.regions}

    def is_calm(self, name):
        """Say whether a node finds all nodes well, and all regions serve by its table: a busy start may be slow."""
        told = self.traffic[name].status()
        verdicts = {one.verdict for one in told.nodes.values()}
        return verdicts == {"fine"} and set(self.states(name).values()) == {"serving"}

    async def routes(self, holds, what):
        """Wait until a condition holds; it is looked at whenever some time has passed."""
        deadline = time.monotonic() + 20
        while not holds():
            if time.monotonic() > deadline:
                told = {
                    name: (self.states(name), one.status()) for name, one in self.traffic.items()
                }
                raise AssertionError(f"it never came to this: {what}; {told}")
            await asyncio.wait([asyncio.get_running_loop().create_future()], timeout=0.01)

    async def allow(self):
        """Have all nodes know a key, and return it."""
        scopes = tuple(map(Scope, ("read", "write", "admin")))
        fact = KeyCreated(
            prefix=self.drawn.prefix,
            name="test",
            digest=self.drawn.digest,
            tenant="main",
            owner=self.drawn.prefix,
            scopes=scopes,
        )
        await self.nodes[self.names[0]].change(fact, "test")
        nodes = self.nodes.values()
        await self.until(
            lambda: all(self.drawn.prefix in node.control().keys for node in nodes), "the key"
        )
        return self.drawn.text
