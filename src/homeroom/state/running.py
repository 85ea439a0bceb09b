"""How cores use several processors without knowing of threads.

A core cuts its work into tasks that touch nothing of each other and hands them to a `Run`. The shell gives one with
threads (`homeroom.adapters.threads`); without it, tasks run one after the other.
"""

from collections.abc import Callable, Sequence
from typing import Protocol, TypeAlias, TypeVar

import numpy as np
import numpy.typing as npt

__all__ = ["Run", "Sequential", "Task", "summed"]

Task: TypeAlias = Callable[[], None]
Counts: TypeAlias = npt.NDArray[np.int64]
_T = TypeVar("_T")


class Run(Protocol):
    """Runs tasks and returns when all are done; raises what a task raised."""

    workers: int

    def __call__(self, tasks: Sequence[Task]) -> None:
        """Run the tasks, in any order."""
        ...


class Sequential:
    """Runs tasks one after the other."""

    workers = 1

    def __call__(self, tasks: Sequence[Task]) -> None:
        """Run the tasks in order."""
        for task in tasks:
            task()


def summed(
    items: Sequence[_T], shape: tuple[int, ...], add: Callable[[_T, Counts], None], run: Run
) -> Counts:
    """Add up what ``add`` counts for each item, int64 of a shape.

    Items are dealt out to the workers, and each worker counts into an array of its own.
    """
    hands = [items[i :: run.workers] for i in range(min(run.workers, len(items)))]
    results = [np.zeros(shape, np.int64) for _ in hands]

    def task(hand: Sequence[_T], counts: Counts) -> Task:
        def work() -> None:
            for item in hand:
                add(item, counts)

        return work

    run([task(hand, counts) for hand, counts in zip(hands, results, strict=True)])
    total: Counts = np.add.reduce([np.zeros(shape, np.int64), *results])
    return total
