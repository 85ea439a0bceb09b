"""HAProxy as a front door of nodes that run, and clients that come through it and try nothing twice themselves."""

import asyncio
import itertools
import socket
import subprocess
from contextlib import contextmanager

import httpx
import pytest

from homeroom.adapters.haproxy import FrontDoor, configuration, haproxy_program
from tests.databases import end_with_parent
from tests.nats_worlds import free_ports

needs_haproxy = pytest.mark.skipif(
    haproxy_program() is None, reason="haproxy is not installed (Debian: haproxy)"
)


class Url(str):
    """The address of a front door; ``process`` is its program."""

    def __new__(cls, text, process):
        url = super().__new__(cls, text)
        url.process = process
        return url


@contextmanager
def front_door(folder, table, **fields):
    """Run HAProxy with the configuration of a routing table; give its address."""
    port = free_ports(20) + 19
    path, log = folder / "haproxy.cfg", folder / "haproxy.log"
    path.write_text(configuration(table, FrontDoor(listen=f"127.0.0.1:{port}", **fields)))
    with log.open("wb") as said:
        process = subprocess.Popen(
            [haproxy_program(), "-db", "-f", path],
            stdout=said,
            stderr=said,
            preexec_fn=end_with_parent,  # noqa: PLW1509 - it only asks to be ended with this process
        )
    try:
        while not is_open(port):
            assert process.poll() is None, log.read_text()
        yield Url(f"http://127.0.0.1:{port}", process)
    finally:
        process.kill()
        process.wait()


async def pause(seconds):
    """Let others go on for a moment: clients are no crowd."""
    await asyncio.wait([asyncio.get_running_loop().create_future()], timeout=seconds)


def is_open(port):
    with socket.socket() as one:
        return one.connect_ex(("127.0.0.1", port)) == 0


class Visitors:
    """Clients that send batches and ask questions through a front door until they are told to stop."""

    def __init__(self, url, key, count=4):
        self.url, self.headers = url, {"authorization": f"Bearer {key}"}
        self.failed, self.served, self.accepted = [], [], 0
        self._stopping = asyncio.Event()
        self._numbers = itertools.count()
        self._tasks = [asyncio.ensure_future(self._visit()) for _ in range(count)]

    async def _visit(self):
        async with httpx.AsyncClient(base_url=self.url, headers=self.headers, timeout=30) as http:
            while not self._stopping.is_set():
                await self._send(http, next(self._numbers))
                await self._ask(http)
                await pause(0.02)

    async def _send(self, http, number):
        event = {"account": f"v{number}", "verb": "read", "time": "2026-11-23T10:00:00Z"}
        try:
            answer = await http.post("/v1/events", json=[event])
        except httpx.TransportError as error:
            self.failed.append(repr(error))
            return
        if answer.status_code != 200:
            self.failed.append((answer.status_code, answer.text))
            return
        said = answer.json()
        self.accepted += said["accepted"] > 0
        self.served.append(said["token"].split("/")[0])

    async def _ask(self, http):
        try:
            answer = await http.post("/v1/query", json={"question": "active"})
        except httpx.TransportError as error:
            self.failed.append(repr(error))
            return
        if answer.status_code != 200:
            self.failed.append((answer.status_code, answer.text))

    async def served_by(self, node, count=20):
        """Wait until so many batches in a row were served by one node."""
        while set(self.served[-count:]) != {node} or len(self.served) < count:
            assert all(not task.done() for task in self._tasks)
            await pause(0.02)

    async def stop(self):
        self._stopping.set()
        await asyncio.gather(*self._tasks)
