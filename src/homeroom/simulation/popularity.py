"""What is asked for in a world whose interests move: keys of courses that come, are popular, and go.

The problem: traces of web shops say nothing about learning, and a fixed Zipf law is too kind to a cache, as its
popular keys never change. Here a course begins in some week, is asked about more as its deadlines come near, and ends;
within it few questions are asked often and many seldom. Each of eight regions has its own day, and asks most about its
own courses. Once a week somebody walks over keys of all courses of the first term, also of those that ended.

Everything is drawn from the seed: the same seed gives the same keys.

The way not taken is a replay of made-up learners (`homeroom.simulation.learners`): they act, but do not ask.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

__all__ = ["Asked", "AskedWorld", "requests"]

_REGIONS: Final = 8
_DAY_MS: Final = 86_400_000
_HOUR_MS: Final = 3_600_000
_COURSE_DAYS: Final = 56
_DEADLINE_DAYS: Final = 7
_OWN_SHARE: Final = 0.7
_WALK_SHARE: Final = 0.02
_ZIPF: Final = 1.0


@dataclass(frozen=True, slots=True)
class AskedWorld:
    """A world in which questions are asked.

    Attributes
    ----------
    seed
        What settles every draw.
    requests
        Questions in all, at least 1.
    days
        Over how many days they are spread, at least 1.
    courses
        Courses that run at once, at least `_REGIONS`.
    keys_per_course
        Different questions about a course, at least 1.
    """

    seed: int
    requests: int
    days: int = 28
    courses: int = 160
    keys_per_course: int = 200


@dataclass(frozen=True, slots=True)
class Asked:
    """Requests in the order of time: when (ms), where (region 0..7), and for what; arrays of equal length."""

    at_ms: npt.NDArray[np.int64]
    region: npt.NDArray[np.int8]
    key: npt.NDArray[np.int64]


def requests(world: AskedWorld) -> Asked:
    """Return all requests of a world."""
    chance = np.random.Generator(np.random.PCG64(world.seed))
    at_ms = np.sort(chance.integers(0, world.days * _DAY_MS, world.requests))
    region = _regions(chance, at_ms)
    course = _courses(chance, world, at_ms, region)
    question = _ranks(chance, world.keys_per_course, world.requests)
    key = course * world.keys_per_course + question
    _walk(world, at_ms, key)
    return Asked(at_ms, region, key)


def _regions(chance: np.random.Generator, at_ms: npt.NDArray[np.int64]) -> npt.NDArray[np.int8]:
    """Draw where each is asked: a region in its afternoon asks nine times as much as in its night."""
    hour = at_ms[:, None] / _HOUR_MS + np.arange(_REGIONS) * 24 / _REGIONS
    weight = 1 + 0.8 * np.cos((hour - 15) * 2 * np.pi / 24)
    edges = np.cumsum(weight, axis=1)
    drawn = chance.random(len(at_ms)) * edges[:, -1]
    found: npt.NDArray[np.int8] = (drawn[:, None] >= edges).sum(axis=1).astype(np.int8)
    return found


def _courses(
    chance: np.random.Generator,
    world: AskedWorld,
    at_ms: npt.NDArray[np.int64],
    region: npt.NDArray[np.int8],
) -> npt.NDArray[np.int64]:
    """Draw of which course each is: one of its region's, mostly, with those more often that have a deadline soon.

    Place p of those that run at once begins a new course each `_COURSE_DAYS`, on its own day.
    """
    places = world.courses // _REGIONS
    count = len(at_ms)
    home = np.where(chance.random(count) < _OWN_SHARE, region, chance.integers(0, _REGIONS, count))
    first, other = (_ranks(chance, places, count) * _REGIONS + home for _ in range(2))
    day = at_ms / _DAY_MS
    # Of two draws the one whose deadline is nearer is taken three times of four.
    nearer = np.where(_until_deadline(first, day) <= _until_deadline(other, day), first, other)
    place = np.where(chance.random(count) < 0.5, nearer, first)
    term = np.floor((day + _offset(place)) / _COURSE_DAYS).astype(np.int64)
    return term * world.courses + place


def _offset(place: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    return (place * 13) % _COURSE_DAYS


def _until_deadline(
    place: npt.NDArray[np.int64], day: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    found: npt.NDArray[np.float64] = (-(day + _offset(place))) % _DEADLINE_DAYS
    return found


def _ranks(chance: np.random.Generator, count: int, size: int) -> npt.NDArray[np.int64]:
    """Draw ranks below ``count`` by a Zipf law."""
    weight = np.cumsum(1 / np.arange(1, count + 1) ** _ZIPF)
    found: npt.NDArray[np.int64] = np.searchsorted(weight, chance.random(size) * weight[-1])
    return np.minimum(found, count - 1)


def _walk(world: AskedWorld, at_ms: npt.NDArray[np.int64], key: npt.NDArray[np.int64]) -> None:
    """Put a walk over everything that runs in the place of some requests at the beginning of each week."""
    length = int(world.requests * _WALK_SHARE / max(world.days / 7, 1))
    for week in range(0, world.days, 7):
        begin = int(np.searchsorted(at_ms, week * _DAY_MS))
        part = key[begin : begin + length]
        first = 0
        part[:] = first + np.arange(len(part)) % (world.courses * world.keys_per_course)
