"""What operators have ordered of nodes and regions: drain, evacuate, and back.

An order must count while the home of the world is away, since that may be why it is given. So it is no fact of the
control stream: it is given at any node, and every heartbeat carries all orders of its sender. They are a lattice: of
each node and region the order with the greatest number counts, and what two nodes know is joined in any order, any
number of times. The number is one more than any that its giver had heard of (Lamport, 1978); a time was not taken,
since a clock that is wrong would have the last word. Where two were given at once, the one that takes more traffic away
counts: its operator has seen something.

An order that is over is not forgotten, it is replaced by its contrary; else a node that was away would bring it back.
"""

from collections.abc import Iterable, Iterator
from enum import StrEnum
from typing import Annotated, Final, TypeAlias

import msgspec

from homeroom import limits
from homeroom.errors import InputError, MessageError

__all__ = ["About", "Do", "Order", "Orders", "read_orders", "write_orders"]


class About(StrEnum):
    """What an order is about."""

    NODE = "node"
    REGION = "region"


class Do(StrEnum):
    """What is ordered; of two that were given at once the later one here counts.

    ``SERVE``: take requests, after a drain. ``RETURN``: the same after an evacuation or a fall, at once and not when
    the hold is over. ``DRAIN``: requests go elsewhere as far as the others can carry them, and whoever comes
    nevertheless is served. ``EVACUATE``: the same of a region that is to be avoided even if the others fail.
    """

    SERVE = "serve"
    RETURN = "return"
    DRAIN = "drain"
    EVACUATE = "evacuate"


_RANK: Final = {do: rank for rank, do in enumerate(Do)}
_Name = Annotated[str, msgspec.Meta(min_length=1, max_length=256)]
_Stamp = Annotated[int, msgspec.Meta(ge=1, le=(1 << 53) - 1)]
Target: TypeAlias = tuple[About, str]


class Order(msgspec.Struct, array_like=True, frozen=True):
    """An order about a node or region; ``stamp`` is its number."""

    about: About
    name: _Name
    do: Do
    stamp: _Stamp

    @property
    def target(self) -> Target:
        """What it is about, by kind and name."""
        return self.about, self.name

    @property
    def leaves(self) -> bool:
        """Whether requests are to go elsewhere."""
        return self.do in (Do.DRAIN, Do.EVACUATE)

    def beats(self, other: "Order | None") -> bool:
        """Say whether it counts and not another one about the same."""
        if other is None:
            return True
        return (self.stamp, _RANK[self.do]) > (other.stamp, _RANK[other.do])


class Orders:
    """Orders, one at most about each node and each region; immutable.

    Parameters
    ----------
    orders : in any order; of several about the same one counts
    """

    def __init__(self, orders: Iterable[Order] = ()) -> None:
        self._by_target: dict[Target, Order] = {}
        for one in orders:
            if one.beats(self._by_target.get(one.target)):
                self._by_target[one.target] = one

    def __iter__(self) -> Iterator[Order]:
        """Go through them by what they are about."""
        return iter(sorted(self._by_target.values(), key=lambda one: one.target))

    def __len__(self) -> int:
        return len(self._by_target)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Orders) and list(self) == list(other)

    def __hash__(self) -> int:
        return hash(frozenset(self._by_target.values()))

    def __repr__(self) -> str:
        return f"Orders({list(self)})"

    def of(self, about: About, name: str) -> Order | None:
        """Return the order about a node or region, None if there is none."""
        return self._by_target.get((about, name))

    @property
    def last_stamp(self) -> int:
        """The greatest number, 0 without orders."""
        return max((one.stamp for one in self._by_target.values()), default=0)

    def joined(self, other: "Orders") -> "Orders":
        """Return what counts of both."""
        return Orders((*self, *other))

    def given(self, about: About, name: str, do: Do) -> "Orders":
        """Return these and one that is given now."""
        return self.joined(Orders([Order(about, name, do, self.last_stamp + 1)]))

    def among(self, nodes: Iterable[str], regions: Iterable[str]) -> "Orders":
        """Return those about nodes and regions that there are."""
        there = {About.NODE: frozenset(nodes), About.REGION: frozenset(regions)}
        return Orders(one for one in self if one.name in there[one.about])


_decode: Final = msgspec.msgpack.Decoder(tuple[Order, ...]).decode


def write_orders(orders: Orders) -> bytes:
    """Return orders as bytes, for heartbeats and files. Raises `InputError` if there are too many."""
    if len(orders) > limits.ORDERS_MAX:
        raise InputError(
            f"there are {len(orders)} orders about nodes and regions, may be {limits.ORDERS_MAX}"
        )
    return msgspec.msgpack.encode(tuple(orders))


def read_orders(body: bytes, known: Orders | None) -> Orders:
    """Return what another node, or a file, has of orders.

    Parameters
    ----------
    body : what `write_orders` gave
    known : what is known here, of which the numbers cannot be far away; None for a file of this node's own

    Raises
    ------
    MessageError
        It cannot be read, or says what no node can have been told.
    """
    try:
        said = _decode(body)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise MessageError(f"orders cannot be read ({type(error).__name__})") from error
    if len(said) > limits.ORDERS_MAX:
        raise MessageError(f"{len(said)} orders came at once, may be {limits.ORDERS_MAX}")
    if known is None:
        return Orders(said)
    most = known.last_stamp + limits.ORDER_STAMP_STEP_MAX
    far = next((one for one in said if one.stamp > most), None)
    if far is not None:
        raise MessageError(
            f"the order about {far.name} has number {far.stamp:,}, and none here has more than {known.last_stamp:,}; "
            "it is not taken"
        )
    return Orders(said)
