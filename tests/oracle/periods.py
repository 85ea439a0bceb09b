"""Calendar periods of a time zone, found by looking at the zone's clock minute by minute.

A day, week or month is named by its first date, an hour by the instant (in ms) at which it begins. Two things are
easily got wrong, so both are found here by search and never by arithmetic on offsets: the instant at which a date
ends (midnight may happen twice, or not at all), and the instants at which the clock reaches a full hour (a zone may
move its clock by half an hour, and may do so on the very hour, which then is reached but never shown). Zones have
moved their clocks by whole minutes only since 1972.
"""

import datetime as dt
import functools
import zoneinfo
from dataclasses import dataclass
from typing import Any, TypeAlias

from homeroom.cohorts.questions import Interval, WeekStart

__all__ = ["Calendar", "Period", "add_months"]

Period: TypeAlias = Any
"""The first date of a day, week or month; the first instant of an hour, in ms (int)."""

MINUTE_MS = 60_000
DAY = dt.timedelta(days=1)


def add_months(date: dt.date, months: int) -> dt.date:
    """Return the same day of a later month, or the month's last day where it has no such day."""
    year, month = divmod(date.year * 12 + date.month - 1 + months, 12)
    first_of_next = dt.date(year + (month + 1) // 12, (month + 1) % 12 + 1, 1)
    return dt.date(year, month + 1, min(date.day, (first_of_next - DAY).day))


@functools.cache
def _zone(name: str) -> zoneinfo.ZoneInfo:
    return zoneinfo.ZoneInfo(name)


@functools.lru_cache(maxsize=500_000)
def _clock(zone: str, ms: int) -> dt.datetime:
    moment = dt.datetime.fromtimestamp(ms // 1000, dt.UTC) + dt.timedelta(milliseconds=ms % 1000)
    return moment.astimezone(_zone(zone))


def _reaches_full_hour(zone: str, minute_ms: int) -> bool:
    """Return whether the clock shows a full hour at a minute, or would if it were not moved just then."""
    return _clock(zone, minute_ms).minute == 0 or _clock(zone, minute_ms - MINUTE_MS).minute == 59


@functools.lru_cache(maxsize=100_000)
def _after_midnight(zone: str, date: dt.date) -> int:
    """Return an instant a few hours after the latest one that could be called 00:00 of the date, in ms."""
    readings = [
        dt.datetime(date.year, date.month, date.day, fold=fold, tzinfo=_zone(zone))
        for fold in (0, 1)
    ]
    return max(int(reading.timestamp()) * 1000 for reading in readings) + 180 * MINUTE_MS


@functools.lru_cache(maxsize=100_000)
def _date_ends_ms(zone: str, date: dt.date) -> int:
    """Return the first instant after which the clock never shows this date or an earlier one again."""
    ms = _after_midnight(zone, date + DAY)
    while _clock(zone, ms - MINUTE_MS).date() > date:
        ms -= MINUTE_MS
    return ms


@dataclass(frozen=True, slots=True)
class Calendar:
    """The periods of one zone with one first day of the week."""

    zone: str
    week_start: WeekStart = "monday"

    def date(self, ms: int) -> dt.date:
        """Return the date that the zone's clock shows at an instant."""
        return _clock(self.zone, ms).date()

    def period(self, interval: Interval, ms: int) -> Period:
        """Return the period that an instant lies in."""
        if interval == "hour":
            return self._hour(ms)
        return self.of_date(interval, self.date(ms))

    def of_date(self, interval: Interval, date: dt.date) -> dt.date:
        """Return the day, week or month that a date lies in."""
        if interval == "day":
            return date
        if interval == "month":
            return date.replace(day=1)
        days_into_week = date.weekday() if self.week_start == "monday" else (date.weekday() + 1) % 7
        return date - days_into_week * DAY

    def _hour(self, ms: int) -> int:
        ms -= ms % MINUTE_MS
        while not _reaches_full_hour(self.zone, ms):
            ms -= MINUTE_MS
        return ms

    def following(self, interval: Interval, period: Period) -> Period:
        """Return the period after a period."""
        if isinstance(period, int):
            ms = period + MINUTE_MS
            while not _reaches_full_hour(self.zone, ms):
                ms += MINUTE_MS
            return ms
        if interval == "month":
            return add_months(period, 1)
        return period + (DAY if interval == "day" else 7 * DAY)

    def before(self, interval: Interval, period: Period) -> Period:
        """Return the period before a period."""
        if isinstance(period, int):
            return self._hour(period - 1)
        return self.of_date(interval, period - DAY)

    def dates(self, interval: Interval, period: dt.date) -> list[dt.date]:
        """Return the dates of a day, week or month."""
        after = self.following(interval, period)
        return [period + i * DAY for i in range((after - period).days)]

    def end_ms(self, interval: Interval, period: Period) -> int:
        """Return the instant at which a period has ended."""
        after = self.following(interval, period)
        return after if isinstance(after, int) else self.date_ends_ms(after - DAY)

    def date_ends_ms(self, date: dt.date) -> int:
        """Return the instant after which the date is over for good."""
        return _date_ends_ms(self.zone, date)

    def shown(self, interval: Interval, first: dt.date, last: dt.date) -> list[Period]:
        """Return, in order, the periods that meet the dates from ``first`` to ``last``, both included."""
        if first > last:
            return []
        stop: Period
        period: Period
        if interval == "hour":
            begin, stop = self.date_ends_ms(first - DAY), self.date_ends_ms(last)
            period = self._hour(begin) if begin < stop else stop
        else:
            stop = last + DAY
            period = self.of_date(interval, first)
        periods = []
        while period < stop:
            periods.append(period)
            period = self.following(interval, period)
        return periods

    def label(self, period: Period) -> str:
        """Write a period as answers do: its first date, or an hour's first instant with the offset."""
        if isinstance(period, int):
            return _clock(self.zone, period).isoformat(timespec="minutes")
        return str(period.isoformat())
