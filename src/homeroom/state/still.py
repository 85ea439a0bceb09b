"""Rows as they are at a moment, for whoever takes seconds to read them, while more is folded into them.

Nothing is copied when rows are frozen. Whoever folds goes on in the same arrays, and before it writes to a row for the
first time it sets aside what the row holds. Whoever reads a frozen partition copies its columns then, in his own thread
and without any lock, while rows are written to; whatever is half old and half new in the copy is of rows that were set
aside before, and is put right with them. So a freeze costs the fold some rows and not all, whatever the table's size,
and a partition that nobody looks at is never copied.

That is right in any order of events: a row's old values are in the list before the row is written to, the copy is whole
before the list is read, and of each row only the values of the moment are in the list.

The way not taken, copies of all columns before the next fold, stopped the fold for a second at five million learners.
Copies of the pages that are written to, by the memory of the machine (`mmap`), would do the same for less; but a second
freeze would need to know which pages the first one has split off, and nothing tells.
"""

import weakref
from typing import Any

import numpy as np
import numpy.typing as npt

from homeroom.state.layout import CLEARED, FAMILIES, grown
from homeroom.state.table import Partition, SubjectTable

__all__ = ["Still", "frozen_partition", "frozen_table", "table_apart"]

_DAYS = ("start_day", "last_day")
_NAMED = ("words", *CLEARED)
"""Families of columns that a fold writes to, also in rows that there are already; keys and owners stay for ever."""
_Columns = dict[tuple[str, str], npt.NDArray[Any]]
_Piece = tuple[npt.NDArray[np.int32], _Columns]


class Still(Partition):
    """The rows of a partition as they were at a moment. Columns are copied when one is asked for."""

    # Columns as they are now, and what was set aside; None once they have been copied.
    _source: tuple[_Columns, list[_Piece]] | None
    _is_aside: npt.NDArray[np.bool_]

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - columns, and families of them by name
        if name not in _DAYS and name not in _NAMED:
            raise AttributeError(name)
        self._copy()
        return self.__dict__[name]

    def set_aside(self, rows: npt.NDArray[np.int32]) -> None:
        """Keep what some rows hold; whoever is about to write to them calls it, and nobody else at the time."""
        pending = self._source
        if pending is None:
            return
        new = rows[(rows >= 0) & (rows < self.rows)]
        new = np.unique(new[~self._is_aside[new]])
        if len(new):
            source, pieces = pending
            pieces.append((new, {place: column[..., new] for place, column in source.items()}))
            self._is_aside[new] = True

    def _copy(self) -> None:
        """Copy the columns. If two threads do it at once, both do the same."""
        pending = self._source
        if pending is None:
            return  # another thread was quicker
        source, pieces = pending
        copies = {
            # A word that no row has anything in is not copied, and stays zeroed memory that costs nothing.
            place: grown(column, self.rows, self.rows, 0)
            if column.ndim > 1
            else column[: self.rows].copy()
            for place, column in source.items()
        }
        for rows, values in list(pieces):
            for place, copied in copies.items():
                copied[..., rows] = values[place]
        found: dict[str, Any] = {family: {} for family in _NAMED}
        for (family, name), copied in copies.items():
            if family in _NAMED:
                found[family][name] = copied
            else:
                found[family] = copied
        self.__dict__.update(found, _source=None)


def frozen_partition(part: Partition) -> Partition:
    """Return rows as they are now, for reading only, whatever is folded there later. Copies nothing now."""
    if isinstance(part, Still) or not part.start_day.flags.writeable:
        return part.draft()  # nobody writes to it
    part.empty_rows  # noqa: B018 - counted here, so that to ask for it needs no column
    of, rows = part.draft().__dict__, part.rows
    source: _Columns = {(name, ""): of.pop(name) for name in _DAYS}
    for family in _NAMED:
        source |= {(family, name): column for name, column in of.pop(family).items()}
    still = Still.__new__(Still)
    still.__dict__.update(of, _source=(source, []), _is_aside=np.zeros(rows, np.bool_))
    still.key_hi, still.key_lo = part.key_hi[:rows], part.key_lo[:rows]
    still.owners = {half: column[:rows] for half, column in part.owners.items()}
    # The index goes on to grow with the rows, so this one makes its own where it needs one.
    still.slots, still.keepers = None, ()
    part.keepers = (*(one for one in part.keepers if one() is not None), weakref.ref(still))
    return still


def frozen_table(table: SubjectTable) -> SubjectTable:
    """Return a table as it is now, for reading only, whatever is folded there later. Copies nothing now."""
    still = SubjectTable()
    still.partitions = [frozen_partition(partition) for partition in table.partitions]
    return still


def table_apart(table: SubjectTable) -> SubjectTable:
    """Return a copy of a table, into which can be folded while nothing of it is seen in this one."""
    fresh = SubjectTable()
    fresh.partitions = [_apart(partition) for partition in table.partitions]
    return fresh


def _apart(part: Partition) -> Partition:
    own, rows = part.draft(), part.rows
    for name in ("key_hi", "key_lo", *_DAYS):
        setattr(own, name, getattr(part, name)[:rows].copy())
    for family in ("words", *FAMILIES):
        columns: dict[str, npt.NDArray[Any]] = getattr(part, family)
        setattr(own, family, {name: grown(one, rows, rows, 0) for name, one in columns.items()})
    own.slots, own.keepers = None, ()
    return own
