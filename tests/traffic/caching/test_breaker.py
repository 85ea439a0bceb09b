"""A place that hangs is not waited for, and found again when it is back."""

from homeroom import limits
from homeroom.traffic.caching.breaker import Breaker, Outcome

ANSWERED, FAILED = Outcome


def opened(now_ms=0):
    breaker = Breaker()
    for _ in range(limits.BREAKER_FAILURES_MAX):
        assert breaker.lets_through(now_ms)
        breaker.step(FAILED, now_ms)
    breaker.check_invariants()
    return breaker


def test_after_failures_in_a_row_nobody_waits():
    breaker = opened()
    assert breaker.is_open
    assert not breaker.lets_through(limits.BREAKER_PAUSE_MS - 1)


def test_an_answer_between_failures_keeps_it_shut():
    breaker = Breaker()
    for _ in range(10):
        breaker.step(FAILED, 0)
        breaker.step(ANSWERED, 0)
    assert not breaker.is_open


def test_after_a_pause_one_request_tries_alone():
    breaker = opened()
    now_ms = limits.BREAKER_PAUSE_MS
    assert breaker.lets_through(now_ms)
    assert not any(breaker.lets_through(now_ms + more) for more in range(5))
    breaker.step(ANSWERED, now_ms)
    assert all(breaker.lets_through(now_ms) for _ in range(5))


def test_the_pause_doubles_up_to_a_bound_and_begins_anew():
    breaker, now_ms, pauses = opened(), limits.BREAKER_PAUSE_MS, []
    for _ in range(8):
        assert breaker.lets_through(now_ms)
        breaker.step(FAILED, now_ms)
        breaker.check_invariants()
        pause_ms = next(ms for ms in range(1, 20_000) if breaker.lets_through(now_ms + ms))
        breaker.step(FAILED, now_ms + pause_ms)
        pauses.append(pause_ms)
        now_ms += 100_000
    assert pauses == sorted(pauses)
    assert pauses[-1] == limits.BREAKER_PAUSE_MS_MAX
    breaker.lets_through(now_ms)
    breaker.step(ANSWERED, now_ms)
    assert not breaker.is_open


def test_requests_of_before_it_opened_do_not_prolong_it():
    breaker = opened()
    breaker.step(FAILED, 100)
    assert breaker.lets_through(limits.BREAKER_PAUSE_MS)
