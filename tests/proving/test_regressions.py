"""Regressions: how often one is cried that is none, and how soon one is seen that is one."""

import numpy as np
import pytest

from homeroom import limits
from homeroom.proving.regressions import Better, History, find_regressions

NOISE = 0.06
FIGURES = 10


def runs(rng, count, level=100.0):
    """Return figures as machines give them: lognormal noise, and one run in twenty on a machine that is busy."""
    busy = rng.uniform(size=count) < 0.05
    return level * np.exp(rng.normal(0, NOISE, count) + busy * rng.exponential(0.1, count))


def found(figures, better=Better.LOWER, floor=1e-6):
    return find_regressions({"p99": History(figures, better, floor)})


def called_worse(rng, count, builds):
    """Return how many of some builds that are as before are called worse; each has ten figures."""
    called = 0
    for _ in range(builds):
        series = {f"f{i}": History(runs(rng, count), Better.LOWER, 1e-6) for i in range(FIGURES)}
        called += bool(find_regressions(series))
    return called


def test_a_build_that_is_as_before_is_not_called_worse(rng):
    assert called_worse(rng, 12, 3) <= 1


@pytest.mark.slow
@pytest.mark.parametrize("count", [8, 20, 64])
def test_builds_that_are_as_before_are_seldom_called_worse(rng, count):
    assert called_worse(rng, count, 200) <= 8


def test_a_shift_is_seen_after_four_runs_and_named_where_it_began(rng):
    seen = 0
    for _ in range(10):
        figures = [*runs(rng, 20), *runs(rng, 4, level=130.0)]
        (*_, regression) = found(figures) or (None,)
        seen += regression is not None and regression.since in (19, 20, 21)
    assert seen >= 8


def test_what_is_twice_as_slow_is_seen_at_once(rng):
    for _ in range(10):
        (regression,) = found([*runs(rng, 8), 220.0])
        assert regression.since == 8
        assert regression.times == pytest.approx(2.2, rel=0.15)
        assert regression.after == 220


def test_what_becomes_better_is_no_regression(rng):
    falls = [*runs(rng, 20), *runs(rng, 8, level=50.0)]
    assert found(falls) == []
    (regression,) = found(falls, Better.HIGHER)
    assert (regression.before, regression.after) == (
        pytest.approx(100, rel=0.1),
        pytest.approx(50, rel=0.1),
    )


def test_a_shift_that_is_too_small_to_matter_is_none():
    assert found([100.0, 101.0] * 10 + [103.5] * 10) == []


def test_a_figure_at_zero_is_taken_at_its_resolution():
    assert found([0.0] * 20) == []
    (regression,) = found([0.0] * 12 + [0.02] * 6, floor=0.001)
    assert regression.times == pytest.approx(20)


def test_few_runs_say_nothing():
    assert found([1.0, 1.0, 1.0, 1.0, 50.0]) == []


def test_the_worst_comes_first_and_old_runs_are_not_looked_at(rng):
    long = [10.0] * 50 + list(runs(rng, limits.PROVING_HISTORY_MAX))
    series = {
        "old": History(long, Better.LOWER, 1e-6),
        "little": History([*runs(rng, 20), *runs(rng, 10, 150.0)], Better.LOWER, 1e-6),
        "much": History([*runs(rng, 20), *runs(rng, 10, 300.0)], Better.LOWER, 1e-6),
    }
    assert [one.name for one in find_regressions(series)] == ["much", "little"]
