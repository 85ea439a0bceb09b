"""Reads that wait until an entry is folded.

The thread that folds says that it has; whoever waits looks again, in the event loop. There is no list of who waits for
which entry: a read asks about one of many vectors (what is folded, what memberships hold), and looks at it itself.
"""

import asyncio
import contextlib
from collections.abc import Callable
from typing import Final

from homeroom.errors import NotYetError
from homeroom.log.origins import Token, Vector

__all__ = ["Folds"]


_LOOK_S: Final = 0.05
"""What becomes true by itself, without a fold, is looked at so often."""


class Folds:
    """Wakes those who wait for folds; made and awaited in the event loop.

    Parameters
    ----------
    applied : returns what is folded
    wait_ms : how long a read waits
    hurry : is called when somebody begins to wait
    """

    def __init__(
        self, applied: Callable[[], Vector], wait_ms: int, hurry: Callable[[], None]
    ) -> None:
        self._applied, self._wait_ms, self._hurry = applied, wait_ms, hurry
        self._loop = asyncio.get_running_loop()
        self._waiting: list[asyncio.Future[None]] = []

    async def reached(self, token: Token, applied: Callable[[], Vector] | None = None) -> None:
        """Return when an entry is folded (or in ``applied``). Raises `NotYetError` after the time that a read waits."""
        await self.covers(Vector({token.origin: token.number}), None, applied)

    async def covers(
        self, after: Vector, wait_ms: int | None, applied: Callable[[], Vector] | None = None
    ) -> None:
        """Return when all of a vector is folded (or in ``applied``). Raises `NotYetError` like `reached`.

        ``wait_ms`` is how long it waits, and at most as long as a read does, which is also what None means.
        """
        applied = applied or self._applied
        if await self._holds(lambda: applied().covers(after), self.bounded(wait_ms)):
            return
        now = applied()
        origin = next((one for one in after if now[one] < after[one]), None)
        if origin is not None:
            raise NotYetError(
                f"entry {after[origin]} of {origin} has not come within {self.bounded(wait_ms):,} ms; ask again, or "
                f"ask without it"
            )

    def bounded(self, wait_ms: int | None) -> int:
        """Return how long a read waits that wants to wait so long."""
        return self._wait_ms if wait_ms is None else min(wait_ms, self._wait_ms)

    async def _holds(self, holds: Callable[[], bool], wait_ms: int) -> bool:
        try:
            async with asyncio.timeout(wait_ms / 1_000):
                while not holds():
                    folded = self.next()
                    if not holds():
                        self._hurry()
                        await folded
        except TimeoutError:
            return False
        return True

    async def becomes(self, holds: Callable[[], bool], wait_ms: int) -> bool:
        """Wait until something holds that becomes true by folds and by time; return whether it does in time."""
        end_s = self._loop.time() + wait_ms / 1_000
        folded = self.next()
        while not holds():
            left_s = end_s - self._loop.time()
            if left_s <= 0:
                return False
            await asyncio.wait([folded], timeout=min(left_s, _LOOK_S))
            if folded.done():
                folded = self.next()
        return True

    def next(self) -> "asyncio.Future[None]":
        """Return what is done after the next fold."""
        future: asyncio.Future[None] = self._loop.create_future()
        self._waiting.append(future)
        return future

    def wake(self) -> None:
        """Have those look again who wait; from any thread.

        Who begins to wait looks whether to wait at all after that, so nobody is missed who is not seen here.
        """
        if not self._waiting:
            return
        with contextlib.suppress(RuntimeError):  # the loop has ended
            self._loop.call_soon_threadsafe(self._wake_all)

    def _wake_all(self) -> None:
        waiting, self._waiting = self._waiting, []
        for future in waiting:
            if not future.done():
                future.set_result(None)
