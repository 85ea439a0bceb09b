"""Alarms of others last as long as what they are about."""

from homeroom import limits
from homeroom.regions.steps import Alarm, Trouble
from homeroom.running.alarms import Alarms

STRANGER = Alarm(Trouble.STRANGER, "d sends messages and is no member", "d")
CLONE = Alarm(Trouble.CLONE, "two processes run under the name d", "d")


def raised():
    alarms = Alarms()
    for one in (STRANGER, CLONE):
        alarms.put(one, 1_000)
    return alarms


def test_a_stranger_that_has_become_a_member_is_told_of_no_more():
    alarms = raised()
    alarms.belong({"a", "d"})
    assert alarms.all() == [(1_000, CLONE)]


def test_a_stranger_that_was_silent_for_a_while_is_told_of_no_more():
    alarms, again_ms = raised(), limits.STRANGER_AGAIN_MS
    alarms.put(STRANGER, 1_000 + again_ms)
    alarms.pass_by(1_000 + 2 * again_ms)
    assert len(alarms) == 2, "it spoke again"
    alarms.pass_by(1_000 + 3 * again_ms)
    assert alarms.all() == [(1_000, CLONE)]
