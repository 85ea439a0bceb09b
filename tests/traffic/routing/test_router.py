"""When a node makes a routing table, under which number, and what it takes from others."""

import msgspec

from homeroom import limits
from homeroom.client.routes import is_newer
from homeroom.traffic.detection.health import Readiness
from homeroom.traffic.routing.orders import About, Do, Order, Orders, write_orders
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
)
from tests.traffic.routing.scenes import GONE, SUSPECTED, WELL, Scene


class Node:
    """The router of one node, fed by a scene."""

    def __init__(self, name="east-1", kept=None, scene=None, orders=None):
        self.scene = scene or Scene()
        self.router = Router((name, "test"), kept, orders or Orders(), self.scene.now_ms)
        self.router.step(Places(self.scene.places), self.scene.now_ms)

    def go(self, ms=0):
        """Let time go on; return the tables that were made."""
        made, end_ms = [], self.scene.now_ms + ms
        while True:
            made += self.step(Healths(dict(self.scene.health), 0))
            self.router.check_invariants()
            if self.scene.now_ms >= end_ms:
                return [one.table for one in made]
            self.scene.now_ms += limits.ROUTE_TICK_MS

    def step(self, event):
        return self.router.step(event, self.scene.now_ms)


def states(table):
    return {one.name: str(one.state) for one in table.regions}


def test_a_table_is_made_when_something_in_it_is_another():
    node = Node()
    assert [table.generation for table in node.go(60_000)] == [1]
    node.scene.set("west", **SUSPECTED)
    (table,) = node.go(60_000)
    assert (table.generation, states(table)["west"]) == (2, "suspected")


def test_the_number_is_one_more_than_any_that_was_heard_of():
    node = Node()
    node.step(Heard("west-1", 41, b""))
    (table,) = node.go()
    assert table.generation == 42
    node.step(Heard("west-1", 7, b""))
    node.scene.set("west", **SUSPECTED)
    (later,) = node.go()
    assert later.generation == 43
    assert is_newer(later, table)


def test_a_number_that_no_world_comes_to_is_not_believed():
    node = Node()
    node.step(Heard("west-1", 1 << 60, b""))
    (table,) = node.go()
    assert table.generation == 1


def test_two_nodes_that_see_the_same_make_the_same_but_for_their_names():
    one, other = Node("east-1"), Node("west-1")
    (mine,), (theirs,) = one.go(), other.go()
    assert mine.regions == theirs.regions
    assert is_newer(theirs, mine) is not is_newer(mine, theirs)


def test_a_node_that_starts_waits_until_it_has_heard_the_others():
    scene = Scene()
    scene.set("west-1", readiness=Readiness.UNKNOWN)
    node = Node(scene=scene)
    assert node.go(limits.ROUTE_FIRST_MS - 1_000) == []
    scene.set("west-1", readiness=Readiness.READY)
    assert len(node.go()) == 1


def test_a_node_that_starts_makes_a_table_in_the_end_though_others_are_silent():
    scene = Scene()
    scene.set("west", readiness=Readiness.UNKNOWN, **SUSPECTED)
    (table,) = Node(scene=scene).go(limits.ROUTE_FIRST_MS)
    assert states(table)["west"] == "suspected"


def test_a_node_that_starts_again_goes_on_from_its_last_table():
    node = Node()
    node.scene.set("west", **GONE)
    (kept,) = node.go()
    again = Node(kept=kept, scene=node.scene)
    assert again.router.table is kept
    assert again.go(60_000) == []
    # What was away is not there because it was not suspected yet.
    unknown = Scene()
    unknown.set("west", readiness=Readiness.UNKNOWN)
    late = Node(kept=kept, scene=unknown)
    (table,) = late.go(limits.ROUTE_FIRST_MS)
    assert states(table)["west"] == "suspected"
    assert table.generation == kept.generation + 1
    unknown.set("west", readiness=Readiness.READY, **WELL)
    tables = late.go(limits.ROUTE_HOLD_MS)
    assert states(tables[-1])["west"] == "returning"


def test_an_order_to_return_is_heeded_once_however_often_a_node_starts():
    node = Node()
    node.step(Ordered(About.REGION, "west", Do.RETURN))
    node.go(limits.ROUTE_TICK_MS)
    node.scene.set("west", **SUSPECTED)
    kept = node.go()[-1]
    node.scene.set("west", **WELL)
    again = Node(kept=kept, scene=node.scene, orders=node.router.orders)
    again.go(limits.ROUTE_HOLD_MS // 2)
    assert states(again.router.table)["west"] == "suspected", "as long as its hold lasts"
    again.go(limits.ROUTE_HOLD_MS)
    assert states(again.router.table)["west"] == "returning"


def test_an_order_counts_here_and_is_handed_on():
    node = Node()
    node.go()
    (keep,) = node.step(Ordered(About.REGION, "west", Do.DRAIN))
    assert isinstance(keep, KeepOrders)
    (table,) = node.go()
    assert states(table)["west"] == "draining"
    other = Node("west-1")
    (heard,) = other.step(Heard("east-1", 1, write_orders(keep.orders)))
    assert heard == keep
    assert other.step(Heard("east-1", 1, write_orders(keep.orders))) == []


def test_an_old_order_does_not_come_back():
    node = Node()
    old = write_orders(Orders().given(About.REGION, "west", Do.DRAIN))
    node.step(Heard("east-2", 1, old))
    node.step(Ordered(About.REGION, "west", Do.SERVE))
    assert node.step(Heard("east-2", 1, old)) == []
    assert node.router.orders.of(About.REGION, "west").do is Do.SERVE


def test_orders_that_make_no_sense_are_refused_and_do_no_harm():
    node = Node()
    far = Orders([Order(About.REGION, "west", Do.EVACUATE, 1 << 52)])
    for body in (b"nonsense", write_orders(far)):
        (refused,) = node.step(Heard("east-2", 1, body))
        assert isinstance(refused, RefusedOrders)
    assert len(node.router.orders) == 0


def test_orders_about_nobody_are_not_kept():
    node = Node()
    nobody = Orders().given(About.REGION, "atlantis", Do.EVACUATE)
    assert node.step(Heard("east-2", 1, write_orders(nobody))) == []


def left(count):
    return Orders(Order(About.NODE, f"left-{n}", Do.DRAIN, n + 1) for n in range(count))


def test_orders_about_nodes_that_have_left_do_not_keep_out_new_ones():
    node = Node(orders=left(limits.ORDERS_MAX))
    said = write_orders(Orders([Order(About.REGION, "west", Do.DRAIN, limits.ORDERS_MAX + 1)]))
    (kept,) = node.step(Heard("west-1", 1, said))
    assert isinstance(kept, KeepOrders)
    assert [one.name for one in kept.orders] == ["west"], "which every heartbeat can carry"
    node = Node(orders=left(limits.ORDERS_MAX))
    (kept,) = node.step(Ordered(About.REGION, "west", Do.DRAIN))
    assert [one.name for one in kept.orders] == ["west"]
    assert write_orders(kept.orders)


def test_an_order_can_be_tried_and_changes_nothing():
    node = Node()
    node.go()
    before = node.router.orders, node.router.table
    routes = node.router.tried(About.REGION, "west", Do.EVACUATE, node.scene.now_ms)
    assert {one.name: str(one.state) for one in routes.regions}["west"] == "evacuated"
    assert (node.router.orders, node.router.table) == before
    assert node.go(10_000) == []


def test_a_member_that_is_taken_out_of_the_world_is_in_no_table():
    node = Node()
    node.go()
    node.scene.without("west-2")
    del node.scene.health["west-2"]
    node.step(Places(node.scene.places))
    (table,) = node.go()
    assert [
        one.name for region in table.regions for one in region.nodes if region.name == "west"
    ] == ["west-1"]


def test_tables_hold_what_readers_take():
    made = Node().go()
    assert all(isinstance(one.generation, int) and one.world == "test" for one in made)
    assert msgspec.json.decode(msgspec.json.encode(made[0]), type=type(made[0])) == made[0]
    assert isinstance(Publish(made[0]).table, type(made[0]))


def test_a_table_that_cannot_be_published_is_made_again_under_the_same_number():
    node = Node()
    (table,) = node.go()
    assert node.step(NotPublished()) == []
    assert (node.router.table, node.router.generation) == (None, 0)
    (again,) = node.go()
    assert (again.generation, again.regions) == (table.generation, table.regions)
    assert node.go(limits.ROUTE_TICK_MS) == []
