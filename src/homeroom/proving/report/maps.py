"""The map of a run of geography: where users and regions are, who is answered from where, and in which time.

Degrees are drawn as they are (equirectangular), with lines every thirty of them and no coasts: what is read off is
which way is long, and names say the rest. Every figure stands in the table beside it too.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from homeroom.cohorts.charts.svg import Figure, inline, num, path, rect, text, text_width
from homeroom.proving.report.verdicts import figure_words

__all__ = ["HEADS", "place_rows", "world_map"]

_NORTH, _SOUTH = 75, -55
_NAMED_PX: Final = 600
"""On a narrower map nothing has a name: what groups met stands below it, and regions in the table."""
_ROW_PX: Final = 18
_WELL: Final = "all well"

HEADS: Final = ("users in", "of", "asked below", "P99", "caches off", "a region down")
"""The heads of the table that stands beside the map."""


def world_map(drawn: Mapping[str, Any], width: float) -> str:
    """Draw regions as squares, users as round marks with a line to who answers them; who is too slow is a ring.

    Parameters
    ----------
    drawn : ``regions``, ``users`` and ``groups`` as `homeroom.proving.geography.Seen.map` has them
    width : px
    """
    height = width * (_NORTH - _SOUTH) / 360
    size = 4.0 if width >= _NAMED_PX else 3.0
    body = [rect((0, 0, width, height), "track", radius=8), *_graticule(width, height)]
    sites = {one["name"]: _at(one, width) for one in drawn["regions"]}
    marks, taken = [], []
    for user in drawn["users"]:
        at, met = _at(user, width), user["phases"].get(_WELL, {})
        taken.append((at[0] - 5, at[0] + 5, at[1] + 4))
        if (site := sites.get(met.get("answered_by", ""))) is not None:
            route = f"M{num(at[0])} {num(at[1])}L{num(site[0])} {num(site[1])}"
            body.append(path(route, "line-muted", 'fill="none"'))
        marks.append(_mark(at, size, is_good=_is_good(met.get("p99_ms"), user["bound_ms"])))
    for at in sites.values():
        marks.append(rect((at[0] - size - 1, at[1] - size - 1, 2 * size + 2, 2 * size + 2), "ink"))
        taken.append((at[0] - 7, at[0] + 7, at[1] + 4))
    body += marks
    groups = drawn["groups"]
    if width >= _NAMED_PX:
        named = [(_at(one, width), _group_words(one), "ink halo") for one in groups]
        named += [(at, name, "muted halo") for name, at in sites.items()]
        body += [_label(at, words, taken, (width, height, style)) for at, words, style in named]
        foot = height
    else:
        body += _list(groups, height)
        foot = height + _ROW_PX * len(groups) + 4
    said = ", ".join(map(_group_words, groups))
    return inline(Figure(width, foot, "P99 by the region of the users", said, "".join(body)))


def _list(groups: Sequence[Mapping[str, Any]], height: float) -> list[str]:
    """Return what groups met, a row each below a map that has no room for it."""
    pieces = []
    for number, group in enumerate(groups, start=1):
        y = height + _ROW_PX * number
        is_good = _is_good(group["p99_ms"], group["bound_ms"])
        pieces += [_mark((6, y - 4), 4, is_good=is_good), text((16, y), _group_words(group))]
    return pieces


def place_rows(drawn: Mapping[str, Any]) -> list[Sequence[str]]:
    """Return the rows of the table: what the users of each place met, in words."""
    return [
        (
            user["place"],
            user["region"],
            "" if user["bound_ms"] is None else figure_words(user["bound_ms"], "ms"),
            *(_met_words(user["phases"].get(stage)) for stage in (_WELL, *_OTHERS)),
        )
        for user in drawn["users"]
    ]


_OTHERS: Final = ("caches off", "a region down")


def _met_words(met: Mapping[str, Any] | None) -> str:
    if met is None:
        return ""
    by = met["answered_by"]
    return figure_words(met["p99_ms"], "ms") + (f" from {by}" if by else "")


def _group_words(group: Mapping[str, Any]) -> str:
    fails = "" if _is_good(group["p99_ms"], group["bound_ms"]) else ", too slow"
    return f"{group['of']} {figure_words(group['p99_ms'], 'ms')}{fails}"


def _is_good(p99_ms: float | None, bound_ms: float | None) -> bool:
    return bound_ms is None or (p99_ms is not None and p99_ms <= bound_ms)


def _at(one: Mapping[str, Any], width: float) -> tuple[float, float]:
    latitude = min(max(one["latitude"], _SOUTH), _NORTH)
    return (one["longitude"] + 180) / 360 * width, (_NORTH - latitude) / 360 * width


def _graticule(width: float, height: float) -> list[str]:
    upright = [(degrees + 180) / 360 * width for degrees in range(-150, 180, 30)]
    level = [(_NORTH - degrees) / 360 * width for degrees in (-30, 0, 30, 60)]
    return [
        *(path(f"M{num(x)} 0V{num(height)}", "line-hairline") for x in upright),
        *(path(f"M0 {num(y)}H{num(width)}", "line-hairline") for y in level),
    ]


def _mark(at: tuple[float, float], size: float, *, is_good: bool) -> str:
    """Return a round mark, with a hole where users wait too long: a colour alone is not seen by all."""
    box = (at[0] - size, at[1] - size, 2 * size, 2 * size)
    mark = rect(box, "returning" if is_good else "dormant", radius=size)
    hole = rect((at[0] - size / 2, at[1] - size / 2, size, size), "track", radius=size / 2)
    return mark if is_good else mark + hole


def _label(
    at: tuple[float, float],
    label: str,
    taken: list[tuple[float, float, float]],
    how: tuple[float, float, str],
) -> str:
    """Write a label beside its point, and below or above where something stands already; ``how``: map and style."""
    width, height, style = how
    wide = text_width(label)
    x = at[0] + 9 if at[0] + 9 + wide < width else max(at[0] - 9 - wide, 0)
    tries = [at[1] + 4 + sign * step for step in range(0, 120, 5) for sign in (1, -1)]
    free = (y for y in tries if 12 < y < height - 4 and _is_free((x, x + wide, y), taken))
    y = next(free, at[1] + 4)
    taken.append((x, x + wide, y))
    return text((x, y), label, style)


def _is_free(
    place: tuple[float, float, float], taken: Sequence[tuple[float, float, float]]
) -> bool:
    x, end, y = place
    return not any(abs(y - other) < 15 and x < last and first < end for first, last, other in taken)
