"""Retention as a heat map of characters.

A person wants figures, and a triangle of a year of weeks has 1,400 of them. So there are two forms. Where all columns
have room for four characters each, a cell holds its percentage, with ``*`` behind one that can still change. Where they
have not, a cell is a pixel: two rows of the triangle on one line, as the upper and the lower half of ``▀``, which makes
the cells square; the means of all groups stand above it as figures. Without colours a pixel is a digit from 0 to 9, its
step on the scale, and a small digit (``³``) is one that can still change.

The way not taken is to show every n-th column in figures: the edge of the triangle, by which people find their way in
it, would bend.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
from rich.console import Console, ConsoleOptions, RenderResult
from rich.style import Style
from rich.text import Text

from homeroom.cli.terminal.ink import Ink, ink_of
from homeroom.cli.terminal.wording import percent, shorten
from homeroom.cohorts.answers import RetentionAnswer
from homeroom.cohorts.charts.palette import STEPS
from homeroom.cohorts.charts.scale import ceiling, pool, rate_step
from homeroom.cohorts.charts.words import count, period_label, since_label, unit

__all__ = ["Heatmap"]

CELL_WIDTH: Final = 4
SMALL_DIGITS: Final = "⁰¹²³⁴⁵⁶⁷⁸⁹"
LANDMARKS: Final = (
    1,
    2,
    3,
    4,
    5,
    6,
    7,
    8,
    10,
    12,
    14,
    21,
    26,
    28,
    30,
    39,
    52,
    60,
    90,
    120,
    150,
    180,
)
"""Columns whose means are shown as figures above a map of pixels, as many as have room."""
_DIM: Final = Style(dim=True)
_BOLD: Final = Style(bold=True)


@dataclass(frozen=True, slots=True)
class Heatmap:
    """One triangle, drawn in the width that it gets.

    ``top`` is the rate at which the colours end, shared by triangles that stand together; None takes its own.
    """

    answer: RetentionAnswer
    top: float | None = None

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Draw the map in figures or in pixels, whichever fits."""
        answer = self.answer
        if not len(answer.periods):
            yield Text("no groups in this range", _DIM)
            return
        ink = ink_of(console)
        top = ceiling([answer]) if self.top is None else self.top
        form = _Figures if _figures_fit(answer, options.max_width) else _Pixels
        draw = form(answer, ink, top)
        for line in draw.lines(options.max_width):
            if line.no_wrap is None:
                line.no_wrap, line.overflow = True, "crop"
            for part in (line,) if line.no_wrap else line.wrap(console, options.max_width):
                if not ink.shaded:
                    part.rstrip()
                yield part


def _figures_fit(answer: RetentionAnswer, width: int) -> bool:
    return _margin(answer) + _cell_width(answer) * (len(answer.columns) - 1) <= width


def _cell_width(answer: RetentionAnswer) -> int:
    """Return the characters of a cell: three for its figure, or as many as its heading has, and one for its mark."""
    return max(CELL_WIDTH, *(len(since_label(column)) + 1 for column in answer.columns))


def _margin(answer: RetentionAnswer) -> int:
    return _label_width(answer) + 2 + _size_width(answer) + 1


def _label_width(answer: RetentionAnswer) -> int:
    labels = (period_label(period, unit(answer.question)) for period in answer.periods)
    return max(len("all groups"), *(len(shorten(label, 16)) for label in labels))


def _size_width(answer: RetentionAnswer) -> int:
    return max(
        len("learners"), len(_total(answer)), *(len(count(int(size))) for size in answer.sizes)
    )


class _Figures:
    """The form with a percentage in each cell."""

    def __init__(self, answer: RetentionAnswer, ink: Ink, top: float) -> None:
        self.answer = answer
        self.ink = ink
        self.top = top
        self.label = _label_width(answer)
        self.size = _size_width(answer)
        self.cell = _cell_width(answer)

    def lines(self, _width: int) -> Iterator[Text]:
        """Draw heading, mean, one line a group, legend."""
        yield self._heading()
        yield self._mean()
        rates = self.answer.rates
        for row in range(len(self.answer.periods)):
            yield self._row(row, rates[row].tolist())
        yield Text()
        yield _legend(self.answer, self.ink, self.top, "*")

    def _heading(self) -> Text:
        interval = unit(self.answer.question)
        line = Text(
            f"{'week of' if interval == 'week' else interval:<{self.label}}  {'learners':>{self.size}} ",
            _DIM,
        )
        for column in self.answer.columns[1:]:
            line.append(f"{since_label(column):>{self.cell - 1}} ")
        return line

    def _mean(self) -> Text:
        line = Text()
        line.append(f"{'all groups':<{self.label}}  {_total(self.answer):>{self.size}} ", _BOLD)
        for pooled in pool(self.answer)[1:]:
            self._cell(line, pooled.rate, " ", _BOLD)
        return line

    def _row(self, row: int, rates: list[float]) -> Text:
        answer = self.answer
        label = shorten(period_label(answer.periods[row], unit(answer.question)), self.label)
        line = Text(f"{label:<{self.label}}")
        line.append("  " if answer.complete[row, 0] else " *", _DIM)
        line.append(f"{count(int(answer.sizes[row])):>{self.size}} ", _DIM)
        for column in range(1, len(answer.columns)):
            if answer.counts[row, column] < 0:
                break
            self._cell(line, rates[column], " " if answer.complete[row, column] else "*", Style())
        return line

    def _cell(self, line: Text, rate: float, mark: str, style: Style) -> None:
        text = f"{percent(rate):>{self.cell - 1}}{mark}"
        if self.ink.shaded and not math.isnan(rate):
            style += self.ink.cell(rate_step(rate, self.top))
        line.append(text, style)


class _Pixels:
    """The form without figures, for triangles that are wider than the terminal."""

    def __init__(self, answer: RetentionAnswer, ink: Ink, top: float) -> None:
        self.answer = answer
        self.ink = ink
        self.label = _label_width(answer)
        self.top = top
        self.rates = answer.rates
        self.open = _open(answer)

    def lines(self, width: int) -> Iterator[Text]:
        """Draw the means as figures, the map, the legend, and say what had no room."""
        yield from self._means(width)
        yield Text()
        shown = min(len(self.answer.columns) - 1, width - self.label - 2)
        yield self._ruler(shown)
        yield from self._halves(shown) if self.ink.shaded else self._digits(shown)
        yield Text()
        yield from self._key()
        hidden = len(self.answer.columns) - 1 - shown
        if hidden:
            yield _sentence(f"{hidden} more columns have no room here; --json holds them all")

    def _means(self, width: int) -> Iterator[Text]:
        pooled = pool(self.answer)
        room = (width - self.label - 2) // (CELL_WIDTH + 1)
        known = [k for k in LANDMARKS if k < len(pooled) and pooled[k].groups]
        while len(known) > room:
            # The first columns say most, the far ones give the reach: thin the middle out.
            del known[2 * len(known) // 3 - 1]
        cell = CELL_WIDTH + 1
        interval = unit(self.answer.question)
        yield Text(
            f"{interval + 's since':<{self.label}}  "
            + "".join(f"{since_label(self.answer.columns[k]):>{cell - 1}} " for k in known),
            _DIM,
        )
        line = Text(f"{'all groups':<{self.label}}  ", _BOLD)
        for k in known:
            style = (
                self.ink.cell(rate_step(pooled[k].rate, self.top)) if self.ink.shaded else Style()
            )
            line.append(f"{percent(pooled[k].rate) + '%':>{cell - 1}} ", style + _BOLD)
        yield line

    def _ruler(self, shown: int) -> Text:
        marks = [" "] * shown
        for k in range(10, shown + 1, 10):
            marks[k - len(str(k)) : k] = str(k)
        if shown:
            marks[0] = "1"
        interval = unit(self.answer.question)
        return Text(
            f"{'week of' if interval == 'week' else interval:<{self.label}}  {''.join(marks)}", _DIM
        )

    def _halves(self, shown: int) -> Iterator[Text]:
        for upper in range(0, len(self.answer.periods), 2):
            line = self._labelled(upper)
            for column in range(1, shown + 1):
                self._half(line, self._colour(upper, column), self._colour(upper + 1, column))
            yield line

    def _half(self, line: Text, upper: Style | None, lower: Style | None) -> None:
        if upper is None and lower is None:
            line.append(" ")
        elif upper is None:
            line.append("▄", lower)
        elif lower is None:
            line.append("▀", upper)
        else:
            line.append("▀", Style.from_color(upper.color, lower.color))

    def _colour(self, row: int, column: int) -> Style | None:
        if row >= len(self.answer.periods) or math.isnan(self.rates[row, column]):
            return None
        step = rate_step(float(self.rates[row, column]), self.top)
        return Style.from_color(
            self.ink.open_pixel(step) if self.open[row, column] else self.ink.pixel(step)
        )

    def _digits(self, shown: int) -> Iterator[Text]:
        for row in range(len(self.answer.periods)):
            line = self._labelled(row)
            for column in range(1, shown + 1):
                if self.answer.counts[row, column] < 0:
                    break
                rate = float(self.rates[row, column])
                tens = 0 if math.isnan(rate) else rate_step(rate, self.top)
                line.append(
                    "–"
                    if math.isnan(rate)
                    else SMALL_DIGITS[tens]
                    if self.open[row, column]
                    else str(tens)
                )
            yield line

    def _labelled(self, row: int) -> Text:
        label = shorten(
            period_label(self.answer.periods[row], unit(self.answer.question)), self.label
        )
        line = Text()
        return line.append(f"{label:<{self.label}}  ", _DIM if row % 4 else Style())

    def _key(self) -> Iterator[Text]:
        if self.ink.shaded:
            yield _legend(self.answer, self.ink, self.top, "")
        else:
            low, high = (percent(self.top * step / STEPS) for step in (3, 4))
            yield _sentence(
                f"a digit is a step of the scale: 3 is {low} to {high}%, 9 is {percent(self.top * 0.9)}% and over"
            )
            if self.open.any():
                yield _sentence("a small digit (³) is not complete yet: it can still change")


def _sentence(words: str) -> Text:
    return Text(words, _DIM, no_wrap=False)


def _legend(answer: RetentionAnswer, ink: Ink, top: float, mark: str) -> Text:
    line, open_cells = Text(no_wrap=False), bool(_open(answer)[:, 0 if mark else 1 :].any())
    if ink.shaded:
        line.append("0% ", _DIM)
        for step in range(STEPS):
            line.append("  ", Style.from_color(bgcolor=ink.pixel(step)))
        line.append(f" {percent(top)}%{' and over' if _highest(answer) > top else ''}", _DIM)
    else:
        line.append("percent of the group", _DIM)
    if open_cells and mark:
        line.append(f"   {mark} not complete yet: can still change", _DIM)
    elif open_cells:
        line.append("   ")
        for step in (2, 5, 8):
            line.append("█", Style.from_color(ink.open_pixel(step)))
        line.append(" not complete yet: can still change", _DIM)
    return line


def _highest(answer: RetentionAnswer) -> float:
    return float(np.nanmax(answer.rates[:, 1:], initial=0))


def _total(answer: RetentionAnswer) -> str:
    """Write how many learners are in all groups; in recurring retention one is in many, so the sum means nothing."""
    return count(int(answer.sizes.sum())) if answer.question.mode == "first-time" else ""


def _open(answer: RetentionAnswer) -> npt.NDArray[np.bool_]:
    return (answer.counts >= 0) & ~answer.complete
