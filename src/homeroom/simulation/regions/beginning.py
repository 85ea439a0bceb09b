"""What a life of a simulated node begins with: its snapshot and what its store has, as far as the world counts it.

Before anything is folded the facts are read that the store holds. What lies beyond the number at which an origin was
closed is no entry of the world: it is neither said to be held nor folded. What of it the node wrote itself, in an
earlier life that the world had given up, somebody was told yes for; so it is written once more, under the new life.

A snapshot that has folded anything of it is of no use (`homeroom.regions.counting`): the log is folded anew, and where
it has forgotten what only that snapshot had, no life begins before the state of another node has come.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from homeroom.clock import hybrid_ms
from homeroom.limits import HYBRID_AHEAD_MS_MAX
from homeroom.log.entries import Entry, Head
from homeroom.log.origins import Origin, Stream, Vector
from homeroom.regions.counting import counted_head, goes_beyond, lacks_state
from homeroom.regions.stated import Stated, members_of
from homeroom.regions.steps import Members
from homeroom.simulation.disk_store import DiskStore
from homeroom.simulation.regions.snapshots import Snapshot

__all__ = ["Beginning", "begin"]

_COUNT_MAX = 1 << 40


@dataclass(frozen=True, slots=True, kw_only=True)
class Beginning:
    """What there is at a start.

    Parameters
    ----------
    members : who belongs to the world by the facts in the store
    heads : by origin the last entry that counts
    snapshot : what is folded already, None for nothing
    applied : by origin the last entry that is in it, and counts
    entries : those after it that count, in order by origin
    tail : those of the node's own that do not
    is_lacking : whether the log has forgotten what no snapshot here has: nothing of this is to be begun with
    """

    members: Members
    heads: Mapping[Origin, Head]
    snapshot: Snapshot | None
    applied: Mapping[Origin, Head]
    entries: tuple[Entry, ...]
    tail: tuple[Entry, ...]
    is_lacking: bool

    @property
    def named(self) -> Vector:
        """By origin that has not collapsed the last number."""
        heads = self.heads.items()
        collapsed = self.members.collapsed
        return Vector({origin: head.number for origin, head in heads if origin not in collapsed})


def begin(
    node: str, store: DiskStore, snapshot: Snapshot | None, seeds: Members, wall_ms: int
) -> Beginning:
    """Return what a life of a node begins with."""
    members = _members(store, seeds, wall_ms)
    saved = {} if snapshot is None else snapshot.applied
    store.adopt(
        {o: head for o, head in saved.items() if not goes_beyond({o: head}, members.closed)}
    )
    if goes_beyond(saved, members.closed):
        snapshot, saved = None, {}
    heads: dict[Origin, Head] = {}
    entries: list[Entry] = []
    tail: list[Entry] = []
    is_lacking = lacks_state(store.begins(), saved, members.closed)
    for origin in () if is_lacking else store.held():
        folded = saved.get(origin, Head())
        head = counted_head(store, origin, members.closed.get(origin, _COUNT_MAX), folded)
        if head.number:
            heads[origin] = head
        entries += store.read(origin, folded.number + 1, head.number - folded.number)
        if origin.node == node and origin.stream is Stream.ANALYTIC:
            tail += store.read(origin, head.number + 1, _COUNT_MAX)
    return Beginning(
        members=members,
        heads=heads,
        snapshot=snapshot,
        applied=saved,
        entries=tuple(entries),
        tail=tuple(tail),
        is_lacking=is_lacking,
    )


def _members(store: DiskStore, seeds: Members, wall_ms: int) -> Members:
    stated = Stated()
    for origin in store.held():
        if origin.stream is Stream.CONTROL:
            for entry in store.read(origin, 1, _COUNT_MAX):
                if hybrid_ms(entry.hybrid) > wall_ms + HYBRID_AHEAD_MS_MAX:
                    break
                stated.take(entry)
    return members_of(stated, seeds, seeds)
