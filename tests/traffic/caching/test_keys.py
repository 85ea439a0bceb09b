"""Names: whatever makes another answer makes another name."""

from hypothesis import given
from hypothesis import strategies as st

from homeroom.traffic.caching.keys import name_of, space_of
from tests.traffic.caching.answers import SECRET

PARTS = st.lists(st.binary(max_size=6), max_size=5)


@given(PARTS, PARTS)
def test_two_lists_of_parts_have_one_name_only_if_they_are_the_same(one, other):
    assert (name_of(SECRET, one) == name_of(SECRET, other)) == (one == other)


def test_parts_that_run_into_each_other_are_told_apart():
    crafted = [[b"ab", b"c"], [b"a", b"bc"], [b"abc"], [b"2:ab", b"c"], [b"ab1:c"], [b"", b"abc"]]
    assert len({name_of(SECRET, parts) for parts in crafted}) == len(crafted)


def test_without_the_tenants_key_nobody_can_make_its_names():
    assert name_of(SECRET, [b"q"]) != name_of(b"x" * 32, [b"q"])
    assert space_of(SECRET, "w", "eu") != space_of(b"x" * 32, "w", "eu")


def test_what_jurisdictions_share_lies_elsewhere_than_what_they_do_not():
    places = {space_of(SECRET, w, j) for w in ("w", "v") for j in ("", "eu", "us")}
    assert len(places) == 6
    assert not any("eu" in place or "us" in place for place in places)
