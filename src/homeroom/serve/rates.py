"""How often somebody may ask: a bucket of tokens each, that fills by the clock.

A bucket holds at most a burst, fills at a rate, and each request takes out what it costs. So short bursts pass, and the
average holds. A bucket is two numbers; the time is handed in. Buckets that are full again are forgotten, so that
whoever was here once costs nothing.

The way not taken is a window of a minute with a counter: twice the allowance passes at the turn of the minute.
"""

from dataclasses import dataclass
from typing import Final

from homeroom import limits

__all__ = ["Buckets"]

_MS: Final = 1_000.0


@dataclass(slots=True)
class _Bucket:
    tokens: float
    at_ms: int


class Buckets:
    """Buckets by owner.

    Parameters
    ----------
    per_second : tokens that come back in a second
    burst : tokens of a full bucket

    Attributes
    ----------
    held : buckets that are not known to be full; at most ``limits.BUCKETS_MAX``
    """

    def __init__(self, per_second: float, burst: float) -> None:
        assert per_second > 0, "a bucket fills"
        self._per_ms = per_second / _MS
        self._burst = float(burst)
        self.held: dict[str, _Bucket] = {}

    def take(self, owner: str, cost: float, now_ms: int) -> float:
        """Take tokens out; return 0, or in how many seconds there will be enough, with none taken.

        What costs more than a full bucket is let through when it is full, and leaves a debt.
        """
        bucket = self.held.get(owner)
        if bucket is None:
            self._make_room(now_ms)
            bucket = self.held[owner] = _Bucket(self._burst, now_ms)
        passed_ms = max(0, now_ms - bucket.at_ms)
        bucket.tokens = min(self._burst, bucket.tokens + passed_ms * self._per_ms)
        # A clock that was set back goes on from there; else nothing would come back until it had caught up.
        bucket.at_ms = now_ms
        lacking = min(cost, self._burst) - bucket.tokens
        if lacking > 0:
            return lacking / self._per_ms / _MS
        bucket.tokens -= cost
        return 0.0

    def forget(self, owner: str) -> None:
        """Have somebody's bucket full again."""
        self.held.pop(owner, None)

    def _make_room(self, now_ms: int) -> None:
        if len(self.held) < limits.BUCKETS_MAX:
            return
        full = [
            owner
            for owner, one in self.held.items()
            if one.tokens + (now_ms - one.at_ms) * self._per_ms >= self._burst
        ]
        # If none is full, the one that was not asked for the longest is the one nearest to it.
        for owner in full or [min(self.held, key=lambda owner: self.held[owner].at_ms)]:
            del self.held[owner]
