"""Reads that wait until an entry is folded.

The thread that folds says that it has; whoever waits looks again, in the event loop. There is no list of who waits for
which entry: a read asks about one of many vectors (what is folded, what memberships hold), and looks at it itself.
"""

import asyncio
import contextlib
from collections.abc import Callable

from homeroom.errors import NotYetError
from homeroom.log.origins import Token, Vector

__all__ = ["Folds"]


class Folds:
    """Wakes those who wait for folds; made and awaited in the event loop.

    Parameters
    ----------
    applied : returns what is folded
    wait_ms : how long a read waits
    """

    def __init__(self, applied: Callable[[], Vector], wait_ms: int) -> None:
        self._applied, self._wait_ms = applied, wait_ms
        self._loop = asyncio.get_running_loop()
        self._waiting: list[asyncio.Future[None]] = []

    async def reached(self, token: Token, applied: Callable[[], Vector] | None = None) -> None:
        """Return when an entry is folded (or in ``applied``). Raises `NotYetError` after the time that a read waits."""
        applied = applied or self._applied
        try:
            async with asyncio.timeout(self._wait_ms / 1_000):
                while applied()[token.origin] < token.number:
                    folded = self.next()
                    if applied()[token.origin] < token.number:
                        await folded
        except TimeoutError:
            raise NotYetError(
                f"entry {token.number} of {token.origin} has not come within {self._wait_ms:,} ms; ask again, or ask "
                f"without it"
            ) from None

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
