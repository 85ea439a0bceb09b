"""Which accounts are one learner: edges between raw keys, and the groups that they make.

An edge says that two raw keys are the same person; it has an id. Edges are never taken out of the set: unmerging a pair
adds the ids of all edges known for the pair to a second set, of edges that hold no longer, and merging the pair again
takes a new id. Both sets only grow, so two nodes that have the same edges and the same ids taken back, in whatever
order they came, have the same groups.

A group is a connected component of the edges that hold. It goes under its least key, which every node finds by itself:
of those that are not erased, if there is one, since nothing is told of an erased key. Groups are kept by key, so a
change walks through the groups that it touches and no others.

Keys and ids are 128-bit numbers here: there are some thousands of them, and Python's whole numbers are easy to be
sure of. `homeroom.state.keys` looks up millions.
"""

from collections.abc import Iterable, Sequence
from functools import cached_property
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from homeroom import limits
from homeroom.errors import InputError
from homeroom.events.model import UInt64s
from homeroom.events.texts import sealed
from homeroom.state.keys import Keys, Renamed, distinct_keys, find_sorted, halves, whole

__all__ = ["Edge", "Identities"]

_LOW = (1 << 64) - 1


class Edge(NamedTuple):
    """Two raw keys that are one learner; ``edge_id`` and the keys are 128-bit numbers."""

    edge_id: int
    one: int
    other: int


class Identities:
    """Edges, those that hold no longer, and the groups of keys that the others make.

    Parameters
    ----------
    edges : uint64 of shape (n, 6): id, one key, other key, each as upper and lower half
    taken_back : uint64 of shape (m, 2): ids of edges that hold no longer, whether they have come yet or not
    moved : what follows from both, where it is known
    erased : raw keys that are erased, sorted

    Attributes
    ----------
    moved : the keys of groups of two or more, and what each goes under
    """

    def __init__(
        self,
        edges: UInt64s | None = None,
        taken_back: UInt64s | None = None,
        moved: Renamed | None = None,
        erased: Keys | None = None,
    ) -> None:
        # What was written down is looked at when somebody changes it or asks for a group: questions do not.
        self._written = (edges, taken_back)
        self._erased: Keys = halves([]) if erased is None else erased
        self._changed = False
        if moved is None:
            nobody = Renamed(*(sealed(np.empty(0, np.uint64)) for _ in range(4)))
            moved = nobody.changed(sorted(self._known.least), self._known.least)
        self.moved = moved

    def __bool__(self) -> bool:
        """Return whether any edge is known, or taken back."""
        return any(self.size)

    @cached_property
    def _known(self) -> "_Groups":
        groups = _Groups(self._erased)
        edges, taken_back = self._written
        gone = [] if taken_back is None else [whole(*row) for row in taken_back.tolist()]
        rows = [] if edges is None else edges.tolist()
        groups.change([Edge(whole(*r[:2]), whole(*r[2:4]), whole(*r[4:])) for r in rows], gone)
        return groups

    def change(self, edges: Sequence[Edge], taken_back: Sequence[int]) -> list[int]:
        """Add edges, and ids of edges that hold no longer; return the raw keys whose groups have changed, rising.

        Raises `InputError` if there are more than ``limits.EDGES_MAX`` edges by then.
        """
        changed = self._known.change(edges, taken_back)
        self._changed = True
        self.moved = self.moved.changed(changed, self._known.least)
        return changed

    def erase(self, keys: Sequence[int]) -> list[int]:
        """Have raw keys erased; return the keys whose groups go under another one now, rising."""
        known = self._known  # as it was before
        self._erased = distinct_keys([self._erased, halves(keys)])
        # Where no edge is known one may come, and then nothing is to go under these keys.
        changed = known.rename(keys, self._erased)
        self.moved = self.moved.changed(changed, known.least)
        return changed

    def between(self, one: int, other: int) -> list[int]:
        """Return the ids of all edges between two keys that hold."""
        return sorted(self._known.beside.get(one, {}).get(other, ()))

    def group(self, key: int) -> tuple[int, ...]:
        """Return the keys that are one learner with a key, itself among them, rising."""
        return self._known.members.get(self._known.least.get(key, key), (key,))

    def groups(self, keys: Keys) -> Keys:
        """Return all raw keys of the learners that some raw keys belong to, sorted if these are."""
        if not self.moved:
            return keys
        numbers = [whole(*key) for key in zip(*(half.tolist() for half in keys), strict=True)]
        return halves(sorted({one for number in numbers for one in self.group(number)}))

    @property
    def size(self) -> tuple[int, int]:
        """Number of edges that are known, and of ids of edges that hold no longer."""
        if self._changed:
            return len(self._known.edges), len(self._known.gone)
        edges, taken_back = self._written
        return (0 if edges is None else len(edges), 0 if taken_back is None else len(taken_back))

    @property
    def edges(self) -> npt.NDArray[np.uint64]:
        """All edges that are known, as they are written down: uint64 of shape (n, 6)."""
        if not self._changed:
            return _rows(self._written[0], 6)
        parts = [
            part
            for edge in sorted(self._known.edges.values())
            for key in edge
            for part in (key >> 64, key & _LOW)
        ]
        return sealed(np.array(parts, np.uint64).reshape(-1, 6))

    @property
    def taken_back(self) -> npt.NDArray[np.uint64]:
        """The ids of all edges that hold no longer: uint64 of shape (m, 2)."""
        if not self._changed:
            return _rows(self._written[1], 2)
        parts = [
            part for edge_id in sorted(self._known.gone) for part in (edge_id >> 64, edge_id & _LOW)
        ]
        return sealed(np.array(parts, np.uint64).reshape(-1, 2))


class _Groups:
    """The groups of keys, kept by key.

    ``beside[a][b]`` are the ids of the edges between a and b that hold. ``least`` has for each key of a group of two
    or more the key that it goes under, ``members`` for that one all keys of the group, rising.
    """

    def __init__(self, erased: Keys) -> None:
        self.erased = erased
        self.edges: dict[int, Edge] = {}
        self.gone: set[int] = set()
        self.beside: dict[int, dict[int, set[int]]] = {}
        self.least: dict[int, int] = {}
        self.members: dict[int, tuple[int, ...]] = {}

    def change(self, edges: Sequence[Edge], gone: Iterable[int]) -> list[int]:
        """Take facts in and return the keys whose groups are others than before, rising."""
        new = {edge.edge_id: edge for edge in edges if edge.one != edge.other}
        known = len(self.edges.keys() | new.keys())
        if known > limits.EDGES_MAX:
            raise InputError(
                f"there would be {known:,} identity edges, more than {limits.EDGES_MAX:,}; give the accounts one name "
                f"in the source, and load it anew"
            )
        touched = self._take_back(gone) | self._add(new.values())
        before = {self.least.get(key, key) for key in touched}
        affected = touched.union(*(self.members.get(one, (one,)) for one in before))
        old = {key: self.members.get(self.least.get(key, key), (key,)) for key in affected}
        for key in affected:
            self.least.pop(key, None)
            self.members.pop(key, None)
        for key in sorted(affected):
            if key not in self.least:
                self._walk(key)
        return [
            key
            for key in sorted(affected)
            if old[key] != self.members.get(self.least.get(key, key), (key,))
        ]

    def _take_back(self, gone: Iterable[int]) -> set[int]:
        touched = set()
        for edge_id in gone:
            edge = self.edges.get(edge_id)
            if edge is not None and edge_id not in self.gone:
                touched |= {edge.one, edge.other}
                for a, b in ((edge.one, edge.other), (edge.other, edge.one)):
                    self.beside[a][b].discard(edge_id)
                    if not self.beside[a][b]:
                        del self.beside[a][b]
            self.gone.add(edge_id)
        return touched

    def _add(self, edges: Iterable[Edge]) -> set[int]:
        touched = set()
        for edge in edges:
            if edge.edge_id in self.edges:
                continue
            self.edges[edge.edge_id] = edge
            if edge.edge_id not in self.gone:
                touched |= {edge.one, edge.other}
                for a, b in ((edge.one, edge.other), (edge.other, edge.one)):
                    self.beside.setdefault(a, {}).setdefault(b, set()).add(edge.edge_id)
        return touched

    def _walk(self, start: int) -> None:
        """Find the group of a key, the least of it, and note it if it has others."""
        found, to_do = {start}, [start]
        while to_do:
            for other in self.beside.get(to_do.pop(), ()):
                if other not in found:
                    found.add(other)
                    to_do.append(other)
        if len(found) > 1:
            members = tuple(sorted(found))
            self._place(members)

    def _place(self, members: tuple[int, ...]) -> None:
        """Have a group go under the least of its keys that is not erased, or the least of all."""
        is_erased = find_sorted(*self.erased, *halves(members)) >= 0
        name = members[int(np.argmin(is_erased))]
        self.members[name] = members
        self.least.update(dict.fromkeys(members, name))

    def rename(self, keys: Sequence[int], erased: Keys) -> list[int]:
        """Have these keys erased; return the keys of groups that go under another one now, rising."""
        self.erased = erased
        changed: list[int] = []
        for name in {self.least[key] for key in keys if key in self.least}:
            members = self.members.pop(name)
            self._place(members)
            if self.least[members[0]] != name:
                changed += members
        return sorted(changed)


def _rows(written: npt.NDArray[np.uint64] | None, width: int) -> npt.NDArray[np.uint64]:
    return np.empty((0, width), np.uint64) if written is None else written
