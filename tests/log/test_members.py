"""Who belongs to the world follows from facts, and what is closed stays closed."""

import pytest

from homeroom.errors import ControlError
from homeroom.log.control import Change, Control, read_changes, write_changes
from homeroom.log.members import (
    HomeMoved,
    LivesEnded,
    MemberFenced,
    MemberJoined,
    MemberLeft,
    OriginsClosed,
    VaultKeyed,
)
from homeroom.log.origins import Origin, Stream

OLD = Origin("two", "0" * 32, Stream.ANALYTIC)


def stated(*facts, control=None):
    control = control or Control()
    for fact in facts:
        control.check(fact)
        control = control.folded(Change(fact=fact, author="x", at_ms=1), control.epoch + 1)
    return control


def joined(*names):
    return [MemberJoined(node=name, region=f"region {name}") for name in names]


def test_a_node_leaves_in_two_steps():
    control = stated(*joined("one", "two"), MemberFenced(node="two"))
    assert control.members.fenced == {"two": 3}
    control = stated(MemberLeft(node="two", closed={str(OLD): 7}), control=control)
    assert set(control.members.nodes) == {"one"}
    assert control.members.closed == {OLD: 7}
    assert not control.members.fenced


def test_what_is_closed_stays_closed_at_its_first_number():
    closed = [OriginsClosed(closed={str(OLD): number}) for number in (5, 9)]
    assert stated(*joined("two"), *closed).members.closed == {OLD: 5}


def test_who_was_not_fenced_leaves_by_force_only_and_it_is_written_down():
    control = stated(*joined("one", "two"))
    with pytest.raises(ControlError, match="not fenced"):
        control.check(MemberLeft(node="two", closed={}))
    forced = stated(MemberLeft(node="two", closed={}, forced="burnt down"), control=control)
    assert forced.members.forced == {"two": "burnt down"}


def test_who_comes_back_is_fenced_no_longer():
    control = stated(*joined("one", "two"), MemberFenced(node="two"), *joined("two"))
    assert not control.members.fenced


def test_a_node_keeps_its_jurisdiction_for_good():
    here, there = (MemberJoined(node="two", region="x", jurisdiction=name) for name in ("eu", "us"))
    control = stated(*joined("two"), here, MemberFenced(node="two"))
    control = stated(MemberLeft(node="two", closed={}), control=control)
    assert control.members.jurisdictions == {"two": "eu"}
    with pytest.raises(ControlError, match="'eu' for good"):
        control.check(there)
    again = control.folded(Change(fact=there, author="x", at_ms=1), control.epoch + 1)
    assert again.members.nodes["two"].jurisdiction == "eu"


@pytest.mark.parametrize(
    "fact",
    [
        MemberJoined(node="a/b", region="x"),
        MemberJoined(node="a", region=""),
        MemberFenced(node="nobody"),
        OriginsClosed(closed={"no origin": 1}),
        LivesEnded(lives=("no life",)),
    ],
)
def test_what_makes_no_sense_is_refused_and_changes_nothing_if_it_is_there(fact):
    control = stated(*joined("one"))
    with pytest.raises(ControlError):
        control.check(fact)
    after = control.folded(Change(fact=fact, author="x", at_ms=1), 2)
    assert after.members.closed == {}
    assert not after.members.fenced


def test_there_are_not_too_many_nodes():
    with pytest.raises(ControlError, match="more than 64"):
        stated(*joined(*(f"node {number}" for number in range(65))))


def test_facts_come_out_as_they_went_in():
    facts = [*joined("one"), MemberFenced(node="one"), MemberLeft(node="one", closed={"a": 1})]
    changes = [Change(fact=fact, author="x", at_ms=1) for fact in facts]
    assert read_changes(write_changes(changes)) == changes


def test_lives_end_in_two_steps():
    ended = LivesEnded(lives=(f"two/{OLD.incarnation}",))
    control = stated(*joined("two"), ended)
    assert control.members.ended == {("two", OLD.incarnation): 2}
    control = stated(OriginsClosed(closed={str(OLD): 5}), control=control)
    assert (control.members.closed, control.members.collapsed) == ({OLD: 5}, {OLD})


def test_what_was_closed_at_another_number_does_not_collapse():
    left = MemberLeft(node="two", closed={str(OLD): 7})
    control = stated(*joined("one", "two"), MemberFenced(node="two"), left)
    control = stated(OriginsClosed(closed={str(OLD): 5}), control=control)
    assert (control.members.closed, control.members.collapsed) == ({OLD: 7}, frozenset())


def test_the_home_moves_by_a_term_that_grows():
    control = stated(HomeMoved(node="one", term=1), HomeMoved(node="two", term=2))
    assert (control.members.home, control.members.term) == ("two", 2)
    again = HomeMoved(node="one", term=2)
    with pytest.raises(ControlError, match="must grow"):
        control.check(again)
    after = control.folded(Change(fact=again, author="x", at_ms=1), 3)
    assert after.members.home == "two"


def test_a_jurisdiction_keeps_the_vault_key_that_was_stated_first():
    here, there = (VaultKeyed(jurisdiction="eu", check=digit * 16) for digit in "ab")
    control = stated(here)
    with pytest.raises(ControlError, match="are under the vault key that has the check aaaa"):
        control.check(there)
    control.check(here)
    assert read_changes(write_changes([Change(fact=here, author="x", at_ms=1)]))[0].fact == here
