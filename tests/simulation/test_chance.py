"""The random bits are those of SplitMix64, and look random where it matters."""

import numpy as np

from homeroom.simulation.chance import below, bits, hashed, mix


def plain_mix(value: int) -> int:
    """Return the finaliser of SplitMix64 in whole numbers."""
    mask = 2**64 - 1
    value = (value ^ (value >> 30)) * 0xBF58476D1CE4E5B9 & mask
    value = (value ^ (value >> 27)) * 0x94D049BB133111EB & mask
    return value ^ (value >> 31)


def test_draws_equal_the_published_generator(rng):
    for key in rng.integers(0, 2**64, 20, np.uint64):
        assert int(mix(key)) == plain_mix(int(key))
        for number in (0, 1, 77, -1):
            step = (int(key) + number * 0x9E3779B97F4A7C15) % 2**64
            assert int(hashed(key, number)) == plain_mix(step)


def test_splitmix64_with_seed_zero_gives_its_known_first_number():
    assert int(hashed(np.uint64(0), 1)) == 0xE220A8397B1DCDAF


def test_pieces_of_a_draw_fill_their_range_evenly():
    draws = [np.uint64(hashed(np.uint64(3), number)) for number in range(20_000)]
    for shift in (0, 10, 27, 54):
        counts = np.bincount([bits(draw, shift, 3) for draw in draws], minlength=8)
        assert counts.min() > 0.93 * len(draws) / 8
    counts = np.bincount([below(draw, 5) for draw in draws], minlength=5)
    assert counts.size == 5
    assert counts.min() > 0.95 * len(draws) / 5
