"""Pages of a mapped file are given back while the file is read on.

Whatever of a mapped file a process has looked at counts as its memory until another process needs the room: a question
about a hundred million events ended at 1.5 GB, nearly all of it times that it had read once. So the system is told now
and then that the pages are not needed (``madvise``). They stay in its cache of the file, and whoever reads them again,
another thread in the midst of its work too, gets them back with the same content for the price of a page fault: 0.1 s
of processor time a GB.

The way not taken: to ask for the pages of a piece at once, before it is read (``MADV_POPULATE_READ``). It takes a
quarter off the faults of one thread, and more than that is lost where two threads map pages of one process.
"""

import ctypes
import mmap
import threading

import pyarrow as pa

from homeroom.limits import MAPPED_HELD_BYTES

__all__ = ["HeldPages"]

_AROUND_BYTES = 1 << 16
"""What the system maps around a byte that is looked at."""


class HeldPages:
    """The pages of a file that this process has looked at.

    Parameters
    ----------
    whole : all of the file, from `homeroom.adapters.tensors.mapped_file` and nowhere else: memory that is no file would
        lose its content
    bound_bytes : how much may be held, about
    """

    def __init__(self, whole: pa.Buffer, bound_bytes: int = MAPPED_HELD_BYTES) -> None:
        self._whole = whole
        self._bound_bytes = bound_bytes
        self._lock = threading.Lock()
        self.held_bytes = 0
        self.released = 0

    def look_at(self, size: int) -> None:
        """Note that so many bytes are about to be read in one place; give all others back if that is too much."""
        with self._lock:
            is_too_much = self.held_bytes + size + _AROUND_BYTES > self._bound_bytes
            if is_too_much and self.held_bytes:
                self.held_bytes = 0
                self.released += 1
                self._release()
            self.held_bytes += size + _AROUND_BYTES

    def _release(self) -> None:
        advice = getattr(mmap, "MADV_DONTNEED", None)
        if advice is None:  # a system that knows no such thing
            return
        start = self._whole.address
        aligned = start & -mmap.PAGESIZE
        size = self._whole.size + start - aligned
        advise = ctypes.CDLL(None).madvise
        # Advice that is refused is no harm: the pages stay until somebody needs their room.
        advise(ctypes.c_void_p(aligned), ctypes.c_size_t(size), ctypes.c_int(advice))
