"""What one node makes of it: when a new routing table is due, under which number, and which orders it has heard.

Every node makes tables, and none waits for another: clients fetch them from whichever node answers them, and the part
of the world that they can reach is the one that matters to them. The number of a table is one more than any that its
maker has heard of (Lamport, 1978), so what was found out later, by whomever, takes the place of what is older wherever
heartbeats get through. A table is made only when something in it is another: a calm world has one for weeks.

A node that starts again begins where it was: a region that was away in its last table is away until it was heard and
well for long enough, and nothing is said before the others have been heard, or it is time. Else each start would send
clients to whatever is dead, for as long as it takes to suspect it.
"""

from collections.abc import Mapping
from typing import Annotated, Final, TypeAlias

import msgspec

from homeroom import limits
from homeroom.client.routes import LAST, RoutingTable
from homeroom.errors import MessageError
from homeroom.regions.world import Region
from homeroom.traffic.detection.health import Health, Readiness
from homeroom.traffic.routing.computing import Routes, compute
from homeroom.traffic.routing.orders import About, Do, Orders, read_orders
from homeroom.traffic.routing.presence import Presence
from homeroom.traffic.routing.rooms import Memory

__all__ = [
    "Healths",
    "Heard",
    "KeepOrders",
    "NotPublished",
    "Ordered",
    "Places",
    "Publish",
    "RefusedOrders",
    "Router",
    "RouterEffect",
    "RouterEvent",
]

_GENERATION_STEP_MAX: Final = 1_000_000_000
"""No world makes so many tables; who says so lies, and would have the last word for ever."""


class Places(msgspec.Struct, frozen=True):
    """Which regions there are from now on, each with those of its nodes that belong to the world."""

    regions: Mapping[str, Region]


class Healths(msgspec.Struct, frozen=True):
    """What is thought of all nodes now; ``wall_ms`` is the time of day, for people who look at a table."""

    health: Health
    wall_ms: int


class Heard(msgspec.Struct, frozen=True):
    """A node has said the number of the newest table that it knows, and its orders."""

    sender: str
    generation: int
    orders: bytes


class Ordered(msgspec.Struct, frozen=True):
    """An operator has given an order here."""

    about: About
    name: Annotated[str, msgspec.Meta(min_length=1, max_length=256)]
    do: Do


class NotPublished(msgspec.Struct, frozen=True):
    """The table that was to be published last cannot be: the one before it holds, and another is made."""


RouterEvent: TypeAlias = Places | Healths | Heard | Ordered | NotPublished


class Publish(msgspec.Struct, frozen=True):
    """Keep, sign and hand out a table."""

    table: RoutingTable


class KeepOrders(msgspec.Struct, frozen=True):
    """Orders are others than before: keep them, and let heartbeats carry them."""

    orders: Orders


class RefusedOrders(msgspec.Struct, frozen=True):
    """What a node said of orders was not taken, and why."""

    sender: str
    why: str


RouterEffect: TypeAlias = Publish | KeepOrders | RefusedOrders


class Router:
    """Makes the routing tables of one node.

    Parameters
    ----------
    node, world : whose it is
    kept : the last table that it made or knew, None for none
    orders : those that it kept
    now_ms : of a steady clock
    """

    def __init__(
        self, names: tuple[str, str], kept: RoutingTable | None, orders: Orders, now_ms: int
    ) -> None:
        self._node, self._world = names
        self._began_ms = now_ms
        self._places: Mapping[str, Region] = {}
        self.health: Health = {}
        self.orders = orders
        self.table = self._before = kept
        self.generation = 0 if kept is None else kept.generation
        """The greatest number of a table that was heard of."""
        self.routes: Routes | None = None
        self._memory = Memory() if kept is None else _as_it_was(kept, orders, now_ms)
        self._has_begun = False

    def step(self, event: RouterEvent, now_ms: int) -> list[RouterEffect]:
        """Take an event at a steady time in milliseconds, and return what is to be done."""
        match event:
            case Places():
                self._places = event.regions
            case Healths():
                self.health = event.health
                return self._make(event.wall_ms, now_ms)
            case Heard():
                return self._hear(event)
            case Ordered():
                self.orders = self.given(event.about, event.name, event.do)
                return [KeepOrders(self.orders)]
            case NotPublished():
                assert self.table is not self._before, "it is said at once, and once"
                self.table = self._before
                self.generation -= 1
        return []

    def given(self, about: About, name: str, do: Do) -> Orders:
        """Return the orders that there would be with one more; nothing changes."""
        return self._bounded(self.orders.given(about, name, do))

    def _bounded(self, orders: Orders) -> Orders:
        """Return orders without those about nodes and regions that have left, where they are too many with them.

        Else a world in which nodes are drained, leave and are replaced could be given no order after some years.
        """
        if len(orders) <= limits.ORDERS_MAX:
            return orders
        return orders.among(self.nodes, self._places)

    def tried(self, about: About, name: str, do: Do, now_ms: int) -> Routes:
        """Return the routes that would follow from an order; nothing changes."""
        orders = self.given(about, name, do)
        return compute((self._places, self.health), orders, self._memory, now_ms)

    def is_away(self, about: About, name: str) -> bool:
        """Say whether a node or region gets no clients now."""
        known = self._memory.nodes if about is About.NODE else self._memory.regions
        return name in known and known[name].is_away

    @property
    def places(self) -> Mapping[str, Region]:
        """Which regions there are."""
        return self._places

    @property
    def nodes(self) -> set[str]:
        """The names of all their nodes."""
        return {name for place in self._places.values() for name in place.nodes}

    def check_invariants(self) -> None:
        """Assert what must hold between steps."""
        assert self.table is None or self.table.generation <= self.generation
        if self.routes is not None and self.routes.regions:
            assert any(one.weight > 0 for one in self.routes.regions), "somewhere to go"
            assert all(any(node.weight > 0 for node in one.nodes) for one in self.routes.regions)

    def _hear(self, event: Heard) -> list[RouterEffect]:
        if event.generation <= self.generation + _GENERATION_STEP_MAX:
            self.generation = max(self.generation, event.generation)
        if not event.orders:
            return []
        try:
            said = read_orders(event.orders, self.orders)
        except MessageError as error:
            return [RefusedOrders(event.sender, str(error))]
        joined = self._bounded(self.orders.joined(said.among(self.nodes, self._places)))
        if joined == self.orders:
            return []
        self.orders = joined
        return [KeepOrders(joined)]

    def _make(self, wall_ms: int, now_ms: int) -> list[RouterEffect]:
        if not self._may_begin(now_ms):
            return []
        self.routes = compute((self._places, self.health), self.orders, self._memory, now_ms)
        self._memory = self.routes.memory
        regions = self.routes.regions
        if not regions or (self.table is not None and self.table.regions == regions):
            return []
        self.generation += 1
        self._before = self.table
        self.table = RoutingTable(
            world=self._world,
            generation=self.generation,
            publisher=self._node,
            made_ms=wall_ms,
            regions=regions,
        )
        return [Publish(self.table)]

    def _may_begin(self, now_ms: int) -> bool:
        """Say whether enough is known: every node was heard, or it is time to go without those that were not."""
        if not self._has_begun:
            nodes = self.nodes
            heard = {
                name
                for name, one in self.health.items()
                if one.readiness is not Readiness.UNKNOWN or name == self._node
            }
            is_time = now_ms - self._began_ms >= limits.ROUTE_FIRST_MS
            self._has_begun = bool(nodes) and (nodes <= heard or is_time)
        return self._has_begun


def _as_it_was(table: RoutingTable, orders: Orders, now_ms: int) -> Memory:
    """Return what a table says of who is away, for a node that starts again with it.

    The orders that it kept were heeded before: what was ordered back once does not come back without a hold again.
    """

    def presence(about: About, name: str, share: float, stepped_ms: int) -> Presence:
        order = orders.of(about, name)
        stamp, is_away = 0 if order is None else order.stamp, share <= 0
        return Presence(
            share=share, falls=int(is_away), is_cold=is_away, stepped_ms=stepped_ms, stamp=stamp
        )

    return Memory(
        {
            node.name: presence(About.NODE, node.name, float(node.weight > 0), 0)
            for region in table.regions
            for node in region.nodes
        },
        {
            region.name: presence(About.REGION, region.name, 0.0, 0)
            if region.state in LAST
            else presence(
                About.REGION,
                region.name,
                max(min(region.weight, 1.0), limits.ROUTE_SHARE_MIN),
                now_ms,
            )
            for region in table.regions
        },
    )
