"""Arrivals are settled beforehand, and follow the hours of a day."""

import numpy as np
import pytest

from homeroom.proving.arrivals import DailyCurve, arrival_times


def test_a_day_has_as_many_as_were_asked_for():
    curve = DailyCurve([1] * 12 + [3] * 12)
    assert sum(curve.per_second(1_000, hour * 3_600) * 3_600 for hour in range(24)) == (
        pytest.approx(1_000)
    )
    assert curve.peak == 1.5
    assert curve.peak_per_second(86_400) == 1.5
    assert curve.per_second(86_400, 86_400 + 5) == 0.5


def test_arrivals_are_those_of_many_who_do_not_know_of_each_other():
    times = arrival_times(np.random.default_rng(1), 200, 100)
    assert (np.diff(times) >= 0).all()
    assert 0 <= times[0] <= times[-1] < 100
    assert abs(len(times) - 20_000) < 5 * 20_000**0.5
    gaps = np.diff(times)
    assert gaps.std() == pytest.approx(gaps.mean(), rel=0.05)


def test_equal_seeds_give_equal_arrivals():
    one, other = (arrival_times(np.random.default_rng(7), 10, 10) for _ in range(2))
    assert (one == other).all()
