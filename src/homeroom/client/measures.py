"""What a client has found out of one endpoint by itself: how it fails, and how long it takes.

A routing table says where to go by what the nodes know of each other, seconds ago and from where they stand. What
stands between this client and an endpoint only the client can see. So it keeps the last times of each endpoint and a
circuit breaker (Nygard, "Release It!", 2007): after a failure that says that nobody is there, or two in a row that may
be chance, the endpoint is left alone for a while; then one request tries it, and the others go elsewhere until it is
known how that ended.

An error rate over a window was not taken: a client with a request a minute would never fill the window, and one with a
thousand a second would send hundreds into the void before it moved.
"""

import random
from collections import deque
from enum import StrEnum
from typing import Final

from homeroom import limits

__all__ = ["Circuit", "Kind", "Loss", "Times"]


class Kind(StrEnum):
    """What a request does: a read may be asked of two endpoints at once, a write never is."""

    READ = "read"
    WRITE = "write"


class Loss(StrEnum):
    """What a failure says against an endpoint."""

    OUTRUN = "outrun"
    """Another endpoint, asked later, answered sooner."""
    LATE = "late"
    """No answer in time."""
    REFUSED = "refused"
    """An answer that says that there is none now."""
    BROKEN = "broken"
    """The connection was lost on the way: an idle one may have been closed a moment ago."""
    UNREACHABLE = "unreachable"
    """There is no connection to be had."""


_POINTS: Final = {
    Loss.OUTRUN: 1,
    Loss.LATE: 2,
    Loss.REFUSED: 2,
    Loss.BROKEN: 3,
    Loss.UNREACHABLE: 4,
}
_POINTS_MAX: Final = 4
"""So many in a row, with no answer between them, open a circuit."""


class Times:
    """How long the last answers of an endpoint took, in milliseconds."""

    def __init__(self) -> None:
        self._last: deque[int] = deque(maxlen=limits.ENDPOINT_MEASURES)

    def add(self, took_ms: int) -> None:
        """Hear of an answer."""
        self._last.append(took_ms)

    def clear(self) -> None:
        """Forget all."""
        self._last.clear()

    @property
    def middle_ms(self) -> int | None:
        """Half of the answers took at most so long; None while there are too few."""
        return self._part_ms(0.5)

    @property
    def late_ms(self) -> int | None:
        """One in twenty took longer (the 95th percentile); None while there are too few."""
        return self._part_ms(0.95)

    def _part_ms(self, part: float) -> int | None:
        count = len(self._last)
        if count < limits.ENDPOINT_MEASURES_MIN:
            return None
        return sorted(self._last)[min(count - 1, int(part * count))]


class Circuit:
    """Whether an endpoint may be asked now.

    Parameters
    ----------
    generator : draws by how much a pause is shorter, so that clients which failed together do not come back together
    """

    def __init__(self, generator: random.Random) -> None:
        self._generator = generator
        self._points = 0
        self._pause_ms = limits.CIRCUIT_MS
        self._until_ms: int | None = None  # None: closed
        self._trying_until_ms: int | None = (
            None  # one request tries it, and is given up on after that
        )
        self._good_ms: int | None = None  # when something was last heard

    @property
    def is_closed(self) -> bool:
        """Whether nothing stands against it."""
        return self._until_ms is None

    @property
    def is_well(self) -> bool:
        """Whether the last that was heard is an answer."""
        return self._until_ms is None and not self._points and self._good_ms is not None

    @property
    def opens_ms(self) -> int:
        """When it may be tried again; long ago if nothing stands against it."""
        return 0 if self._until_ms is None else self._until_ms

    def opens_in_ms(self, now_ms: int) -> int:
        """Return after how long a request may be made, or it is worth asking again; 0 for now."""
        if self.lets_through(now_ms):
            return 0
        # How the one that tries it ends may be known at any moment.
        return max(self.opens_ms - now_ms, limits.RETRY_WAIT_MS)

    def lets_through(self, now_ms: int) -> bool:
        """Say whether a request may be made now."""
        if self._until_ms is None:
            return True
        is_tried = self._trying_until_ms is not None and now_ms < self._trying_until_ms
        return now_ms >= self._until_ms and not is_tried

    def begin(self, now_ms: int, time_ms_max: int) -> None:
        """Hear that a request is made; if the circuit is open it is the one that tries."""
        if self._until_ms is not None:
            self._trying_until_ms = now_ms + time_ms_max

    def good(self, now_ms: int) -> None:
        """Hear that it has answered."""
        self._points, self._pause_ms = 0, limits.CIRCUIT_MS
        self._until_ms = self._trying_until_ms = None
        self._good_ms = now_ms

    def bad(self, loss: Loss, began_ms: int, now_ms: int) -> None:
        """Hear that a request which began then has failed."""
        if loss is Loss.LATE and self.is_silent(began_ms):
            loss = Loss.UNREACHABLE
        if self._until_ms is not None:
            # Only who tries says something new: the others were under way when the circuit opened.
            if self._trying_until_ms is not None and began_ms >= self._until_ms:
                self._pause_ms = min(2 * self._pause_ms, limits.CIRCUIT_MS_MAX)
                self._open(now_ms)
            return
        self._points += _POINTS[loss]
        if self._points >= _POINTS_MAX:
            self._open(now_ms)

    def is_silent(self, began_ms: int) -> bool:
        """Say whether nothing at all was heard of it since a request began."""
        return self._good_ms is None or self._good_ms < began_ms

    def let_alone(self, wait_ms: int, now_ms: int) -> None:
        """Hear that it asks to be left alone for so long."""
        until_ms = now_ms + min(wait_ms, limits.CIRCUIT_MS_MAX)
        self._until_ms = max(until_ms, self._until_ms or 0)
        self._trying_until_ms = None

    def _open(self, now_ms: int) -> None:
        self._until_ms = now_ms + round(self._pause_ms * self._generator.uniform(0.5, 1.0))
        self._trying_until_ms = None
        self._points = 0

    def check_invariants(self) -> None:
        """Raise `AssertionError` if it is in no state that it may be in."""
        assert self._until_ms is not None or self._trying_until_ms is None, (
            "a closed one is not tried"
        )
        assert 0 <= self._points < _POINTS_MAX, "more points open it"
        assert limits.CIRCUIT_MS <= self._pause_ms <= limits.CIRCUIT_MS_MAX
