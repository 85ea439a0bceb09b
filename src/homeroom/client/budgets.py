"""What a client may ask more often than its program does: retries, and second questions that are asked early.

Both are good for the one request and bad for everybody, when all do it. So each comes out of a budget that requests pay
into, a tenth for each: whatever fails or is slow, the nodes get about a tenth more than without.
"""

from homeroom import limits

__all__ = ["Budget", "Hedges"]


class Budget:
    """Retries that a client may make: earned by requests, and slowly by time.

    It may be in debt: then the next retry waits until the debt is earned by time.
    """

    def __init__(self) -> None:
        self.retries: float = limits.RETRY_RESERVE
        self._at_ms: int | None = None

    def earn(self, now_ms: int) -> None:
        """Earn what a request earns."""
        self._pass(now_ms)
        self._put(limits.RETRIES_PER_REQUEST)

    def take(self, now_ms: int) -> int:
        """Take a retry, and return in how many milliseconds it may be made."""
        self._pass(now_ms)
        self.retries -= 1
        return max(0, round(-self.retries * limits.RETRY_EVERY_MS))

    def owe(self, now_ms: int) -> None:
        """Take a retry that is made now, whatever is left; what is owed has a bound, or it were owed for ever."""
        self._pass(now_ms)
        self.retries = min(self.retries, max(self.retries - 1, -limits.RETRY_DEBT_MAX))

    def give_back(self) -> None:
        """Return a retry that was taken and is not made."""
        self._put(1)

    def _pass(self, now_ms: int) -> None:
        before_ms = now_ms if self._at_ms is None else self._at_ms
        self._at_ms = max(before_ms, now_ms)
        self._put((self._at_ms - before_ms) / limits.RETRY_EVERY_MS)

    def _put(self, retries: float) -> None:
        self.retries = min(self.retries + retries, float(limits.RETRY_RESERVE))


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
