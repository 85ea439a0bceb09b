"""Where regions are, and how long a message takes from one to another.

Light in glass goes 200 km a millisecond, and cables do not follow great circles: the time is that of half as long a
way again, and a millisecond for the ends. It need not be exact; what matters is that some links are ten times as long
as others.
"""

from dataclasses import dataclass
from functools import cache
from typing import Final

from homeroom.distance import km_between

__all__ = ["WORLD", "Place", "one_way_ms"]

_KM_A_MS: Final = 200.0
_DETOUR: Final = 1.5
_ENDS_MS: Final = 1.0


@dataclass(frozen=True, slots=True)
class Place:
    """A region: name, degrees of latitude and longitude, the legal area that it is in."""

    name: str
    latitude: float
    longitude: float
    jurisdiction: str


WORLD: Final = (
    Place("us-east", 38.9, -77.4, "us"),
    Place("us-central", 41.3, -95.9, "us"),
    Place("us-west", 45.6, -121.2, "us"),
    Place("eu-west", 53.3, -6.3, "eu"),
    Place("eu-central", 50.1, 8.7, "eu"),
    Place("singapore", 1.4, 103.8, "sg"),
    Place("sao-paulo", -23.5, -46.6, "br"),
    Place("lagos", 6.5, 3.4, "ng"),
)
"""The regions that are shipped."""


@cache
def one_way_ms(one: Place, other: Place) -> float:
    """Return how long a message takes when nothing is in its way."""
    km = km_between((one.latitude, one.longitude), (other.latitude, other.longitude))
    return _ENDS_MS + km * _DETOUR / _KM_A_MS
