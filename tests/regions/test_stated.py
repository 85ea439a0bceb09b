"""What was stated adds up to the same in whatever order its entries come."""

from itertools import permutations

from homeroom.log.control import Change, write_changes
from homeroom.log.entries import Head, make_entry
from homeroom.log.members import (
    HomeMoved,
    MemberFenced,
    MemberJoined,
    MemberLeft,
    OriginsClosed,
)
from homeroom.log.origins import Origin, Stream
from homeroom.log.payloads import pack
from homeroom.log.rulings import EntriesLost, Restamped
from homeroom.regions.stated import Stated, members_of
from homeroom.regions.steps import Members
from tests.log.chains import sign


def entry(life, hybrid, *facts, node="home", epoch=0):
    origin = Origin(node, life * 32, Stream.CONTROL)
    changes = [Change(fact=fact, author="x", at_ms=1) for fact in facts]
    return make_entry(origin, Head(), (hybrid, epoch), pack(write_changes(changes)), sign)


GONE = Origin("one", "9" * 32, Stream.ANALYTIC)


def joined(*nodes):
    return [MemberJoined(node=node, region="r") for node in nodes]


ENTRIES = [
    entry("a", 10, MemberJoined(node="one", region="r"), MemberJoined(node="two", region="r")),
    entry("b", 20, MemberFenced(node="two")),
    entry("c", 30, MemberJoined(node="two", region="s")),
]


def test_the_order_of_coming_makes_no_difference():
    found = []
    for order in permutations(ENTRIES):
        stated = Stated()
        for one in order:
            stated.take(one)
        found.append(stated.control)
    assert all(control == found[0] for control in found)
    assert found[0].epoch == 4
    assert found[0].members.nodes["two"].region == "s"


def test_until_something_is_stated_those_count_whom_a_node_was_told_of():
    seeds = Members(0, {"one": "r"})
    stated = Stated()
    assert members_of(stated, seeds, seeds) == seeds
    for one in ENTRIES[:2]:
        stated.take(one)
    assert members_of(stated, seeds, seeds) == Members(
        3, {"one": "r", "two": "r"}, frozenset({"two"})
    )


def taken(*entries):
    """Return what entries add up to, which must be the same in whatever order they come."""
    found = []
    for order in permutations(entries):
        stated = Stated()
        for one in order:
            stated.take(one)
        found.append((stated.control, stated.ignored, stated.is_whole))
    assert all(one == found[0] for one in found)
    return stated


def test_what_the_former_home_states_after_the_move_counts_for_nobody():
    stated = taken(
        entry("a", 10, HomeMoved(node="home", term=1), *(joined("home", "new", "old"))),
        entry("b", 20, HomeMoved(node="new", term=2), node="new"),
        entry("c", 15, MemberFenced(node="old")),
        entry("d", 25, *joined("nobody")),
    )
    assert set(stated.control.members.nodes) == {"home", "new", "old"}
    assert set(stated.control.members.fenced) == {"old"}
    assert (stated.control.members.home, stated.ignored) == ("new", 1)


def test_of_two_moves_of_one_term_the_first_counts():
    stated = taken(
        entry("a", 10, HomeMoved(node="home", term=1)),
        entry("b", 20, HomeMoved(node="one", term=2), *joined("one"), node="one"),
        entry("c", 21, HomeMoved(node="two", term=2), *joined("two"), node="two"),
    )
    assert set(stated.control.members.nodes) == {"one"}


def test_nobody_makes_another_node_the_home():
    stated = taken(
        entry("a", 10, HomeMoved(node="home", term=1)),
        entry("b", 20, HomeMoved(node="two", term=2), node="one"),
    )
    assert stated.control.members.home == "home"


def test_two_that_remove_each_other_are_removed_by_the_order_of_what_they_said():
    stated = taken(
        entry("a", 10, HomeMoved(node="one", term=1), *joined("one", "two", "three"), node="one"),
        entry("b", 20, MemberFenced(node="two"), node="one"),
        entry("c", 22, HomeMoved(node="two", term=2), MemberFenced(node="one"), node="two"),
        entry("d", 24, MemberLeft(node="two", closed={}), node="one"),
    )
    assert set(stated.control.members.nodes) == {"one", "two", "three"}
    assert set(stated.control.members.fenced) == {"one", "two"}


def test_while_something_that_was_stated_is_missing_a_node_goes_by_what_it_knew():
    before = Members(0, {"one": "r"})
    first = entry("a", 10, *joined("one", "two"))
    second = entry("b", 20, OriginsClosed(closed={str(GONE): 4}), *joined("three"), epoch=2)
    stated = Stated()
    stated.take(second)
    known = members_of(stated, before, before)
    assert (known.epoch, known.regions) == (0, {"one": "r"})
    assert (known.closed, known.collapsed) == ({GONE: 4}, {GONE})
    stated.take(first)
    assert set(members_of(stated, known, before).regions) == {"one", "two", "three"}


def test_a_statement_of_the_future_stands_where_a_ruling_puts_it():
    ahead = entry("b", 10**9, MemberFenced(node="two"))
    rule = {"origin": str(ahead.origin), "first": 1, "last": 1}
    come_back = entry("c", 30, *joined("two"))
    first = entry("a", 10, *joined("one", "two"))
    assert taken(first, ahead, come_back).control.members.fenced
    restamped = entry("d", 40, Restamped(hybrid=20, **rule))
    assert not taken(first, ahead, come_back, restamped).control.members.fenced
    lost = entry("e", 50, EntriesLost(**rule))
    assert taken(first, ahead, restamped, lost).control.epoch == 4
