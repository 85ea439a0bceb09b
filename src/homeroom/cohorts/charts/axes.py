"""The frame of charts with bars and lines: ruled values at the left, periods along the foot.

Rules are hairlines behind the marks; labels stand outside of them, right-aligned so that digits line up, and as many
periods are named as have room.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from homeroom.cohorts.charts import words
from homeroom.cohorts.charts.scale import Ruler, label_stride
from homeroom.cohorts.charts.svg import path, text, text_width

__all__ = ["Frame", "frame", "period_axis", "value_axis"]

HEAD_PX = 24
FOOT_PX = 28
BAND_PX_MAX = 56
RULE_PX_MIN = 240


@dataclass(frozen=True, slots=True)
class Frame:
    """Where things stand: ``left`` to ``width`` across, ``top`` to ``top + plot`` down, in px.

    ``below`` counts the ticks under the zero line; ``bands`` the periods side by side.
    """

    width: float
    left: float
    plot: float
    ruler: Ruler
    bands: int
    below: int = 0

    @property
    def height(self) -> float:
        """Height with head and foot."""
        return HEAD_PX + self.plot + FOOT_PX

    @property
    def pitch(self) -> float:
        """Width of one period."""
        return min((self.width - self.left) / max(self.bands, 1), BAND_PX_MAX)

    def with_ticks_below(self, below: int) -> "Frame":
        """Give room under the zero line."""
        return replace(self, below=below)

    def y(self, value: float) -> float:
        """Return where a value stands."""
        step = self.ruler.ticks[1]
        span = self.ruler.top + self.below * step
        return HEAD_PX + (self.ruler.top - value) / span * self.plot

    def band(self, i: int) -> tuple[float, float]:
        """Return left edge and width of the bar of period i."""
        gap = min(max(self.pitch * 0.2, 0.4), 8)
        return self.left + i * self.pitch + gap / 2, self.pitch - gap

    def hit(self, i: int) -> tuple[float, float, float, float]:
        """Return the whole strip of period i, which shows its numbers on hover."""
        return self.left + i * self.pitch, HEAD_PX, self.pitch, self.plot


def frame(width: float, plot: float, ruled: Ruler, bands: int) -> Frame:
    """Return a frame whose left margin holds its tick labels."""
    labels = max(text_width(_tick(tick, ruled)) for tick in ruled.ticks)
    return Frame(width, labels + 12, plot, ruled, bands)


def value_axis(at: Frame, title: str) -> str:
    """Draw the ruled values and what they count."""
    step = at.ruler.ticks[1]
    body = [text((0, 12), title, "muted")]
    ticks = [-step * i for i in range(at.below, 0, -1)] + list(at.ruler.ticks)
    right = min(at.width, at.left + max(at.bands * at.pitch, RULE_PX_MIN))
    for tick in ticks:
        y = round(at.y(tick)) + 0.5
        style = "line-muted" if tick == 0 else "line-hairline"
        body.append(path(f"M{at.left:.1f} {y}H{right:.1f}", style))
        body.append(text((at.left - 8, y + 4), _tick(abs(tick), at.ruler), "muted", "end"))
    return "".join(body)


def period_axis(at: Frame, labels: Sequence[str]) -> str:
    """Name as many periods as have room, in even steps; the last names never leave the frame."""
    body = []
    widest = max(text_width(label) for label in labels)
    stride = label_stride(labels, widest + 16, at.pitch)
    base, free = HEAD_PX + at.plot + 20, 0.0
    for i in range(0, len(labels), stride):
        middle = at.left + (i + 0.5) * at.pitch
        half = text_width(labels[i]) / 2
        middle = min(max(middle, half), at.width - half)
        if (
            middle - half >= free
        ):  # one that was moved back from the edge may meet the one before it
            body.append(text((middle, base), labels[i], "muted", "middle"))
            free = middle + half
    return "".join(body)


def _tick(value: float, ruled: Ruler) -> str:
    if ruled.unit == "share":
        return f"{100 * value:.0f}%"
    return words.count(int(value))
