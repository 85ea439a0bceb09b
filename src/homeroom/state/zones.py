"""Which local day an instant belongs to.

A day bit is a day of the tenant's calendar, so every event needs its local date, a hundred million times over.
Asking ``zoneinfo`` for each is a thousand times too slow; adding one offset for all is wrong twice a year. A zone is
therefore flattened once into the instants at which its offset changes; the kernel keeps the stretch that the last
event fell into and searches only when an event leaves it.

Days are numbered from Monday 5 January 1970, so that a word of 63 days begins with a Monday.
"""

import datetime as dt
import functools
import zoneinfo
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from homeroom import limits
from homeroom.events.model import Int32s, Int64s
from homeroom.kernel import kernel

__all__ = [
    "DAY_MS",
    "DAY_ZERO",
    "ZERO_MS",
    "Zone",
    "date_of",
    "day_of_date",
    "day_start_ms",
    "load_zone",
    "local_days",
]

DAY_MS = 86_400_000
DAY_ZERO = dt.date(1970, 1, 5)
"""The Monday that is day 0."""

ZERO_MS = 4 * DAY_MS
"""Day 0 begins so long after 1970-01-01T00:00 of the zone."""
_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_PROBE = dt.timedelta(days=5)


@dataclass(frozen=True, slots=True)
class Zone:
    """A time zone as stretches of one offset.

    ``starts_ms[i]`` is the instant (ms since 1970 UTC) from which ``offsets_ms[i]`` holds; both int64, read-only.
    """

    name: str
    starts_ms: Int64s
    offsets_ms: Int64s


@functools.lru_cache(maxsize=64)
def load_zone(name: str) -> Zone:
    """Flatten an IANA zone over the range of instants that events may have.

    Raises ``zoneinfo.ZoneInfoNotFoundError`` for an unknown name (questions and readers check names before).
    """
    info = zoneinfo.ZoneInfo(name)

    def offset(at: dt.datetime) -> int:
        found = at.astimezone(info).utcoffset()
        assert found is not None
        return round(found.total_seconds() * 1000)

    at = _EPOCH + dt.timedelta(milliseconds=limits.TIME_MS_MIN) - dt.timedelta(days=400)
    end = _EPOCH + dt.timedelta(milliseconds=limits.TIME_MS_MAX) + dt.timedelta(days=400)
    starts, offsets = [np.iinfo(np.int64).min], [offset(at)]
    while at < end:
        later = at + _PROBE
        if offset(later) != offsets[-1]:
            later = _change_between(at, later, offsets[-1], offset)
            starts.append((later - _EPOCH) // dt.timedelta(milliseconds=1))
            offsets.append(offset(later))
        at = later
    return Zone(name, _frozen(starts), _frozen(offsets))


def _change_between(
    low: dt.datetime, high: dt.datetime, before: int, offset: Callable[[dt.datetime], int]
) -> dt.datetime:
    """Find the first whole second at which the offset is no longer ``before``."""
    while high - low > dt.timedelta(seconds=1):
        middle = low + dt.timedelta(seconds=((high - low) // dt.timedelta(seconds=1)) // 2)
        if offset(middle) == before:
            low = middle
        else:
            high = middle
    return high


def _frozen(values: list[int]) -> Int64s:
    array = np.array(values, np.int64)
    array.flags.writeable = False
    return array


@kernel
def _local_days(time_ms: Int64s, starts_ms: Int64s, offsets_ms: Int64s, days: Int32s) -> None:
    stretch = 0
    last = len(starts_ms) - 1
    for i in range(len(time_ms)):
        t = time_ms[i]
        if t < starts_ms[stretch] or (stretch < last and t >= starts_ms[stretch + 1]):
            stretch = int(np.searchsorted(starts_ms, t, side="right")) - 1
        days[i] = (t + offsets_ms[stretch] - ZERO_MS) // DAY_MS


def local_days(time_ms: Int64s, zone: Zone) -> Int32s:
    """Return the local day number of each instant, int32 of shape (n,)."""
    days = np.empty(len(time_ms), np.int32)
    times = time_ms.view()
    times.flags.writeable = False
    _local_days(times, zone.starts_ms, zone.offsets_ms, days)
    return days


def day_start_ms(day: int, zone: Zone) -> int:
    """Return the instant from which no earlier local date is shown any more.

    That is local midnight; where a change of clock skips midnight, the change; where it repeats the end of the day
    before, the second midnight.
    """
    local = day * DAY_MS + ZERO_MS
    for i in range(len(zone.starts_ms) - 1, -1, -1):
        start = int(zone.starts_ms[i])
        end = int(zone.starts_ms[i + 1]) if i + 1 < len(zone.starts_ms) else None
        at = local - int(zone.offsets_ms[i])
        if end is not None and at >= end:
            return end  # the whole stretch lies before the date, what follows it does not
        if at > start:
            return at
    return local - int(zone.offsets_ms[0])


def day_of_date(date: dt.date) -> int:
    """Return the number of a date."""
    return (date - DAY_ZERO).days


def date_of(day: int) -> dt.date:
    """Return the date of a day number."""
    return DAY_ZERO + dt.timedelta(days=int(day))
