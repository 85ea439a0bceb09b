"""Where a scan finds the row of an account: an index in buckets of one cache line.

A fold of a hundred million events is a hundred million visits to memory that no cache holds. What a visit costs is
decided by two things. One is how many lines it touches: here one in the index, which holds enough of the hash to be
sure, and one in the column of words. The other is that the processor may go on with the next visits while it waits,
and a branch on what has not arrived stops that. So an entry is sought among the four of its bucket with one
comparison of vectors and no branch, and both lines are asked for ahead of time. Measured against one slot after the
other, as in `homeroom.state.index`: 12 ns a visit for 22, the words left out.

A bucket has four first words (the lower half of the hash) and four second ones (32 bits of the upper half, and the
row + 1; 0 is an empty entry). When a bucket is full, the next one takes over.
"""

from typing import Final

import numpy as np

from homeroom.events.model import UInt64s
from homeroom.events.texts import address_of
from homeroom.kernel import kernel
from homeroom.limits import DAYS_PER_WORD
from homeroom.state.instructions import (
    BUCKET_BYTES,
    BUCKET_ENTRIES,
    entry_in_bucket,
    prefetch,
    set_bits,
)
from homeroom.state.paging import new_words

__all__ = [
    "DAY_BITS",
    "DAY_MASK",
    "TAG_BITS",
    "bucket_count",
    "fold_sightings",
    "new_buckets",
    "refill",
    "rows_max",
]

DAY_BITS: Final = 16
"""The lowest bits of the upper half of a hash, in which the day stands."""
DAY_MASK: Final = np.uint64((1 << DAY_BITS) - 1)
TAG_BITS: Final = 32
"""Bits of the upper half of a hash, above the day, that stand in the index."""
TAG_MASK: Final = np.uint64((1 << TAG_BITS) - 1)
WORD_BYTES: Final = 8
BUCKET_WORDS: Final = BUCKET_BYTES // WORD_BYTES
BLOCK: Final = 64
"""Visits whose memory is asked for at once."""


def new_buckets(count: int) -> UInt64s:
    """Return empty buckets, each in a cache line of its own; ``count`` is a power of two."""
    room = new_words((count + 1) * BUCKET_WORDS)
    first = -room.ctypes.data % BUCKET_BYTES // WORD_BYTES
    return room[first : first + count * BUCKET_WORDS]


def bucket_count(buckets: UInt64s) -> int:
    """Return the number of buckets."""
    return len(buckets) // BUCKET_WORDS


def rows_max(buckets: UInt64s) -> int:
    """Return how many rows an index of this size may have: three of four entries."""
    return bucket_count(buckets) * BUCKET_ENTRIES * 3 // 4


@kernel
def fold_sightings(buckets, columns, progress, hi, lo, order, new):
    """Fold events until all are done or the index is full; return how many are done, and the rows there are now.

    Parameters
    ----------
    buckets : the index
    columns : int64, the address of each word's column of bits by row; those of the events' days are there
    progress : events done, rows there are, rows before the first event
    hi, lo : hashes by event, the day in the lowest bits of ``hi``
    order : numbers of the events
    new : int32, written: the numbers of the events that made a row, in the order of rows
    """
    at, rows, before = progress
    mask = np.int64(len(buckets) // BUCKET_WORDS - 1)
    limit = len(buckets) // BUCKET_WORDS * BUCKET_ENTRIES * 3 // 4
    from_buckets = address_of(buckets)
    places = np.empty(BLOCK, np.int64)
    while at < len(hi) and rows + BLOCK <= limit:
        count = min(BLOCK, len(hi) - at)
        for i in range(at, at + count):
            prefetch(from_buckets + (np.int64(lo[i]) & mask) * BUCKET_BYTES)
        for i in range(at, at + count):
            first = lo[i]
            tag = (hi[i] >> np.uint64(DAY_BITS)) & TAG_MASK
            bucket = np.int64(first) & mask
            entry = entry_in_bucket(from_buckets + bucket * BUCKET_BYTES, first, tag)
            if entry == 0:
                entry = _find_further(buckets, bucket, first, tag, rows)
                if np.int64(entry & TAG_MASK) > rows:
                    new[rows - before] = order[i]
                    rows += 1
            row = np.int64(entry & TAG_MASK) - 1
            place = columns[np.int64(hi[i] & DAY_MASK) // DAYS_PER_WORD] + row * WORD_BYTES
            prefetch(place)
            places[i - at] = place
        for i in range(at, at + count):
            day = np.int64(hi[i] & DAY_MASK)
            set_bits(places[i - at], np.uint64(1) << np.uint64(day % DAYS_PER_WORD))
        at += count
    return at, rows


@kernel
def _find_further(buckets, bucket, first, tag, rows):
    """Return the entry of a hash that was not in its bucket; one that is nowhere is entered as the next row."""
    mask = np.int64(len(buckets) // BUCKET_WORDS - 1)
    while True:
        at = bucket * BUCKET_WORDS
        for place in range(at, at + BUCKET_ENTRIES):
            second = buckets[place + BUCKET_ENTRIES]
            if second == 0:
                second = (tag << np.uint64(TAG_BITS)) | np.uint64(rows + 1)
                buckets[place] = first
                buckets[place + BUCKET_ENTRIES] = second
                return second
            if buckets[place] == first and second >> np.uint64(TAG_BITS) == tag:
                return second
        bucket = (bucket + 1) & mask


@kernel
def refill(buckets, old):
    """Enter all of an index into a larger, empty one."""
    mask = np.int64(len(buckets) // BUCKET_WORDS - 1)
    for i in range(len(old)):
        if i % BUCKET_WORDS >= BUCKET_ENTRIES or old[i + BUCKET_ENTRIES] == 0:
            continue
        bucket = np.int64(old[i]) & mask
        place = bucket * BUCKET_WORDS
        while buckets[place + BUCKET_ENTRIES] != 0:
            place += 1
            if place % BUCKET_WORDS == BUCKET_ENTRIES:
                bucket = (bucket + 1) & mask
                place = bucket * BUCKET_WORDS
        buckets[place] = old[i]
        buckets[place + BUCKET_ENTRIES] = old[i + BUCKET_ENTRIES]
