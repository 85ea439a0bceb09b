"""Stickiness as bars: how many learners were active in one period, in two, in three, and so on.

A range of half a year of days would be 180 lines, so long answers are drawn in brackets that widen as they go; the
figures behind them are in the machine forms. Behind each bar stands how many were active in so many periods *or more*,
which is what people ask next.
"""

from dataclasses import dataclass
from typing import Final

from rich.console import Console, ConsoleOptions, RenderResult
from rich.style import Style
from rich.text import Text

from homeroom.cli.terminal.bars import bar
from homeroom.cli.terminal.ink import ink_of
from homeroom.cli.terminal.wording import cropped, percent
from homeroom.cohorts.answers import StickinessAnswer
from homeroom.cohorts.charts.words import count, unit

__all__ = ["StickinessBars", "brackets"]

LINES_MAX: Final = 14
_EDGES: Final = (1, 2, 3, 4, 5, 6, 8, 11, 15, 21, 31, 51, 101, 201, 501, 1001)
_DIM: Final = Style(dim=True)
_PLAIN: Final = Style()


def brackets(periods: int, lines_max: int = LINES_MAX) -> list[tuple[int, int]]:
    """Cut 1…``periods`` into brackets: single numbers where they have room, wider ones further out."""
    if periods <= lines_max:
        return [(n, n) for n in range(1, periods + 1)]
    starts = [edge for edge in _EDGES if edge <= periods]
    return [(start, end - 1) for start, end in zip(starts, [*starts[1:], periods + 1], strict=True)]


@dataclass(frozen=True, slots=True)
class StickinessBars:
    """One answer as bars."""

    answer: StickinessAnswer

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Draw heading and one bar a number of periods."""
        answer, ink = self.answer, ink_of(console)
        total = int(answer.learners.sum())
        if not total:
            yield Text("no active learners in this range", _DIM)
            return
        learners = answer.learners
        rows = [(_name(first, last), int(learners[first - 1 : last].sum()), int(learners[first - 1 :].sum()))
                for first, last in brackets(len(learners))]  # fmt: skip
        head = f"{unit(answer.question)}s"
        label = max(len(head), *(len(name) for name, _, _ in rows))
        figures = max(len("learners"), len(count(total)))
        room = max(options.max_width - label - figures - 18, 4)
        top = max(value for _, value, _ in rows)
        yield cropped(f"{head:>{label}}  {'learners':>{figures}}      %  or more", _DIM)
        for name, value, more in rows:
            line = cropped(
                f"{name:>{label}}  {count(value):>{figures}}   {percent(value / total):>3}%     "
            )
            line.append(f"{percent(more / total):>3}%", _DIM)
            line.append("  ")
            line.append(bar(value, top, min(room, 60)), ink.mark("returning"))
            yield line
        if not answer.complete.all():
            yield cropped(
                "the newest period is not complete yet: learners can still move down the list", _DIM
            )


def _name(first: int, last: int) -> str:
    return str(first) if first == last else f"{first}–{last}"
