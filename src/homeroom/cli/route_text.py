"""Routes, explanations and rehearsals in words, as wide as the terminal is."""

import shutil
import textwrap
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from homeroom.cli.repository_options import instant_text
from homeroom.cli.terminal.wording import clean, plural
from homeroom.errors import ControlError

if TYPE_CHECKING:
    from homeroom.client.routes import RoutingTable
    from homeroom.running.route_requests import OrderAsked, RoutesTold
    from homeroom.traffic.routing.explaining import Rehearsal, Stop
    from homeroom.traffic.routing.orders import Order

__all__ = ["explanation_lines", "rehearsal_lines", "table_lines", "table_of"]


def table_of(told: "RoutesTold") -> "RoutingTable":
    """Return the routing table that a node told of. Raises `ControlError` if it has none yet."""
    from homeroom.client import routes

    if not told.document:
        raise ControlError(
            f"{told.node} has no routing table: it has just started, no node has an address for clients, or it does "
            "not belong to the world any more"
        )
    # It came over the socket of the node's own directory, which only its owner reads: nobody else's word is in it.
    return routes.decode(told.document, lambda _node, _digest, _signature: True)


def table_lines(told: "RoutesTold") -> list[str]:
    """Return a routing table, a line a region and one a node, with why not all go there."""
    table = table_of(told)
    made = instant_text(table.made_ms)
    out = [
        f"Routing table {table.generation} of world {table.world}, made by {table.publisher} at {made}"
    ]
    width = max(
        len(one)
        for region in table.regions
        for one in (region.name, *(node.name for node in region.nodes))
    )
    for region in table.regions:
        out.append("")
        share = "" if region.weight in (0.0, 1.0) else f", {region.weight:.0%} of its clients"
        out.append(f"{region.name:<{width + 2}}  {region.state}{share}")
        out += _indented(told.why.get(region.name, ()), 4)
        for node in region.nodes:
            verdict, load, why = told.verdicts.get(node.name, ("unknown", 0.0, ()))
            said = {"fine": "well", "confirmed": "gone"}.get(verdict, verdict)
            weight = "" if node.weight == 1 else f", weight {node.weight:g}"
            out.append(f"  {node.name:<{width}}  {said}, load {load:.2f}{weight}  {node.http}")
            out += _indented(why, 6)
    if told.orders:
        out += ["", "Orders:"]
        out += _orders(told.orders)
    return [clean(line) for line in out]


def explanation_lines(told: "RoutesTold", client: str) -> list[str]:
    """Return where a client goes, and why: region by region in the order in which it tries them."""
    if told.explanation is None:
        table_of(told)  # raises if there is none
        raise ControlError(
            f"{told.node} has just started, and has no routes yet; ask again in a moment"
        )
    stops = told.explanation.stops
    if not stops:
        return [
            "Nowhere: its tenant is pinned to a place in which no node serves.",
            *_indented([f"not to {', '.join(told.explanation.barred)}"], 2),
        ]
    first = [one for one in stops if one.share > 0]
    goes = " and ".join(
        one.region if one.share == 1 else f"{one.region} ({one.share:.0%})" for one in first
    )
    out = [f"A client at {client} goes to {goes}."]
    for number, stop in enumerate(stops, 1):
        out.append("")
        out += _stop_lines(number, stop)
    if told.explanation.barred:
        out += [
            "",
            *_wrapped(
                f"Its tenant's data are not taken in {', '.join(told.explanation.barred)}.", 0
            ),
        ]
    return [clean(line) for line in out]


def _stop_lines(number: int, stop: "Stop") -> Iterator[str]:
    far = "" if stop.km is None else f", {stop.km:,.0f} km"
    share = f", {stop.share:.0%} of such clients" if 0 < stop.share < 1 else ""
    yield f"{number}. {stop.region} ({stop.jurisdiction}{far}): {stop.state}{share}"
    yield from _indented(stop.why, 5)
    for name, http, weight in stop.nodes:
        yield f"   {name}  {http}" + ("" if weight == 1 else f"  weight {weight:g}")


def rehearsal_lines(told: "RoutesTold", asked: "OrderAsked") -> list[str]:
    """Return what an order does, or would do."""
    found, about = told.rehearsal, told.about
    assert found is not None, "an order is told of with what comes of it"
    said = {
        "drain": "drained",
        "evacuate": "evacuated",
        "serve": "served again",
        "return": "served again",
    }[asked.do]
    be = "would be" if asked.is_rehearsal else "is to be"
    out = [f"{str(about).capitalize()} {asked.name} {be} {said}."]
    if told.undoes in ("nothing", "absence"):
        out = _not_ordered(told, f"{about} {asked.name}")
    if told.undoes == "nothing":
        return [clean(line) for line in out]
    out += _changes(found)
    out += _loads(found)
    if found.alone:
        places = ", ".join(found.alone)
        out += _wrapped(
            f"Nothing else serves in jurisdiction {places}: tenants that are pinned there still go to what is left "
            "of it.",
            0,
        )
    if found.is_carried:
        out.append("The rest can carry it.")
    else:
        over = f" {found.left_over:.1f} busy nodes are left over." if found.left_over else ""
        out += _wrapped(
            f"The rest cannot carry all of it now.{over} It is done as far as they have room:", 0
        )
        out += _indented(found.why, 2)
    if asked.is_rehearsal:
        out.append("Nothing was changed.")
    return [clean(line) for line in out]


def _not_ordered(told: "RoutesTold", what: str) -> list[str]:
    """Return what an operator must know who undoes what nobody has ordered, and may mean another order."""
    if told.undoes == "absence":
        then = "it is away by itself, and is served again without a hold once it is well."
    else:
        then = "it is not away: there is nothing to undo."
    out = _wrapped(f"Nothing was ordered of {what}, and {then}", 0)
    leaving = [one for one in told.orders if one.leaves]
    if leaving:
        out += ["Orders:", *_orders(leaving)]
    return out


def _orders(orders: "Iterable[Order]") -> Iterator[str]:
    return (f"  {one.do} {one.about} {one.name} (order {one.stamp})" for one in orders)


def _changes(found: "Rehearsal") -> Iterator[str]:
    for region, before, then, share in found.states:
        of = f", {share:.0%} of its clients" if 0 < share < 1 else ""
        yield f"  {region}: {before} -> {then}{of}"


def _loads(found: "Rehearsal") -> Iterator[str]:
    for one in found.moved:
        before, then = f"{one.load_before:.1f}", f"{one.load_then:.1f}"
        if before != then:
            yield f"  {one.region}: {before} -> {then} busy nodes, of {plural(one.size, 'node')}"


def _indented(reasons: Iterable[str], by: int) -> list[str]:
    return [line for one in reasons for line in _wrapped(one, by)]


def _wrapped(text: str, by: int) -> list[str]:
    width = max(min(shutil.get_terminal_size((100, 24)).columns, 120), 40)
    return textwrap.wrap(text, width, initial_indent=" " * by, subsequent_indent=" " * (by + 2))
