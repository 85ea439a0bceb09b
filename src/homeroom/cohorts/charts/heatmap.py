"""Retention as a heat map: a row a group with its size, a column a period since, a colour a share.

Column 0 is the group itself, always 100%; it is written as the group's size and not coloured, or the eye would find
nothing else. A cell shows its number where it fits; where the triangle is dense, colours alone remain, labels are
thinned, and cells of one colour become one path (20,000 rectangles with hover text would be 3 MB).
"""

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from homeroom import limits
from homeroom.cohorts.answers import Counts, Flags, Rates, RetentionAnswer
from homeroom.cohorts.charts import words
from homeroom.cohorts.charts.palette import STEPS
from homeroom.cohorts.charts.panels import (
    GAP_PX,
    NAME_PX,
    Panel,
    assemble,
    columns_for,
    legend,
    newest_note,
)
from homeroom.cohorts.charts.scale import ceiling, label_stride, rate_step
from homeroom.cohorts.charts.svg import Figure, group, hatch, path, rect, shorten, text, text_width

__all__ = ["cell_words", "figure", "rate_decimals"]

Box: TypeAlias = tuple[float, float, float, float]

CELL_PX = (0.75, 52.0)
ROW_PX = (2.0, 26.0)
NUMBERS_FROM_PX = 22
PERCENT_FROM_PX = 36
HEAD_PX = 36
LABEL_PX = 14


@dataclass(frozen=True, slots=True)
class _View:
    """The groups and columns of one panel that are drawn, and where."""

    answer: RetentionAnswer
    rows: range
    columns: range
    left: float
    cell: float
    row: float
    top_rate: float

    @property
    def rates(self) -> Rates:
        return self.answer.rates[self.rows.start : self.rows.stop]

    @property
    def counts(self) -> Counts:
        return self.answer.counts[self.rows.start : self.rows.stop]

    @property
    def complete(self) -> Flags:
        return self.answer.complete[self.rows.start : self.rows.stop]

    def box(self, row: int, column: int) -> Box:
        gap = 1.0 if self.cell >= 6 and self.row >= 6 else 0.0
        return (
            self.left + (column - 1) * self.cell,
            HEAD_PX + row * self.row,
            self.cell - gap,
            self.row - gap,
        )


def figure(answer: RetentionAnswer, width: float) -> Figure:
    """Draw the triangle, or the triangles of a breakdown side by side on one scale of colours."""
    named = [("", answer)] + [
        (value, part) for value, part in answer.parts if isinstance(part, RetentionAnswer)
    ]
    if answer.parts:
        named[0] = ("All learners", answer)
    top_rate = ceiling([part for _, part in named])
    across = columns_for(len(named), width)
    room = (width + GAP_PX) / across - GAP_PX
    panels = [_panel(part, name, top_rate, room) for name, part in named]
    used = width if len(panels) > 1 else max(panels[0].width, min(width, 480))
    drawn = any(part.sizes.any() for _, part in named)
    foot = _legend(answer, top_rate, used) if drawn else Panel(used, 0, "")
    return assemble(panels, (words.heading(answer), words.summary(answer)), used, foot)


def rate_decimals(top_rate: float) -> int:
    """Return the decimals that a share in a cell needs to be told from its neighbours."""
    return 1 if top_rate <= 0.1 else 0


def cell_words(answer: RetentionAnswer, bounds: tuple[Rates, Rates], row: int, column: int) -> str:
    """Say one cell in words: count, group, share, confidence interval, and whether it is complete."""
    size, returned = int(answer.sizes[row]), int(answer.counts[row, column])
    if size == 0:
        return "no learners in this group"
    said = f"{returned:,} of {size:,} = {words.share(returned / size)}"
    low, high = bounds[0][row, column], bounds[1][row, column]
    said += f" (95% interval {100 * low:.1f}\u2013{100 * high:.1f}%)"
    return said if answer.complete[row, column] else f"{said}, not complete yet"


def _panel(answer: RetentionAnswer, name: str, top_rate: float, room: float) -> Panel:
    head = text((0, 12), shorten(name, room, NAME_PX), "name ink") if name else ""
    down = 24 if name else 0
    if not answer.periods or not answer.sizes.any():
        return Panel(
            room, 48 + down, head + text((0, 32 + down), "No learners in this range.", "muted")
        )
    view = _view(answer, top_rate, room)
    body = _row_labels(view)
    if len(view.columns):
        body += _column_labels(view)
        drawn = int((view.counts[:, 1:] >= 0).sum())
        body += _cells(view) if drawn <= limits.CHART_TITLED_CELLS_MAX else _dense_cells(view)
    else:
        body += text((view.left, HEAD_PX + LABEL_PX), "No later period in the range.", "muted")
    width = view.left + len(view.columns) * view.cell
    return Panel(width, HEAD_PX + len(view.rows) * view.row + down, head + group((0, down), body))


def _view(answer: RetentionAnswer, top_rate: float, room: float) -> _View:
    rows = range(max(len(answer.periods) - limits.CHART_PERIODS_MAX, 0), len(answer.periods))
    reached = np.flatnonzero((answer.counts[rows.start :] >= 0).any(axis=0))
    last = min(int(reached[-1]) if len(reached) else 0, limits.CHART_PERIODS_MAX)
    labels = max(
        text_width(words.period_label(answer.periods[i], answer.question.interval)) for i in rows
    )
    sizes = max(text_width(words.size(answer, i)) for i in rows)
    left = labels + max(sizes, text_width("Learners")) + 24
    cell = min(max((room - left) / max(last, 1), CELL_PX[0]), CELL_PX[1])
    row = ROW_PX[1] if cell >= NUMBERS_FROM_PX else max(cell, min(16, 480 / len(rows)), ROW_PX[0])
    return _View(answer, rows, range(1, last + 1), left, cell, row, top_rate)


def _row_labels(view: _View) -> str:
    interval = view.answer.question.interval
    labels = [words.period_label(view.answer.periods[i], interval) for i in view.rows]
    body = [
        text((0, 28), interval.capitalize(), "muted"),
        text((view.left - 12, 28), "Learners", "muted", "end"),
    ]
    stride = label_stride(labels, LABEL_PX + 2, view.row)
    for row in range(0, len(labels), stride):
        base = HEAD_PX + row * view.row + min(view.row / 2, ROW_PX[1]) + 4
        body.append(text((0, base), labels[row]))
        size = words.size(view.answer, view.rows[row])
        body.append(text((view.left - 12, base), size, "muted", "end"))
    return "".join(body)


def _column_labels(view: _View) -> str:
    labels = [words.since_label(view.answer.columns[k]) for k in view.columns]
    widest = max(text_width(label) for label in labels)
    stride = label_stride(labels, widest + 8, view.cell)
    body = [text((view.left, 12), f"{view.answer.question.interval.capitalize()}s since", "muted")]
    for i in range(stride - 1 if stride > 1 else 0, len(labels), stride):
        middle = view.left + (i + 0.5) * view.cell
        body.append(text((middle, 28), labels[i], "muted", "middle"))
    return "".join(body)


def _cells(view: _View) -> str:
    answer, interval = view.answer, view.answer.question.interval
    bounds = answer.confidence()
    decimals, rates = rate_decimals(view.top_rate), view.rates
    body: list[str] = []
    for row, column in _inside(view):
        source_row = view.rows[row]
        box, rate = view.box(row, column), float(rates[row, column])
        label = words.period_label(answer.periods[source_row], interval)
        title = f"{label}, {interval}s since: {words.since_label(answer.columns[column])}. "
        title += cell_words(answer, bounds, source_row, column)
        known = not np.isnan(rate)
        step = rate_step(rate, view.top_rate) if known else 0
        open_ = known and not answer.complete[source_row, column]
        body.append(rect(box, f"s{step}" if known else "track", title))
        ink = "low-ink" if step < STEPS // 2 else "high-ink"
        if open_:
            body.append(f'{rect(box, "x")[:-2]} {hatch(ink)} pointer-events="none"/>')
        if known and view.cell >= NUMBERS_FROM_PX:
            shown = words.share(rate, decimals) + ("*" if open_ else "")
            shown = shown if view.cell >= PERCENT_FROM_PX else shown.replace("%", "")
            body.append(
                text((box[0] + box[2] / 2, box[1] + box[3] / 2 + 4), shown, f"cell {ink}", "middle")
            )
    return "".join(body)


def _dense_cells(view: _View) -> str:
    """Draw cells without hover: equal neighbours in a row are one bar, bars of one colour one path."""
    rates = view.rates
    steps = np.full(rates.shape, -1, dtype=np.int64)
    known = ~np.isnan(rates)
    scaled = np.floor(rates[known] / view.top_rate * STEPS + 1e-9)
    steps[known] = np.minimum(scaled, STEPS - 1).astype(np.int64)
    body = [
        path(_bars(view, steps == step), f"s{step}")
        for step in range(STEPS)
        if (steps == step)[:, 1:].any()
    ]
    for first, ink in ((0, "low-ink"), (STEPS // 2, "high-ink")):
        half = ~view.complete & (steps >= first) & (steps < first + STEPS // 2)
        if half[:, 1:].any():
            body.append(path(_bars(view, half), "x", hatch(ink)))
    return "".join(body)


def _bars(view: _View, where: Flags) -> str:
    out = []
    last = view.columns.stop
    for row in range(len(view.rows)):
        edges = np.flatnonzero(
            np.diff(np.concatenate(([False], where[row, 1:last], [False])).astype(np.int8))
        )
        for start, end in zip(edges[::2], edges[1::2], strict=True):
            x, y, _, height = view.box(row, int(start) + 1)
            out.append(f"M{x:.1f} {y:.1f}h{(end - start) * view.cell:.1f}v{height:.1f}H{x:.1f}z")
    return "".join(out)


def _inside(view: _View) -> list[tuple[int, int]]:
    rows, columns = np.nonzero(view.counts[:, 1 : view.columns.stop] >= 0)
    return list(zip(rows.tolist(), (columns + 1).tolist(), strict=True))


def _legend(answer: RetentionAnswer, top_rate: float, width: float) -> Panel:
    swatch = 16
    end = "100%" if top_rate == 1 else f"{words.share(top_rate, 0)} or more"
    body = [text((0, 14), "0%", "muted")]
    left = text_width("0%") + 8
    body += [rect((left + i * swatch, 4, swatch, 12), f"s{i}") for i in range(STEPS)]
    body.append(text((left + STEPS * swatch + 8, 14), f"{end} of the group", "muted"))
    drawn = [answer, *(part for _, part in answer.parts if isinstance(part, RetentionAnswer))]
    notes = words.open_note("striped or has a *", [a.complete | (a.counts < 0) for a in drawn])
    shown = min(len(answer.periods), limits.CHART_PERIODS_MAX)
    notes = (*notes, *newest_note(shown, len(answer.periods), "groups"))
    under = legend((), notes, width)
    return Panel(width, 28 + under.height, "".join(body) + group((0, 28), under.body))
