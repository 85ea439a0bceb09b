"""Local days against ``zoneinfo``, around every change of clock that an event can fall on."""

import datetime as dt
import zoneinfo

import numpy as np
import pytest

from homeroom import limits
from homeroom.state.zones import (
    DAY_MS,
    DAY_ZERO,
    date_of,
    day_of_date,
    day_start_ms,
    load_zone,
    local_days,
)

EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
ZONES = (
    "UTC",
    "Europe/Berlin",
    "America/Sao_Paulo",  # midnight was skipped
    "America/Havana",  # midnight was repeated
    "Asia/Beirut",
    "Africa/Casablanca",  # changes for Ramadan
    "Australia/Lord_Howe",  # half an hour
    "Asia/Kathmandu",
    "Pacific/Apia",  # skipped a whole day
    "Pacific/Kiritimati",
    "Asia/Pyongyang",
)


def plain_day(ms: int, info: zoneinfo.ZoneInfo) -> int:
    return ((EPOCH + dt.timedelta(milliseconds=ms)).astimezone(info).date() - DAY_ZERO).days


@pytest.mark.parametrize("name", ZONES)
def test_local_days_are_those_of_zoneinfo(name, rng):
    zone, info = load_zone(name), zoneinfo.ZoneInfo(name)
    changes = [int(s) for s in zone.starts_ms[1:] if limits.TIME_MS_MIN < s < limits.TIME_MS_MAX]
    if len(changes) > 40:
        changes = [changes[int(i)] for i in rng.choice(len(changes), 40, replace=False)]
    nearby = [c + offset for c in changes for offset in (-DAY_MS, -1, 0, 1, 3_600_000, DAY_MS)]
    anywhere = rng.integers(limits.TIME_MS_MIN, limits.TIME_MS_MAX, 150).tolist()
    ends = [limits.TIME_MS_MIN, limits.TIME_MS_MAX - 1]
    times = [int(t) for t in rng.permutation([*nearby, *anywhere, *ends])]
    found = local_days(np.array(times, np.int64), zone)
    assert found.dtype == np.int32
    assert found.tolist() == [plain_day(ms, info) for ms in times]
    in_order = local_days(np.array(sorted(times), np.int64), zone)
    assert in_order.tolist() == [plain_day(ms, info) for ms in sorted(times)]


@pytest.mark.parametrize("name", ZONES)
def test_a_day_starts_when_no_earlier_date_is_shown_any_more(name):
    zone, info = load_zone(name), zoneinfo.ZoneInfo(name)
    days = [day_of_date(dt.date(2011, 12, 20)) + i for i in range(800)]
    for change in zone.starts_ms[1:40]:
        near = plain_day(int(change), info)
        days += [near - 1, near, near + 1]
    for day in days:
        start = day_start_ms(day, zone)
        assert plain_day(start, info) >= day
        assert plain_day(start - 1, info) < day
        assert plain_day(start + 3 * 3_600_000, info) >= day, "no earlier date comes again"


def test_no_events_have_no_days():
    assert local_days(np.zeros(0, np.int64), load_zone("UTC")).shape == (0,)


def test_days_are_numbered_from_a_monday():
    assert DAY_ZERO.weekday() == 0
    assert [date_of(n).isoformat() for n in (0, 7)] == ["1970-01-05", "1970-01-12"]
    assert all(day_of_date(date_of(n)) == n for n in range(-500, 20_000, 37))


def test_an_unknown_zone_is_no_zone():
    with pytest.raises(zoneinfo.ZoneInfoNotFoundError):
        load_zone("Europe/Nowhere")


def test_a_zone_cannot_be_written_to():
    zone = load_zone("Europe/Berlin")
    assert not zone.starts_ms.flags.writeable
    assert not zone.offsets_ms.flags.writeable
