"""Routing tables for tests, signed by keys that are made of their nodes' names."""

import hashlib

from homeroom.adapters.signing import NodeKey
from homeroom.client.known_world import KnownWorld
from homeroom.client.routes import NodeRoute, RegionRoute, RoutingTable, sealed

PLACES = {"east": (40.0, -75.0), "west": (37.0, -120.0), "europe": (50.0, 8.0)}


def key_of(node):
    return NodeKey(hashlib.sha256(node.encode()).digest())


def known(*nodes, **fields):
    return KnownWorld(keys={node: key_of(node).public_text for node in nodes}, **fields)


def region(name, *nodes, **fields):
    latitude, longitude = PLACES[name]
    given = {"jurisdiction": name, "latitude": latitude, "longitude": longitude, **fields}
    return RegionRoute(name=name, nodes=nodes or (node(f"{name}-1"),), **given)


def node(name, http=None, weight=1.0):
    return NodeRoute(name, f"http://{name}" if http is None else http, weight)


def table(*regions, generation=1, publisher="east-1", world="test"):
    return RoutingTable(
        world=world,
        generation=generation,
        publisher=publisher,
        made_ms=1_795_428_000_000,
        regions=regions or tuple(map(region, PLACES)),
    )


def signed(made, by=None):
    return sealed(made, key_of(by or made.publisher).sign)
