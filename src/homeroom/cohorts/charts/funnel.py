"""A funnel as bars that get shorter: one row a step, and between two rows how many were lost and how long it took.

Rows and not columns, because steps have names as long as a condition, and because a telephone is narrow. What a step
lost of the one before stands behind its bar in the colour of those who left, so that the eye sees the drop without
reading. The track behind all bars is the first step.
"""

import numpy as np

from homeroom.cohorts.answers import FunnelAnswer, wilson
from homeroom.cohorts.charts import behaviour_words, words
from homeroom.cohorts.charts.numbers import Numbers
from homeroom.cohorts.charts.panels import (
    GAP_PX,
    NAME_PX,
    Key,
    Panel,
    assemble,
    columns_for,
    legend,
)
from homeroom.cohorts.charts.svg import Figure, group, path, rect, shorten, text, text_width

__all__ = ["figure", "numbers"]

BAR_PX = 20
ROW_PX = 68
_DASH = "\u2013"


def figure(answer: FunnelAnswer, width: float) -> Figure:
    """Draw the funnel, or one panel a value of a breakdown; each has its own first step as the whole."""
    named = [("All learners" if answer.parts else "", answer)]
    named += [(value, part) for value, part in answer.parts if isinstance(part, FunnelAnswer)]
    room = (width + GAP_PX) / columns_for(len(named), width) - GAP_PX
    panels = [_panel(part, name, room) for name, part in named]
    keys = [Key("returning", "Came so far"), Key("dormant", "Lost since the step before")]
    notes = []
    if answer.open:
        notes.append(f"{words.count(answer.open)} could still go further: their time is not over.")
    if answer.parts:
        notes.append("In each panel the first step is the whole width.")
    heads = (words.heading(answer), words.summary(answer))
    return assemble(panels, heads, width, legend(keys, notes, width))


def _panel(answer: FunnelAnswer, name: str, width: float) -> Panel:
    head = text((0, 12), shorten(name, width, NAME_PX), "name ink") if name else ""
    down = 24 if name else 0
    if not answer.counts[0]:
        said = f"No {answer.unit} in this range."
        return Panel(width, 48 + down, head + text((0, 32 + down), said, "muted"))
    rows = [group((0, ROW_PX * i), _row(answer, i, width)) for i in range(len(answer.labels))]
    height = ROW_PX * len(rows) - (ROW_PX - BAR_PX - 20)
    return Panel(width, height + down, head + group((0, down), "".join(rows)))


def _row(answer: FunnelAnswer, i: int, width: float) -> str:
    first, before, count = (int(n) for n in (answer.counts[0], answer.before[i], answer.counts[i]))
    share = words.share(count / first, 0)
    said = f"{words.count(count)} ({share})" if i else words.count(count)
    label = shorten(f"{i + 1}. {answer.labels[i]}", width - text_width(said) - 12, NAME_PX)
    body = [
        text((0, 13), label, "name ink"),
        text((width, 13), said, "ink", "end"),
        rect((0, 20, width, BAR_PX), "track", radius=2),
    ]
    here, there = width * count / first, width * before / first
    if before > count:
        route = f"M{here:.1f} 20H{there:.1f}V{20 + BAR_PX}H{here:.1f}Z"
        body.append(path(route, "dormant", 'fill-opacity="0.45"'))
    if count:
        body.append(rect((0, 20, max(here, 1), BAR_PX), "returning", radius=2))
    body.append(rect((0, 20, width, BAR_PX), "hit", _title(answer, i)))
    if i + 1 < len(answer.labels):
        body.append(text((0, 56), shorten(_drop(answer, i + 1), width), "muted"))
    return "".join(body)


def _drop(answer: FunnelAnswer, i: int) -> str:
    """Say what lies between a step and the one before."""
    lost = int(answer.before[i] - answer.counts[i])
    share = words.share(lost / answer.before[i], 0) if answer.before[i] else _DASH
    said = f"\u2193 {words.count(lost)} lost ({share})"
    median_s = float(answer.from_previous.median_s[i])
    if answer.counts[i]:
        said += f", median {behaviour_words.took(median_s)}"
    return said


def _title(answer: FunnelAnswer, i: int) -> str:
    """Say one step in words."""
    said = f"{answer.labels[i]}: {words.count(int(answer.counts[i]))} {answer.unit}"
    if not i:
        return said
    count = int(answer.counts[i])
    of_first = _share_of(count, int(answer.counts[0]))
    return f"{said}, {of_first} of the first step, {_share_of(count, int(answer.before[i]))} of the step before"


def _share_of(count: int, whole: int) -> str:
    """Write a share with its interval."""
    if not whole:
        return _DASH
    low, high = wilson(np.array([count]), np.array([whole]))
    return f"{words.share(count / whole)} ({_interval(float(low[0]), float(high[0]))})"


def _interval(low: float, high: float) -> str:
    return _DASH if low != low else f"{100 * low:.1f}{_DASH}{100 * high:.1f}%"  # noqa: PLR0124 - NaN alone is not itself


def numbers(answer: FunnelAnswer) -> tuple[Numbers, ...]:
    """Return the steps as a table, and how long each took."""
    from_first, from_previous = answer.conversion
    first_bounds, previous_bounds = answer.confidence()
    rows = []
    for i, label in enumerate(answer.labels):
        row = [f"{i + 1}. {label}", words.count(int(answer.counts[i]))]
        for share, bounds, times in (
            (from_previous, previous_bounds, answer.from_previous),
            (from_first, first_bounds, answer.from_first),
        ):
            row += [
                words.share(float(share[i])) if i else "",
                _interval(float(bounds[0][i]), float(bounds[1][i])) if i else "",
                behaviour_words.took(float(times.median_s[i])) if i else "",
            ]
        rows.append(tuple(row))
    heads = ("Step", answer.unit.capitalize(), "Of the step before", "95% interval", "Median time",
             "Of the first", "95% interval", "Median time")  # fmt: skip
    return (
        Numbers(f"{answer.unit.capitalize()} by step", heads, tuple(rows)),
        *_times(answer),
    )


def _times(answer: FunnelAnswer) -> tuple[Numbers, ...]:
    """Return how many took how long from the step before; times that nobody took are left out at both ends."""
    bins = answer.from_previous.bins[1:]
    used = [i for i in range(bins.shape[1]) if bins[:, i].any()]
    if not used:
        return ()
    labels = behaviour_words.bin_labels()
    rows = tuple(
        (labels[i], *(words.count(int(step[i])) for step in bins))
        for i in range(used[0], used[-1] + 1)
    )
    heads = ("Time", *(f"To {i}. {label}" for i, label in enumerate(answer.labels[1:], 2)))
    return (Numbers("Time from the step before", heads, rows),)
