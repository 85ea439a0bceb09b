"""Lying bars with a name each: sections, problems."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from homeroom.cohorts.charts.panels import Key, Panel, legend
from homeroom.cohorts.charts.svg import group, rect, shorten, text, text_width

__all__ = ["Bar", "bars"]

ROW_PX: Final = 22
BAR_PX: Final = 14
NAME_SHARE_MAX: Final = 0.42
"""Names take at most so much of the width."""


@dataclass(frozen=True, slots=True)
class Bar:
    """A stacked bar: its name, the value and class of each part, the figure behind it, and its words on hover."""

    name: str
    parts: tuple[tuple[float, str], ...]
    figure: str
    title: str


def bars(rows: Sequence[Bar], keys: Sequence[Key], notes: Sequence[str], width: float) -> Panel:
    """Draw bars on one scale, which ends at the longest, and a legend below them."""
    names = min(max(text_width(row.name) for row in rows), width * NAME_SHARE_MAX)
    figures = max(text_width(row.figure) for row in rows)
    left, room = names + 8, max(width - names - figures - 16, 16)
    top = max(sum(value for value, _ in row.parts) for row in rows) or 1.0
    body = []
    for number, row in enumerate(rows):
        y, x = number * ROW_PX, left
        body.append(text((0, y + 13), shorten(row.name, names), "ink"))
        for value, style in row.parts:
            wide = value / top * room
            if wide > 0:
                body.append(rect((x, y + 2, wide, BAR_PX), style))
            x += wide
        body.append(text((x + 6, y + 13), row.figure, "muted"))
        body.append(rect((0, y, width, ROW_PX), "hit", row.title))
    foot = legend(keys, notes, width)
    down = len(rows) * ROW_PX + 4
    return Panel(width, down + foot.height, "".join(body) + group((0, down), foot.body))
