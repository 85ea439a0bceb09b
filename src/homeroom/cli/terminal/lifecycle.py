"""Lifecycle as a table with small bars: the active of a period to the right of an axis, the lost to its left.

New, returning and resurrecting learners add up to the active ones, so they are one stacked bar. Dormant learners are
those that the period before had and this one has not: they stand on the other side, and the eye compares the two.
Without colours each stage has a shade of its own (``█▓▒░``).
"""

from dataclasses import dataclass
from typing import Final

from rich.console import Console, ConsoleOptions, RenderResult
from rich.style import Style
from rich.text import Text

from homeroom.cli.terminal.bars import BLOCK, split
from homeroom.cli.terminal.ink import Ink, ink_of
from homeroom.cli.terminal.wording import shorten
from homeroom.cohorts.answers import LifecycleAnswer
from homeroom.cohorts.charts.words import count, period_label, unit

__all__ = ["STAGES", "LifecycleTable"]

STAGES: Final = ("new", "returning", "resurrecting", "dormant")
HEADS: Final = ("new", "returning", "resurr.", "dormant")
SHADES: Final = {"new": "█", "returning": "▓", "resurrecting": "▒", "dormant": "░"}
BAR_WIDTH_MIN: Final = 10
BAR_WIDTH_MAX: Final = 60
_DIM: Final = Style(dim=True)


@dataclass(frozen=True, slots=True)
class LifecycleTable:
    """One lifecycle; only the newest ``rows_max`` periods are drawn, and the rest is said."""

    answer: LifecycleAnswer
    rows_max: int = 10_000

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Draw heading, a line a period, legend."""
        answer, ink = self.answer, ink_of(console)
        if not len(answer.periods):
            yield Text("no periods in this range", _DIM)
            return
        first = max(len(answer.periods) - self.rows_max, 0)
        for line in _lines(answer, ink, options.max_width, first):
            line.no_wrap, line.overflow = True, "crop"
            yield line
        yield Text()
        yield _legend(answer, ink)
        if first:
            yield Text(
                f"the newest {self.rows_max} of {len(answer.periods)} {unit(answer.question)}s; "
                f"--html and --json hold all",
                _DIM,
            )


def _lines(answer: LifecycleAnswer, ink: Ink, width: int, first: int) -> list[Text]:
    columns = [getattr(answer, stage)[first:].tolist() for stage in STAGES]
    interval = unit(answer.question)
    labels = [shorten(period_label(period, interval), 16) for period in answer.periods[first:]]
    head = "week of" if interval == "week" else interval
    label = max(len(head), *(len(text) for text in labels))
    widths = [
        max(len(name), *(len(count(v)) for v in column))
        for name, column in zip(HEADS, columns, strict=True)
    ]
    room = min(width - label - 2 - sum(widths) - len(widths) - 3, BAR_WIDTH_MAX)
    heading = Text(
        f"{head:<{label}}  "
        + "".join(f" {name:>{size}}" for name, size in zip(HEADS, widths, strict=True)),
        _DIM,
    )
    lines = [heading]
    axis = _Axis(columns, room) if room >= BAR_WIDTH_MIN else None
    for row, text in enumerate(labels):
        line = Text(f"{text:<{label}}")
        line.append("  " if answer.complete[first + row] else " *", _DIM)
        for column, size in zip(columns, widths, strict=True):
            line.append(f" {count(column[row]):>{size}}", Style() if column[row] else _DIM)
        if axis:
            axis.draw(line, [column[row] for column in columns], ink)
        lines.append(line)
    return lines


class _Axis:
    """One scale for both sides, so that a learner lost is as long as a learner won."""

    def __init__(self, columns: list[list[int]], width: int) -> None:
        active = max(sum(stages) for stages in zip(*columns[:3], strict=True))
        lost = max(columns[3])
        self.top = max(active + lost, 1)
        self.width = width
        self.left = round(lost / self.top * width)

    def draw(self, line: Text, values: list[int], ink: Ink) -> None:
        """Append the bar of one period."""
        lost = min(
            _at_least_one(values[3], split(values[3:], self.top, self.width)[0]), self.left or 1
        )
        line.append("  " + " " * (max(self.left, 1) - lost))
        line.append(_stroke(ink, "dormant") * lost, ink.mark("dormant"))
        line.append("│", _DIM)
        for stage, length in zip(STAGES[:3], split(values[:3], self.top, self.width), strict=True):
            line.append(_stroke(ink, stage) * length, ink.mark(stage))


def _at_least_one(value: int, length: int) -> int:
    return max(length, 1) if value else 0


def _stroke(ink: Ink, stage: str) -> str:
    return BLOCK if ink.coloured else SHADES[stage]


def _legend(answer: LifecycleAnswer, ink: Ink) -> Text:
    line = Text()
    for stage in ("dormant", "new", "returning", "resurrecting"):
        line.append(("   " if line else "") + _stroke(ink, stage) * 2, ink.mark(stage))
        line.append(f" {stage}", _DIM)
    if not answer.complete.all():
        line.append("   * not complete yet", _DIM)
    return line
