"""Routing tables: which regions and nodes there are and how they are, as bytes that a node has signed.

Nodes publish tables, clients follow them, and a client that is cut off goes on by the last one it had. So a table must
be believed for what it is and not for where it was fetched: a cache, a proxy or a thief may hand one on. It is believed
when a node of the world, whose key the reader has from its operators, has signed its very bytes; and it takes the place
of another only when it is of the same world and newer. Newer is a number that grows by one with whatever a publisher
has heard of (Lamport, 1978), and no time: clocks jump.

What is signed stands as text within the document, so that there is one form of it and nobody has to write it anew to
check it. A canonical form of JSON was not taken: two writers of it come to differ.
"""

import base64
import hashlib
import math
from collections.abc import Callable, Collection
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, TypeAlias
from urllib.parse import urlsplit

import msgspec

from homeroom import limits
from homeroom.distance import km_between
from homeroom.errors import InputError

__all__ = [
    "LAST",
    "Endpoint",
    "NodeRoute",
    "RegionRoute",
    "RouteState",
    "RoutingTable",
    "Verify",
    "candidates",
    "decode",
    "is_address",
    "is_newer",
    "is_secure",
    "sealed",
]

_PURPOSE: Final = b"homeroom routing table 1\n"
"""Goes before what is signed, so that a signature of this is none of anything else."""

Verify: TypeAlias = Callable[[str, bytes, bytes], bool]
"""Says whether a node, by its name, has signed a digest."""


class RouteState(StrEnum):
    """How a region is, in the order in which clients choose."""

    SERVING = "serving"
    RETURNING = "returning"
    SUSPECTED = "suspected"
    DRAINING = "draining"
    EVACUATED = "evacuated"


LAST: Final = {RouteState.SUSPECTED: 2, RouteState.DRAINING: 3, RouteState.EVACUATED: 4}
"""Whom clients try only if nothing else answers, and in which order; 0 and 1 come before."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where requests may be sent.

    Parameters
    ----------
    url : address, with no slash at its end
    name : of its node, empty where nobody said
    region : that it is in, likewise
    weight : share of the requests that it should get among those of its region
    """

    url: str
    name: str = ""
    region: str = ""
    weight: float = 1.0


class NodeRoute(msgspec.Struct, frozen=True):
    """A node: where clients reach it, and its share of those of its region."""

    name: str
    http: str
    weight: float = 1.0


class RegionRoute(msgspec.Struct, frozen=True, kw_only=True):
    """A region; ``weight`` is the share of the clients nearest to it that it takes, the others go on to the next."""

    name: str
    latitude: float
    longitude: float
    jurisdiction: str
    state: RouteState = RouteState.SERVING
    weight: float = 1.0
    nodes: tuple[NodeRoute, ...] = ()


class RoutingTable(msgspec.Struct, frozen=True, kw_only=True):
    """A table; ``made_ms`` is the publisher's clock, for people to look at."""

    world: str
    generation: int
    publisher: str
    made_ms: int
    regions: tuple[RegionRoute, ...]


class _Sealed(msgspec.Struct):
    signed: str
    signature: str


def sealed(table: RoutingTable, sign: Callable[[bytes], bytes]) -> bytes:
    """Return a table as its publisher hands it out; ``sign`` returns the 64-byte signature of a digest (RFC 8032).

    Raises `InputError` for a table that no reader takes.
    """
    _check(table)
    text = msgspec.json.encode(table)
    signature = base64.b64encode(sign(_digest(text))).decode()
    found = msgspec.json.encode(_Sealed(text.decode(), signature))
    if len(found) > limits.ROUTES_BYTES_MAX:
        raise InputError(_too_long(len(found)))
    return found


def decode(body: bytes, verify: Verify, world: str | None = None) -> RoutingTable:
    """Return the table in a document that a node of the world has signed.

    Parameters
    ----------
    body : the document
    verify : says who has signed what, by the keys that the reader has from its operators
    world : the only one whose tables count, None for any

    Raises
    ------
    InputError
        It is none, it is signed by nobody who is known, it is of another world, or there is nowhere to go in it.
    """
    if len(body) > limits.ROUTES_BYTES_MAX:
        raise InputError(_too_long(len(body)))
    try:
        found = msgspec.json.decode(body, type=_Sealed)
        signature = base64.b64decode(found.signature, validate=True)
        text = found.signed.encode()
        table = msgspec.json.decode(text, type=RoutingTable)
    except (msgspec.DecodeError, UnicodeError, ValueError, RecursionError):
        raise InputError(
            "the routing table cannot be read; is this the address of a node?"
        ) from None
    if not verify(table.publisher, _digest(text), signature):
        raise InputError(
            "the routing table is signed by no node whose key is known; it is not followed. If nodes have joined the "
            "world, hand in their keys"
        )
    if world is not None and table.world != world:
        raise InputError(f"the routing table is of another world than {world}; it is not followed")
    _check(table)
    return table


def is_newer(table: RoutingTable, than: RoutingTable | None) -> bool:
    """Say whether a table takes the place of another: it is of the same world, and of a later generation.

    Of two with one generation the publisher's name decides, so that all readers come to the same.
    """
    if than is None:
        return True
    if table.world != than.world:
        return False
    return (table.generation, table.publisher) > (than.generation, than.publisher)


def candidates(
    table: RoutingTable,
    draw: Callable[[str], float],
    place: tuple[float, float] | None = None,
    jurisdictions: Collection[str] | None = None,
) -> tuple[Endpoint, ...]:
    """Return where a client goes, the best first; the last ones only if nothing else answers.

    Parameters
    ----------
    table : which is followed
    draw : a number from 0 to under 1 for a region, the same for each client as long as it lives
    place : where the client is, in degrees north and east; None to go by the order of the table
    jurisdictions : in which its tenant's data may be taken; None for anywhere
    """

    def order(region: RegionRoute) -> tuple[float, float]:
        km = 0.0 if place is None else km_between(place, (region.latitude, region.longitude))
        is_full = draw(region.name) >= region.weight
        return LAST.get(region.state, int(is_full)), km

    regions = [
        one for one in table.regions if jurisdictions is None or one.jurisdiction in jurisdictions
    ]
    return tuple(
        Endpoint(node.http.rstrip("/"), node.name, region.name, node.weight)
        for region in sorted(regions, key=order)
        for node in sorted(region.nodes, key=lambda one: one.weight <= 0)
        if node.http
    )


def _digest(text: bytes) -> bytes:
    return hashlib.sha256(_PURPOSE + text).digest()


def _too_long(size_bytes: int) -> str:
    return f"the routing table has {size_bytes:,} bytes, may have {limits.ROUTES_BYTES_MAX:,}"


def _check(table: RoutingTable) -> None:
    """Raise `InputError` if a table says what none may."""
    nodes = [node for region in table.regions for node in region.nodes]
    if not any(node.http for node in nodes):
        raise InputError("the routing table is empty; it is not followed")
    if len(nodes) > limits.ENDPOINTS_MAX:
        raise InputError(
            f"the routing table has {len(nodes)} nodes, may have {limits.ENDPOINTS_MAX}"
        )
    if len({node.name for node in nodes}) < len(nodes):
        raise InputError("the routing table has two nodes of one name")
    numbers = [
        *(n for r in table.regions for n in (r.latitude, r.longitude, r.weight)),
        *(node.weight for node in nodes),
    ]
    is_good = all(map(math.isfinite, numbers)) and 0 <= table.generation < 1 << 62
    if not is_good or not all(_is_plain(node.http) for node in nodes if node.http):
        raise InputError("the routing table holds a number or an address that is none")


def is_address(url: str) -> bool:
    """Say whether a text is the address of a node: http or https, with a host, and nothing but a path behind it."""
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        return False
    is_bare = not (parts.query or parts.fragment or parts.username or parts.password)
    return parts.scheme in ("http", "https") and bool(parts.hostname) and is_bare


def is_secure(url: str) -> bool:
    """Say whether what goes to an address is enciphered; letters of its scheme may be large (RFC 3986, 3.1)."""
    return urlsplit(url).scheme == "https"


def _is_plain(url: str) -> bool:
    """Say whether an address that came from elsewhere is what it looks like."""
    return url.isascii() and url.isprintable() and " " not in url and is_address(url)
