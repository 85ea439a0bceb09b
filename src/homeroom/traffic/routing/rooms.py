"""The regions of a world while routes are worked out: what is known of each, and what the others could still carry.

Load is counted in nodes: 1 is as much as one node can do. What was moved a moment ago does not show in the load of
those that got it, so it is counted against them until it must have come.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from homeroom.regions.world import Region
from homeroom.traffic.detection.health import Health, NodeHealth, Readiness, Verdict
from homeroom.traffic.routing.orders import About, Order, Orders
from homeroom.traffic.routing.presence import Presence

__all__ = ["Memory", "NodeAt", "RegionAt", "room_beside", "seen"]


@dataclass(frozen=True, slots=True)
class Memory:
    """What the routes before were made of: by name of node, and of region. Empty at a start."""

    nodes: Mapping[str, Presence] = field(default_factory=dict)
    regions: Mapping[str, Presence] = field(default_factory=dict)


@dataclass(slots=True)
class NodeAt:
    """A node while routes are worked out.

    ``undone`` says in words why what was ordered of it is not done, or not whole.
    """

    name: str
    http: str
    health: NodeHealth
    order: Order | None
    presence: Presence
    undone: list[str] = field(default_factory=list)

    @property
    def is_well(self) -> bool:
        """Whether it serves, as far as is known."""
        health = self.health
        return health.verdict is Verdict.FINE and health.readiness is not Readiness.NOT_READY

    @property
    def is_ordered_away(self) -> bool:
        """Whether it is to be drained."""
        return self.order is not None and self.order.leaves


@dataclass(slots=True)
class RegionAt:
    """A region while routes are worked out, at ``seen_ms``.

    ``why`` says in words what becomes of it, ``undone`` why what was ordered of it is not done, or not whole.
    """

    place: Region
    nodes: list[NodeAt]
    order: Order | None
    presence: Presence
    seen_ms: int
    why: list[str] = field(default_factory=list)
    undone: list[str] = field(default_factory=list)

    @property
    def name(self) -> str:
        """Its name."""
        return self.place.name

    @property
    def is_ordered_away(self) -> bool:
        """Whether its clients are to go elsewhere."""
        return self.order is not None and self.order.leaves

    @property
    def well(self) -> list[NodeAt]:
        """Its nodes that are well."""
        return [node for node in self.nodes if node.is_well]

    @property
    def is_well(self) -> bool:
        """Whether one of its nodes is well."""
        return any(node.is_well for node in self.nodes)

    @property
    def is_gone(self) -> bool:
        """Whether all of its nodes are confirmed to be gone."""
        return all(node.health.verdict is Verdict.CONFIRMED for node in self.nodes)

    @property
    def serves(self) -> bool:
        """Whether requests go there."""
        return self.is_well and not self.presence.is_away

    @property
    def load(self) -> float:
        """What it has to do, in nodes."""
        return sum(node.health.load for node in self.nodes)

    @property
    def mean_load(self) -> float:
        """How busy its nodes are that are well, 0 if none is."""
        well = self.well
        return sum(node.health.load for node in well) / len(well) if well else 0.0

    def room(self, limit: float) -> float:
        """Return what more it could carry up to a load of each node; less than 0 if it has more already."""
        if not self.serves:
            return 0.0
        there = [node for node in self.well if not node.presence.is_away] or self.well
        room = sum(limit - node.health.load for node in there)
        room -= sum(node.presence.pending(self.seen_ms) for node in self.nodes)
        return room * self.presence.share if room > 0 else room


def room_beside(
    regions: Iterable[RegionAt], limit: float, now_ms: int, beside: RegionAt | None = None
) -> float:
    """Return what more all regions but one could carry together, without what is on its way to them."""
    regions = list(regions)
    moving = sum(one.presence.pending(now_ms) for one in regions)
    return sum(one.room(limit) for one in regions if one is not beside) - moving


def seen(
    seen_by: tuple[Mapping[str, Region], Health], orders: Orders, memory: Memory, now_ms: int
) -> list[RegionAt]:
    """Return all regions as they are before anything is decided, in the order of the table: by tier and name.

    A node without an address is none that clients can go to.
    """
    places, health = seen_by
    # Who comes to a world that runs is let in when it has been heard; at a start nothing is known of anybody.
    begins = Presence(share=0.0) if memory.regions else Presence()
    unknown = NodeHealth(Verdict.SUSPECTED, 0, ("nothing is known of it",))
    return [
        RegionAt(
            place=place,
            nodes=[
                NodeAt(
                    name=name,
                    http=node.http,
                    health=health.get(name, unknown),
                    order=orders.of(About.NODE, name),
                    presence=memory.nodes.get(name, begins),
                )
                for name, node in sorted(place.nodes.items())
                if node.http
            ],
            order=orders.of(About.REGION, place.name),
            presence=memory.regions.get(place.name, begins),
            seen_ms=now_ms,
        )
        for place in sorted(places.values(), key=lambda one: (one.tier, one.name))
        if any(node.http for node in place.nodes.values())
    ]
