"""How cores use several processors without knowing of threads.

A core cuts its work into tasks that touch nothing of each other and hands them to a `Run`. The shell gives one with
threads (`homeroom.adapters.threads`); without it, tasks run one after the other.
"""

from collections.abc import Callable, Sequence
from typing import Protocol, TypeAlias, TypeVar

__all__ = ["Run", "Sequential", "Task", "shares"]

Task: TypeAlias = Callable[[], None]
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


def shares(items: Sequence[_T], workers: int) -> list[Sequence[_T]]:
    """Deal items out to workers, as evenly as their number allows; no share is empty."""
    return [items[i::workers] for i in range(min(workers, len(items)))]
