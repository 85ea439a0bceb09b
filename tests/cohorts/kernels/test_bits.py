"""Period bits against a matrix of yes and no: from columns, from events, and everything that is counted from them."""

import itertools

import numpy as np
import pytest

from homeroom.cohorts.kernels import bits as kernels
from homeroom.cohorts.periods import LEAD, hour_periods
from homeroom.events.texts import sealed
from homeroom.state.zones import DAY_MS, ZERO_MS, date_of, load_zone
from tests.cohorts.kernels.masks import (
    EDGE_ROWS,
    by_period,
    draw_days,
    masks_of,
    packed,
    periods_of,
)

CUTS = (
    ("day", "monday", 20, 140),
    ("week", "sunday", 3, 100),
    ("month", "monday", -40, 250),
    ("day", "monday", 300, 310),
)


@pytest.mark.parametrize("rows", EDGE_ROWS)
def test_columns_become_bits_from_any_row_to_any_row(rows, rng):
    days = draw_days(rng, rows, words=3)
    for interval, week_start, first, last in CUTS:
        periods = periods_of(days, interval, first, last, week_start)
        pieces = periods.pieces(days.first_word, 3)
        active = by_period(days, periods)
        for start, end in ((0, rows), (min(7, rows), rows), (0, rows // 2), (rows, rows)):
            found = np.zeros((LEAD + periods.count, (end - start + 63) // 64), np.uint64)
            kernels.bits_of_columns(days.words, start, end, pieces, found)
            assert (found == packed(active[:, start:end])).all(), (interval, start, end)


@pytest.mark.parametrize("rows", EDGE_ROWS)
def test_a_mask_clears_the_rows_that_do_not_count(rows, rng):
    active = rng.random((5, rows)) < 0.5
    for name, mask in masks_of(rng, rows).items():
        if mask is None:
            continue
        for start in (0, rows // 3):
            found = packed(active[:, start:])
            kernels.mask_bits(mask, start, rows, found)
            assert (found == packed(active[:, start:] & (mask[start:] != 0))).all(), name


def drawn_events(rng: np.random.Generator, subjects: int, low_ms: int, high_ms: int):
    counts = rng.integers(0, 9, subjects)
    offsets = sealed(np.concatenate([[0], np.cumsum(counts)]).astype(np.int64))
    times = rng.integers(low_ms, high_ms, int(offsets[-1]))
    for a, b in itertools.pairwise(offsets):
        times[a:b].sort()
    keep = sealed(rng.integers(0, 2, len(times)).astype(np.uint8))
    rows = sealed(np.sort(rng.choice(3 * subjects, subjects, replace=False)).astype(np.int32))
    return offsets, rows, sealed(times), keep


@pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin", "America/Sao_Paulo", "Asia/Kathmandu"])
@pytest.mark.parametrize("interval", ["day", "week", "month"])
def test_events_become_bits_of_local_days(zone, interval, rng):
    flat = load_zone(zone)
    days = draw_days(rng, 1, words=1)
    periods = periods_of(days, interval, 40, 200)
    low, high = (ZERO_MS + (days.first_day + day) * DAY_MS for day in (-30, 260))
    offsets, rows, times, keep = drawn_events(rng, 150, low, high)
    for kept in (None, keep):
        found = np.zeros((LEAD + periods.count, (450 + 63) // 64), np.uint64)
        stretches = (flat.starts_ms, flat.offsets_ms, ZERO_MS)
        kernels.bits_of_days(offsets, rows, times, kept, stretches, periods.day_table, found)
        active = np.zeros((LEAD + periods.count, 450), np.bool_)
        for subject, row in enumerate(rows):
            for event in range(offsets[subject], offsets[subject + 1]):
                place = np.searchsorted(flat.starts_ms, times[event], side="right") - 1
                day = (int(times[event]) + int(flat.offsets_ms[place]) - ZERO_MS) // DAY_MS
                p = int(np.searchsorted(periods.days, day, side="right"))
                if (kept is None or kept[event]) and p < len(periods.days):
                    active[p, row] = True
        assert (found == packed(active)).all()


@pytest.mark.parametrize(
    ("zone", "date"), [("UTC", "2024-02-28"), ("Australia/Lord_Howe", "2024-04-06")]
)
def test_events_become_bits_of_hours(zone, date, rng):
    first = np.datetime64(date).item()
    periods = hour_periods(load_zone(zone), first, date_of((first - date_of(0)).days + 2))
    edges = sealed(np.concatenate([[np.iinfo(np.int64).min], periods.edges_ms]))
    low, high = int(edges[1]) - 2 * DAY_MS, int(edges[-1]) + 2 * DAY_MS
    offsets, rows, times, keep = drawn_events(rng, 200, low, high)
    on_edges = times.copy()  # events at the very edges, too
    on_edges[::5] = rng.choice(edges[1:], len(on_edges[::5]))
    for a, b in itertools.pairwise(offsets):
        on_edges[a:b].sort()
    for kept in (None, keep):
        found = np.zeros((LEAD + periods.count, (600 + 63) // 64), np.uint64)
        kernels.bits_of_edges(offsets, rows, sealed(on_edges), kept, edges, found)
        active = np.zeros((LEAD + periods.count, 600), np.bool_)
        for subject, row in enumerate(rows):
            for event in range(offsets[subject], offsets[subject + 1]):
                inside = (edges[:-1] <= on_edges[event]) & (on_edges[event] < edges[1:])
                if kept is None or kept[event]:
                    active[inside, row] = True
        assert (found == packed(active)).all()


@pytest.mark.parametrize("rows", EDGE_ROWS)
def test_first_and_later_periods(rows, rng):
    active = rng.random((9, rows)) < 0.3
    found = packed(active)
    kernels.keep_first(found)
    assert (found == packed(active & (active.cumsum(axis=0) == 1))).all()
    found = packed(active)
    kernels.or_later(found)
    assert (found == packed(np.logical_or.accumulate(active[::-1], axis=0)[::-1])).all()


@pytest.mark.parametrize("rows", EDGE_ROWS)
def test_products_count_common_rows(rows, rng):
    entry, returning = (rng.random((LEAD + 12, rows)) < share for share in (0.2, 0.4))
    entry[LEAD + 3] = False  # nobody is in this group
    counts = np.zeros((12, 12), np.int64)
    kernels.product(packed(entry), packed(returning), LEAD, counts)
    expected = np.zeros((12, 12), np.int64)
    for p in range(12):
        expected[p, : 12 - p] = (entry[LEAD + p] & returning[LEAD + p :]).sum(axis=1)
    assert (counts == expected).all()

    brackets = sealed(np.array([[1, 1], [2, 7], [8, 30], [5, 12], [12, 40]], np.int64))
    wide = np.zeros((12, 6), np.int64)
    kernels.bracket_product(packed(entry), packed(returning), LEAD, brackets, wide[:, 1:])
    for p in range(12):
        for c, (low, high) in enumerate(brackets):
            any_of = returning[LEAD + p + low : LEAD + p + high + 1].any(axis=0)
            assert wide[p, c + 1] == (entry[LEAD + p] & any_of).sum()
    assert not wide[:, 0].any()


@pytest.mark.parametrize("rows", EDGE_ROWS)
def test_lifecycle_active_and_stickiness_count_rows(rows, rng):
    active = rng.random((LEAD + 10, rows)) < 0.35
    shown = active[LEAD:]
    counts = np.zeros(10, np.int64)
    kernels.count_active(packed(active)[LEAD:], counts)
    assert counts.tolist() == shown.sum(axis=1).tolist()

    stages = np.zeros((4, 10), np.int64)
    kernels.count_lifecycle(packed(active), stages)
    for p in range(10):
        ever, before, now = active[: p + 2].any(axis=0), active[p + 1], active[p + 2]
        plain = (now & ~ever, now & before, now & ever & ~before, before & ~now)
        assert stages[:, p].tolist() == [int(rows_of.sum()) for rows_of in plain]

    sticky = np.zeros(11, np.int64)
    kernels.count_periods_per_row(packed(active), LEAD, sticky)
    plain_sticky = np.bincount(shown.sum(axis=0), minlength=11)
    assert sticky[1:].tolist() == plain_sticky[1:].tolist()


def test_what_is_counted_is_added_to_what_stands_there(rng):
    active = rng.random((LEAD + 4, 100)) < 0.5
    counts = np.full((4, 4), 1_000, np.int64)
    kernels.product(packed(active), packed(active), LEAD, counts)
    alone = np.zeros((4, 4), np.int64)
    kernels.product(packed(active), packed(active), LEAD, alone)
    assert (counts == alone + 1_000).all()
