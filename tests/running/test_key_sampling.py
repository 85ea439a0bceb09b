"""A log of some of the keys that a cache is asked for: what is in it, and what it never names."""

import asyncio

import pytest

from homeroom import limits
from homeroom.log.origins import Origin, Stream, Vector
from homeroom.running.key_sampling import KeySampling
from homeroom.traffic.caching.advisor import read_key_log

ONE = Origin("one", "a" * 32, Stream.ANALYTIC)


def read(path):
    return read_key_log(path.read_text().splitlines(), path.name)


def written(path, *notes, share=1.0):
    """Have requests noted and written; return the sampling."""
    sampling = KeySampling(path, share)
    for name, tenant, touched, size_bytes in notes:
        sampling.note(name, tenant, touched, size_bytes)
    asyncio.run(sampling.stop())
    return sampling


def test_each_request_is_a_line_and_its_key_another_one_once_something_has_come(tmp_path):
    before, after = Vector({ONE: 1}), Vector({ONE: 2})
    path = tmp_path / "keys.log"
    written(path, *((b"n", "main", one, 10) for one in (before, before, after)))
    log = read(path)
    keys = [key for key, _ in log.requests]
    assert keys[0] == keys[1] != keys[2]
    assert (log.rate, log.asked, log.requests[0][1]) == (1.0, 3, 10)
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_share_of_the_keys_is_in_it_and_all_are_counted(tmp_path):
    path = tmp_path / "keys.log"
    touched = Vector()
    written(path, *((b"%d" % n, "main", touched, 1) for n in range(4_000)), share=0.1)
    log = read(path)
    assert log.asked == 4_000
    assert 300 < len(log.requests) < 500


def test_each_start_begins_a_log_with_digests_of_its_own_and_keeps_the_last_one(tmp_path):
    path = tmp_path / "keys.log"
    logs = []
    for _ in range(2):
        written(path, (b"n", "main", Vector(), 1))
        logs.append(path.read_text())
    assert logs[0] != logs[1]
    assert (tmp_path / "keys.log.1").read_text() == logs[0]


def test_a_log_that_is_full_makes_room_for_a_new_one(tmp_path, monkeypatch):
    monkeypatch.setattr(limits, "CACHE_KEY_LOG_BYTES_MAX", 100)
    path = tmp_path / "keys.log"

    async def run():
        sampling = KeySampling(path, 1.0)
        for _ in range(3):
            for number in range(20):
                sampling.note(b"%d" % number, "main", Vector(), 1)
            await sampling.flush()

    asyncio.run(run())
    assert sorted(one.name for one in tmp_path.iterdir()) == ["keys.log", "keys.log.1"]
    assert read(path).asked == 20


def test_while_lines_wait_in_masses_requests_are_not_counted(tmp_path, monkeypatch):
    monkeypatch.setattr(limits, "CACHE_KEY_LINES_MAX", 5)
    path = tmp_path / "keys.log"
    written(path, *((b"%d" % n, "main", Vector(), 1) for n in range(9)))
    assert (read(path).asked, len(read(path).requests)) == (5, 5)


@pytest.mark.parametrize("name", ["absent/keys.log", "folder"])
def test_a_log_that_cannot_be_written_ends_and_says_so(tmp_path, name):
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder.1").write_text("in the way")
    sampling = written(tmp_path / name, (b"n", "main", Vector(), 1))
    assert "cannot be written" in str(sampling.trouble)
    sampling.note(b"n", "main", Vector(), 1)
