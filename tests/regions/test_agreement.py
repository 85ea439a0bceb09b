"""Fingerprints of equal vectors are compared, a difference is told, and so is that nothing was compared."""

import msgspec

from homeroom import limits
from homeroom.regions.agreement import Agreement
from homeroom.regions.messages import Compared
from homeroom.regions.steps import Agreed, Trouble

MINE = Compared(5, b"vector", 1, "aa")


def test_equal_fingerprints_count_whichever_comes_first():
    agreement = Agreement(0)
    assert not agreement.theirs("early", MINE, 1)
    assert not agreement.mine(MINE, 2)
    assert not agreement.theirs("late", MINE, 3)
    assert agreement.compared == {5: {"early", "late"}}
    assert agreement.comparisons == 2


def test_another_fingerprint_of_the_same_vector_is_an_alarm():
    agreement = Agreement(0)
    agreement.mine(MINE, 1)
    (alarm,) = agreement.theirs("far", Compared(5, b"vector", 1, "bb"), 2)
    assert (alarm.trouble, alarm.node) == (Trouble.DIVERGED, "far")


def test_of_other_vectors_and_epochs_nothing_is_said():
    agreement = Agreement(0)
    agreement.mine(MINE, 1)
    assert not agreement.theirs("far", Compared(5, b"further", 1, "bb"), 2)
    assert not agreement.theirs("far", Compared(5, b"vector", 2, "bb"), 2)
    assert agreement.comparisons == 0


def test_that_nothing_was_compared_for_long_is_an_alarm_now_and_then():
    agreement = Agreement(0)
    assert not agreement.tick(3, limits.CHECK_SILENCE_MS_MAX - 1)
    (alarm,) = agreement.tick(3, limits.CHECK_SILENCE_MS_MAX)
    assert alarm.trouble is Trouble.UNPROVEN
    assert not agreement.tick(3, limits.CHECK_SILENCE_MS_MAX + 1)
    assert not agreement.tick(0, 9 * limits.CHECK_SILENCE_MS_MAX)


def test_few_checks_are_kept():
    agreement = Agreement(0)
    for check in range(50):
        agreement.theirs("far", Compared(check, b"vector", 1, "aa"), check)
        agreement.mine(Compared(check, b"vector", 1, "aa"), check)
        agreement.check_invariants()


def test_events_that_stay_are_compared_where_both_have_folded_the_same_of_them():
    agreement = Agreement(0)
    staying = msgspec.structs.replace(MINE, pinned_applied=b"here", pinned="cc")
    agreement.mine(staying, 1)
    assert not agreement.theirs("elsewhere", MINE, 2)
    assert not agreement.theirs("late", msgspec.structs.replace(staying, pinned_applied=b"x"), 3)
    assert agreement.pinned_comparisons == 0
    (alarm,) = agreement.theirs("near", msgspec.structs.replace(staying, pinned="dd"), 4)
    assert (alarm.trouble, alarm.node) == (Trouble.DIVERGED, "near")
    assert "the same pinned events" in alarm.why
    assert agreement.theirs("near", staying, 5) == [Agreed("near")]
    assert not agreement.theirs("near", staying, 6)
    assert agreement.pinned_comparisons == 3
