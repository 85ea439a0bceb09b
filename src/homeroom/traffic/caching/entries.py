"""An answer as it is kept, and when one takes the place of another.

Beside the bytes that were told there is what they were computed from: the vector. Nothing else says how old an answer
is: clocks of nodes differ, and jump; a vector is what was in the state. So a fill that was slow, or came from a node
that lies behind, is known for what it is and overwrites nothing newer.

The way not taken is a version number that the cache counts: it says who wrote last, not who knew more.
"""

from dataclasses import dataclass
from typing import Final

import msgspec

from homeroom.errors import EntryError
from homeroom.log.origins import Vector

__all__ = ["Kept", "Says", "pack", "replaces", "unpack"]

_BYTES_PER_ORIGIN: Final = 120
_REST_BYTES: Final = 400


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """An answer.

    Parameters
    ----------
    value : what is told; where it is a refusal, why, in UTF-8
    applied : what had been folded when it was computed
    made_ms : when it was, milliseconds since 1970 UTC by the clock of the node that did
    expires_ms : until when (excluded) it is told as it is, whatever has come
    cost_ms : how long the engine took
    newest : hybrid stamp of the newest entry of its tenant in it
    epoch : of the control stream
    whole_ms : when all that was durable where it was computed was in it; 0 if not all was
    is_partial : whether the tenant's history begins after its events did
    is_refusal : whether the question cannot be answered from these data
    is_settled : whether all events were sealed that it counts; else some of its counts may yet become exact
    under : where it depends on a part of the tenant's data alone, what that was read under; empty where on all of them
    frame_bytes : how many bytes at the end of ``value`` say what of all data was read
    """

    value: bytes
    applied: Vector
    made_ms: int
    expires_ms: int
    cost_ms: float = 0.0
    newest: int = 0
    epoch: int = 0
    whole_ms: int = 0
    is_partial: bool = False
    is_refusal: bool = False
    is_settled: bool = True
    under: str = ""
    frame_bytes: int = 0

    @property
    def size_bytes(self) -> int:
        """About what it takes in memory."""
        return len(self.value) + _BYTES_PER_ORIGIN * len(self.applied) + _REST_BYTES

    def told_until_ms(self, stale_ms: int) -> int:
        """Return until when it may be told, where that may be so long after it was made."""
        return max(self.expires_ms, self.made_ms + stale_ms)


def replaces(new: Kept, old: Kept | None) -> bool:
    """Say whether an answer takes the place of another: unless its vector is not newer.

    At equal vectors both say the same, and the one that lasts longer stays, or whose counts are exact. Of two that each
    know what the other does not, the one that came last stays; to the node that made the other it is worth nothing,
    and that makes its own.
    """
    if old is None or not old.applied.covers(new.applied):
        return True
    if old.applied != new.applied or old.is_settled != new.is_settled:
        return old.applied == new.applied and new.is_settled
    return new.expires_ms > old.expires_ms


class Says(msgspec.Struct, array_like=True, frozen=True, forbid_unknown_fields=True):
    """An answer as bytes."""

    name: bytes
    value: bytes
    applied: dict[str, int]
    times: tuple[int, int, int, int]
    cost_ms: float
    epoch: int
    is_partial: bool
    is_refusal: bool
    is_settled: bool
    under: str
    frame_bytes: int


_encode = msgspec.msgpack.Encoder().encode
_decode: Final = msgspec.msgpack.Decoder(Says).decode


def pack(name: bytes, kept: Kept) -> bytes:
    """Return an answer as bytes, with the name that it is kept under."""
    return _encode(
        Says(
            name=name,
            value=kept.value,
            applied=kept.applied.to_json(),
            times=(kept.made_ms, kept.expires_ms, kept.newest, kept.whole_ms),
            cost_ms=kept.cost_ms,
            epoch=kept.epoch,
            is_partial=kept.is_partial,
            is_refusal=kept.is_refusal,
            is_settled=kept.is_settled,
            under=kept.under,
            frame_bytes=kept.frame_bytes,
        )
    )


def unpack(name: bytes, content: bytes) -> Kept:
    """Read what `pack` wrote. Raises `EntryError` for what is damaged, or was kept under another name."""
    try:
        said = _decode(content)
        applied = Vector.from_json(said.applied)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise EntryError(
            f"a kept answer cannot be read ({type(error).__name__}); it is made anew"
        ) from None
    if said.name != name:
        raise EntryError("a kept answer is that of another question; it is made anew")
    if not 0 <= said.frame_bytes <= len(said.value):
        raise EntryError("a kept answer ends before it begins; it is made anew")
    made_ms, expires_ms, newest, whole_ms = said.times
    return Kept(
        value=said.value,
        applied=applied,
        made_ms=made_ms,
        expires_ms=expires_ms,
        cost_ms=said.cost_ms,
        newest=newest,
        epoch=said.epoch,
        whole_ms=whole_ms,
        is_partial=said.is_partial,
        is_refusal=said.is_refusal,
        is_settled=said.is_settled,
        under=said.under,
        frame_bytes=said.frame_bytes,
    )
