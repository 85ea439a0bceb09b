"""What nodes say to each other about a snapshot that goes from one to another, as bytes.

A node that needs what others have forgotten asks one of them for its newest snapshot, hears of which files it consists,
and asks for these piece by piece, several at a time, as fast as it can write them. Whatever is lost is asked for again;
whatever comes twice is known. So the node that gives keeps nothing but the files, and whoever takes goes at its own
pace.

These messages go beside those of `homeroom.regions.messages`, and begin with bytes with which none of them can begin in
earnest. They say nothing of what is held, and no step of a member depends on them: they carry what is asked for because
of one.

The way not taken is one message a file, or a connection of its own: a fabric takes 4 MB, and is what vouches for names.
"""

from typing import Annotated, Final, TypeAlias

import msgspec

from homeroom import limits
from homeroom.regions.messages import checked, unchecked, unreadable

__all__ = [
    "AskPart",
    "AskShipment",
    "NoShipment",
    "Part",
    "ShipmentMessage",
    "Shipped",
    "ShippedFile",
    "is_of_shipment",
    "read_shipment",
    "write_shipment",
]

_MARK: Final = b"\xc1shipped"
_Number = Annotated[int, msgspec.Meta(ge=0, le=(1 << 63) - 1)]
_Name = Annotated[str, msgspec.Meta(max_length=64)]


class AskShipment(msgspec.Struct, array_like=True, frozen=True, tag=1):
    """Asks of which files the newest snapshot consists; they are kept for whoever asked.

    ``forgotten`` is by the text of each origin what the log of whoever asks has forgotten: less is of no use to it.
    """

    forgotten: dict[str, _Number] = {}


class ShippedFile(msgspec.Struct, array_like=True, frozen=True):
    """A file of a snapshot: its path below the snapshot, and its size in bytes."""

    path: Annotated[str, msgspec.Meta(max_length=128)]
    size_bytes: _Number


class Shipped(msgspec.Struct, array_like=True, frozen=True, tag=2):
    """Says of which files a snapshot consists; ``name`` is what it is asked for by."""

    name: _Name
    files: Annotated[tuple[ShippedFile, ...], msgspec.Meta(max_length=limits.SHIPPED_FILES_MAX)]


class AskPart(msgspec.Struct, array_like=True, frozen=True, tag=3):
    """Asks for a piece of a file, by its place among the files, from a byte on."""

    name: _Name
    file: _Number
    first: _Number


class Part(msgspec.Struct, array_like=True, frozen=True, tag=4):
    """A piece of a file: what `AskPart` asked for, as long as one may be."""

    name: _Name
    file: _Number
    first: _Number
    content: Annotated[bytes, msgspec.Meta(max_length=limits.SHIPPED_PART_BYTES)]


class NoShipment(msgspec.Struct, array_like=True, frozen=True, tag=5):
    """Says that a snapshot cannot be had, or no more, and why; an empty name is whichever was asked for."""

    name: _Name
    why: Annotated[str, msgspec.Meta(max_length=1_000)]


ShipmentMessage: TypeAlias = AskShipment | Shipped | AskPart | Part | NoShipment

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(ShipmentMessage).decode


def is_of_shipment(body: bytes) -> bool:
    """Say whether a message is one of these."""
    return body.startswith(_MARK)


def write_shipment(message: ShipmentMessage) -> bytes:
    """Return a message as bytes: the mark, its checksum (CRC-32, 4 bytes), and the message in MessagePack."""
    return _MARK + checked(_encode(message))


def read_shipment(body: bytes) -> ShipmentMessage:
    """Return what `write_shipment` was given. Raises `MessageError`."""
    content = unchecked(memoryview(body)[len(_MARK) :], "a piece of a snapshot")
    try:
        message: ShipmentMessage = _decode(content)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise unreadable(error, "a message about a snapshot") from error
    return message
