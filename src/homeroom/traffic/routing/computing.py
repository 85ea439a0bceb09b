"""From health, places and orders to routes: how much of its clients every region gets, and each node of it.

Everything here errs on the side of having somewhere to go. A region that is not well loses its clients at once, since
that is taken back in a moment. It leaves the world only where all of its nodes are confirmed to be gone and the others
can carry what it had. What operators order is done as far as the others have room, a part at a time. If nothing is left
that serves, what was drained serves again, and else whoever is only suspected: a table with nowhere to go is of no use,
and a vantage point that believes everybody dead is more likely to be wrong about itself.

The same input gives the same routes, and nothing moves because time passes but holds that are over and returns by
degrees. The way not taken is an optimum over all regions and loads: it moves many clients for small gains, and nobody
can say why it did.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import msgspec

from homeroom import limits
from homeroom.client.routes import NodeRoute, RegionRoute, RouteState
from homeroom.regions.world import Region
from homeroom.traffic.detection.health import Health, Readiness
from homeroom.traffic.routing import presence as steps
from homeroom.traffic.routing.orders import About, Do, Order, Orders
from homeroom.traffic.routing.presence import Presence
from homeroom.traffic.routing.rooms import Memory, NodeAt, RegionAt, room_beside, seen

__all__ = ["Routes", "compute"]

_SHARE_STEP: Final = 0.05
_WEIGHT_STEP: Final = 0.25


@dataclass(frozen=True, slots=True, kw_only=True)
class Routes:
    """Where requests go.

    Attributes
    ----------
    regions : for the table
    memory : for the next time
    why : in words, by kind and name, why a region or node does not get all of its clients; nothing if it does
    undone : likewise, why what was ordered is not done, or not whole
    drained : nodes that are emptied by order: they say so at ``/health/ready``
    """

    regions: tuple[RegionRoute, ...]
    memory: Memory
    why: Mapping[tuple[About, str], tuple[str, ...]]
    undone: Mapping[tuple[About, str], tuple[str, ...]]
    drained: frozenset[str]


def compute(
    seen_by: tuple[Mapping[str, Region], Health], orders: Orders, memory: Memory, now_ms: int
) -> Routes:
    """Return the routes that follow from the ones before.

    Parameters
    ----------
    seen_by : all regions, each with those of its nodes that belong to the world, and what is thought of these
    orders : of operators
    memory : of the routes before, empty at a start
    now_ms : of a steady clock
    """
    regions = seen(seen_by, orders, memory, now_ms)
    for region in regions:
        _heed(region)
        _fall_and_return(region, now_ms)
    _take_out(regions, now_ms)
    _leave_by_order(regions, now_ms)
    _drain_nodes(regions, now_ms)
    for region in regions:
        _flow(region, regions, now_ms)
    promoted = _promoted(regions)
    return Routes(
        regions=tuple(_route(region, region in promoted) for region in regions),
        memory=Memory(
            {node.name: node.presence for region in regions for node in region.nodes},
            {region.name: region.presence for region in regions},
        ),
        why=_why(regions, now_ms),
        undone=_undone(regions),
        drained=frozenset(
            node.name
            for region in regions
            if region not in promoted
            for node in region.nodes
            if _is_drained(region, node)
        ),
    )


def _heed(region: RegionAt) -> None:
    """Let what is ordered back come without a hold, once for each such order."""
    region.presence = _heeding(region.presence, region.order)
    for node in region.nodes:
        node.presence = _heeding(node.presence, node.order)
    well = region.well
    if well and all(node.is_ordered_away for node in well) and not region.is_ordered_away:
        # All that serve are to be emptied: that is the region.
        stamp = max(node.order.stamp for node in well if node.order is not None)
        region.order = Order(About.REGION, region.name, Do.DRAIN, stamp)


def _heeding(presence: Presence, order: Order | None) -> Presence:
    if order is None or order.stamp <= presence.stamp:
        return presence
    falls = presence.falls if order.leaves else 0
    return msgspec.structs.replace(presence, stamp=order.stamp, falls=falls)


def _fall_and_return(region: RegionAt, now_ms: int) -> None:
    """Have region and nodes fall that are not well, and those come back that are and were not ordered away."""
    if not region.is_well:
        region.presence = steps.fallen(region.presence, region.load, now_ms)
    elif not region.is_ordered_away:
        is_known = any(node.health.readiness is Readiness.READY for node in region.well)
        region.presence = _back(region.presence, region.mean_load, now_ms, is_known)
    for node in region.nodes:
        if not node.is_well:
            node.presence = steps.fallen(node.presence, node.health.load, now_ms)
        elif not (node.is_ordered_away or region.is_ordered_away):
            is_known = node.health.readiness is Readiness.READY
            node.presence = _back(node.presence, node.health.load, now_ms, is_known)


def _back(presence: Presence, load: float, now_ms: int, is_known: object) -> Presence:
    if not presence.is_away:
        return steps.grown(presence, load, now_ms)
    return steps.returned(presence, now_ms) if is_known else presence


def _take_out(regions: list[RegionAt], now_ms: int) -> None:
    """Take regions out of the world that are confirmed to be gone, as far as the others carry what these had."""
    for region in regions:
        is_out = region.is_gone and region.presence.is_out
        if region.is_gone and not is_out:
            room = room_beside(regions, 1.0, now_ms)
            is_out = room >= 0 and any(one.serves for one in regions)
            if not is_out:
                region.why.append("gone, but the others cannot carry what it had")
        is_cold = is_out or region.presence.is_cold
        region.presence = msgspec.structs.replace(region.presence, is_out=is_out, is_cold=is_cold)


def _leave_by_order(regions: list[RegionAt], now_ms: int) -> None:
    """Send the clients of regions elsewhere that are ordered away, as far as there is room for them."""
    ordered = [one for one in regions if one.is_ordered_away and one.serves]
    for region in sorted(ordered, key=lambda one: (one.order.stamp if one.order else 0, one.name)):
        presence, load = region.presence, region.load
        if not any(one.serves for one in regions if one is not region):
            region.undone.append("nothing else serves, so it keeps its clients")
            continue
        room = max(room_beside(regions, limits.ROUTE_FULL_LOAD, now_ms, region), 0.0)
        if load <= room:
            region.presence = steps.left(presence, 0.0, load, now_ms)
            continue
        region.undone.append(
            f"the others have room for {room:.1f} of its {load:.1f} busy nodes now"
        )
        if now_ms - presence.stepped_ms >= limits.ROUTE_SHIFT_MS:
            share = math.ceil(presence.share * (1 - room / load) / _SHARE_STEP) * _SHARE_STEP
            moved = load * (1 - share / presence.share)
            region.presence = steps.left(presence, round(share, 6), moved, now_ms)


def _drain_nodes(regions: list[RegionAt], now_ms: int) -> None:
    """Empty nodes that are ordered away, while others of their region serve and there is room."""
    for region in regions:
        ordered = [node for node in region.well if node.is_ordered_away]
        for node in sorted(
            ordered, key=lambda one: (one.order.stamp if one.order else 0, one.name)
        ):
            if node.presence.is_away:
                continue
            staying = [one for one in region.well if one is not node and not one.presence.is_away]
            room = sum(limits.ROUTE_FULL_LOAD - one.health.load for one in staying)
            room += room_beside(regions, limits.ROUTE_FULL_LOAD, now_ms, region)
            has_left = region.is_ordered_away and region.presence.is_away
            if has_left or (staying and node.health.load <= max(room, 0.0)):
                node.presence = steps.left(node.presence, 0.0, node.health.load, now_ms)
            else:
                node.undone.append(
                    "the others have no room for what it does, so it keeps its clients"
                )


def _flow(region: RegionAt, regions: list[RegionAt], now_ms: int) -> None:
    """Have a busy region send a part of its clients on before it must turn them away, and take them back after."""
    for node in region.nodes:
        _weigh(node, now_ms)
    presence, load = region.presence, region.mean_load
    if not region.serves or now_ms - presence.flowed_ms < limits.ROUTE_SHIFT_MS:
        return
    flow, has = presence.flow, load * len(region.well)
    if load > limits.ROUTE_FULL_LOAD:
        room = room_beside(regions, limits.ROUTE_GOOD_LOAD, now_ms, region)
        most = flow * (1 - max(min(room / has, 1.0), 0.0))
        wanted = max(flow * limits.ROUTE_GOOD_LOAD / load, most, limits.ROUTE_SHARE_MIN)
        flow = math.ceil(wanted / _SHARE_STEP - 1e-9) * _SHARE_STEP
        if flow >= presence.flow:
            region.why.append("busy, and the others have no room")
            return
    elif load < limits.ROUTE_GOOD_LOAD and flow < 1:
        flow = min(1.0, flow + _SHARE_STEP)
    else:
        return
    moved = has * max(1 - flow / presence.flow, 0.0)
    region.presence = msgspec.structs.replace(
        presence, flow=round(flow, 6), flowed_ms=now_ms, left_load=moved, moved_ms=now_ms
    )


def _weigh(node: NodeAt, now_ms: int) -> None:
    """Give a node its weight among those of its region: a busy one gets less, and small changes move nobody."""
    presence = node.presence
    weight = min(max(1.25 - node.health.load, _WEIGHT_STEP), 1.0)
    is_time = now_ms - presence.flowed_ms >= limits.ROUTE_SHIFT_MS
    if is_time and abs(weight - presence.weight) > 0.8 * _WEIGHT_STEP:
        weight = round(weight / _WEIGHT_STEP) * _WEIGHT_STEP
        node.presence = msgspec.structs.replace(presence, weight=weight, flowed_ms=now_ms)


# --- what comes of it ------------------------------------------------------------------------------------------------


def _promoted(regions: list[RegionAt]) -> list[RegionAt]:
    """Return those that serve because nothing else does: the least bad ones."""
    if any(one.serves for one in regions):
        return []
    kinds: dict[int, list[RegionAt]] = {}
    for region in regions:
        if region.is_well:
            order = region.order if region.is_ordered_away else None
            kind = 0 if order is None else 1 + (order.do is Do.EVACUATE)
        else:
            kind = 4 if region.is_gone else 3
        kinds.setdefault(kind, []).append(region)
    found = kinds[min(kinds)] if kinds else []
    for region in found:
        region.why.append("nothing else serves")
    return found


def _is_drained(region: RegionAt, node: NodeAt) -> bool:
    if region.is_ordered_away and region.presence.is_away:
        return True
    return node.is_ordered_away and node.presence.is_away


def _state(region: RegionAt) -> RouteState:
    presence, order = region.presence, region.order
    if presence.is_away and order is not None and order.leaves:
        state = RouteState.DRAINING if order.do is Do.DRAIN else RouteState.EVACUATED
    elif presence.is_out:
        state = RouteState.EVACUATED
    elif not region.serves:
        state = RouteState.SUSPECTED
    elif presence.share < 1 and not region.is_ordered_away:
        state = RouteState.RETURNING
    else:
        state = RouteState.SERVING
    return state


def _route(region: RegionAt, is_promoted: object) -> RegionRoute:
    place, presence = region.place, region.presence
    state, weight = _state(region), presence.share * presence.flow
    if is_promoted:
        state, weight = RouteState.SERVING, 1.0
    return RegionRoute(
        name=place.name,
        latitude=place.latitude,
        longitude=place.longitude,
        jurisdiction=place.jurisdiction,
        state=state,
        weight=round(weight, 4),
        nodes=tuple(
            NodeRoute(node.name, node.http, weight)
            for node, weight in zip(region.nodes, _weights(region), strict=True)
        ),
    )


def _weights(region: RegionAt) -> list[float]:
    """Return the weights of its nodes; where none would have any, those that are well have, or all."""
    weights = [
        round(node.presence.share * node.presence.weight, 4) if node.is_well else 0.0
        for node in region.nodes
    ]
    if not any(weights):
        weights = [float(node.is_well) for node in region.nodes]
    return weights if any(weights) else [1.0 for _ in region.nodes]


def _why(regions: list[RegionAt], now_ms: int) -> dict[tuple[About, str], tuple[str, ...]]:
    found: dict[tuple[About, str], tuple[str, ...]] = {}
    for region in regions:
        said = [*_of_order(region.order), *region.undone, *region.why]
        if not region.is_well:
            said.append("none of its nodes is well")
        said += _of_presence(region.presence, now_ms)
        if region.serves and region.presence.flow < 1:
            said.append(f"busy ({region.mean_load:.0%}), so others take a part of its clients")
        found[About.REGION, region.name] = tuple(said)
        for node in region.nodes:
            of_node = [*_of_order(node.order), *node.undone, *node.health.why]
            of_node += _of_presence(node.presence, now_ms)
            found[About.NODE, node.name] = tuple(of_node)
    return {what: why for what, why in found.items() if why}


def _undone(regions: list[RegionAt]) -> dict[tuple[About, str], tuple[str, ...]]:
    found = {(About.REGION, region.name): tuple(region.undone) for region in regions}
    found |= {(About.NODE, n.name): tuple(n.undone) for region in regions for n in region.nodes}
    return {what: why for what, why in found.items() if why}


def _of_order(order: Order | None) -> list[str]:
    if order is None or not order.leaves:
        return []
    done = "drained" if order.do is Do.DRAIN else "evacuated"
    return [f"it is to be {done} (order {order.stamp})"]


def _of_presence(presence: Presence, now_ms: int) -> list[str]:
    said = []
    held_ms = presence.held_ms(now_ms)
    if held_ms:
        # Away is all that is known of a first fall: who has just started may never have seen it otherwise.
        why = "it was away" if presence.falls <= 1 else f"it fell {presence.falls} times in a row"
        well_s = (now_ms - presence.well_ms) / 1_000
        said.append(f"well for {well_s:.0f} s, and held for {held_ms / 1_000:.0f} s more: {why}")
    if 0 < presence.share < 1:
        said.append(f"gets {presence.share:.0%} of its clients for now")
    return said
