"""A real HAProxy before real nodes: draining fails nobody's request, and neither does a node that is killed."""

import asyncio
import contextlib
import signal
import socket
import struct

import httpx
import pytest

from homeroom.cli import main, status
from homeroom.client.known_world import KnownWorld
from homeroom.client.routes import NodeRoute, RegionRoute, RoutingTable, decode
from homeroom.running.route_requests import OrderAsked
from homeroom.traffic.routing.orders import About, Do
from tests.cli.test_serve_world import nodes  # noqa: F401 - a fixture
from tests.front_doors import Visitors, front_door, needs_haproxy, pause
from tests.nats_worlds import free_ports
from tests.running.traffic_worlds import TrafficWorld

pytestmark = needs_haproxy


def test_draining_a_region_fails_no_request_that_comes_through_a_front_door(tmp_path, monkeypatch):
    async def story():
        async with TrafficWorld(tmp_path, monkeypatch, "a", "b") as world:
            key = await world.allow()
            await world.routes(lambda: world.table("a") is not None, "there is a table")
            with front_door(tmp_path, world.table("a"), place=(0.0, 0.0)) as door:
                visitors = Visitors(door.url, key, count=2)
                await visitors.served_by("a")
                drain = OrderAsked(about=About.REGION, name="a", do=Do.DRAIN)
                world.traffic["b"].ordering.asked(drain)
                await visitors.served_by("b")
                await world.silence("a")
                await visitors.served_by("b", 10)
                await visitors.stop()
            assert visitors.failed == []
            await world.equal()

    asyncio.run(asyncio.wait_for(story(), 60))


def test_a_node_that_dies_with_many_connections_leaves_no_client_without_an_answer(tmp_path):
    ports = free_ports(2)
    regions = [
        RegionRoute(
            name=name,
            latitude=0,
            longitude=place,
            jurisdiction="x",
            nodes=(NodeRoute(name, f"http://127.0.0.1:{ports + place}"),),
        )
        for place, name in enumerate(("near", "far"))
    ]
    table = RoutingTable(
        world="test", generation=1, publisher="near", made_ms=0, regions=tuple(regions)
    )

    async def story():
        async with Plain("near", ports) as near, Plain("far", ports + 1):
            with front_door(tmp_path, table) as door:
                async with httpx.AsyncClient(base_url=door.url) as http:
                    assert await said(http) == {"near"}
                    # All of it comes at once to a front door that is held up.
                    door.signal(signal.SIGSTOP)
                    near.listener.close()
                    asking = asyncio.ensure_future(said(http))
                    await pause(0.2)
                    near.die()
                    await pause(0.1)
                    door.signal(signal.SIGCONT)
                    assert await asking == {"far"}

    asyncio.run(asyncio.wait_for(story(), 30))


async def said(http):
    """Send batches over twelve connections at once; return what they hear."""
    sending = (http.post("/v1/events", content=b"x") for _ in range(12))
    answers = await asyncio.gather(*sending)
    return {answer.text for answer in answers}


class Plain:
    """A server that answers everything with its name, and dies as a process does that is killed: by resets."""

    def __init__(self, name, port):
        self._name, self._port = name.encode(), port
        self._open = set()

    async def __aenter__(self):
        self.listener = await asyncio.start_server(self._answer, "127.0.0.1", self._port)
        return self

    async def __aexit__(self, *error):
        self.listener.close()
        self.die()
        await pause(0.01)

    def die(self):
        for one in self._open:
            linger = struct.pack("ii", 1, 0)
            one.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            one.transport.abort()
        self._open.clear()

    async def _answer(self, reader, writer):
        self._open.add(writer)
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).lower()
                if b"content-length: 1\r\n" in head:
                    await reader.readexactly(1)
                    await pause(0.1)  # so that no two share a connection
                length = b"%d" % len(self._name)
                writer.write(
                    b"HTTP/1.1 200 OK\r\ncontent-length: " + length + b"\r\n\r\n" + self._name
                )
        self._open.discard(writer)
        writer.close()


@pytest.mark.slow
def test_a_node_that_is_killed_fails_no_request_that_comes_through_a_front_door(nodes, tmp_path):  # noqa: F811
    world = nodes.world
    keys = {n: one.key for r in world.world.active().values() for n, one in r.nodes.items()}
    verify = KnownWorld(keys=keys).verify()
    key = nodes.headers["Authorization"].removeprefix("Bearer ")
    data = str(world.places.data("east", "cid"))
    for node in keys:
        if node in nodes.processes:
            nodes.wait_until(lambda node=node: nodes.learners(node) is not None)

    async def story(table, place):
        with front_door(tmp_path, table, place=place) as door:
            visitors = Visitors(door.url, key)
            await visitors.served_by("bob")
            nodes.processes["bob"].kill()
            while "bob" in visitors.served[-20:]:
                await pause(0.02)
            nodes.start("bob")
            await visitors.served_by("bob")
            assert await asyncio.to_thread(main, ["route", "drain", data, "south"]) == status.CLEAN
            while "bob" in visitors.served[-20:]:
                await pause(0.02)
            await visitors.stop()
            return visitors

    nodes.wait_until(lambda: httpx.get(f"{nodes.address('bob')}/v1/routes").status_code == 200)
    table = decode(httpx.get(f"{nodes.address('bob')}/v1/routes").content, verify)
    south = next(one for one in table.regions if one.name == "south")
    visitors = asyncio.run(story(table, (south.latitude, south.longitude)))
    assert visitors.failed == []
    nodes.wait_for(visitors.accepted, "ada", "bob", "cid")
