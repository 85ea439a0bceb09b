"""A node is asked as clients would ask it, and whatever it does the question ends."""

import asyncio
from contextlib import asynccontextmanager

import pytest

from homeroom import limits
from homeroom.adapters.probes import Probes
from homeroom.traffic.detection.steps import Outcome


@asynccontextmanager
async def answering(*parts, holds_on=False):
    """Have something answer every connection with these bytes."""
    ended = asyncio.Event()

    async def answer(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        for part in parts:
            writer.write(part)
        if holds_on:
            await ended.wait()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        ended.set()
        server.close()
        await server.wait_closed()


def asked(*parts, holds_on=False):
    async def story():
        probes = Probes()
        async with answering(*parts, holds_on=holds_on) as url:
            found = await probes.ask(url)
        await probes.close()
        return found

    return asyncio.run(story())


def answer(status, *headers, body=b"{}"):
    lines = [f"HTTP/1.1 {status} x", f"content-length: {len(body)}", *headers, "", ""]
    return "\r\n".join(lines).encode() + body


@pytest.mark.parametrize(
    ("said", "outcome"),
    [
        (answer(200), Outcome.ANSWER),
        (answer(503), Outcome.REFUSAL),
        (answer(503, "Homeroom-Draining: 1"), Outcome.ANSWER),
        (answer(302, "location: http://127.0.0.1:1/"), Outcome.REFUSAL),
        (answer(200, body=b"x" * (limits.PROBE_ANSWER_BYTES_MAX + 1)), Outcome.REFUSAL),
        (b"no HTTP at all\r\n\r\n", Outcome.REFUSAL),
        (b"", Outcome.REFUSAL),
    ],
)
def test_only_a_good_answer_is_one(said, outcome):
    assert asked(said)[0] is outcome


def test_a_node_that_says_nothing_is_not_waited_for(monkeypatch):
    monkeypatch.setattr(limits, "PROBE_WAIT_MS", 50)
    outcome, took_ms = asked(b"HTTP/1.1 200 x\r\n", holds_on=True)
    assert outcome is Outcome.TIME_OUT
    assert took_ms >= 50


@pytest.mark.parametrize("url", ["http://127.0.0.1:1", "http://", "no address", "ftp://x"])
def test_where_nobody_is_nobody_answers(url):
    async def story():
        probes = Probes()
        found = await probes.ask(url)
        await probes.close()
        return found

    assert asyncio.run(story())[0] is Outcome.REFUSAL


def test_it_asks_from_the_address_that_it_is_given():
    async def story():
        came = []

        async def note(reader, writer):
            came.append(writer.get_extra_info("peername")[0])
            writer.close()

        server = await asyncio.start_server(note, "127.0.0.1", 0)
        probes = Probes("127.0.0.3")
        await probes.ask(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}")
        await probes.close()
        server.close()
        await server.wait_closed()
        return came

    assert asyncio.run(story()) == ["127.0.0.3"]
