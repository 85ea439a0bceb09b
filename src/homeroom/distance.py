"""How far places are from each other: along the great circle, on an Earth that is a sphere.

That is about half a percent off at most, and what is decided by it (which region is near, how long a message takes)
needs no more. An ellipsoid was not taken: it takes an iteration, which does not end for points that face each other.
"""

import math
from typing import Final

__all__ = ["km_between"]

_EARTH_KM: Final = 6_371.0


def km_between(one: tuple[float, float], other: tuple[float, float]) -> float:
    """Return the distance of two places, each in degrees north and east, in kilometres (haversine formula)."""
    a, b = math.radians(one[0]), math.radians(other[0])
    turn = math.radians(other[1] - one[1])
    half = math.sin((b - a) / 2) ** 2 + math.cos(a) * math.cos(b) * math.sin(turn / 2) ** 2
    return 2 * _EARTH_KM * math.asin(min(1.0, math.sqrt(half)))
