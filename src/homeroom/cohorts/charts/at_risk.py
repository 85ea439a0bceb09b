"""At risk as pictures and tables: bars by course run, and lines of the share at the ends of weeks.

Each course run has a small panel with its own line, and behind it that of all together; all have one scale, so a run
that loses more than others is seen at once. With a breakdown the panels are its values.
"""

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from homeroom import limits
from homeroom.cohorts.answers import SUPPRESSED, AtRiskAnswer, RiskTrend
from homeroom.cohorts.charts import words
from homeroom.cohorts.charts.axes import Frame, frame, period_axis, value_axis
from homeroom.cohorts.charts.numbers import Numbers, newest
from homeroom.cohorts.charts.panels import (
    GAP_PX,
    NAME_PX,
    Panel,
    assemble,
    columns_for,
    legend,
)
from homeroom.cohorts.charts.scale import Ruler, share_ruler
from homeroom.cohorts.charts.svg import (
    Figure,
    group,
    path,
    rect,
    shorten,
    text,
    text_width,
)

__all__ = ["figure", "numbers"]

PANELS_MAX = 9
BARS_MAX = 15
ROW_PX = 26
BAR_PX = 16
PLOT_PX = 112


@dataclass(frozen=True, slots=True)
class _Line:
    """The share at risk of one group at the end of each week; NaN where there is none, or too few to tell."""

    name: str
    shares: npt.NDArray[np.float64]
    words: tuple[str, ...]


def figure(answer: AtRiskAnswer, width: float) -> Figure:
    """Draw bars by course run (or value of a breakdown), and under them a line for each."""
    head = (words.heading(answer), words.summary(answer))
    groups = _groups(answer)
    if not answer.current:
        panel = Panel(width, 48, text((0, 32), "No current enrolments on this date.", "muted"))
        return assemble([panel], head, width, Panel(width, 0, ""))
    bars = _bars(groups, width)
    lines = _lines(answer)
    notes = [f"Bars: share of current enrolments at risk on {answer.date}."]
    if len(groups) > BARS_MAX:
        notes.append(
            f"The {BARS_MAX} of {len(groups):,} with most at risk are drawn; the numbers hold all."
        )
    upper = Panel(width, bars.height, bars.body)
    if len(lines) < 2 or answer.trend is None or len(answer.trend.ends) < 2:
        return assemble([upper], head, width, legend((), notes, width))
    top = share_ruler(
        max((float(s) for line in lines for s in line.shares if not math.isnan(s)), default=1)
    )
    room = (width + GAP_PX) / columns_for(min(len(lines), PANELS_MAX), width) - GAP_PX
    panels = [_panel(line, lines[0], answer.trend, top, room) for line in lines[:PANELS_MAX]]
    notes += _trend_notes(answer.trend, len(lines))
    lower = assemble(panels, head, width, legend((), notes, width))
    body = upper.body + group((0, upper.height + GAP_PX), lower.body)
    return Figure(width, upper.height + GAP_PX + lower.height, *head, body)


def _trend_notes(trend: RiskTrend, lines: int) -> list[str]:
    notes = ["Lines: the share at the end of each week; the thin line is that of all together."]
    if not trend.complete.all():
        notes.append(
            f"The last, hollow point is of a week that had not ended: it stands for {trend.ends[-1]}."
        )
    if lines > PANELS_MAX:
        notes.append(
            f"The first {PANELS_MAX - 1} of {lines - 1:,} are drawn as lines; the numbers hold all."
        )
    return notes


def _groups(answer: AtRiskAnswer) -> list[tuple[str, int, int]]:
    """Return name, current enrolments and those at risk of each bar."""
    if answer.parts:
        parts = [(value, one) for value, one in answer.parts if isinstance(one, AtRiskAnswer)]
        return [(value, one.current, one.at_risk) for value, one in parts if one.current]
    return [(one.course, one.current, one.at_risk) for one in answer.courses]


def _lines(answer: AtRiskAnswer) -> list[_Line]:
    """Return the line of all together, and that of each course run or value."""
    trend = answer.trend
    if trend is None:
        return []
    found = [_line("All together", trend, 0)]
    if answer.parts:
        parts = [(value, one) for value, one in answer.parts if isinstance(one, AtRiskAnswer)]
        found += [
            _line(v, one.trend, 0) for v, one in parts if one.trend is not None and one.current
        ]
    else:
        found += [_line(name, trend, row) for row, name in enumerate(trend.courses, 1)]
    return found


def _line(name: str, trend: RiskTrend, row: int) -> _Line:
    shares = trend.shares[row]
    said = tuple(
        f"{name}, {end}: {words.told(at_risk)} of {current:,} at risk"
        + ("" if math.isnan(share) else f", {words.share(share)}")
        for end, at_risk, current, share in zip(
            trend.ends,
            trend.at_risk[row].tolist(),
            trend.current[row].tolist(),
            shares,
            strict=True,
        )
    )
    return _Line(name, shares, said)


def _bars(groups: Sequence[tuple[str, int, int]], width: float) -> Panel:
    shown = groups[:BARS_MAX]
    names = [shorten(name, width * 0.4) for name, _, _ in shown]
    told = [_bar_words(current, at_risk) for _, current, at_risk in shown]
    left = max(text_width(name) for name in names) + 12
    right = max(text_width(one) for one in told) + 12
    shares = [_share(at_risk, current) for _, current, at_risk in shown]
    top = max((share for share in shares if not math.isnan(share)), default=0) or 1
    room = max(width - left - right, 24)
    body = []
    for i, ((name, _, _), share) in enumerate(zip(shown, shares, strict=True)):
        y = i * ROW_PX
        long = 0 if math.isnan(share) else max(share / top * room, 1 if share else 0)
        body.append(text((0, y + 13), names[i]))
        body.append(rect((left, y + 1, room, BAR_PX), "track", radius=2))
        if long:
            body.append(rect((left, y + 1, long, BAR_PX), "resurrecting", radius=2))
        body.append(text((left + room + 8, y + 13), told[i], "muted"))
        body.append(rect((0, y - 4, width, ROW_PX), "hit", f"{name}: {told[i]}"))
    return Panel(width, len(shown) * ROW_PX, "".join(body))


def _bar_words(current: int, at_risk: int) -> str:
    said = f"{words.told(at_risk)} of {current:,}"
    share = _share(at_risk, current)
    return said if math.isnan(share) else f"{words.share(share, 0)} \u00b7 {said}"


def _panel(line: _Line, whole: _Line, trend: RiskTrend, top: Ruler, width: float) -> Panel:
    at = frame(width, PLOT_PX, top, len(trend.ends))
    body = [value_axis(at, ""), period_axis(at, list(trend.ends))]
    if line is not whole:
        body.append(_drawn(whole, trend, at, ("muted", 1)))
    body.append(_drawn(line, trend, at, ("resurrecting", 2)))
    body += [rect(at.hit(i), "hit", said) for i, said in enumerate(line.words)]
    name = text((0, 12), shorten(line.name, width, NAME_PX), "name ink")
    return Panel(width, at.height + 4, name + group((0, 4), "".join(body)))


def _drawn(line: _Line, trend: RiskTrend, at: Frame, style: tuple[str, float]) -> str:
    """Draw a line with a gap where the share is not known, and a dashed end to a point that is not complete."""
    colour, weight = style
    spots = [
        None if math.isnan(share) else (at.left + (i + 0.5) * at.pitch, at.y(float(share)))
        for i, share in enumerate(line.shares)
    ]
    fixed = f'fill="none" stroke-width="{weight}" stroke-linejoin="round" stroke-linecap="round"'
    last = len(spots) - 1
    out = []
    for i, (one, other) in enumerate(itertools.pairwise(spots), 1):
        if one is not None and other is not None:
            dash = ' stroke-dasharray="2 5"' if i == last and not trend.complete[last] else ""
            route = f"M{one[0]:.1f} {one[1]:.1f}L{other[0]:.1f} {other[1]:.1f}"
            out.append(path(route, f"line-{colour}", fixed + dash))
    end = spots[last] if spots and colour != "muted" else None
    if end is not None:
        hollow = f'class="surface line-{colour}" stroke-width="1.5"'
        look = f'class="{colour}"' if trend.complete[last] else hollow
        out.append(f'<circle cx="{end[0]:.1f}" cy="{end[1]:.1f}" r="3.5" {look}/>')
    return "".join(out)


def numbers(answer: AtRiskAnswer) -> tuple[Numbers, ...]:
    """Return the course runs, the trend of all together, and the enrolments that are shown."""
    courses = tuple(
        (
            one.course,
            words.count(one.current),
            words.told(one.at_risk),
            _percent(one.at_risk, one.current),
        )
        for one in answer.courses
    )
    whole = (
        "All",
        words.count(answer.current),
        words.told(answer.at_risk),
        _percent(answer.at_risk, answer.current),
    )
    most = limits.REPORT_ROWS_MAX
    heads = ("Course run", "Current", "At risk", "Share")
    found = [
        Numbers(
            f"Current enrolments on {answer.date}",
            heads,
            (whole, *courses[:most]),
            len(courses) > most,
        )
    ]
    if answer.trend is not None:
        found.append(_trend_numbers(answer.trend))
    shown = answer.shown
    rows = zip(
        shown.learners(),
        shown.course_names(),
        (str(day) for day in shown.columns()["last_active"]),
        shown.reasons(),
        strict=True,
    )
    caption = f"At risk, the first {len(shown):,} of {words.told(answer.at_risk)}"
    listed = ("Learner", "Course run", "Last active", "Why")
    found.append(Numbers(caption, listed, tuple(rows)[:most], len(shown) > most))
    return tuple(found)


def _trend_numbers(trend: RiskTrend) -> Numbers:
    rows = tuple(
        (
            end if complete else f"{end}*",
            words.count(current),
            words.told(at_risk),
            _percent(at_risk, current),
        )
        for end, current, at_risk, complete in zip(
            trend.ends,
            trend.current[0].tolist(),
            trend.at_risk[0].tolist(),
            trend.complete,
            strict=True,
        )
    )
    return newest(
        "At the ends of weeks, all together", ("Date", "Current", "At risk", "Share"), rows
    )


def _share(at_risk: int, current: int) -> float:
    return at_risk / current if current and at_risk != SUPPRESSED else math.nan


def _percent(at_risk: int, current: int) -> str:
    return words.share(_share(at_risk, current))
