"""Active learners as lines by day, week and month, and under them the three ratios.

A point stands in the middle of its period on a true axis of dates, so that a month spans its weeks. Lines differ in
weight as well as in colour. A period that is not complete is a dashed end with a hollow point: the drop there is
no news.
"""

import datetime as dt
import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from homeroom import limits
from homeroom.cohorts.answers import ActiveAnswer, Series
from homeroom.cohorts.charts import words
from homeroom.cohorts.charts.axes import Frame, frame, period_axis, value_axis
from homeroom.cohorts.charts.panels import (
    GAP_PX,
    NAME_PX,
    Key,
    Panel,
    assemble,
    columns_for,
    legend,
    newest_note,
)
from homeroom.cohorts.charts.scale import ruler, share_ruler
from homeroom.cohorts.charts.svg import Figure, group, path, rect, shorten, text

__all__ = ["RATIOS", "SPANS", "figure"]


class Line(NamedTuple):
    """One line of a chart: the series' name, its class, its weight in px, its words."""

    series: str
    style: str
    weight: float
    label: str


SPANS = (Line("month", "resurrecting", 2.5, "Month"), Line("week", "returning", 2, "Week"),
         Line("day", "new", 1.25, "Day"))  # fmt: skip
RATIOS = (Line("week_month", "resurrecting", 2.5, "An average week of the month"),
          Line("day_week", "returning", 2, "An average day of the week"),
          Line("day_month", "new", 1.25, "An average day of the month"))  # fmt: skip
DAYS_MAX = limits.CHART_PERIODS_MAX
POINTS_MAX = 40
HOVER_DAYS_MAX = 62


@dataclass(frozen=True, slots=True)
class _Point:
    day: float
    value: float
    complete: bool


def figure(answer: ActiveAnswer, width: float) -> Figure:
    """Draw lines and ratios, or one pair a value of a breakdown, each with its own scale."""
    named = [("All learners" if answer.parts else "", answer)]
    named += [(value, part) for value, part in answer.parts if isinstance(part, ActiveAnswer)]
    room = (width + GAP_PX) / columns_for(len(named), width) - GAP_PX
    panels = [_panel(part, name, room) for name, part in named]
    notes = [
        *words.open_note(
            "dashed, with a hollow point,",
            [getattr(answer, line.series).complete for line in SPANS],
        )
    ]
    if answer.parts:
        notes.append("Each panel has its own scale.")
    notes += newest_note(min(len(answer.day.periods), DAYS_MAX), len(answer.day.periods), "days")
    return assemble(
        panels, (words.heading(answer), words.summary(answer)), width, legend((), notes, width)
    )


def _panel(answer: ActiveAnswer, name: str, width: float) -> Panel:
    head = text((0, 12), shorten(name, width, NAME_PX), "name ink") if name else ""
    down = 24 if name else 0
    days = [_start(p) for p in answer.day.periods]
    if not days or not answer.day.values.any():
        return Panel(
            width, 48 + down, head + text((0, 32 + down), "No learners in this range.", "muted")
        )
    first = max(days[0], days[-1] + 1 - DAYS_MAX)
    span = (first, days[-1] + 1)
    top = max(
        float(s.values.max()) for s in (answer.day, answer.week, answer.month) if len(s.values)
    )
    shares = [
        float(v)
        for line in RATIOS
        for v in getattr(answer, line.series).values
        if not math.isnan(v)
    ]
    upper = frame(width, 152 if name else 232, ruler(top, 4), int(span[1] - span[0]))
    lower = frame(width, 80 if name else 112, share_ruler(max(shares, default=1)), upper.bands)
    left = max(upper.left, lower.left)
    body, used = "", 0.0
    for at, lines, title in (
        (upper, SPANS, "Learners"),
        (lower, RATIOS, "Share of the longer period's learners"),
    ):
        drawn = _plot(answer, lines, replace(at, left=left), first, title)
        body += group((0, used), drawn.body)
        used += drawn.height + 16
    return Panel(width, used - 16 + down, head + group((0, down), body))


def _plot(answer: ActiveAnswer, lines: Sequence[Line], at: Frame, first: int, title: str) -> Panel:
    keys = legend([Key(line.style, line.label) for line in reversed(lines)], (), at.width)
    labels = [dt.date.fromordinal(first + i).isoformat() for i in range(at.bands)]
    body = value_axis(at, title) + period_axis(at, labels)
    body += "".join(_line(line, _points(answer, line.series, first), at, first) for line in lines)
    if lines is SPANS:
        body += _hits(answer, at, first)
    return Panel(
        at.width, keys.height + 8 + at.height, keys.body + group((0, keys.height + 8), body)
    )


def _points(answer: ActiveAnswer, name: str, first: int) -> list[_Point]:
    """Set each value in the middle of its period; a series of ratios has the periods of its longer part."""
    series: Series = getattr(answer, name)
    starts = [_start(p) for p in series.periods]
    last = _start(answer.day.periods[-1]) + 1
    ends = [_end(start, name) for start in starts]
    return [
        _Point((max(start, first) + min(end, last)) / 2, float(value), bool(complete))
        for start, end, value, complete in zip(
            starts, ends, series.values, series.complete, strict=True
        )
        if end > first and not math.isnan(value)
    ]


def _line(line: Line, points: Sequence[_Point], at: Frame, first: int) -> str:
    style = f"line-{line.style}"
    fixed = (
        f'fill="none" stroke-width="{line.weight}" stroke-linejoin="round" stroke-linecap="round"'
    )
    spots = [(at.left + (p.day - first) * at.pitch, at.y(p.value), p.complete) for p in points]
    out = []
    for complete, run in itertools.groupby(
        itertools.pairwise(spots), key=lambda pair: pair[0][2] and pair[1][2]
    ):
        pairs = list(run)
        route = "".join(f"{'L' if i else 'M'}{x:.1f} {y:.1f}" for i, (x, y, _) in
                        enumerate([pairs[0][0], *(pair[1] for pair in pairs)]))  # fmt: skip
        out.append(path(route, style, fixed if complete else f'{fixed} stroke-dasharray="2 5"'))
    for x, y, complete in spots:
        if not complete:
            out.append(
                f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3.5" class="surface {style}" stroke-width="1.5"/>'
            )
        elif len(spots) <= POINTS_MAX:
            out.append(
                f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{line.weight + 0.5}" class="{line.style}"/>'
            )
    return "".join(out)


def _hits(answer: ActiveAnswer, at: Frame, first: int) -> str:
    """Show the numbers on hover: of each day, or where days are many, of each week and its month."""
    months = dict(
        zip((p[:7] for p in answer.month.periods), answer.month.values.tolist(), strict=True)
    )
    days = at.bands <= HOVER_DAYS_MAX
    series, one = (answer.day, "day") if days else (answer.week, "week")
    out = []
    for period, value, complete in zip(
        series.periods, series.values.tolist(), series.complete, strict=True
    ):
        start, end = max(_start(period), first), min(_end(_start(period), one), first + at.bands)
        if end <= start:
            continue
        said = f"{'Day' if days else 'Week'} of {period}: {value:,} active"
        said += f", {months[period[:7]]:,} in its month" if period[:7] in months else ""
        x, y, wide, high = at.hit(start - first)
        title = said if complete else f"{said}; not complete yet"
        out.append(rect((x, y, wide * (end - start), high), "hit", title))
    return "".join(out)


def _start(period: str) -> int:
    return dt.date.fromisoformat(period[:10]).toordinal()


def _end(start: int, name: str) -> int:
    """Return the day after a period that starts on the day; ``day_week`` is a series by week."""
    longest = name.rpartition("_")[2]
    if longest == "day":
        return start + 1
    if longest == "week":
        return start + 7
    day = dt.date.fromordinal(start)
    return (day.replace(day=1) + dt.timedelta(days=32)).replace(day=1).toordinal()
