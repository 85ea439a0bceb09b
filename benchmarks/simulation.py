"""How many virtual seconds of a world of eight regions a second of one core gives.

Each region has a client that sends a batch of ten events a virtual second, which its node writes as one entry; nodes
gossip every second, compare fingerprints every ten, and nothing goes wrong. The events are those of the simulated
clients (some void others, some bring a status, some use an id again), of 400 learners. Time is that of the processor,
because a world waits for nothing. What the world comes to is checked as in every other simulated world, and the hash is
that of its trace.
"""

import argparse
import time
from typing import Any

from homeroom.regions.steps import Level
from homeroom.simulation.regions.clients import Batch, Client
from homeroom.simulation.regions.places import WORLD
from homeroom.simulation.regions.plan import Plan
from homeroom.simulation.regions.world import Run, World

__all__ = ["add_arguments", "measure", "show"]

_EVERY_MS = 1_000
_EVENTS = 10


class _Steady(Client):
    """A client that sends a batch of ten events a second to its own region, and to no other."""

    learners = 400

    def run(self, every_ms: int, until_ms: int) -> None:
        self._until_ms = until_ms
        if self._agenda.now_ms >= until_ms:
            return
        self._number += 1
        batch_id = f"{self._home} {self._number}"
        events = tuple(self._event(f"{batch_id} {n}") for n in range(_EVENTS))
        batch = self._diary.sent[batch_id] = Batch(batch_id, events, Level.LOCAL)
        self._send(batch, self._home, 1)
        self._agenda.after(every_ms, self.run, every_ms, until_ms)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the sizes."""
    parser.add_argument("--seconds", type=int, default=120, help="virtual seconds of writing")
    parser.add_argument("--runs", type=int, default=5)


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """Run the world some times; the result is JSON-ready."""
    plan = Plan(
        seed=1,
        nodes={place.name: place for place in WORLD},
        joining={},
        storm_ms=options.seconds * 1_000,
        every_ms=_EVERY_MS,
        faults=(),
    )
    rates, runs = [], []
    for _ in range(options.runs):
        world = World(plan, client=_Steady)
        begun = time.process_time()
        runs.append(world.run())
        rates.append(runs[-1].figures["virtual_ms"] / 1e3 / (time.process_time() - begun))
    _check(runs)
    figures = runs[0].figures
    return {
        "regions": len(plan.nodes),
        "virtual_seconds": figures["virtual_ms"] / 1e3,
        "entries": figures["acknowledged"],
        "messages": figures["messages"],
        "comparisons": figures["comparisons"],
        "virtual_seconds_a_second": sorted(round(rate, 1) for rate in rates),
        "hash": f"{runs[0].checksum:08x}",
    }


def _check(runs: list[Run]) -> None:
    broken = [violation for run in runs for violation in run.violations]
    if broken or len({run.checksum for run in runs}) > 1:
        raise RuntimeError(f"the world is not what it should be: {broken or 'two runs differ'}")


def show(result: dict[str, Any]) -> None:
    """Print the result for a person."""
    rates = result["virtual_seconds_a_second"]
    print(
        f"{result['regions']} regions, {result['virtual_seconds']:.0f} virtual seconds, {result['entries']:,} entries "
        f"of {_EVENTS} events, {result['messages']:,} messages, {result['comparisons']:,} fingerprints compared"
    )
    print(
        f"virtual seconds a second of a core: median {rates[len(rates) // 2]:,.0f} "
        f"({rates[0]:,.0f}-{rates[-1]:,.0f})"
    )
