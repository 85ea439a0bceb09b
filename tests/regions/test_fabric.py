"""What carries messages: one suite for the fabric within a process and for the simulated one."""

from random import Random

import pytest

from homeroom import limits
from homeroom.errors import MessageError
from homeroom.regions.fabric import InProcess
from homeroom.simulation.regions.agenda import Agenda, Trace
from homeroom.simulation.regions.network import Network, SimulatedFabric


class Within:
    """Nodes of one process."""

    def __init__(self, *nodes):
        boxes = {}
        self.fabrics = {node: InProcess(node, boxes) for node in nodes}

    def settle(self):
        pass


class Simulated:
    """Nodes of a simulated world."""

    def __init__(self, *nodes):
        self.agenda = Agenda()
        delays = {(one, other): 3.0 for one in nodes for other in nodes}
        network = Network(self.agenda, Trace(), Random(1), delays)
        self.fabrics = {node: SimulatedFabric(node, network, lambda: None) for node in nodes}

    def settle(self):
        self.agenda.run(self.agenda.now_ms + 100)


@pytest.fixture(params=[Within, Simulated])
def world(request):
    return request.param("one", "two", "three")


def test_messages_come_once_each_under_the_name_of_their_sender(world):
    world.fabrics["one"].send("two", b"a")
    world.fabrics["three"].send("two", b"b")
    world.settle()
    assert sorted(world.fabrics["two"].receive()) == [("one", b"a"), ("three", b"b")]
    assert world.fabrics["two"].receive() == []
    assert world.fabrics["one"].receive() == []


def test_a_message_for_nobody_is_lost(world):
    world.fabrics["one"].send("nobody", b"a")
    world.settle()


def test_a_message_that_is_too_long_is_refused(world):
    with pytest.raises(MessageError, match="at most"):
        world.fabrics["one"].send("two", bytes(limits.MESSAGE_BYTES_MAX + 1))


def test_who_takes_nothing_loses_the_oldest():
    world = Within("one", "two")
    for number in range(5_000):
        world.fabrics["one"].send("two", b"%d" % number)
    came = world.fabrics["two"].receive()
    assert len(came) < 5_000
    assert came[-1] == ("one", b"4999")
