"""Where the lines of a text are, asked of every byte that is read: kernels that look at 64 bytes at once.

``bytes.count`` seeks each newline anew, and NumPy's comparison writes a megabyte of answers to count them: both take
longer than a look at the bytes.
"""

import numpy as np

from homeroom.events.model import UInt8s
from homeroom.kernel import inlined, kernel

__all__ = ["count_newlines", "line_bounds"]

_BLOCK_BYTES = 64
_NEWLINE = 10


@inlined
def _newlines_of_block(data: UInt8s, start: int) -> int:
    found = np.uint8(0)
    for j in range(_BLOCK_BYTES):
        found = np.uint8(found + np.uint8(data[start + j] == np.uint8(_NEWLINE)))
    return int(found)


@kernel
def _count(data: UInt8s) -> int:
    found = 0
    blocks = len(data) // _BLOCK_BYTES
    for block in range(blocks):
        found += _newlines_of_block(data, block * _BLOCK_BYTES)
    for j in range(blocks * _BLOCK_BYTES, len(data)):
        found += data[j] == _NEWLINE
    return found


@kernel
def _bounds(data: UInt8s, number: int) -> tuple[int, int]:
    at = 0
    left = number
    while at + _BLOCK_BYTES <= len(data):
        found = _newlines_of_block(data, at)
        if found >= left:
            break
        left -= found
        at += _BLOCK_BYTES
    while at < len(data) and left > 0:
        left -= data[at] == _NEWLINE
        at += 1
    if left > 0 or at == len(data):
        return -1, -1
    stop = at
    while stop < len(data) and data[stop] != _NEWLINE:
        stop += 1
    return at, min(stop + 1, len(data))


def count_newlines(text: bytes) -> int:
    """Return the number of newlines."""
    return int(_count(np.frombuffer(text, np.uint8)))


def line_bounds(text: bytes, number: int) -> tuple[int, int] | None:
    """Return where a line begins, and where the next one does; lines count from 0. None if there is no such line."""
    start, stop = _bounds(np.frombuffer(text, np.uint8), number)
    return None if start < 0 else (int(start), int(stop))
