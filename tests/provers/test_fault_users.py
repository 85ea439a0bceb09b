"""What requests say of a fault: who was answered again and when, what failed, and what was sent."""

import numpy as np
import pytest

from homeroom.provers.fault_users import FIRST, Request, Users, batch_of
from homeroom.proving.audit import Ledger
from homeroom.proving.episodes import Counts


@pytest.fixture
def users():
    found = Users(Ledger(), lambda: 0.0, np.random.default_rng(1))
    found._clients = [("africa", None), ("africa", None), ("asia", None)]
    found.requests = [
        Request(0, "africa", 9.9, 10.1),  # it began before
        Request(0, "africa", 10.5, 13.0),
        Request(0, "africa", 11.0, 12.0),
        Request(1, "africa", 10.2, 40.0, "no answer came"),
        Request(2, "asia", 10.3, 10.4),
    ]
    return found


def test_a_program_is_answered_again_by_what_it_began_after_the_fault(users):
    assert users.users_of(["africa"]) == {0, 1}
    assert users.answered_after(10.0, {0, 1}) == {0: 12.0}


def test_requests_are_counted_by_when_they_were_to_begin(users):
    theirs, others = users.counts((10.0, 20.0), {0, 1}, late_s=2.0)
    assert theirs == Counts(asked=3, failed=1, late=1)
    assert others == Counts(asked=1, failed=0, late=0)


def test_trouble_shows_when_the_first_request_is_late(users):
    assert users.first_trouble(10.0, {0, 1}, late_s=2.0) == 12.5
    assert users.first_trouble(10.0, {2}, late_s=2.0) is None


def test_a_batch_is_the_same_however_often_it_is_made_and_has_its_own_learners():
    assert batch_of(7) == batch_of(7)
    day, events = batch_of(1)
    assert day == str(FIRST.replace(day=FIRST.day + 1))
    accounts = [one["account"] for number in range(600) for one in batch_of(number)[1]]
    assert len(set(accounts)) == len(accounts)
    assert {one["time"][:10] for one in events} == {day}
