"""What was stated, in one order everywhere, however its entries come.

One region writes the control stream, but in life after life, and each life is an origin of its own; so its entries may
reach a node in another order than that in which they were written. They are folded in the order of their stamps: a
writer stamps later than all that it has seen, so that is the order in which things were said. An entry that comes late
has everything folded anew, which costs little: these are the facts of a world, not its events.

An entry of the control stream itself that was ruled to have another stamp stands where that puts it.

An entry says how many facts its writer knew. As long as fewer are here, something is missing: then it is not
known who belongs to the world, and a node goes by what it knew before.

Only what the home states counts, and which node that is follows from the facts as well: from the place at which another
one says that it is the home now, what the former one states is left out.

A state was made under facts in an order. Where an entry comes late, is ruled upon, or stops counting because the home
had moved, that order becomes another one, and what was folded by it has to be folded anew: `Order` tells the two apart.

The way not taken is to let later entries wait for earlier ones: a life whose last entry nobody has would be waited for
for ever.
"""

import copy
import hashlib
from bisect import bisect_left, insort
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from homeroom.log.control import Change, Control, read_changes
from homeroom.log.entries import Entry
from homeroom.log.members import HomeMoved, Membership
from homeroom.log.origins import Origin, Stream
from homeroom.log.payloads import unpack
from homeroom.log.rulings import Rulings, ruling_of
from homeroom.regions.steps import Members

__all__ = ["Order", "Stated", "members_of"]


@dataclass(frozen=True, slots=True)
class _Said:
    """What one entry states, and where it stands among all."""

    hybrid: int
    origin: Origin
    number: int
    epoch: int
    changes: Sequence[Change]
    digest: bytes

    @property
    def place(self) -> tuple[int, Origin, int]:
        return self.hybrid, self.origin, self.number


@dataclass(frozen=True, slots=True)
class Order:
    """The entries of facts that count, in their order.

    Parameters
    ----------
    digests : of the entries
    """

    digests: tuple[bytes, ...] = ()

    def begins_with(self, other: "Order") -> bool:
        """Say whether this goes on from another one, or is equal."""
        return self.digests[: len(other.digests)] == other.digests

    @property
    def digest(self) -> str:
        """64 hexadecimal digits that are equal for equal orders."""
        return hashlib.sha256(b"".join(self.digests)).hexdigest()


class Stated:
    """Facts of the control stream.

    Attributes
    ----------
    control : what they add up to
    ignored : how many do not count, because another node was the home already
    """

    def __init__(self) -> None:
        self.control = Control()
        self.ignored = 0
        # How many facts are here, and how many a writer of some of them knew with its own.
        self._count = self._known = 0
        # In the order of their own stamps, whatever was ruled.
        self._said: list[_Said] = []
        self._is_ruled = False
        self._counted: list[bytes] = []
        # By epoch what was asked about it: snapshots of many tenants are of the same.
        self._at: dict[int, tuple[Order, Control] | None] = {}

    @property
    def is_whole(self) -> bool:
        """Whether as many facts are here as the writers of these facts knew."""
        return self._count >= self._known

    @property
    def count(self) -> int:
        """How many facts are here, those too that do not count."""
        return self._count

    @property
    def order(self) -> Order:
        """The entries that count, as they stand now."""
        return Order(tuple(self._counted))

    def at(self, epoch: int) -> tuple[Order, Control] | None:
        """Return the entries that count up to an epoch, and what they add up to; None if no entry ends there."""
        if epoch not in self._at:
            self._at[epoch] = self._added_up(epoch)
        return self._at[epoch]

    def _added_up(self, epoch: int) -> tuple[Order, Control] | None:
        early = Stated()
        for said in self._in_order():
            if early.control.epoch >= epoch:
                break
            early._fold(said)
        return (early.order, early.control) if early.control.epoch == epoch else None

    @property
    def digest(self) -> bytes:
        """32 bytes that are equal where the same was stated in the same order."""
        return hashlib.sha256(b"".join(said.digest for said in self._said)).digest()

    def is_next(self, entry: Entry) -> bool:
        """Say whether what an entry states just goes on from all that was taken, as nearly every one does."""
        if self._is_ruled:
            return False
        is_last = not self._said or self._said[-1].place < _place_of(entry)
        return is_last and _counts(_said(entry), self.control.members)

    def has(self, entry: Entry) -> bool:
        """Say whether an entry was taken already."""
        at = bisect_left(self._said, _place_of(entry), key=_place)
        return at < len(self._said) and self._said[at].place == _place_of(entry)

    def with_entry(self, entry: Entry) -> "Stated":
        """Return the facts with an entry more. Raises `EntryError` if it cannot be read."""
        more = copy.copy(self)
        more._at = {}  # noqa: SLF001 - of its own class
        more._said, more._counted = list(self._said), list(self._counted)  # noqa: SLF001 - of its own class
        more.take(entry)
        return more

    def take(self, entry: Entry) -> None:
        """Take an entry of the control stream; one that was taken before changes nothing.

        Raises `EntryError` if it cannot be read.
        """
        assert entry.origin.stream is Stream.CONTROL
        if self.has(entry):
            return
        self._at.clear()
        said = _said(entry)
        insort(self._said, said, key=_place)
        self._count += len(said.changes)
        self._known = max(self._known, said.epoch + len(said.changes))
        if said is self._said[-1] and not self._is_ruled:
            self._fold(said)
        else:
            self._fold_all(self._said)
        rulings = self.control.members.rulings
        self._is_ruled = any(origin.stream is Stream.CONTROL for origin in rulings)
        if self._is_ruled:
            self._fold_all(sorted(_ruled(self._said, rulings), key=_place))

    def _in_order(self) -> list[_Said]:
        """Return what is said in the order in which it counts, without what was ruled to count for nothing."""
        if not self._is_ruled:
            return self._said
        own = Stated()
        own._fold_all(self._said)
        return sorted(_ruled(self._said, own.control.members.rulings), key=_place)

    def _fold_all(self, said: Iterable[_Said]) -> None:
        self.control, self.ignored, self._counted = Control(), 0, []
        for one in said:
            self._fold(one)

    def _fold(self, said: _Said) -> None:
        if _counts(said, self.control.members):
            self.control = _folded(self.control, said.changes)
            self._counted.append(said.digest)
        else:
            self.ignored += len(said.changes)


def _folded(control: Control, changes: Sequence[Change]) -> Control:
    for change in changes:
        control = control.folded(change, control.epoch + 1)
    return control


def _said(entry: Entry) -> _Said:
    changes = read_changes(unpack(entry.payload).content)
    return _Said(*_place_of(entry), entry.epoch, changes, entry.digest)


def _counts(said: _Said, members: Membership) -> bool:
    """Say whether an entry is of the home, or of a node that becomes the home with it."""
    if members.home in ("", said.origin.node):
        return True
    move = said.changes[0].fact if said.changes else None
    if not isinstance(move, HomeMoved):
        return False
    return move.node == said.origin.node and move.term > members.term


def _place(said: _Said) -> tuple[int, Origin, int]:
    return said.place


def _place_of(entry: Entry) -> tuple[int, Origin, int]:
    return entry.hybrid, entry.origin, entry.number


def _ruled(all_said: Iterable[_Said], rulings: Rulings) -> Iterator[_Said]:
    """Return what is said with the stamps that were ruled, without what was ruled to count for nothing."""
    for said in all_said:
        ruling = ruling_of(rulings, said.origin, said.number)
        if ruling is None:
            yield said
        elif ruling.hybrid is not None:
            yield replace(said, hybrid=ruling.hybrid)


def members_of(stated: Stated, before: Members, seeds: Members) -> Members:
    """Return who belongs to the world.

    As long as nothing was stated of it, these are those that a node was told of at first (``seeds``); while something
    that was stated is missing, those of ``before``.
    """
    control = stated.control
    members = control.members
    if not stated.is_whole:
        # What is missing may itself wait for a ruling, or have collapsed.
        return replace(
            before,
            closed=members.closed,
            collapsed=members.collapsed,
            rulings=members.rulings,
        )
    if not members.nodes:
        return seeds
    return Members(
        control.epoch,
        {name: node.region for name, node in sorted(members.nodes.items())},
        frozenset(members.fenced),
        members.closed,
        members.ended,
        members.collapsed,
        members.rulings,
        members.home,
        members.jurisdictions,
    )
