"""Where what this node has folded differs from what another one has: looked for from check to check, down to the rows.

At each check both nodes tell the sums of their partitions. Of those that differ both tell at the next check what they
are made of, and so on, until it is rows (`homeroom.state.shards`). Nobody asks anybody: both see the same sums, and so
want the same parts told. And all sums of one check are of the same entries, so what is folded meanwhile is not taken
for a difference.

The way not taken is a question and an answer between two nodes: each would have to keep its state as it was at the
check until the other has asked.
"""

from collections.abc import Iterable

from homeroom import limits
from homeroom.regions.messages import Compared
from homeroom.regions.steps import Apart
from homeroom.state.shards import place_of, row_of

__all__ = ["Search"]


class Search:
    """What is known of one difference.

    Attributes
    ----------
    apart : where it is, as far as that is known
    """

    def __init__(self) -> None:
        self.apart = Apart()
        self._roots: set[bytes] = set()
        # By path of a part that differs, those of which it is made that do.
        self._below: dict[bytes, set[bytes]] = {}

    def told(self, mine: Compared, other: Compared) -> None:
        """Take what both told at a check."""
        here = {part.path: part.value for part in mine.parts}
        there = {part.path: part.value for part in other.parts}
        if not self._open():
            self._below.clear()  # all had been found; it is looked for once more
        differing = {
            path for path in here.keys() | there.keys() if here.get(path) != there.get(path)
        }
        self._roots = {path for path in differing if len(path) == 1}
        for path in set(mine.expanded) & set(other.expanded):
            below = (one for one in differing if len(one) > len(path) and one.startswith(path))
            self._below[path] = {one for one in below if row_of(one) or len(one) == len(path) + 1}
        rows = self._rows()
        self.apart = Apart(
            tuple(map(place_of, sorted(self._roots))),
            rows[: limits.ROWS_TOLD_MAX],
            is_all=not self._open() and len(rows) <= limits.ROWS_TOLD_MAX,
        )

    def wanted(self) -> list[bytes]:
        """Return the paths of parts that are to be told in smaller parts, those first that are near the rows."""
        if len(self._rows()) >= limits.ROWS_TOLD_MAX:
            return []
        return sorted(self._open(), key=lambda path: (-len(path), path))

    def _open(self) -> list[bytes]:
        """Return parts that differ of which it is not known where."""
        return [
            path for path in self._walk(self._roots) if not row_of(path) and path not in self._below
        ]

    def _rows(self) -> tuple[str, ...]:
        return tuple(sorted(row_of(path) for path in self._walk(self._roots) if row_of(path)))

    def _walk(self, paths: Iterable[bytes]) -> Iterable[bytes]:
        for path in sorted(paths):
            yield path
            yield from self._walk(self._below.get(path, ()))
