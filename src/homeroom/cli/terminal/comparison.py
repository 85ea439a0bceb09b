"""A comparison of two answers as text: a grid of differences a table, with the rows and columns that have any."""

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import TYPE_CHECKING, Final

from homeroom.cli.terminal.wording import clean

if TYPE_CHECKING:
    from homeroom.cohorts.comparing import ChangedCell, Comparison

__all__ = ["comparison_lines"]

_COLUMNS_MAX: Final = 12
_ROWS_MAX: Final = 60


def comparison_lines(one: "Comparison") -> list[str]:
    """Return what became other as lines of text, without colours."""
    return [*_lines(one)]


def _lines(one: "Comparison") -> Iterator[str]:
    kind = clean(str(one.question.get("question")))
    yield f"{kind}: {len(one.changed):,} of {one.cells:,} cells changed"
    if one.added or one.removed:
        yield f"{one.added:,} cells are new, {one.removed:,} are gone (the range is another)"
    for name, group in groupby(one.changed, key=lambda cell: cell.table):
        yield ""
        if name:
            yield clean(name)
        yield from _grid(list(group))
    if one.changed and one.before is not None and one.after is not None:
        yield ""
        yield "homeroom explain cell tells which entries changed a cell between these two"


def _grid(cells: Sequence["ChangedCell"]) -> Iterator[str]:
    by_place = {(one.row, one.column): one for one in cells}
    rows = list(dict.fromkeys(one.row for one in cells))
    columns = sorted({one.column for one in cells}, key=_in_order)
    shown = columns[:_COLUMNS_MAX]
    texts = {place: _told(one) for place, one in by_place.items()}
    first = max(len(row) for row in rows)
    widths = {
        column: max(len(column), *(len(texts.get((row, column), ".")) for row in rows))
        for column in shown
    }
    yield "  ".join([" " * first, *(clean(one).rjust(widths[one]) for one in shown)]).rstrip()
    for row in rows[-_ROWS_MAX:]:
        told = (texts.get((row, one), ".").rjust(widths[one]) for one in shown)
        yield "  ".join([clean(row).ljust(first), *told])
    if len(rows) > _ROWS_MAX or len(columns) > _COLUMNS_MAX:
        yield "(the newest rows and the first columns; --json has all)"


def _told(one: "ChangedCell") -> str:
    return f"{one.before:,}→{one.after:,} ({one.difference:+,})"


def _in_order(column: str) -> tuple[int, str]:
    """Return the place of a column: by its number, if it begins with one."""
    head = column.partition("-")[0]
    return (int(head), column) if head.isdigit() else (-1, column)
