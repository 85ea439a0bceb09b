"""Whether all nodes have come to the same: fingerprints are compared for ever, and it is watched that they are.

A proof on paper that all nodes agree says nothing of a bit that flipped, or of two releases that fold one event in two
ways. So at each check (`homeroom.regions.gate`) a node tells the others the fingerprint of what it has folded, with the
vector that it is of. Two that are of one vector and one epoch must be equal; where vectors differ, nothing is said.

Where they are not, the next checks find out in which rows (`homeroom.regions.apart`). Once they are again, because a
state was folded anew, that is told too.

A check that compares nothing proves nothing, and would do so for years without anybody's noticing: that none was
compared for ten minutes is an alarm of its own.
"""

from collections.abc import Collection, Mapping
from typing import Final

from homeroom import limits
from homeroom.regions.apart import Search
from homeroom.regions.messages import Compared
from homeroom.regions.steps import Agreed, Alarm, Apart, Effect, Trouble

__all__ = ["Agreement"]

_REMEDY: Final = "Run homeroom repair on one, and on the other if they still differ"
_REMEDY_OF_DOCUMENTS: Final = (
    "Stop one, set documents.db aside and start it: it is made again from copies and the log"
)


class Agreement:
    """Fingerprints of this node and of others.

    Attributes
    ----------
    compared : by check, nodes whose fingerprint was of the same vector, and equal
    comparisons : how many there were
    document_comparisons : how many of documents; nobody waits for these, so they are made while nothing is written
    pinned_comparisons : how many of events that stay in a jurisdiction, where nothing of them was on its way
    """

    def __init__(self, started_ms: int) -> None:
        self.compared: dict[int, set[str]] = {}
        self.comparisons = 0
        self.document_comparisons = 0
        self.pinned_comparisons = 0
        self._searches: dict[str, Search] = {}
        self._pinned_apart: set[str] = set()
        self._last_ms = started_ms
        self._mine: dict[int, Compared] = {}
        self._theirs: dict[int, dict[str, Compared]] = {}

    def wanted(self) -> tuple[bytes, ...]:
        """Return the parts of which it is to be told at the next check what they are made of."""
        found = {path for one in self._searches.values() for path in one.wanted()}
        first = sorted(found, key=lambda path: (-len(path), path))
        return tuple(first[: limits.PARTS_EXPANDED_MAX])

    def keep(self, nodes: Collection[str]) -> None:
        """Look for nothing any more in which nodes differ that have left."""
        for node in self._searches.keys() - nodes:
            del self._searches[node]
        self._pinned_apart.intersection_update(nodes)

    def mine(self, told: Compared, now_ms: int) -> list[Effect]:
        """Take this node's own fingerprint."""
        self._mine[told.check] = told
        theirs = self._theirs.get(told.check, {})
        effects = [
            e for node, one in theirs.items() for e in self._compare(node, told, one, now_ms)
        ]
        self._forget()
        return effects

    def theirs(self, node: str, told: Compared, now_ms: int) -> list[Effect]:
        """Take another node's fingerprint."""
        newest = max(self._mine, default=told.check)
        if not newest - limits.CHECKS_KEPT < told.check <= newest + limits.CHECKS_KEPT:
            return []
        self._theirs.setdefault(told.check, {})[node] = told
        mine = self._mine.get(told.check)
        effects = [] if mine is None else self._compare(node, mine, told, now_ms)
        self._forget()
        return effects

    def _compare(self, node: str, mine: Compared, other: Compared, now_ms: int) -> list[Effect]:
        if (mine.applied, mine.epoch) != (other.applied, other.epoch):
            return []
        self.comparisons += 1
        self._last_ms = now_ms
        effects = self._compare_documents(node, mine, other) + self._compare_pinned(
            node, mine, other
        )
        if mine.fingerprint == other.fingerprint:
            self.compared.setdefault(mine.check, set()).add(node)
            if self._searches.pop(node, None) is not None:
                effects.append(Agreed(node))
            return effects
        search = self._searches.setdefault(node, Search())
        search.told(mine, other)
        found = f"check {mine.check}: {mine.fingerprint} here, {other.fingerprint} there"
        return [*effects, _diverged(node, "entries", found, search.apart)]

    def _compare_documents(self, node: str, mine: Compared, other: Compared) -> list[Effect]:
        if not mine.documents_applied or mine.documents_applied != other.documents_applied:
            return []
        self.document_comparisons += 1
        if mine.documents == other.documents:
            return []
        found = f"check {mine.check}: {mine.documents} here, {other.documents} there"
        return [_diverged(node, "documents", found)]

    def _compare_pinned(self, node: str, mine: Compared, other: Compared) -> list[Effect]:
        if not mine.pinned_applied or mine.pinned_applied != other.pinned_applied:
            return []
        self.pinned_comparisons += 1
        if mine.pinned == other.pinned:
            was_apart = node in self._pinned_apart
            self._pinned_apart.discard(node)
            return [Agreed(node)] if was_apart else []
        self._pinned_apart.add(node)
        found = f"check {mine.check}: {mine.pinned} here, {other.pinned} there"
        return [_diverged(node, "pinned events", found, Apart())]

    def tick(self, others: int, now_ms: int) -> list[Effect]:
        """Look whether anything was compared lately; without others there is nothing to compare."""
        silence_ms = now_ms - self._last_ms
        if not others or silence_ms < limits.CHECK_SILENCE_MS_MAX:
            return []
        self._last_ms = now_ms
        why = (
            f"for {silence_ms // 1_000} s no fingerprint was compared with any other node: that all nodes agree is not "
            f"proven. A node that is away, or a clock that is wrong, makes every check void"
        )
        return [Alarm(Trouble.UNPROVEN, why)]

    def _forget(self) -> None:
        _keep_newest(self._mine)
        _keep_newest(self._theirs)
        _keep_newest(self.compared)

    def check_invariants(self) -> None:
        """Assert what must hold after every step."""
        for kept in (self._mine, self._theirs, self.compared):
            assert len(kept) <= limits.CHECKS_KEPT


def _diverged(node: str, what: str, found: str, apart: Apart | None = None) -> Alarm:
    where, remedy = "", _REMEDY_OF_DOCUMENTS
    if apart is not None:
        where, remedy = _where(apart), _REMEDY
    said = f"this node and {node} have folded the same {what} and have come to different states"
    return Alarm(Trouble.DIVERGED, f"{said} ({found}{where}). {remedy}", node, apart=apart)


def _where(apart: Apart) -> str:
    """Say where, but not in which rows: whoever has no key may read this, and a row is a learner."""
    if not apart.shards:
        return ""
    count = len(apart.rows)
    rows = (
        f": {count} row{'s' if count > 1 else ''}{'' if apart.is_all else ' or more'}"
        if count
        else ""
    )
    return f"; {', '.join(apart.shards)}{rows}"


def _keep_newest(kept: Mapping[int, object]) -> None:
    assert isinstance(kept, dict)
    for old in sorted(kept)[: -limits.CHECKS_KEPT]:
        del kept[old]
