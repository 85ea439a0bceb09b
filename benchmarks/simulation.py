"""How many virtual seconds of a world of eight regions a second of one core gives.

Each region has a client that sends a batch of ten events a virtual second, which its node writes as one entry; nodes
gossip every second, compare fingerprints every ten, and nothing goes wrong. The events are those of the simulated
clients (some void others, some bring a status, some use an id again), of 400 learners. Time is that of the processor,
because a world waits for nothing. What the world comes to is checked as in every other simulated world, and the hash is
that of its trace.

One run more, which is not timed, tells how long after an entry was durable each other region had folded it, beyond the
time that a message takes there at least.
"""

import argparse
import time
from collections.abc import Sequence
from typing import Any

from benchmarks.timing import timing_of
from homeroom.log.entries import Entry
from homeroom.log.origins import Origin, Stream
from homeroom.regions.steps import Level
from homeroom.simulation.regions.clients import Batch, Client
from homeroom.simulation.regions.machine import Machine
from homeroom.simulation.regions.places import WORLD, one_way_ms
from homeroom.simulation.regions.plan import Plan
from homeroom.simulation.regions.world import Run, World

__all__ = ["add_arguments", "measure", "show"]

_EVERY_MS = 1_000
_EVENTS = 10
WANTED_LAG_MS = 300


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


class _Lags:
    """Looks on, beside whoever watches a world already, when entries are durable and when they are folded elsewhere."""

    def __init__(self, world: World) -> None:
        self.beyond_ms: list[float] = []
        self._world = world
        self._written: dict[tuple[Origin, int], tuple[int, Machine]] = {}
        watcher = world.watcher
        self._committed, self._folded = watcher.committed, watcher.folded
        # Methods of the one object give way to these: the checks stay as they are for all other worlds.
        vars(watcher).update(committed=self.committed, folded=self.folded)

    def committed(self, machine: Machine, entries: Sequence[Entry]) -> None:
        for entry in entries:
            if entry.origin.node == machine.name:
                self._written[entry.origin, entry.number] = self._world.agenda.now_ms, machine
        self._committed(machine, entries)

    def folded(self, machine: Machine, entry: Entry) -> None:
        if entry.origin.stream is Stream.ANALYTIC and entry.origin.node != machine.name:
            written_ms, writer = self._written[entry.origin, entry.number]
            took_ms = self._world.agenda.now_ms - written_ms
            self.beyond_ms.append(took_ms - one_way_ms(writer.place, machine.place))
        self._folded(machine, entry)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the sizes."""
    parser.add_argument("--seconds", type=int, default=60, help="virtual seconds of writing")
    parser.add_argument("--runs", type=int, default=9)


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
    world = World(plan, client=_Steady)
    lags = _Lags(world)
    runs.append(world.run())
    _check(runs)
    figures = runs[0].figures
    return {
        "regions": len(plan.nodes),
        "virtual_seconds": figures["virtual_ms"] / 1e3,
        "entries": figures["acknowledged"],
        "messages": figures["messages"],
        "comparisons": figures["comparisons"],
        "lag_beyond_way": timing_of([ms / 1e3 for ms in lags.beyond_ms]).to_json(),
        "wanted_lag_ms": WANTED_LAG_MS,
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
    lag = result["lag_beyond_way"]
    print(
        f"folded elsewhere later than the way there takes: median {lag['median_ms']:.0f} ms, P99 "
        f"{lag['p99_ms']:.0f} ms, at most {lag['max_ms']:.0f} ms (wanted {result['wanted_lag_ms']})"
    )
