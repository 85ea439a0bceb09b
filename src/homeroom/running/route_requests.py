"""What commands on the same machine ask of a node about routes, and what it tells them."""

from enum import StrEnum

import msgspec

from homeroom.traffic.routing.explaining import Explanation, Rehearsal
from homeroom.traffic.routing.orders import About, Do, Order

__all__ = ["OrderAsked", "RoutesAsked", "RoutesTold", "Undoes"]


class RoutesAsked(msgspec.Struct, frozen=True, kw_only=True, tag_field="ask", tag="routes"):
    """Say where requests go, and where those of one client do.

    Parameters
    ----------
    place : of the client in degrees north and east, None to leave it out
    region : where it is, if no place is given; empty to leave it out
    tenant : whose it is
    """

    place: tuple[float, float] | None = None
    region: str = ""
    tenant: str = ""


class OrderAsked(msgspec.Struct, frozen=True, kw_only=True, tag_field="ask", tag="order"):
    """Take an order of an operator, or say what it would do.

    Parameters
    ----------
    about : a node or a region, None for whichever has the name
    name : of it
    do : what is ordered
    is_rehearsal : whether only to say what would come of it
    """

    about: About | None
    name: str
    do: Do
    is_rehearsal: bool = False


class Undoes(StrEnum):
    """What an order to serve or to return ends: an order before it, an absence that nobody ordered, or neither."""

    ORDER = "order"
    ABSENCE = "absence"
    NOTHING = "nothing"


class RoutesTold(msgspec.Struct, frozen=True, kw_only=True, tag="routes"):
    """Where requests go.

    Parameters
    ----------
    node : who says so
    document : the table as it is handed out, empty if there is none yet
    verdicts : by node what is thought of it: how ill it is, its load, and why
    why : by region why it does not get all of its clients
    orders : that are known
    explanation : where a client goes, if that was asked
    rehearsal : what an order does, if one was given or tried
    about : what the order is about
    undoes : what it undoes, if it is one to serve or to return; where that is nothing it is not given
    """

    node: str
    document: bytes = b""
    verdicts: dict[str, tuple[str, float, tuple[str, ...]]] = {}
    why: dict[str, tuple[str, ...]] = {}
    orders: tuple[Order, ...] = ()
    explanation: Explanation | None = None
    rehearsal: Rehearsal | None = None
    about: About | None = None
    undoes: Undoes | None = None
