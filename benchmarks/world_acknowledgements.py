"""How long clients wait for yes in each region of a world, at each level of acknowledgement.

Eight nodes run over NATS, each a process, and all regions take batches at the same moment, at a fixed rate; delays
count from the moment at which a request should have been sent. A bare ``write`` and ``fdatasync`` in the same folder
runs beside them. No distance is simulated: what ``remote`` and ``all`` cost here is the work alone, and on a map the
way to another region and back comes on top.

All nodes of the world share the disk and the processors of one machine, so each region's delays are those of a machine
that does the work of eight. That is what is measured here, because a world of machines is not to be had.
"""

import argparse
import tempfile
from pathlib import Path
from typing import Any, Final

from benchmarks.alone import run_alone
from benchmarks.ingest import DELAY_MS_MAX, probed
from benchmarks.timing import timing_of
from benchmarks.world_nodes import ServedWorld, connections_for, served_world

__all__ = ["add_arguments", "measure", "show"]

_LEVELS: Final = ("local", "remote", "all")
_FIRST: Final = 1 << 32
"""Numbers of events begin here for the first region, and so far apart for each."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the sizes."""
    parser.add_argument("--regions", type=int, default=8)
    parser.add_argument("--rate", type=int, default=100, help="events a second, in each region")
    parser.add_argument("--batch", type=int, default=10, help="events of a request")
    parser.add_argument("--seconds", type=float, default=20.0, help="of each level")
    parser.add_argument("--first-port", type=int, default=19_000)
    parser.add_argument("--workdir", type=Path, default=Path("build/benchmarks"))


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """Measure each level; the result is JSON-ready."""
    options.workdir.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=options.workdir) as folder:
        place = Path(folder) / "world"
        with served_world(place, options.regions, options.first_port) as world:
            run = _Run(world, options)
            run.sent("all", 1.0)  # code is loaded, connections are made
            levels = {}
            for level in _LEVELS:
                with probed(Path(folder)) as probes:
                    found = run.sent(level, options.seconds)
                bare = timing_of(probes)
                levels[level] = {
                    "regions": found,
                    "bare": bare.to_json(),
                    "wanted_p99_ms": round(3 * bare.p99_ms + DELAY_MS_MAX, 2),
                }
            world.settled(run.accepted)
    return {
        "rate": options.rate,
        "batch": options.batch,
        "levels": levels,
        "events": run.accepted,
    }


class _Run:
    def __init__(self, world: ServedWorld, options: argparse.Namespace) -> None:
        self.accepted = 0
        self._world, self._options = world, options
        self._next = 0

    def sent(self, level: str, seconds: float) -> dict[str, Any]:
        """Send for some seconds at a level; return the delays by region. Raises `SystemExit` for any other answer."""
        options = self._options
        count = max(round(options.rate * seconds), options.batch)
        loads = [
            {
                "address": node.address,
                "key": node.key,
                "kind": "events",
                "first": place * _FIRST + self._next,
                "count": count,
                "batch": options.batch,
                "learners": 10_000,
                "connections": connections_for(options.rate / options.batch),
                "per_second": options.rate / options.batch,
                "level": level,
            }
            for place, node in enumerate(self._world.nodes.values())
        ]
        self._next += count
        arguments = {"loads": loads, "probes": 0, "probes_per_second": 1.0}
        found = run_alone("benchmarks.world_load:run", arguments)["regions"]
        for region, one in zip(self._world.nodes, found, strict=True):
            self.accepted += one["accepted"]
            if one["statuses"].keys() != {"200"}:
                raise SystemExit(f"{region} at level {level}: {one['statuses']}")
        return {region: one["delay"] for region, one in zip(self._world.nodes, found, strict=True)}


def show(result: dict[str, Any]) -> None:
    """Print the result for a person."""
    print(
        f"{result['rate']:,} events a second in each region, {result['batch']} a batch; {result['events']:,} in all, "
        f"and as many in every region"
    )
    for level, found in result["levels"].items():
        worst = max(one["p99_ms"] for one in found["regions"].values())
        middle = max(one["median_ms"] for one in found["regions"].values())
        print(
            f"{level:<7} worst region: median {middle:.2f} ms, P99 {worst:.2f} ms; bare fdatasync P99 "
            f"{found['bare']['p99_ms']:.2f} ms (wanted at level local: {found['wanted_p99_ms']})"
        )
