"""Times as people and programs write them, as milliseconds since 1970 UTC.

A log has a time in every line, and `datetime.fromisoformat` and its friends take a microsecond each: all the time
there is. This reads ISO 8601 and RFC 3339 text from Arrow's buffers in one pass, 30 ns a value, and says of each
value that is no instant why not, since a time without a zone needs another remedy than a misspelt one.

Read are ``YYYY-MM-DD``, ``T``, ``t`` or a space, ``HH:MM``, optionally ``:SS`` and a fraction after a point or
comma of any number of digits (cut to milliseconds), and a zone: ``Z``, ``z``, ``±HH:MM``, ``±HHMM`` or ``±HH``.
``24:00:00`` is the next midnight (ISO 8601), and a leap second, ``:60``, the next second (there is no other instant
in Unix time). What has no zone is refused: guessing one would shift days of activity silently. The way not taken is
Arrow's own cast, which refuses a whole column for one bad value and takes a time without a zone for UTC.
"""

import datetime as dt
from typing import TypeAlias

import numpy as np
import pyarrow as pa

from homeroom import limits
from homeroom.events.model import Int64s, Strings, UInt8s
from homeroom.events.texts import Texts, address_of, buffers, large_strings, load_byte, sealed
from homeroom.kernel import inlined, kernel

__all__ = ["FORMAT", "OK", "OUT_OF_RANGE", "WITHOUT_ZONE", "check_instants", "format_instant", "format_instants",
           "parse_instants", "parse_texts"]  # fmt: skip

OK = 0
FORMAT = 1
WITHOUT_ZONE = 2
OUT_OF_RANGE = 3

Instants: TypeAlias = tuple[Int64s, UInt8s]

DAY_MS = 86_400_000
MINUTE_MS = 60_000
TEXT_LENGTH = 24
NO_DAY = -10_000_000
EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)


def parse_instants(values: Strings) -> Instants:
    """Return milliseconds since 1970 UTC (int64) and status (uint8), both of shape (n,).

    The status is `OK`, `FORMAT`, `WITHOUT_ZONE` or `OUT_OF_RANGE` (``limits.TIME_MS_MIN``, ``TIME_MS_MAX``); where
    it is not `OK`, the time is 0. Absent text is `FORMAT`.
    """
    return parse_texts(buffers(large_strings(values)))


def parse_texts(texts: Texts) -> Instants:
    """Return times and status of text that is in buffers already; see `parse_instants`."""
    time_ms, status = _parse(texts)
    return time_ms, status


def check_instants(time_ms: Int64s) -> Instants:
    """Return times that are milliseconds already, with their status; see `parse_instants`."""
    outside = (time_ms < limits.TIME_MS_MIN) | (time_ms >= limits.TIME_MS_MAX)
    return time_ms, np.where(outside, np.uint8(OUT_OF_RANGE), np.uint8(OK))


def format_instant(time_ms: int) -> str:
    """Write an instant as ``2026-11-23T10:00:00.000Z``."""
    instant = EPOCH + dt.timedelta(milliseconds=time_ms)
    return instant.strftime("%Y-%m-%dT%H:%M:%S.") + f"{time_ms % 1000:03d}Z"


def format_instants(time_ms: Int64s) -> pa.LargeStringArray:
    """Write instants within the bounds of `limits` as text, such as ``2026-11-23T10:00:00.000Z``."""
    data = _format(sealed(time_ms))
    offsets = np.arange(len(time_ms) + 1, dtype=np.int64) * TEXT_LENGTH
    return pa.LargeStringArray.from_buffers(len(time_ms), pa.py_buffer(offsets), pa.py_buffer(data))


@inlined
def _digits(position: int, count: int) -> int:
    """Return the number written in ``count`` digits, below 0 if there are other characters."""
    value = 0
    wrong = 0
    for place in range(count):
        digit = int(load_byte(position + place)) - 48
        wrong |= digit | (9 - digit)
        value = value * 10 + digit
    return -1 if wrong < 0 else value


@inlined
def _days(year: int, month: int, day: int) -> int:
    """Days since 1970-01-01 in the Gregorian calendar; years begin in March here, so that leap days come last."""
    year -= month <= 2
    era = year // 400
    year_of_era = year - era * 400
    day_of_year = (153 * (month + (-3 if month > 2 else 9)) + 2) // 5 + day - 1
    return (
        era * 146_097
        + year_of_era * 365
        + year_of_era // 4
        - year_of_era // 100
        + day_of_year
        - 719_468
    )


@inlined
def _month_length(year: int, month: int) -> int:
    if month == 2:
        return 29 if year % 4 == 0 and (year % 100 != 0 or year % 400 == 0) else 28
    return 30 if month in (4, 6, 9, 11) else 31


@kernel
def _date(start: int) -> int:
    """Days since 1970 of the ten characters of a date, or a number below any day if it is none."""
    year = _digits(start, 4)
    month = _digits(start + 5, 2)
    day = _digits(start + 8, 2)
    if year < 0 or load_byte(start + 4) != 0x2D or load_byte(start + 7) != 0x2D:
        return NO_DAY
    if month < 1 or month > 12 or day < 1 or day > _month_length(year, month):
        return NO_DAY
    return _days(year, month, day)


@kernel
def _zone(position: int, end: int) -> tuple[int, int]:
    """Minutes east of UTC that the rest of the text says, and a status."""
    if position == end:
        return 0, WITHOUT_ZONE
    sign = load_byte(position)
    length = end - position
    if length == 1 and (sign | 0x20) == 0x7A:
        return 0, OK
    if sign not in (0x2B, 0x2D) or length not in (3, 5, 6):
        return 0, FORMAT
    hours = _digits(position + 1, 2)
    minutes = 0 if length == 3 else _digits(end - 2, 2)
    if length == 6 and load_byte(position + 3) != 0x3A:
        return 0, FORMAT
    if hours < 0 or hours > 23 or minutes < 0 or minutes > 59:
        return 0, FORMAT
    offset = hours * 60 + minutes
    return (-offset if sign == 0x2D else offset), OK


@kernel
def _clock(position: int, end: int) -> tuple[int, int]:
    """Milliseconds of the day, or below 0 if this is no time of day, and the position after it."""
    if end - position < 5 or load_byte(position + 2) != 0x3A:
        return -1, position
    hour = _digits(position, 2)
    minute = _digits(position + 3, 2)
    position += 5
    second = 0
    fraction_ms = 0
    if position < end and load_byte(position) == 0x3A:
        if end - position < 3:
            return -1, position
        second = _digits(position + 1, 2)
        position += 3
        if position < end and (load_byte(position) == 0x2E or load_byte(position) == 0x2C):
            fraction_ms, position = _fraction(position + 1, end)
    if hour < 0 or minute < 0 or second < 0 or fraction_ms < 0:
        return -1, position
    time_ms = (hour * 60 + minute) * MINUTE_MS + second * 1000 + fraction_ms
    if minute > 59 or second > 60 or (hour > 23 and time_ms != DAY_MS):
        return -1, position
    return time_ms, position


@kernel
def _fraction(position: int, end: int) -> tuple[int, int]:
    """Milliseconds of a fraction of a second, or below 0 if it has no digits, and the position after it."""
    first = position
    value = 0
    weight = 100
    while position < end and 0x30 <= load_byte(position) <= 0x39:
        value += weight * (int(load_byte(position)) - 48)
        weight //= 10
        position += 1
    return (-1 if position == first else value), position


@kernel
def _instant(start: int, end: int) -> tuple[int, int]:  # noqa: PLR0911 - one a way to be wrong
    if end - start < 10:
        return 0, FORMAT
    day = _date(start)
    if day == NO_DAY:
        return 0, FORMAT
    position = start + 10
    if position == end:
        return 0, WITHOUT_ZONE
    separator = load_byte(position)
    if (separator | 0x20) != 0x74 and separator != 0x20:
        return 0, FORMAT
    of_day_ms, position = _clock(position + 1, end)
    if of_day_ms < 0:
        return 0, FORMAT
    offset, status = _zone(position, end)
    if status != OK:
        return 0, status
    time_ms = day * DAY_MS + of_day_ms - offset * MINUTE_MS
    if time_ms < limits.TIME_MS_MIN or time_ms >= limits.TIME_MS_MAX:
        return 0, OUT_OF_RANGE
    return time_ms, OK


@kernel
def _parse(texts: Texts) -> Instants:
    count = len(texts.offsets) - 1
    time_ms = np.empty(count, np.int64)
    status = np.empty(count, np.uint8)
    data, offsets = texts
    base = address_of(data)
    for i in range(count):
        time_ms[i], status[i] = _instant(base + offsets[i], base + offsets[i + 1])
    return time_ms, status


@inlined
def _write(data: UInt8s, position: int, count: int, value: int) -> None:
    for place in range(count - 1, -1, -1):
        data[position + place] = 48 + value % 10
        value //= 10


@kernel
def _format(time_ms: Int64s) -> UInt8s:
    data = np.empty(len(time_ms) * TEXT_LENGTH, np.uint8)
    for i in range(len(time_ms)):
        start = i * TEXT_LENGTH
        day = time_ms[i] // DAY_MS
        rest_ms = time_ms[i] - day * DAY_MS
        # The inverse of `_days`.
        shifted = day + 719_468
        era = shifted // 146_097
        day_of_era = shifted - era * 146_097
        year_of_era = (
            day_of_era - day_of_era // 1460 + day_of_era // 36_524 - day_of_era // 146_096
        ) // 365
        day_of_year = day_of_era - (365 * year_of_era + year_of_era // 4 - year_of_era // 100)
        march_month = (5 * day_of_year + 2) // 153
        month = march_month + (3 if march_month < 10 else -9)
        _write(data, start, 4, year_of_era + era * 400 + (month <= 2))
        _write(data, start + 5, 2, month)
        _write(data, start + 8, 2, day_of_year - (153 * march_month + 2) // 5 + 1)
        _write(data, start + 11, 2, rest_ms // 3_600_000)
        _write(data, start + 14, 2, rest_ms // MINUTE_MS % 60)
        _write(data, start + 17, 2, rest_ms // 1000 % 60)
        _write(data, start + 20, 3, rest_ms % 1000)
        data[start + 4] = data[start + 7] = 0x2D
        data[start + 10] = 0x54
        data[start + 13] = data[start + 16] = 0x3A
        data[start + 19] = 0x2E
        data[start + 23] = 0x5A
    return data
