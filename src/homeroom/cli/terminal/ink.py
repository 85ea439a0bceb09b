"""What the terminal can show: its colours, and which of the two schemes fits its background.

The colours are those of the charts and the page, so that a figure looks the same wherever it is met. A cell of a heat
map sets both its background and its text, so it can be read on any terminal. Where colours are missing or too few for
ten steps (``NO_COLOR``, a pipe, 16 colours), figures carry everything themselves: colour is never the only bearer.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from rich.color import Color
from rich.console import Console
from rich.style import Style

from homeroom.cohorts.charts.palette import DARK, LIGHT, Scheme

__all__ = ["Ink", "ink_of"]

_STEPS_256: Final = {
    False: (233, 17, 18, 19, 25, 32, 39, 81, 153, 195),
    True: (231, 195, 153, 117, 74, 26, 25, 19, 18, 17),
}
"""The ten steps in the fixed palette of 256 colours, on dark and on light: the nearest colours to those of the scheme
fall together, and turn green. As in the scheme, lightness goes one way and keeps a gap in the middle."""
_GREY_SHARE: Final = 0.85
"""How far a cell that is not complete loses its colour; it keeps its lightness, and with it its step."""
_LIGHT_BACKGROUNDS: Final = frozenset({"7", "15"})


@dataclass(frozen=True, slots=True)
class Ink:
    """The styles of one rendering.

    ``steps`` are the colours of the scale. ``coloured`` says whether there is any colour, ``shaded`` whether there
    are enough of them to carry a value.
    """

    scheme: Scheme
    steps: tuple[str, ...]
    coloured: bool
    shaded: bool

    def cell(self, step: int) -> Style:
        """Return the style of a cell with a figure in it."""
        return Style(bgcolor=self.steps[step], color=self.scheme.step_ink(step))

    def pixel(self, step: int) -> Color:
        """Return the colour of a cell without a figure."""
        return Color.parse(self.steps[step])

    def open_pixel(self, step: int) -> Color:
        """Return the colour of a cell without a figure that is not complete yet: nearly grey."""
        return Color.parse(_greyed(self.scheme.steps[step], _GREY_SHARE))

    def mark(self, name: str) -> Style:
        """Return the style of a bar: ``new``, ``returning``, ``resurrecting``, ``dormant`` or ``muted``."""
        return Style(color=getattr(self.scheme, name)) if self.coloured else Style()


def ink_of(console: Console, environ: Mapping[str, str] = os.environ) -> Ink:
    """Read from a console, and from ``COLORFGBG`` where a terminal sets it, what can be shown."""
    background = environ.get("COLORFGBG", "").rpartition(";")[2]
    scheme = LIGHT if background in _LIGHT_BACKGROUNDS else DARK
    coloured = console.color_system is not None and not console.no_color
    steps = scheme.steps
    if console.color_system == "256":
        steps = tuple(f"color({number})" for number in _STEPS_256[scheme is LIGHT])
    shaded = coloured and console.color_system in ("256", "truecolor")
    return Ink(scheme, steps, coloured=coloured, shaded=shaded)


def _greyed(colour: str, share: float) -> str:
    red, green, blue = (int(colour[i : i + 2], 16) for i in (1, 3, 5))
    grey = 0.3 * red + 0.6 * green + 0.1 * blue
    return "#" + "".join(
        f"{round(part * (1 - share) + grey * share):02x}" for part in (red, green, blue)
    )
