"""Copies of the vault are made beside everything else, and say how far the log need no longer go back.

A copy reads the whole file, so it is made seldom: after a set time, if anything has come, and never so often that it
would be most of what the disk does. While one is being made nobody waits: records are read and written, and the copier
rests after each piece. A directory that was restored has no copy; it gets its first one at once.
"""

import asyncio
import contextlib
import threading
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from homeroom import limits
from homeroom.adapters.vault.copies import VaultCopies
from homeroom.cohorts.live import Trouble
from homeroom.errors import HomeroomError, kind_and_places
from homeroom.log.origins import Vector
from homeroom.running.collecting import Collecting
from homeroom.running.recording import RecordReader

__all__ = ["RecordCopies", "Rest", "StoppedError"]


class StoppedError(Exception):
    """The node stops; there is no time for this."""


class RecordCopies:
    """Makes copies of a node's vault. Made and used in one event loop; the work is done in a thread.

    Parameters
    ----------
    copies : of the vault's file
    recorder : whoever writes that file
    period_ms : after so long another copy is made, if anything has come; 0 for never
    collecting : is told what the log may forget

    Attributes
    ----------
    made : is set when the first copy has been made
    """

    def __init__(
        self,
        copies: VaultCopies,
        recorder: RecordReader,
        period_ms: int,
        collecting: Collecting,
    ) -> None:
        self.copies = copies
        self.made = asyncio.Event()
        self._recorder, self._period_s, self._collecting = recorder, period_ms / 1_000, collecting
        self._stopping = threading.Event()
        self._trouble: str | None = None
        self._seen = Vector()
        self._one_at_a_time = asyncio.Lock()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to make copies, if any are to be made."""
        if not self._period_s:
            return
        self._task = asyncio.get_running_loop().create_task(self._keep_copying())

    async def stop(self) -> None:
        """Return when no copy is being made any more; one that was is given up."""
        self._stopping.set()
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
        await asyncio.to_thread(self.copies.wait)

    def troubles(self) -> tuple[Trouble, ...]:
        """Return what is wrong with copies."""
        return () if self._trouble is None else (Trouble(self._trouble),)

    async def make(self) -> None:
        """Make a copy now. Raises `VaultError`."""
        await self._do(self.copies.make)

    async def renew(self) -> None:
        """Have nothing left in any copy that is not in the file. Raises `VaultError`."""
        await self._do(self.copies.renew)

    @asynccontextmanager
    async def paused(self) -> AsyncIterator[None]:
        """Have no copy made meanwhile: whoever empties the file's journal would wait for it, and all writers too."""
        async with self._one_at_a_time:
            yield

    async def _do(self, work: Callable[[Callable[[], None]], object]) -> None:
        async with self._one_at_a_time:
            await asyncio.to_thread(work, Rest(self._stopping, limits.RECORD_COPY_REST).rest)
            self._collecting.copies = self.copies.collectable()
            self._collecting.begin()

    async def _keep_copying(self) -> None:
        wait_s = self._period_s if await asyncio.to_thread(self.copies.copies) else 0.0
        while True:
            await asyncio.sleep(wait_s)
            began = time.monotonic()
            applied = self._recorder.applied
            if applied != self._seen:
                await self._tried()
                self._seen = applied if self._trouble is None else Vector()
            worked_s = time.monotonic() - began
            wait_s = max(self._period_s, worked_s * limits.RECORD_COPY_REST)

    async def _tried(self) -> None:
        try:
            await self.make()
            self._trouble = None
            self.made.set()
        except StoppedError:
            return
        except HomeroomError as error:
            self._trouble = str(error)
        except Exception as error:  # noqa: BLE001 - told as a trouble, and tried again
            self._trouble = f"no copy of the vault could be made: {kind_and_places(error)}; this is a fault of homeroom"


class Rest:
    """Rests for some times as long as was worked since the last rest; ends the work when the node stops.

    Parameters
    ----------
    stopping : is set when the node stops
    times : how many
    """

    def __init__(self, stopping: threading.Event, times: int) -> None:
        self._stopping, self._times = stopping, times
        self._began: float | None = None

    def rest(self) -> None:
        """Rest. Raises `StoppedError` when the node stops."""
        worked_s = 0.0 if self._began is None else time.monotonic() - self._began
        if self._stopping.wait(worked_s * self._times):
            raise StoppedError
        self._began = time.monotonic()
