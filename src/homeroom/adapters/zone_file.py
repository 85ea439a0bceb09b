"""Names for those who route by DNS: a zone from a routing table.

A resolver knows nothing of distance or load, so each region has a name of its own under which the addresses of those of
its nodes stand that serve, and one name has all of them; a client is set up with the name of its region. Where every
client can read them, records of services (SRV, RFC 2782) say the order too: the regions by distance as their priority,
the nodes by their weights. The serial number is the number of the table, which only grows, as it must (RFC 1982), and
what may be remembered is short. A region that serves nothing has the name of the next one that does: so no name of the
zone ever leads nowhere.

Nothing that somebody wrote goes in as it is: names are labels of letters, digits and dashes, addresses are parsed.

Source: RFC 1035, section 5 (form of a zone); RFC 2782; RFC 3596.
"""

import ipaddress
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from homeroom import limits
from homeroom.client.routes import LAST, NodeRoute, RegionRoute, RoutingTable
from homeroom.distance import km_between
from homeroom.errors import SettingsError

__all__ = ["Zone", "zone_file"]

_LABEL: Final = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")
_PORTS: Final = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True, kw_only=True)
class Zone:
    """Whose names they are.

    Parameters
    ----------
    origin : the name of the zone, such as ``homeroom.example.org``
    server : the name of the server that has it, such as ``ns1.example.org``
    place : in degrees north and east, for the order of services; None goes by the order of the table
    """

    origin: str
    server: str
    place: tuple[float, float] | None = None


def zone_file(table: RoutingTable, zone: Zone) -> str:
    """Return a zone. Raises `SettingsError` if a name or an address cannot stand in it."""
    origin, server = _domain(zone.origin), _domain(zone.server)
    regions = list(table.regions)
    serving = [one for one in regions if one.state not in LAST and _serving(one)]
    if not serving:
        raise SettingsError(
            f"nothing serves in routing table {table.generation}; the zone stays as it was"
        )
    if zone.place is not None:
        place = zone.place
        serving.sort(key=lambda one: km_between(place, (one.latitude, one.longitude)))
    ttl = limits.ZONE_TTL_S
    out = [
        f"; Made by homeroom route zone, from routing table {table.generation}.",
        f"$ORIGIN {origin}.",
        f"$TTL {ttl}",
        f"@ IN SOA {server}. hostmaster.{origin}. {table.generation % (1 << 32)} 60 30 604800 {ttl}",
        f"@ IN NS {server}.",
    ]
    out += _addresses("@", serving)
    for region in regions:
        at = (region.latitude, region.longitude)
        # Tenants that are pinned are taken in their jurisdiction alone.
        near = min(
            serving,
            key=lambda one: (
                one is not region,
                one.jurisdiction != region.jurisdiction,
                km_between(at, (one.latitude, one.longitude)),
            ),
        )
        out += _addresses(_label(region.name), [near]) or [_alias(region, near)]
    out += _services(serving)
    return "\n".join(out) + "\n"


def _serving(region: RegionRoute) -> list[NodeRoute]:
    return [node for node in region.nodes if node.http and node.weight > 0]


def _addresses(name: str, regions: Sequence[RegionRoute]) -> list[str]:
    """Return the records of addresses of the nodes that serve; a node that has a name alone has a service alone."""
    found = []
    for region in regions:
        for node in _serving(region):
            address = _ip(_parsed(node)[1])
            if address is not None:
                found.append(f"{name} IN {'A' if address.version == 4 else 'AAAA'} {address}")
    return list(dict.fromkeys(found))


def _alias(region: RegionRoute, near: RegionRoute) -> str:
    """Return the record of a region whose nodes have names alone: of these a name can have but one."""
    heaviest = max(_serving(near), key=lambda node: node.weight)
    return f"{_label(region.name)} IN CNAME {_domain(_parsed(heaviest)[1])}."


def _services(serving: Sequence[RegionRoute]) -> list[str]:
    found = []
    for priority, region in enumerate(serving, 1):
        for node in _serving(region):
            _, host, port = _parsed(node)
            address, label = _ip(host), _label(node.name)
            target = f"{_domain(host)}." if address is None else f"{label}.nodes"
            if address is not None:
                found.append(f"{target} IN {'A' if address.version == 4 else 'AAAA'} {address}")
            weight = max(round(node.weight * 100), 1)
            found.append(f"_homeroom._tcp IN SRV {priority} {weight} {port} {target}")
    return found


def _parsed(node: NodeRoute) -> tuple[str, str, int]:
    try:
        parts = urlsplit(node.http)
        port = parts.port
    except ValueError:
        parts, port = urlsplit(""), None
    # A zone of an IPv6 address is free text, and means nothing on another machine.
    host = parts.hostname or ""
    if parts.scheme not in _PORTS or not host or "%" in host or port == 0:
        raise SettingsError(
            f"{node.http[:80]!r} of {node.name[:80]!r} is no address: http:// or https://, host and port"
        )
    return parts.scheme, host, port or _PORTS[parts.scheme]


def _ip(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


def _domain(text: str) -> str:
    name = text.rstrip(".").lower()
    if not name or len(name) > 253:
        raise SettingsError(f"{text[:80]!r} is no name of a domain")
    return ".".join(_label(one) for one in name.split("."))


def _label(text: str) -> str:
    label = text.lower()
    if not _LABEL.fullmatch(label):
        raise SettingsError(
            f"{text[:80]!r} cannot be a name in DNS: at most 63 letters, digits and dashes, no dash at its ends"
        )
    return label
