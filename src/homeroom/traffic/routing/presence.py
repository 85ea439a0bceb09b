"""Whether one node or region is there for requests, and how much of it: falls, holds, and returns by degrees.

What falls goes at once. What is well again is not believed at once: something that falls again a moment later would
have clients run to and fro, and each of its falls costs them more than its absence does. So it must be well for a
while, and the while doubles with each fall (as route-flap damping does, RFC 2439, without its penalties); then a region
gets a tenth of its clients, and more step by step, while its caches fill. The first short fall is forgiven: nothing was
cold, and most suspicions are of this kind.
"""

import msgspec

from homeroom import limits

__all__ = ["Presence", "fallen", "grown", "left", "returned"]


class Presence(msgspec.Struct, frozen=True, kw_only=True):
    """How much of a node or region is there. Times are of a steady clock, milliseconds.

    Parameters
    ----------
    share : of its clients that it gets, 0 if it is away, 1 if all
    falls : how often it has fallen in a row
    well_ms : since when it is well again while it is away, -1 if it is not
    stepped_ms : when its share last changed because of an order, or grew
    is_cold : whether it returns by degrees
    is_out : whether it was taken out of the world, confirmed, since it fell
    left_load : what others have to carry of it since ``moved_ms``
    moved_ms : when its share last became less, -1 if never
    stamp : of the newest order about it that was heeded
    flow : the share of its own clients that it keeps, because it is busy
    flowed_ms : when that last changed
    weight : of a node among those of its region, by its load
    """

    share: float = 1.0
    falls: int = 0
    well_ms: int = -1
    stepped_ms: int = 0
    is_cold: bool = False
    is_out: bool = False
    left_load: float = 0.0
    moved_ms: int = -1
    stamp: int = 0
    flow: float = 1.0
    flowed_ms: int = 0
    weight: float = 1.0

    @property
    def is_away(self) -> bool:
        """Whether it gets nothing."""
        return self.share <= 0.0

    @property
    def hold_ms(self) -> int:
        """For how long it must be well before it gets anything."""
        doubled = limits.ROUTE_HOLD_MS << min(max(self.falls - 1, 0), 16)
        return 0 if self.falls == 0 else min(doubled, limits.ROUTE_HOLD_MS_MAX)

    def pending(self, now_ms: int) -> float:
        """Return what was moved away from it and does not show yet in the load of the others."""
        is_new = self.moved_ms >= 0 and now_ms - self.moved_ms < limits.ROUTE_SETTLE_MS
        return self.left_load if is_new else 0.0

    def held_ms(self, now_ms: int) -> int:
        """Return for how long it will be held yet, though it is well; 0 if it is not held."""
        if not self.is_away or self.well_ms < 0:
            return 0
        return max(self.well_ms + self.hold_ms - now_ms, 0)


def fallen(presence: Presence, load: float, now_ms: int) -> Presence:
    """Return it away because it is not well; ``load`` is what others have to carry now."""
    if presence.is_away:
        return msgspec.structs.replace(presence, well_ms=-1)
    is_again = now_ms - presence.stepped_ms < limits.ROUTE_FORGET_MS
    falls = presence.falls + 1 if is_again else 1
    return msgspec.structs.replace(
        presence,
        share=0.0,
        falls=falls,
        well_ms=-1,
        is_cold=falls > 1 or presence.share < 1.0,
        left_load=load,
        moved_ms=now_ms,
        flow=1.0,
    )


def left(presence: Presence, share: float, load: float, now_ms: int) -> Presence:
    """Return it with less of its clients because it was ordered so; that is no fall, and it returns without a hold."""
    if share >= presence.share:
        return presence
    return msgspec.structs.replace(
        presence,
        share=share,
        falls=0,
        well_ms=-1,
        stepped_ms=now_ms,
        is_cold=True,
        left_load=load,
        moved_ms=now_ms,
        flow=1.0 if share <= 0 else presence.flow,
    )


def returned(presence: Presence, now_ms: int) -> Presence:
    """Return what is away and well a step further: its hold begins, or is over."""
    well_ms = presence.well_ms if presence.well_ms >= 0 else now_ms
    if now_ms - well_ms < presence.hold_ms:
        return msgspec.structs.replace(presence, well_ms=well_ms)
    share = limits.ROUTE_RETURN_SHARE if presence.is_cold else 1.0
    return msgspec.structs.replace(
        presence, share=share, well_ms=-1, stepped_ms=now_ms, is_cold=False, is_out=False
    )


def grown(presence: Presence, load: float, now_ms: int) -> Presence:
    """Return what is returning with a larger share, if it is time and it is not busy."""
    is_time = now_ms - presence.stepped_ms >= limits.ROUTE_RETURN_STEP_MS
    if presence.share >= 1.0 or not is_time or load > limits.ROUTE_FULL_LOAD:
        return presence
    share = round(min(1.0, presence.share + limits.ROUTE_RETURN_SHARE), 6)
    return msgspec.structs.replace(presence, share=share, stepped_ms=now_ms)
