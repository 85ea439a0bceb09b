"""The clustered triangle against a plain count, at every size at which one of its loops ends."""

import numpy as np
import numpy.typing as npt
import pytest

from homeroom.cohorts.kernels import triangles
from homeroom.cohorts.periods import LEAD, Periods
from homeroom.events.texts import sealed
from tests.cohorts.kernels.masks import EDGE_ROWS, Days, by_period, draw_days, masks_of, periods_of

CUTS = (
    ("day", "monday", 0, 62),  # one whole word
    ("day", "monday", 30, 100),  # from within a word to within the next
    ("day", "monday", -5, 10),  # from before the first word
    ("day", "monday", 170, 200),  # beyond the last word
    ("week", "monday", 0, 188),
    ("week", "sunday", 10, 150),  # a week from Sunday lies in two words
    ("month", "monday", 0, 188),  # so do months
)


def segments_of(days: Days, periods: Periods) -> tuple[triangles.Segments, tuple[object, ...]]:
    starts, word, bits = periods.pieces(days.first_word, len(days.words))
    pieces = (sealed(starts[LEAD:]), word, bits)
    return triangles.cut_segments(pieces, len(days.words)), pieces


def plain_triangle(
    groups: npt.NDArray[np.int64], active: npt.NDArray[np.bool_], mask: npt.NDArray[np.int8] | None
) -> npt.NDArray[np.int64]:
    periods = len(active)
    counts = np.zeros((periods, periods), np.int64)
    chosen = np.ones(len(groups), np.bool_) if mask is None else mask != 0
    for p in range(periods):
        counts[p, : periods - p] = (active[p:] & (groups == p) & chosen).sum(axis=1)
    return counts


def runs_of(keys: npt.NDArray[np.int64]) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Return the values of sorted keys, and where the run of each begins (and the last ends)."""
    values, starts = np.unique(keys, return_index=True)
    return values, sealed(np.append(starts, len(keys)).astype(np.int64))


@pytest.mark.parametrize("rows", [*EDGE_ROWS, 4_500])
def test_one_group_of_any_size_is_counted_bit_by_bit(rows, rng):
    days = draw_days(rng, rows, words=3, share=0.5)
    for interval, week_start, first, last in CUTS:
        periods = periods_of(days, interval, first, last, week_start)
        segments, _ = segments_of(days, periods)
        active = by_period(days, periods)[LEAD:]
        scratch = np.zeros(triangles.SCRATCH_WORDS, np.uint64)
        for name, mask in masks_of(rng, rows).items():
            counts = np.zeros((periods.count, periods.count), np.int64)
            starts = sealed(np.array([0, rows], np.int64))
            triangles.segment_triangle(
                days.words, sealed(np.zeros(1, np.int64)), starts, mask, segments, scratch, counts
            )
            expected = plain_triangle(np.zeros(rows, np.int64), active, mask)
            assert (counts == expected).all(), (interval, week_start, first, last, name)


def test_counters_are_read_out_before_they_are_full():
    rows = 70_003
    words = sealed(np.full((1, rows), (1 << 63) - 1, np.uint64))
    days = Days(0, np.ones((63, rows), np.bool_), words)
    periods = periods_of(days, "day", 0, 62)
    segments, _ = segments_of(days, periods)
    counts = np.zeros((periods.count, periods.count), np.int64)
    runs = (sealed(np.zeros(1, np.int64)), sealed(np.array([0, rows], np.int64)))
    scratch = np.zeros(triangles.SCRATCH_WORDS, np.uint64)
    triangles.segment_triangle(words, *runs, None, segments, scratch, counts)
    assert counts[0].tolist() == [rows] * 63


@pytest.mark.parametrize(("rows", "share"), [(700, 0.02), (5_000, 0.3), (257, 0.9)])
def test_runs_of_every_length_are_counted_from_their_own_period_on(rows, share, rng):
    days = draw_days(rng, rows, words=3, share=share)
    order = np.argsort(days.first_days(), kind="stable")
    days = Days(days.first_word, days.active[:, order], sealed(days.words[:, order]))
    for interval, week_start, first, last in CUTS:
        periods = periods_of(days, interval, first, last, week_start)
        segments, _ = segments_of(days, periods)
        run_days, run_starts = runs_of(days.first_days())
        scratch = np.zeros(triangles.SCRATCH_WORDS, np.uint64)
        for name, mask in masks_of(rng, rows).items():
            counts = np.zeros((periods.count, periods.count), np.int64)
            groups = sealed(periods.of_days(run_days))
            triangles.segment_triangle(
                days.words, groups, run_starts, mask, segments, scratch, counts
            )
            expected = plain_triangle(
                periods.of_days(days.first_days()), by_period(days, periods)[LEAD:], mask
            )
            assert (counts == expected).all(), (interval, week_start, first, last, name)


@pytest.mark.parametrize(
    ("rows", "tail", "moved"), [(900, 0, 0), (900, 50, 0), (900, 70, 40), (60, 60, 0)]
)
def test_rows_out_of_place_are_counted_with_those_that_are_in_it(rows, tail, moved, rng):
    days = draw_days(rng, rows, words=3, share=0.1)
    clustered = rows - tail
    order = np.argsort(days.first_days()[:clustered], kind="stable")
    order = np.append(order, np.arange(clustered, rows))
    days = Days(days.first_word, days.active[:, order], sealed(days.words[:, order]))
    first_days = days.first_days()
    placed = np.sort(first_days[:clustered])
    displaced = np.sort(rng.choice(clustered, moved, replace=False)).astype(np.int64)
    # Those that are out of place lie in the run of another day than that on which they began.
    run_days, run_starts = runs_of(placed)
    if moved:
        runs = np.searchsorted(run_starts, displaced, side="right") - 1
        assert (run_days[runs] == first_days[displaced]).all()
        swapped = rng.permutation(displaced)
        columns = np.arange(rows)
        columns[displaced] = swapped
        days = Days(days.first_word, days.active[:, columns], sealed(days.words[:, columns]))
        first_days = days.first_days()
        displaced = displaced[first_days[displaced] != run_days[runs]]
    clustered_rows = triangles.Rows(
        days.words,
        sealed(first_days.astype(np.int32)),
        sealed(run_days.astype(np.int32)),
        run_starts,
        sealed(displaced),
    )
    for interval, week_start, first, last in CUTS:
        periods = periods_of(days, interval, first, last, week_start)
        segments, _ = segments_of(days, periods)
        for name, mask in masks_of(rng, rows).items():
            counts = np.zeros((periods.count, periods.count), np.int64)
            edges = sealed(periods.days[1:])
            triangles.clustered_rows_triangle(clustered_rows, edges, mask, segments, counts)
            expected = plain_triangle(
                periods.of_days(first_days), by_period(days, periods)[LEAD:], mask
            )
            assert (counts == expected).all(), (interval, week_start, first, last, name)


def test_single_rows_are_added_and_taken_away_again(rng):
    days = draw_days(rng, 300, words=3, share=0.2)
    for interval, week_start, first, last in CUTS:
        periods = periods_of(days, interval, first, last, week_start)
        segments, _ = segments_of(days, periods)
        rows = sealed(np.sort(rng.choice(300, 120, replace=False)).astype(np.int64))
        groups = periods.of_days(days.first_days())
        for mask in masks_of(rng, 300).values():
            counts = np.zeros((periods.count, periods.count), np.int64)
            triangles.add_rows(days.words, rows, sealed(groups[rows]), 1, mask, segments, counts)
            active = by_period(days, periods)[LEAD:][:, rows]
            expected = plain_triangle(groups[rows], active, None if mask is None else mask[rows])
            assert (counts == expected).all()
            triangles.add_rows(days.words, rows, sealed(groups[rows]), -1, mask, segments, counts)
            assert not counts.any()


def test_the_room_to_work_in_is_clean_after_each_call(rng):
    days = draw_days(rng, 1_930, words=2, share=0.5)
    periods = periods_of(days, "day", 0, 125)
    segments, _ = segments_of(days, periods)
    scratch = np.zeros(triangles.SCRATCH_WORDS, np.uint64)
    found = []
    for _ in range(2):
        counts = np.zeros((periods.count, periods.count), np.int64)
        runs = (sealed(np.zeros(1, np.int64)), sealed(np.array([0, days.rows], np.int64)))
        triangles.segment_triangle(days.words, *runs, None, segments, scratch, counts)
        found.append(counts)
    assert (found[0] == found[1]).all()


def test_a_cut_gives_every_period_its_bits_once(rng):
    """Whole periods are told apart by their top bit; those in two words are counted apart; none is in both."""
    for interval, week_start, first, last in CUTS:
        days = draw_days(rng, 1, words=3)
        periods = periods_of(days, interval, first, last, week_start)
        segments, (starts, words, bits) = segments_of(days, periods)
        whole = sorted(int(p) for p in segments.period.ravel() if p >= 0)
        split = sorted(int(p) for p in segments.split[:, 0])
        assert sorted(whole + split) == [
            p for p in range(periods.count) if starts[p] < starts[p + 1]
        ]
        assert not (segments.low & segments.top).any()
        covered = np.zeros(3, np.uint64)
        for word, mask in zip(words, bits, strict=True):
            assert not covered[word] & mask
            covered[word] |= mask
        assert not (segments.low & ~covered).any()


def test_a_period_may_be_all_days_of_a_word(rng):
    days = draw_days(rng, 1_925, words=3, share=0.01)
    edges = days.first_day + np.array([-1, 0, 63, 126, 189, 190])
    periods = Periods("day", periods_of(days, "day", 0, 1).zone, edges, np.zeros(0, np.int64))
    segments, _ = segments_of(days, periods)
    groups = np.zeros(days.rows, np.int64)
    for mask in masks_of(rng, days.rows).values():
        counts = np.zeros((4, 4), np.int64)
        triangles.segment_triangle(
            days.words,
            sealed(np.zeros(1, np.int64)),
            sealed(np.array([0, days.rows], np.int64)),
            mask,
            segments,
            np.zeros(triangles.SCRATCH_WORDS, np.uint64),
            counts,
        )
        assert (counts == plain_triangle(groups, by_period(days, periods)[LEAD:], mask)).all()


@pytest.mark.parametrize("rows", [1_920, 1_921, 2_047, 2_048, 2_049, 4_097])
def test_planes_are_read_out_before_they_run_over(rows, rng):
    """Each row is active on every day, so that the counter of every bit reaches its greatest value."""
    days = draw_days(rng, rows, words=1, share=1)
    periods = periods_of(days, "day", 0, 62)
    segments, _ = segments_of(days, periods)
    for mask, expected in ((None, rows), (sealed(np.full(rows, -1, np.int8)), rows)):
        counts = np.zeros((periods.count, periods.count), np.int64)
        runs = (sealed(np.zeros(1, np.int64)), sealed(np.array([0, rows], np.int64)))
        scratch = np.zeros(triangles.SCRATCH_WORDS, np.uint64)
        triangles.segment_triangle(days.words, *runs, mask, segments, scratch, counts)
        assert (counts[0] == expected).all()
        assert not counts[1:].any()
