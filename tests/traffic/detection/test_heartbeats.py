"""A heartbeat comes back as it was written, and whatever else comes is refused and named."""

import pytest

from homeroom import limits
from homeroom.errors import MessageError
from homeroom.regions import messages, shipments
from homeroom.traffic.detection.heartbeats import (
    Heartbeat,
    Opinion,
    is_heartbeat,
    read_heartbeat,
    write_heartbeat,
)

FULL = Heartbeat(
    "n1/x", 7, 1_000, 900, 0.5, True, False, 3, {"n2": Opinion(1_200, 5_000)}, b"orders"
)


@pytest.mark.parametrize("heartbeat", [Heartbeat("n1/x", 1, 0), FULL])
def test_it_comes_back_as_it_was_written(heartbeat):
    body = write_heartbeat(heartbeat)
    assert is_heartbeat(body)
    assert read_heartbeat(body) == heartbeat


def test_in_a_calm_world_it_is_small():
    assert (
        len(write_heartbeat(Heartbeat("eu-west-1/0123456789abcdef", 1 << 30, 1 << 40, 1 << 40)))
        < 90
    )


def test_it_is_no_message_of_a_member_and_no_shipment():
    body = write_heartbeat(FULL)
    assert not shipments.is_of_shipment(body)
    with pytest.raises(MessageError):
        messages.decode(body)
    assert not is_heartbeat(shipments.write_shipment(shipments.NoShipment("a", "b")))


def test_every_bit_that_flips_and_every_cut_is_found():
    body = write_heartbeat(FULL)
    for place in range(len(body)):
        for damaged in (body[:place], body[:place] + bytes([body[place] ^ 4]) + body[place + 1 :]):
            with pytest.raises(MessageError):
                read_heartbeat(damaged)


@pytest.mark.parametrize(
    "wrong",
    [
        Heartbeat("", 1, 0),
        Heartbeat("a", -1, 0),
        Heartbeat("a", 1, 1 << 60),
        Heartbeat("a", 1, 0, load=float("nan")),
        Heartbeat("a", 1, 0, load=-1.0),
        Heartbeat("a", 1, 0, opinions={"b": Opinion(-1, 0)}),
        Heartbeat("a", 1, 0, opinions={f"n{n}": Opinion(1, 1) for n in range(65)}),
        Heartbeat("a", 1, 0, carried=bytes(limits.HEARTBEAT_CARRIED_BYTES_MAX + 1)),
        Heartbeat("a", 1, 0, carried=bytes(limits.HEARTBEAT_BYTES_MAX)),
    ],
)
def test_what_is_out_of_bounds_is_refused(wrong):
    with pytest.raises(MessageError):
        read_heartbeat(write_heartbeat(wrong))
