"""What a client may ask more often than its program does."""

from homeroom import limits
from homeroom.client.budgets import Budget, Hedges


def test_an_empty_budget_puts_a_retry_off_and_time_fills_it():
    budget = Budget()
    assert [budget.take(0) for _ in range(limits.RETRY_RESERVE)] == [0] * limits.RETRY_RESERVE
    assert budget.take(0) == limits.RETRY_EVERY_MS
    assert budget.take(0) == 2 * limits.RETRY_EVERY_MS
    assert budget.take(3 * limits.RETRY_EVERY_MS) == 0


def test_what_is_made_on_credit_is_paid_later_and_never_for_ever():
    budget = Budget()
    for _ in range(1_000):
        budget.owe(0)
    assert budget.retries == -limits.RETRY_DEBT_MAX
    assert budget.take(0) == (limits.RETRY_DEBT_MAX + 1) * limits.RETRY_EVERY_MS
    budget.owe(0)
    assert budget.retries == -limits.RETRY_DEBT_MAX - 1, "what others wait for is not forgiven"


def test_second_questions_are_a_tenth_of_the_reads():
    hedges, asked = Hedges(), 0
    for _ in range(10_000):
        hedges.earn()
        asked += hedges.take()
    assert asked <= limits.HEDGE_RESERVE + 10_000 * limits.HEDGES_PER_READ
