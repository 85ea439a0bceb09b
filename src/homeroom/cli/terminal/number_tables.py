"""Tables of numbers, for the kinds of answers that have no drawing of their own in the terminal.

The tables are those of pages and notebooks (``homeroom.cohorts.charts.tables``). Numbers stand to the right; a first
column that is too wide is cut in its middle, and columns that do not fit go below, under the same first column.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from rich.console import Console, ConsoleOptions, RenderResult
from rich.style import Style
from rich.text import Text

from homeroom.cli.terminal.wording import clean, plural, shorten
from homeroom.cohorts.charts.numbers import Numbers

__all__ = ["NumberTables"]

_DIM: Final = Style(dim=True)
_PLAIN: Final = Style()
_GAP: Final = "  "
_FIRST_WIDTH_MIN: Final = 12
_CELL_WIDTH_MAX: Final = 60
_NUMBER: Final = re.compile(r"[<>\u2013*%.,\d\s:h\-+s]*")


@dataclass(frozen=True, slots=True)
class NumberTables:
    """Tables below each other, each with at most ``rows_max`` rows."""

    tables: Sequence[Numbers]
    rows_max: int

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Draw caption, heads and rows of each."""
        for number, numbers in enumerate(self.tables):
            if number:
                yield Text()
            yield Text(clean(numbers.caption), _DIM, no_wrap=True, overflow="ellipsis")
            if not numbers.rows:
                yield Text("nothing to show", _DIM)
                continue
            yield from _table(numbers, options.max_width, self.rows_max)


def _table(numbers: Numbers, width: int, rows_max: int) -> Iterator[Text]:
    rows = numbers.rows[:rows_max]
    columns = list(zip(numbers.heads, *rows, strict=True))
    widths = [min(max(len(clean(cell)) for cell in column), _CELL_WIDTH_MAX) for column in columns]
    left = width - sum(widths[1:]) - len(_GAP) * (len(widths) - 1)
    widths[0] = min(widths[0], max(left, width // 2, _FIRST_WIDTH_MIN))
    right = [all(_NUMBER.fullmatch(cell) for cell in column[1:]) for column in columns]
    for chosen in _bands(widths, width):
        for number, row in enumerate((numbers.heads, *rows)):
            cells = []
            for i in (0, *chosen):
                cell = shorten(row[i], widths[i])
                cells.append(cell.rjust(widths[i]) if i and right[i] else cell.ljust(widths[i]))
            style = _DIM if not number else _PLAIN
            yield Text(_GAP.join(cells).rstrip(), style, no_wrap=True, overflow="crop")
    if numbers.cut or len(numbers.rows) > rows_max:
        left = len(numbers.rows) - len(rows)
        more = f"{plural(left, 'more row')}; " if left else ""
        yield Text(f"{more}--csv and --json hold all", _DIM)


def _bands(widths: Sequence[int], width: int) -> Iterator[list[int]]:
    """Deal the columns after the first out to tables that fit the width."""
    band: list[int] = []
    used = widths[0]
    for i in range(1, len(widths)):
        if band and used + len(_GAP) + widths[i] > width:
            yield band
            band, used = [], widths[0]
        band.append(i)
        used += len(_GAP) + widths[i]
    yield band
