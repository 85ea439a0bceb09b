"""The shards of a data directory as processes of Ray."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from pathlib import Path

from homeroom.adapters.ray_shards import RayCluster
from homeroom.running.sharding.heading import place_of
from homeroom.running.sharding.keeping import Cluster
from homeroom.running.sharding.region import Worker
from homeroom.running.sharding.shard import open_shard
from homeroom.scaling.placing import Machine
from homeroom.scaling.slots import Slots

__all__ = ["over_ray"]


def over_ray(address: str) -> Callable[[Path], AbstractContextManager[Cluster]]:
    """Return what has the machines of a cluster of Ray for shards; without an address it is started on this machine."""

    @contextmanager
    def cluster(data: Path) -> Iterator[Cluster]:
        with RayCluster(address) as ray:
            yield _Places(ray, data.resolve())

    return cluster


class _Places:
    def __init__(self, ray: RayCluster, data: Path) -> None:
        self._ray, self._data = ray, data

    def start(self, slots: Slots, node: str) -> Worker:
        make = partial(open_shard, place_of(self._data, slots), self._data, slots)
        return self._ray.start(slots.number, make, node)

    def machines(self) -> tuple[Machine, ...]:
        return self._ray.machines()

    def share(self, value: object) -> object:
        return self._ray.share(value)
