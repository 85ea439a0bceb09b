"""What is asked in a world whose interests move: settled by the seed, with days, and with courses that come and go."""

import numpy as np

from homeroom.simulation.popularity import AskedWorld, requests


def test_the_same_seed_asks_the_same_and_another_one_something_else():
    first, again, other = (requests(AskedWorld(seed, 5_000)) for seed in (1, 1, 2))
    assert np.array_equal(first.key, again.key)
    assert np.array_equal(first.region, again.region)
    assert not np.array_equal(first.key, other.key)
    assert (np.diff(first.at_ms) >= 0).all()
    assert set(first.region.tolist()) == set(range(8))


def test_what_is_popular_in_the_first_week_is_mostly_forgotten_eight_weeks_later():
    asked = requests(AskedWorld(1, 60_000, days=70))
    first, last = asked.key[:6_000], asked.key[-5_000:]
    popular = np.unique(first[-4_000:])
    assert np.isin(last, popular).mean() < 0.2
    assert np.isin(first[-2_000:], popular).mean() == 1.0


def test_a_region_asks_most_in_its_own_day():
    asked = requests(AskedWorld(1, 60_000))
    hours = asked.at_ms[asked.region == 0] // 3_600_000 % 24
    counts = np.bincount(hours, minlength=24)
    assert counts[15] > 3 * counts[3]
