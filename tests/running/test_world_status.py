"""How the world looks from a node: whether more was stated than it knows."""

from types import SimpleNamespace

from homeroom.log.origins import Origin, Stream, Vector
from homeroom.regions.steps import Members
from homeroom.running.belonging import Looks
from homeroom.running.world_status import lacks_facts

HOME = Origin("home", "1" * 16, Stream.CONTROL)
EVENTS = Origin("home", "1" * 16, Stream.ANALYTIC)


def lacks(views, applied, epoch=3, **members):
    looks = Looks(members=Members(epoch, {"home": "north"}, **members), views=views)
    return lacks_facts(SimpleNamespace(looks=looks), Vector(applied))


def test_a_node_alone_lacks_nothing():
    assert not lacks_facts(None, Vector())


def test_a_node_that_has_heard_of_nothing_stated_lacks_what_there_must_be():
    assert lacks({}, {}, epoch=0)


def test_what_another_has_of_the_control_stream_is_lacking_until_it_is_folded():
    views = {"home": {HOME: 5, EVENTS: 90}, "other": {HOME: 7}}
    assert lacks(views, {HOME: 6})
    assert not lacks(views, {HOME: 7})


def test_what_lies_beyond_the_number_at_which_an_origin_was_closed_is_not_waited_for():
    assert not lacks({"home": {HOME: 5}}, {HOME: 4}, closed={HOME: 4})
