"""Load on all nodes of a world at the same time, from one process, and probes that look when an entry is elsewhere.

A probe sends one event to a region, and as soon as that is acknowledged asks all others for an answer that holds it:
the lag is the time from the acknowledgement to each of these answers, fold and question included. Probes come at fixed
times, whatever the load does meanwhile, and each pair of regions has a connection of its own, so that no probe waits
for another.
"""

import asyncio
import itertools
import time
from collections.abc import Mapping, Sequence
from typing import Any, Final

import uvloop

from benchmarks.ingest_load import Connection, Load, Sending, connected, requests_of, sent
from benchmarks.timing import timing_of

__all__ = ["run"]

_ASKED: Final = b'{"question":"active","from":"2026-01-01","to":"2026-01-01"}'


def run(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Send ``loads`` (each a `Load` as a mapping), one a region, and ``probes`` meanwhile, ``probes_per_second``.

    Returns
    -------
    dict
        ``regions``: of each load what became of it; ``lag``: the times of probes, by all and by region of origin;
        ``late``: answers that did not come in the time that a node waits; ``probes``: how many were taken
    """
    loads = [Load(**one) for one in arguments["loads"]]
    return uvloop.run(_run(loads, arguments["probes"], arguments["probes_per_second"]))


async def _run(loads: Sequence[Load], probes: int, per_second: float) -> dict[str, Any]:
    used_s = time.process_time()
    texts = [requests_of(load) for load in loads]
    made_s = time.process_time() - used_s
    probing = _Probing(loads)
    await probing.connect()
    regions, _ = await asyncio.gather(
        asyncio.gather(
            *(
                sent(Sending(load.address, load.connections, load.per_second), requests)
                for load, requests in zip(loads, texts, strict=True)
                if requests
            )
        ),
        probing.run(probes, per_second),
    )
    return {
        "regions": regions,
        "processor_s": time.process_time() - used_s - made_s,
        "lag": timing_of(probing.lags_s).to_json() if probing.lags_s else None,
        "late": probing.late,
        "probes": probes - probing.refused,
    }


class _Asker:
    """Asks a node over one connection, and waits for the answer."""

    def __init__(self) -> None:
        self._answer: asyncio.Future[tuple[int, bytes]]
        self._free = asyncio.Lock()

    async def connect(self, address: str) -> None:
        (self._connection,) = await connected(self, address, 1)

    async def ask(self, request: bytes) -> tuple[int, bytes]:
        """Return the status of the answer, and its head."""
        async with self._free:
            self._answer = asyncio.get_running_loop().create_future()
            self._connection.send(request, 0.0)
            return await self._answer

    def heard(self, _connection: Connection, head: bytes, _body: bytes, _since_s: float, /) -> None:
        self._answer.set_result((int(head[9:12]), head))

    def lost(self, error: Exception | None, /) -> None:
        if hasattr(self, "_answer") and not self._answer.done():
            self._answer.set_exception(ConnectionError(f"the node closed a connection: {error}"))


class _Probing:
    def __init__(self, loads: Sequence[Load]) -> None:
        self.lags_s: list[float] = []
        self.late = 0
        self.refused = 0
        self._loads = loads
        places = range(len(loads))
        self._writers = [_Asker() for _ in places]
        self._readers = {pair: _Asker() for pair in itertools.permutations(places, 2)}

    async def connect(self) -> None:
        for place, asker in enumerate(self._writers):
            await asker.connect(self._loads[place].address)
        for (_, place), asker in self._readers.items():
            await asker.connect(self._loads[place].address)

    async def run(self, probes: int, per_second: float) -> None:
        begun_s, under_way = time.perf_counter(), []
        for number in range(probes):
            await asyncio.sleep(begun_s + number / per_second - time.perf_counter())
            under_way.append(asyncio.ensure_future(self._probe(number)))
        await asyncio.gather(*under_way)

    async def _probe(self, number: int) -> None:
        place = number % len(self._loads)
        load = self._loads[place]
        event = (
            f'{{"account":"probe-{number}","verb":"viewed","time":{load.first_ms},'
            f'"id":"probe-{load.first}-{number}"}}'
        ).encode()
        own = f"Content-Type: application/json\r\nIdempotency-Key: probe-{load.first}-{number}\r\n"
        status, head = await self._writers[place].ask(_request(load, "/v1/events", own, event))
        if status != 200:
            self.refused += 1
            return
        told_s = time.perf_counter()
        token = head.partition(b"homeroom-token: ")[2].partition(b"\r\n")[0].decode()
        others = [other for other in range(len(self._loads)) if other != place]
        await asyncio.gather(*(self._seen(place, other, token, told_s) for other in others))

    async def _seen(self, place: int, other: int, token: str, told_s: float) -> None:
        own = f"Content-Type: application/json\r\nHomeroom-After: {token}\r\n"
        request = _request(self._loads[other], "/v1/query", own, _ASKED)
        status, _ = await self._readers[place, other].ask(request)
        self.lags_s.append(time.perf_counter() - told_s)
        if status == 504:
            self.late += 1
        elif status != 200:
            raise ConnectionError(f"a probe got no answer: {status}")


def _request(load: Load, path: str, headers: str, body: bytes) -> bytes:
    host = load.address.removeprefix("http://")
    always = f"POST {path} HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {load.key}\r\n"
    return f"{always}{headers}Content-Length: {len(body)}\r\n\r\n".encode() + body
