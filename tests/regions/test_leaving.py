"""A node that was fenced is closed at the most that any member has, when all have said what they have."""

from homeroom.log.origins import Origin, Stream
from homeroom.regions.leaving import closing, unheard
from homeroom.regions.steps import Arrived, Keep, Kept, Members
from tests.log.chains import THERE, chain
from tests.regions.nodes import REGIONS, WALL_MS, Driven, item, news

FENCED = Members(9, REGIONS, fenced=frozenset({"there"}))


def told(epoch, number, version=1, total=None):
    said = item(THERE, number)
    return news(items=[said], version=version, total=said.head if total is None else total), epoch


def hear(node, sender, message, epoch):
    from msgspec.structs import replace

    from homeroom.regions.messages import encode

    node.step(Arrived(sender, encode(replace(message, epoch=epoch)), WALL_MS))


def test_a_node_is_closed_when_all_others_have_said_what_they_have():
    node = Driven()
    node.step(FENCED)
    views = node.member.replication.views
    assert unheard(FENCED, 9, "here", views) == ["beside", "far"]
    hear(node, "far", *told(8, 3))
    hear(node, "beside", *told(9, 2))
    assert unheard(FENCED, 9, "here", views) == ["far"]
    hear(node, "far", *told(9, 3, version=2))
    assert unheard(FENCED, 9, "here", views) == []
    assert closing("there", FENCED, node.member.held, views) == {THERE: 3}


def test_who_was_not_understood_whole_has_not_said_it():
    node = Driven()
    node.step(FENCED)
    hear(node, "far", *told(9, 3, total=b"more was"))
    assert "far" in unheard(FENCED, 9, "here", node.member.replication.views)


def test_what_is_being_written_of_a_fenced_node_is_said_before_the_epoch_is():
    node = Driven()
    first, second, third = chain(3, THERE)
    node.hear("there", news([first]))
    node.hear("there", news([second], version=2))
    node.hear("beside", news([third], version=2))
    assert node.of(Keep) == []
    node.step(FENCED)
    assert {message.epoch for message in node.sent()} == {3}
    node.step(Kept(WALL_MS))
    # Only what was being written is kept of what the node had sent itself.
    assert node.member.held == {THERE: 1}
    assert {message.epoch for message in node.sent()} == {9}
    assert {one.number for message in node.sent() for one in message.items} == {1}


def test_only_origins_of_the_node_are_closed():
    node = Driven()
    other = Origin("far", "9" * 32, Stream.ANALYTIC)
    node.step(FENCED)
    hear(node, "far", news(items=[item(other, 4)]), 9)
    assert closing("there", FENCED, node.member.held, node.member.replication.views) == {}
