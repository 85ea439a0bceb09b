"""How cores use several processors without knowing of threads.

A core cuts its work into tasks that touch nothing of each other and hands them to a `Run`. The shell gives one with
threads (`homeroom.adapters.threads`); without it, tasks run one after the other.

Learners may also be cut into shards, each with a state of its own, that answer a question together: all of them do the
same, and where something is found that holds of all learners, their parts are put together (`Run.gathered`). A run of
one state alone has all of it already.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Protocol, TypeAlias, TypeVar

import numpy as np
import numpy.typing as npt

__all__ = [
    "Alone",
    "Run",
    "Sequential",
    "Task",
    "added",
    "all_of",
    "any_of",
    "before_me",
    "listed",
    "summed",
]

Task: TypeAlias = Callable[[], None]
Counts: TypeAlias = npt.NDArray[np.int64]
_T = TypeVar("_T")


class Run(Protocol):
    """Runs tasks and returns when all are done; raises what a task raised.

    ``place`` says which of the shards that answer together this one is: no two have the same.
    """

    workers: int
    place: int

    def __call__(self, tasks: Sequence[Task]) -> None:
        """Run the tasks, in any order."""
        ...

    def gathered(self, part: _T, join: Callable[[Sequence[_T]], _T]) -> _T:
        """Return what all who answer the question together have at this place, their parts in one order joined.

        All of them come to the same places in the same order: whether one is come to must follow from the question and
        from what was gathered before, never from one's own learners.
        """
        ...


class Alone:
    """What a run of one state does where others gather."""

    place = 0

    def gathered(self, part: _T, _join: Callable[[Sequence[_T]], _T]) -> _T:
        """Return what is there: it is all."""
        return part


class Sequential(Alone):
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

    Items are dealt out to the workers, and each worker counts into an array of its own. What other shards count is in
    it too.
    """
    hands = [items[i :: run.workers] for i in range(min(run.workers, len(items)))]
    results = [np.zeros(shape, np.int64) for _ in hands]

    def task(hand: Sequence[_T], counts: Counts) -> Task:
        def work() -> None:
            for item in hand:
                add(item, counts)

        return work

    run([task(hand, counts) for hand, counts in zip(hands, results, strict=True)])
    return added(run, _added([np.zeros(shape, np.int64), *results]))


def _added(parts: Sequence[npt.NDArray[Any]]) -> npt.NDArray[Any]:
    total: npt.NDArray[Any] = np.add.reduce(parts)
    return total


def added(run: Run, counts: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Add up what all shards have counted: arrays of one shape and type."""
    return run.gathered(counts, _added)


def listed(run: Run, found: list[_T]) -> list[_T]:
    """Return what all shards have found, one after the other."""
    return run.gathered(found, lambda parts: [one for part in parts for one in part])


def before_me(run: Run, count: int) -> int:
    """Return how many of something the shards before this one have together, given how many this one has."""
    counts = dict(listed(run, [(run.place, count)]))
    return sum(some for place, some in counts.items() if place < run.place)


def any_of(run: Run, found: Iterable[bool]) -> bool:
    """Say whether any is true in any shard."""
    return run.gathered(any(found), any)


def all_of(run: Run, found: Iterable[bool]) -> bool:
    """Say whether all are true in all shards."""
    return run.gathered(all(found), all)
