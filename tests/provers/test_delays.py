"""What goes over a distance comes later, in order and whole, and a door that is slammed breaks all at once."""

import asyncio
import contextlib
import itertools
import time

import pytest
import uvloop

from homeroom import limits
from homeroom.provers.delays import Door, Line
from homeroom.provers.ports import free_ports

WAY_S = 0.05


@pytest.fixture(params=[asyncio.run, uvloop.run], ids=["asyncio", "uvloop"])
def run(request):
    return request.param


def test_things_come_out_in_order_after_their_time(run):
    async def story():
        _loop, came, over = asyncio.get_running_loop(), [], asyncio.Event()

        def bring(thing):
            came.append((thing, time.monotonic()))
            if thing == 4:
                over.set()

        line, sent_s = Line(WAY_S, bring), time.monotonic()
        for thing in range(4):
            line.put(thing)
        line.put(4, sent_s + WAY_S)
        assert len(line) == 5
        assert not came
        await over.wait()
        return [thing for thing, _ in came], [at_s - sent_s for _, at_s in came]

    things, took_s = run(story())
    assert things == [0, 1, 2, 3, 4]
    assert all(one >= WAY_S for one in took_s)
    assert took_s[4] >= 2 * WAY_S


def test_what_goes_nowhere_is_there_at_once_and_a_closed_line_brings_nothing(run):
    async def story():
        came = []
        line = Line(0.0, came.append)
        line.put(1)
        assert came == [1]
        far = Line(0.001, came.append)
        far.put(2)
        far.close()
        far.put(3)
        late = Line(0.002, lambda _: over.set())
        over = asyncio.Event()
        late.put(None)
        await over.wait()
        return came

    assert run(story()) == [1]


async def shout(reader, writer):
    while line := await reader.readline():
        writer.write(line.upper())
        await writer.drain()
    writer.close()


async def behind(way_s, over=None):
    """Return a server that shouts, a door before it, and where that is."""
    visits = itertools.count()

    async def visit(reader, writer):
        next(visits)
        await shout(reader, writer)
        if over is not None:
            over.set()

    inside = await asyncio.start_server(visit, "127.0.0.1", 0)
    port = free_ports(1)
    door = Door(port, lambda address: way_s if address == "127.0.0.2" else 0.0)
    await door.open(inside.sockets[0].getsockname()[1])
    return inside, door, port


async def come(port, source="127.0.0.2"):
    return await asyncio.open_connection("127.0.0.1", port, local_addr=(source, 0))


def test_a_request_takes_a_round_trip_and_its_connection_one_more(run):
    async def story():
        asyncio.get_running_loop()
        inside, door, port = await behind(WAY_S)
        took_s = []
        for source in ("127.0.0.2", "127.0.0.3"):
            began_s = time.monotonic()
            reader, writer = await come(port, source)
            for line in (b"one\n", b"two\n"):
                writer.write(line)
                assert await reader.readline() == line.upper()
                took_s.append(time.monotonic() - began_s)
                began_s = time.monotonic()
            writer.close()
        assert door.connections == 2
        await door.close()
        inside.close()
        return took_s

    far_first, far_second, near_first, near_second = run(story())
    assert far_first >= 4 * WAY_S
    assert far_second >= 2 * WAY_S
    assert near_first + near_second < far_first


def test_bytes_keep_their_order_and_none_is_lost_however_many_there_are(run, monkeypatch):
    monkeypatch.setattr(limits, "DELAYED_PIECES_MAX", 4)

    async def story():
        inside, door, port = await behind(0.002)
        reader, writer = await come(port)
        sent = b"".join(b"line %d\n" % number for number in range(60_000))
        writer.write(sent)
        writer.write_eof()
        got = await reader.read()
        writer.close()
        await door.close()
        inside.close()
        return sent.upper() == got

    assert run(asyncio.wait_for(story(), 60))


def test_a_connection_that_both_sides_have_ended_is_over(run):
    async def story():
        inside, door, port = await behind(0.002)
        for _ in range(3):
            reader, writer = await come(port)
            writer.write(b"one\n")
            writer.write_eof()
            assert await reader.read() == b"ONE\n"
            writer.close()
        await asyncio.wait_for(door.ended(), 10)
        await door.close()
        inside.close()

    run(story())


def test_a_door_that_is_slammed_breaks_connections_after_one_way_and_takes_none(run):
    async def story():
        _loop, over = asyncio.get_running_loop(), asyncio.Event()
        inside, door, port = await behind(WAY_S, over)
        reader, writer = await come(port)
        writer.write(b"one\n")
        assert await reader.readline() == b"ONE\n"
        door.slam()
        slammed_s = time.monotonic()
        await asyncio.wait_for(over.wait(), 5)
        assert await reader.read() == b""
        heard_s = time.monotonic() - slammed_s
        writer.close()
        came_s = time.monotonic()
        other, away = await come(port)
        with contextlib.suppress(ConnectionResetError):
            assert await other.read() == b""
        refused_s = time.monotonic() - came_s
        away.close()
        await door.ended()
        await door.open(inside.sockets[0].getsockname()[1])
        again, writer = await come(port)
        writer.write(b"two\n")
        assert await again.readline() == b"TWO\n"
        writer.close()
        await door.close()
        inside.close()
        return heard_s, refused_s

    heard_s, refused_s = run(story())
    assert heard_s >= WAY_S
    assert refused_s >= 2 * WAY_S


def test_those_who_go_on_to_come_to_a_slammed_door_hold_nobody_up(run):
    async def story():
        inside, door, port = await behind(WAY_S)
        reader, writer = await come(port)
        door.slam()
        ending = asyncio.ensure_future(door.ended())
        while not ending.done():
            _, other = await come(port)
            other.close()
        assert await reader.read() == b""
        writer.close()
        await door.close()
        inside.close()

    run(asyncio.wait_for(story(), 10))


def test_where_no_node_is_behind_the_door_the_connection_breaks(run):
    async def story():
        port, nobody = free_ports(1), free_ports(2) + 1
        door = Door(port)
        await door.open(nobody)
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        with contextlib.suppress(ConnectionResetError):
            assert await reader.read() == b""
        writer.close()
        await door.close()

    run(story())
