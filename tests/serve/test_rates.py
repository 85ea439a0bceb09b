"""Buckets: bursts pass, averages hold, and nothing is kept of whoever is full again."""

from hypothesis import given
from hypothesis import strategies as st

from homeroom import limits
from homeroom.serve.rates import Buckets


def test_a_burst_passes_and_then_the_average_holds():
    buckets = Buckets(10, 3)
    assert [buckets.take("a", 1, 0) for _ in range(4)] == [0, 0, 0, 0.1]
    assert buckets.take("a", 1, 100) == 0
    assert buckets.take("a", 1, 100) == 0.1


def test_each_owner_has_a_bucket_of_its_own():
    buckets = Buckets(1, 1)
    assert buckets.take("a", 1, 0) == 0
    assert buckets.take("b", 1, 0) == 0


def test_what_costs_more_than_a_bucket_passes_when_it_is_full_and_leaves_a_debt():
    buckets = Buckets(1, 10)
    assert buckets.take("a", 30, 0) == 0
    assert buckets.take("a", 1, 0) == 21
    assert buckets.take("a", 1, 20_000) == 1
    assert buckets.take("a", 1, 21_000) == 0


def test_a_clock_that_goes_back_gives_nothing_and_is_gone_on_from():
    buckets = Buckets(1_000, 1)
    assert buckets.take("a", 1, 1_000) == 0
    assert buckets.take("a", 1, 0) > 0
    assert buckets.take("a", 1, 1) == 0


def test_there_are_never_more_buckets_than_the_bound():
    buckets = Buckets(1, 1)
    for number in range(limits.BUCKETS_MAX):
        buckets.take(f"o{number}", 1, number)
    buckets.take("one more", 1, limits.BUCKETS_MAX + 10_000)
    assert len(buckets.held) < limits.BUCKETS_MAX
    assert "one more" in buckets.held
    busy = Buckets(0.001, 1)
    for number in range(limits.BUCKETS_MAX + 1):
        busy.take(f"o{number}", 1, number)
    assert len(busy.held) == limits.BUCKETS_MAX
    assert "o0" not in busy.held


@given(st.lists(st.tuples(st.integers(0, 500), st.integers(1, 5)), min_size=1, max_size=60))
def test_never_more_is_taken_than_the_burst_and_what_came_back(steps):
    buckets, now_ms, taken = Buckets(7, 10), 0, 0
    for wait_ms, cost in steps:
        now_ms += wait_ms
        if buckets.take("a", cost, now_ms) == 0:
            taken += cost
    assert taken <= 10 + 7 * now_ms / 1_000 + 1e-6
