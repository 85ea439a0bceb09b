"""What one node holds: entries by origin, and the state that is the set of them.

It is the least that routing, clients and caches can tell from a real node: an entry is a batch of a tenant, or takes
one back; a batch that is there twice counts once; the vector says which entries are in the state. A node dies and finds
all of it again on its disk.

How old the share of a node is in an answer follows from what that node has said: that up to a time it had written no
more than these entries.
"""

from collections import defaultdict, deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from homeroom.log.origins import Origin, Vector

__all__ = ["Entries", "Entry", "Wholes", "value_of"]

_WHOLES_MAX: Final = 200


@dataclass(frozen=True, slots=True)
class Entry:
    """A batch of a tenant, or that it is taken back; ``at_ms`` is the true time at which it was written."""

    tenant: str
    batch: str
    takes_back: int
    at_ms: int


@dataclass(frozen=True, slots=True)
class Wholes:
    """Up to a time a node had written no more than these entries."""

    at_ms: int
    numbers: Mapping[Origin, int]


def value_of(tenant: str, scope: str, question: str, entries: Iterable[Entry]) -> bytes:
    """Return what is answered: to whom, and how many batches of the tenant there are."""
    there, back = set[str](), set[str]()
    for entry in entries:
        if entry.tenant == tenant:
            (back if entry.takes_back else there).add(entry.batch)
    return f"{tenant}|{scope}|{question}|{len(there - back)}".encode()


class Entries:
    """What one node holds.

    Attributes
    ----------
    logs : by origin the entries in their order
    vector : of all of them
    wholes : by node what it has said, the newest last
    """

    def __init__(self, node: str) -> None:
        self._node = node
        self.logs: dict[Origin, list[Entry]] = {}
        self.vector = Vector()
        self.wholes: dict[str, deque[Wholes]] = {}
        self._touched: dict[str, Vector] = defaultdict(Vector)
        self._floor: dict[str, Vector] = defaultdict(Vector)

    def write(self, origin: Origin, entry: Entry) -> int:
        """Write an entry of this node; return its number."""
        self.tell_whole(entry.at_ms)
        number = self.vector[origin] + 1
        self._add(origin, number, entry)
        return number

    def take(self, origin: Origin, first: int, entries: Iterable[Entry]) -> None:
        """Take entries of another node, from a number on; what is there already, or has a gap before it, is left."""
        for number, entry in enumerate(entries, first):
            if number == self.vector[origin] + 1:
                self._add(origin, number, entry)

    def _add(self, origin: Origin, number: int, entry: Entry) -> None:
        self.logs.setdefault(origin, []).append(entry)
        self.vector = self.vector.advanced(origin, number)
        mark = {origin: number}
        self._touched[entry.tenant] = self._touched[entry.tenant].joined(mark)
        if entry.takes_back:
            self._floor[entry.tenant] = self._floor[entry.tenant].joined(mark)

    def beyond(self, vector: Vector) -> list[tuple[Origin, int, tuple[Entry, ...]]]:
        """Return what a node lacks that has a vector: by origin from which number on, and the entries."""
        return [
            (origin, vector[origin] + 1, tuple(log[vector[origin] :]))
            for origin, log in self.logs.items()
            if len(log) > vector[origin]
        ]

    def touch(self, tenant: str) -> tuple[Vector, Vector]:
        """Return the last entries that said something of a tenant, and those after which less may be seen."""
        return self._touched[tenant], self._floor[tenant]

    def answer(self, tenant: str, scope: str, question: str) -> bytes:
        """Return what the engine says now."""
        entries = (entry for log in self.logs.values() for entry in log)
        return value_of(tenant, scope, question, entries)

    # --- how old it is -----------------------------------------------------------------------------------------------

    def tell_whole(self, at_ms: int) -> None:
        """Say that this node has written no more than it has up to now."""
        numbers = {one: len(log) for one, log in self.logs.items() if one.node == self._node}
        self.hear_whole(self._node, Wholes(at_ms, numbers))

    def hear_whole(self, node: str, whole: Wholes) -> None:
        """Hear what a node has said."""
        said = self.wholes.setdefault(node, deque(maxlen=_WHOLES_MAX))
        if not said or said[-1].at_ms < whole.at_ms:
            said.append(whole)

    def newest_wholes(self) -> dict[str, Wholes]:
        """Return the newest that every node has said."""
        return {node: said[-1] for node, said in self.wholes.items()}

    def lag_ms(self, vector: Vector, nodes: Iterable[str], now_ms: int) -> int | None:
        """Return how old the oldest share of nodes is in an answer of a vector; None if that is not known."""
        if vector.covers(self.touched_by(self._node)):
            self.tell_whole(now_ms)
        oldest_ms = now_ms
        for node in nodes:
            said = self.wholes.get(node, ())
            at_ms = next((o.at_ms for o in reversed(said) if vector.covers(o.numbers)), None)
            if at_ms is None:
                return None
            oldest_ms = min(oldest_ms, at_ms)
        return now_ms - oldest_ms

    def touched_by(self, node: str) -> dict[Origin, int]:
        """Return the numbers of all origins of a node."""
        return {one: len(log) for one, log in self.logs.items() if one.node == node}
