"""Instants: what `datetime` reads, what it does not, and why a text is refused."""

import datetime as dt

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from homeroom import limits
from homeroom.events.instants import (
    FORMAT,
    OK,
    OUT_OF_RANGE,
    WITHOUT_ZONE,
    check_instants,
    format_instant,
    format_instants,
    parse_instants,
)

EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
ZONES = st.integers(-23 * 60 - 59, 23 * 60 + 59).map(lambda m: dt.timezone(dt.timedelta(minutes=m)))


def read(text: str | None) -> tuple[int, int]:
    time_ms, status = parse_instants([text])
    return int(time_ms[0]), int(status[0])


def milliseconds(instant: dt.datetime) -> int:
    return (instant - EPOCH) // dt.timedelta(milliseconds=1)


def in_bounds(time_ms: int) -> bool:
    return limits.TIME_MS_MIN <= time_ms < limits.TIME_MS_MAX


@given(
    st.datetimes(dt.datetime(1989, 12, 1), dt.datetime(2100, 2, 1), timezones=ZONES),  # noqa: DTZ001
    st.sampled_from(["T", " ", "t"]),
    st.sampled_from(["auto", "seconds", "milliseconds", "microseconds", "minutes"]),
)
def test_reads_what_datetime_writes(instant: dt.datetime, separator: str, precision: str) -> None:
    text = instant.isoformat(separator, precision)
    time_ms = milliseconds(dt.datetime.fromisoformat(text))
    expected = (time_ms, OK) if in_bounds(time_ms) else (0, OUT_OF_RANGE)
    assert read(text) == expected
    assert read(text.replace(".", ",")) == expected
    assert read(text[:-3] + text[-2:]) == expected


@given(st.text("0123456789-:TZ+., ", min_size=8, max_size=30))
def test_never_takes_for_an_instant_what_datetime_refuses(text: str) -> None:
    time_ms, status = read(text)
    if status == OK:
        assert milliseconds(dt.datetime.fromisoformat(text)) == time_ms


@given(st.integers(1990, 2099), st.integers(0, 13), st.integers(0, 32))
def test_a_date_exists_when_the_calendar_has_it(year: int, month: int, day: int) -> None:
    try:
        expected = milliseconds(dt.datetime(year, month, day, 12, tzinfo=dt.UTC)), OK
    except ValueError:
        expected = 0, FORMAT
    assert read(f"{year:04d}-{month:02d}-{day:02d}T12:00Z") == expected


@pytest.mark.parametrize(
    ("text", "same_as"),
    [
        ("2026-11-23T24:00:00Z", "2026-11-24T00:00:00Z"),
        ("2026-12-31T24:00Z", "2027-01-01T00:00:00Z"),
        ("2016-12-31T23:59:60Z", "2017-01-01T00:00:00Z"),
        ("2017-01-01T05:29:60+05:30", "2017-01-01T00:00:00Z"),
        ("2026-11-23T10:00:00z", "2026-11-23T10:00:00Z"),
        ("2026-11-23T10:00+01", "2026-11-23T09:00:00Z"),
        ("2026-11-23T10:00:00-0030", "2026-11-23T10:30:00Z"),
        ("2026-11-23T10:00:00.1234567890123456789012345678Z", "2026-11-23T10:00:00.123Z"),
        ("2026-11-23T10:00:00.9999Z", "2026-11-23T10:00:00.999Z"),
        ("2024-02-29T00:00:00Z", "2024-02-29T00:00:00+00:00"),
    ],
)
def test_writings_of_the_same_instant(text: str, same_as: str) -> None:
    assert read(text) == (milliseconds(dt.datetime.fromisoformat(same_as)), OK)


@pytest.mark.parametrize(
    "text",
    [
        "2026-11-23",
        "2026-11-23T10:00",
        "2026-11-23 10:00:00",
        "2026-11-23T10:00:00.123",
        "2026-11-23T24:00:00",
    ],
)
def test_a_time_without_a_zone_is_named_as_such(text: str) -> None:
    assert read(text) == (0, WITHOUT_ZONE)


@pytest.mark.parametrize(
    "text",
    [
        "0000-01-01T00:00:00Z", "0001-01-01T00:00:00Z", "1970-01-01T00:00:00Z", "1989-12-31T23:59:59.999Z",
        "2100-01-01T00:00:00Z", "3000-01-01T00:00:00Z", "9999-12-31T23:59:59Z", "1990-01-01T00:00:00+00:01",
    ],
)  # fmt: skip
def test_a_broken_clock_is_out_of_range(text: str) -> None:
    assert read(text) == (0, OUT_OF_RANGE)


@pytest.mark.parametrize(
    "text",
    [
        None, "", "yesterday", "2026-11-23T", "2026-11-23T10", "2026-11-23T10:0", "2026-11-23T10:00:", "2026-11-23TZ",
        "2026-02-29T00:00:00Z", "2026-02-30T10:00:00Z", "1900-02-29T00:00:00Z", "2026-13-01T00:00:00Z",
        "2026-11-23T25:00:00Z", "2026-11-23T24:00:01Z", "2026-11-23T24:01Z", "2026-11-23T10:60Z",
        "2026-11-23T10:00:61Z", "2026-11-23T10:00:00.Z", "2026-11-23T10:00:00+", "2026-11-23T10:00:00+1",
        "2026-11-23T10:00:00+24:00", "2026-11-23T10:00:00+01:60", "2026-11-23T10:00:00+01-00",
        "2026-11-23T10:00:00ZZ", " 2026-11-23T10:00:00Z", "2026-11-23T10:00:00Z ", "2026/11/23T10:00:00Z",
        "20261123T100000Z", "+12026-11-23T10:00Z", "-026-11-23T10:00:00Z", "2026-1\uff11-23T10:00Z",
        "2026-11-23X10:00Z",
        "1795428000", "2026-11-23T1:00:00Z", "2026-11-23T10-00-00Z",
    ],
)  # fmt: skip
def test_what_is_no_instant_is_a_matter_of_format(text: str | None) -> None:
    assert read(text) == (0, FORMAT)


def test_numbers_are_only_held_against_the_bounds() -> None:
    times = np.array(
        [limits.TIME_MS_MIN - 1, limits.TIME_MS_MIN, limits.TIME_MS_MAX - 1, limits.TIME_MS_MAX]
    )
    time_ms, status = check_instants(times)
    assert time_ms is times
    assert status.tolist() == [OUT_OF_RANGE, OK, OK, OUT_OF_RANGE]


def test_reads_the_end_of_a_buffer_that_is_not_padded() -> None:
    text = b"2026-11-23T10:00:00Z"
    column = pa.Array.from_buffers(
        pa.string(), 1, [None, pa.py_buffer(np.array([0, len(text)], np.int32)), pa.py_buffer(text)]
    )
    assert parse_instants(column)[0].tolist() == [
        milliseconds(dt.datetime(2026, 11, 23, 10, tzinfo=dt.UTC))
    ]


@given(st.lists(st.integers(limits.TIME_MS_MIN, limits.TIME_MS_MAX - 1)))
def test_writing_and_reading_return_the_same(times: list[int]) -> None:
    written = format_instants(np.array(times, np.int64))
    written.validate(full=True)
    assert written.to_pylist() == [format_instant(time_ms) for time_ms in times]
    time_ms, status = parse_instants(written)
    assert time_ms.tolist() == times
    assert not status.any()


def test_an_instant_is_written_in_utc_with_milliseconds() -> None:
    assert format_instant(1_795_428_000_007) == "2026-11-23T10:00:00.007Z"
