"""Virtual time: what is to happen when, in one order, and a trace of what did.

Things of one millisecond happen in the order in which they were put down; so nothing depends on how a heap breaks ties,
and a run is settled by its seed. The trace keeps the last lines for people, and a running checksum of everything for
the comparison of two runs.
"""

import heapq
import zlib
from collections import deque
from collections.abc import Callable
from typing import Any, Final

__all__ = ["BEGIN_MS", "Agenda", "Trace"]

BEGIN_MS: Final = 1_764_000_000_000
"""What a right clock shows when a world begins."""

_LINES: Final = 400


class Trace:
    """What happened, the last of it in words.

    Attributes
    ----------
    checksum : of all that was noted, in order
    """

    def __init__(self) -> None:
        self.checksum = 0
        self._lines: deque[tuple[int, str, str]] = deque(maxlen=_LINES)

    def note(self, now_ms: int, who: str, what: str) -> None:
        """Note something for people."""
        self._lines.append((now_ms, who, what))
        self.checksum = zlib.crc32(f"{now_ms} {who} {what}".encode(), self.checksum)

    def add(self, now_ms: int, body: bytes) -> None:
        """Add something to the checksum alone."""
        self.checksum = zlib.crc32(body, self.checksum ^ (now_ms & 0xFFFFFFFF))

    def lines(self, count: int) -> list[str]:
        """Return the last lines."""
        return [
            f"{at / 1_000:9.3f} s  {who:12} {what}" for at, who, what in list(self._lines)[-count:]
        ]


class Agenda:
    """What is to happen.

    Parameters
    ----------
    now_ms : where virtual time begins

    Attributes
    ----------
    now_ms : virtual time
    skipped_ms : time that went by beside it, in which nothing happened at all
    happened : how many things
    """

    def __init__(self, now_ms: int = 0) -> None:
        self.now_ms = now_ms
        self.skipped_ms = 0
        self.happened = 0
        self._order = 0
        self._heap: list[tuple[int, int, Callable[..., None], tuple[Any, ...]]] = []

    @property
    def wall_ms(self) -> int:
        """What a right clock shows."""
        return BEGIN_MS + self.skipped_ms + self.now_ms

    def at(self, at_ms: int, do: Callable[..., None], *arguments: Any) -> None:  # noqa: ANN401 - handed on as it is
        """Let something happen at a time, now at the earliest."""
        self._order = order = self._order + 1
        heapq.heappush(self._heap, (max(at_ms, self.now_ms), order, do, arguments))

    def after(self, wait_ms: int, do: Callable[..., None], *arguments: Any) -> None:  # noqa: ANN401 - handed on as it is
        """Let something happen after a while."""
        self._order = order = self._order + 1
        heapq.heappush(self._heap, (self.now_ms + max(wait_ms, 0), order, do, arguments))

    def run(self, until_ms: int) -> None:
        """Let everything happen up to a time."""
        heap, pop = self._heap, heapq.heappop
        while heap and heap[0][0] <= until_ms:
            self.now_ms, _, do, arguments = pop(heap)
            self.happened += 1
            do(*arguments)
        self.now_ms = until_ms
