"""Stickiness as bars: how many learners were active in exactly 1, 2, 3 … periods of the range."""

from homeroom import limits
from homeroom.cohorts.answers import StickinessAnswer
from homeroom.cohorts.charts import words
from homeroom.cohorts.charts.axes import frame, period_axis, value_axis
from homeroom.cohorts.charts.panels import (
    GAP_PX,
    NAME_PX,
    Key,
    Panel,
    assemble,
    columns_for,
    legend,
)
from homeroom.cohorts.charts.scale import ruler
from homeroom.cohorts.charts.svg import Figure, group, hatch, rect, shorten, text, text_width

__all__ = ["bar_words", "figure"]


def figure(answer: StickinessAnswer, width: float) -> Figure:
    """Draw the bars, or one panel a value of a breakdown, each with its own scale."""
    named = [("All learners" if answer.parts else "", answer)]
    named += [(value, part) for value, part in answer.parts if isinstance(part, StickinessAnswer)]
    room = (width + GAP_PX) / columns_for(len(named), width) - GAP_PX
    panels = [_panel(part, name, room) for name, part in named]
    keys = [] if answer.complete.all() else [Key("", "Not complete yet")]
    notes = [f"Across: number of different {words.unit(answer.question)}s with activity."]
    notes += words.open_note("striped", [answer.complete])
    if len(answer.learners) > limits.CHART_PERIODS_MAX:
        notes.append(f"The first {limits.CHART_PERIODS_MAX} of {len(answer.learners):,} bars are drawn; "
                     "the numbers hold all.")  # fmt: skip
    if answer.parts:
        notes.append("Each panel has its own scale.")
    return assemble(
        panels, (words.heading(answer), words.summary(answer)), width, legend(keys, notes, width)
    )


def bar_words(answer: StickinessAnswer, i: int) -> str:
    """Say one bar in words."""
    one, periods = words.unit(answer.question), i + 1
    learners, everyone = int(answer.learners[i]), int(answer.learners.sum())
    said = f"{periods} {one}{'' if periods == 1 else 's'}: {learners:,} learners"
    return f"{said} = {words.share(learners / everyone)}" if everyone else said


def _panel(answer: StickinessAnswer, name: str, width: float) -> Panel:
    head = text((0, 12), shorten(name, width, NAME_PX), "name ink") if name else ""
    down = 24 if name else 0
    learners = answer.learners[: limits.CHART_PERIODS_MAX]
    if not len(learners) or not learners.any():
        return Panel(
            width, 48 + down, head + text((0, 32 + down), "No learners in this range.", "muted")
        )
    at = frame(width, 160 if name else 224, ruler(1.05 * float(learners.max()), 4), len(learners))
    labels = [str(i + 1) for i in range(len(learners))]
    body = [value_axis(at, "Learners"), period_axis(at, labels)]
    numbered = all(text_width(words.count(v)) <= at.pitch for v in learners.tolist())
    for i, value in enumerate(learners.tolist()):
        x, wide = at.band(i)
        box = (x, at.y(value), wide, at.y(0) - at.y(value))
        body.append(rect(box, "returning"))
        if not answer.complete.all():
            body.append(f"{rect(box, 'x')[:-2]} {hatch('surface')}/>")
        if numbered:
            body.append(text((x + wide / 2, at.y(value) - 6), words.count(value), "ink", "middle"))
        body.append(rect(at.hit(i), "hit", bar_words(answer, i)))
    return Panel(width, at.height + down, head + group((0, down), "".join(body)))
