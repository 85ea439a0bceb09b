"""What was stated adds up to the same in whatever order its entries come."""

from itertools import permutations

from homeroom.log.control import Change, write_changes
from homeroom.log.entries import Head, make_entry
from homeroom.log.members import MemberFenced, MemberJoined
from homeroom.log.origins import Origin, Stream
from homeroom.log.payloads import pack
from homeroom.regions.stated import Stated, members_of
from homeroom.regions.steps import Members
from tests.log.chains import sign


def entry(life, hybrid, *facts):
    origin = Origin("home", life * 32, Stream.CONTROL)
    changes = [Change(fact=fact, author="x", at_ms=1) for fact in facts]
    return make_entry(origin, Head(), (hybrid, 0), pack(write_changes(changes)), sign)


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
