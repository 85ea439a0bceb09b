"""The referee says who was reachable, who was dead, and who had to see it: by plans of one or two troubles."""

import pytest

from homeroom.simulation.traffic.plan import NODES, Kind, Trouble, TroublePlan
from homeroom.simulation.traffic.referee import Change, Referee

EVERYBODY = tuple(range(NODES))
AT_MS = 100_000


def referee(*troubles, loss=0.0):
    ordered = tuple(sorted(troubles, key=lambda trouble: trouble.begin_ms))
    return Referee(TroublePlan(1, 200_000, loss, 1.0, (1.0,) * NODES, ordered))


def lately(kind, ones, others=(), amount=0.0, *, since_ms=6_000, until_ms=1_000):
    return Trouble(kind, AT_MS - since_ms, AT_MS + until_ms, ones, others, amount)


@pytest.mark.parametrize(
    ("troubles", "reached"),
    [
        ((), True),
        ((lately(Kind.DEATH, (8,)),), False),
        ((lately(Kind.DEATH, (8,), since_ms=40),), True),
        ((lately(Kind.DEATH, (8,), since_ms=60),), False),
        ((lately(Kind.DEATH, (8,), since_ms=30_000, until_ms=-5_000),), True),
        ((lately(Kind.DEATH, (8,), since_ms=30_000, until_ms=-4_900),), False),
        ((lately(Kind.PAUSE, (8,)),), False),
        # Who slept could have reached it.
        ((lately(Kind.PAUSE, (0, 1, 2, 3, 4, 5, 6, 7)),), True),
        ((lately(Kind.DEATH, (0, 1, 2, 3, 4, 5)),), True),
        ((lately(Kind.DEATH, (0, 1, 2, 3, 4, 5, 6, 7)),), False),
        # One node of each region that is left is enough.
        ((lately(Kind.DEATH, (0, 1, 2, 3, 4, 5, 6, 10, 12, 14)),), True),
        ((lately(Kind.CUT, (8,), EVERYBODY),), False),
        ((lately(Kind.CUT, EVERYBODY, (8,)),), False),
        ((lately(Kind.PART, (8,), (0, 1, 2, 3, 4, 5)),), True),
        ((lately(Kind.HOLD, EVERYBODY, (8,)),), False),
        ((lately(Kind.REFUSE, (8,)),), False),
        ((lately(Kind.SLOW, (8,), amount=1_200),), True),
        ((lately(Kind.BUSY, (8,), amount=2_500),), False),
        ((lately(Kind.LOSS, (8,), EVERYBODY, 0.03),), True),
        ((lately(Kind.LOSS, (8,), EVERYBODY, 0.3),), False),
        ((lately(Kind.JITTER, (8,), EVERYBODY, 800.0),), True),
    ],
)
def test_it_knows_whom_a_quorum_could_reach(troubles, reached):
    assert referee(*troubles).could_be_reached(8, AT_MS) is reached


def test_a_confirmation_of_a_node_that_lives_is_false():
    confirmed = Change(AT_MS, 0, 1, 8, 2)
    assert referee().judge([confirmed]).false_evacuations == [confirmed]
    found = referee(lately(Kind.DEATH, (8, 9), since_ms=5_500)).judge([confirmed])
    assert (found.evacuations, found.false_evacuations) == (1, [])


def test_what_a_node_hears_of_itself_evacuates_nobody():
    assert referee().judge([Change(AT_MS, 0, 8, 8, 2)]).evacuations == 0


def of_all(verdict, after_ms, *, but=()):
    return [
        Change(AT_MS + after_ms, 0, node, of, verdict)
        for node in EVERYBODY
        for of in (8, 9)
        if node not in (8, 9, *but)
    ]


DEATH = Trouble(Kind.DEATH, AT_MS, AT_MS + 30_000, (8, 9))


def test_a_death_that_all_saw_is_no_miss_and_its_times_are_told():
    found = referee(DEATH).judge(of_all(1, 1_000) + of_all(2, 5_500))
    assert found.missed == []
    assert set(found.reroute_ms) == {1_000}
    assert set(found.confirm_ms) == {5_500}
    assert found.deaths == 14 * 2


@pytest.mark.parametrize(
    ("changes", "missed"),
    [
        ([], 2 * 14 * 2),
        (of_all(1, 1_000), 14 * 2),
        (of_all(1, 1_000) + of_all(2, 12_001), 14 * 2),
        (of_all(1, 8_001) + of_all(2, 9_000), 14 * 2),
        (of_all(1, 1_000, but=(3,)) + of_all(2, 9_000, but=(3,)), 4),
    ],
)
def test_what_was_not_seen_or_too_late_is_a_miss(changes, missed):
    assert len(referee(DEATH).judge(changes).missed) == missed


def test_who_was_away_need_not_have_seen_it():
    away = lately(Kind.PAUSE, (3,), since_ms=-2_000, until_ms=5_000)
    changes = of_all(1, 1_000, but=(3,)) + of_all(2, 9_000, but=(3,))
    assert referee(DEATH, away).judge(changes).missed == []


def test_a_death_without_a_quorum_of_whole_regions_is_not_to_be_confirmed():
    through = lately(Kind.PART, (0, 2, 4, 6), EVERYBODY, since_ms=20_000, until_ms=20_000)
    found = referee(DEATH, through).judge(of_all(1, 1_000))
    assert found.missed == []
    assert found.unjudged == 14 * 2
