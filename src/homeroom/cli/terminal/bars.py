"""Bars and lines of characters: what lifecycle, stickiness and active learners share.

A bar is a row of ``▇`` and a line one of ``▁▂▃▄▅▆▇``: the eighth that is missing from the full block keeps the lines
of a figure apart, as full blocks grow together into one shape. A value that is not nothing always shows at least the
thinnest stroke: nothing and little are different facts.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

__all__ = ["BLOCK", "bar", "spark", "split", "stretch"]

BLOCK: Final = "▇"
STROKE: Final = "▏"
LEVELS: Final = "▁▂▃▄▅▆▇"


def bar(value: float, top: float, width: int) -> str:
    """Draw a bar of ``value`` on a scale that ends at ``top``, in at most ``width`` characters."""
    if value <= 0 or top <= 0:
        return ""
    return BLOCK * round(min(value / top, 1.0) * width) or STROKE


def split(values: Sequence[float], top: float, width: int) -> list[int]:
    """Share a stacked bar out: whole characters for each value, which together are as long as their sum.

    Edges are rounded and not parts, so the bar's length is right whatever its parts are.
    """
    if top <= 0:
        return [0] * len(values)
    edges = np.rint(np.cumsum([0, *values]) / top * width).astype(int)
    return [int(part) for part in np.diff(edges)]


def spark(values: npt.NDArray[np.float64], top: float) -> str:
    """Draw a line from 0 to ``top``, one character a value; nothing is a dot."""
    return "".join(_level(float(value), top) for value in values)


def _level(value: float, top: float) -> str:
    if value <= 0 or top <= 0:
        return "."
    return LEVELS[min(int(value / top * len(LEVELS)), len(LEVELS) - 1)]


def stretch(values: npt.NDArray[np.float64], width: int) -> npt.NDArray[np.float64]:
    """Draw a series out, or in, to ``width`` values: repeats of one, or means of neighbours."""
    if len(values) <= width:
        return values[np.arange(width) * len(values) // width]
    return np.array([group.mean() for group in np.array_split(values, width)])
