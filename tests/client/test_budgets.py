"""What a client may ask more often than its program does."""

import pytest

from homeroom import limits
from homeroom.client.budgets import Budget, Hedges


def test_an_empty_budget_puts_a_retry_off_and_time_fills_it():
    budget = Budget()
    assert [budget.take(0) for _ in range(limits.RETRY_RESERVE)] == [0] * limits.RETRY_RESERVE
    assert budget.take(0) == limits.RETRY_EVERY_MS
    assert budget.take(10 * limits.RETRY_EVERY_MS) == 0


def test_time_earns_less_while_retries_are_of_no_use_and_as_before_when_they_are():
    budget, now_ms, waits = Budget(), 0, []
    for _ in range(limits.RETRY_RESERVE + 6):
        now_ms += budget.take(now_ms)
        waits.append(budget.every_ms)
    assert waits[-1] == limits.RETRY_EVERY_MS_MAX
    for _ in range(6):
        budget.good()
    assert budget.every_ms == limits.RETRY_EVERY_MS


def test_who_makes_requests_all_the_time_has_a_tenth_for_retries_and_nothing_by_time():
    budget, taken = Budget(), 0
    for now_ms in range(0, 1_000_000, 1_000):
        budget.earn(now_ms)
        if budget.take(now_ms) == 0:
            taken += 1
        else:
            budget.give_back()
    assert taken <= limits.RETRY_RESERVE + 1_000 * limits.RETRIES_PER_REQUEST


def test_who_asks_much_keeps_what_the_last_seconds_earned_and_not_for_long():
    budget = Budget()
    for now_ms in range(0, 20_000, 10):
        budget.earn(now_ms)
    earned = limits.RETRY_WINDOW_MS / 10 * limits.RETRIES_PER_REQUEST
    assert 0.8 * earned < budget.retries <= earned
    budget.take(20_000 + 6 * limits.RETRY_WINDOW_MS)
    assert budget.retries <= limits.RETRY_RESERVE


def test_what_is_made_on_credit_is_paid_later_and_never_for_ever():
    budget = Budget()
    for _ in range(1_000):
        budget.owe(0)
    assert budget.retries == -limits.RETRY_DEBT_MAX
    assert budget.take(0) == (limits.RETRY_DEBT_MAX + 1) * limits.RETRY_EVERY_MS
    budget.owe(0)
    assert budget.retries == -limits.RETRY_DEBT_MAX - 1, "what others wait for is not forgiven"


def test_quick_answers_in_a_row_let_retries_go_that_wait_and_the_debt_stays():
    budget = Budget()
    for _ in range(limits.RETRY_DEBT_MAX):
        budget.owe(0)
    owed = budget.retries
    for _ in range(limits.RETRY_WELL_AFTER):
        budget.good(limits.RETRY_WELL_MS)
    assert not budget.lets_go()
    budget.good(limits.RETRY_WELL_MS)
    assert [budget.lets_go(), budget.lets_go()] == [True, False]
    for _ in range(100):
        budget.good()
    assert sum(budget.lets_go() for _ in range(100)) == limits.RETRY_RESERVE, "few are saved"
    assert budget.retries == owed


@pytest.mark.parametrize("end", [Budget.bad, lambda budget: budget.good(limits.RETRY_WELL_MS + 1)])
def test_a_failure_or_a_late_answer_ends_the_row(end):
    budget = Budget()
    for _ in range(limits.RETRY_WELL_AFTER + 1):
        budget.good()
    end(budget)
    assert not budget.lets_go()
    for _ in range(limits.RETRY_WELL_AFTER):
        budget.good()
    assert not budget.lets_go()


def test_second_questions_are_a_tenth_of_the_reads():
    hedges, asked = Hedges(), 0
    for _ in range(10_000):
        hedges.earn()
        asked += hedges.take()
    assert asked <= limits.HEDGE_RESERVE + 10_000 * limits.HEDGES_PER_READ
