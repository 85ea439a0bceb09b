"""When an endpoint is left alone, and how long its answers take, on a clock of the test's own."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homeroom import limits
from homeroom.client.measures import Circuit, Loss, Times


@pytest.fixture
def circuit():
    return Circuit(random.Random(3))


def test_one_that_cannot_be_reached_is_left_alone_and_then_tried_by_one_request(circuit):
    circuit.bad(Loss.UNREACHABLE, 0, 5)
    assert not circuit.lets_through(5)
    now_ms = circuit.opens_ms
    assert 5 + limits.CIRCUIT_MS / 2 <= now_ms <= 5 + limits.CIRCUIT_MS
    assert circuit.lets_through(now_ms)
    circuit.begin(now_ms, 1_000)
    assert not circuit.lets_through(now_ms), "one tries it"
    assert circuit.lets_through(now_ms + 1_000), "of the one nothing was heard"
    circuit.good(now_ms + 20)
    assert circuit.is_closed


def test_while_who_tries_it_fails_pauses_double_up_to_a_bound(circuit):
    circuit.bad(Loss.UNREACHABLE, 0, 0)
    pauses = []
    for _ in range(12):
        now_ms = circuit.opens_ms
        circuit.begin(now_ms, 1_000)
        circuit.bad(Loss.LATE, now_ms, now_ms)
        pauses.append(circuit.opens_ms - now_ms)
        circuit.check_invariants()
    assert pauses[0] <= 2 * limits.CIRCUIT_MS < limits.CIRCUIT_MS_MAX / 2 <= pauses[-1]
    assert max(pauses) <= limits.CIRCUIT_MS_MAX
    circuit.good(now_ms)
    circuit.bad(Loss.UNREACHABLE, now_ms, now_ms)
    assert circuit.opens_ms - now_ms <= limits.CIRCUIT_MS, "who answers begins anew"


def test_what_was_under_way_when_it_opened_says_nothing_new(circuit):
    for _ in range(50):
        circuit.bad(Loss.BROKEN, 0, 10)
    assert circuit.opens_ms <= 10 + limits.CIRCUIT_MS


def test_one_lost_connection_may_be_chance_and_two_in_a_row_are_not(circuit):
    circuit.bad(Loss.BROKEN, 0, 1)
    assert circuit.is_closed
    circuit.good(2)
    circuit.bad(Loss.BROKEN, 2, 3)
    assert circuit.is_closed
    circuit.bad(Loss.BROKEN, 3, 4)
    assert not circuit.is_closed


def test_a_late_answer_among_others_is_chance_and_silence_is_not(circuit):
    circuit.good(50)
    circuit.bad(Loss.LATE, 0, 100)
    assert circuit.is_closed
    circuit.good(101)
    circuit.bad(Loss.LATE, 200, 4_200)
    assert not circuit.is_closed


def test_one_that_is_outrun_again_and_again_is_left_alone(circuit):
    for _ in range(3):
        circuit.bad(Loss.OUTRUN, 0, 10)
    assert circuit.is_closed
    circuit.bad(Loss.OUTRUN, 0, 10)
    assert not circuit.is_closed


def test_one_that_asks_to_be_left_alone_is_but_not_for_ever(circuit):
    circuit.let_alone(5_000, 0)
    assert (circuit.lets_through(4_999), circuit.lets_through(5_000)) == (False, True)
    circuit.let_alone(10**9, 5_000)
    assert circuit.opens_ms == 5_000 + limits.CIRCUIT_MS_MAX


@given(
    st.lists(st.tuples(st.sampled_from([*Loss, "good", "begin", "alone"]), st.integers(0, 5_000)))
)
def test_whatever_happens_it_lets_somebody_through_in_the_end(steps):
    circuit, now_ms = Circuit(random.Random(5)), 0
    for what, passed_ms in steps:
        began_ms, now_ms = now_ms, now_ms + passed_ms
        if what == "good":
            circuit.good(now_ms)
        elif what == "begin":
            circuit.begin(now_ms, 4_000)
        elif what == "alone":
            circuit.let_alone(passed_ms, now_ms)
        else:
            circuit.bad(what, began_ms, now_ms)
        circuit.check_invariants()
    assert circuit.lets_through(now_ms + limits.CIRCUIT_MS_MAX + 4_000)


def test_times_say_nothing_while_they_are_few_and_forget_the_old():
    times = Times()
    for took_ms in range(limits.ENDPOINT_MEASURES_MIN - 1):
        times.add(took_ms)
    assert (times.middle_ms, times.late_ms) == (None, None)
    for took_ms in range(1, 101):
        times.add(took_ms)
    last = list(range(101 - limits.ENDPOINT_MEASURES, 101))
    assert times.middle_ms == last[len(last) // 2]
    assert times.late_ms == last[int(0.95 * len(last))]
    times.clear()
    assert times.middle_ms is None
