"""A world of real processes: nodes that ``homeroom serve`` runs, servers of NATS between them, and what is killed."""

import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import ExitStack

import httpx
import pytest

from homeroom.cli import main, status
from homeroom.provers.programs import end_with_parent
from homeroom.provers.world_processes import FabricServer
from tests.adapters.test_nats_servers import with_one_ready
from tests.nats_worlds import running

# A process takes seconds to import what a node is made of.
pytestmark = pytest.mark.slow

WAIT_S = 120


class Nodes:
    """Nodes of a world as processes; each answers at the address that its settings say."""

    def __init__(self, world, stack):
        self.world, self.headers = world, {}
        self.stack = stack
        self.processes = {}

    def start(self, node):
        region = self.world.world.region_of(node).name
        words = ("--data", self.world.places.data(region, node))
        words += ("--config", self.world.places.settings(region, node))
        log = self.stack.enter_context((self.world.places.path / f"{node}.log").open("ab"))
        process = subprocess.Popen(
            [sys.executable, "-m", "homeroom", "serve", *words],
            stdout=log,
            stderr=log,
            preexec_fn=end_with_parent,  # noqa: PLW1509 - no other thread has begun
        )
        self.stack.callback(process.wait)
        self.stack.callback(process.kill)
        self.processes[node] = process

    def address(self, node):
        return self.world.world.region_of(node).nodes[node].http

    def wait_until(self, holds):
        ticks, until_s = threading.Event(), time.monotonic() + WAIT_S
        while not holds():
            assert time.monotonic() < until_s
            ticks.wait(0.05)

    def answers(self, node):
        assert self.processes[node].poll() is None, self.said(node)
        try:
            return httpx.get(f"{self.address(node)}/health/ready", timeout=5).json()["ready"]
        except httpx.TransportError:
            return False

    def said(self, node):
        return (self.world.places.path / f"{node}.log").read_text()

    def send(self, node, *accounts):
        events = [
            {"account": one, "verb": "read", "time": "2026-11-23T10:00:00Z", "course": "physics"}
            for one in accounts
        ]
        url = f"{self.address(node)}/v1/events"
        sent = httpx.post(url, json=events, headers=self.headers, timeout=60)
        assert sent.json()["accepted"] == len(accounts), sent.text

    def learners(self, node):
        asked = httpx.post(
            f"{self.address(node)}/v1/query",
            json={"question": "active"},
            headers=self.headers,
            timeout=60,
        )
        # The key is a fact of the home, and has not come yet.
        return asked.json()["answer"]["active"]["day"]["values"] if asked.is_success else None

    def wait_for(self, learners, *nodes):
        self.wait_until(lambda: all(self.learners(node) == [learners] for node in nodes))


@pytest.fixture
def nodes(tmp_path, capsys):
    plan = with_one_ready(north=("ada",), south=("bob",), east=("cid",), west=())
    with running(tmp_path / "w", plan) as world, ExitStack() as stack:
        nodes = Nodes(world, stack)
        for node in ("ada", "bob", "cid"):
            nodes.start(node)
        nodes.wait_until(lambda: all(nodes.answers(node) for node in nodes.processes))
        words = ("--scopes", "read,write,admin", "--data", str(world.places.data("north", "ada")))

        def create():
            is_made = main(["keys", "create", "test", *words]) == status.CLEAN
            said = capsys.readouterr().out
            nodes.headers = {"Authorization": f"Bearer {said.strip()}"}
            return is_made

        nodes.wait_until(create)
        yield nodes


THREE = ("ada", "bob", "cid")


def test_a_world_of_processes_comes_to_one_answer_whatever_is_killed(nodes, tmp_path, capsys):
    for node in THREE:
        nodes.wait_until(lambda node=node: nodes.learners(node) is not None)
        nodes.send(node, "shared", f"of {node}")
    nodes.wait_for(4, *THREE)
    a_region_without_its_server_goes_on_by_itself_and_says_so(nodes)
    a_node_that_is_killed_comes_again_and_gets_what_it_has_missed(nodes)
    a_node_that_hangs_is_waited_for_by_nobody(nodes)
    a_region_is_added_while_all_of_this_runs(nodes, str(tmp_path / "w"))
    it_leaves_once_all_others_have_said_what_they_hold(nodes, str(tmp_path / "w"), capsys)
    for node, process in nodes.processes.items():
        process.terminate()
        assert process.wait(60) == 0, nodes.said(node)


def a_region_without_its_server_goes_on_by_itself_and_says_so(nodes):
    nodes.world.servers["south"].kill()
    nodes.send("bob", "alone")
    nodes.send("ada", "elsewhere")
    nodes.wait_for(5, *THREE)
    told = httpx.get(f"{nodes.address('bob')}/v1/status", headers=nodes.headers).json()
    assert any("no server of the fabric" in why for why in told["troubles"])
    nodes.world.servers["south"].start()
    nodes.wait_for(6, *THREE)


def a_node_that_is_killed_comes_again_and_gets_what_it_has_missed(nodes):
    nodes.send("cid", "before the end")
    nodes.processes["cid"].kill()
    nodes.processes["cid"].wait()
    nodes.send("ada", "meanwhile")
    nodes.start("cid")
    nodes.wait_until(lambda: nodes.answers("cid"))
    nodes.wait_for(8, *THREE)


def a_node_that_hangs_is_waited_for_by_nobody(nodes):
    os.kill(nodes.processes["bob"].pid, signal.SIGSTOP)
    try:
        nodes.send("ada", "while bob hangs")
        nodes.wait_for(9, "ada", "cid")
    finally:
        os.kill(nodes.processes["bob"].pid, signal.SIGCONT)
    nodes.wait_for(9, *THREE)


def a_region_is_added_while_all_of_this_runs(nodes, place):
    assert main(["world", "add", place, "west"]) == status.CLEAN
    nodes.world.read_again()
    nodes.world.servers["west"] = server = FabricServer(nodes.world.places.server("west"))
    nodes.stack.callback(server.kill)
    server.start()
    assert main(["world", "join", place, "west-1"]) == status.CLEAN
    nodes.start("west-1")
    nodes.wait_until(lambda: nodes.answers("west-1"))
    nodes.wait_for(9, "west-1")
    nodes.send("west-1", "of west")
    nodes.wait_for(10, *THREE, "west-1")


def it_leaves_once_all_others_have_said_what_they_hold(nodes, place, capsys):
    leave = ["world", "leave", place, "west-1", "--documents-leave"]
    os.kill(nodes.processes["bob"].pid, signal.SIGSTOP)
    try:
        assert main([*leave, "--wait", "0"]) == status.FAILED
        assert "bob has not said yet what it holds of west-1" in capsys.readouterr().err
        assert main(["world", "check", place]) == status.WRONG
        assert "data has not answered for 5 s: it hangs" in capsys.readouterr().out
    finally:
        os.kill(nodes.processes["bob"].pid, signal.SIGCONT)
    assert main(leave) == status.CLEAN
    event = {"account": "late", "verb": "read", "time": "2026-11-23T10:00:00Z"}
    url = f"{nodes.address('west-1')}/v1/events"

    def refused():
        sent = httpx.post(url, json=[event], headers=nodes.headers, timeout=60)
        return "does not belong to the world" in sent.text

    nodes.wait_until(refused)
    assert main(["world", "check", place]) == status.WRONG
    assert "west-1 does not belong" in capsys.readouterr().out
    nodes.wait_for(10, *THREE)
