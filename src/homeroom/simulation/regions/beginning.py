"""What a life of a simulated node begins with: what its store has, as far as the world counts it.

Before anything is folded the facts are read that the store holds. What lies beyond the number at which an origin was
closed is no entry of the world: it is neither said to be held nor folded. What of it the node wrote itself, in an
earlier life that the world had given up, somebody was told yes for; so it is written once more, under the new life.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from homeroom.clock import hybrid_ms
from homeroom.limits import HYBRID_AHEAD_MS_MAX
from homeroom.log.entries import Entry, Head
from homeroom.log.origins import Origin, Stream, Vector
from homeroom.regions.stated import Stated, members_of
from homeroom.regions.steps import Members
from homeroom.simulation.disk_store import DiskStore

__all__ = ["Beginning", "begin"]

_COUNT_MAX = 1 << 40


@dataclass(frozen=True, slots=True, kw_only=True)
class Beginning:
    """What there is at a start.

    Parameters
    ----------
    members : who belongs to the world by the facts in the store
    heads : by origin the last entry that counts
    entries : those that count, in order by origin
    tail : those of the node's own that do not
    """

    members: Members
    heads: Mapping[Origin, Head]
    entries: tuple[Entry, ...]
    tail: tuple[Entry, ...]

    @property
    def named(self) -> Vector:
        """By origin that has not collapsed the last number."""
        heads = self.heads.items()
        collapsed = self.members.collapsed
        return Vector({origin: head.number for origin, head in heads if origin not in collapsed})


def begin(node: str, store: DiskStore, seeds: Members, wall_ms: int) -> Beginning:
    """Return what a life of a node begins with."""
    members = _members(store, seeds, wall_ms)
    heads: dict[Origin, Head] = {}
    entries: list[Entry] = []
    tail: list[Entry] = []
    for origin in store.held():
        last = members.closed.get(origin, _COUNT_MAX)
        stored = store.read(origin, 1, _COUNT_MAX)
        counted = [entry for entry in stored if entry.number <= last]
        if len(counted) == len(stored):
            heads[origin] = store.head(origin)
        elif counted:
            heads[origin] = counted[-1].head
        entries += counted
        if origin.node == node and origin.stream is Stream.ANALYTIC:
            tail += stored[len(counted) :]
    return Beginning(members=members, heads=heads, entries=tuple(entries), tail=tuple(tail))


def _members(store: DiskStore, seeds: Members, wall_ms: int) -> Members:
    stated = Stated()
    for origin in store.held():
        if origin.stream is Stream.CONTROL:
            for entry in store.read(origin, 1, _COUNT_MAX):
                if hybrid_ms(entry.hybrid) > wall_ms + HYBRID_AHEAD_MS_MAX:
                    break
                stated.take(entry)
    return members_of(stated.control, seeds)
