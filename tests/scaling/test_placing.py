"""Plans move as few shards as lead to machines that are evenly full."""

import pytest

from homeroom.scaling.placing import Machine, Move, gain_of, plan

ONE, TWO, THREE = (Machine(name, 2) for name in ("one", "two", "three"))


def after(places, moves):
    return {**places, **{one.number: one.target for one in moves}}


def test_shards_that_are_nowhere_are_put_where_there_is_most_room():
    places = dict.fromkeys(range(4), "") | {4: "one", 5: "one"}
    moves = plan([ONE, TWO], places)
    assert [one.source for one in moves] == [""] * 4
    assert sorted(after(places, moves).values()) == ["one"] * 3 + ["two"] * 3


def test_a_new_machine_takes_its_part_and_no_more_moves():
    places = {number: ("one", "two")[number % 2] for number in range(6)}
    moves = plan([ONE, TWO, THREE], places)
    assert [one.target for one in moves] == ["three", "three"]
    assert plan([ONE, TWO, THREE], after(places, moves)) == ()


def test_shards_of_a_machine_that_is_gone_go_elsewhere():
    places = {0: "one", 1: "gone", 2: "two", 3: "gone"}
    moves = plan([ONE, TWO], places)
    assert {(one.number, one.source) for one in moves} == {(1, ""), (3, "")}
    assert sorted(after(places, moves).values()) == ["one", "one", "two", "two"]


def test_a_machine_of_more_processors_has_more_shards():
    large = Machine("large", 6)
    placed = after(
        dict.fromkeys(range(8), "one"), plan([ONE, large], dict.fromkeys(range(8), "one"))
    )
    assert sorted(placed.values()).count("large") == 6


@pytest.mark.parametrize("machines", [[], [ONE]])
def test_where_there_is_no_choice_nothing_moves(machines):
    assert plan(machines, {0: "one", 1: "one"}) == ()


def test_another_machine_is_told_with_its_cost_and_gain():
    places = dict.fromkeys(range(4), "one")
    gain = gain_of(TWO, [ONE], places, dict.fromkeys(range(4), 100))
    assert (gain.moved, gain.moved_bytes, gain.speedup) == (2, 200, 2.0)
    assert plan([ONE], places) == ()
    assert Move(0, "", "one") in plan([ONE], {0: ""})
