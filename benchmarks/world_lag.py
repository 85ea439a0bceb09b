"""How long after its acknowledgement an event counts in the answers of all other regions, by how much is written.

Eight nodes over NATS on this machine take events in all regions at the same moment, at rates that go up; probes look
when an event of one region is in the answers of the others (`benchmarks.world_load`). Each node verifies, keeps and
folds what all eight take, so the machine does eight times the work of a machine that is one region: its limit is the
processors, whose share is told. The rates end with the first one whose lag is beyond a second.
"""

import argparse
import time
from typing import Any, Final

from benchmarks.world_nodes import Sender, ServedWorld, add_world_arguments, world_of

__all__ = ["add_arguments", "measure", "show"]

WANTED_P99_MS: Final = 250.0
_GIVE_UP_MS: Final = 1_000.0
_PROBES_PER_SECOND: Final = 2.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the sizes."""
    add_world_arguments(parser)
    parser.add_argument(
        "--rates",
        type=int,
        nargs="+",
        default=[100, 200, 500, 1_000, 2_000, 3_500, 5_000],
        help="events a second, in each region",
    )
    parser.add_argument("--batch", type=int, default=100, help="events of a request")
    parser.add_argument("--seconds", type=float, default=20.0, help="of each rate")


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """Measure rate after rate; the result is JSON-ready."""
    with world_of(options) as (world, _):
        sender = Sender(world)
        # Code is loaded, connections are made.
        _lag(world, sender, options.batch, options.batch, 2.0)
        rates = []
        for rate in options.rates:
            rates.append(_lag(world, sender, options.batch, rate, options.seconds))
            if (
                rates[-1]["late"]
                or rates[-1]["refused"]
                or rates[-1]["lag"]["p99_ms"] > _GIVE_UP_MS
            ):
                break
    held = [
        one["rate"]
        for one in rates
        if one["lag"]["p99_ms"] <= WANTED_P99_MS and not one["refused"] and not one["late"]
    ]
    return {
        "regions": options.regions,
        "batch": options.batch,
        "rates": rates,
        "wanted_p99_ms": WANTED_P99_MS,
        "holds_up_to": max(held, default=0),
        "events": sender.accepted,
    }


def _lag(
    world: ServedWorld, sender: Sender, batch: int, rate: int, seconds: float
) -> dict[str, Any]:
    """Send to all regions at a rate, with probes; then wait until all nodes have folded all of it."""
    count = max(round(rate * seconds), batch)
    used_s, begun_s = world.processor_s(), time.perf_counter()
    probes = max(round(seconds * _PROBES_PER_SECOND), len(world.nodes))
    found = sender.sent(count, batch, rate, (probes, _PROBES_PER_SECOND), learners=100_000)
    took_s = time.perf_counter() - begun_s
    used_s = world.processor_s() - used_s
    if found["lag"] is None:
        raise SystemExit(f"at {rate:,} events a second no probe was taken; begin with a lower rate")
    taken = sum(one["statuses"].get("200", 0) for one in found["regions"])
    asked = sum(one["requests"] for one in found["regions"])
    settled_s = world.settled(sender.accepted)
    delays = [one["delay"] for one in found["regions"]]
    return {
        "rate": rate,
        "lag": found["lag"],
        "late": found["late"],
        "refused": asked - taken + probes - found["probes"],
        "delay_median_ms": max(one["median_ms"] for one in delays),
        "delay_p99_ms": max(one["p99_ms"] for one in delays),
        "world_processors": round(used_s / took_s, 2),
        "generator_processors": round(found["processor_s"] / took_s, 2),
        "settled_s": round(settled_s, 2),
    }


def show(result: dict[str, Any]) -> None:
    """Print the result for a person."""
    print(f"{result['regions']} regions; wanted is a lag of {result['wanted_p99_ms']:.0f} ms (P99)")
    for one in result["rates"]:
        lag = one["lag"]
        print(
            f"{one['rate']:,} events a second in each: lag median {lag['median_ms']:.0f} ms, "
            f"P99 {lag['p99_ms']:.0f} ms, {one['late']} late, "
            f"{one['refused']} refused; acknowledged in {one['delay_median_ms']:.1f} ms, "
            f"P99 {one['delay_p99_ms']:.1f} ms"
        )
        print(
            f"  processors {one['world_processors']}, generator {one['generator_processors']}; "
            f"all folded {one['settled_s']} s later"
        )
    print(f"the wanted lag holds up to {result['holds_up_to']:,} events a second in each region")
