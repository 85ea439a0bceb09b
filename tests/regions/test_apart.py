"""A difference between two nodes is followed down to the rows, from check to check."""

from homeroom import limits
from homeroom.regions.agreement import Agreement
from homeroom.regions.messages import Compared, Part, decode, encode
from homeroom.regions.steps import Agreed, Alarm

RANGE = bytes([3, 7])
SMALL = bytes([3, 7, 9])
KEY = bytes(range(16))
ROW = SMALL + KEY


class Node:
    """What a node tells at a check: sums by path, as far as it is asked for them."""

    def __init__(self, value):
        self.sums = {(): {bytes([n]): 1 for n in range(16)}}
        self.sums[()][bytes([3])] = value
        self.sums |= {bytes([3]): {RANGE: value}, RANGE: {SMALL: value}, SMALL: {ROW: value}}
        self.agreement = Agreement(0)

    def told(self, check, fingerprint):
        expanded = self.agreement.wanted()
        sums = self.sums[()] | {p: v for one in expanded for p, v in self.sums[one].items()}
        parts = tuple(Part(path, value.to_bytes(8, "little")) for path, value in sums.items())
        told = Compared(check, b"vector", 1, fingerprint, parts=parts, expanded=expanded)
        assert decode(encode(told)) == told
        return told


def checked(one, other, check, *fingerprints):
    mine, theirs = one.told(check, fingerprints[0]), other.told(check, fingerprints[1])
    effects = one.agreement.mine(mine, check) + one.agreement.theirs("other", theirs, check)
    other.agreement.theirs("one", mine, check)
    other.agreement.mine(theirs, check)
    return effects


def test_the_rows_are_found_in_some_checks_and_forgotten_when_states_are_equal():
    one, other = Node(5), Node(6)
    for check in range(4):
        (alarm,) = checked(one, other, check, "aa", "bb")
        assert isinstance(alarm, Alarm)
        assert alarm.apart.shards == ("learners, shard 3",)
        assert alarm.apart.is_all == (check == 3)
    assert alarm.apart.rows == (KEY.hex(),)
    assert "learners, shard 3: 1 row)" in alarm.why
    assert KEY.hex() not in alarm.why
    assert one.agreement.wanted() == ()
    assert checked(one, other, 4, "aa", "aa") == [Agreed("other")]
    assert checked(one, other, 5, "aa", "aa") == []


def test_another_difference_is_looked_for_once_the_first_is_found():
    one, other = Node(5), Node(6)
    for check in range(4):
        checked(one, other, check, "aa", "bb")
    checked(one, other, 4, "aa", "bb")
    assert one.agreement.wanted() == other.agreement.wanted() == (bytes([3]),)


def test_a_node_that_tells_no_parts_is_told_of_all_the_same():
    one = Node(5)
    one.agreement.mine(one.told(1, "aa"), 1)
    (alarm,) = one.agreement.theirs("other", Compared(1, b"vector", 1, "bb"), 1)
    assert "different states" in alarm.why
    assert len(one.agreement.wanted()) <= limits.PARTS_EXPANDED_MAX


def test_nothing_is_looked_for_in_a_node_that_has_left():
    one, other = Node(5), Node(6)
    checked(one, other, 1, "aa", "bb")
    one.agreement.keep({"somebody else"})
    assert one.agreement.wanted() == ()
