"""What counts of what a log and a snapshot hold: nothing that lies beyond the number at which an origin was closed.

A node may hold more of an origin than the world has closed it at: its own entries, if it was made to leave while nobody
heard it, or those of a node that it alone still heard. They stay in its log and are entries of no world: a life begins
with the heads at which origins were closed.

A snapshot cannot be cut at a number: whatever is folded into it is folded. So one that goes beyond a closed number is
of no use, whoever made it; a life that began with it would answer something else than all others at one vector. What
the log still has is folded anew in its place, and where the log has forgotten what only such a snapshot has, the state
of another node is needed.

What was held may be gone while a node runs: the server of its database failed over to one that had not everything yet.
Who writes on notices it; of an origin that nobody writes to any more it shows when another node asks for what is gone.

The way not taken is to delete from the log what does not count. It is proof of what happened, and of what somebody was
told yes for.
"""

from collections.abc import Mapping, Sequence

from homeroom.log.entries import Entry, Head
from homeroom.log.origins import Origin, Stream
from homeroom.log.store import Store
from homeroom.regions.messages import Range

__all__ = ["counted_head", "goes_beyond", "lacks_state", "lost"]

_NOTHING = Head()


def counted_head(store: Store, origin: Origin, last: int, saved: Head = _NOTHING) -> Head:
    """Return the last entry of an origin that counts of those that a store holds, number 0 if none does.

    ``last`` is the number at which the origin was closed, ``saved`` the last entry of it in a snapshot that counts.
    """
    head = store.head(origin)
    if head.number <= last or last < 1:
        return head if last else _NOTHING
    found = store.read(origin, last, 1)
    if found:
        return found[0].head
    if saved.number == last:
        return saved
    # Where the log has forgotten it, the entry after it still names its digest.
    after = store.read(origin, last + 1, 1)
    return Head(last, after[0].previous) if after and after[0].number == last + 1 else _NOTHING


def lost(wanted: Sequence[Range], found: Sequence[Entry], store: Store) -> Range | None:
    """Return the first of some ranges that were held, if a store ends before it; None if it does not.

    ``found`` is what was read of them. The other ranges are asked for again, and one of them is the first then.
    """
    first = wanted[0]
    if found and found[0].origin == first.origin:
        return None
    return first if store.head(first.origin).number < first.first else None


def goes_beyond(applied: Mapping[Origin, Head], closed: Mapping[Origin, int]) -> bool:
    """Say whether a snapshot has folded entries that do not count."""
    return any(head.number > closed.get(origin, head.number) for origin, head in applied.items())


def lacks_state(
    begins: Mapping[Origin, int], applied: Mapping[Origin, Head], closed: Mapping[Origin, int]
) -> bool:
    """Say whether a log has forgotten entries that count, and that are folded in no snapshot that does."""
    return any(
        min(number, closed.get(origin, number)) > applied.get(origin, _NOTHING).number
        for origin, number in begins.items()
        if origin.stream is Stream.ANALYTIC
    )
