"""What carries messages: one suite for the fabric within a process, the simulated one, and NATS."""

import threading
import time
from random import Random

import pytest

from homeroom import limits
from homeroom.errors import MessageError
from homeroom.regions.fabric import Carried, InProcess
from homeroom.simulation.regions.agenda import Agenda, Trace
from homeroom.simulation.regions.network import Network, SimulatedFabric
from tests.nats_worlds import planned, running

WAIT_S = 10


class Started:
    """Has fabrics, and who was woken."""

    def start(self, node, fabric):
        fabric.start(lambda: self.woken.append(node))

    def settle(self):
        pass

    def received(self, node):
        return self.fabrics[node].receive()

    def wait_for_last(self, node, body):
        assert self.boxes[node]._waiting[-1][1] == body


class Within(Started):
    """Nodes of one process."""

    def __init__(self, *nodes):
        self.boxes, self.woken = {}, []
        self.fabrics = {node: InProcess(node, self.boxes) for node in nodes}


class Simulated(Started):
    """Nodes of a simulated world."""

    def __init__(self, *nodes):
        self.agenda, self.woken = Agenda(), []
        delays = {(one, other): 3.0 for one in nodes for other in nodes}
        network = Network(self.agenda, Trace(), Random(1), delays)
        self.fabrics = {node: SimulatedFabric(node, network) for node in nodes}

    def settle(self):
        self.agenda.run(self.agenda.now_ms + 100)


class OverNats:
    """Nodes of two regions, each with a server that runs. A marker from each to each tells that all has come."""

    def __init__(self, running, *nodes):
        self.fabrics = {node: running.fabric(node) for node in nodes}
        self.woken = []
        self.came = {node: [] for node in nodes}
        self.told = threading.Event()
        self.markers = 0

    def start(self, node, fabric):
        fabric.start(lambda: (self.woken.append(node), self.told.set()))

    def settle(self):
        """Wait until a marker of each connected node has come to each."""
        open_ = {n: f for n, f in self.fabrics.items() if not f._is_closed}
        missing = {(a, b) for a in open_ for b in open_ if a != b}
        self.markers += 1
        marker, until_s = b"marker %d" % self.markers, time.monotonic() + WAIT_S
        while missing:
            assert time.monotonic() < until_s, (missing, [f.state() for f in open_.values()])
            self.told.clear()
            for one, other in missing:
                open_[one].send(other, marker)
            self.told.wait(0.01)
            for node, fabric in open_.items():
                came = fabric.receive()
                self.came[node] += came
                missing -= {(sender, node) for sender, body in came if body == marker}

    def wait_for_last(self, node, body):
        """Wait, without taking anything, until this waits, which was sent last; a marker may come behind it."""
        waiting, until_s = self.fabrics[node]._in._waiting, time.monotonic() + WAIT_S
        while all(one[1] != body for one in waiting.copy()):
            assert time.monotonic() < until_s
            self.told.clear()
            self.told.wait(0.01)

    def received(self, node):
        came, self.came[node] = self.came[node], []
        return [one for one in came if not one[1].startswith(b"marker")]


@pytest.fixture(scope="module")
def nats(tmp_path_factory):
    plan = planned(north=("one", "three"), south=("two",))
    with running(tmp_path_factory.mktemp("nats"), plan) as world:
        yield world


@pytest.fixture(params=[Within, Simulated, OverNats])
def world(request):
    servers = (request.getfixturevalue("nats"),) if request.param is OverNats else ()
    world = request.param(*servers, "one", "two", "three")
    for node, fabric in world.fabrics.items():
        world.start(node, fabric)
    world.settle()
    world.woken.clear()
    yield world
    for fabric in world.fabrics.values():
        fabric.close()


def test_messages_come_once_each_under_the_name_of_their_sender(world):
    world.fabrics["one"].send("two", b"a")
    world.fabrics["three"].send("two", b"b")
    world.settle()
    assert sorted(world.received("two")) == [("one", b"a"), ("three", b"b")]
    assert world.received("two") == []
    assert world.received("one") == []


def test_messages_of_all_lengths_come_whole(world, rng):
    bodies = [b"", b"a", b"ab" * 4_000, rng.bytes(300), rng.bytes(100_000)]
    for body in (*bodies, bytes(limits.MESSAGE_BYTES_MAX)):
        world.fabrics["one"].send("two", body)
    world.settle()
    came = [body for _, body in world.received("two")]
    assert sorted(came) == sorted([*bodies, bytes(limits.MESSAGE_BYTES_MAX)])


def test_a_node_is_woken_when_something_has_come(world):
    for body in (b"a", b"b"):
        world.fabrics["one"].send("two", body)
        world.settle()
        assert "two" in world.woken
        assert world.received("two") == [("one", body)]
        world.woken.clear()


def test_a_message_for_nobody_is_lost(world):
    world.fabrics["one"].send("nobody", b"a")
    world.settle()


def test_a_message_that_is_too_long_is_refused(world):
    with pytest.raises(MessageError, match="at most"):
        world.fabrics["one"].send("two", bytes(limits.MESSAGE_BYTES_MAX + 1))


def test_close_is_final(world):
    world.fabrics["two"].close()
    world.woken.clear()
    world.fabrics["two"].send("one", b"a")
    world.fabrics["one"].send("two", b"b")
    world.settle()
    assert world.received("one") == []
    assert world.received("two") == []
    assert "two" not in world.woken
    assert not world.fabrics["two"].state().is_connected
    world.fabrics["two"].close()


@pytest.mark.parametrize("world", [Within, OverNats], indirect=True)
def test_who_takes_nothing_loses_the_oldest_by_messages_and_by_bytes(world, rng):
    one, two = world.fabrics["one"], world.fabrics["two"]
    small = [b"%d" % number for number in range(5_000)]
    large = [rng.bytes(limits.MESSAGE_BYTES_MAX) for _ in range(12)]
    one.send("two", b"behind all that other tests have sent")
    world.wait_for_last("two", b"behind all that other tests have sent")
    two.receive()
    lost, taken = -dropped(one, "two") - dropped(two, "one"), 0
    for bodies in (small, large):
        for body in bodies:
            one.send("two", body)
        world.wait_for_last("two", bodies[-1])
        came = two.receive()
        assert 0 < len(came) <= limits.FABRIC_MESSAGES_MAX
        assert sum(len(body) for _, body in came) <= limits.FABRIC_BYTES_MAX
        taken += sum(sender == "one" for sender, _ in came)
    lost += dropped(one, "two") + dropped(two, "one")
    assert lost == len(small) + len(large) - taken


def dropped(fabric, node):
    return fabric.state().peers.get(node, Carried()).dropped


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
