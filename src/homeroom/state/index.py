"""Where a key's row is: open addressing over an array, a batch at a time.

A dictionary of Python objects would cost a hundred bytes and a microsecond a learner. Here a slot is one int32 (row
+ 1, 0 is empty) and linear probing starts at the key's low bits; the key itself is a keyed hash already, so no
second hash is needed and nobody outside can choose keys that collide. Keys are compared whole: a row is found by all
128 bits. Nothing is ever deleted from an index; a row that moves only has its number rewritten.

Slots and keys of a large table lie in memory, not in a cache, so a lookup is two waits. Both are asked for in time:
the slot of the event after next, so to speak, and the key of the next one.
"""

import numpy as np
import numpy.typing as npt

from homeroom.kernel import kernel
from homeroom.state.instructions import prefetch

__all__ = ["find_or_add", "find_rows", "new_slots", "refill", "slots_needed"]

_AHEAD = 12
"""Events between asking for a slot, asking for the key that it names, and comparing it."""


def slots_needed(rows: int) -> int:
    """Return the number of slots for so many rows: a power of two, at most 5/8 full."""
    return max(16, 1 << int(np.ceil(np.log2(max(rows, 1) * 1.6))))


def new_slots(rows: int) -> npt.NDArray[np.int32]:
    """Return empty slots for so many rows."""
    return np.zeros(slots_needed(rows), np.int32)


@kernel
def refill(slots, key_lo, rows):
    """Enter the first ``rows`` keys into empty ``slots``; the keys must be distinct."""
    mask = np.uint64(len(slots) - 1)
    for row in range(rows):
        slot = key_lo[row] & mask
        while slots[slot] != 0:
            slot = (slot + np.uint64(1)) & mask
        slots[slot] = row + 1


@kernel
def find_or_add(slots, key_hi, key_lo, rows, events, new_hi, new_lo, found):
    """Find or add the keys ``new_hi[events]``, ``new_lo[events]``; write rows to ``found``, return the new count.

    ``key_hi`` and ``key_lo`` must have room for every event to be a new row.
    """
    mask = np.uint64(len(slots) - 1)
    slots_at, hi_at, lo_at = slots.ctypes.data, key_hi.ctypes.data, key_lo.ctypes.data
    last = len(events) - 1
    for i in range(len(events)):
        event = events[i]
        far = new_lo[events[min(i + 2 * _AHEAD, last)]] & mask
        prefetch(slots_at + np.int64(far) * 4)
        near = slots[new_lo[events[min(i + _AHEAD, last)]] & mask] - 1
        prefetch(lo_at + np.int64(near) * 8)
        prefetch(hi_at + np.int64(near) * 8)
        hi = new_hi[event]
        lo = new_lo[event]
        slot = lo & mask
        while True:
            row = slots[slot] - 1
            if row < 0:
                row = rows
                key_hi[row] = hi
                key_lo[row] = lo
                rows += 1
                slots[slot] = rows
                break
            if key_lo[row] == lo and key_hi[row] == hi:
                break
            slot = (slot + np.uint64(1)) & mask
        found[i] = row
    return rows


@kernel
def find_rows(slots, key_hi, key_lo, asked_hi, asked_lo, found):
    """Write the row of each asked key to ``found``, -1 where it has none."""
    mask = np.uint64(len(slots) - 1)
    for i in range(len(asked_hi)):
        hi = asked_hi[i]
        lo = asked_lo[i]
        slot = lo & mask
        while True:
            row = slots[slot] - 1
            if row < 0 or (key_lo[row] == lo and key_hi[row] == hi):
                break
            slot = (slot + np.uint64(1)) & mask
        found[i] = row
