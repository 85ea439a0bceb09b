"""Two releases together: what one does not know it passes over, and what the other does not say yet is not needed."""

from random import Random

import pytest

from homeroom.errors import MessageError
from homeroom.regions.messages import News, encode, read
from homeroom.regions.steps import Trouble
from homeroom.simulation.regions.agenda import Agenda, Trace
from homeroom.simulation.regions.network import NEWER, OLDER, Network
from homeroom.simulation.regions.places import WORLD
from homeroom.simulation.regions.plan import Fault, Kind, Plan
from homeroom.simulation.regions.world import World

NODES = {place.name: place for place in WORLD[:4]}
NEWS = News(life="a" * 32, version=3, epoch=1, total=b"12345678", is_whole=True, is_behind=True)


def sent(release, count):
    """Return what comes of the same news, sent by a node that runs a release."""
    agenda, came = Agenda(), []
    network = Network(agenda, Trace(), Random(5), {("one", "other"): 10})
    network.connect("other", lambda _, body: came.append(body))
    network.update("one", release)
    for _ in range(count):
        network.carry("one", "other", encode(NEWS))
    agenda.run(1_000)
    return came


def test_what_an_older_release_does_not_say_is_as_if_it_were_not_so():
    (body,) = sent(OLDER, 1)
    news, _ = read(body)
    assert (news.version, news.total) == (NEWS.version, NEWS.total)
    assert not news.is_whole
    assert not news.is_behind


def test_what_a_newer_release_says_more_is_passed_over_and_its_messages_are_refused():
    bodies = sent(NEWER, 50)
    refused = 0
    for body in bodies:
        try:
            news, _ = read(body)
        except MessageError:
            refused += 1
        else:
            assert news == NEWS
    assert len(bodies) == 50 + refused
    assert refused


@pytest.mark.parametrize("is_older", [False, True])
def test_a_world_of_two_releases_comes_to_the_same(is_older):
    updates = tuple(
        Fault(Kind.RELEASES, 500 * number, 3_000, (name,), float(is_older))
        for number, name in enumerate(NODES)
    )
    tried = World(Plan(7, NODES, {}, 6_000, 200, updates))
    assert not tried.run().violations
    assert bool(tried.watcher.alarms.get(Trouble.BAD_MESSAGE)) != is_older
