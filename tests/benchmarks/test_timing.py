"""Figures are what they are called, and a hash tells results apart."""

import numpy as np
import pytest

from benchmarks.scaling import exponent
from benchmarks.timing import hash_of, timed, timing_of


def test_a_timing_names_middle_best_worst_and_the_99th_of_100():
    times = timing_of([n / 1e3 for n in range(1, 201)])
    assert times.median_ms == pytest.approx(100.5)
    assert (times.min_ms, times.p99_ms, times.max_ms) == pytest.approx((1, 198, 200))
    assert times.runs == 200


def test_warm_runs_are_not_counted():
    calls = []
    times, result = timed(lambda: calls.append(1) or len(calls), runs=3, warm=2)
    assert (times.runs, result) == (3, 5)


def test_a_hash_is_of_shape_and_values():
    flat = np.arange(6)
    assert hash_of(flat) == hash_of(flat.astype(np.int32))
    assert hash_of(flat) != hash_of(flat.reshape(2, 3))
    assert hash_of(flat) != hash_of(flat[::-1])


def test_an_exponent_is_fitted():
    sizes = [1e6, 2e6, 4e6]
    assert exponent(sizes, [3 * size**1.5 for size in sizes]) == pytest.approx(1.5)
