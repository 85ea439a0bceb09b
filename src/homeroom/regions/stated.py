"""What was stated, in one order everywhere, however its entries come.

One region writes the control stream, but in life after life, and each life is an origin of its own; so its entries may
reach a node in another order than that in which they were written. They are folded in the order of their stamps: a
writer stamps later than all that it has seen, so that is the order in which things were said. An entry that comes late
has everything folded anew, which costs little: these are the facts of a world, not its events.

The way not taken is to let later entries wait for earlier ones: a life whose last entry nobody has would be waited for
for ever.
"""

import hashlib
from bisect import bisect
from collections.abc import Sequence
from dataclasses import dataclass

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
    """

    def __init__(self) -> None:
        self.control = Control()
        self._places: list[_Place] = []
        self._changes: list[list[Change]] = []
        self._digests: list[bytes] = []

    @property
    def digest(self) -> bytes:
        """32 bytes that are equal where the same was stated in the same order."""
        return hashlib.sha256(b"".join(self._digests)).digest()

    def is_next(self, entry: Entry) -> bool:
        """Say whether an entry of the control stream comes after all that was taken, as nearly every one does."""
        return not self._places or self._places[-1] < _place(entry)

    def has(self, entry: Entry) -> bool:
        """Say whether an entry was taken already."""
        at = bisect(self._places, _place(entry))
        return at > 0 and self._places[at - 1] == _place(entry)

    def with_entry(self, entry: Entry) -> Control:
        """Return what facts would add up to with an entry more. Raises `EntryError` if it cannot be read."""
        changes = read_changes(unpack(entry.payload).content)
        at = bisect(self._places, _place(entry))
        if at == len(self._places):
            return _folded(self.control, changes)
        control = Control()
        for one in [*self._changes[:at], changes, *self._changes[at:]]:
            control = _folded(control, one)
        return control

    def take(self, entry: Entry) -> None:
        """Take an entry of the control stream; one that was taken before changes nothing.

        Raises `EntryError` if it cannot be read.
        """
        assert entry.origin.stream is Stream.CONTROL
        if self.has(entry):
            return
        control = self.with_entry(entry)
        at = bisect(self._places, _place(entry))
        self._places.insert(at, _place(entry))
        self._changes.insert(at, read_changes(unpack(entry.payload).content))
        self._digests.insert(at, entry.digest)
        self.control = control


def _place(entry: Entry) -> _Place:
    return _Place(entry.hybrid, entry.origin, entry.number)


def _folded(control: Control, changes: Sequence[Change]) -> Control:
    for change in changes:
        control = control.folded(change, control.epoch + 1)
    return control


def members_of(control: Control, seeds: Members) -> Members:
    """Return who belongs to the world; as long as nothing was stated of it, those that a node was told of at first."""
    members = control.members
    if not members.nodes:
        return seeds
    return Members(
        control.epoch,
        {name: node.region for name, node in sorted(members.nodes.items())},
        frozenset(members.fenced),
        members.closed,
    )
