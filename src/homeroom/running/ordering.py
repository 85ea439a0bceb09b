"""What operators ask of a node about routes, and order there; every node takes orders, and all heed them.

An order is looked at before it is given: what it would move, and whether the others can carry it. That is told with
every order, and is all that a rehearsal does.
"""

from collections.abc import Callable

import msgspec

from homeroom.errors import ControlError
from homeroom.log.control import Control
from homeroom.running.route_requests import OrderAsked, RoutesAsked, RoutesTold, Undoes
from homeroom.traffic.routing.explaining import explained, rehearsed
from homeroom.traffic.routing.orders import About, Do, write_orders
from homeroom.traffic.routing.router import Ordered, Router

__all__ = ["Ordering"]


class Ordering:
    """Answers what is asked about the routes of a node; in its event loop.

    Parameters
    ----------
    of : the name of the node, and what makes its routes
    document : returns the table as it is handed out
    give : has an order counted, and routes worked out by it
    control : returns what was stated
    steady_ms : a clock that nobody sets
    """

    def __init__(
        self,
        of: tuple[str, Router],
        document: Callable[[], bytes],
        give: Callable[[Ordered], None],
        control: Callable[[], Control],
        steady_ms: Callable[[], int],
    ) -> None:
        self._node, self._router = of
        self._document, self._give = document, give
        self._control, self._steady_ms = control, steady_ms

    def asked(self, asked: RoutesAsked | OrderAsked) -> RoutesTold:
        """Say where requests go, or take an order. Raises `ControlError` if it is about nothing that there is."""
        if isinstance(asked, OrderAsked):
            return self._ordered(asked)
        told = self._all_told()
        routes = self._router.routes
        if routes is None or not (asked.place or asked.region or asked.tenant):
            return told
        place = asked.place or self._place_of(asked.region)
        found = explained(routes, place, self._open_to(asked.tenant))
        return msgspec.structs.replace(told, explanation=found)

    def _all_told(self) -> RoutesTold:
        routes = self._router.routes
        return RoutesTold(
            node=self._node,
            document=self._document(),
            verdicts={
                name: (one.verdict.name.lower(), one.load, self._why(About.NODE, name) or one.why)
                for name, one in self._router.health.items()
            },
            why={
                one.name: self._why(About.REGION, one.name)
                for one in (() if routes is None else routes.regions)
            },
            orders=tuple(self._router.orders),
        )

    def _why(self, about: About, name: str) -> tuple[str, ...]:
        routes = self._router.routes
        return () if routes is None else routes.why.get((about, name), ())

    def _place_of(self, region: str) -> tuple[float, float] | None:
        if not region:
            return None
        found = self._router.places.get(region)
        if found is None:
            there = ", ".join(sorted(self._router.places))
            raise ControlError(f"there is no region {region[:80]!r}; there are: {there}")
        return found.latitude, found.longitude

    def _open_to(self, tenant: str) -> set[str] | None:
        """Return the regions in which a tenant's data are taken; None for all."""
        terms = self._control().tenants.get(tenant) if tenant else None
        if tenant and terms is None:
            raise ControlError(f"there is no tenant {tenant[:80]!r}")
        if terms is None or not (terms.regions or terms.jurisdiction):
            return None
        return {
            name
            for name, place in self._router.places.items()
            if (not terms.regions or name in terms.regions)
            and terms.jurisdiction in ("", place.jurisdiction)
        }

    def _ordered(self, asked: OrderAsked) -> RoutesTold:
        about = self._about(asked)
        now, places = self._router.routes, self._router.places
        if now is None:
            raise ControlError(
                "this node has just started, and has no routes yet; ask again in a moment"
            )
        then = self._router.tried(about, asked.name, asked.do, self._steady_ms())
        found = rehearsed(places, self._router.health, now, then)
        undoes = self._undoes(about, asked)
        if not asked.is_rehearsal and undoes is not Undoes.NOTHING:
            write_orders(self._router.given(about, asked.name, asked.do))  # raises if too many
            self._give(Ordered(about, asked.name, asked.do))
        return msgspec.structs.replace(
            self._all_told(), rehearsal=found, about=about, undoes=undoes
        )

    def _undoes(self, about: About, asked: OrderAsked) -> Undoes | None:
        if asked.do not in (Do.SERVE, Do.RETURN):
            return None
        order = self._router.orders.of(about, asked.name)
        if order is not None and order.leaves:
            return Undoes.ORDER
        is_away = self._router.is_away(about, asked.name)
        return Undoes.ABSENCE if is_away else Undoes.NOTHING

    def _about(self, asked: OrderAsked) -> About:
        places, nodes = self._router.places, self._router.nodes
        found = [
            about
            for about, names in ((About.NODE, nodes), (About.REGION, set(places)))
            if asked.name in names and asked.about in (None, about)
        ]
        if not found:
            raise ControlError(self._not_there(asked))
        if len(found) > 1:
            raise ControlError(
                f"{asked.name} is a region and a node; say which with --region or --node"
            )
        return found[0]

    def _not_there(self, asked: OrderAsked) -> str:
        """Return why nothing can be ordered about a name: a list of both kinds helps nobody who has to name one."""
        known = {About.REGION: sorted(self._router.places), About.NODE: sorted(self._router.nodes)}
        wanted = [about for about in known if asked.about in (None, about)]
        there = "; ".join(f"{about}s: {', '.join(known[about])}" for about in wanted)
        other = [about for about in known if about not in wanted and asked.name in known[about]]
        hint = f" (a {other[0]} is called so)" if other else ""
        return f"there is no {' or '.join(wanted)} {asked.name[:80]!r}{hint}; there are {there}"
