"""A cut that the home has stated is made there once another node has it.

What is durable here may be lost with this disk, or with a database that fails over to one that lags. Most facts would
be stated again then. A cut cannot: history is gone, and what was stated later was folded as though it had been. So the
home waits until another node of the world says that it holds the entry, and folds nothing that was stated after it
until then. What others state they hold; so this is of the node's own entries alone.

What the home states and takes after a cut waits with it, for its entries name the facts that were known. So none is
stated while nobody is heard (`homeroom.running.retaining`), and what waits does so for a second as a rule. The way not
taken is to ask for a second holder before the cut is numbered: it would have to be held by somebody who may not count
it.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field

from homeroom.errors import HomeroomError
from homeroom.log.control import Control, read_changes
from homeroom.log.cuts import HistoryCut
from homeroom.log.entries import Entry
from homeroom.log.origins import Stream
from homeroom.log.payloads import unpack
from homeroom.running.looks import Looks

__all__ = ["Seconding", "is_lone_at_start"]


@dataclass(slots=True)
class Seconding:
    """Says which entries wait for a second holder; for the thread that folds.

    Parameters
    ----------
    node : this one; entries of others wait for nobody
    days : returns by tenant the day at which its history was cut last
    looks : how the member looked a moment ago; exchanged whole, by the thread that writes
    """

    node: str
    days: Callable[[], Mapping[str, int]]
    looks: Looks = field(default_factory=Looks)

    def waits(self, entry: Entry) -> bool:
        """Say whether an entry may not be folded yet."""
        if not _states_cut(entry, self.node, self.days):
            return False
        looks, origin = self.looks, entry.origin
        if not looks.members.regions:
            return True  # no life runs that could say it
        if not _others(looks.members.regions, looks.members.fenced, self.node):
            return False
        is_with_all = origin in looks.members.collapsed
        held = (view.get(origin, 0) >= entry.number for view in looks.views.values())
        return not is_with_all and not any(held)


def is_lone_at_start(
    entry: Entry, node: str, control: Control, days: Callable[[], Mapping[str, int]]
) -> bool:
    """Say whether an entry waits, as a start finds it: nobody was heard yet.

    ``control`` is all that is stated; a cut that a snapshot has was seconded before it was made.
    """
    members = control.members
    others = _others(members.nodes, members.fenced, node)
    return bool(others) and entry.origin not in members.collapsed and _states_cut(entry, node, days)


def _others(nodes: Collection[str], fenced: Collection[str], node: str) -> set[str]:
    return set(nodes) - set(fenced) - {node}


def _states_cut(entry: Entry, node: str, days: Callable[[], Mapping[str, int]]) -> bool:
    """Say whether a node's own entry states a cut that is not made yet."""
    if entry.origin.node != node or entry.origin.stream is not Stream.CONTROL:
        return False
    try:
        facts = [change.fact for change in read_changes(unpack(entry.payload).content)]
    except HomeroomError:
        return False  # who folds it says what is wrong
    cuts = [fact for fact in facts if isinstance(fact, HistoryCut)]
    made = days() if cuts else {}
    return any(fact.day > made.get(fact.tenant, -1) for fact in cuts)
