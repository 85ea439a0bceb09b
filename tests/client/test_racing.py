"""A name stands for several addresses, and some of them hang: whichever answers is taken, in time."""

import contextlib
import socket
import threading

import httpx
import pytest

from homeroom.client.racing import first_connected
from homeroom.errors import UnavailableError
from tests.client.forms import FORMS, Waiting
from tests.client.hanging import hanging, named

HANGING = ("127.0.0.2", "127.0.0.3", "127.0.0.4")


@pytest.fixture
def listens():
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def to(port, wait_s, name="many.test"):
    """Return the address to which a connection was made."""

    def connect(address, left_s):
        return socket.create_connection((address, port), timeout=left_s)

    with contextlib.closing(first_connected((name, port), wait_s, connect)) as made:
        return made.getpeername()[0]


@pytest.mark.parametrize("form", FORMS)
def test_a_node_of_whose_addresses_all_but_the_last_hang_is_reached_at_once(
    form, node, monkeypatch
):
    port = int(node.url.rpartition(":")[2])
    named(monkeypatch, {"many.test": [*HANGING, "127.0.0.1"]})
    with hanging(port, *HANGING):
        client = form(f"http://many.test:{port}", node.everything, time_s_max=5, attempt_s_max=5)
        assert client.status()
        client.close()


def test_where_all_hang_it_is_over_when_the_time_of_one_is(listens, monkeypatch):
    named(monkeypatch, {"many.test": [*HANGING]})
    with hanging(listens, *HANGING), pytest.raises(httpx.ConnectTimeout, match="has answered"):
        to(listens, 0.5)


def test_where_all_refuse_the_last_one_says_why(monkeypatch):
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    named(monkeypatch, {"many.test": ["127.0.0.2", "127.0.0.1"]})
    with pytest.raises(ConnectionRefusedError):
        to(port, 5)


def test_an_address_that_refuses_is_passed_over_without_a_wait(listens, monkeypatch):
    monkeypatch.setattr("homeroom.limits.ADDRESS_WAIT_MS", 60_000)
    named(monkeypatch, {"many.test": ["127.0.0.9", "127.0.0.1"]})
    assert to(listens, 30) == "127.0.0.1"


def test_who_comes_too_late_is_closed(listens, monkeypatch):
    monkeypatch.setattr("homeroom.limits.ADDRESS_WAIT_MS", 1)
    named(monkeypatch, {"many.test": ["127.0.0.2", "127.0.0.1"]})
    may, closed = threading.Event(), threading.Event()

    class Late:
        def close(self):
            closed.set()

    def connect(address, left_s):
        if address == "127.0.0.1":
            return socket.create_connection((address, listens), timeout=left_s)
        assert may.wait(30)
        return Late()

    first_connected(("many.test", listens), 30, connect).close()
    may.set()
    assert closed.wait(30)


def test_a_name_that_nobody_looks_up_in_time_ends_the_attempt(monkeypatch):
    may = threading.Event()
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_args, **_fields: may.wait(30) and [])
    client = Waiting("http://many.test:1", "hr_x", time_s_max=0.2, attempt_s_max=0.2)
    with pytest.raises(UnavailableError):
        client.status()
    may.set()


def test_a_name_that_is_not_there_is_told_as_by_the_library(monkeypatch):
    def found(*_args, **_fields):
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", found)
    client = Waiting("http://nowhere.invalid:1", "hr_x", time_s_max=1)
    with pytest.raises(UnavailableError, match=r"no connection .*not known"):
        client.status()
