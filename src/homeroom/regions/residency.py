"""Who may have documents: the nodes of one jurisdiction, and nobody else ever hears of them.

What people wrote, with names in it, stays under the law under which it was written. So an origin of documents belongs
to the jurisdiction of its node, and is told, sent, asked for, passed on and counted among the nodes of that
jurisdiction only: to all others it does not exist, not even as a number. What a node says that it holds is therefore
said to each other node in the scope of the two: what all share, and documents if both are under one law. The sum that
stands for it is of that scope too, so that any two nodes can compare.

Documents that are sealed for another jurisdiction, because the home of their learner is there, have a stream of their
own by that jurisdiction. It belongs to two: the one whose node took them, where nobody can open them, and the one for
which they are sealed. All else is as with documents, so their way home is that of any entry: it is durable where it was
taken, it is told, fetched, and asked for again until it is there, once.

Events of a tenant that is pinned with all that it has are as documents here: a stream of their own (`Stream.PINNED`),
which belongs to the jurisdiction of whoever writes it. Only the fold knows that they are events.

A node keeps its jurisdiction for good: what it holds would otherwise be under another law from one moment to the next.
Of a node that has left it is still known, since others go on exchanging its documents. Where none is known, documents
stay with the node that wrote them: the fact that names it is on its way, or somebody has yet to state one.

The way not taken is to send documents everywhere under keys that only their jurisdiction has. It is what many do, and
whether that is a transfer is argued about in court.
"""

from collections.abc import Collection, Iterable, Sequence

from homeroom.log.entries import Entry
from homeroom.log.origins import Origin, Stream
from homeroom.regions.steps import Alarm, Effect, Members, Trouble

__all__ = ["Residency", "heirs", "holders", "is_alone", "strayed", "trespass"]


class Residency:
    """Who may have what, as far as one node knows.

    Parameters
    ----------
    node : this node
    """

    def __init__(self, node: str) -> None:
        self._node = node
        self._of: dict[str, str] = {}
        # By node those whose documents it may have.
        self._writers: dict[str, frozenset[str]] = {}

    def members(self, members: Members) -> bool:
        """Take who belongs to the world; return whether other jurisdictions are known than before."""
        before, self._of = self._of, {n: name for n, name in members.jurisdictions.items() if name}
        nodes: dict[str, set[str]] = {}
        for node, jurisdiction in self._of.items():
            nodes.setdefault(jurisdiction, set()).add(node)
        shared = {name: frozenset(some) for name, some in nodes.items()}
        self._writers = {node: shared[name] for node, name in self._of.items()}
        return self._of != before

    def writers(self, node: str) -> Collection[str]:
        """Return the nodes whose documents a node may have: itself and those of its jurisdiction, gone ones too."""
        return self._writers.get(node) or frozenset((node,))

    def may_have(self, node: str, origin: Origin) -> bool:
        """Say whether a node may have entries of an origin, and hear of them."""
        return self.may_have_of(node, origin.node, origin.stream)

    def may_have_of(self, node: str, writer: str, stream: Stream) -> bool:
        """Say whether a node may have what another one writes in a stream, and hear of it."""
        if stream.is_shared or writer in self.writers(node):
            return True
        return stream.home != "" and self._of.get(node) == stream.home

    def shown(self, node: str, entries: Sequence[Entry]) -> Sequence[Entry]:
        """Return those entries that a node may have."""
        return [one for one in entries if self.may_have(node, one.origin)]

    def is_between(self, node: str, origin: Origin) -> bool:
        """Say whether both a node and this one may have entries of an origin."""
        return self.may_have(node, origin) and self.may_have(self._node, origin)

    def is_elsewhere(self, node: str) -> bool:
        """Say whether a node is known to be in another jurisdiction than this one."""
        here, there = self._of.get(self._node), self._of.get(node)
        return here is not None and there is not None and here != there


def strayed(entry: Entry, sender: str, residency: Residency) -> list[Effect]:
    """Return an alarm if an entry has crossed a border."""
    if entry.origin.stream.is_shared:
        return []
    redactor = "" if entry.redaction is None else entry.redaction.node
    for node, did in ((entry.origin.node, "wrote"), (sender, "sent"), (redactor, "redacted")):
        if residency.is_elsewhere(node) and not residency.is_between(node, entry.origin):
            why = (
                f"{sender} sent entry {entry.number} of {entry.origin}, which {node} {did} in another jurisdiction; "
                f"{_what(entry.origin)} must not leave theirs, and nothing of it was kept. Find out how it got there"
            )
            return [Alarm(Trouble.RESIDENCY, why, sender, entry.origin)]
    return []


def _what(origin: Origin) -> str:
    return "documents" if origin.stream.has_documents else "pinned events"


def trespass(sender: str, origins: Iterable[Origin], residency: Residency) -> list[Effect]:
    """Return an alarm if a node of another jurisdiction speaks of documents which are not for the two of them."""
    if not residency.is_elsewhere(sender):
        return []
    named = next((one for one in origins if not residency.is_between(sender, one)), None)
    if named is None:
        return []
    why = (
        f"{sender} speaks of {_what(named)}, {named}, and is in another jurisdiction: none were given, and what it "
        f"said of them was passed over. Compare the jurisdictions that the two nodes were started with"
    )
    return [Alarm(Trouble.RESIDENCY, why, sender, named)]


def holders(members: Members, origin: Origin) -> set[str]:
    """Return the members that may have entries of an origin."""
    if origin.stream.is_shared:
        return set(members.regions)
    of, writer = members.jurisdictions, origin.node
    wanted = {of.get(writer, ""), origin.stream.home} - {""}
    return {n for n in members.regions if n == writer or of.get(n) in wanted}


def is_alone(members: Members, origin: Origin) -> bool:
    """Say whether entries are documents of a jurisdiction with one region, so that no other region can have them."""
    if origin.stream.is_shared:
        return False
    return len({members.regions[node] for node in holders(members, origin)}) < 2


def heirs(members: Members, node: str) -> list[str]:
    """Return the members that go on having a node's documents when it has left, in order.

    If there are none, its documents leave the world with it: a removal says so before it is begun.
    """
    origin = Origin(node, "", Stream.DOCUMENT)
    return sorted(holders(members, origin) - members.fenced - {node})
