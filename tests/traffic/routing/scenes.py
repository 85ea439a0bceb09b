"""Worlds for tests of routes: places, what is thought of their nodes, and time that goes on."""

from dataclasses import replace

import msgspec

from homeroom.regions.world import Region, RegionNode
from homeroom.traffic.detection.health import NodeHealth, Readiness, Verdict
from homeroom.traffic.routing.computing import compute
from homeroom.traffic.routing.orders import Orders
from homeroom.traffic.routing.rooms import Memory

GONE = {"verdict": Verdict.CONFIRMED, "why": ("a majority could not reach it",)}
SUSPECTED = {"verdict": Verdict.SUSPECTED, "why": ("silent for 1.2 s",)}
WELL = {"verdict": Verdict.FINE, "why": ()}

_PLACES = {
    "east": (38.9, -77.4, "us"),
    "west": (45.6, -121.2, "us"),
    "europe": (50.1, 8.7, "eu"),
    "asia": (1.4, 103.8, "sg"),
}


def places(*names, nodes=2):
    """Return regions by name, each with some nodes: east-1, east-2."""
    found = {}
    for name in names or _PLACES:
        latitude, longitude, law = _PLACES[name]
        found[name] = Region(
            name=name,
            latitude=latitude,
            longitude=longitude,
            jurisdiction=law,
            nodes={
                f"{name}-{n}": RegionNode(key="", http=f"https://{name}-{n}.example:8443")
                for n in range(1, nodes + 1)
            },
        )
    return found


class Scene:
    """Routes of a world as time goes on; all nodes are well and idle at first."""

    def __init__(self, *names, nodes=2):
        self.places = places(*names, nodes=nodes)
        self.now_ms = 1_000_000
        self.orders, self.memory = Orders(), Memory()
        self.health = {
            node: NodeHealth(Verdict.FINE, 0, readiness=Readiness.READY)
            for place in self.places.values()
            for node in place.nodes
        }
        self.routes = None
        self.go()

    def set(self, *names, **fields):
        """Change what is thought of nodes, or of all nodes of regions."""
        for node in self.health:
            if node in names or node.rsplit("-", 1)[0] in names:
                self.health[node] = msgspec.structs.replace(self.health[node], **fields)
        return self

    def order(self, about, name, do):
        self.orders = self.orders.given(about, name, do)
        return self

    def go(self, ms=0, step_ms=500):
        """Let time go on, and routes be worked out; return them."""
        end_ms = self.now_ms + ms
        while True:
            found = compute((self.places, self.health), self.orders, self.memory, self.now_ms)
            self.routes, self.memory = found, found.memory
            if self.now_ms >= end_ms:
                return found
            self.now_ms += step_ms

    def region(self, name):
        return next(one for one in self.routes.regions if one.name == name)

    def state(self, name):
        """Return state and share of a region."""
        region = self.region(name)
        return str(region.state), region.weight

    def weights(self, name):
        return {node.name: node.weight for node in self.region(name).nodes}

    def without(self, node):
        """Take a node out of its region."""
        name = node.rsplit("-", 1)[0]
        place = self.places[name]
        nodes = {n: one for n, one in place.nodes.items() if n != node}
        self.places[name] = replace(place, nodes=nodes)
