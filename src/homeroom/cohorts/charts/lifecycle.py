"""Learner lifecycle as stacked bars: who is here above the line, who has left below it.

New, returning and resurrecting learners add up to the active ones, so they are stacked; the dormant are not here and
hang below zero. Numbers on both sides are positive, as they are in the answer.
"""

import numpy as np

from homeroom import limits
from homeroom.cohorts.answers import LifecycleAnswer
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
from homeroom.cohorts.charts.scale import ruler
from homeroom.cohorts.charts.svg import Figure, group, hatch, rect, shorten, text

__all__ = ["ABOVE", "figure"]

ABOVE = ("returning", "resurrecting", "new")
"""From the zero line upwards."""


def figure(answer: LifecycleAnswer, width: float) -> Figure:
    """Draw the lifecycle, or one panel a value of a breakdown, each with its own scale."""
    named = [("All learners" if answer.parts else "", answer)]
    named += [(value, part) for value, part in answer.parts if isinstance(part, LifecycleAnswer)]
    room = (width + GAP_PX) / columns_for(len(named), width) - GAP_PX
    panels = [_panel(part, name, room) for name, part in named]
    keys = [
        Key(style, style.capitalize()) for style in ("new", "resurrecting", "returning", "dormant")
    ]
    if not answer.complete.all():
        keys.append(Key("", "Not complete yet"))
    notes = words.open_note("striped", [answer.complete])
    shown = min(len(answer.periods), limits.CHART_PERIODS_MAX)
    notes = (*notes, *newest_note(shown, len(answer.periods), "periods"))
    if answer.parts:
        notes = (*notes, "Each panel has its own scale.")
    return assemble(
        panels, (words.heading(answer), words.summary(answer)), width, legend(keys, notes, width)
    )


def _panel(answer: LifecycleAnswer, name: str, width: float) -> Panel:
    head = text((0, 12), shorten(name, width, NAME_PX), "name ink") if name else ""
    down = 24 if name else 0
    first = max(len(answer.periods) - limits.CHART_PERIODS_MAX, 0)
    above = sum(getattr(answer, stage)[first:] for stage in ABOVE)
    if not answer.periods or not (above.any() or answer.dormant[first:].any()):
        return Panel(
            width, 48 + down, head + text((0, 32 + down), "No learners in this range.", "muted")
        )
    ruled = ruler(float(max(above.max(), answer.dormant[first:].max(), 1)), 4)
    at = frame(width, 200 if name else 280, ruled, len(answer.periods) - first)
    at = _below_zero(at, float(answer.dormant[first:].max()))
    labels = [words.period_label(p, answer.question.interval) for p in answer.periods[first:]]
    body = value_axis(at, "Learners") + period_axis(at, labels)
    body += "".join(_stack(answer, first + i, at, i, labels[i]) for i in range(len(labels)))
    return Panel(width, at.height + down, head + group((0, down), body))


def _below_zero(at: Frame, dormant: float) -> Frame:
    """Move the zero line up so that the dormant have room on the same scale, in whole ticks."""
    step = at.ruler.ticks[1]
    below = int(np.ceil(dormant / step - 1e-9))
    return at.with_ticks_below(below)


def _stack(answer: LifecycleAnswer, period: int, at: Frame, i: int, label: str) -> str:
    x, wide = at.band(i)
    out, level = [], 0.0
    for stage in ABOVE:
        value = float(getattr(answer, stage)[period])
        if value:
            out.append(
                rect((x, at.y(level + value), wide, at.y(level) - at.y(level + value)), stage)
            )
        level += value
    dormant = float(answer.dormant[period])
    if dormant:
        out.append(rect((x, at.y(0) + 1, wide, at.y(-dormant) - at.y(0)), "dormant"))
    if not answer.complete[period]:
        box = rect((x, at.y(level), wide, at.y(-dormant) - at.y(level) + 1), "x")
        out.append(f"{box[:-2]} {hatch('surface')}/>")
    stages = ", ".join(f"{stage} {int(getattr(answer, stage)[period]):,}"
                       for stage in ("new", "returning", "resurrecting", "dormant"))  # fmt: skip
    end = "" if answer.complete[period] else ", not complete yet"
    out.append(rect(at.hit(i), "hit", f"{label}: {stages}{end}"))
    return "".join(out)
