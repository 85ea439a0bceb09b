"""The form of numbers for those who read them rather than pictures: a small table of text.

One form for notebooks, pages and terminals: a caption, heads, rows whose first cell is the row's head. Incomplete
numbers carry a ``*``, as in the charts.
"""

from dataclasses import dataclass

import numpy as np

from homeroom import limits
from homeroom.cohorts.charts import words

__all__ = ["Numbers", "newest", "open_count"]


@dataclass(frozen=True, slots=True)
class Numbers:
    """A table: a caption, the heads, the rows (the first cell of each is its head).

    ``cut`` says that rows or columns were left out, for they are more than people read.
    """

    caption: str
    heads: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    cut: bool = False


def newest(caption: str, heads: tuple[str, ...], rows: tuple[tuple[str, ...], ...]) -> Numbers:
    """Return a table of periods, the newest last, cut to what people read."""
    most = limits.REPORT_ROWS_MAX
    return Numbers(caption, heads, rows[-most:], len(rows) > most)


def open_count(value: int, complete: np.bool_) -> str:
    """Write a count, with a mark if it can still change."""
    return words.count(value) if complete else f"{words.count(value)}*"
