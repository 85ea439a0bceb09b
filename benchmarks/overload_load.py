"""Several times more than a node can do, for a while: requests at their times, whether it keeps up or not.

Each request belongs to a client of its own that waits so long and no longer; who is refused comes again when it was
told to, so often. What counts is what clients see: an answer in time, counted from when they first wanted it or asked
again.
"""

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any, Final

import uvloop

from benchmarks.ingest_load import Connection, Load, requests_of

__all__ = ["crowd"]

_TRIES: Final = 2
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
    """Clients that send, and what came of it: by kind the seconds, status and delay of each."""

    def __init__(self, texts: Mapping[str, Sequence[bytes]], timeout_s: float) -> None:
        self.texts, self.timeout_s = texts, timeout_s
        self.idle: dict[str, list[Connection]] = {kind: [] for kind in texts}
        self.under_way: dict[Connection, _Asked] = {}
        self.ended: list[tuple[str, float, int, float]] = []
        self.begun_s = 0.0
        self.left = 0

    def offer(self, asked: _Asked) -> None:
        """Send a request, if a connection is free; else its client gives up at once, as one that cannot connect."""
        asked.since_s = time.perf_counter()
        if self.idle[asked.kind]:
            self._send(self.idle[asked.kind].pop(), asked)
        else:
            self._end(asked, asked.since_s, -2, 0.0)

    def _send(self, connection: Connection, asked: _Asked) -> None:
        self.under_way[connection] = asked
        texts = self.texts[asked.kind]
        text = texts[asked.number % len(texts)]
        # An id of its own for each batch: a batch under a known id is not taken again.
        connection.send(text.replace(b"ID-OF-BATCH", b"%011d" % asked.number, 1), asked.since_s)

    def heard(self, connection: Connection, head: bytes, _body: bytes, since_s: float) -> None:
        """Take an answer; who is refused comes again when it was told to."""
        asked = self.under_way.pop(connection)
        status, delay_s = int(head[9:12]), time.perf_counter() - since_s
        at = head.lower().find(b"retry-after: ")
        if status == 503 and at >= 0 and asked.tries > 1:
            asked.tries -= 1
            after_s = int(head[at + 13 :].split(b"\r", 1)[0])
            self.ended.append((asked.kind, since_s, 0, delay_s))
            asyncio.get_running_loop().call_later(after_s, self.offer, asked)
        else:
            self._end(asked, since_s, status, delay_s)
        self.idle[asked.kind].append(connection)

    def _end(self, asked: _Asked, since_s: float, status: int, delay_s: float) -> None:
        self.left -= 1
        late = status == 200 and delay_s > self.timeout_s
        self.ended.append((asked.kind, since_s, -1 if late else status, delay_s))

    def lost(self, error: Exception | None) -> None:
        """Say that a connection was closed."""
        if self.left:
            raise ConnectionError(f"the node closed a connection: {error}")


def crowd(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Send a crowd; return for each kind and second what was wanted, good, refused and given up, and the delays.

    ``phases`` are (seconds, factor of ``per_second``); ``per_second`` is by kind (``ingest``, ``query``).
    """
    return uvloop.run(_sent(arguments))


def _texts(arguments: Mapping[str, Any]) -> dict[str, list[bytes]]:
    load = Load(**arguments["load"])
    host = load.address.removeprefix("http://")
    batches = []
    for text in requests_of(load):
        head, _, rest = text.partition(b"Idempotency-Key: ")
        batches.append(head + b"Idempotency-Key: ID-OF-BATCH" + rest[rest.index(b"\r\n") :])
    questions = [text.replace("HOST", host, 1).encode() for text in arguments["questions"]]
    return {"ingest": batches, "query": questions}


async def _sent(arguments: Mapping[str, Any]) -> dict[str, Any]:
    loop = asyncio.get_running_loop()
    host, port = arguments["load"]["address"].removeprefix("http://").split(":")
    crowd_ = _Crowd(_texts(arguments), arguments["timeout_s"])
    for kind in crowd_.texts:
        for _ in range(arguments["connections"]):
            made = await loop.create_connection(lambda: Connection(crowd_), host, int(port))
            crowd_.idle[kind].append(made[1])
    schedule = _schedule(arguments)
    crowd_.left = len(schedule)
    begun_s, used_s = time.perf_counter(), time.process_time()
    for at_s, kind, number in schedule:
        early_s = begun_s + at_s - time.perf_counter()
        if early_s > 0:
            await asyncio.sleep(early_s)
        crowd_.offer(_Asked(kind, arguments["first"] + number, begun_s + at_s))
    await asyncio.sleep(_END_S)
    ended = list(crowd_.ended)
    crowd_.left = 0
    return {
        "processor_s": time.process_time() - used_s,
        "wanted": [(kind, at_s) for at_s, kind, _ in schedule],
        "ended": [(kind, since - begun_s, status, delay) for kind, since, status, delay in ended],
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
