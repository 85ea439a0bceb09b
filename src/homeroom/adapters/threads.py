"""Threads for the cores: kernels release the interpreter, so a thread a processor is enough."""

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from homeroom.state.running import Alone, Task

__all__ = ["ThreadRun", "processors"]


def processors() -> int:
    """Return the number of processors that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class ThreadRun(Alone):
    """Runs tasks in threads; the calling thread works too, so one worker needs no other thread."""

    def __init__(self, workers: int | None = None) -> None:
        self.workers = workers or processors()
        self._pool = ThreadPoolExecutor(self.workers - 1, "homeroom") if self.workers > 1 else None

    def __call__(self, tasks: Sequence[Task]) -> None:
        """Run the tasks; raises what the first failed one raised, after all have ended."""
        if self._pool is None or len(tasks) < 2:
            for task in tasks:
                task()
            return
        waiting = list(tasks)

        def work() -> None:
            while waiting:
                try:
                    task = waiting.pop()
                except IndexError:  # another thread took the last one
                    return
                task()

        others = [self._pool.submit(work) for _ in range(self.workers - 1)]
        try:
            work()
        finally:
            # A thread that is busy with the tasks of somebody else would come too late for these: nothing is left.
            started = [other for other in others if not other.cancel()]
            for other in started:
                other.exception()
        for other in started:
            other.result()
