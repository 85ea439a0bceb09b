"""Quantiles of a histogram are those of the times themselves, to within its stated error."""

import numpy as np
import pytest

from homeroom.proving.latencies import RELATIVE_ERROR, Latencies


@pytest.mark.parametrize("seed", range(5))
def test_a_quantile_is_never_too_good_and_hardly_too_bad(seed):
    rng = np.random.default_rng(seed)
    times = np.exp(rng.normal(2, 2, 2_000))
    kept = Latencies()
    kept.add_all(times.tolist())
    ordered = np.sort(np.round(times * 1_000)) / 1_000
    for share in (0.5, 0.9, 0.99, 1.0):
        exact = ordered[int(np.ceil(share * len(ordered))) - 1]
        assert exact <= kept.quantile_ms(share) <= exact * (1 + RELATIVE_ERROR)


def test_every_counter_holds_what_is_told_of_it():
    for us in (*range(0, 2_000, 7), 511, 512, 513, 2**20 - 1, 2**20, 2**33 + 12_345):
        one = Latencies()
        one.add(us / 1_000)
        one.add(1e12)
        told = one.quantile_ms(0.5)
        assert us / 1_000 <= told <= us / 1_000 * (1 + RELATIVE_ERROR)


def test_joined_histograms_are_that_of_all():
    one, other, both = Latencies(), Latencies(), Latencies()
    one.add_all([1, 5, 9])
    other.add_all([2, 100])
    both.add_all([1, 5, 9, 2, 100])
    one.join(other)
    assert one.to_json() == both.to_json()
    assert one.to_json()["max_ms"] == 100


def test_nothing_has_no_quantile():
    assert Latencies().quantile_ms(0.99) is None
    assert Latencies().quantile_interval_ms(0.99) is None
    assert Latencies().to_json()["p99_ms"] is None


def test_the_interval_of_a_quantile_holds_it_as_often_as_it_says():
    rng, within = np.random.default_rng(3), 0
    for _ in range(100):
        kept = Latencies()
        kept.add_all(rng.exponential(10, 400).tolist())
        low, high = kept.quantile_interval_ms(0.9)
        within += low <= 10 * np.log(10) <= high
    assert 0.92 <= within / 100 <= 0.99
