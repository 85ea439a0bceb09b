"""What the made-up campus looks like: countries, rhythm, verbs, courses, and how learners fall away.

The figures here are the ones to tune: each is a plain table, turned once into small integer arrays that the kernels
index with random bits. Integers, because a logarithm may differ in its last bit between two processors, and the
same seed must give the same bytes on both. The way not taken was to fit a real log: its learners could be guessed
from the fit, and nobody could say what truth an answer should be compared with.

Sources for the shape: falling hazard from a mixture of geometric learners, Fader and Hardie, How to project customer
retention (2007); completion of 5 to 13 %, Jordan, Massive open online course completion rates revisited (2015);
half or fewer of the enrolled come to the first lecture, Koller et al., Retention and intention in MOOCs (2013).
"""

import datetime as dt
import math
import zoneinfo
from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Any, Final, TypeAlias

import numpy as np

from homeroom import limits
from homeroom.events.model import Int32s, Int64s

__all__ = [
    "ACTIVITIES",
    "COUNTRIES",
    "DAY_MS",
    "EXTRA_COURSES",
    "ISSUER",
    "ITEMS",
    "PLATFORMS",
    "RULES",
    "UNITS",
    "VERBS",
    "Activity",
    "Kind",
    "Rules",
    "activity_of",
    "course_name",
    "make_rules",
]

DAY_MS: Final = 86_400_000
ISSUER: Final = "https://campus.example.org"

COUNTRIES: Final[tuple[tuple[str, str, int], ...]] = (
    ("US", "America/New_York", 20),
    ("IN", "Asia/Kolkata", 14),
    ("BR", "America/Sao_Paulo", 7),
    ("GB", "Europe/London", 7),
    ("DE", "Europe/Berlin", 6),
    ("FR", "Europe/Paris", 6),
    ("MX", "America/Mexico_City", 5),
    ("ES", "Europe/Madrid", 5),
    ("NG", "Africa/Lagos", 4),
    ("EG", "Africa/Cairo", 4),
    ("CA", "America/Toronto", 4),
    ("PK", "Asia/Karachi", 3),
    ("ID", "Asia/Jakarta", 3),
    ("JP", "Asia/Tokyo", 3),
    ("AU", "Australia/Sydney", 3),
    ("ZA", "Africa/Johannesburg", 2),
    ("NP", "Asia/Kathmandu", 2),
    ("NZ", "Pacific/Auckland", 2),
)
"""Country, its zone, its share of the learners in percent. Whole, half and quarter hours, with and without daylight
saving, on both sides of the date line: a mistake with zones shows."""

PLATFORMS: Final = ("web", "android", "ios")
PLATFORM_WEIGHTS: Final = (62, 25, 13)

HOURS: Final = (1, 1, 1, 1, 1, 2, 3, 5, 7, 9, 10, 10, 9, 9, 10, 10, 9, 9, 9, 11, 13, 12, 8, 3)
"""Weight of each local hour for the beginning of a visit: quiet nights, a working day, a peak in the evening."""

WEEKDAYS: Final = (1.0, 0.98, 0.96, 0.92, 0.82, 0.62, 0.78)
"""Chance to come, Monday to Sunday of the learner's own zone, against a Monday."""

NEVER_START: Final = 0.13
"""Share of enrolments that never do more than enrol."""
WAVE: Final = 0.60
"""Share of a course's enrolments that come in the wave at its start; the others are the long tail."""
WAVE_DAYS: Final = 4.0
"""Mean distance of the wave from the start of the course."""
EXTRA_COURSES: Final = 0.40
"""Further enrolments a learner, on average; persistent learners take more."""
DROPOUT_SHAPE, DROPOUT_SCALE_DAYS = 1.4, 15.5
"""Gamma distribution of the learners' own daily chance to drop out: all stay for S(t) = (1 + t/scale)^-shape."""
RATE_SHAPE: Final = 2.2
"""A learner who has not dropped out comes on a Monday with a chance drawn from Beta(1, shape)."""
COURSE_WEEKS: Final = (5, 6, 7, 8, 9)

UNITS: Final = 8
_ITEMS: Final = (("video", 4), ("page", 3), ("problem", 3), ("thread", 1))
_PLACES: Final = tuple((kind, number) for kind, count in _ITEMS for number in range(count))
ITEMS: Final = len(_PLACES)
ACTIVITIES: Final = 1 + UNITS * ITEMS
"""Activities of a course: itself, then unit by unit four videos, three pages, three problems, one thread."""


class Kind(IntEnum):
    """What a learner does; the position is the code that the kernels write."""

    REGISTERED = 0
    VIEWED = 1
    PLAYED = 2
    PAUSED = 3
    WATCHED = 4
    ANSWERED = 5
    POSTED = 6
    PASSED = 7


VERBS: Final = (
    "http://adlnet.gov/expapi/verbs/registered",
    "http://id.tincanapi.com/verb/viewed",
    "https://w3id.org/xapi/video/verbs/played",
    "https://w3id.org/xapi/video/verbs/paused",
    "http://adlnet.gov/expapi/verbs/completed",
    "http://adlnet.gov/expapi/verbs/answered",
    "https://w3id.org/xapi/acrossx/verbs/posted",
    "http://adlnet.gov/expapi/verbs/completed",
)
"""The verb of each `Kind`; a video and a course are both *completed*, as in real logs."""


RULES: Final = np.dtype(
    [
        ("seed", np.uint64),
        ("learners", np.int64),
        ("enrolments", np.int64),
        ("days", np.int64),
        ("first_weekday", np.int64),
        ("late", np.int64),
        ("late_days", np.int64),
        ("never_start", np.int64),
        ("wave", np.int64),
        ("wave_days", np.int64),
        ("course_of", np.int32, 65_536),
        ("run_start", np.int32, limits.GENERATED_COURSES_MAX),
        ("course_days", np.int32, limits.GENERATED_COURSES_MAX),
        ("exponential", np.int64, 1024),
        ("persistence", np.int64, 1024),
        ("rate", np.int64, 1024),
        ("weekday", np.int64, 7),
        ("hour", np.int64, 1024),
        ("country_of", np.int32, 1024),
        ("platform_of", np.int32, 1024),
        ("offset_ms", np.int64, (len(COUNTRIES), limits.GENERATED_DAYS_MAX + 1)),
    ]
)
"""All that the kernels know of a world, as one record.

``late`` is a chance in 2^-32; ``never_start`` and ``wave`` are chances, ``wave_days`` a mean, in 1/1024.
``course_of``, ``country_of``, ``platform_of`` and ``hour`` are drawn from by random bits. ``exponential`` holds draws
of mean 1024, ``persistence`` the mean stays of learners in 1/1024 days, ``rate`` and ``weekday`` chances in 2^-32 and
2^-16, ``offset_ms`` the zones, east of UTC at noon of each day.

One record of one size for every world: a tuple of arrays would be counted in and out at every call inside a kernel,
which took three quarters of the time, and arrays compiled in as constants would outlive a change of the figures.
"""

Rules: TypeAlias = Any
"""A `RULES` record; kernels read its fields as attributes, which NumPy's own type does not declare."""


@dataclass(frozen=True, slots=True)
class Activity:
    """One thing of a course that can be viewed, played or answered; ``kind`` is ``course`` for the course itself."""

    iri: str
    name: str
    kind: str
    course: str


def course_name(course: int) -> str:
    """Return the identifier of a course run."""
    return f"{ISSUER}/course/{course + 1:03d}"


def activity_of(number: int) -> Activity:
    """Return the activity that a code stands for."""
    course, item = divmod(number, ACTIVITIES)
    run = course_name(course)
    if item == 0:
        return Activity(run, f"Course {course + 1}", "course", run)
    unit, place = divmod(item - 1, ITEMS)
    kind, place = _PLACES[place]
    name = f"Unit {unit + 1}, {kind} {place + 1}"
    return Activity(f"{run}/unit/{unit + 1}/{kind}/{place + 1}", name, kind, run)


def make_rules(start: dt.date, days: int, courses: int) -> Rules:
    """Turn the figures of this module into tables for a world of that size; who is in it is filled in later."""
    rules = np.zeros((), RULES)
    middle = [(i + 0.5) / 1024 for i in range(1024)]
    rules["days"] = days
    rules["first_weekday"] = start.weekday()
    rules["never_start"] = round(1024 * NEVER_START)
    rules["wave"] = round(1024 * WAVE)
    rules["wave_days"] = round(1024 * WAVE_DAYS)
    rules["course_of"] = _lots([1.0 / (rank + 1) ** 0.6 for rank in range(courses)], 65_536)
    rules["run_start"][:courses] = _run_starts(start, days, courses)
    rules["course_days"][:courses] = [
        7 * COURSE_WEEKS[course % len(COURSE_WEEKS)] for course in range(courses)
    ]
    rules["exponential"] = [round(-1024 * math.log(u)) for u in middle]
    rules["persistence"] = _persistence()
    rules["rate"] = [round(2**32 * (1 - (1 - u) ** (1 / RATE_SHAPE))) for u in middle]
    rules["weekday"] = [round(2**16 * chance) for chance in WEEKDAYS]
    rules["hour"] = _lots(HOURS, 1024)
    rules["country_of"] = _lots([share for _, _, share in COUNTRIES], 1024)
    rules["platform_of"] = _lots(PLATFORM_WEIGHTS, 1024)
    rules["offset_ms"][:, : days + 1] = _offsets(start, days)
    return rules


def _lots(weights: Sequence[float], size: int) -> Int32s:
    """Deal ``size`` lots by weight, so that a lot drawn at random picks a position with its share."""
    edges = np.floor(np.cumsum(weights) / sum(weights) * size + 0.5).astype(np.int64)
    edges[-1] = size
    return np.repeat(np.arange(len(weights), dtype=np.int32), np.diff(edges, prepend=0))


def _run_starts(start: dt.date, days: int, courses: int) -> Int32s:
    """Begin the runs in waves, about one a month over the first three quarters, each on a Monday."""
    waves = min(courses, max(1, days // 30))
    starts = []
    for course in range(courses):
        day = (course % waves) * (3 * days // 4) // waves
        monday = day + (-(start.weekday() + day)) % 7
        starts.append(monday if monday < days else 0)
    return np.array(starts, np.int32)


def _persistence() -> Int64s:
    """Return the mean stays 1/rate of learners whose rates follow the gamma distribution, as 1024 quantiles."""
    grid = (np.arange(200_000) + 0.5) * 1e-4
    density = grid ** (DROPOUT_SHAPE - 1) * np.exp(-grid)
    share = np.cumsum(density) / density.sum()
    middle = (np.arange(1024) + 0.5) / 1024
    rates = np.interp(middle, share, grid) / DROPOUT_SCALE_DAYS
    stays: Int64s = np.minimum(np.rint(1024 / rates), 1 << 24).astype(np.int64)
    return stays


def _offsets(start: dt.date, days: int) -> Int64s:
    noon = dt.datetime.combine(start, dt.time(12), dt.UTC)
    return np.array(
        [
            [_offset_ms(noon + dt.timedelta(days=day), zone) for day in range(days + 1)]
            for zone in (zoneinfo.ZoneInfo(name) for _, name, _ in COUNTRIES)
        ],
        np.int64,
    )


def _offset_ms(instant: dt.datetime, zone: zoneinfo.ZoneInfo) -> int:
    offset = instant.astimezone(zone).utcoffset()
    assert offset is not None
    return int(offset.total_seconds()) * 1000
