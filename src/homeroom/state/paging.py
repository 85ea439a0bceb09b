"""Arrays in memory of their own, which goes back to the system when they are dropped.

A table that grows by doubling drops arrays of some megabytes again and again. The C library keeps such memory for
later, in pieces that fit nothing, one set for each thread: a quarter of a scan's peak was memory that nobody used. So
large columns are mapped by themselves, in large pages where the system has them (a fold visits them at random, and
each visit would else look its page up in memory too).
"""

import contextlib
import mmap
from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["new_words"]

OWN_BYTES_MIN = 1 << 20
"""Smaller arrays are left to the C library."""
LARGE_PAGES = getattr(mmap, "MADV_HUGEPAGE", None)


def new_words(count: int) -> npt.NDArray[np.uint64]:
    """Return ``count`` zeros, uint64; what is never written takes no memory."""
    size_bytes = 8 * count
    if size_bytes < OWN_BYTES_MIN:
        return np.zeros(count, np.uint64)
    memory: Any = mmap.mmap(-1, size_bytes, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    if LARGE_PAGES is not None:
        with contextlib.suppress(OSError):  # a system that has none
            memory.madvise(LARGE_PAGES)
    return np.frombuffer(memory, np.uint64)
