"""The fabric over NATS, where servers refuse, die and hang, and messages are not what they should be."""

import asyncio
import contextlib
import os
import signal
import socket
import ssl
import threading
import time
from dataclasses import replace

import nats
import pytest

from homeroom import limits
from homeroom.adapters.nats_fabric import NatsFabric, NatsOptions, pack, unpack
from homeroom.errors import KeyFileError, MessageError, SettingsError
from homeroom.provers.ports import free_ports
from tests.client.hanging import hanging, named
from tests.nats_worlds import NatsWorld, planned, running

WAIT_S = 15


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    with running(tmp_path_factory.mktemp("nats"), planned(north=("one", "two", "three"))) as world:
        yield world


@pytest.fixture
def opened():
    """Return a function that starts a fabric which is closed at the end; with it comes what tells of its messages."""
    fabrics = []

    def start(fabric):
        told = threading.Event()
        fabrics.append(fabric)
        fabric.start(told.set)
        return fabric, told

    yield start
    for fabric in fabrics:
        fabric.close()


def wait_until(holds):
    """Wait until something holds; the fabric's thread tells nobody of it, so it is asked again and again."""
    ticks, until_s = threading.Event(), time.monotonic() + WAIT_S
    while not holds():
        assert time.monotonic() < until_s
        ticks.wait(0.005)


def carries(one, other, to):
    """Send until one message has come to the other; what came before it is passed over."""
    mark = b"%d" % time.monotonic_ns()

    def came():
        one.send(to, mark)
        return any(body == mark for _, body in other.receive())

    wait_until(came)


def test_a_name_of_whose_addresses_some_hang_leads_to_the_server(tmp_path, opened, monkeypatch):
    port, hosts = free_ports(10), ("127.0.0.2", "127.0.0.3")
    plan = planned(north=("one", "two"))
    north = replace(plan.regions["north"], fabric=(f"tls://localhost:{port}",))
    world = NatsWorld(tmp_path / "w", replace(plan, regions={"north": north}))
    # Of a name the server listens at all addresses of its machine, and others are to hang.
    conf = world.places.server("north") / "server.conf"
    conf.write_text(conf.read_text().replace("0.0.0.0", "127.0.0.1"))
    with contextlib.ExitStack() as stack, hanging(port, *hosts):
        stack.callback(world.servers["north"].kill)
        world.servers["north"].start()
        named(monkeypatch, {"localhost": [*hosts, "127.0.0.1"]})
        one, _ = opened(world.fabric("one"))
        wait_until(lambda: one.state().is_connected)


# --- who speaks ------------------------------------------------------------------------------------------------------


def test_nobody_can_speak_or_hear_in_the_name_of_another(world, opened):
    two, _ = opened(world.fabric("two"))
    one, _ = opened(world.fabric("one"))
    forged, _ = opened(NatsFabric(world.options("three", certificate_of="one")))
    wait_until(lambda: forged.state().is_connected and two.state().is_connected)
    forged.send("two", b"forged")
    wait_until(lambda: any("refuse" in why for why in forged.state().troubles))
    one.send("three", b"private")
    carries(one, two, "two")
    assert "three" not in two.state().peers
    assert forged.receive() == []


@pytest.mark.parametrize("wrong", ["without", "of a server", "of another world"])
def test_who_has_no_certificate_of_the_world_is_not_let_in(world, tmp_path, wrong):
    options = world.options("one")
    context = ssl.create_default_context(cafile=options.authority)
    stem = world.places.server("north") / "server"
    if wrong == "of another world":
        with_others = planned(north=("one",))
        from homeroom.adapters.world_directory import WorldPlaces, make_world
        from tests.nats_worlds import NOW_MS

        make_world(tmp_path / "other", with_others, 30_000, 1, NOW_MS)
        stem = WorldPlaces(tmp_path / "other").certificate("north", "one")
    if wrong != "without":
        context.load_cert_chain(stem.with_suffix(".crt"), stem.with_suffix(".key"))

    async def connect():
        async def ignore(_error):
            pass

        await nats.connect(
            list(options.addresses), tls=context, allow_reconnect=False, error_cb=ignore
        )

    with pytest.raises((OSError, nats.errors.Error)):
        asyncio.run(connect())


def test_a_gateway_opens_to_servers_and_to_no_node(world):
    options = world.options("one")
    (gateway,) = world.world.regions["north"].gateways
    host, port = gateway.removeprefix("tls://").split(":")
    server = world.places.server("north") / "server"
    said = {}
    for who, stem in (("server", server), ("node", options.certificate.with_suffix(""))):
        context = ssl.create_default_context(cafile=options.authority)
        context.load_cert_chain(stem.with_suffix(".crt"), stem.with_suffix(".key"))
        with socket.create_connection((host, int(port))) as plain:
            try:
                with context.wrap_socket(plain, server_hostname=host) as encrypted:
                    said[who] = encrypted.recv(4_096)
            except OSError as error:
                said[who] = str(error).encode()
    assert said["server"].startswith(b"INFO")
    assert b"INFO" not in said["node"]


def test_a_server_of_another_world_is_not_believed(world, opened, tmp_path):
    other = planned(north=("one",))
    with running(tmp_path / "other", other) as elsewhere:
        mine, theirs = world.options("one"), elsewhere.options("one")
        fabric, _ = opened(
            NatsFabric(
                NatsOptions(
                    world=mine.world,
                    node="one",
                    addresses=theirs.addresses,
                    certificate=mine.certificate,
                    certificate_key=mine.certificate_key,
                    authority=mine.authority,
                )
            )
        )
        wait_until(lambda: any("CERTIFICATE" in why.upper() for why in fabric.state().troubles))
        assert not fabric.state().is_connected


# --- servers that go and come ----------------------------------------------------------------------------------------


def test_a_server_that_was_killed_and_comes_again_is_found_again(world, opened):
    one, _ = opened(world.fabric("one"))
    two, _ = opened(world.fabric("two"))
    wait_until(lambda: one.state().is_connected and two.state().is_connected)
    server = world.servers["north"]
    server.kill()
    wait_until(lambda: not one.state().is_connected)
    lost = one.state().peers["two"].dropped if "two" in one.state().peers else 0
    for _ in range(limits.FABRIC_MESSAGES_MAX):
        one.send("two", b"into the void")
    assert one.state().peers["two"].dropped == lost + limits.FABRIC_MESSAGES_MAX
    assert "no server" in one.state().troubles[0]
    server.start()
    wait_until(lambda: one.state().is_connected and two.state().is_connected)
    assert one.state().troubles == ()
    carries(one, two, "two")
    assert all(body != b"into the void" for _, body in two.receive())


def test_a_fabric_starts_before_its_server(world, opened):
    world.servers["north"].stop()
    one, _ = opened(world.fabric("one"))
    wait_until(lambda: "Connect" in one.state().troubles[0])
    world.servers["north"].start()
    wait_until(lambda: one.state().is_connected)


@pytest.mark.slow
def test_a_server_that_hangs_makes_nobody_wait_and_fills_no_memory(world, opened):
    one, _ = opened(world.fabric("one"))
    wait_until(lambda: one.state().is_connected)
    pid = world.servers["north"].pid
    os.kill(pid, signal.SIGSTOP)
    try:
        body, begun_s = os.urandom(limits.MESSAGE_BYTES_MAX), time.monotonic()
        for _ in range(100):
            one.send("two", body)
        assert time.monotonic() - begun_s < 1
        assert one._out._bytes <= limits.FABRIC_BYTES_MAX
        wait_until(lambda: not one.state().is_connected)
    finally:
        os.kill(pid, signal.SIGCONT)
    wait_until(lambda: one.state().is_connected)
    two, _ = opened(world.fabric("two"))
    carries(one, two, "two")


def test_closing_does_not_wait_for_a_server_that_hangs(world):
    fabric = world.fabric("one")
    fabric.start(lambda: None)
    wait_until(lambda: fabric.state().is_connected)
    pid = world.servers["north"].pid
    os.kill(pid, signal.SIGSTOP)
    try:
        fabric.close()
    finally:
        os.kill(pid, signal.SIGCONT)
    assert not fabric._thread.is_alive()


# --- messages --------------------------------------------------------------------------------------------------------


def test_what_gains_by_it_is_compressed(rng):
    text, noise = b"us-east/2f/analytic " * 200, rng.bytes(4_000)
    assert len(pack(text)) < len(text) / 5
    assert len(pack(noise)) == len(noise) + 1
    for body in (b"", b"a", text, noise):
        assert unpack(pack(body)) == body


@pytest.mark.parametrize(
    "packed",
    [
        b"",
        b"\x02abc",
        b"\x01",
        b"\x01\x10\x00\x00\x00abc",
        b"\x01\xff\xff\xff\xff" + pack(b"a" * 1_000)[5:],
        b"\x01\x01\x00\x00\x00" + pack(b"a" * 1_000)[5:],
        b"\x00" + bytes(limits.MESSAGE_BYTES_MAX + 1),
    ],
)
def test_a_message_that_is_damaged_or_grows_too_large_is_refused(packed):
    with pytest.raises(MessageError):
        unpack(packed)


def test_a_damaged_message_is_dropped_and_counted(world, opened):
    two, _ = opened(world.fabric("two"))
    options = world.options("one")
    context = ssl.create_default_context(cafile=options.authority)
    context.load_cert_chain(options.certificate, options.certificate_key)
    wait_until(lambda: two.state().is_connected)

    async def publish():
        client = await nats.connect(list(options.addresses), tls=context)
        await client.publish("homeroom.trial.two.one", b"\x07")
        await client.flush()
        await client.close()

    before = two.state().peers["one"].dropped if "one" in two.state().peers else 0
    asyncio.run(publish())
    wait_until(lambda: "one" in two.state().peers and two.state().peers["one"].dropped > before)
    assert two.receive() == []


def test_a_burst_after_a_stall_loses_the_oldest_and_never_the_newest(world, opened):
    one, _ = opened(world.fabric("one"))
    two, _ = opened(world.fabric("two"))
    three, _ = opened(world.fabric("three"))
    carries(one, two, "two")
    carries(one, three, "three")
    many, go_on = 3 * limits.FABRIC_MESSAGES_MAX, threading.Event()
    two._loop.call_soon_threadsafe(go_on.wait, WAIT_S)
    for number in range(many):
        one.send("two", b"%d" % number)
        if number % 500 == 499:
            wait_until(lambda: not one._out._waiting)
    carries(one, three, "three")  # so the server has the burst too
    go_on.set()
    wait_until(lambda: two._in._waiting and two._in._waiting[-1][1] == b"%d" % (many - 1))
    kept = [b"%d" % number for number in range(many - limits.FABRIC_MESSAGES_MAX, many)]
    assert [body for _, body in two.receive()] == kept


# --- settings --------------------------------------------------------------------------------------------------------


def test_what_cannot_be_used_is_refused_before_anything_begins(world, tmp_path):
    good = world.options("one")
    key = tmp_path / "one.key"
    key.write_bytes(good.certificate_key.read_bytes())
    key.chmod(0o644)
    fields = {name: getattr(good, name) for name in good.__slots__}
    for name, value, error, why in (
        ("node", "One.*", SettingsError, "small letters"),
        ("world", "", SettingsError, "small letters"),
        ("addresses", (), SettingsError, "fabric"),
        ("certificate", tmp_path / "none.crt", SettingsError, "world init"),
        ("authority", tmp_path / "none.crt", SettingsError, "world init"),
        ("certificate_key", key, KeyFileError, "chmod 600"),
    ):
        with pytest.raises(error, match=why):
            NatsFabric(NatsOptions(**{**fields, name: value}))


def test_a_name_with_a_dot_or_a_star_is_sent_nothing(world):
    for name in ("two.one", "*", ">", ""):
        with pytest.raises(MessageError, match="no name"):
            world.fabric("one").send(name, b"a")
