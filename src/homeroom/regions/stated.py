"""What was stated, in one order everywhere, however its entries come.

One region writes the control stream, but in life after life, and each life is an origin of its own; so its entries may
reach a node in another order than that in which they were written. They are folded in the order of their stamps: a
writer stamps later than all that it has seen, so that is the order in which things were said. An entry that comes late
has everything folded anew, which costs little: these are the facts of a world, not its events.

An entry says how many facts its writer knew. As long as fewer are here before it, something is missing: then it is not
known who belongs to the world, and a node goes by what it knew before.

The way not taken is to let later entries wait for earlier ones: a life whose last entry nobody has would be waited for
for ever.
"""

from bisect import bisect
from collections.abc import Sequence
from dataclasses import dataclass, replace

from homeroom.log.control import Change, Control, read_changes
from homeroom.log.entries import Entry
from homeroom.log.origins import Origin, Stream
from homeroom.log.payloads import unpack
from homeroom.regions.steps import Members

__all__ = ["Stated", "members_of"]


@dataclass(frozen=True, slots=True, order=True)
class _Place:
    """Where an entry stands among all."""

    hybrid: int
    origin: Origin
    number: int


class Stated:
    """Facts of the control stream.

    Attributes
    ----------
    control : what they add up to
    is_whole : whether all is here that the writers of these facts knew
    """

    def __init__(self) -> None:
        self.control = Control()
        self.is_whole = True
        self._places: list[_Place] = []
        self._changes: list[tuple[int, list[Change]]] = []

    def take(self, entry: Entry) -> None:
        """Take an entry of the control stream. Raises `EntryError` if it cannot be read."""
        assert entry.origin.stream is Stream.CONTROL
        changes = entry.epoch, read_changes(unpack(entry.payload).content)
        place = _Place(entry.hybrid, entry.origin, entry.number)
        at = bisect(self._places, place)
        self._places.insert(at, place)
        self._changes.insert(at, changes)
        if at == len(self._places) - 1:
            self._fold(*changes)
        else:
            self.control, self.is_whole = Control(), True
            for one in self._changes:
                self._fold(*one)

    def _fold(self, epoch: int, changes: Sequence[Change]) -> None:
        self.is_whole = self.is_whole and epoch <= self.control.epoch
        for change in changes:
            self.control = self.control.folded(change, self.control.epoch + 1)


def members_of(stated: Stated, before: Members, seeds: Members) -> Members:
    """Return who belongs to the world.

    As long as nothing was stated of it, these are those that a node was told of at first (``seeds``); while something
    that was stated is missing, those of ``before``.
    """
    control = stated.control
    members = control.members
    if not stated.is_whole:
        return replace(before, closed=members.closed, collapsed=members.collapsed)
    if not members.nodes:
        return seeds
    return Members(
        control.epoch,
        {name: node.region for name, node in sorted(members.nodes.items())},
        frozenset(members.fenced),
        members.closed,
        members.ended,
        members.collapsed,
    )
