"""Criteria that nobody could meet, or fail, are refused; what is measured is judged with its margin."""

import math

import pytest

from homeroom.errors import ProvingError
from homeroom.proving.criteria import (
    MEASURES,
    Comparison,
    Criterion,
    Measured,
    Verdict,
    check_criteria,
    judge,
    share_interval,
)


def bound(measure: str, comparison: Comparison, value: float, **more) -> Criterion:
    return Criterion(measure=measure, comparison=comparison, bound=value, **more)


P99 = bound("p99_ms", Comparison.BELOW, 100)


@pytest.mark.parametrize(
    ("criterion", "said"),
    [
        (bound("p98_ms", Comparison.BELOW, 1), "there is p99_ms"),
        (bound("failover_s", Comparison.BELOW, 10), "and not by load"),
        (bound("p99_ms", Comparison.AT_LEAST, 100), "say below or at_most"),
        (bound("learners_per_minute", Comparison.BELOW, 5), "say at_least or above"),
        (bound("errors", Comparison.BELOW, 0), "is impossible"),
        (bound("errors", Comparison.AT_MOST, -0.1), "is impossible"),
        (bound("p99_ms", Comparison.BELOW, math.nan), "is impossible"),
        (bound("errors", Comparison.BELOW, 0.001, aim=0.01), "contradicts the bound"),
    ],
)
def test_what_no_run_can_meet_or_fail_is_refused(criterion, said):
    with pytest.raises(ProvingError, match=said):
        criterion.check("load")


def test_more_than_all_is_impossible_and_all_is_not():
    bound("availability", Comparison.AT_LEAST, 1.0).check("resilience")
    with pytest.raises(ProvingError, match="impossible"):
        bound("availability", Comparison.ABOVE, 1.0).check("resilience")


def test_one_figure_is_bounded_once_and_something_must_be():
    with pytest.raises(ProvingError, match="without criteria"):
        check_criteria("load", [])
    with pytest.raises(ProvingError, match="bounded twice"):
        check_criteria("load", [P99, bound("p99_ms", Comparison.AT_MOST, 200)])
    of = [bound("p99_ms", Comparison.BELOW, 50, of=region) for region in ("us", "africa")]
    check_criteria("geography", [P99, *of])


@pytest.mark.parametrize(
    ("comparison", "figure", "verdict"),
    [
        (Comparison.BELOW, 100, Verdict.FAIL),
        (Comparison.AT_MOST, 100, Verdict.PASS),
        (Comparison.BELOW, 99.9, Verdict.PASS),
        (Comparison.BELOW, None, Verdict.FAIL),
        (Comparison.BELOW, math.nan, Verdict.FAIL),
    ],
)
def test_the_verdict_is_that_of_the_figure(comparison, figure, verdict):
    assert judge(bound("p99_ms", comparison, 100), Measured(figure=figure)).verdict is verdict


def test_the_margin_is_the_share_of_the_bound_that_is_left():
    assert judge(P99, Measured(figure=25)).margin == 0.75
    assert judge(P99, Measured(figure=150)).margin == -0.5
    throughput = bound("learners_per_minute", Comparison.AT_LEAST, 10)
    assert judge(throughput, Measured(figure=500)).margin == 49
    assert judge(bound("errors", Comparison.AT_MOST, 0), Measured(figure=0)).margin is None


def test_an_interval_that_reaches_over_the_bound_is_told():
    assert judge(P99, Measured(figure=50, interval=(40, 60))).is_sure
    assert not judge(P99, Measured(figure=99, interval=(90, 110))).is_sure
    assert judge(P99, Measured(figure=150, interval=(140, 160))).is_sure


def test_what_was_not_measured_is_never_sure_and_stays_json():
    found = judge(P99, Measured(figure=math.nan, evidence="results.json"))
    told = found.to_json()
    assert (told["measured"], told["is_sure"], told["evidence"]) == (None, False, "results.json")


def test_every_measure_has_a_test_that_gives_it():
    assert all(set(one.tests) <= {"load", "geography", "resilience"} for one in MEASURES.values())
    assert all(one.tests for one in MEASURES.values())


def test_the_interval_of_a_share_is_that_of_wilson():
    low, high = share_interval(10, 100)
    assert (round(low, 4), round(high, 4)) == (0.0552, 0.1744)
    assert share_interval(0, 0) is None
    low, high = share_interval(0, 3_000)
    assert low == 0
    assert 0.001 < high < 0.0014
    assert share_interval(5, 5)[1] == 1
