"""Times in tables: text, numbers since 1970, days since a course began, in a zone or without one.

The problem: a table says when in a dozen ways, and a wrong guess shifts every learner's days silently. The
intuition: what is unmistakable is read without being asked (text with a zone; a number, since seconds, milliseconds,
microseconds and nanoseconds of this century lie a thousandfold apart; a typed instant), and what is not (a text
without a zone, day 17 of a course, 03/04/2024) is read only as a mapping says.

Typed instants become milliseconds here; plain text goes on as it is, since the door reads it quicker.
"""

import datetime as dt
import functools
import zoneinfo
from dataclasses import dataclass
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from homeroom.events.cells import Mask, as_numbers, as_text, is_text, mask_of
from homeroom.events.instants import WITHOUT_ZONE, format_instants, parse_instants
from homeroom.events.mapping import TimeSpec
from homeroom.events.model import Float64s, Int64s, Strings
from homeroom.limits import TIME_MS_MAX, TIME_MS_MIN

__all__ = ["Times", "day_times", "read_times"]

_UNITS_PER_S: Final = {"s": 1, "ms": 1_000, "us": 1_000_000, "ns": 1_000_000_000}
_DAY_MS: Final = 86_400_000
_BLOCK_MS: Final = 900_000  # zones change their offset on quarter hours
_NUMERIC: Final = r"^[+-]?\d{9,19}(\.\d+)?$"


@dataclass(frozen=True, slots=True)
class Times:
    """Times for `RawEvents`, what could not be read (with why), and whether zoneless instants were taken for UTC."""

    time: "Strings | Int64s"
    odd: Mask | None = None
    detail: str = ""
    zone_assumed: bool = False


def read_times(array: pa.Array, spec: TimeSpec) -> Times:
    """Read a column of times as a mapping says; see `TimeSpec` for the formats (``days`` is read by `day_times`)."""
    kind = array.type
    if pa.types.is_timestamp(kind) or pa.types.is_date(kind):
        return _typed(array, spec)
    if spec.format in _UNITS_PER_S:
        return _since_1970(array, _UNITS_PER_S[spec.format])
    if "%" in spec.format:
        return _by_pattern(array, spec)
    if is_text(array) or pa.types.is_null(kind):
        return _text(array, spec)
    return _since_1970(array, None)


def day_times(days: pa.Array, starts: pa.Array, spec: TimeSpec) -> Times:
    """Return the time of a day that counts from a start: noon (or ``spec.at``) of that date in the zone."""
    dates = {name: (date - dt.date(1970, 1, 1)).days for name, date in spec.starts.items()}
    names = pa.array(list(dates), pa.string())
    place = (
        pc.index_in(as_text(starts)[0].cast(pa.string()), names).fill_null(len(dates)).to_numpy()
    )
    base = np.array([*dates.values(), np.nan])[place]
    numbers, *_ = as_numbers(days)
    at = spec.at
    of_day_ms = ((at.hour * 60 + at.minute) * 60 + at.second) * 1000
    with np.errstate(over="ignore"):
        local, odd = _rounded((np.floor(numbers) + base) * _DAY_MS + of_day_ms)
    detail = "the day is no number, or no start date is known for its course"
    return Times(_to_utc(local, spec.timezone), odd, detail)


def _rounded(time_ms: Float64s) -> tuple[Int64s, Mask | None]:
    """Return milliseconds as integers, kept within what the door can judge; NaN is odd."""
    odd = np.isnan(time_ms)
    low, high = TIME_MS_MIN - _DAY_MS, TIME_MS_MAX + _DAY_MS
    whole = np.clip(np.where(odd, 0, time_ms), low, high).round().astype(np.int64)
    return whole, odd if odd.any() else None


def _typed(array: pa.Array, spec: TimeSpec) -> Times:
    missing = mask_of(array.is_null()) if array.null_count else None
    if pa.types.is_date(array.type):
        array = array.cast(pa.date32()).cast(pa.timestamp("s"))
    unit_per_s = _UNITS_PER_S[array.type.unit]
    counts = array.cast(pa.int64())
    values: Int64s = (counts.fill_null(0) if array.null_count else counts).to_numpy()
    if unit_per_s >= 1_000:
        time_ms = values if unit_per_s == 1_000 else values // (unit_per_s // 1_000)
    else:
        time_ms = np.clip(values, -(2**40), 2**40) * 1_000
    if array.type.tz is not None:
        return Times(time_ms, missing, "the time is empty")
    inside = (
        np.clip(time_ms, TIME_MS_MIN - _DAY_MS, TIME_MS_MAX + _DAY_MS) if spec.timezone else time_ms
    )
    return Times(
        _to_utc(inside, spec.timezone),
        missing,
        "the time is empty",
        zone_assumed=spec.timezone is None,
    )


def _since_1970(array: pa.Array, unit_per_s: int | None) -> Times:
    detail = "the time is empty or no number"
    if pa.types.is_integer(array.type) and not array.null_count:
        whole: Int64s = array.cast(pa.int64(), safe=False).to_numpy()
        size = np.abs(whole)
        if unit_per_s == 1_000 or (
            unit_per_s is None and len(whole) and bool(((size >= 10**11) & (size < 10**14)).all())
        ):
            return Times(whole)
    numbers, *_ = as_numbers(array)
    if unit_per_s is not None:
        with np.errstate(over="ignore"):  # what overflows is as far out of range as what does not
            return Times(*_rounded(numbers * (1_000 / unit_per_s)), detail)
    size = np.abs(numbers)
    factor = np.select([size < 1e11, size < 1e14, size < 1e17], [1e3, 1.0, 1e-3], 1e-6)
    return Times(*_rounded(numbers * factor), detail)


def _text(array: pa.Array, spec: TimeSpec) -> Times:
    text = as_text(array)[0].cast(pa.string())
    if spec.format == "auto" and (numeric := _numeric(text)) is not None:
        if bool(numeric.all()):
            return _since_1970(text, None)
        # Both kinds in one column: numbers are written as text, so that one form goes to the door.
        number_ms, _ = _rounded(_numbers_ms(text.filter(pa.array(numeric))))
        known = format_instants(np.clip(number_ms, TIME_MS_MIN, TIME_MS_MAX - 1)).cast(pa.string())
        text = pc.replace_with_mask(text, pa.array(numeric), known)
    return Times(text) if spec.timezone is None else _zoned(text, spec.timezone)


def _numbers_ms(text: pa.Array) -> Float64s:
    time = _since_1970(text, None).time
    assert isinstance(time, np.ndarray)
    return time.astype(np.float64)


def _numeric(text: pa.Array) -> Mask | None:
    """Return which texts are numbers, None if none is; the dash at the fifth place of ISO text is quick to see."""
    if (
        len(text) == 0
        or pc.all(pc.equal(pc.binary_slice(text.cast(pa.binary()), 4, 5), b"-")).as_py()
        is not False
    ):
        return None
    numeric = mask_of(pc.match_substring_regex(text, _NUMERIC).fill_null(fill_value=False))
    return numeric if numeric.any() else None


def _zoned(text: pa.Array, zone: str) -> Times:
    """Read text of which some, or all, names no zone."""
    time_ms, status = parse_instants(text)
    bare = status == WITHOUT_ZONE
    if not bare.any():
        return Times(text)
    local = text.filter(pa.array(bare))
    dates = pc.equal(pc.binary_length(local), 10)
    ending = pc.if_else(dates, pa.scalar("T00:00Z"), pa.scalar("Z"))
    local_ms, local_status = parse_instants(pc.binary_join_element_wise(local, ending, ""))
    time_ms, status = time_ms.copy(), status.copy()
    time_ms[bare], status[bare] = _to_utc(local_ms, zone), local_status
    # The door names what is wrong with the others better than we could, so they stay text, and so does all else.
    known = format_instants(np.clip(time_ms, TIME_MS_MIN, TIME_MS_MAX - 1)).cast(pa.string())
    return (
        Times(time_ms)
        if not status.any()
        else Times(pc.if_else(pa.array(status == 0), known, text))
    )


def _by_pattern(array: pa.Array, spec: TimeSpec) -> Times:
    text = as_text(array)[0].cast(pa.string())
    wall_ms, has_zone, odd = _parsed(text, spec.format)
    detail = f"the time is not written as {spec.format}"
    missed = odd if odd.any() else None
    if spec.timezone is not None:
        return Times(np.where(has_zone, wall_ms, _to_utc(wall_ms, spec.timezone)), missed, detail)
    if bool((has_zone | odd).all()):
        return Times(wall_ms, missed, detail)
    # The door refuses what has no zone, with the reason that fits; for it the time is written as text again.
    written = format_instants(np.clip(wall_ms, TIME_MS_MIN, TIME_MS_MAX - 1)).cast(pa.string())
    return Times(
        pc.if_else(pa.array(has_zone), written, pc.utf8_slice_codeunits(written, 0, -1)),
        missed,
        detail,
    )


def _parsed(text: pa.Array, pattern: str) -> tuple[Int64s, Mask, Mask]:
    """Return milliseconds (of the local clock where no zone is written), what has a zone, and what was not read.

    Arrow reads whole columns but not all patterns; what it leaves is read by Python.
    """
    plain = not any(part in pattern for part in ("%f", "%z", "%Z", "%p"))
    quick = (
        pc.strptime(text, pattern, "s", error_is_null=True)
        if plain
        else pa.nulls(len(text), pa.timestamp("s"))
    )
    seconds: Int64s = quick.cast(pa.int64()).fill_null(0).to_numpy(zero_copy_only=False)
    wall_ms = np.clip(seconds, TIME_MS_MIN // 1_000 - 86_400, TIME_MS_MAX // 1_000 + 86_400) * 1_000
    has_zone, odd = np.zeros(len(text), bool), mask_of(quick.is_null())
    for place in np.flatnonzero(odd).tolist():
        value = _strptime(text[place].as_py(), pattern)
        if value is not None:
            wall_ms[place], has_zone[place], odd[place] = (
                _wall_ms(value),
                value.tzinfo is not None,
                False,
            )
    return wall_ms, has_zone, odd


def _strptime(text: str | None, pattern: str) -> dt.datetime | None:
    try:
        return None if not text else dt.datetime.strptime(text.strip(), pattern)  # noqa: DTZ007 - the zone follows
    except ValueError:
        return None


def _wall_ms(value: dt.datetime) -> int:
    """Return milliseconds since 1970: UTC if there is a zone, else as if the local time were UTC."""
    value = value if value.tzinfo is not None else value.replace(tzinfo=dt.UTC)
    time_ms = (value - dt.datetime(1970, 1, 1, tzinfo=dt.UTC)) // dt.timedelta(milliseconds=1)
    return min(max(time_ms, TIME_MS_MIN - _DAY_MS), TIME_MS_MAX + _DAY_MS)


def _to_utc(local_ms: Int64s, zone: str | None) -> Int64s:
    """Turn local times into UTC. A time that a zone's clock shows twice is the first; one that it skips moves on."""
    if zone is None or not len(local_ms):
        return local_ms
    blocks, place = np.unique(local_ms // _BLOCK_MS, return_inverse=True)
    offsets = np.array([_offset_ms(zone, int(block)) for block in blocks], np.int64)
    return local_ms - offsets[place]


@functools.lru_cache(maxsize=1 << 16)
def _offset_ms(zone: str, block: int) -> int:
    local = dt.datetime(1970, 1, 1) + dt.timedelta(milliseconds=block * _BLOCK_MS)  # noqa: DTZ001 - a local time
    offset = local.replace(tzinfo=zoneinfo.ZoneInfo(zone)).utcoffset()
    assert offset is not None
    return round(offset.total_seconds() * 1000)
