"""Ports that are free are free, and an address of somebody else is refused."""

import socket

import pytest

from homeroom.errors import ProvingError
from homeroom.provers.ports import check_addresses, free_ports


def test_ports_in_a_row_are_free_and_are_not_given_while_they_are_taken():
    first = free_ports(3)
    with socket.socket() as one:
        one.bind(("127.0.0.1", first + 1))
        other = free_ports(3)
    assert not first <= other <= first + 1
    for port in range(other, other + 3):
        with socket.socket() as one:
            one.bind(("127.0.0.1", port))


def test_addresses_of_this_machine_are_told_from_others():
    check_addresses(["127.0.0.1", "127.0.0.1"])
    with pytest.raises(ProvingError, match=r"192\.0\.2\.1 is no address of this machine"):
        check_addresses(["127.0.0.1", "192.0.2.1"])
