"""The periods of a question: which there are, what they are called, when they end.

Days, weeks and months are sets of local dates, so they are handled as day numbers of the reporting zone; a change of
clock does not touch them. Hours are stretches of absolute time, cut where the zone's clock shows a full hour.

Kernels see periods as ``bits`` rows with two in front (``LEAD``): row 0 is all that lies before, row 1 the period
before the first shown one, which lifecycle needs.
"""

import bisect
import datetime as dt
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from homeroom import limits
from homeroom.cohorts.questions import Interval, WeekStart
from homeroom.errors import QuestionError
from homeroom.events.model import Int64s
from homeroom.events.texts import sealed
from homeroom.state.zones import DAY_MS, DAY_ZERO, Zone, day_of_date, day_start_ms

__all__ = ["LEAD", "Periods", "hour_periods", "make_periods"]

LEAD = 2
_HOUR_MS = 3_600_000
_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)


@dataclass(frozen=True)
class Periods:
    """The shown periods of a question.

    Parameters
    ----------
    interval : what they are
    zone : the reporting zone
    days : first local day of the period before the first, of each shown period, and of the one after the last
        (int64 of shape (count + 2,)); empty for hours
    edges_ms : the same for hours, instants (int64 of shape (count + 2,)); empty for the others
    """

    interval: Interval
    zone: Zone
    days: Int64s
    edges_ms: Int64s

    @property
    def count(self) -> int:
        """Number of shown periods."""
        return max(len(self.days), len(self.edges_ms)) - 2

    @cached_property
    def labels(self) -> tuple[str, ...]:
        """ISO date of each period's first day, or the hour's local time with its offset."""
        if self.interval == "hour":
            return tuple(self._local(int(ms)) for ms in self.edges_ms[1:-1])
        days = self.days[1:-1] + (DAY_ZERO - _EPOCH.date()).days
        return tuple(np.datetime_as_string(days.astype("datetime64[D]")).tolist())

    def _local(self, ms: int) -> str:
        offset = int(self.zone.offsets_ms[bisect.bisect_right(self.zone.starts_ms, ms) - 1])
        local = dt.timezone(dt.timedelta(milliseconds=offset))
        return (
            (_EPOCH + dt.timedelta(milliseconds=ms)).astimezone(local).isoformat(timespec="minutes")
        )

    def complete(self, as_of_ms: int) -> npt.NDArray[np.bool_]:
        """Which periods have ended by then, bool of shape (count,)."""
        return self.reached(as_of_ms)[1:]

    def reached(self, as_of_ms: int) -> npt.NDArray[np.bool_]:
        """Which edges of the periods lie no later, bool of shape (count + 1,): period p lies between p and p + 1."""
        if self.interval == "hour":
            return np.asarray(self.edges_ms[1:] <= as_of_ms)
        # Days begin one after the other, so where they stop to lie before is looked for, not at each.
        edges = self.days[1:].tolist()
        count = bisect.bisect_right(edges, as_of_ms, key=lambda day: day_start_ms(day, self.zone))
        return np.arange(len(edges)) < count

    @cached_property
    def day_table(self) -> tuple[int, npt.NDArray[np.int32]]:
        """The first day that is told apart, and for each day from it on its ``bits`` row."""
        first = int(self.days[0])
        widths = np.diff(self.days)
        return first, sealed(np.repeat(np.arange(1, len(widths) + 1, dtype=np.int32), widths))

    def pieces(
        self, first_word: int, word_count: int
    ) -> tuple[Int64s, Int64s, npt.NDArray[np.uint64]]:
        """Write each ``bits`` row as masks on day words ``first_word`` … + ``word_count`` - 1.

        Returns (starts, word, bits): row p is met by a bit of ``bits[j]`` in word ``word[j]`` (counted from
        ``first_word``), for j in ``starts[p]:starts[p + 1]``.
        """
        days = limits.DAYS_PER_WORD
        edges = np.concatenate([[first_word * days], self.days])
        low, high = np.maximum(edges[:-1], first_word * days), edges[1:]
        first = low // days
        last = np.minimum((high - 1) // days, first_word + word_count - 1)
        widths = np.where(low < high, np.maximum(last - first + 1, 0), 0)
        starts = np.concatenate([[0], np.cumsum(widths)])
        row = np.repeat(np.arange(len(widths)), widths)
        words = first[row] + np.arange(len(row)) - starts[row]
        base = words * days
        bits = _ones(high[row] - base) & ~_ones(low[row] - base)
        return sealed(starts), sealed(words - first_word), sealed(bits)

    def of_days(self, days: npt.NDArray[Any]) -> Int64s:
        """Return the shown period of each local day, -1 for those before and ``count`` for those after."""
        return np.clip(np.searchsorted(self.days[1:], days, side="right") - 1, -1, self.count)


def _ones(bits: Int64s) -> npt.NDArray[np.uint64]:
    """Return words with so many of their lowest bits set, at most all that stand for days."""
    count = np.clip(bits, 0, limits.DAYS_PER_WORD).astype(np.uint64)
    return (np.uint64(1) << count) - np.uint64(1)


def make_periods(
    interval: Interval, zone: Zone, week_start: WeekStart, first: dt.date, last: dt.date
) -> Periods:
    """Return the periods that meet the range ``first``–``last``, both dates included.

    Raises `QuestionError` if there are more than ``limits.PERIODS_MAX``.
    """
    if last < first:
        return Periods(interval, zone, np.zeros(2, np.int64), np.zeros(2, np.int64))
    days = (last - first).days + 1
    expected = {"hour": days * 24, "day": days, "week": days // 7, "month": days // 28}[interval]
    if expected > limits.PERIODS_MAX + 1:
        raise QuestionError(
            f"{first} to {last} holds about {expected} periods of a {interval}, more than {limits.PERIODS_MAX}; "
            f"choose a longer interval, or narrow from and to"
        )
    if interval == "hour":
        return hour_periods(zone, first, last)
    return _day_periods(interval, zone, week_start, first, last)


def _day_periods(
    interval: Interval, zone: Zone, week_start: WeekStart, first: dt.date, last: dt.date
) -> Periods:
    """Return periods of days, weeks or months."""
    one = dt.timedelta(days=1)
    if interval == "month":
        start = first.replace(day=1)
        edges = [(start - one).replace(day=1), start]
        while edges[-1] <= last:
            edges.append((edges[-1] + dt.timedelta(days=32)).replace(day=1))
        days = np.array([day_of_date(edge) for edge in edges], np.int64)
    else:
        width = 7 if interval == "week" else 1
        shift = 0 if week_start == "monday" else 6  # day 0 is a Monday, day 6 a Sunday
        low = day_of_date(first)
        if interval == "week":
            low = (low - shift) // 7 * 7 + shift
        high = day_of_date(last)
        count = (high - low) // width + 1
        days = low + width * np.arange(-1, count + 1, dtype=np.int64)
    return Periods(interval, zone, days, np.empty(0, np.int64))


def hour_periods(zone: Zone, first: dt.date, last: dt.date) -> Periods:
    """Return the hours of these dates: absolute hours, cut where the zone's clock shows a full hour."""
    low, high = day_start_ms(day_of_date(first), zone), day_start_ms(day_of_date(last) + 1, zone)
    edges: set[int] = set()
    starts = [int(s) for s in zone.starts_ms]
    for i, offset in enumerate(int(o) for o in zone.offsets_ms):
        begin = max(starts[i], low - DAY_MS)
        end = min(starts[i + 1] if i + 1 < len(starts) else high + DAY_MS, high + DAY_MS)
        hour = -((begin + offset) // -_HOUR_MS) * _HOUR_MS - offset
        # A stretch's last instant may show a full hour that the next stretch's clock skips.
        edges.update(range(hour, end + 1, _HOUR_MS))
    ordered = sorted(edges)
    before = bisect.bisect_right(ordered, low) - 1  # the hour that holds the range's first instant
    after = bisect.bisect_left(ordered, high)
    return Periods(
        "hour", zone, np.empty(0, np.int64), np.array(ordered[before - 1 : after + 1], np.int64)
    )
