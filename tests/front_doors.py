"""HAProxy as a front door of nodes that run, and clients that come through it and try nothing twice themselves."""

import asyncio
import itertools
from contextlib import contextmanager

import httpx
import pytest

from demos.front_door import HAProxy
from homeroom.adapters.haproxy import FrontDoor, configuration, haproxy_program
from homeroom.provers.ports import free_ports
from homeroom.provers.programs import end_with_parent

needs_haproxy = pytest.mark.skipif(
    haproxy_program() is None, reason="haproxy is not installed (Debian: haproxy)"
)


class Door(HAProxy):
    """One that ends when the tests are killed."""

    def _how(self, log):
        return {**super()._how(log), "preexec_fn": end_with_parent}


@contextmanager
def front_door(folder, table, **fields):
    """Run HAProxy with the configuration of a routing table."""
    port, path = free_ports(20) + 19, folder / "haproxy.cfg"
    path.write_text(configuration(table, FrontDoor(listen=f"127.0.0.1:{port}", **fields)))
    door = Door(haproxy_program(), path, port)
    try:
        door.start()
        yield door
    finally:
        door.kill()


async def pause(seconds):
    """Let others go on for a moment: clients are no crowd."""
    await asyncio.wait([asyncio.get_running_loop().create_future()], timeout=seconds)


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
