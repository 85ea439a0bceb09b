"""Work on many things as tasks of Ray, some at a time, on whatever machines belong to the cluster.

A task whose process or machine is lost is done again by Ray; so only what may be done twice belongs in one.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

from homeroom.adapters.ray_shards import RayCluster
from homeroom.errors import HomeroomError, SourceError

__all__ = ["ray_tasks"]

_T = TypeVar("_T")
_R = TypeVar("_R")


def ray_tasks(address: str, work: Callable[[_T], _R], items: Sequence[_T]) -> Iterator[_R]:
    """Yield what comes of each item, in the order in which it comes.

    Parameters
    ----------
    address : of a cluster that runs; empty to start one on this machine
    work : what is done; it and what it takes and returns travel between processes

    Raises what the work raises; what was begun then is not waited for.
    """
    with RayCluster(address) as cluster:
        import ray
        from ray.exceptions import RayError, RayTaskError

        remote = ray.remote(num_cpus=1)(_done)
        wanted = 2 * sum(one.processors for one in cluster.machines())
        waiting, under_way = list(reversed(items)), list[object]()
        while waiting or under_way:
            while waiting and len(under_way) < wanted:
                under_way.append(remote.remote(work, waiting.pop()))
            [done], under_way = ray.wait(under_way, num_returns=1)
            try:
                yield ray.get(done)
            except RayTaskError as error:
                if isinstance(error.cause, HomeroomError):
                    raise error.cause from None
                raise
            except RayError as error:
                raise SourceError(f"a task of Ray was lost again and again: {error}") from error


def _done(work: Callable[[_T], _R], item: _T) -> _R:
    return work(item)
