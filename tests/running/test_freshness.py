"""How far the share of each node lies behind: never better than what word came of."""

from homeroom.log.origins import Origin, Stream, Vector
from homeroom.running.freshness import Freshness

THERE = Origin("there", "a" * 32, Stream.ANALYTIC)
STATED = Origin("there", "a" * 32, Stream.CONTROL)


def at(number):
    return Vector({THERE: number})


def test_of_a_node_that_nothing_was_heard_of_nothing_is_known():
    assert Freshness().age_ms("there", at(9), 1_000) is None


def test_the_latest_word_that_is_covered_counts():
    one = Freshness()
    for number in range(1, 6):
        one.heard("there", {THERE: number}, number * 1_000)
    assert one.age_ms("there", at(5), 5_500) == 500
    assert one.age_ms("there", at(3), 5_500) == 2_500
    assert one.age_ms("there", at(0), 5_500) is None


def test_all_streams_of_a_node_must_be_covered():
    one = Freshness()
    one.heard("there", {THERE: 1}, 1_000)
    one.heard("there", {THERE: 1, STATED: 1}, 2_000)
    assert one.age_ms("there", at(1), 2_000) == 1_000


def test_a_node_that_says_the_same_again_is_as_fresh_as_its_last_word():
    one = Freshness()
    one.heard("there", {THERE: 4}, 1_000)
    one.heard("there", {THERE: 4}, 9_000)
    assert one.age_ms("there", at(4), 9_250) == 250


def test_what_was_covered_is_remembered_however_much_comes_after_it():
    one = Freshness()
    one.heard("there", {THERE: 1}, 1_000)
    one.folded(at(1))
    for number in range(2, 200):
        one.heard("there", {THERE: number}, number * 1_000)
    assert one.age_ms("there", at(1), 200_000) == 199_000
    assert one.age_ms("there", at(0), 200_000) is None


def test_a_node_that_has_left_is_forgotten():
    one = Freshness()
    one.heard("there", {THERE: 1}, 1_000)
    one.folded(at(1))
    one.keep({"here": "r"})
    assert one.age_ms("there", at(1), 1_000) is None
