"""What a life of a node begins with, and what it knows: who there is, what it holds, what others have said they hold.

All that replicates looks at the same knowledge and changes its own part of it: who takes entries (`taking`) lets
`holdings` grow when they are durable, who hears news lets `views` grow, who lets go of origins (`collapsed`) shortens
both. It is one object, so that no part can be told of members a moment before another.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from homeroom.log.entries import Entry, Head, Verify
from homeroom.log.members import LifeName
from homeroom.log.origins import Origin
from homeroom.regions.holdings import Holdings, View
from homeroom.regions.messages import Message, read
from homeroom.regions.pulling import Draw
from homeroom.regions.residency import Residency
from homeroom.regions.steps import Members

__all__ = ["NOTHING", "Birth", "Knowledge"]

NOTHING = Head()
"""What the first entry of an origin follows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Birth:
    """What a life of a node begins with.

    Parameters
    ----------
    node, life : its name, and the incarnation that was drawn for it
    heads : by origin the last entry that its log holds
    applied : by origin the last entry that is folded already, in the snapshot that it starts from
    begins : by origin the number up to which its log has forgotten entries
    verify : checks signatures
    draw : chance
    read : makes a message and its entries of bytes, or raises `MessageError`
    """

    node: str
    life: str
    heads: Mapping[Origin, Head]
    verify: Verify
    draw: Draw
    read: Callable[[bytes], tuple[Message, Sequence[Entry]]] = read
    applied: Mapping[Origin, Head] = field(default_factory=dict)
    begins: Mapping[Origin, int] = field(default_factory=dict)

    @property
    def name(self) -> LifeName:
        """The node and the incarnation."""
        return self.node, self.life


class Knowledge:
    """What one life of a node knows.

    Parameters
    ----------
    birth : what it began with

    Attributes
    ----------
    members : who belongs to the world
    residency : who may have what
    holdings : what is durable here
    views : by other member what it has said that it holds
    lacking, retired : origins that have collapsed into the epoch: of some not all is here, the others are named no more
    covered : by origin up to which number a cut covers it that waits here; that was with all members once
    """

    def __init__(self, birth: Birth) -> None:
        self.birth = birth
        self.members = Members(0, {birth.node: ""})
        self.residency = Residency(birth.node)
        self.holdings = Holdings(birth.heads)
        self.views: dict[str, View] = {}
        self.lacking: set[Origin] = set()
        self.retired: set[Origin] = set()
        self.covered: Mapping[Origin, int] = {}

    def take(self, members: Members) -> bool:
        """Take who belongs to the world; return whether other documents may be here than before."""
        self.members = members
        is_other = self.residency.members(members)
        collapsed = members.collapsed - self.retired
        self.lacking = {origin for origin in collapsed if self.may_have(origin)}
        return is_other

    def meet(self) -> list[str]:
        """Begin views of nodes that are new, end those of nodes that are gone; return the new ones."""
        others = sorted(set(self.members.regions) - {self.birth.node})
        new = [node for node in others if node not in self.views]
        views = {node: self.views.get(node) or View() for node in others}
        self.views.clear()
        self.views.update(views)
        return new

    def numbers(self) -> dict[str, dict[Origin, int]]:
        """Return by node what it has said that it holds."""
        return {node: view.numbers for node, view in self.views.items()}

    def may_have(self, origin: Origin) -> bool:
        """Say whether this node may have entries of an origin."""
        return self.residency.may_have(self.birth.node, origin)

    def is_own(self, origin: Origin) -> bool:
        """Say whether it is this life that writes an origin."""
        return origin[:2] == (self.birth.node, self.birth.life)

    def held(self, origin: Origin) -> int:
        """Return up to which number an origin is held, whether it is still named or not."""
        if origin in self.retired:
            return self.members.closed.get(origin, 0)
        return self.holdings.heads.get(origin, NOTHING).number

    # --- collapsed ---------------------------------------------------------------------------------------------------

    def has_collapsed(self, origin: Origin) -> bool:
        """Say whether an origin has collapsed into the epoch, and nothing of it is lacking here."""
        return origin in self.members.collapsed and origin not in self.lacking

    @property
    def is_complete(self) -> bool:
        """Whether all is held that has collapsed into the epoch and may be here."""
        return not self.lacking or len(self.whole()) == len(self.lacking)

    def complete(self) -> frozenset[str]:
        """Return the others that have said that they hold all that has collapsed into this epoch."""
        epoch = self.members.epoch
        return frozenset(node for node, view in self.views.items() if view.complete >= epoch)

    def havers(self) -> Mapping[str, Mapping[Origin, int]]:
        """Return by node what it has: what it has said, what collapsed at an epoch that it knows of, and what was cut.

        Of a cut that waits here it is not known what has collapsed since: that is stated after it.
        """
        if not self.lacking and not self.covered:
            return self.numbers()
        closed, may_have = self.members.closed, self.residency.may_have
        return {
            node: {**self.covered, **view.numbers}
            | {o: closed[o] for o in self.lacking if may_have(node, o)}
            for node, view in self.views.items()
        }

    def whole(self) -> list[Origin]:
        """Return origins that have collapsed into the epoch, and all of which is held here."""
        heads, closed = self.holdings.heads, self.members.closed
        return [
            origin
            for origin in sorted(self.lacking)
            if heads.get(origin, NOTHING).number >= closed[origin]
        ]

    def retire(self, origin: Origin) -> None:
        """Name an origin no more that is held whole."""
        self.lacking.discard(origin)
        self.retired.add(origin)
        self.holdings.retire(origin)
