"""Hybrid time: instants that order what happened on different machines.

A machine's clock steps back, and two machines disagree. A hybrid stamp is the clock's millisecond with a counter behind
it: it never goes back, stays close to the clock, and whoever has seen a stamp stamps later than that (Kulkarni et al.,
"Logical Physical Clocks", 2014). One number of 64 bits: the upper 48 are milliseconds since 1970-01-01T00:00:00Z, the
lower 16 count within a millisecond; so stamps are compared and stored as what they are.

The time is always handed in. Nothing here asks a clock.
"""

from homeroom.limits import HYBRID_AHEAD_MS_MAX

__all__ = ["HybridClock", "hybrid_ms", "hybrid_of"]

_COUNTER_BITS = 16


def hybrid_ms(stamp: int) -> int:
    """Return the milliseconds since 1970 of a stamp."""
    return stamp >> _COUNTER_BITS


def hybrid_of(time_ms: int) -> int:
    """Return the first stamp of a millisecond since 1970."""
    return time_ms << _COUNTER_BITS


class HybridClock:
    """Gives out stamps, each later than all that it gave out or saw.

    Parameters
    ----------
    last : the latest stamp that is known, 0 for none
    """

    def __init__(self, last: int = 0) -> None:
        self.last = last

    def stamp(self, now_ms: int) -> int:
        """Return a new stamp: that of the clock, or one more than the last where the clock is not ahead of it."""
        self.last = max(self.last + 1, now_ms << _COUNTER_BITS)
        return self.last

    def is_ahead(self, now_ms: int) -> bool:
        """Say whether what is stamped now would be of the future: the clock was put back, and stamps never go back."""
        return hybrid_ms(self.last) > now_ms + HYBRID_AHEAD_MS_MAX

    def observe(self, stamp: int, now_ms: int) -> None:
        """Stamp later than this one from now on; one that is too far ahead of the clock does not move it."""
        if hybrid_ms(stamp) <= now_ms + HYBRID_AHEAD_MS_MAX:
            self.last = max(self.last, stamp)
