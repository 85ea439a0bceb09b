"""The retention heat map as a real table: heads for rows and columns, a cell a share, a class a colour.

A picture of a table can be neither selected, nor copied, nor heard. This one is a table that happens to be coloured:
the class names the step of the palette, and the page's style does the rest in light, in dark and on paper.
"""

from dataclasses import dataclass

from homeroom import limits
from homeroom.cohorts.answers import Rates, RetentionAnswer
from homeroom.cohorts.charts import words
from homeroom.cohorts.charts.heatmap import cell_words, rate_decimals
from homeroom.cohorts.charts.palette import STEPS
from homeroom.cohorts.charts.scale import ceiling, pool, rate_step

__all__ = ["Cell", "Row", "Triangle", "triangle"]


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell: its class, the share and the count as text, and what it says on hover."""

    style: str
    share: str
    count: str
    said: str


@dataclass(frozen=True, slots=True)
class Row:
    """One group: its label, its size, its cells up to the end of the range."""

    label: str
    size: str
    cells: tuple[Cell, ...]


@dataclass(frozen=True, slots=True)
class Triangle:
    """The table: ``pooled`` is the row of all groups together; ``cut`` says what is not shown, if anything."""

    interval: str
    columns: tuple[str, ...]
    pooled: Row
    rows: tuple[Row, ...]
    top: str
    open_cells: bool
    cut: str


def triangle(answer: RetentionAnswer) -> Triangle:
    """Make the table of an answer."""
    most = limits.REPORT_TRIANGLE_PERIODS_MAX
    periods, last = len(answer.periods), min(len(answer.columns), most + 1)
    first = max(periods - most, 0)
    bounds, top_rate = answer.confidence(), ceiling([answer])
    rows = tuple(_row(answer, i, last, bounds, top_rate) for i in range(first, periods))
    cut = f"The newest {periods - first:,} of {periods:,} groups and the first {last - 1:,} of " \
          f"{len(answer.columns) - 1:,} columns stand in the table."  # fmt: skip
    shown = answer.counts[first:, :last] >= 0
    return Triangle(
        interval=answer.question.interval,
        columns=tuple(words.since_label(c) for c in answer.columns[1:last]),
        pooled=_pooled(answer, last, top_rate),
        rows=rows,
        top="100%" if top_rate == 1 else f"{words.share(top_rate, 0)} or more",
        open_cells=bool((shown & ~answer.complete[first:, :last]).any()),
        cut=cut if first or last < len(answer.columns) else "",
    )


def _row(
    answer: RetentionAnswer, i: int, last: int, bounds: tuple[Rates, Rates], top_rate: float
) -> Row:
    size = int(answer.sizes[i])
    cells = []
    for k in range(1, last):
        returned = int(answer.counts[i, k])
        if returned < 0:
            break
        rate = returned / size if size else float("nan")
        open_ = not answer.complete[i, k]
        style = f"s{rate_step(rate, top_rate)}" if size else "none"
        mark = "*" if open_ else ""
        cells.append(Cell(
            _style(style, rate, top_rate, "open" if open_ and size else ""),
            words.share(rate, rate_decimals(top_rate)) + mark,
            words.count(returned) + mark,
            cell_words(answer, bounds, i, k),
        ))  # fmt: skip
    label = words.period_label(answer.periods[i], answer.question.interval)
    return Row(label, words.size(answer, i), tuple(cells))


def _pooled(answer: RetentionAnswer, last: int, top_rate: float) -> Row:
    cells = []
    for cell in pool(answer)[1:last]:
        if not cell.learners:
            break
        said = f"{cell.returned:,} of {cell.learners:,} = {words.share(cell.rate)} in {cell.groups:,} complete groups"
        style = _style(f"s{rate_step(cell.rate, top_rate)}", cell.rate, top_rate, "")
        cells.append(
            Cell(
                style,
                words.share(cell.rate, rate_decimals(top_rate)),
                words.count(cell.returned),
                said,
            )
        )
    mark = "" if answer.complete[:, 0].all() else "*"
    return Row("All groups", words.count(int(answer.sizes.sum())) + mark, tuple(cells))


def _style(step: str, rate: float, top_rate: float, extra: str) -> str:
    dark = step != "none" and rate_step(rate, top_rate) >= STEPS // 2
    return " ".join(name for name in (step, "hi" if dark else "", extra) if name)
