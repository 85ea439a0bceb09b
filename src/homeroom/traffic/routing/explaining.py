"""Why a client goes where it goes, and what an order would move: as data, and in words for people.

Both are read from the very routes that were computed, with the reasons that were noted there: an explanation that
worked it out a second time would agree with the table until it matters.
"""

from collections.abc import Collection, Mapping, Sequence

import msgspec

from homeroom import limits
from homeroom.client.routes import LAST, RegionRoute, RouteState
from homeroom.distance import km_between
from homeroom.regions.world import Region
from homeroom.traffic.detection.health import Health
from homeroom.traffic.routing.computing import Routes
from homeroom.traffic.routing.orders import About

__all__ = ["Explanation", "Moved", "Rehearsal", "Stop", "explained", "rehearsed"]


class Stop(msgspec.Struct, frozen=True, kw_only=True):
    """A region on a client's list.

    Parameters
    ----------
    region, jurisdiction, state : as in the table
    km : how far it is along the great circle, None if nobody said where the client is
    share : of clients like this one that go there first
    nodes : by name of the node its address and its weight, the heaviest first
    why : in words, why not all go there; of the region, then of its nodes
    """

    region: str
    jurisdiction: str
    state: RouteState
    km: float | None
    share: float
    nodes: tuple[tuple[str, str, float], ...]
    why: tuple[str, ...] = ()


class Explanation(msgspec.Struct, frozen=True, kw_only=True):
    """Where a client goes: regions in the order in which it tries them, and those that its tenant's data may not go to.

    Parameters
    ----------
    stops : in order
    barred : regions outside of those that the tenant is pinned to
    """

    stops: tuple[Stop, ...]
    barred: tuple[str, ...] = ()


class Moved(msgspec.Struct, frozen=True, kw_only=True):
    """What a region would have to do: load of its nodes before and then, in nodes; ``size`` is how many serve."""

    region: str
    size: int
    load_before: float
    load_then: float


class Rehearsal(msgspec.Struct, frozen=True, kw_only=True):
    """What an order would do.

    Parameters
    ----------
    states : of regions for which it changes, what it is now, would be, and the share of its clients that it would get
    moved : what each region would have to do
    left_over : what nobody has room for, in nodes
    alone : jurisdictions in which nothing would serve any more: tenants that are pinned there go on to what was drained
    why : in words, why not all of it is done at once
    """

    states: tuple[tuple[str, RouteState, RouteState, float], ...]
    moved: tuple[Moved, ...]
    left_over: float = 0.0
    alone: tuple[str, ...] = ()
    why: tuple[str, ...] = ()

    @property
    def is_carried(self) -> bool:
        """Whether the rest can carry it."""
        return self.left_over <= 0 and not self.why


def explained(
    routes: Routes,
    place: tuple[float, float] | None,
    open_to: Collection[str] | None = None,
) -> Explanation:
    """Say where a client goes.

    Parameters
    ----------
    routes : where requests go
    place : where it is, in degrees north and east; None if nobody said
    open_to : regions in which its tenant's data are taken, None for all
    """

    def distance(region: RegionRoute) -> float:
        return 0.0 if place is None else km_between(place, (region.latitude, region.longitude))

    def order(region: RegionRoute) -> tuple[int, float]:
        return LAST.get(region.state, 0), distance(region)

    may = [one for one in routes.regions if open_to is None or one.name in open_to]
    stops: list[Stop] = []
    rest = 1.0
    for region in sorted(may, key=order):
        share = rest * (0.0 if region.state in LAST else min(region.weight, 1.0))
        rest -= share
        stops.append(
            Stop(
                region=region.name,
                jurisdiction=region.jurisdiction,
                state=region.state,
                km=None if place is None else round(distance(region)),
                share=round(share, 4),
                nodes=tuple(
                    (node.name, node.http, node.weight)
                    for node in sorted(region.nodes, key=lambda one: -one.weight)
                ),
                why=_reasons(routes, region),
            )
        )
    if stops:
        # Who is sent on by every region goes to the first nevertheless.
        stops[0] = msgspec.structs.replace(stops[0], share=round(stops[0].share + rest, 4))
    barred = tuple(one.name for one in routes.regions if one not in may)
    return Explanation(stops=tuple(stops), barred=barred)


def _reasons(routes: Routes, region: RegionRoute) -> tuple[str, ...]:
    return (
        *routes.why.get((About.REGION, region.name), ()),
        *(
            f"{node.name}: {why}"
            for node in region.nodes
            for why in routes.why.get((About.NODE, node.name), ())
        ),
    )


def rehearsed(places: Mapping[str, Region], health: Health, now: Routes, then: Routes) -> Rehearsal:
    """Say what it would take to go from the routes that there are to others, which an order would lead to."""
    before = {one.name: one for one in now.regions}
    loads = {one.name: _load(one, health) for one in now.regions}
    sizes = {one.name: sum(node.weight > 0 for node in one.nodes) for one in then.regions}
    filled, left_over = dict(loads), 0.0
    for region in then.regions:
        was = before.get(region.name, region)
        if not was.weight or region.weight >= was.weight:
            continue
        going = loads[region.name] * (1 - region.weight / was.weight)
        filled[region.name] -= going
        near = [one for one in then.regions if one.state not in LAST and one.name != region.name]
        near.sort(key=lambda one: places[region.name].km_to(places[one.name]))
        left_over += _poured(going, near, sizes, filled)
    served = {one.jurisdiction for one in then.regions if one.state not in LAST}
    return Rehearsal(
        states=tuple(
            (one.name, before.get(one.name, one).state, one.state, one.weight)
            for one in then.regions
            if _stands(before.get(one.name)) != _stands(one)
        ),
        moved=tuple(
            Moved(
                region=one.name,
                size=sizes[one.name],
                load_before=round(loads.get(one.name, 0.0), 3),
                load_then=round(filled.get(one.name, 0.0), 3),
            )
            for one in then.regions
        ),
        left_over=round(left_over, 3),
        alone=tuple(sorted({one.jurisdiction for one in then.regions} - served)),
        why=tuple(
            f"{name}: {why}" for (_, name), reasons in then.undone.items() for why in reasons
        ),
    )


def _stands(region: RegionRoute | None) -> tuple[object, ...]:
    return () if region is None else (region.state, region.weight)


def _load(region: RegionRoute, health: Health) -> float:
    return sum(health[node.name].load for node in region.nodes if node.name in health)


def _poured(
    going: float, near: Sequence[RegionRoute], sizes: Mapping[str, int], filled: dict[str, float]
) -> float:
    """Give a load to regions, the nearest first, each up to what it can do; return what is left over."""
    for region in near:
        room = sizes[region.name] * limits.ROUTE_FULL_LOAD - filled[region.name]
        taken = min(max(room, 0.0), going)
        filled[region.name] += taken
        going -= taken
    return max(going, 0.0)
