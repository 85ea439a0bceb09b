"""What a client may ask more often than its program does: retries, and second questions that are asked early.

Both are good for the one request and bad for everybody, when all do it. So each comes out of a budget that requests pay
into, a tenth for each: whatever fails or is slow, the nodes get about a tenth more than without.
"""

import math

from homeroom import limits

__all__ = ["Budget", "Hedges"]


class Budget:
    """Retries that a client may make: earned by requests, and slowly by time.

    It may be in debt: then the next retry waits until the debt is earned by time. Time earns ever less while retries
    are of no use: of clients that ask once in a while there may be very many, and all of them would try again together.

    What was put off while much failed is a debt that a tenth of each request does not pay within the time that these
    requests have. But to nodes that answer many requests in a row, each at once, a few more do no harm: each further
    answer lets one go that waits. The debt stays, so that there are no more retries of what fails later.
    """

    def __init__(self) -> None:
        self.retries: float = limits.RETRY_RESERVE
        self.every_ms = limits.RETRY_EVERY_MS
        self._at_ms: int | None = None
        self._idle_ms = (
            0  # from when on time earns: a client that makes requests finds out by these
        )
        self._lately = 0.0  # requests of the last while, the older the less
        self._in_row = 0  # quick answers since something last failed
        self._passes = (
            0  # of those that wait, how many may go before their time; at most RETRY_RESERVE
        )

    def earn(self, now_ms: int) -> None:
        """Earn what a request earns."""
        self._pass(now_ms)
        self._lately += 1
        self._idle_ms = now_ms + self.every_ms
        self._put(limits.RETRIES_PER_REQUEST)

    def take(self, now_ms: int) -> int:
        """Take a retry, and return in how many milliseconds it may be made."""
        self._pass(now_ms)
        self.retries -= 1
        if self.retries >= 0:
            return 0
        wait_ms = round(-self.retries * self.every_ms) + max(0, self._idle_ms - now_ms)
        self.every_ms = min(2 * self.every_ms, limits.RETRY_EVERY_MS_MAX)
        return wait_ms

    def lets_go(self) -> bool:
        """Say whether a retry that was taken, and waits for its time, may be made now; who hears yes makes it."""
        if not self._passes:
            return False
        self._passes -= 1
        return True

    def owe(self, now_ms: int) -> None:
        """Take a retry that is made now, whatever is left; what is owed has a bound, or it were owed for ever."""
        self._pass(now_ms)
        self.retries = min(self.retries, max(self.retries - 1, -limits.RETRY_DEBT_MAX))

    def give_back(self) -> None:
        """Return a retry that was taken and is not made."""
        self._put(1)

    def good(self, took_ms: int = 0) -> None:
        """Hear that a request was answered; after many quick ones in a row each lets a retry go that waits."""
        self.every_ms = max(self.every_ms // 2, limits.RETRY_EVERY_MS)
        self._in_row = self._in_row + 1 if took_ms <= limits.RETRY_WELL_MS else 0
        if self._in_row > limits.RETRY_WELL_AFTER:
            self._passes = min(self._passes + 1, limits.RETRY_RESERVE)
        elif not self._in_row:
            self._passes = 0

    def bad(self) -> None:
        """Hear that an attempt has failed."""
        self._in_row = self._passes = 0

    def _pass(self, now_ms: int) -> None:
        before_ms = now_ms if self._at_ms is None else self._at_ms
        self._at_ms = max(before_ms, now_ms)
        passed_ms = self._at_ms - before_ms
        self._lately *= math.exp(-passed_ms / limits.RETRY_WINDOW_MS)
        idle_ms = self._at_ms - max(before_ms, self._idle_ms)
        self._put(max(0, idle_ms) / self.every_ms)

    def _put(self, retries: float) -> None:
        most = max(float(limits.RETRY_RESERVE), self._lately * limits.RETRIES_PER_REQUEST)
        self.retries = min(self.retries + retries, most)


class Hedges:
    """Second questions that a client may ask while the first is not answered: earned by reads, and by nothing else."""

    def __init__(self) -> None:
        self.left: float = limits.HEDGE_RESERVE

    def earn(self) -> None:
        """Earn what a read earns."""
        self.left = min(self.left + limits.HEDGES_PER_READ, float(limits.HEDGE_RESERVE))

    def take(self) -> bool:
        """Take one, and say whether there was one to be had."""
        if self.left < 1:
            return False
        self.left -= 1
        return True
