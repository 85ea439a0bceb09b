"""Snapshots of a node whose learners are in shards: theirs, and none of its own state, in which nobody is."""

from collections.abc import Sequence

from homeroom.running.collecting import Collecting
from homeroom.running.live import Live
from homeroom.running.memberships import Memberships
from homeroom.running.saving import Saving
from homeroom.running.sharding.leading import Leading
from homeroom.running.sharding.options import refused_here
from homeroom.running.snapshots import Snapshots

__all__ = ["ShardSaving", "saving_of"]


class ShardSaving(Saving):
    """Has shards write snapshots. The log forgets no events: shards are made of it."""

    def __init__(
        self,
        shards: Leading,
        snapshots: Snapshots,
        live: Live,
        memberships: Memberships,
        collecting: Collecting,
    ) -> None:
        super().__init__(snapshots, live, memberships, collecting)
        self._shards = shards

    def save(self) -> None:
        """Have the head and all shards write snapshots."""
        self._shards.save()

    def save_anew(self) -> None:
        """Refuse: nothing is folded anew here. Raises `NotInShardsError`."""
        raise refused_here("a state that is folded anew")

    def clean(self, tenants: Sequence[str]) -> None:
        """Refuse: nobody is erased here. Raises `NotInShardsError`."""
        del tenants
        raise refused_here("the erasure of people")


def saving_of(
    shards: Leading | None, parts: tuple[Snapshots, Live, Memberships, Collecting]
) -> Saving:
    """Return what writes the snapshots of a node."""
    return Saving(*parts) if shards is None else ShardSaving(shards, *parts)
