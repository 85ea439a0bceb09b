"""A log forgets what all members hold and a snapshot has; who needs it nevertheless takes a snapshot."""

from homeroom import limits
from homeroom.log.entries import Head
from homeroom.log.origins import Origin, Stream
from homeroom.regions.messages import Pull, Range
from homeroom.regions.steps import (
    AskSnapshot,
    Collect,
    Collected,
    Look,
    Members,
    NotInstalled,
    Saved,
)
from tests.log.chains import THERE, chain
from tests.regions.nodes import REGIONS, Driven, item, news

ENTRIES = chain(4, THERE)
HEADS = {THERE: ENTRIES[-1].head}


def told(node, **numbers):
    for sender, number in numbers.items():
        node.hear(sender, news(items=[item(THERE, number, ENTRIES[number - 1].digest)]))


def test_entries_go_up_to_the_lesser_of_what_all_hold_and_what_is_saved():
    node = Driven(HEADS)
    told(node, there=4, beside=3, far=2)
    assert node.step(Saved({THERE: 4})) == [Collect({THERE: 2})]
    assert node.step(Saved({THERE: 1})) == [Collect({THERE: 1})]


def test_a_member_that_has_said_nothing_holds_back_all():
    node = Driven(HEADS)
    told(node, there=4, beside=3)
    assert node.step(Saved({THERE: 4})) == []


def test_a_member_that_is_to_leave_holds_back_nothing():
    node = Driven(HEADS)
    told(node, there=4, beside=3)
    node.step(Members(4, REGIONS, fenced=frozenset({"far"})))
    assert node.step(Saved({THERE: 4})) == [Collect({THERE: 3})]


def test_the_control_stream_is_kept():
    control = Origin(THERE.node, THERE.incarnation, Stream.CONTROL)
    node = Driven({control: Head(4, b"x" * 32, 9)})
    for sender in ("there", "beside", "far"):
        node.hear(sender, news(items=[item(control, 4)]))
    assert node.step(Saved({control: 4})) == []


def test_what_has_collapsed_is_held_by_all():
    node = Driven(HEADS)
    collapsed = Members(4, REGIONS, closed={THERE: 4}, collapsed=frozenset({THERE}))
    node.step(collapsed)
    assert node.step(Saved({THERE: 4})) == [Collect({THERE: 4})]


def test_who_asks_for_what_is_forgotten_hears_so_and_gets_the_rest():
    node = Driven(HEADS)
    node.step(Collected({THERE: 2}))
    node.hear("far", Pull("d" * 32, 7, (Range(THERE, 2),)))
    (answer,) = node.sent("far")
    assert (answer.is_behind, answer.pull, node.of(Look)) == (True, 7, [])
    node.hear("far", Pull("d" * 32, 8, (Range(THERE, 3),)))
    assert node.of(Look) == [Look("far", 8, (Range(THERE, 3),))]


def test_a_node_that_is_behind_asks_for_one_snapshot_at_a_time():
    node = Driven()
    node.hear("far", news(items=[item(THERE, 9)]))
    node.tick(limits.PULL_PATIENCE_MS)
    assert node.asked() == [("far", (Range(THERE, 1),))]
    assert node.hear("far", news(is_behind=True, version=2)) == [AskSnapshot("far")]
    assert node.hear("far", news(is_behind=True, version=3)) == []
    node.step(NotInstalled("gone"))
    assert node.hear("far", news(is_behind=True, version=4)) == [AskSnapshot("far")]
    node.tick(limits.SNAPSHOT_WAIT_MS_MAX)
    assert node.hear("far", news(is_behind=True, version=5)) == [AskSnapshot("far")]


def test_who_was_not_asked_for_anything_has_no_say_in_whether_a_node_is_behind():
    node = Driven()
    assert node.hear("far", news(is_behind=True)) == []
