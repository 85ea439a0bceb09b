"""How long clients wait when the region dies that they write to and ask, and whether they notice anything else.

A world runs over NATS, each node and each server a process. Some clients send batches (each held by two regions before
yes is said) and ask after each for an answer that holds what they have written, one request after the other, all at the
same region; then its processes are killed with SIGKILL, or stopped with SIGSTOP, which leaves their connections open
and nobody behind them. What counts is how long after that moment each client has the first good answer, how long the
slowest request took, and how many failed. Afterwards the other regions must count all that was acknowledged, once, and
so must the region itself when it is started again.
"""

import argparse
import asyncio
import itertools
import time
from dataclasses import dataclass, field
from functools import partial
from statistics import median
from typing import Any, Final

from benchmarks.world_nodes import ServedWorld, add_world_arguments, world_of
from demos.crowd import until
from homeroom.client import AsyncClient, ClientOptions
from homeroom.errors import NodeError

__all__ = ["add_arguments", "measure", "show"]

WANTED_P50_S: Final = 2.0
WANTED_MAX_S: Final = 8.0
_EVENTS: Final = 3
_COUNTED_S_MAX: Final = 120.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the sizes."""
    add_world_arguments(parser)
    parser.set_defaults(regions=3)
    parser.add_argument("--clients", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=5, help="of each way to die")
    parser.add_argument("--before", type=float, default=2.0, help="seconds of traffic before")
    parser.add_argument("--after", type=float, default=6.0, help="seconds of traffic afterwards")


@dataclass(slots=True)
class _Traffic:
    """What one client does, and what it met; times by the machine's steady clock."""

    client: AsyncClient
    name: str
    accepted: int = 0
    repeats: int = 0
    unseen: int = 0
    failed: list[str] = field(default_factory=list)
    batches: list[tuple[float, float]] = field(default_factory=list)
    questions: list[tuple[float, float]] = field(default_factory=list)

    async def run(self, stopping: asyncio.Event) -> None:
        """Send and ask until it is to stop."""
        for number in itertools.count():
            if stopping.is_set():
                return
            began_s, is_batch = time.perf_counter(), number % 2 == 0
            try:
                await (self._send(number // 2) if is_batch else self._ask())
            except NodeError as error:
                self.failed.append(str(error))
            else:
                spans = self.batches if is_batch else self.questions
                spans.append((began_s, time.perf_counter()))

    async def _send(self, number: int) -> None:
        events = [
            # Known by the key's owner, the batch and its place, wherever the batch comes in.
            {
                "account": f"{self.name} {number}",
                "verb": "read",
                "time": f"2026-11-02T10:00:{n:02}Z",
            }
            for n in range(_EVENTS)
        ]
        receipt = await self.client.send(events)
        self.accepted += receipt.accepted
        self.repeats += receipt.is_repeat

    async def _ask(self) -> None:
        token = self.client.token
        found = await self.client.query({"question": "active"})
        if token is not None:
            origin, _, number = token.rpartition("/")[0].rpartition("/")
            self.unseen += found.vector.get(origin, 0) < int(number)

    def first_good_s(self, since_s: float) -> float:
        """Return how long after an instant the first good answer came. Raises `ValueError` if none did."""
        spans = self.batches + self.questions
        return min(ended_s for _, ended_s in spans if ended_s > since_s) - since_s


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """Let a region die so many times in each way; the result is JSON-ready."""
    accepted, ways = 0, dict[str, Any]()
    with world_of(options) as (world, _):
        for way in ("killed", "hung"):
            rounds = []
            for number in range(options.rounds):
                found = asyncio.run(_round(world, options, way, (number, accepted)))
                accepted += found["accepted"]
                rounds.append(found)
            ways[way] = _summed_up(rounds)
    return {
        "regions": options.regions,
        "clients": options.clients,
        "ways": ways,
        "wanted_p50_s": WANTED_P50_S,
        "wanted_max_s": WANTED_MAX_S,
        "events": accepted,
    }


async def _round(
    world: ServedWorld, options: argparse.Namespace, way: str, so_far: tuple[int, int]
) -> dict[str, Any]:
    """Have one region die under traffic, and come back."""
    number, before = so_far
    regions = list(world.nodes)
    victim = regions[1]  # the first is the home, which other figures would need
    stopping, processes = asyncio.Event(), world.processes
    traffic = [
        _Traffic(_client(world, victim, place), f"{way} {number} {place}")
        for place in range(options.clients)
    ]
    running = [asyncio.ensure_future(one.run(stopping)) for one in traffic]
    await asyncio.sleep(options.before)
    died_s = time.perf_counter()
    await asyncio.to_thread(processes.kill if way == "killed" else processes.hang, victim)
    await asyncio.sleep(options.after)
    stopping.set()
    await asyncio.gather(*running)
    for one in traffic:
        await one.client.close()
    accepted = sum(one.accepted for one in traffic)
    is_whole = await _all_count(world, [r for r in regions if r != victim], before + accepted)
    if way == "hung":
        await asyncio.to_thread(processes.kill, victim)
    processes.start_again(victim)
    is_whole_again = await _all_count(world, regions, before + accepted)
    return {
        "accepted": accepted,
        "requests": sum(len(one.batches) + len(one.questions) for one in traffic),
        "failed": [why for one in traffic for why in one.failed],
        "unseen": sum(one.unseen for one in traffic),
        "repeats": sum(one.repeats for one in traffic),
        "first_good_s": [one.first_good_s(died_s) for one in traffic],
        "slowest_batch_s": max(_slowest_s(one.batches) for one in traffic),
        "slowest_question_s": max(_slowest_s(one.questions) for one in traffic),
        "counted": is_whole and is_whole_again,
    }


def _client(world: ServedWorld, victim: str, place: int) -> AsyncClient:
    """Return a client that prefers a region, and then others, not the same as its neighbour."""
    others = [region for region in world.nodes if region != victim]
    others = others[place % len(others) :] + others[: place % len(others)]
    urls = [world.nodes[region].address for region in (victim, *others)]
    return AsyncClient(urls, world.processes.key, ClientOptions(ack="remote"))


_ONCE: Final = {
    "question": "cohort",
    "interval": "day",
    "from": "2026-11-02",
    "to": "2026-11-02",
    "definitions": {
        "cohort": {
            "whole": {"did": "verb=read", "exactly": _EVENTS},
            "other": {"not": {"cohort": "whole"}},
        }
    },
}
"""Each batch is of one learner of its own: who has done as much as it holds, and who has done anything else."""


async def _counts(client: AsyncClient, batches: int) -> bool:
    """Say whether a region has all events of so many batches, each once, and nothing besides."""
    sizes = []
    for name in ("whole", "other"):
        found = await client.query({**_ONCE, "cohort": name})
        sizes.append(found.answer["sizes"][-1])
    return sizes == [batches, 0]


async def _all_count(world: ServedWorld, regions: list[str], events: int) -> bool:
    """Wait until regions count so many events, and say whether they do."""
    try:
        async with asyncio.timeout(_COUNTED_S_MAX):
            for region in regions:
                node = world.nodes[region]
                async with AsyncClient(node.address, node.key) as client:
                    await until(partial(_counts, client, events // _EVENTS))
    except TimeoutError:
        return False
    return True


def _slowest_s(spans: list[tuple[float, float]]) -> float:
    return max(ended_s - began_s for began_s, ended_s in spans)


def _summed_up(rounds: list[dict[str, Any]]) -> dict[str, Any]:
    firsts = [s for one in rounds for s in one["first_good_s"]]
    return {
        "first_good_p50_s": round(median(firsts), 3),
        "first_good_max_s": round(max(firsts), 3),
        "slowest_batch_s": round(max(one["slowest_batch_s"] for one in rounds), 3),
        "slowest_question_s": round(max(one["slowest_question_s"] for one in rounds), 3),
        "requests": sum(one["requests"] for one in rounds),
        "failed": sum(len(one["failed"]) for one in rounds),
        "why_failed": [why for one in rounds for why in one["failed"]][:3],
        "own_writes_not_seen": sum(one["unseen"] for one in rounds),
        "batches_told_as_repeats": sum(one["repeats"] for one in rounds),
        "rounds": len(rounds),
        "rounds_in_which_all_count_what_was_acknowledged": sum(one["counted"] for one in rounds),
    }


def show(result: dict[str, Any]) -> None:
    """Print the result for a person."""
    print(
        f"{result['clients']} clients of {result['regions']} regions; {result['events']:,} events acknowledged in all"
    )
    for way, found in result["ways"].items():
        print(
            f"{way:<7} first good answer after {found['first_good_p50_s']:.2f} s, at most "
            f"{found['first_good_max_s']:.2f} s (wanted {result['wanted_p50_s']:g} and {result['wanted_max_s']:g}); "
            f"slowest batch {found['slowest_batch_s']:.2f} s, question {found['slowest_question_s']:.2f} s"
        )
        print(
            f"        {found['requests']:,} requests, {found['failed']} failed; own writes not seen: "
            f"{found['own_writes_not_seen']}; all count what was acknowledged in "
            f"{found['rounds_in_which_all_count_what_was_acknowledged']} of {found['rounds']} rounds"
        )
