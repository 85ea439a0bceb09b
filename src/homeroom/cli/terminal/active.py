"""Active learners as three lines, one each for days, weeks and months, and how they relate.

The three lines span the same time, so what stands above each other happened at about the same time. The newest period
is most often open: the figures that a reader takes away (mean, highest, newest) are those of complete periods, and the
line shows an open one dim and with ``*``. The ratios say how often an active learner comes: a day/week of 20% is one
day and a half of seven.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from rich.console import Console, ConsoleOptions, RenderResult
from rich.style import Style
from rich.text import Text

from homeroom.cli.terminal.bars import spark, stretch
from homeroom.cli.terminal.ink import Ink, ink_of
from homeroom.cli.terminal.wording import percent
from homeroom.cohorts.answers import ActiveAnswer, Series
from homeroom.cohorts.charts.words import count

__all__ = ["ActiveLines"]

LINE_WIDTH_MAX: Final = 60
LINE_WIDTH_MIN: Final = 8
_SERIES: Final = ("day", "week", "month")
_RATIOS: Final = (
    ("day_week", "day/week"),
    ("day_month", "day/month"),
    ("week_month", "week/month"),
)
_DIM: Final = Style(dim=True)


@dataclass(frozen=True, slots=True)
class ActiveLines:
    """One answer as lines."""

    answer: ActiveAnswer

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Draw heading, a line each for days, weeks and months, and the ratios."""
        series = [getattr(self.answer, name) for name in _SERIES]
        if not any(len(one.values) for one in series):
            yield Text("no periods in this range", _DIM)
            return
        ink = ink_of(console)
        size = max(len("highest"), *(len(count(int(one.values.max(initial=0)))) for one in series))
        yield _cropped(
            Text(f"{'by':<5}  {'mean':>{size}}  {'highest':>{size}}  {'newest':>{size}}", _DIM)
        )
        for name, one in zip(_SERIES, series, strict=True):
            yield _cropped(
                _line(name, one, size, min(options.max_width - 14 - 3 * size, LINE_WIDTH_MAX), ink)
            )
        yield Text()
        yield self._ratios()
        if not all(one.complete.all() for one in series):
            yield Text("* not complete yet: drawn dim, and left out of the figures", _DIM)

    def _ratios(self) -> Text:
        line = Text("mean ratio  ", _DIM)
        for number, (field, label) in enumerate(_RATIOS):
            one: Series = getattr(self.answer, field)
            known = one.values[one.complete & ~np.isnan(one.values)]
            line.append(f"{'   ' if number else ''}{label} ", _DIM)
            line.append(f"{percent(float(known.mean()))}%" if len(known) else "–")
        return line


def _line(name: str, one: Series, size: int, width: int, ink: Ink) -> Text:
    values = one.values.astype(np.float64)
    done = values[one.complete]
    mean, high, newest = (
        (count(round(float(done.mean()))), count(int(done.max())), count(int(done[-1])))
        if len(done)
        else ("–",) * 3
    )
    line = Text(f"{name:<5}  {mean:>{size}}  {high:>{size}}  {newest:>{size}}  ")
    if width < LINE_WIDTH_MIN or not len(values):
        return line
    drawn = spark(stretch(values, width), float(values.max()))
    # Only the newest periods can be open; the same stretch of the flags says where they begin.
    begin = int((stretch(one.complete.astype(np.float64), width) == 1).sum())
    line.append(drawn[:begin], ink.mark("returning"))
    line.append(drawn[begin:] + ("*" if begin < width else ""), _DIM)
    return line


def _cropped(line: Text) -> Text:
    line.no_wrap, line.overflow = True, "crop"
    return line
