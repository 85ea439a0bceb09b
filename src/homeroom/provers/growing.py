"""How processor time and memory grow: the analysis set at several sizes, each in a process of its own.

A process never gives all of its memory back, so a second size in the same one would look free. What is measured is the
least processor time of a few passes, all threads together, since whatever else runs on a machine only adds to it; and
the memory that the process holds with a node open, less what it held before that.
"""

import asyncio
import gc
import os
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Final

from homeroom.provers.embedded import Loading, questions_of
from homeroom.provers.learners import make_history
from homeroom.provers.loading import defined, options_at_noon
from homeroom.running.node import RunningNode
from homeroom.simulation.world import LearnerWorld

__all__ = ["Grown", "measure_size"]

_PASSES: Final = 5
_WARM: Final = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Grown:
    """What a size costs: processor seconds a pass, and bytes of memory."""

    learners: int
    processor_s: float
    memory_bytes: int


def measure_size(world: LearnerWorld, folder: Path) -> Grown:
    """Measure one size in a fresh process."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(_measured, world, folder).result()


def _measured(world: LearnerWorld, folder: Path) -> Grown:
    return asyncio.run(_run(world, folder))


async def _run(world: LearnerWorld, folder: Path) -> Grown:
    place = folder / f"growth-{world.learners}"
    history = make_history(place, world)
    assert history is not None, "nobody stops it"
    first, today = world.start.isoformat(), history.today
    del history
    gc.collect()
    before = _memory_bytes()
    node = await RunningNode.open(place, options_at_noon(today))
    try:
        await defined(node)
        loading = Loading(node, questions_of(first, today.isoformat()), None)
        await loading.passes(_WARM)
        spent = []
        for _ in range(_PASSES):
            used_s = time.process_time()
            await loading.passes(1)
            spent.append(time.process_time() - used_s)
        gc.collect()
        held = max(_memory_bytes() - before, 1)
        return Grown(learners=world.learners, processor_s=min(spent), memory_bytes=held)
    finally:
        await node.stop()


def _memory_bytes() -> int:
    """Return how much memory this process holds now; 0 where the system does not say."""
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
    except (OSError, ValueError, IndexError):
        return 0
    return pages * os.sysconf("SC_PAGE_SIZE")
