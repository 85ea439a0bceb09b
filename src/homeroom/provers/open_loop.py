"""Work that begins when it is due, whether what was begun before is done or not."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Final

import numpy as np
import numpy.typing as npt

__all__ = ["on_time"]

_UNDER_WAY_MAX: Final = 4_096


async def on_time(
    begin_s: float,
    times: npt.NDArray[np.float64],
    work: Callable[[int, float], Awaitable[None]],
    stopping: asyncio.Event,
) -> None:
    """Begin each piece of work at its time, and return when all of it is done.

    Parameters
    ----------
    begin_s : from which times count, of ``time.perf_counter``
    times : seconds, in order
    work : is given its number and when it was to begin; it counts how long it took from then
    stopping : once set, nothing more is begun
    """
    under_way: set[asyncio.Future[None]] = set()
    for number, after_s in enumerate(times.tolist()):
        wanted_s = begin_s + after_s
        with suppress(TimeoutError):
            early_s = wanted_s - time.perf_counter()
            if early_s > 0:
                await asyncio.wait_for(stopping.wait(), early_s)
        if stopping.is_set():
            break
        if len(under_way) >= _UNDER_WAY_MAX:
            # Nobody gets more than this ahead of a node; what it costs is counted as their waiting.
            await asyncio.wait(under_way, return_when=asyncio.FIRST_COMPLETED)
        one = asyncio.ensure_future(work(number, wanted_s))
        under_way.add(one)
        one.add_done_callback(under_way.discard)
    await asyncio.gather(*under_way)
