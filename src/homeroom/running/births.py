"""What a life of a member begins with: the heads that count of a log, which of them are folded, and the rest of it."""

from collections.abc import Iterator, Mapping

from homeroom import limits
from homeroom.log.entries import Entry, Head, Verify
from homeroom.log.origins import Origin
from homeroom.log.store import Store
from homeroom.regions.knowledge import Birth
from homeroom.regions.pulling import Draw
from homeroom.running.counted import counted_heads, folded_heads
from homeroom.running.live import Live

__all__ = ["birth_of", "unfolded"]


def birth_of(name: tuple[str, str], store: Store, live: Live, verify: Verify, draw: Draw) -> Birth:
    """Return what a life begins with; ``name`` is that of the node, and the incarnation. Raises `StoreError`."""
    heads = {origin: store.head(origin) for origin in store.held()}
    counted = counted_heads(heads, live.control.members.closed, store)
    return Birth(
        node=name[0],
        life=name[1],
        heads=counted,
        applied=folded_heads(counted, live.applied, store),
        begins=store.begins(),
        verify=verify,
        draw=draw,
    )


def unfolded(heads: Mapping[Origin, Head], store: Store, live: Live) -> Iterator[list[Entry]]:
    """Give, some at a time and in order by origin, what a log has that is not folded. Raises `StoreError`."""
    applied = live.applied
    for origin, head in heads.items():
        first = applied[origin] + 1
        while first <= head.number:
            count = min(limits.FOLD_ENTRIES_MAX, head.number + 1 - first)
            entries = store.read(origin, first, count)
            yield entries
            first = entries[-1].number + 1
