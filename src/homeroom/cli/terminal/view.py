"""One answer with its title, its sentence and its notes; several side by side where there is room."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.segment import Segment
from rich.style import Style
from rich.table import Table
from rich.text import Text

from homeroom.cli.terminal.active import ActiveLines
from homeroom.cli.terminal.at_risk import AtRiskView
from homeroom.cli.terminal.course_report import CourseReportView
from homeroom.cli.terminal.funnel import FunnelBars
from homeroom.cli.terminal.heatmap import Heatmap
from homeroom.cli.terminal.lifecycle import LifecycleTable
from homeroom.cli.terminal.number_tables import NumberTables
from homeroom.cli.terminal.paths import PathTree
from homeroom.cli.terminal.stickiness import StickinessBars
from homeroom.cli.terminal.wording import clean, setting, shorten, wrapped
from homeroom.cohorts.answers import (
    ActiveAnswer,
    Answer,
    AtRiskAnswer,
    CourseReportAnswer,
    FunnelAnswer,
    LifecycleAnswer,
    PathsAnswer,
    RetentionAnswer,
    StickinessAnswer,
)
from homeroom.cohorts.charts.scale import ceiling
from homeroom.cohorts.charts.tables import tabulate
from homeroom.cohorts.charts.words import heading, summary
from homeroom.limits import PERIODS_MAX

__all__ = ["AnswerView", "answers_view"]

SIDE_WIDTH_MIN: Final = 72
"""Columns that one answer gets when several stand side by side."""
INDENT: Final = "  "
BRIEF_ROWS_MAX: Final = 16
"""Periods of a lifecycle in a summary."""
FULL_ROWS_MAX: Final = PERIODS_MAX
_DIM: Final = Style(dim=True)
_BOLD: Final = Style(bold=True)


@dataclass(frozen=True, slots=True)
class AnswerView:
    """One answer, with those of its breakdown.

    A ``brief`` one is a part of a summary that says the rest. ``top`` is the scale of triangles that stand together.
    """

    answer: Answer
    detail: Literal["full", "brief"] = "full"
    top: float | None = None

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Draw title, sentence, figure and notes."""
        answer = self.answer
        rows_max = BRIEF_ROWS_MAX if self.detail == "brief" else FULL_ROWS_MAX
        yield Text(clean(heading(answer)), _BOLD)
        yield from wrapped(console, clean(summary(answer)), options.max_width, _DIM)
        if self.detail == "full":
            yield from wrapped(console, setting(answer), options.max_width, _DIM)
        yield Text()
        top = _shared_top([answer, *_parts(answer)]) if self.top is None else self.top
        yield Indented(_figure(answer, rows_max, top))
        if answer.parts:
            yield Text()
            views = [_part(value, part, rows_max, top) for value, part in answer.parts]
            yield _beside(views, options.max_width)
        for note in answer.notes:
            yield from wrapped(console, f"note: {clean(note)}", options.max_width, _DIM)


@dataclass(frozen=True, slots=True)
class Indented:
    """A drawing moved in from the left; unlike rich's padding it leaves no spaces behind the lines."""

    inside: RenderableType

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Draw what is inside, each line behind an indent."""
        narrowed = options.update_width(max(options.max_width - len(INDENT), 1))
        for line in console.render_lines(self.inside, narrowed, pad=False):
            yield Segment(INDENT if any(segment.text.strip() for segment in line) else "")
            yield from line
            yield Segment.line()


def answers_view(answers: Sequence[Answer], width: int) -> RenderableType:
    """Put several answers beside each other where the width allows, else below each other."""
    top = _shared_top([each for answer in answers for each in (answer, *_parts(answer))])
    return _beside([AnswerView(answer, top=top) for answer in answers], width)


def _parts(answer: Answer) -> list[Answer]:
    return [part for _, part in answer.parts]


def _shared_top(answers: Sequence[Answer]) -> float | None:
    triangles = [answer for answer in answers if isinstance(answer, RetentionAnswer)]
    return ceiling(triangles) if triangles else None


def _figure(answer: Answer, rows_max: int, top: float | None) -> RenderableType:
    match answer:
        case RetentionAnswer():
            return Heatmap(answer, top)
        case LifecycleAnswer():
            return LifecycleTable(answer, rows_max)
    view = _VIEWS.get(type(answer))
    return NumberTables(tabulate(answer), rows_max) if view is None else view(answer)


_VIEWS: Final[Mapping[type[Answer], Callable[[Any], RenderableType]]] = {
    StickinessAnswer: StickinessBars,
    ActiveAnswer: ActiveLines,
    CourseReportAnswer: CourseReportView,
    FunnelAnswer: FunnelBars,
    PathsAnswer: PathTree,
    AtRiskAnswer: AtRiskView,
}
"""What draws an answer that needs nothing else said."""


def _part(value: str, part: Answer, rows_max: int, top: float | None) -> RenderableType:
    return Group(Text(shorten(value, 60), _BOLD), Indented(_figure(part, rows_max, top)))


def _beside(views: Sequence[RenderableType], width: int) -> RenderableType:
    columns = min(max(width // SIDE_WIDTH_MIN, 1), len(views))
    if columns == 1:
        return Group(*(line for view in views for line in (view, Text())))
    grid = Table.grid(expand=True, padding=(0, 3, 1, 0))
    for _ in range(columns):
        grid.add_column(ratio=1)
    for first in range(0, len(views), columns):
        grid.add_row(*views[first : first + columns])
    return grid
