"""The users of a run in a process of their own: what asking costs is no time of the interpreter that answers.

One process has the nodes and the distances, this one has the users; the other one tells it over a pipe what to do, and
waits. Ctrl-C reaches both; to stop the users alone is the same signal.
"""

import asyncio
import os
import signal
from collections.abc import Sequence
from contextlib import suppress
from multiprocessing import get_context
from multiprocessing.connection import Connection
from typing import TYPE_CHECKING, Final, Self

import numpy as np
import uvloop

from homeroom.errors import ProvingError
from homeroom.provers.geography_users import Asking, Kit, Met
from homeroom.provers.learners import Arriving
from homeroom.proving.geography import Phase
from homeroom.proving.plans import Sizes

if TYPE_CHECKING:
    from multiprocessing.process import BaseProcess

__all__ = ["UsersElsewhere"]

_READY: Final = "ready"
_END_S: Final = 10.0


class UsersElsewhere:
    """The users of a plan in another process; a context manager that ends it."""

    def __init__(self, kit: Kit) -> None:
        self._pipe, theirs = get_context("spawn").Pipe()
        self._process: BaseProcess = get_context("spawn").Process(target=_work, args=(theirs, kit))
        self._theirs = theirs

    async def __aenter__(self) -> Self:
        """Start it, and return when it is there."""
        await asyncio.to_thread(self._process.start)
        self._theirs.close()
        await self._heard()
        return self

    async def __aexit__(self, *error: object) -> None:
        """Have it end."""
        with suppress(OSError):  # it has ended already
            self._pipe.send(None)
        await asyncio.to_thread(self._process.join, _END_S)
        if self._process.is_alive():
            self._process.kill()
            await asyncio.to_thread(self._process.join)
        self._pipe.close()

    async def warm(self, batches: Sequence[Arriving]) -> Met:
        """Have all users know their way; see `Asking.warm`."""
        self._pipe.send(("warm", batches))
        return await self._met()

    async def run(self, phase: Phase, sizes: Sizes, batches: Sequence[Arriving], seed: int) -> Met:
        """Have them ask; see `Asking.run`."""
        self._pipe.send(("run", (phase, sizes, batches, seed)))
        return await self._met()

    def stop(self) -> None:
        """Have them begin nothing more."""
        if self._process.pid is not None and self._process.is_alive():
            os.kill(self._process.pid, signal.SIGINT)

    async def _met(self) -> Met:
        found = await self._heard()
        assert isinstance(found, Met), found
        return found

    async def _heard(self) -> object:
        try:
            found: object = await asyncio.to_thread(self._pipe.recv)
        except (EOFError, OSError):
            raise ProvingError("the process of the users has ended before the run has") from None
        return found


def _work(pipe: Connection, kit: Kit) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # until it is known what to do about it
    uvloop.run(_serve(pipe, kit))


async def _serve(pipe: Connection, kit: Kit) -> None:
    stopping = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGINT, stopping.set)
    async with Asking(kit, stopping) as asking:
        pipe.send(_READY)
        with suppress(EOFError, OSError):  # nobody is there any more to tell anything
            while (asked := await asyncio.to_thread(pipe.recv)) is not None:
                what, given = asked
                if what == "warm":
                    pipe.send(await asking.warm(given))
                    continue
                phase, sizes, batches, seed = given
                rng = np.random.default_rng(seed)
                pipe.send(await asking.run(phase, sizes, batches, rng))
