"""The advisor: what it tells from a sample is near what a whole cache does, and a broken log is named."""

import bz2
from collections import OrderedDict

import pytest

from homeroom import limits
from homeroom.errors import InputError
from homeroom.simulation.popularity import AskedWorld, requests
from homeroom.traffic.caching.advisor import KeyLog, Sampler, advise, read_key_log, sizes_around
from homeroom.traffic.caching.resident import ENTRY_BYTES, Held, Resident

_SECRET = b"of the test"


def _log(keys: list[bytes], rate: float) -> KeyLog:
    sampler = Sampler(_SECRET, rate)
    lines = [line for key in keys if (line := sampler.line(key, _size(key)))]
    return read_key_log([sampler.head, *lines, f"# asked {len(keys)}"], "log")


def _size(key: bytes) -> int:
    return 100 + key[0] * 8


def _lru(keys: list[bytes], bytes_max: int) -> float:
    held: OrderedDict[bytes, int] = OrderedDict()
    hits = size = 0
    for key in keys:
        if key in held:
            hits += 1
            held.move_to_end(key)
            continue
        held[key] = _size(key) + ENTRY_BYTES
        size += held[key]
        while size > bytes_max:
            size -= held.popitem(last=False)[1]
    return hits / len(keys)


def _shipped(keys: list[bytes], bytes_max: int) -> float:
    resident: Resident[bytes, None] = Resident(limits.CACHE_ENTRIES_MAX, bytes_max)
    for key in keys:
        if resident.get(key, 0) is None:
            resident.put(key, Held(None, _size(key), 0, 1, 1))
    return resident.statistics().hits / len(keys)


def _asked(count: int) -> list[bytes]:
    return [int(key).to_bytes(8, "little") for key in requests(AskedWorld(7, count)).key]


def test_of_all_keys_lru_is_exact_but_for_the_entry_on_the_edge() -> None:
    keys = _asked(10_000)
    log = _log(keys, 1.0)
    sizes = sizes_around(log)
    for size, told in zip(sizes, advise(log, sizes), strict=True):
        assert told.lru == pytest.approx(_lru(keys, size), abs=0.002)
        assert told.shipped == _shipped(keys, size)


def test_a_fifth_of_the_keys_tells_what_all_would_give() -> None:
    keys = _asked(60_000)
    log = _log(keys, 0.2)
    sizes = sizes_around(log)[3:]
    for size, told in zip(sizes, advise(log, sizes), strict=True):
        assert told.lru == pytest.approx(_lru(keys, size), abs=0.04)
        assert told.shipped == pytest.approx(_shipped(keys, size), abs=0.04)


def test_a_real_trace_is_told_within_a_few_hundredths(shared_data) -> None:
    with bz2.open(shared_data("cache/orm-busy.trc.bin.bz2")) as stream:
        content = stream.read(4 * 100_000)
    keys = [content[at : at + 4] for at in range(0, len(content), 4)]
    log = _log(keys, 0.2)
    for told in advise(log, sizes_around(log)[3:]):
        assert told.lru == pytest.approx(_lru(keys, told.size_bytes), abs=0.05)
        assert told.shipped == pytest.approx(_shipped(keys, told.size_bytes), abs=0.05)


def test_a_log_with_too_many_keys_is_thinned_and_its_rate_with_it() -> None:
    count = limits.CACHE_ADVICE_KEYS_MAX * 2
    lines = [
        line
        for number in range(count)
        if (line := Sampler(_SECRET, 1.0).line(number.to_bytes(4, "big"), 1))
    ]
    log = read_key_log(["# rate 1.0", *lines], "log")
    assert len(log.requests) == limits.CACHE_ADVICE_KEYS_MAX
    assert log.rate == pytest.approx(0.5, abs=0.02)


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        (["0123456789abcdef 5"], "rate == 0.0"),
        (["# rate 2"], "rate == 2.0"),
        (["# rate nan"], "rate == nan"),
        (["# rate 0.5", "0123 5"], "line 2"),
        (["# rate 0.5", "0123456789abcdef -5"], "line 2"),
        (["# rate 0.5", "a key of somebody"], "line 2"),
    ],
)
def test_a_broken_log_is_refused_with_the_line(lines: list[str], said: str) -> None:
    with pytest.raises(InputError, match=said):
        read_key_log(lines, "log")


def test_what_cannot_be_told_is_not_told() -> None:
    assert advise(KeyLog(0.1, None, []), [100])[0].shipped is None
    assert advise(KeyLog(0.001, None, [(1, 5)] * 10), [1_000])[0].lru is None
