"""Several times more than a node can do, for a while: requests at their times, whether it keeps up or not.

Each request belongs to a client of its own that waits so long and no longer; who is refused comes again when it was
told to, so often. What counts is what clients see: an answer in time, counted from when they first wanted it or asked
again.

How much a node can do is found with clients of the other kind: so many, each of which waits for its answer and asks
again.
"""

import asyncio
import re
import time
from collections import Counter, deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any, Final

import uvloop

from benchmarks.ingest_load import Connection, Load, connected, requests_of

__all__ = ["AGAIN", "GOOD", "LATE", "REFUSED", "UNCONNECTED", "busy", "crowd"]

GOOD: Final = 200
REFUSED: Final = 503
AGAIN: Final = 0
"""A refusal after which its client comes again."""
LATE: Final = -1
"""An answer that came when its client waited no longer."""
UNCONNECTED: Final = -2
"""No connection was free."""

_TRIES: Final = 2
_ID: Final = b"ID-OF-BATCH"
"""Stands for a number that no other request has: what is known already is less work."""
_TIME: Final = b"TIME"
"""Stands for a part of a second, so that no answer is that to another question."""
_EVENT_ID: Final = re.compile(rb'-[0-9a-f]{12}"')
_END_S: Final = 5.0
"""So long it is waited for what is still under way at the end."""


@dataclass(slots=True)
class _Asked:
    """One request: of which kind, when its client began, and how often it may still be sent."""

    kind: str
    number: int
    began_s: float
    tries: int = _TRIES
    since_s: float = 0.0


class _Crowd:
    """Clients that send, and what came of each try: kind, second, status, delay, and whether it was the first one."""

    def __init__(self, texts: Mapping[str, Sequence[bytes]], timeout_s: float) -> None:
        self.texts, self.timeout_s = texts, timeout_s
        # Who was idle longest is next: a node closes connections on which nothing comes for long.
        self.idle: dict[str, deque[Connection]] = {kind: deque() for kind in texts}
        self.under_way: dict[Connection, _Asked] = {}
        self.ended: list[tuple[str, float, int, float, bool]] = []
        self.begun_s = 0.0
        self.left = 0

    def offer(self, asked: _Asked) -> None:
        """Send a request, if a connection is free; else its client gives up at once, as one that cannot connect."""
        asked.since_s = time.perf_counter()
        idle = self.idle[asked.kind]
        while idle and idle[0].is_closed:
            idle.popleft()
        if idle:
            self._send(idle.popleft(), asked)
        else:
            self._end(asked, asked.since_s, UNCONNECTED, 0.0)

    def _send(self, connection: Connection, asked: _Asked) -> None:
        self.under_way[connection] = asked
        connection.send(_numbered(self.texts[asked.kind], asked.number), asked.since_s)

    def heard(self, connection: Connection, head: bytes, _body: bytes, since_s: float) -> None:
        """Take an answer; who is refused comes again when it was told to."""
        asked = self.under_way.pop(connection)
        status, delay_s = int(head[9:12]), time.perf_counter() - since_s
        at = head.lower().find(b"retry-after: ")
        if status == REFUSED and at >= 0 and asked.tries > 1:
            self.ended.append((asked.kind, since_s, AGAIN, delay_s, asked.tries == _TRIES))
            asked.tries -= 1
            after_s = int(head[at + 13 :].split(b"\r", 1)[0])
            asyncio.get_running_loop().call_later(after_s, self.offer, asked)
        else:
            self._end(asked, since_s, status, delay_s)
        self.idle[asked.kind].append(connection)

    def _end(self, asked: _Asked, since_s: float, status: int, delay_s: float) -> None:
        self.left -= 1
        late = status == GOOD and delay_s > self.timeout_s
        first = asked.tries == _TRIES
        self.ended.append((asked.kind, since_s, LATE if late else status, delay_s, first))

    def lost(self, error: Exception | None) -> None:
        """Say that a connection was closed on which somebody waits."""
        if self.left and any(connection.is_closed for connection in self.under_way):
            raise ConnectionError(f"the node closed a connection: {error}")


class _Busy:
    """Clients that ask again as soon as they have an answer, and how many answers of each status they have had."""

    def __init__(self, texts: Mapping[str, Sequence[bytes]], first: int) -> None:
        self.texts, self.number = texts, first
        self.kinds: dict[Connection, str] = {}
        self.counts: Counter[tuple[str, int]] = Counter()
        self.is_over = False

    def send(self, connection: Connection) -> None:
        """Have a client ask."""
        self.number += 1
        connection.send(_numbered(self.texts[self.kinds[connection]], self.number), 0.0)

    def heard(self, connection: Connection, head: bytes, _body: bytes, _since_s: float) -> None:
        """Count an answer."""
        self.counts[self.kinds[connection], int(head[9:12])] += 1
        if not self.is_over:
            self.send(connection)

    def lost(self, error: Exception | None) -> None:
        """Say that a connection was closed."""
        if not self.is_over:
            raise ConnectionError(f"the node closed a connection: {error}")


def busy(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Keep a node busy with ``clients`` (by kind) for some ``seconds`` after ``warm_s``; return its answers by kind.

    Raises `SystemExit` if it refuses any of them.
    """
    return uvloop.run(_kept_busy(arguments))


async def _kept_busy(arguments: Mapping[str, Any]) -> dict[str, Any]:
    all_ = _Busy(_texts(arguments), arguments["first"])
    for kind, count in arguments["clients"].items():
        made = await connected(all_, arguments["load"]["address"], count)
        all_.kinds |= dict.fromkeys(made, kind)
    for connection in all_.kinds:
        all_.send(connection)
    await asyncio.sleep(arguments["warm_s"])
    before, began_s = all_.counts.copy(), time.perf_counter()
    await asyncio.sleep(arguments["seconds"])
    seconds = time.perf_counter() - began_s
    found = all_.counts - before
    all_.is_over = True
    await asyncio.sleep(_END_S / 5)
    if refused := {status for _, status in found} - {GOOD}:
        raise SystemExit(f"the node answered some of its busy clients with {refused}")
    return {kind: found[kind, GOOD] / seconds for kind in all_.texts}


def crowd(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Send a crowd; return what was wanted when, and how late that began, and what came of each try.

    ``phases`` are (seconds, factor of ``per_second``); ``per_second`` is by kind (``ingest``, ``query``).
    """
    return uvloop.run(_sent(arguments))


def _texts(arguments: Mapping[str, Any]) -> dict[str, list[bytes]]:
    """Return the requests of each kind, with a place for a number in the id of the batch and in that of each event."""
    load = Load(**arguments["load"])
    host = load.address.removeprefix("http://")
    batches = []
    for text in requests_of(load):
        head, _, rest = text.partition(b"Idempotency-Key: ")
        own = _EVENT_ID.sub(b'-0%b"' % _ID, rest[rest.index(b"\r\n") :])
        batches.append(head + b"Idempotency-Key: " + _ID + own)
    questions = [text.replace("HOST", host, 1).encode() for text in arguments["questions"]]
    return {"ingest": batches, "query": questions}


def _numbered(texts: Sequence[bytes], number: int) -> bytes:
    """Return one of the requests, made such that no other one is equal to it."""
    text = texts[number % len(texts)]
    return text.replace(_ID, b"%011d" % number).replace(_TIME, b"%06d" % (number % 1_000_000))


async def _sent(arguments: Mapping[str, Any]) -> dict[str, Any]:
    crowd_ = _Crowd(_texts(arguments), arguments["timeout_s"])
    for idle in crowd_.idle.values():
        idle.extend(await connected(crowd_, arguments["load"]["address"], arguments["connections"]))
    schedule = _schedule(arguments)
    crowd_.left, late_s = len(schedule), []
    begun_s, used_s = time.perf_counter(), time.process_time()
    for at_s, kind, number in schedule:
        early_s = begun_s + at_s - time.perf_counter()
        if early_s > 0:
            await asyncio.sleep(early_s)
        late_s.append(time.perf_counter() - begun_s - at_s)
        crowd_.offer(_Asked(kind, arguments["first"] + number, begun_s + at_s))
    await asyncio.sleep(_END_S)
    ended = list(crowd_.ended)
    crowd_.left = 0
    return {
        "processor_s": time.process_time() - used_s,
        "wanted": [
            (kind, at_s, late) for (at_s, kind, _), late in zip(schedule, late_s, strict=True)
        ],
        "ended": [(kind, since - begun_s, *rest) for kind, since, *rest in ended],
    }


def _schedule(arguments: Mapping[str, Any]) -> list[tuple[float, str, int]]:
    """Return when each request is wanted, at random times."""
    random, schedule, begin_s = Random(arguments["seed"]), [], 0.0
    for seconds, factor in arguments["phases"]:
        for kind, per_second in arguments["per_second"].items():
            at_s = begin_s
            while (at_s := at_s + random.expovariate(factor * per_second)) < begin_s + seconds:
                schedule.append((at_s, kind))
        begin_s += seconds
    return [(at_s, kind, number) for number, (at_s, kind) in enumerate(sorted(schedule))]
