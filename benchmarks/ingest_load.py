"""Load on a node over HTTP, cheap enough to stand beside it on the same processors.

All requests are bytes before the first one is sent. A connection is a protocol that writes one of them, waits for its
answer and takes the next: HTTP/1.1 with keep-alive, never two requests under way on one connection. A client library
would take as much of the processors as the node.

In a closed loop each connection sends as soon as it has heard: that shows how much gets through. In an open one
requests have a time at which they should be sent, whether the node keeps up or not, and the delay is counted from that
time: who waited for a free connection waited too.
"""

import asyncio
import json
import time
from collections import Counter, deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

import uvloop

from benchmarks.timing import timing_of

__all__ = [
    "Connection",
    "Hearer",
    "Load",
    "Sending",
    "connected",
    "repeat",
    "requests_of",
    "run",
    "sent",
]

_DAY_MS: Final = 86_400_000
_FIRST_MS: Final = 1_767_225_600_000
"""2026-01-01."""
_DAYS: Final = 30
_VERBS: Final = ("viewed", "answered", "completed", "played")
_WAIT_S_MAX: Final = 120.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """What is sent.

    Parameters
    ----------
    address : ``http://HOST:PORT``
    key : opens the node
    kind : ``events`` or ``statements``
    first, count : numbers of the events; the same numbers are the same events
    batch : events of a request
    learners : of whom they are
    connections : that send
    per_second : requests that should be sent in a second; None for a closed loop
    first_ms : the first day of the events, of which there are thirty
    level : of acknowledgement
    """

    address: str
    key: str
    kind: str
    first: int
    count: int
    batch: int
    learners: int
    connections: int
    per_second: float | None = None
    first_ms: int = _FIRST_MS
    level: str = "local"


def requests_of(load: Load) -> list[bytes]:
    """Return all requests, in order."""
    host = load.address.removeprefix("http://")
    made = _event if load.kind == "events" else _statement
    path = "/v1/events" if load.kind == "events" else "/xapi/statements"
    if load.level != "local":
        path += f"?ack={load.level}"
    always = f"POST {path} HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {load.key}\r\n"
    requests = []
    for at in range(load.first, load.first + load.count, load.batch):
        numbers = range(at, min(at + load.batch, load.first + load.count))
        body = b"\n".join(made(number, load) for number in numbers)
        if load.kind == "events":
            own = f"Content-Type: application/x-ndjson\r\nIdempotency-Key: {_id(at)}\r\n"
        else:
            own = "Content-Type: application/json\r\nX-Experience-API-Version: 1.0.3\r\n"
        requests.append(f"{always}{own}Content-Length: {len(body)}\r\n\r\n".encode() + body)
    return requests


def _event(number: int, load: Load) -> bytes:
    mixed = number * 2_654_435_761 % (1 << 32)
    time_ms = load.first_ms + mixed % _DAYS * _DAY_MS + number % _DAY_MS
    course = mixed % 20
    return (
        f'{{"account":"learner-{mixed % load.learners:08d}","verb":"{_VERBS[mixed % 4]}","time":{time_ms},'
        f'"issuer":"https://lms.example.org","activity":"https://lms.example.org/course/{course}/unit/{mixed % 997}",'
        f'"course":"course-{course}","id":"{_id(number)}"}}'
    ).encode()


def _id(number: int) -> str:
    """Return a UUID of version 7 (RFC 9562): in the order of time, as clients draw them."""
    mixed = number * 0x9E3779B97F4A7C15 & (1 << 64) - 1
    time_ms = f"{_FIRST_MS + number // 100:012x}"
    drawn = f"7{mixed >> 52:03x}-8{mixed >> 40 & 0xFFF:03x}-{number:012x}"
    return f"{time_ms[:8]}-{time_ms[8:]}-{drawn}"


def _statement(number: int, load: Load) -> bytes:
    """Return a statement of one of a twentieth of the learners: a person who is new is a rare thing."""
    mixed = number * 2_654_435_761 % (1 << 32)
    activity = f"http://lms.example.org/course/{mixed % 20}/unit/{mixed % 997}"
    course = f"http://lms.example.org/course/{mixed % 20}"
    name = f"learner-{mixed % max(load.learners // 20, 1):08d}"
    home = {"homePage": "http://lms.example.org", "name": name}
    parent = {"id": course, "definition": {"type": "http://adlnet.gov/expapi/activities/course"}}
    statement = {
        "id": _id(number),
        "actor": {"objectType": "Agent", "account": home},
        "verb": {
            "id": "http://adlnet.gov/expapi/verbs/experienced",
            "display": {"en": "experienced"},
        },
        "object": {
            "objectType": "Activity",
            "id": activity,
            "definition": {"name": {"en": "A unit"}},
        },
        "context": {"contextActivities": {"parent": [parent]}, "platform": "example"},
        "timestamp": f"2026-01-{1 + mixed % 28:02d}T12:{mixed % 60:02d}:00.000Z",
    }
    return json.dumps(statement, separators=(",", ":")).encode()


class _Work:
    """Requests that wait, and what came of those that were sent."""

    def __init__(self, requests: Sequence[bytes], is_open: bool) -> None:  # noqa: FBT001 - private
        self.requests = requests
        self.waiting: deque[tuple[bytes, float]] = deque()
        if not is_open:
            self.waiting.extend((request, 0.0) for request in requests)
        self.idle: deque[Connection] = deque()
        self.delays_s: list[float] = []
        self.statuses: Counter[int] = Counter()
        self.accepted = 0
        self.left = len(requests)
        self.done = asyncio.get_running_loop().create_future()

    def offer(self, request: bytes, wanted_s: float) -> None:
        """Have a request sent by whoever is free, or next will be."""
        if self.idle:
            self.idle.popleft().send(request, wanted_s)
        else:
            self.waiting.append((request, wanted_s))

    def heard(self, connection: "Connection", head: bytes, body: bytes, since_s: float) -> None:
        """Take an answer, and give its connection the next request."""
        self.delays_s.append(time.perf_counter() - since_s)
        status = int(head[9:12])
        self.statuses[status] += 1
        if status == 200:
            found = body.find(b'"accepted":')
            self.accepted += 1 if found < 0 else int(body[found + 11 : body.index(b",", found)])
        self.left -= 1
        if self.left == 0:
            self.done.set_result(None)
        elif self.waiting:
            request, wanted_s = self.waiting.popleft()
            connection.send(request, wanted_s)
        else:
            self.idle.append(connection)

    def lost(self, error: Exception | None) -> None:
        """End all, because a connection was closed while work was left."""
        if not self.done.done():
            self.done.set_exception(ConnectionError(f"the node closed a connection: {error}"))


class Hearer(Protocol):
    """Whoever sends requests over connections."""

    def heard(self, connection: "Connection", head: bytes, body: bytes, since_s: float, /) -> None:
        """Take an answer, to what should have been sent at a time."""

    def lost(self, error: Exception | None, /) -> None:
        """Take that a connection was closed."""


class Connection(asyncio.Protocol):
    """Sends a request and hears the answer, whole, before the next one."""

    def __init__(self, work: Hearer) -> None:
        self._work = work
        self._buffer = b""
        self.is_closed = False

    def connection_made(self, transport: Any) -> None:  # noqa: ANN401 - the loop's
        """Take what bytes are written to."""
        self._transport = transport

    def connection_lost(self, exc: Exception | None) -> None:
        """Take the end."""
        self.is_closed = True
        self._work.lost(exc)

    def send(self, request: bytes, wanted_s: float) -> None:
        """Send a request, which should have been sent at a time (0: now)."""
        self._since_s = wanted_s or time.perf_counter()
        self._transport.write(request)

    def data_received(self, data: bytes) -> None:
        """Take bytes, and hand an answer over when it is whole."""
        buffer = self._buffer = self._buffer + data if self._buffer else data
        end = buffer.find(b"\r\n\r\n")
        if end < 0:
            return
        at = buffer.find(b"content-length: ", 0, end) + 16
        length = int(buffer[at : buffer.index(b"\r\n", at)])
        if len(buffer) < end + 4 + length:
            return
        self._buffer = b""
        self._work.heard(self, buffer[:end], buffer[end + 4 :], self._since_s)


async def connected(work: Hearer, address: str, count: int) -> list[Connection]:
    """Return so many connections to a node, whose answers somebody hears."""
    loop = asyncio.get_running_loop()
    host, port = address.removeprefix("http://").split(":")
    return [
        (await loop.create_connection(lambda: Connection(work), host, int(port)))[1]
        for _ in range(count)
    ]


def run(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Send a `Load`, given as a mapping; return how long it took, what came back, and the delays."""
    load = Load(**arguments)
    sending = Sending(load.address, load.connections, load.per_second)
    return uvloop.run(sent(sending, requests_of(load)))


def repeat(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Send some requests, ``texts`` with the address left out, in turn: ``per_second``, ``count`` of them in all."""
    host = arguments["address"].removeprefix("http://")
    texts = [text.replace("HOST", host, 1).encode() for text in arguments["texts"]]
    sending = Sending(arguments["address"], arguments["connections"], arguments["per_second"])
    requests = [texts[number % len(texts)] for number in range(arguments["count"])]
    return uvloop.run(sent(sending, requests))


@dataclass(frozen=True, slots=True)
class Sending:
    """Where requests are sent, over how many connections, and how many should be in a second (None: closed loop)."""

    address: str
    connections: int
    per_second: float | None


async def sent(sending: Sending, requests: Sequence[bytes]) -> dict[str, Any]:
    """Send requests; return how long it took, what came back, and the delays."""
    work = _Work(requests, sending.per_second is not None)
    connections = await connected(work, sending.address, min(sending.connections, len(requests)))
    begun_s, used_s = time.perf_counter(), time.process_time()
    work.idle.extend(connections)
    if sending.per_second is None:
        for connection in connections:
            work.idle.popleft()
            connection.send(*work.waiting.popleft())
    else:
        await _on_time(work, sending.per_second)
    await asyncio.wait_for(work.done, _WAIT_S_MAX)
    seconds = time.perf_counter() - begun_s
    return {
        "seconds": seconds,
        "processor_s": time.process_time() - used_s,
        "requests": len(requests),
        "accepted": work.accepted,
        "statuses": {str(status): count for status, count in work.statuses.items()},
        "delay": timing_of(work.delays_s).to_json(),
    }


async def _on_time(work: _Work, per_second: float) -> None:
    """Offer each request at its time. Those that are due together go together: timers are as fine as a millisecond."""
    begun_s = time.perf_counter()
    for number, request in enumerate(work.requests):
        wanted_s = begun_s + number / per_second
        early_s = wanted_s - time.perf_counter()
        if early_s > 0:
            await asyncio.sleep(early_s)
        work.offer(request, wanted_s)
