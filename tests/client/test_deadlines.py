"""A peer that gives or takes a byte now and then, and never ends, holds neither form of the client beyond its time."""

import socket
import time

import httpx
import pytest

from homeroom import limits
from homeroom.client.deadlines import Deadlines
from homeroom.errors import UnavailableError
from tests.client.dripping import (
    DRIP_S,
    DROPS_MAX,
    SLOW_BODY,
    SLOW_HEADERS,
    SLOW_REFUSAL,
    SLOW_TAKING,
    Dripping,
)
from tests.client.forms import FORMS, Waiting
from tests.client.tables import known

SHORT = {"time_s_max": 0.1, "attempt_s_max": 0.1}
ENOUGH_S = DROPS_MAX * DRIP_S * 0.8
"""Less than one attempt that waits for all drops, far more than all attempts that do not."""

BOTH = pytest.mark.parametrize("form", FORMS)


def fails_in_time(do):
    """Do what cannot be answered, and say whether it ended long before the drops."""
    began_s = time.monotonic()
    with pytest.raises(UnavailableError):
        do()
    return time.monotonic() - began_s < ENOUGH_S


@BOTH
@pytest.mark.parametrize("first", [SLOW_HEADERS, SLOW_BODY, SLOW_REFUSAL])
def test_an_answer_that_comes_in_drops_is_waited_for_until_the_attempt_is_over(form, first):
    with Dripping(first) as node:
        client = form(node.url, "hr_x", **SHORT)
        assert fails_in_time(client.status)
        client.close()


@BOTH
@pytest.mark.parametrize("first", [SLOW_HEADERS, SLOW_REFUSAL])
def test_a_stream_whose_opening_comes_in_drops_is_given_up_in_time(form, first):
    with Dripping(first) as node:
        client = form(node.url, "hr_x", **SHORT)
        assert fails_in_time(lambda: followed(client))
        client.close()


def followed(client):
    if isinstance(client, Waiting):
        return next(client.follow())

    async def first():
        return await anext(client.client.follow())

    return client.runner.run(first())


@BOTH
@pytest.mark.parametrize("first", [SLOW_HEADERS, SLOW_BODY])
def test_a_routing_table_that_comes_in_drops_is_asked_for_again(form, first, monkeypatch):
    monkeypatch.setattr(limits, "ROUTES_WAIT_MS", 100)
    with Dripping(first, path=b"/v1/routes") as node:
        client = form(node.url, "hr_x", world=known("a"))
        until_s = time.monotonic() + ENOUGH_S
        asked = 0
        while asked < 2 and time.monotonic() < until_s:
            client.status()
            client.clock.ms += limits.ROUTES_MS
            asked += node.asked.acquire(timeout=DRIP_S)
        assert asked == 2
        assert "in time" in client.client.statistics()["trouble"]
        client.close()


@BOTH
def test_what_goes_by_a_proxy_of_the_environment_is_bounded_too(form, monkeypatch):
    with Dripping(SLOW_HEADERS) as proxy:
        monkeypatch.setenv("http_proxy", proxy.url)
        monkeypatch.delenv("no_proxy", raising=False)
        client = form("http://node.invalid", "hr_x", **SHORT)
        assert fails_in_time(client.status)
        assert proxy.asked.acquire(blocking=False), "it went by the proxy"
        client.close()


def test_a_body_that_is_taken_in_drops_is_given_up_when_the_attempt_is_over():
    deadlines, short = Deadlines(), [(socket.SOL_SOCKET, socket.SO_SNDBUF, 4_096)]
    # A buffer of the system's own size would take the body for the peer.
    transport = httpx.HTTPTransport(socket_options=short)
    began_s = time.monotonic()
    with (
        Dripping(SLOW_TAKING) as node,
        deadlines.bounded(httpx.Client(transport=transport, timeout=1)) as client,
        deadlines.within(200),
        pytest.raises((TimeoutError, httpx.WriteTimeout)),
    ):
        client.post(node.url, content=bytes(400_000))
    assert time.monotonic() - began_s < ENOUGH_S


def test_a_deadline_within_another_never_makes_it_later():
    deadlines = Deadlines()
    assert deadlines.left_s(9.0) == 9.0
    with deadlines.within(0):
        with deadlines.within(60_000), pytest.raises(TimeoutError):
            deadlines.left_s(9.0)
        with pytest.raises(TimeoutError):
            deadlines.left_s(None)
    with deadlines.within(60_000):
        assert 0 < deadlines.left_s(None) <= 60
        assert deadlines.left_s(1.0) == 1.0
    assert deadlines.left_s(None) is None
