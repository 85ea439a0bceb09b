"""Routing tables that nobody should follow: signed by nobody, of another world, empty, replayed, damaged.

They are what a thief, a proxy that keeps things too long, or a bad disk hands out. Each is made of a good one, so that
nothing but what is wrong with it can give it away.
"""

import base64
import hashlib
from collections.abc import Callable
from typing import Final

import msgspec

from homeroom.client.routes import RegionRoute, RoutingTable
from homeroom.simulation.regions.signatures import signature_of

__all__ = ["FORGERIES", "Forger"]

_AHEAD: Final = 1_000


class _Sealed(msgspec.Struct):
    signed: str
    signature: str


def _table(document: bytes) -> RoutingTable:
    text = msgspec.json.decode(document, type=_Sealed).signed
    return msgspec.json.decode(text, type=RoutingTable)


def _signed(table: RoutingTable, signer: str) -> bytes:
    text = msgspec.json.encode(table)
    digest = hashlib.sha256(b"homeroom routing table 1\n" + text).digest()
    signature = base64.b64encode(signature_of(signer, digest)).decode()
    return msgspec.json.encode(_Sealed(text.decode(), signature))


def _led_astray(table: RoutingTable) -> RoutingTable:
    """Return a newer table that sends everybody to a place of the thief's."""
    regions = tuple(
        msgspec.structs.replace(
            one,
            nodes=tuple(
                msgspec.structs.replace(node, http="http://thief.example") for node in one.nodes
            ),
        )
        for one in table.regions
    )
    return msgspec.structs.replace(table, generation=table.generation + _AHEAD, regions=regions)


def _by_nobody(document: bytes) -> bytes:
    return _signed(_led_astray(_table(document)), "a thief")


def _by_a_stranger(document: bytes) -> bytes:
    table = msgspec.structs.replace(_led_astray(_table(document)), publisher="a stranger")
    return _signed(table, "a stranger")


def _of_another_world(document: bytes) -> bytes:
    """Return a table that a node has really signed: for another world of the same operators."""
    table = msgspec.structs.replace(_led_astray(_table(document)), world="another")
    return _signed(table, table.publisher)


def _changed(document: bytes) -> bytes:
    found = msgspec.json.decode(document, type=_Sealed)
    table = _led_astray(_table(document))
    return msgspec.json.encode(_Sealed(msgspec.json.encode(table).decode(), found.signature))


def _empty(document: bytes) -> bytes:
    """Return an empty one, newer and signed: a fault of a node, and none of a thief."""
    table = _table(document)
    regions: tuple[RegionRoute, ...] = tuple(
        msgspec.structs.replace(one, nodes=()) for one in table.regions
    )
    table = msgspec.structs.replace(table, generation=table.generation + 1, regions=regions)
    return _signed(table, table.publisher)


def _cut_short(document: bytes) -> bytes:
    return document[: len(document) // 2]


FORGERIES: Final[tuple[Callable[[bytes], bytes], ...]] = (
    _by_nobody,
    _by_a_stranger,
    _of_another_world,
    _changed,
    _empty,
    _cut_short,
)


class Forger:
    """What stands before a node and tells something else.

    Parameters
    ----------
    which : number of the forgery; beyond the last one it replays what was told when it came
    kept : the table that was told then
    """

    def __init__(self, which: int, kept: bytes) -> None:
        self._which, self._kept = which, kept

    def told(self, document: bytes) -> bytes:
        """Return what is handed out for a table."""
        if not document:
            return document
        if self._which >= len(FORGERIES):
            return self._kept or document
        return FORGERIES[self._which](document)
