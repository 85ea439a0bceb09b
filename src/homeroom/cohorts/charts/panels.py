"""Panels, legends and notes: how several drawings of one kind share a figure.

An answer with a breakdown is a row of small drawings of one form side by side, for eyes compare neighbours better
than they remember colours of thirty lines in one drawing.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from homeroom import limits
from homeroom.cohorts.charts.svg import Figure, group, hatch, rect, text, text_width, wrap

__all__ = ["GAP_PX", "NAME_PX", "Key", "Panel", "assemble", "columns_for", "legend", "newest_note"]

GAP_PX = 32
NAME_PX = 14.0
"""Size at which the bold name of a panel is measured."""
PANEL_PX_MIN = 264
KEY_PX = 12
LINE_PX = 24


@dataclass(frozen=True, slots=True)
class Panel:
    """One drawing of a figure, in px."""

    width: float
    height: float
    body: str


@dataclass(frozen=True, slots=True)
class Key:
    """One entry of a legend: the class of its swatch (empty for the stripes of an incomplete mark) and its words."""

    style: str
    label: str


def columns_for(panels: int, width: float) -> int:
    """Return how many panels stand side by side, at most three."""
    fit = int((width + GAP_PX) // (PANEL_PX_MIN + GAP_PX))
    return max(1, min(panels, fit, 3))


def assemble(panels: Sequence[Panel], words: tuple[str, str], width: float, foot: Panel) -> Figure:
    """Set panels in rows from left to right, and the legend under them."""
    across = columns_for(len(panels), width)
    pitch = (width + GAP_PX) / across
    body, top = [], 0.0
    for start in range(0, len(panels), across):
        row = panels[start : start + across]
        body += [group((i * pitch, top), panel.body) for i, panel in enumerate(row)]
        top += max(panel.height for panel in row) + (GAP_PX if start + across < len(panels) else 0)
    top += 16
    body.append(group((0, top), foot.body))
    return Figure(width, top + foot.height, words[0], words[1], "".join(body))


def legend(keys: Sequence[Key], notes: Sequence[str], width: float) -> Panel:
    """Draw swatches with words, wrapped to the width, and notes under them, a line each."""
    body, x, y = [], 0.0, 0.0
    for key in keys:
        room = KEY_PX + 8 + text_width(key.label) + 16
        if x and x + room > width:
            x, y = 0.0, y + LINE_PX
        body.append(_swatch(x, y + 4, key))
        body.append(text((x + KEY_PX + 8, y + 14), key.label, "muted"))
        x += room
    y += LINE_PX if keys else 0
    for note in notes:
        for line in wrap(note, width):
            body.append(text((0, y + 14), line, "muted"))
            y += LINE_PX - 6
    return Panel(width, y, "".join(body))


def newest_note(shown: int, periods: int, what: str) -> tuple[str, ...]:
    """Say that a chart shows only the newest periods, if so."""
    if periods <= shown:
        return ()
    return (f"The newest {shown:,} of {periods:,} {what} are drawn (at most {limits.CHART_PERIODS_MAX}); "
            f"the numbers hold all.",)  # fmt: skip


def _swatch(x: float, y: float, key: Key) -> str:
    box = (x, y, KEY_PX, KEY_PX)
    if key.style:
        return rect(box, key.style, radius=2)
    stripes = f'<rect x="{x}" y="{y}" width="{KEY_PX}" height="{KEY_PX}" {hatch("surface")}/>'
    return rect(box, "muted") + stripes
