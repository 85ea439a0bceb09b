"""How many bytes go between two regions of a world: while nothing happens, and while all regions take events.

Counted is what the fabric of each node hands over: messages as they go out, packed, without the words of NATS around
them (some 60 bytes a message) and of TLS. Traffic of a pair is what goes both ways: entries, word of what is held,
marks and fingerprints. It is compared with what the same entries come to when they are asked for together, in as few
messages as pulls carry them in, each packed with Zstandard as messages are.
"""

import argparse
import itertools
import threading
import time
from collections.abc import Iterable, Iterator
from statistics import median
from typing import Any, Final

from benchmarks.world_nodes import Sender, ServedWorld, add_world_arguments, world_of
from homeroom import limits
from homeroom.adapters.log_reading import viewed_log
from homeroom.adapters.nats_fabric import pack
from homeroom.log.entries import Entry
from homeroom.log.origins import Origin, Stream
from homeroom.regions.holdings import item_of
from homeroom.regions.messages import News, encode, sealed_entry

__all__ = ["add_arguments", "measure", "show"]

WANTED_RATIO: Final = 1.3
WANTED_IDLE_BYTES: Final = 1_000


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the sizes."""
    add_world_arguments(parser)
    parser.add_argument("--rate", type=int, default=500, help="events a second, in each region")
    parser.add_argument("--batches", type=int, nargs="+", default=[10, 100, 500])
    parser.add_argument("--seconds", type=float, default=20.0, help="of each size of batches")
    parser.add_argument("--idle-seconds", type=float, default=40.0)


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """Measure an idle world, then each size of batches; the result is JSON-ready."""
    with world_of(options) as (world, _):
        sender = Sender(world)
        _busy(world, sender, options.rate, 100, 1.0)
        idle = _idle(world, options.idle_seconds)
        busy = [
            _busy(world, sender, options.rate, batch, options.seconds) for batch in options.batches
        ]
    return {
        "regions": options.regions,
        "rate": options.rate,
        "idle": idle,
        "busy": busy,
        "wanted_ratio": WANTED_RATIO,
        "wanted_idle_bytes": WANTED_IDLE_BYTES,
        "events": sender.accepted,
    }


def _idle(world: ServedWorld, seconds: float) -> dict[str, Any]:
    """Return what goes between two regions while nobody writes, in bytes a second, and what that costs."""
    used_s, begun_s = world.processor_s(), time.perf_counter()
    before = world.sent_bytes()
    threading.Event().wait(seconds)
    after, took_s = world.sent_bytes(), time.perf_counter() - begun_s
    used_s = world.processor_s() - used_s
    pairs = [bytes_ / took_s for bytes_ in _by_pair(before, after).values()]
    return {
        "median_bytes_a_second": round(median(pairs)),
        "max_bytes_a_second": round(max(pairs)),
        "processors_a_region": round(used_s / took_s / len(world.nodes), 3),
    }


def _busy(
    world: ServedWorld, sender: Sender, rate: int, batch: int, seconds: float
) -> dict[str, Any]:
    """Send to all regions; return what went between two of them, and what pulls of the same would carry."""
    count = max(round(rate * seconds), batch)
    before, held = world.sent_bytes(), {region: _held(world, region) for region in world.nodes}
    sender.sent(count, batch, rate, learners=100_000)
    world.settled(sender.accepted)
    after = world.sent_bytes()
    entries = {region: list(_entries(world, region, held[region])) for region in world.nodes}
    pulls = {region: sum(_pulled(of)) for region, of in entries.items()}
    ratios = [
        bytes_ / (pulls[one] + pulls[other])
        for (one, other), bytes_ in _by_pair(before, after).items()
    ]
    return {
        "batch": batch,
        "entries": sum(map(len, entries.values())),
        "events_an_entry": round(count * len(entries) / sum(map(len, entries.values())), 1),
        "pulled_bytes": sum(pulls.values()),
        "median_ratio": round(median(ratios), 3),
        "max_ratio": round(max(ratios), 3),
    }


def _held(world: ServedWorld, region: str) -> dict[Origin, int]:
    """Return by own origin of a region's node how many entries its log has."""
    with viewed_log(world.log(region)) as view:
        return {
            origin: number
            for origin, number in view.held().items()
            if origin.node == world.names[region] and origin.stream is Stream.ANALYTIC
        }


def _entries(world: ServedWorld, region: str, before: dict[Origin, int]) -> Iterator[Entry]:
    """Yield what a node has written since."""
    now = _held(world, region)
    with viewed_log(world.log(region)) as view:
        for origin, last in now.items():
            for some in view.entries(origin, before.get(origin, 0) + 1):
                yield from (entry for entry in some if entry.number <= last)


def _by_pair(
    before: dict[tuple[str, str], int], after: dict[tuple[str, str], int]
) -> dict[tuple[str, str], int]:
    """Return by two regions what has gone between them, both ways."""
    grown = {pair: after[pair] - before[pair] for pair in after}
    regions = dict.fromkeys(one for one, _ in grown)
    return {
        (one, other): grown[one, other] + grown[other, one]
        for one, other in itertools.combinations(regions, 2)
    }


def _pulled(entries: Iterable[Entry]) -> Iterator[int]:
    """Yield the sizes of the messages in which a pull brings entries."""
    some: list[Entry] = []
    for entry in entries:
        size_bytes = sum(len(one.payload) for one in (*some, entry))
        if some and (size_bytes > limits.PULL_BYTES or len(some) == limits.MESSAGE_ENTRIES_MAX):
            yield _message_bytes(some)
            some = []
        some.append(entry)
    if some:
        yield _message_bytes(some)


def _message_bytes(entries: list[Entry]) -> int:
    last = entries[-1]
    news = News(
        life=last.origin.incarnation,
        version=last.number,
        epoch=last.epoch,
        total=bytes(8),
        items=(item_of(last.origin, last.head),),
        pull=1,
        entries=tuple(map(sealed_entry, entries)),
    )
    return len(pack(encode(news)))


def show(result: dict[str, Any]) -> None:
    """Print the result for a person."""
    idle = result["idle"]
    print(
        f"idle, {result['regions']} regions: {idle['median_bytes_a_second']:,} bytes a second between two regions, at "
        f"most {idle['max_bytes_a_second']:,} (wanted {result['wanted_idle_bytes']:,}); processors a region "
        f"{idle['processors_a_region']}"
    )
    print(f"{result['rate']:,} events a second in each region (wanted {result['wanted_ratio']})")
    for one in result["busy"]:
        print(
            f"  batches of {one['batch']}, {one['events_an_entry']} events an entry: "
            f"{one['median_ratio']} times what pulls carry, at most {one['max_ratio']}"
        )
