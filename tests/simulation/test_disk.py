"""A disk that forgets: what was synced stays, the rest is lost, kept or torn, and a failed sync lies afterwards."""

from contextlib import suppress

import numpy as np
import pytest

from homeroom.simulation.disk import PAGE_BYTES, Disk

OLD, NEW = b"o" * (3 * PAGE_BYTES), b"n" * (2 * PAGE_BYTES + 7)


def disk_with(*pieces, seed=0):
    """Return a disk with a file of these pieces; all but the last are synced."""
    disk = Disk(np.random.default_rng(seed))
    disk.create("new")
    disk.rename("new", "file")
    for piece in pieces[:-1]:
        disk.append("file", piece)
        disk.sync("file")
    disk.sync_names()
    disk.append("file", pieces[-1])
    return disk


def lost_powers(disk, times=60):
    return [disk.after_power_loss(np.random.default_rng(seed)) for seed in range(times)]


def test_what_was_synced_stays_whatever_happens_to_the_rest():
    found = {disk.read("file") for disk in lost_powers(disk_with(OLD, NEW))}
    assert all(content.startswith(OLD) for content in found)
    assert {OLD, OLD + NEW} <= found, "all of it may be lost, and all may be kept"
    assert any(content not in (OLD, OLD + NEW) for content in found), "or a part"


def test_a_page_may_be_lost_in_the_middle():
    tails = [disk.read("file")[len(OLD) :] for disk in lost_powers(disk_with(OLD, NEW))]
    first, second = slice(0, PAGE_BYTES), slice(PAGE_BYTES, 2 * PAGE_BYTES)
    assert any(not any(t[first]) and t[second] == NEW[second] for t in tails if len(t) == len(NEW))


def test_the_end_of_a_process_loses_nothing():
    assert disk_with(OLD, NEW).read("file") == OLD + NEW


def test_after_a_failed_sync_the_next_one_says_yes_and_the_disk_may_lack_pages():
    lost = 0
    for seed in range(20):
        disk = disk_with(OLD, NEW, seed=seed)
        disk.syncs_to_fail = 1
        with pytest.raises(OSError, match="input/output"):
            disk.sync("file")
        disk.sync("file")
        assert disk.read("file") == OLD + NEW
        lost += disk.after_power_loss(np.random.default_rng(seed)).read("file") != OLD + NEW
    assert lost > 10


def test_a_new_name_is_lost_or_kept_until_names_are_synced():
    disk = disk_with(OLD, b"")
    disk.create("other")
    disk.append("other", NEW)
    disk.sync("other")
    disk.rename("other", "file")
    assert {found.read("file") for found in lost_powers(disk)} == {OLD, NEW}
    disk.sync_names()
    assert {found.read("file") for found in lost_powers(disk)} == {NEW}


def test_a_file_that_never_got_its_name_is_gone():
    disk = disk_with(OLD, b"")
    disk.create("other")
    disk.append("other", NEW)
    disk.sync("other")
    assert not any(found.exists("other") for found in lost_powers(disk))


def test_a_full_disk_keeps_a_part_of_what_was_written():
    disk = disk_with(OLD, b"")
    disk.room_bytes = len(OLD) + PAGE_BYTES + 5
    with pytest.raises(OSError, match="no space"):
        disk.append("file", NEW)
    assert disk.read("file") == OLD + NEW[:PAGE_BYTES]


def test_equal_seeds_lose_the_same():
    one, other = (disk_with(OLD, NEW).after_power_loss(np.random.default_rng(7)) for _ in range(2))
    assert one.read("file") == other.read("file")


def test_each_page_is_a_step():
    steps = []
    disk = disk_with(OLD, b"")
    disk.watch = steps.append
    disk.append("file", NEW)
    with suppress(OSError):
        disk.sync("file")
    assert steps == ["write file"] * 3 + ["sync file"] * 3
