"""A node shares documents where it is what was stated of it; else it says in words what is wrong."""

import pytest

from homeroom.log.members import MemberJoined, VaultKeyed, folded_member
from homeroom.regions.world import Region, RegionNode, World
from homeroom.running.residing import Membership, Residing, VaultKey

CHECK = "0123456789abcdef"


def stated(*facts):
    members = Membership()
    for epoch, fact in enumerate(facts, 1):
        members = folded_member(members, fact, epoch)
    return members


def joined(*names, law="eu"):
    return [MemberJoined(node=name, region=name, jurisdiction=law) for name in names]


def residing(law="eu", settings="", key=None):
    place = Region(
        name="b", latitude=0.0, longitude=0.0, jurisdiction=law, nodes={"b": RegionNode(key="")}
    )
    world = World(name="w", home="b", regions={"b": place})
    return Residing(node="b", jurisdiction=settings, world=world, key=key or VaultKey(CHECK))


KEYED = VaultKeyed(jurisdiction="eu", check=CHECK)


def test_a_node_that_is_what_was_stated_of_it_may_share():
    members = stated(*joined("b", "c"), KEYED)
    assert residing(settings="eu").why_not(members) is None
    assert residing().is_keyed(members)


@pytest.mark.parametrize(
    ("node", "facts", "told"),
    [
        (residing(key=VaultKey("f" * 16)), [KEYED], "vault.key is another key"),
        (residing(key=VaultKey(CHECK, ("old",))), [KEYED], "records of old are under vault keys"),
        (residing(law="us"), [KEYED], "in jurisdiction us by its file of regions, and in eu by"),
        (residing(settings="us"), [KEYED], "in jurisdiction us by its settings, and in eu by"),
        (residing(), [], "shared with c: nobody has stated which vault key"),
    ],
)
def test_what_is_wrong_is_told(node, facts, told):
    assert told in node.why_not(stated(*joined("b", "c"), *facts))


def test_a_node_of_which_no_jurisdiction_was_stated_is_told_so():
    assert "and in none by what was stated" in residing().why_not(stated(*joined("b", law="")))


def test_nothing_is_wrong_before_anything_is_stated_or_where_there_is_nobody_to_share_with():
    assert residing().why_not(stated()) is None
    assert residing().why_not(stated(*joined("b"), *joined("c", law="us"))) is None
    assert not residing().is_keyed(stated(*joined("b")))


def test_who_cannot_open_what_others_seal_says_so():
    ours, theirs = (f"x25519:{letter * 43}=" for letter in "AB")
    node = residing(key=VaultKey(CHECK, (), ours))
    for said, told in ((ours, False), ("", False), (theirs, True)):
        keyed = VaultKeyed(jurisdiction="eu", check=CHECK, seal=said)
        why = node.why_not_open(stated(*joined("b"), keyed))
        assert bool(why) == told
    assert f"by {theirs}" in why


def test_the_first_check_of_a_jurisdiction_counts():
    other = VaultKeyed(jurisdiction="eu", check="f" * 16)
    assert stated(KEYED, other).vault_checks == {"eu": CHECK}
