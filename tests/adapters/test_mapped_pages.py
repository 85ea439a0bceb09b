"""Pages are given back when too many are held, and what was read is read again just so."""

import mmap
from pathlib import Path

import numpy as np
import pytest

from homeroom.adapters.mapped_pages import HeldPages
from homeroom.adapters.tensors import mapped_file

SIZE = 8 << 20


@pytest.fixture
def mapped(tmp_path, rng):
    """Return the content of a file, and the file, mapped."""
    content = rng.integers(0, 256, SIZE).astype(np.uint8)
    path = tmp_path / "file"
    path.write_bytes(content.tobytes())
    return content, mapped_file(path)


def resident_bytes(address: int) -> int:
    """Return how much of the mapping at an address is in this process's memory."""
    lines = iter(Path("/proc/self/smaps").read_text().splitlines())
    for line in lines:
        if line.startswith(f"{address:x}-"):
            [size] = [line.split()[1] for line in lines if line.startswith("Rss:")][:1]
            return int(size) * 1024
    raise AssertionError("not mapped")


@pytest.mark.skipif(not Path("/proc/self/smaps").exists(), reason="no such file on this system")
def test_pages_go_when_too_many_are_held_and_come_back_as_they_were(mapped):
    content, whole = mapped
    pages = HeldPages(whole, bound_bytes=SIZE // 2)
    read = np.frombuffer(whole, np.uint8)
    pages.look_at(SIZE)
    assert np.array_equal(read, content)
    assert resident_bytes(whole.address) == SIZE
    pages.look_at(mmap.PAGESIZE)
    assert pages.released == 1
    assert resident_bytes(whole.address) < SIZE
    assert np.array_equal(read, content), "a view that was taken before is as good as it was"


def test_few_looks_give_nothing_back(mapped):
    _, whole = mapped
    pages = HeldPages(whole, bound_bytes=SIZE)
    for _ in range(8):
        pages.look_at(SIZE // 16)
    assert pages.released == 0
    pages.look_at(SIZE // 2)
    assert pages.released == 1
