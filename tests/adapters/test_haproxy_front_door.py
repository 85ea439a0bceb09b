"""A real HAProxy before real nodes: draining fails nobody's request, and neither does a node that is killed."""

import asyncio

import httpx
import pytest

from homeroom.cli import main, status
from homeroom.client.known_world import KnownWorld
from homeroom.client.routes import decode
from homeroom.running.route_requests import OrderAsked
from homeroom.traffic.routing.orders import About, Do
from tests.cli.test_serve_world import nodes  # noqa: F401 - a fixture
from tests.front_doors import Visitors, front_door, needs_haproxy, pause
from tests.running.traffic_worlds import TrafficWorld

pytestmark = needs_haproxy


def test_draining_a_region_fails_no_request_that_comes_through_a_front_door(tmp_path, monkeypatch):
    async def story():
        async with TrafficWorld(tmp_path, monkeypatch, "a", "b") as world:
            key = await world.allow()
            await world.routes(lambda: world.table("a") is not None, "there is a table")
            with front_door(tmp_path, world.table("a"), place=(0.0, 0.0)) as url:
                visitors = Visitors(url, key, count=2)
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
        with front_door(tmp_path, table, place=place) as url:
            visitors = Visitors(url, key)
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
