"""Projections: powers carried on, with intervals, and what ends first."""

import numpy as np
import pytest

from homeroom.errors import ProvingError
from homeroom.proving.projections import Need, bottleneck, project

SIZES = (1_000_000, 2_500_000, 5_000_000)
LARGE = (10_000_000, 50_000_000)


def need(exponent=1.0, factor=1.0, there_is=None, what="memory"):
    return Need(what, "MB", SIZES, [factor * size**exponent for size in SIZES], there_is)


def test_a_power_is_carried_on():
    projection = project(need(exponent=0.5, factor=3), LARGE)
    for size in LARGE:
        figure, low, high = projection.at[size]
        assert figure == pytest.approx(3 * size**0.5)
        assert low <= figure <= high


def test_the_interval_holds_as_often_as_it_says(rng):
    held = 0
    for _ in range(500):
        noise = np.exp(rng.normal(0, 0.1, 4))
        runs = [1e-3 * size * off for size, off in zip(SIZES, noise[:3], strict=True)]
        _, low, high = project(Need("memory", "MB", SIZES, runs), LARGE).at[50_000_000]
        held += low <= 1e-3 * 50_000_000 * noise[3] <= high
    assert 455 <= held <= 495


def test_what_ends_first_is_the_bottleneck():
    memory = project(need(factor=1e-3, there_is=24_000), LARGE)
    time = project(need(factor=1e-6, there_is=100, what="time"), LARGE)
    endless = project(need(exponent=0.0, there_is=5), LARGE)
    assert memory.reached_at == pytest.approx(24_000_000)
    assert time.reached_at == pytest.approx(100_000_000)
    assert endless.reached_at is None
    assert bottleneck([time, memory, endless]) is memory
    assert bottleneck([endless, project(need(), LARGE)]) is None


def test_two_runs_are_too_few():
    with pytest.raises(ProvingError, match="growth is fitted"):
        project(Need("memory", "MB", (1, 2), (1, 2)), LARGE)
