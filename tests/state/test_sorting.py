"""Sorting, repeats and known events against Python's own sort and sets."""

import numpy as np
import pytest

from homeroom.events.texts import sealed
from homeroom.limits import PARTITIONS
from homeroom.state import sorting

EDGES = (0, 1, 2, 11, 12, 13, 23, 24, 25, 63, 64, 65, 200, 3_000)


def drawn(rng: np.random.Generator, count: int, distinct: int) -> tuple[np.ndarray, ...]:
    """Draw key and event columns with many equal parts, so that every comparison is reached.

    All keys are of one partition, as those that are sorted at once are.
    """
    keys = rng.integers(0, 1 << 64, (max(distinct // 2, 1), 2), np.uint64)
    keys[:, 0] = keys[:, 0] // PARTITIONS + np.uint64((1 << 64) // PARTITIONS * (PARTITIONS - 1))
    keys[1::3, 0] = keys[: len(keys[1::3]), 0]  # the same upper half under other lower ones
    who = rng.integers(0, len(keys), count)
    columns = (
        keys[who, 0],
        keys[who, 1],
        rng.integers(0, 3, count),
        *rng.integers(0, 3, (2, count)),
    )
    types = (np.uint64, np.uint64, np.int64, np.uint64, np.uint64)
    return tuple(sealed(c.astype(t)) for c, t in zip(columns, types, strict=True))


def rows_of(columns: tuple[np.ndarray, ...]) -> list[tuple[int, ...]]:
    return list(zip(*(c.tolist() for c in columns), strict=True))


@pytest.mark.parametrize("count", EDGES)
@pytest.mark.parametrize("distinct", [1, 20, 5_000])
def test_events_are_sorted_by_key_time_and_identity(count, distinct, rng):
    columns = drawn(rng, count, distinct)
    order = np.full(count, -1, np.int64)
    sorting.sort_events(*columns, sorting.bucket_bits(count), order)
    rows = rows_of(columns)
    assert sorted(order.tolist()) == list(range(count))
    assert [rows[i] for i in order] == sorted(rows)


@pytest.mark.parametrize("count", EDGES)
def test_repeats_are_all_but_the_first_of_equal_events(count, rng):
    columns = drawn(rng, count, 6)
    order = sorted(range(count), key=rows_of(columns).__getitem__)
    ordered = tuple(sealed(c[order]) for c in columns)
    known = np.zeros(count, np.bool_)
    sorting.mark_repeats(*ordered, known)
    rows = rows_of(ordered)
    assert known.tolist() == [i > 0 and rows[i] == rows[i - 1] for i in range(count)]
    starts = np.empty(count + 1, np.int64)
    subjects = sorting.subject_starts(ordered[0], ordered[1], starts)
    keys = [row[:2] for row in rows]
    assert starts[:subjects].tolist() == [
        i for i in range(count) if i == 0 or keys[i] != keys[i - 1]
    ]


@pytest.mark.parametrize(("new", "old"), [(0, 5), (5, 0), (1, 1), (60, 500), (800, 40), (900, 900)])
def test_events_that_an_earlier_segment_holds_are_known(new, old, rng):
    columns = drawn(rng, new + old, 30)
    fresh, held = (
        rows_of(tuple(c[part] for c in columns)) for part in (slice(new), slice(new, None))
    )
    fresh, held = sorted(fresh), sorted(set(held))

    def arrays(rows: list[tuple[int, ...]]) -> list[np.ndarray]:
        parts = list(zip(*rows, strict=True)) or [()] * 5
        return [sealed(np.array(part, c.dtype)) for part, c in zip(parts, columns, strict=True)]

    hi, lo, *events = arrays(held)
    first = [i for i in range(len(held)) if i == 0 or held[i][:2] != held[i - 1][:2]]
    offsets = np.array([*first, len(held)], np.int64)
    known = np.zeros(new, np.bool_)
    new_hi, new_lo, *new_events = arrays(fresh)
    sorting.mark_known(
        (new_hi, new_lo),
        tuple(new_events),
        (sealed(hi[offsets[:-1]]), sealed(lo[offsets[:-1]])),
        sealed(offsets),
        tuple(events),
        known,
    )
    assert known.tolist() == [row in set(held) for row in fresh]


@pytest.mark.parametrize("count", EDGES)
def test_rows_are_dealt_out_in_their_order(count, rng):
    partition = rng.choice([0, 1, 7, PARTITIONS - 1], count).astype(np.uint8)
    starts = np.zeros(PARTITIONS + 1, np.int64)
    starts[1:] = np.cumsum(np.bincount(partition, minlength=PARTITIONS))
    column = sealed(rng.integers(0, 1 << 60, count).astype(np.uint64))
    dealt = np.empty_like(column)
    sorting.deal(partition, starts, column, dealt)
    assert (dealt == column[np.argsort(partition, kind="stable")]).all()


@pytest.mark.parametrize("others", [0, 1, 2, 3, 50, 5_000])
@pytest.mark.parametrize("count", [0, 1, 2, 40, 3_000])
@pytest.mark.parametrize("range_", [5, 100, 1 << 62])
def test_values_that_others_have_too_are_marked(count, others, range_, rng):
    values, known = (
        sealed(np.sort(rng.integers(0, range_, n)).astype(np.uint64)) for n in (count, others)
    )
    if count > 2 and others > 2:
        known = sealed(np.sort(np.append(known, values[[0, -1]])))  # the first and the last, too
    shared = np.zeros(count, np.bool_)
    sorting.mark_shared(values, known, shared)
    assert shared.tolist() == np.isin(values, known).tolist()


def test_buckets_hold_some_64_events():
    assert [sorting.bucket_bits(n) for n in (0, 1, 63, 64, 128, 64 << 16, 64 << 20)] == [
        0,
        0,
        0,
        1,
        2,
        16,
        16,
    ]
