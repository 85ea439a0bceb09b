"""What questions work out from the rows of a partition, kept until these change.

While a node is asked, some rows are written to every few milliseconds, and nearly all stay as they were. So it is
noted which ones were written to: whoever can bring what he worked out up to date from these alone need not look at all
rows again. Rows that moved, or lost what they held, are another matter: then everything is worked out anew.
"""

import copy
from collections.abc import Callable, Hashable
from typing import TypeVar, cast

import numpy as np

from homeroom.events.model import Int32s
from homeroom.limits import DERIVED_ROWS_MAX

__all__ = ["Derived"]

_T = TypeVar("_T")


class Derived:
    """What is kept, by name, and what has happened to the rows since.

    Attributes
    ----------
    version : counts what may have changed rows
    moves : counts what may have moved rows, or taken from them what they held
    """

    def __init__(self) -> None:
        self.version = 0
        self.moves = 0
        self._kept: dict[str, tuple[int, Hashable, object]] = {}
        # The rows that were written to, by the version since then; older ones are not known any more.
        self._written: list[tuple[int, Int32s]] = []
        self._count = 0
        self._since = 0

    def draft(self) -> "Derived":
        """Return the same, which goes its own way from now on."""
        draft = copy.copy(self)
        draft.__dict__ |= {"_kept": dict(self._kept), "_written": list(self._written)}
        return draft

    def written(self, rows: Int32s) -> None:
        """Take that some rows were added, or were joined with more."""
        self.version += 1
        if self._count + len(rows) > DERIVED_ROWS_MAX:
            self._written, self._count, self._since = [], 0, self.version
            return
        self._written.append((self.version, rows))
        self._count += len(rows)

    def moved(self) -> None:
        """Take that anything may have happened to any row."""
        self.version += 1
        self.moves += 1
        self._written, self._count, self._since = [], 0, self.version

    def holds(self, name: str, of: Hashable) -> bool:
        """Say whether nothing has to be worked out."""
        held = self._kept.get(name)
        return held is not None and held[:2] == (self.version, of)

    def kept(
        self,
        name: str,
        of: Hashable,
        make: Callable[[], _T],
        renew: Callable[[_T, Int32s], _T] | None,
    ) -> _T:
        """Return what ``make`` works out, or ``renew`` from what there was and the rows that were written to since."""
        held, version = self._kept.get(name), self.version
        if held is not None and held[:2] == (version, of):
            return cast("_T", held[2])
        if held is None or renew is None or held[1] != of or held[0] < self._since:
            found = make()
        else:
            rows = [np.empty(0, np.int32), *(r for at, r in self._written if at > held[0])]
            found = renew(cast("_T", held[2]), np.unique(np.concatenate(rows)))
        # Another thread may put something else under this name meanwhile; what was made here is given back.
        self._kept[name] = (version, of, found)
        return found
