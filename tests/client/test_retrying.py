"""What is tried again, when, and when it is given up: on a clock of the test's own."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homeroom import limits
from homeroom.client.retrying import (
    RETRIED,
    Answered,
    Begun,
    Done,
    Failed,
    GiveUp,
    Retrying,
    Try,
    Wait,
    Waited,
)


def made(time_ms_max=60_000, attempt_ms_max=10_000, seed=1):
    return Retrying(time_ms_max, attempt_ms_max, random.Random(seed))


def walked(exchange, events, now_ms=0):
    """Play events on a clock that moves only by what is waited; return the last instruction and the time."""
    instruction = exchange.step(Begun(), now_ms)
    for event in events:
        if not isinstance(instruction, Try):
            break
        instruction = exchange.step(event, now_ms)
        while isinstance(instruction, Wait):
            now_ms += instruction.wait_ms
            instruction = exchange.step(Waited(), now_ms)
    return instruction, now_ms


def test_an_answer_ends_it():
    exchange = made().exchange()
    assert exchange.step(Begun(), 0) == Try(10_000)
    assert exchange.step(Answered(200), 5) == Done()


@pytest.mark.parametrize("status", [200, 400, 401, 403, 404, 409, 412, 413, 415, 422, 500])
def test_what_another_attempt_cannot_change_is_not_tried_again(status):
    exchange = made().exchange()
    exchange.step(Begun(), 0)
    assert exchange.step(Answered(status), 5) == Done()


@pytest.mark.parametrize("status", sorted(RETRIED))
def test_what_may_pass_is_tried_again(status):
    exchange = made().exchange()
    exchange.step(Begun(), 0)
    assert isinstance(exchange.step(Answered(status), 5), Wait)


def test_what_the_node_asks_to_wait_is_waited_at_least():
    exchange = made().exchange()
    exchange.step(Begun(), 0)
    found = exchange.step(Answered(503, 7_000), 0)
    assert 7_000 <= found.wait_ms <= 7_000 + limits.RETRY_WAIT_MS


def test_more_than_the_time_that_is_left_is_not_waited():
    exchange = made(time_ms_max=5_000).exchange()
    exchange.step(Begun(), 0)
    found = exchange.step(Answered(503, 7_000), 0)
    assert isinstance(found, GiveUp)
    assert "asks to wait 7 s" in found.why


def test_an_attempt_has_no_more_time_than_is_left():
    exchange = made(time_ms_max=1_000).exchange()
    assert exchange.step(Begun(), 0) == Try(1_000)
    wait = exchange.step(Failed("lost"), 400)
    assert exchange.step(Waited(), 400 + wait.wait_ms) == Try(600 - wait.wait_ms)


def test_pauses_double_and_a_random_part_of_each_is_waited():
    waits = []
    for seed in range(200):
        exchange, now_ms = made(10_000_000, seed=seed).exchange(), 0
        exchange.step(Begun(), 0)
        for _ in range(limits.RETRY_RESERVE):
            wait = exchange.step(Failed("lost"), now_ms)
            waits.append((exchange.attempts, wait.wait_ms))
            now_ms += wait.wait_ms
            exchange.step(Waited(), now_ms)
    for attempt in range(1, 1 + limits.RETRY_RESERVE):
        some = [wait_ms for number, wait_ms in waits if number == attempt]
        longest_ms = limits.RETRY_WAIT_MS << (attempt - 1)
        assert max(some) <= longest_ms
        assert max(some) > 0.9 * longest_ms
        assert min(some) < 0.1 * longest_ms


@given(st.integers(1, 300_000), st.integers(0, 2**32))
def test_it_ends_within_its_time_whatever_fails(time_ms_max, seed):
    exchange = made(time_ms_max, seed=seed).exchange()
    found, ended_ms = walked(exchange, [Failed("lost")] * 100_000)
    assert isinstance(found, GiveUp)
    assert ended_ms <= time_ms_max


def test_retries_are_about_a_tenth_of_the_requests_whatever_fails():
    retrying, now_ms, requests, attempts = made(time_ms_max=200), 0, 2_000, 0
    for _ in range(requests):
        exchange = retrying.exchange()
        walked(exchange, [Failed("lost")] * 1_000, now_ms)
        attempts += exchange.attempts
    assert attempts <= requests * (1 + limits.RETRIES_PER_REQUEST) + limits.RETRY_RESERVE + 1


def test_a_node_that_comes_back_is_found_by_a_client_with_one_batch():
    exchange = made(time_ms_max=36_000_000).exchange()
    found, ended_ms = walked(exchange, [Failed("lost")] * 100 + [Answered(200)])
    assert found == Done()
    assert ended_ms < 100 * 1.1 * limits.RETRY_EVERY_MS_MAX
