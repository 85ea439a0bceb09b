"""How figures grow: exponents against powers that are known, intervals against how often they hold."""

import numpy as np
import pytest

from homeroom.errors import ProvingError
from homeroom.proving.growth import Shape, fit_growth, student_quantile, suspect

SIZES = [100_000, 250_000, 500_000, 1_000_000, 2_500_000, 5_000_000]


@pytest.mark.parametrize("exponent", [0.0, 0.5, 1.0, 2.0])
def test_a_power_is_found_again(exponent):
    growth = fit_growth(SIZES, [3.0 * size**exponent for size in SIZES])
    assert growth.exponent == pytest.approx(exponent, abs=1e-9)
    assert growth.low == pytest.approx(growth.high, abs=1e-6)
    assert growth.at(50_000_000) == pytest.approx(3.0 * 50_000_000.0**exponent)
    assert growth.shape is (Shape.FASTER if exponent > 1 else Shape.LINEAR)


def test_the_interval_holds_as_often_as_it_says(rng):
    held = 0
    for _ in range(1_000):
        noise = np.exp(rng.normal(0, 0.1, len(SIZES)))
        growth = fit_growth(
            SIZES, [size**0.9 * off for size, off in zip(SIZES, noise, strict=True)]
        )
        held += growth.low <= 0.9 <= growth.high
    assert 930 <= held <= 970


def test_what_is_too_noisy_is_not_decided():
    assert fit_growth([1, 2, 4], [1, 3, 3]).shape is Shape.UNDECIDED


@pytest.mark.parametrize(
    ("sizes", "figures"),
    [([1, 2], [1, 2]), ([1, 1, 1], [1, 2, 3]), ([1, 2, 3], [1, 0, 2]), ([1, 2, 3], [1, 2])],
)
def test_what_cannot_be_fitted_is_refused(sizes, figures):
    with pytest.raises(ProvingError, match="growth is fitted"):
        fit_growth(sizes, figures)


def test_the_stage_with_most_above_linear_is_suspected():
    sizes = [1, 2, 10]
    stages = {"fold": [5.0, 10.0, 50.0], "sort": [1.0, 2.5, 20.0], "read": [9.0, 9.0, 9.0]}
    assert suspect(sizes, stages) == "sort"
    assert suspect(sizes, {"fold": [5.0, 10.0, 49.0]}) is None
    assert suspect(sizes, {}) is None


@pytest.mark.parametrize(
    ("freedom", "t"), [(1, 12.7062), (2, 4.30265), (3, 3.18245), (7, 2.36462), (40, 2.02108)]
)
def test_quantiles_are_those_of_the_table(freedom, t):
    """Abramowitz and Stegun 1964, table 26.10."""
    assert student_quantile(0.975, freedom) == pytest.approx(t, rel=1e-5)
