"""Whether a place that may hang is asked at all.

A place that is gone says so at once. One that hangs costs every request its whole time limit, and requests that wait
fill the node: so after a few failures in a row nobody waits for it any more. After a while one request tries, alone;
if it fails too, the while doubles.

It goes by a steady clock. The way not taken, a share of failures within a window, needs more requests to open than a
place that hangs should see.
"""

from enum import StrEnum

from homeroom import limits

__all__ = ["Breaker", "Outcome"]


class Outcome(StrEnum):
    """What came of a request."""

    ANSWERED = "answered"
    FAILED = "failed"


class Breaker:
    """Lets requests through to one place, or not.

    Attributes
    ----------
    times_opened : how often it has stopped to let them through
    """

    def __init__(self) -> None:
        self.times_opened = 0
        self._failures = 0  # in a row, never above BREAKER_FAILURES_MAX
        self._shut_until_ms: int | None = None  # None while all are let through
        self._pause_ms = limits.BREAKER_PAUSE_MS
        self._is_trying = False

    @property
    def is_open(self) -> bool:
        """Whether requests are kept from the place, but for one that tries now and then."""
        return self._shut_until_ms is not None

    def lets_through(self, now_ms: int) -> bool:
        """Say whether a request may be made now; whoever makes one says what came of it."""
        if self._shut_until_ms is None:
            return True
        if self._is_trying or now_ms < self._shut_until_ms:
            return False
        self._is_trying = True
        return True

    def step(self, outcome: Outcome, now_ms: int) -> None:
        """Take what came of a request that was let through."""
        if outcome is Outcome.ANSWERED:
            self._failures, self._shut_until_ms = 0, None
            self._pause_ms, self._is_trying = limits.BREAKER_PAUSE_MS, False
            return
        if self._shut_until_ms is not None:
            if self._is_trying:
                self._is_trying = False
                self._pause_ms = min(2 * self._pause_ms, limits.BREAKER_PAUSE_MS_MAX)
                self._shut_until_ms = now_ms + self._pause_ms
            return
        self._failures += 1
        if self._failures >= limits.BREAKER_FAILURES_MAX:
            self.times_opened += 1
            self._failures = 0
            self._shut_until_ms = now_ms + self._pause_ms

    def check_invariants(self) -> None:
        """Check that what it knows fits together."""
        assert 0 <= self._failures < limits.BREAKER_FAILURES_MAX
        assert limits.BREAKER_PAUSE_MS <= self._pause_ms <= limits.BREAKER_PAUSE_MS_MAX
        assert not (self._is_trying and self._shut_until_ms is None)
