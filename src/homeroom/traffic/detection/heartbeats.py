"""What a node says to every other one twice a second, as bytes.

A heartbeat says that its sender lives, how it fares, and of which nodes it has seen anything bad **itself**; whoever is
not named is well. So in a calm world it is some fifty bytes. It is a state and no step: any may be lost, come twice or
late, and the next one says all of it again.

It bears the name of its sender's life and a number within it, so that what comes late, or of a life that is over, is
known and counts for nothing. Its time is that of the sender's steady clock: nobody compares it with an own one, only
with that of the heartbeats before it. It says back the time of the newest heartbeat that came from its receiver, who
so knows how old it is at most. No time of day is in it, because clocks jump.

These messages go over the fabric beside those of members and shipments, and begin with bytes with which neither can
begin. A fabric vouches for the name of the sender; the checksum is against damage on the way.
"""

from typing import Annotated, Final

import msgspec

from homeroom import limits
from homeroom.errors import MessageError
from homeroom.regions.messages import checked, unchecked, unreadable

__all__ = ["Heartbeat", "Opinion", "is_heartbeat", "read_heartbeat", "write_heartbeat"]

_MARK: Final = b"\xc1beating"
_Number = Annotated[int, msgspec.Meta(ge=0, le=(1 << 53) - 1)]
_Span = Annotated[int, msgspec.Meta(ge=0, le=1_000_000_000)]
_Name = Annotated[str, msgspec.Meta(min_length=1, max_length=256)]


class Opinion(msgspec.Struct, array_like=True, frozen=True):
    """What a node has seen of another one itself; it is said only if that is not good.

    Parameters
    ----------
    silent_ms : for how long it was not heard; 0 if it is
    lost_ms : for how long it could not be reached, for whatever reason; 0 if it can
    """

    silent_ms: _Span
    lost_ms: _Span


class Heartbeat(msgspec.Struct, array_like=True, frozen=True):
    """A node lives.

    Parameters
    ----------
    life : the name of this life of the node, drawn when it began
    sequence : number within the life, from 1 on
    sent_ms : when it was sent, by the steady clock of the sender
    echo_ms : when the newest heartbeat was sent that the sender heard of the receiver, by the receiver's steady clock;
        0 if it heard none
    load : how busy it is: 0 idle, 1 as much as it can do, above 1 it turns requests away
    draining : whether it is being emptied
    ready : whether it serves
    generation : of the newest routing table that it knows
    opinions : by name of the node, of nodes that are not well
    carried : what it says to others than the detector (orders of operators)
    """

    life: _Name
    sequence: _Number
    sent_ms: _Number
    echo_ms: _Number = 0
    load: Annotated[float, msgspec.Meta(ge=0, le=1_000)] = 0.0
    draining: bool = False
    ready: bool = True
    generation: _Number = 0
    opinions: Annotated[dict[_Name, Opinion], msgspec.Meta(max_length=limits.WORLD_NODES_MAX)] = {}
    carried: Annotated[bytes, msgspec.Meta(max_length=limits.HEARTBEAT_CARRIED_BYTES_MAX)] = b""


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Heartbeat).decode


def is_heartbeat(body: bytes) -> bool:
    """Say whether a message of the fabric is one."""
    return body.startswith(_MARK)


def write_heartbeat(heartbeat: Heartbeat) -> bytes:
    """Return it as bytes: the mark, a checksum (CRC-32, 4 bytes), and the heartbeat in MessagePack."""
    return _MARK + checked(_encode(heartbeat))


def read_heartbeat(body: bytes) -> Heartbeat:
    """Return what `write_heartbeat` was given. Raises `MessageError`."""
    if len(body) > limits.HEARTBEAT_BYTES_MAX:
        raise MessageError(
            f"a heartbeat has {len(body):,} bytes, at most {limits.HEARTBEAT_BYTES_MAX:,} are taken "
            "(HEARTBEAT_BYTES_MAX); its node carries too many orders, or is not what it says"
        )
    if not is_heartbeat(body):
        raise MessageError("a heartbeat of another node is damaged: it does not begin as one")
    content = unchecked(memoryview(body)[len(_MARK) :], "a heartbeat")
    try:
        heartbeat: Heartbeat = _decode(content)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise unreadable(error, "a heartbeat") from error
    return heartbeat
