"""How long clients wait for yes in each region of a world, at each level of acknowledgement.

Eight nodes run over NATS, each a process, and all regions take batches at the same moment, at a fixed rate; delays
count from the moment at which a request should have been sent. A bare ``write`` and ``fdatasync`` in the same folder
runs beside them. No distance is simulated: what ``remote`` and ``all`` cost here is the work alone, and on a map the
way to another region and back comes on top.

All nodes of the world share the disk and the processors of one machine, so each region's delays are those of a machine
that does the work of eight. That is what is measured here, because a world of machines is not to be had.
"""

import argparse
from typing import Any, Final

from benchmarks.ingest import DELAY_MS_MAX, probed
from benchmarks.timing import timing_of
from benchmarks.world_nodes import Sender, ServedWorld, add_world_arguments, world_of

__all__ = ["add_arguments", "measure", "show"]

_LEVELS: Final = ("local", "remote", "all")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the sizes."""
    add_world_arguments(parser)
    parser.add_argument("--rate", type=int, default=100, help="events a second, in each region")
    parser.add_argument("--batch", type=int, default=10, help="events of a request")
    parser.add_argument("--seconds", type=float, default=20.0, help="of each level")


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """Measure each level; the result is JSON-ready."""
    with world_of(options) as (world, folder):
        sender = Sender(world)
        _delays(world, sender, options, "all", 1.0)  # code is loaded, connections are made
        levels = {}
        for level in _LEVELS:
            with probed(folder) as probes:
                found = _delays(world, sender, options, level, options.seconds)
            bare = timing_of(probes)
            levels[level] = {
                "regions": found,
                "bare": bare.to_json(),
                "wanted_p99_ms": round(3 * bare.p99_ms + DELAY_MS_MAX, 2),
            }
        world.settled(sender.accepted)
    return {
        "rate": options.rate,
        "batch": options.batch,
        "levels": levels,
        "events": sender.accepted,
    }


def _delays(
    world: ServedWorld, sender: Sender, options: argparse.Namespace, level: str, seconds: float
) -> dict[str, Any]:
    """Send for some seconds at a level; return the delays by region. Raises `SystemExit` for any other answer."""
    count = max(round(options.rate * seconds), options.batch)
    sent = sender.sent(count, options.batch, options.rate, learners=10_000, level=level)
    found = dict(zip(world.nodes, sent["regions"], strict=True))
    for region, one in found.items():
        if one["statuses"].keys() != {"200"}:
            raise SystemExit(f"{region} at level {level}: {one['statuses']}")
    return {region: one["delay"] for region, one in found.items()}


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
