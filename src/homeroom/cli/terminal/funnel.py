"""A funnel as bars: a line a step, and beside it the shares of the step before and of the first.

What gets shorter from line to line is the funnel; the digits beside it are what people take away. On a narrow terminal
a step's name stands on a line of its own above its bar, so that neither has to be cut.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from rich.console import Console, ConsoleOptions, RenderResult
from rich.style import Style
from rich.text import Text

from homeroom.cli.terminal.bars import bar
from homeroom.cli.terminal.ink import Ink, ink_of
from homeroom.cli.terminal.wording import percent, shorten
from homeroom.cohorts.answers import FunnelAnswer
from homeroom.cohorts.charts.behaviour_words import took
from homeroom.cohorts.charts.words import count

__all__ = ["FunnelBars"]

BAR_WIDTH_MIN: Final = 12
BAR_WIDTH_MAX: Final = 60
LABEL_WIDTH_MAX: Final = 40
_DIM: Final = Style(dim=True)
_TIME_WIDTH: Final = 9


@dataclass(frozen=True, slots=True)
class FunnelBars:
    """One funnel."""

    answer: FunnelAnswer

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Draw heading and a bar a step."""
        answer = self.answer
        if not answer.counts[0]:
            yield Text(f"no {answer.unit} took the first step in this range", _DIM)
            return
        for line in _lines(answer, ink_of(console), options.max_width):
            line.no_wrap, line.overflow = True, "crop"
            yield line


def _lines(answer: FunnelAnswer, ink: Ink, width: int) -> Iterator[Text]:
    figures = max(len(answer.unit), len(count(int(answer.counts[0]))))
    # Beside the figures stand two shares, the median and the bar, each behind two spaces.
    fixed = figures + 2 + 6 + 2 + 8 + 2 + _TIME_WIDTH + 2
    names = [f"{i}  {shorten(label, LABEL_WIDTH_MAX)}" for i, label in enumerate(answer.labels, 1)]
    label = max(len("step"), *(len(name) for name in names))
    beside = width - label - 2 - fixed >= BAR_WIDTH_MIN
    room = min(width - fixed - (label + 2 if beside else 3), BAR_WIDTH_MAX)
    head = f"{'step':<{label}}  " if beside else "   "
    yield Text(f"{head}{answer.unit:>{figures}}    kept  of first  {'median':>{_TIME_WIDTH}}", _DIM)
    for i, name in enumerate(names):
        if not beside:
            yield Text(shorten(name, width))
        line = Text(f"{name:<{label}}  " if beside else "   ")
        line.append(f"{count(int(answer.counts[i])):>{figures}}  {_shares(answer, i)}  ")
        line.append(
            bar(float(answer.counts[i]), float(answer.counts[0]), room), ink.mark("returning")
        )
        line.rstrip()
        yield line


def _shares(answer: FunnelAnswer, i: int) -> str:
    """Write the shares of the step before and of the first, and the median time from the step before."""
    if not i:
        return " " * (6 + 2 + 8 + 2 + _TIME_WIDTH)
    from_first, from_previous = answer.conversion
    before, first = (_percent(float(share[i])) for share in (from_previous, from_first))
    return (
        f"{before:>6}  {first:>8}  {took(float(answer.from_previous.median_s[i])):>{_TIME_WIDTH}}"
    )


def _percent(share: float) -> str:
    return "\u2013" if share != share else f"{percent(share)}%"  # noqa: PLR0124 - NaN alone is not itself
