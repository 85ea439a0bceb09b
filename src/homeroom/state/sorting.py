"""Sorting events by learner and time, and finding those that are there already.

A learner's key is a hash, so its upper bits spread evenly: one counting pass over them puts events into buckets of a
few dozen, which a merge sort then orders within the first-level cache. A general sort of 128-bit keys would go
through memory log n times. Equal events end up beside each other, so dropping repeats costs nothing more, and two
sorted segments are compared in one walk.
"""

import numpy as np

from homeroom.kernel import inlined, inlined_early, kernel
from homeroom.state.fold import PARTITION_SHIFT

__all__ = [
    "bucket_bits",
    "deal",
    "find_sorted",
    "mark_known",
    "mark_repeats",
    "mark_shared",
    "place_keys",
    "sort_events",
    "spread",
    "subject_starts",
    "union_keys",
    "widen_span",
]


def bucket_bits(events: int) -> int:
    """Return how many key bits to sort by counting, so that a bucket holds some 64 events."""
    return max(0, min(16, int(events / 64).bit_length()))


@inlined_early
def _before(a, b, key_hi, key_lo, time_ms, id_hi, id_lo):
    if key_hi[a] != key_hi[b]:
        return key_hi[a] < key_hi[b]
    if key_lo[a] != key_lo[b]:
        return key_lo[a] < key_lo[b]
    if time_ms[a] != time_ms[b]:
        return time_ms[a] < time_ms[b]
    if id_hi[a] != id_hi[b]:
        return id_hi[a] < id_hi[b]
    return id_lo[a] < id_lo[b]


@inlined
def _insertion_sort(order, low, high, key_hi, key_lo, time_ms, id_hi, id_lo):
    for i in range(low + 1, high):
        moved = order[i]
        j = i
        while j > low and _before(moved, order[j - 1], key_hi, key_lo, time_ms, id_hi, id_lo):
            order[j] = order[j - 1]
            j -= 1
        order[j] = moved


@inlined
def _merge(order, spare, low, middle, high, key_hi, key_lo, time_ms, id_hi, id_lo):
    i, j = low, middle
    for k in range(low, high):
        if i < middle and (
            j >= high or not _before(order[j], order[i], key_hi, key_lo, time_ms, id_hi, id_lo)
        ):
            spare[k] = order[i]
            i += 1
        else:
            spare[k] = order[j]
            j += 1


@kernel
def _merge_sort(order, spare, start, end, key_hi, key_lo, time_ms, id_hi, id_lo):
    width = 12
    for low in range(start, end, width):
        high = min(low + width, end)
        _insertion_sort(order, low, high, key_hi, key_lo, time_ms, id_hi, id_lo)
    while width < end - start:
        for low in range(start, end, 2 * width):
            middle, high = min(low + width, end), min(low + 2 * width, end)
            _merge(order, spare, low, middle, high, key_hi, key_lo, time_ms, id_hi, id_lo)
        for k in range(start, end):
            order[k] = spare[k]
        width *= 2


@kernel
def sort_events(key_hi, key_lo, time_ms, id_hi, id_lo, bits, order):
    """Write to ``order``, int64, the event numbers by (key, time, identity); ``bits`` is from `bucket_bits`.

    All keys must be of one partition: their top bits are equal and are not looked at.
    """
    buckets = 1 << bits
    shift = np.uint64(64 - bits)
    top = np.uint64(64) - PARTITION_SHIFT
    starts = np.zeros(buckets + 1, np.int64)
    for i in range(len(key_hi)):
        bucket = np.int64((key_hi[i] << top) >> shift) if bits else 0
        starts[bucket + 1] += 1
    for b in range(buckets):
        starts[b + 1] += starts[b]
    place = starts[:-1].copy()
    for i in range(len(key_hi)):
        bucket = np.int64((key_hi[i] << top) >> shift) if bits else 0
        order[place[bucket]] = i
        place[bucket] += 1
    spare = np.empty(len(order), np.int64)
    for b in range(buckets):
        if starts[b + 1] - starts[b] > 1:
            _merge_sort(
                order, spare, starts[b], starts[b + 1], key_hi, key_lo, time_ms, id_hi, id_lo
            )


@kernel
def deal(partition, starts, column, dealt):
    """Copy ``column`` to ``dealt`` so that the rows of partition p stand from ``starts[p]`` on, in their order."""
    place = starts.copy()
    for i in range(len(column)):
        p = partition[i]
        dealt[place[p]] = column[i]
        place[p] += 1


@kernel
def spread(places, values, found):
    """Write the value at each place."""
    for i in range(len(places)):
        found[i] = values[places[i]]


@kernel
def mark_shared(values, others, shared):
    """Set ``shared[i]`` where ``values[i]`` is among ``others``; both are sorted.

    From each place the search doubles its step before it halves, so that it is quick for few among many, and no
    slower than a merge for many among many.
    """
    low = 0
    for i in range(len(values)):
        value = values[i]
        step = 1
        while low + step < len(others) and others[low + step] < value:
            step *= 2
        high = min(low + step, len(others))
        low += step // 2
        while low < high:
            middle = (low + high) // 2
            if others[middle] < value:
                low = middle + 1
            else:
                high = middle
        if low == len(others):
            return
        if others[low] == value:
            shared[i] = True


@kernel
def mark_repeats(key_hi, key_lo, time_ms, id_hi, id_lo, known):
    """Set ``known[i]``, bool, where sorted event i is the same event as the one before it."""
    for i in range(1, len(key_hi)):
        if (
            id_lo[i] == id_lo[i - 1]
            and id_hi[i] == id_hi[i - 1]
            and time_ms[i] == time_ms[i - 1]
            and key_lo[i] == key_lo[i - 1]
            and key_hi[i] == key_hi[i - 1]
        ):
            known[i] = True


@kernel
def subject_starts(key_hi, key_lo, starts):
    """Write where each subject's events begin in sorted events; return the number of subjects."""
    subjects = 0
    for i in range(len(key_hi)):
        if i == 0 or key_lo[i] != key_lo[i - 1] or key_hi[i] != key_hi[i - 1]:
            starts[subjects] = i
            subjects += 1
    return subjects


@kernel
def mark_known(new_keys, new_events, old_keys, old_offsets, old_events, known):
    """Set ``known[i]`` where sorted new event i is in the old segment too.

    ``new_keys`` = (hi, lo) and ``new_events`` = (time_ms, id_hi, id_lo) by event; ``old_keys`` by subject,
    ``old_events`` by event, subject s having ``old_offsets[s]:old_offsets[s + 1]``. Both are in order.
    """
    new_hi, new_lo = new_keys
    new_ms, new_id_hi, new_id_lo = new_events
    old_hi, old_lo = old_keys
    old_ms, old_id_hi, old_id_lo = old_events
    subject = 0
    at = 0
    for i in range(len(new_hi)):
        hi, lo = new_hi[i], new_lo[i]
        while subject < len(old_hi) and (
            old_hi[subject] < hi or (old_hi[subject] == hi and old_lo[subject] < lo)
        ):
            subject += 1
            at = 0
        if subject == len(old_hi):
            return
        if old_hi[subject] != hi or old_lo[subject] != lo:
            continue
        at = max(at, old_offsets[subject])
        end = old_offsets[subject + 1]
        while at < end and (
            old_ms[at] < new_ms[i]
            or (
                old_ms[at] == new_ms[i]
                and (
                    old_id_hi[at] < new_id_hi[i]
                    or (old_id_hi[at] == new_id_hi[i] and old_id_lo[at] < new_id_lo[i])
                )
            )
        ):
            at += 1
        if (
            at < end
            and old_ms[at] == new_ms[i]
            and old_id_hi[at] == new_id_hi[i]
            and old_id_lo[at] == new_id_lo[i]
        ):
            known[i] = True


@kernel
def union_keys(a_hi, a_lo, b_hi, b_lo, hi, lo):
    """Merge two sorted lists of distinct keys into one; return the length of it. ``hi``, ``lo`` have room for all."""
    i = j = count = 0
    while i < len(a_hi) or j < len(b_hi):
        if j == len(b_hi):
            from_a, from_b = True, False
        elif i == len(a_hi):
            from_a, from_b = False, True
        else:
            same = a_hi[i] == b_hi[j]
            from_a = a_hi[i] < b_hi[j] or (same and a_lo[i] <= b_lo[j])
            from_b = a_hi[i] > b_hi[j] or (same and a_lo[i] >= b_lo[j])
        hi[count], lo[count] = (a_hi[i], a_lo[i]) if from_a else (b_hi[j], b_lo[j])
        i += from_a
        j += from_b
        count += 1
    return count


@kernel
def place_keys(key_hi, key_lo, all_hi, all_lo, places):
    """Write where each of some sorted keys stands among all of them."""
    at = 0
    for i in range(len(key_hi)):
        while all_hi[at] != key_hi[i] or all_lo[at] != key_lo[i]:
            at += 1
        places[i] = at


@kernel
def find_sorted(key_hi, key_lo, asked_hi, asked_lo, found):
    """Write to ``found`` where each asked key stands among sorted, distinct ones.

    For one that is not there it is -1 less the place at which it would stand.
    """
    for i in range(len(asked_hi)):
        hi, lo = asked_hi[i], asked_lo[i]
        low, high = 0, len(key_hi)
        while low < high:
            middle = (low + high) // 2
            if key_hi[middle] < hi or (key_hi[middle] == hi and key_lo[middle] < lo):
                low = middle + 1
            else:
                high = middle
        there = low < len(key_hi) and key_hi[low] == hi and key_lo[low] == lo
        found[i] = low if there else -1 - low


@kernel
def widen_span(time_ms, left_out, low, high):
    """Return the least and the greatest of two bounds and of all times but those at some places, rising."""
    at = 0
    for i in range(len(time_ms)):
        if at < len(left_out) and left_out[at] == i:
            at += 1
        else:
            low, high = min(low, time_ms[i]), max(high, time_ms[i])
    return low, high
