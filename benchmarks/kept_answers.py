"""Answers that are kept: what a hit costs in the process and in a Redis, and what becomes of a load when tiers fail.

A node of some learners and its cache run in this process; questions come at a fixed rate whatever becomes of those
before them, more than the engine alone could answer, as popular as questions are (Zipf). In the middle of it everything
is flushed, in the process and in the Redis; later the Redis hangs (SIGSTOP) while the process keeps nothing. What
counts is how many questions of each second are answered within a quarter of a second.

The way not taken is to measure a client's hits: a cache that stampedes after a flush has the same hits afterwards.
"""

import argparse
import asyncio
import datetime as dt
import hashlib
import itertools
import random
import signal
import statistics
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from functools import partial
from pathlib import Path
from typing import Any, Final

import msgspec

from benchmarks.membership import load_half_a_year
from benchmarks.timing import timing_of
from homeroom.adapters.redis_tier import RedisPlace, RedisTier
from homeroom.adapters.system_clock import now_ms, steady_ms
from homeroom.cohorts.live import Shows, Wanted
from homeroom.cohorts.questions import parse_question
from homeroom.log.control import MAIN, Scope
from homeroom.log.origins import Origin, Stream, Vector
from homeroom.provers.redis_server import RedisServer, redis_program
from homeroom.running.cache_hosting import cache_of
from homeroom.running.caching import RunningCache
from homeroom.running.node import RunningNode
from homeroom.running.opening import NodeOptions
from homeroom.serve.access import Caller
from homeroom.serve.framing import answer_as_json, frame_as_json
from homeroom.serve.remembering import Asking
from homeroom.serve.settings import CacheSettings, Settings
from homeroom.traffic.caching.entries import Kept
from homeroom.traffic.caching.judging import Bounds, Want
from homeroom.traffic.caching.keys import CacheKey, Reach, name_of
from homeroom.traffic.caching.lookup import Lookup, Places
from homeroom.traffic.caching.resident import Held, Resident

__all__ = ["add_arguments", "measure", "show"]

_READER: Final = Caller(name="", tenant=MAIN, owner="", scopes=frozenset({Scope.READ}))
_KEY: Final = b"k" * 32
_SOON_S: Final = 0.25
_ROUNDS: Final = 5
_TOLD: Final = "it is not measured, since redis-server is not installed"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the sizes."""
    parser.add_argument("--learners", type=int, default=100_000)
    parser.add_argument("--questions", type=int, default=400, help="different ones")
    parser.add_argument("--rate", type=int, default=2_000, help="questions a second")
    parser.add_argument("--seconds", type=float, default=8.0, help="of each phase")
    parser.add_argument("--entries", type=int, default=200_000, help="kept, for the cost of a hit")
    parser.add_argument("--reads", type=int, default=5_000, help="of the Redis")


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """Measure hits, then a load through a flush and a hang; the result is JSON-ready."""
    found: dict[str, Any] = {"hit_us": _hit_us(options.entries)}
    program = redis_program()
    if program is None:
        return {**found, "redis": None}
    with _redis(program) as redis:
        region = asyncio.run(_region_ms(redis.url, options.reads))
        load = asyncio.run(_loaded(options, redis))
    told = load.pop("told")
    return {**found, "redis": region, "load": load, "hash": told}


def _kept(size_bytes: int) -> tuple[Kept, Vector]:
    nodes = (f"node{number}" for number in range(16))
    vector = Vector({Origin(one, "a" * 32, Stream.ANALYTIC): 1_000 for one in nodes})
    at_ms = now_ms()
    kept = Kept(
        value=b"x" * size_bytes, applied=vector, made_ms=at_ms, expires_ms=at_ms + 3_600_000
    )
    return kept, vector


def _keys(count: int) -> list[CacheKey]:
    names = (name_of(_KEY, [b"%d" % number]) for number in range(count))
    return [CacheKey(name, MAIN, "retention", Reach.WORLD) for name in names]


def _hit_us(entries: int) -> dict[str, float]:
    """Return what a hit costs: found (`Resident.get`), and found and judged (`Lookup.ready`), microseconds.

    They are of the processor: what else runs on the machine is not what a hit costs.
    """
    kept, vector = _kept(0)
    resident: Resident[bytes, Kept] = Resident(entries, entries << 12)
    lookup = Lookup(resident, Places(), Bounds(), lambda: 1.0)
    keys, at_ms = _keys(entries), now_ms()
    for key in keys:
        resident.put(key.name, Held(kept, kept.size_bytes, at_ms, at_ms + 9**9, at_ms + 9**9))
    draw = random.Random(1)
    asked = [key for key in draw.choices(keys, k=100_000) if key.name in resident]
    # What touched the tenant is another vector than that of the answer, of as many nodes.
    touched = Vector(dict(vector))
    want = Want(here=touched, touched=touched, floor=Vector(), after=Vector())

    def best(work: Callable[[CacheKey], object]) -> float:
        spans = []
        for _ in range(5):
            begun_s = time.thread_time()
            for key in asked:
                work(key)
            spans.append((time.thread_time() - begun_s) / len(asked))
        return round(1e6 * min(spans), 2)

    return {
        "found": best(lambda key: resident.get(key.name, at_ms)),
        "judged": best(lambda key: lookup.ready(key, want, at_ms)),
    }


@contextmanager
def _redis(program: Path) -> Iterator[RedisServer]:
    limit = ("--maxmemory", "256mb", "--maxmemory-policy", "allkeys-lru")
    with tempfile.TemporaryDirectory(prefix="hr-") as folder:
        server = RedisServer(program, Path(folder), *limit)
        try:
            server.start()
            yield server
        finally:
            server.kill()


async def _region_ms(url: str, reads: int) -> dict[str, float]:
    """Return how long a hit in the Redis takes, ten kilobytes of it, milliseconds: the medians of five rounds."""
    place = RedisPlace(url, "", "bench", "", 1_000)
    tier = RedisTier(place, lambda _tenant: _KEY, steady_ms)
    keys, (kept, _) = _keys(200), _kept(10_000)
    for key in keys:
        await tier.put(key, kept, 600_000)
    rounds = []
    for _ in range(_ROUNDS):
        spans = []
        for key in itertools.islice(itertools.cycle(keys), max(reads // _ROUNDS, 1)):
            begun_s = time.perf_counter()
            assert await tier.get(key) is not None, "it was put there"
            spans.append(time.perf_counter() - begun_s)
        rounds.append(timing_of(spans).to_json())
    await tier.close()
    return {name: statistics.median(one[name] for one in rounds) for name in rounds[0]}


# --- a load ----------------------------------------------------------------------------------------------------------


@asynccontextmanager
async def _served(folder: Path, learners: int, url: str) -> AsyncIterator[RunningCache]:
    load_half_a_year(folder, learners, now_ms())
    node = await RunningNode.open(folder, NodeOptions(now_ms=now_ms))
    try:
        settings = Settings(cache=CacheSettings(redis_url=url, megabytes=512))
        async with cache_of(node, settings, "", now_ms) as cache:
            assert cache is not None, "the settings want one"
            yield cache
    finally:
        await node.stop()


def _asked(count: int) -> list[Asking]:
    """Return different questions, each of which the engine takes some milliseconds for."""
    found, today = [], dt.datetime.now(dt.UTC).date()
    for number in range(count):
        # The last half of what is loaded, each from another day and in another way.
        days, way = number // 4 % 90, number % 4
        written = {
            "question": "retention",
            "from": (today - dt.timedelta(days=100 + days)).isoformat(),
            "interval": ("day", "week")[way % 2],
            "match": ("on", "on-or-after")[way // 2],
        }
        question = parse_question(written)
        found.append(
            Asking(
                tenant=MAIN,
                question=question,
                wanted=Wanted(),
                shows=Shows.REGISTERED,
                tell=partial(answer_as_json, _READER, written),
                frame=partial(frame_as_json, _READER),
                parts=(msgspec.json.encode(written),),
                reach=Reach.WORLD,
            )
        )
    return found


class _Load:
    """Questions at a fixed rate, and how long each took."""

    def __init__(self, cache: RunningCache, asked: Sequence[Asking], rate: int) -> None:
        self._cache, self._asked, self._rate = cache, asked, rate
        weights = [1 / (1 + place) for place in range(len(asked))]
        self._draw, self._weights = random.Random(7), list(itertools.accumulate(weights))
        self.told: dict[int, bytes] = {}
        self.different = 0

    async def run(self, seconds: float) -> list[tuple[float, float]]:
        """Return when each question was due, and how long after that it was answered, in seconds."""
        loop = asyncio.get_running_loop()
        begun_s, spans, tasks = loop.time(), [], set()
        places = range(len(self._asked))
        count = round(seconds * self._rate)

        async def one(place: int, due_s: float) -> None:
            answer = await self._cache.ask(self._asked[place])
            spans.append((due_s, loop.time() - begun_s - due_s))
            self.different += self.told.setdefault(place, answer.told) != answer.told

        for number in range(count):
            due_s = number / self._rate
            wait_s = begun_s + due_s - loop.time()
            if wait_s > 0:
                await asyncio.sleep(wait_s)
            (place,) = self._draw.choices(places, cum_weights=self._weights)
            task = asyncio.ensure_future(one(place, due_s))
            tasks.add(task)
            task.add_done_callback(tasks.discard)
        await asyncio.gather(*tasks)
        return spans


async def _loaded(options: argparse.Namespace, redis: RedisServer) -> dict[str, Any]:
    with tempfile.TemporaryDirectory(prefix="homeroom-bench-") as folder:
        async with _served(Path(folder) / "node", options.learners, redis.url) as cache:
            asked = _asked(options.questions)
            begun_s = time.perf_counter()
            for one in asked:
                await cache.ask(one)
            engine_ms = 1_000 * (time.perf_counter() - begun_s) / len(asked)
            load = _Load(cache, asked, options.rate)
            before = await load.run(options.seconds)
            cache.lookup.resident.clear()
            await cache.forget(MAIN)
            flushed = await load.run(options.seconds)
            redis.signal(signal.SIGSTOP)
            cache.lookup.resident.clear()
            hung = await load.run(options.seconds)
            redis.signal(signal.SIGCONT)
            told = hashlib.sha256(b"".join(one for _, one in sorted(load.told.items())))
            return {
                "before": _of(before, options.rate),
                "flushed": _of(flushed, options.rate),
                "recovered_s": _recovered_s(flushed, options.rate),
                "hung": _of(hung, options.rate),
                "engine_ms": round(engine_ms, 2),
                "computed": cache.computed,
                "different": load.different,
                "told": told.hexdigest()[:16],
            }


def _of(spans: Sequence[tuple[float, float]], rate: int) -> dict[str, float]:
    soon = sum(span_s <= _SOON_S for _, span_s in spans) / max(len(spans), 1)
    delay = timing_of([span_s for _, span_s in spans]).to_json()
    return {"asked": len(spans), "rate": rate, "in_time": round(soon, 4), **delay}


def _recovered_s(spans: Sequence[tuple[float, float]], rate: int) -> float | None:
    """Return after how many seconds 90 % of what is due in a tenth of a second is answered in time, for good."""
    steps: dict[int, int] = {}
    for due_s, span_s in spans:
        steps[int(10 * due_s)] = steps.get(int(10 * due_s), 0) + (span_s <= _SOON_S)
    bad = [step for step, count in steps.items() if count < 0.9 * rate / 10]
    last = max(bad, default=-1) + 1
    return last / 10 if last in steps else None


def show(result: dict[str, Any]) -> None:
    """Print what was measured."""
    hit, region = result["hit_us"], result["redis"]
    print(f"  a hit in the process: {hit['found']} µs, judged {hit['judged']} µs")
    if region is None:
        print(f"  in a Redis: {_TOLD}")
        return
    print(f"  in a Redis, 10 kB: P50 {region['median_ms']} ms, P99 {region['p99_ms']} ms")
    load = result["load"]
    for name, about in (
        ("before", "everything is kept"),
        ("flushed", "after a flush of everything"),
        ("hung", "the Redis hangs, the process keeps nothing"),
    ):
        one = load[name]
        print(
            f"  {about}: {one['asked']:,} asked at {one['rate']:,}/s, {one['in_time']:.1%} within {_SOON_S:g} s, "
            f"P50 {one['median_ms']} ms, P99 {one['p99_ms']} ms"
        )
    print(
        f"  90 % again {load['recovered_s']} s after the flush; the engine, which takes {load['engine_ms']} ms, "
        f"was asked {load['computed']:,} times; answers that differed: {load['different']}; hash {result['hash']}"
    )
