"""The drawings of the page: curves, and times of a fault; maps are in `maps`."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from homeroom.cohorts.charts.scale import round_up
from homeroom.cohorts.charts.svg import Figure, inline, num, path, rect, text, text_width

__all__ = ["curves", "timeline"]

_STYLES: Final = ("returning", "resurrecting", "new", "muted")
_MARKS: Final = (1, 2, 2.5, 5, 10)
_LINES_MAX: Final = len(_STYLES)
_PLOT_PX, _HEAD_PX, _FOOT_PX, _ROW_PX = 200, 28, 40, 24


@dataclass(frozen=True, slots=True)
class _Axis:
    """A scale from ``low`` to ``high`` over so many px, straight or logarithmic."""

    low: float
    high: float
    length_px: float
    is_log: bool

    def at(self, value: float) -> float:
        """Return how far from the low end a value lies."""
        if self.is_log:
            share = math.log(value / self.low) / math.log(self.high / self.low)
        else:
            share = (value - self.low) / (self.high - self.low)
        return share * self.length_px

    def ticks(self, most: int) -> list[float]:
        """Return round values, at most so many and two."""
        if self.is_log:
            powers = range(math.floor(math.log10(self.low)), math.ceil(math.log10(self.high)) + 1)
            marks = [m * 10.0**p for p in powers for m in (1, 2, 5)]
            marks = [
                one for one in marks if self.low <= one * 1.000001 and one <= self.high * 1.000001
            ]
            return marks[:: math.ceil(len(marks) / most)] if marks else [self.low, self.high]
        step = round_up((self.high - self.low) / most, _MARKS)
        return [
            self.low + step * i for i in range(math.floor((self.high - self.low) / step + 1e-9) + 1)
        ]


def curves(title: str, series: Sequence[Mapping[str, Any]], width: float) -> str:
    """Draw series of one unit over one unit: at most four lines, what is missing left out.

    Both scales are logarithmic where the x span a factor of eight and nothing is zero, so that linear growth is a
    straight line of slope one.
    """
    drawn = [_points(one) for one in series[:_LINES_MAX]]
    xs = [x for points in drawn for x, _ in points]
    ys = [y for points in drawn for _, y in points]
    if not xs:
        return ""
    is_log = min(xs) > 0 and min(ys) > 0 and max(xs) >= 8 * min(xs)
    scale = _logarithmic if is_log else _straight
    unit, x_unit = series[0]["unit"], series[0]["x_unit"]
    down = scale(ys, _PLOT_PX)
    left = max(text_width(_tick(one, unit)) for one in down.ticks(4)) + 12
    across = scale(xs, width - left - 16)
    body = [text((0, 14), unit, "muted")]
    for tick in down.ticks(4):
        y = _HEAD_PX + _PLOT_PX - down.at(tick)
        body.append(path(f"M{num(left)} {num(y)}H{num(width)}", "line-hairline"))
        body.append(text((left - 8, y + 4), _tick(tick, unit), "muted", "end"))
    for tick in across.ticks(5):
        foot = (left + across.at(tick), _HEAD_PX + _PLOT_PX + 18)
        body.append(text(foot, _tick(tick, x_unit), "muted", "middle"))
    body.append(text((width, _HEAD_PX + _PLOT_PX + 36), x_unit, "muted", "end"))
    for points, style in zip(drawn, _STYLES, strict=False):
        body.append(_line(points, style, (left, across, down)))
    body.append(_keys([one["name"] for one in series[:_LINES_MAX]], left))
    said = f"{title}: {', '.join(one['name'] for one in series)}, {unit} over {x_unit}"
    return inline(Figure(width, _HEAD_PX + _PLOT_PX + _FOOT_PX, title, said, "".join(body)))


def timeline(fault: str, events: Sequence[Mapping[str, Any]], width: float) -> str:
    """Draw what followed from a fault, a row each, from the fault on."""
    ends = [one["end_s"] if one["end_s"] is not None else one["begin_s"] for one in events]
    first = min((one["begin_s"] for one in events), default=0.0)
    axis = _straight([max((end - first for end in ends), default=1.0)], width - 16)
    body, y = [], float(_HEAD_PX)
    foot = _HEAD_PX + 2 * _ROW_PX * len(events)
    for tick in axis.ticks(5):
        x = axis.at(tick)
        body.append(path(f"M{num(x)} {_HEAD_PX - 8}V{foot}", "line-hairline"))
        body.append(text((x, 14), f"{tick:g} s", "muted", "start" if tick == 0 else "middle"))
    for one, end in zip(events, ends, strict=True):
        begin, last = one["begin_s"] - first, end - first
        took = f"{begin:.2f} s" if one["end_s"] is None else f"{begin:.2f} to {last:.2f} s"
        body.append(text((2, y + 16), f"{one['what']} ({took})"))
        box = (axis.at(begin), y + 22, max(axis.at(last) - axis.at(begin), 4), 10)
        body.append(
            rect(box, "returning" if one["end_s"] is not None else "resurrecting", radius=2)
        )
        y += 2 * _ROW_PX
    said = f"{len(events)} events after: {fault}"
    return inline(Figure(width, foot, fault, said, "".join(body)))


def _points(one: Mapping[str, Any]) -> list[tuple[float, float]]:
    return [(x, y) for x, y in zip(one["x"], one["y"], strict=True) if y is not None]


def _line(points: Sequence[tuple[float, float]], style: str, at: tuple[float, _Axis, _Axis]) -> str:
    left, across, down = at
    drawn = [(left + across.at(x), _HEAD_PX + _PLOT_PX - down.at(y)) for x, y in points]
    route = "L".join(f"{num(x)} {num(y)}" for x, y in drawn)
    dots = "".join(rect((x - 3, y - 3, 6, 6), style, radius=3) for x, y in drawn)
    return path(f"M{route}", f"line-{style}", 'fill="none" stroke-width="2"') + dots


def _keys(names: Sequence[str], left: float) -> str:
    body, x = [], left
    for name, style in zip(names, _STYLES, strict=False):
        body.append(rect((x, 5, 10, 10), style, radius=2))
        body.append(text((x + 15, 14), name))
        x += 31 + text_width(name)
    return "".join(body)


def _straight(values: Sequence[float], length_px: float) -> _Axis:
    high = max(*values, 1e-9)
    step = round_up(high / 5, _MARKS)
    return _Axis(0.0, step * math.ceil(high / step - 1e-9), length_px, is_log=False)


def _logarithmic(values: Sequence[float], length_px: float) -> _Axis:
    low, high = min(values), max(values)
    return _Axis(low / 1.1, max(high, low * 1.5) * 1.1, length_px, is_log=True)


def _tick(value: float, unit: str) -> str:
    if unit == "share":
        return f"{100 * value:.3g} %"
    for size, letter in ((1e9, " G"), (1e6, " M"), (1e3, " k")):
        if value >= size:
            return f"{value / size:.3g}{letter}"
    return f"{value:.3g}"
