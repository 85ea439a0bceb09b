"""What commands on this machine ask of a node's upkeep: how its world or shards are, a state that is folded anew."""

import msgspec

from homeroom.cohorts.live import EarlyEntries
from homeroom.running.route_requests import OrderAsked, RoutesAsked, RoutesTold
from homeroom.running.sharding.scale_requests import ScaleAsked, ScaleTold

__all__ = [
    "ApartTold",
    "RepairAsked",
    "Repaired",
    "ShardApart",
    "TenantRepaired",
    "UpkeepAsked",
    "UpkeepTold",
    "WorldAsked",
    "WorldTold",
]


class WorldAsked(msgspec.Struct, frozen=True, tag_field="ask", tag="world"):
    """Say how the world looks from there."""


class ApartTold(msgspec.Struct, frozen=True, kw_only=True):
    """Where the state of a node differs from another one's: partitions, and keys of rows, all of them or some."""

    node: str
    shards: tuple[str, ...]
    rows: tuple[str, ...]
    is_all: bool


class WorldTold(msgspec.Struct, frozen=True, kw_only=True, tag="world"):
    """How the world looks from a node.

    Parameters
    ----------
    node, home : it, and the one that states facts
    term : how often the home was named
    early : entries that wait for a time that is to come
    apart : nodes whose state is another one at equal entries
    troubles : all that is wrong, in words
    """

    node: str
    home: str
    term: int = 0
    early: tuple[EarlyEntries, ...] = ()
    apart: tuple[ApartTold, ...] = ()
    troubles: tuple[str, ...] = ()


class RepairAsked(msgspec.Struct, frozen=True, tag_field="ask", tag="repair"):
    """Fold the log anew, and compare."""


class ShardApart(msgspec.Struct, frozen=True):
    """A partition of a table in which rows were not what they should be: how many, and the keys of some."""

    place: str
    rows: int
    keys: tuple[str, ...]


class TenantRepaired(msgspec.Struct, frozen=True, kw_only=True):
    """What of a tenant was not as it should be.

    Parameters
    ----------
    name : of the tenant
    learners, events : those that there are now
    shards : where rows were wrong
    others : what else was, in words
    """

    name: str
    learners: int
    events: int
    shards: tuple[ShardApart, ...] = ()
    others: tuple[str, ...] = ()

    @property
    def was_wrong(self) -> bool:
        """Whether anything was."""
        return bool(self.shards or self.others)


class Repaired(msgspec.Struct, frozen=True, kw_only=True, tag="repaired"):
    """What a repair has found.

    Parameters
    ----------
    tenants : of the node
    entries : that are folded
    begun : ``log`` if all was folded from its beginning, ``snapshot`` if the log has forgotten that
    unread : snapshots that could not be read, in words
    troubles : what hindered it, in words
    """

    tenants: tuple[TenantRepaired, ...]
    entries: int
    begun: str = "log"
    unread: tuple[str, ...] = ()
    troubles: tuple[str, ...] = ()

    @property
    def was_wrong(self) -> bool:
        """Whether anything was not as it should be."""
        return bool(self.unread) or any(one.was_wrong for one in self.tenants)


UpkeepAsked = WorldAsked | RepairAsked | RoutesAsked | OrderAsked | ScaleAsked
UpkeepTold = WorldTold | Repaired | RoutesTold | ScaleTold
