"""Heartbeats do not wait behind what else comes from other nodes."""

from homeroom.regions.fabric import InProcess
from homeroom.running.sorted_fabric import SortedFabric
from homeroom.traffic.detection.heartbeats import Heartbeat, write_heartbeat


def beat(number):
    return write_heartbeat(Heartbeat("life", number, number))


def two():
    boxes, woken, beaten = {}, [], []
    other, fabric = InProcess("b", boxes), SortedFabric(InProcess("a", boxes))
    fabric.beating = lambda: beaten.append(True)
    fabric.start(lambda: woken.append(True))
    return other, fabric, woken, beaten


def test_the_member_gets_everything_but_heartbeats_in_order():
    other, fabric, woken, beaten = two()
    for body in (b"one", beat(1), b"two", beat(2)):
        other.send("a", body)
    assert fabric.receive() == [("b", b"one"), ("b", b"two")]
    assert fabric.receive() == []
    assert woken
    assert beaten


def test_the_newest_heartbeat_of_each_node_waits_and_wakes_nobody_else():
    other, fabric, woken, beaten = two()
    other.send("a", beat(1))
    other.send("a", beat(2))
    assert not woken
    assert len(beaten) == 2
    assert fabric.heartbeats() == {"b": beat(2)}
    assert fabric.heartbeats() == {}


def test_what_came_before_it_was_started_is_not_lost():
    boxes, woken = {}, []
    other, fabric = InProcess("b", boxes), SortedFabric(InProcess("a", boxes))
    other.send("a", b"early")
    fabric.start(lambda: woken.append(True))
    assert woken
    assert fabric.receive() == [("b", b"early")]


def test_nothing_is_woken_once_it_is_closed():
    other, fabric, woken, beaten = two()
    fabric.close()
    other.send("a", b"late")
    other.send("a", beat(1))
    assert not woken
    assert not beaten
    assert not fabric.state().is_connected
