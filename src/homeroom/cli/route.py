"""``homeroom route``: where requests go in a world, why, and how to send them elsewhere.

Every command asks one node that runs on this machine, by its data directory: whichever is at hand, because every node
makes its own routing table, and takes orders for all.
"""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from homeroom.cli import status
from homeroom.errors import ControlError, SettingsError

if TYPE_CHECKING:
    from homeroom.client.routes import RoutingTable
    from homeroom.running.route_requests import RoutesTold

__all__ = ["command"]

_DATA = click.argument("directory", metavar="DIR")
_NEAR = click.option(
    "--near",
    metavar="PLACE",
    help="For clients there: a region, or degrees north and east as 48.9,2.4.",
)
_WRITE = click.option(
    "--write",
    "target",
    metavar="FILE",
    help="Write it there, whole or not at all, and not to standard output.",
)


@click.group()
def command() -> None:
    """Say where requests go in a world of regions, and why, and send them elsewhere.

    DIR is the data directory of a node that runs on this machine; any will do.
    """


@command.command()
@_DATA
def table(directory: str) -> None:
    """Show the routing table of a node: the regions in order, how much each gets, and why not all."""
    from homeroom.cli.route_text import table_lines

    _print(table_lines(_told(directory)))


@command.command()
@_DATA
@click.argument("client")
@click.option(
    "--tenant", default="", metavar="NAME", help="Whose client it is; pinned tenants go elsewhere."
)
def explain(directory: str, client: str, tenant: str) -> None:
    """Say why a client goes where it goes.

    CLIENT is where it is: the name of a region, or degrees north and east as 48.9,2.4.
    """
    from homeroom.cli.route_text import explanation_lines

    place, region = _placed(client)
    _print(explanation_lines(_told(directory, place=place, region=region, tenant=tenant), client))


@command.command()
@_DATA
@_NEAR
@click.option(
    "--listen",
    default="127.0.0.1:8080",
    show_default=True,
    metavar="HOST:PORT",
    help="Where it takes clients.",
)
@click.option(
    "--certificate",
    metavar="FILE",
    help="Take them over TLS, with the certificate and key in this file.",
)
@click.option(
    "--authority", metavar="FILE", help="The authority that vouches for nodes which speak https."
)
@click.option(
    "--shares",
    is_flag=True,
    help="Give regions the shares that they have now; make it anew with these.",
)
@_WRITE
def haproxy(
    directory: str,
    near: str | None,
    target: str | None,
    **where: Any,  # noqa: ANN401 - of click
) -> None:
    """Make the configuration of a front door by HAProxy.

    It asks nodes itself whether they are ready, so it is made anew only when nodes come or go. With --write the
    installed haproxy reads it first, and what it refuses is not written.
    """
    from homeroom.adapters.haproxy import (
        FrontDoor,
        check_configuration,
        configuration,
        haproxy_program,
    )

    made = _table(directory)
    text = configuration(made, FrontDoor(place=_near(near, made), **where))
    if target is not None:
        if haproxy_program() is None:
            click.echo("haproxy is not installed here, so nothing has checked the file.", err=True)
        else:
            against = check_configuration(text)
            if against:
                raise SettingsError(f"haproxy refuses it, so {target} is as it was: {against}")
    _deliver(text, target)


@command.command()
@_DATA
@click.argument("origin")
@click.option(
    "--server", required=True, metavar="NAME", help="The name of the server that has the zone."
)
@_NEAR
@_WRITE
def zone(directory: str, origin: str, server: str, near: str | None, target: str | None) -> None:
    """Make a DNS zone ORIGIN: a name for each region, and one for all."""
    from homeroom.adapters.zone_file import Zone, zone_file

    made = _table(directory)
    _deliver(zone_file(made, Zone(origin=origin, server=server, place=_near(near, made))), target)


def _ordering(name: str, do: str, about: str) -> Callable[..., int]:
    """Return a command that gives an order."""

    @command.command(name, help=about)
    @_DATA
    @click.argument("target", metavar="NAME")
    @click.option(
        "--node", "kind", flag_value="node", help="NAME is a node, where a region has the same."
    )
    @click.option(
        "--region", "kind", flag_value="region", help="NAME is a region, where a node has the same."
    )
    @click.option(
        "--rehearse",
        is_flag=True,
        help="Say what would move and whether the rest can carry it; change nothing.",
    )
    def order(directory: str, target: str, kind: str | None, rehearse: bool) -> int:  # noqa: FBT001 - a flag
        from homeroom.cli.route_text import rehearsal_lines
        from homeroom.running.control_socket import ask_of_upkeep
        from homeroom.running.route_requests import OrderAsked, RoutesTold
        from homeroom.traffic.routing.orders import About, Do

        only = "region" if do in ("evacuate", "return") else kind
        asked = OrderAsked(
            about=None if only is None else About(only),
            name=target,
            do=Do(do),
            is_rehearsal=rehearse,
        )
        told = ask_of_upkeep(Path(directory), asked)
        if told is None:
            raise _not_running(directory)
        assert isinstance(told, RoutesTold), "that was asked"
        _print(rehearsal_lines(told, asked))
        is_fine = not rehearse or (told.rehearsal is not None and told.rehearsal.is_carried)
        return status.CLEAN if is_fine else status.WRONG

    return order


drain = _ordering(
    "drain",
    "drain",
    "Send the clients of a node or region elsewhere; what comes to it nevertheless is served.",
)
undrain = _ordering(
    "undrain", "serve", "Send the clients of a node or region there again, by degrees."
)
evacuate = _ordering(
    "evacuate",
    "evacuate",
    "Send the clients of a region elsewhere, and nobody there as long as anything else answers.",
)
give_back = _ordering(
    "return",
    "return",
    "Have a region get its clients again by degrees, after an evacuation, or before its hold is over.",
)


# --- what is asked of the node ---------------------------------------------------------------------------------------


def _told(directory: str, **fields: Any) -> "RoutesTold":  # noqa: ANN401 - of the request
    from homeroom.running.control_socket import ask_of_upkeep
    from homeroom.running.route_requests import RoutesAsked, RoutesTold

    told = ask_of_upkeep(Path(directory), RoutesAsked(**fields))
    if told is None:
        raise _not_running(directory)
    assert isinstance(told, RoutesTold), "that was asked"
    return told


def _table(directory: str) -> "RoutingTable":
    from homeroom.cli.route_text import table_of

    return table_of(_told(directory))


def _not_running(directory: str) -> ControlError:
    return ControlError(
        f"no node runs on {directory}; name the data directory of one that does, on this machine"
    )


def _placed(text: str) -> tuple[tuple[float, float] | None, str]:
    """Return a place in degrees, or the name of a region."""
    parts = text.split(",")
    if len(parts) != 2:
        return None, text
    try:
        north, east = map(float, parts)
    except ValueError:
        north = east = 999.0
    if not (abs(north) <= 90 and abs(east) <= 180):
        raise click.BadParameter(
            f"{text!r} is no place; write a region, or degrees north (to 90) and east (to 180), as 48.9,2.4"
        )
    return (north, east), ""


def _near(text: str | None, made: "RoutingTable") -> tuple[float, float] | None:
    if text is None:
        return None
    place, region = _placed(text)
    if place is not None:
        return place
    found = next((one for one in made.regions if one.name == region), None)
    if found is None:
        there = ", ".join(sorted(one.name for one in made.regions))
        raise click.BadParameter(f"there is no region {region[:80]!r}; there are: {there}")
    return found.latitude, found.longitude


def _print(lines: list[str]) -> None:
    for line in lines:
        click.echo(line)


def _deliver(text: str, target: str | None) -> None:
    if target is None:
        click.echo(text, nl=False)
        return
    from homeroom.adapters.whole_files import whole_file

    with whole_file(Path(target)) as file:
        file.write(text.encode())
    click.echo(f"Wrote {target}.", err=True)
