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
        self.boxes = {}
        self.fabrics = {node: InProcess(node, self.boxes) for node in nodes}

    def settle(self):
        pass


class Simulated:
    """Nodes of a simulated world."""

    def __init__(self, *nodes):
        self.agenda = Agenda()
        delays = {(one, other): 3.0 for one in nodes for other in nodes}
        network = Network(self.agenda, Trace(), Random(1), delays)
        self.fabrics = {node: SimulatedFabric(node, network) for node in nodes}

    def settle(self):
        self.agenda.run(self.agenda.now_ms + 100)


@pytest.fixture(params=[Within, Simulated])
def world(request):
    world = request.param("one", "two", "three")
    world.woken = []
    for node, fabric in world.fabrics.items():
        fabric.start(lambda node=node: world.woken.append(node))
    return world


def test_messages_come_once_each_under_the_name_of_their_sender(world):
    world.fabrics["one"].send("two", b"a")
    world.fabrics["three"].send("two", b"b")
    world.settle()
    assert sorted(world.fabrics["two"].receive()) == [("one", b"a"), ("three", b"b")]
    assert world.fabrics["two"].receive() == []
    assert world.fabrics["one"].receive() == []


def test_a_node_is_woken_when_something_has_come(world):
    world.fabrics["one"].send("two", b"a")
    world.settle()
    assert world.woken == ["two"]
    world.fabrics["two"].receive()
    world.fabrics["one"].send("two", b"b")
    world.settle()
    assert world.woken == ["two", "two"]


def test_a_message_for_nobody_is_lost(world):
    world.fabrics["one"].send("nobody", b"a")
    world.settle()


def test_a_message_that_is_too_long_is_refused(world):
    with pytest.raises(MessageError, match="at most"):
        world.fabrics["one"].send("two", bytes(limits.MESSAGE_BYTES_MAX + 1))


def test_close_is_final(world):
    world.fabrics["two"].close()
    world.fabrics["two"].send("one", b"a")
    world.fabrics["one"].send("two", b"b")
    world.settle()
    assert world.fabrics["one"].receive() == []
    assert world.fabrics["two"].receive() == []
    assert world.woken == []
    assert not world.fabrics["two"].state().is_connected
    world.fabrics["two"].close()


def test_who_takes_nothing_loses_the_oldest_by_messages_and_by_bytes():
    world = Within("one", "two")
    for number in range(5_000):
        world.fabrics["one"].send("two", b"%d" % number)
    came = world.fabrics["two"].receive()
    assert len(came) == limits.FABRIC_MESSAGES_MAX
    assert came[-1] == ("one", b"4999")
    for number in range(12):
        world.fabrics["one"].send("two", b"%d" % number + bytes(limits.MESSAGE_BYTES_MAX - 2))
    came = world.fabrics["two"].receive()
    assert sum(len(body) for _, body in came) <= limits.FABRIC_BYTES_MAX
    assert came[-1][1].startswith(b"11")
    carried = world.fabrics["two"].state().peers["one"]
    assert carried.received == limits.FABRIC_MESSAGES_MAX + len(came)
    assert carried.dropped == 5_000 + 12 - carried.received


def test_what_came_before_the_start_is_told_at_the_start():
    world, woken = Within("one", "two"), []
    world.fabrics["one"].send("two", b"a")
    world.fabrics["two"].start(lambda: woken.append("two"))
    assert woken == ["two"]


def test_a_later_fabric_of_a_node_takes_the_place_of_the_one_before():
    world = Within("one", "two")
    later = InProcess("two", world.boxes)
    world.fabrics["one"].send("two", b"a")
    world.fabrics["two"].close()
    assert world.fabrics["two"].receive() == []
    assert later.receive() == [("one", b"a")]
