"""What a cache answers: by policy, by tier and by size, on real traces and on a world whose interests move.

The traces are those of ``../shared/data/cache`` (a database-backed application at a busy hour, a web shop); without
them, the world alone (`homeroom.simulation.popularity`). A size is a share of the distinct keys of the requests that
are played: for policies that of one cache that sees everything, for tiers *that of a region, its nodes included*; a
node is then half of it, so 4 % a region are 2 % a node. `optimum` knows the future, and no policy can do better; that
of tiers has all their room in one place. `unbounded` forgets nothing.

The time of a hit is measured on the shipped cache, with more and more entries.
"""

import argparse
import bz2
import gzip
import random
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from benchmarks.cache_policies import POLICIES, Lru, Shipped, hits_of, optimum
from benchmarks.cache_tiers import REGIONS, Copies, hits_by_tier
from homeroom.simulation.popularity import AskedWorld, requests
from homeroom.traffic.caching.resident import Held, Resident

__all__ = ["add_arguments", "measure", "show"]

_SHARED: Final = Path(__file__).resolve().parents[2] / "shared/data/cache"
_TRACES: Final = {"orm-busy": "orm-busy.trc.bin.bz2", "web07": "web07.trc.bin.gz"}
_SEED: Final = 20261128
_ASKED: Final = 200_000


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the sizes."""
    parser.add_argument("--requests", type=int, default=1_000_000, help="of each trace, at most")
    parser.add_argument("--shares", type=float, nargs="+", default=[0.02, 0.04, 0.1, 0.3])
    parser.add_argument("--entries", type=int, nargs="+", default=[1_000, 100_000, 5_000_000])


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """Play all traces; the result is JSON-ready."""
    return {
        "requests": options.requests,
        "traces": {
            name: _played(keys, options.shares) for name, keys in _traces(options.requests).items()
        },
        "hit_us": {str(entries): _hit_us(entries) for entries in options.entries},
    }


def _traces(requests_max: int) -> dict[str, list[bytes]]:
    found: dict[str, list[bytes]] = {}
    for name, file in _TRACES.items():
        if (_SHARED / file).exists():
            opened = bz2.open if file.endswith("bz2") else gzip.open
            with opened(_SHARED / file) as stream:
                content = stream.read(4 * requests_max)
            found[name] = [content[at : at + 4] for at in range(0, len(content), 4)]
    asked = requests(AskedWorld(_SEED, requests_max))
    found["own world"] = [int(key).to_bytes(8, "little") for key in asked.key]
    return found


def _played(keys: Sequence[bytes], shares: Sequence[float]) -> dict[str, Any]:
    count, distinct = len(keys), len(set(keys))
    sizes = {}
    for share in shares:
        entries = max(int(distinct * share), REGIONS)
        hits = {name: hits_of(make(entries), keys) / count for name, make in POLICIES.items()}
        hits["optimum"] = optimum(keys, entries) / count
        tiers = {
            "shipped, " + copies: hits_by_tier(keys, entries, Shipped, copies) for copies in Copies
        }
        tiers["LRU, " + Copies.NEAR] = hits_by_tier(keys, entries, Lru, Copies.NEAR)
        tiers["optimum"] = {"all": optimum(keys, entries * REGIONS) / count}
        sizes[f"{share:g}"] = {"entries": entries, "policies": hits, "tiers": tiers}
    return {
        "requests": count,
        "distinct": distinct,
        "unbounded": 1 - distinct / count,
        "sizes": sizes,
    }


def _hit_us(entries: int) -> float:
    """Return what a hit takes with so many entries, in µs: of keys in random order, the best of five turns."""
    resident: Resident[bytes, int] = Resident(entries, 1 << 50)
    names = [number.to_bytes(8, "little") for number in range(entries)]
    held = Held(1, 8, 0, 1 << 60, 1 << 60)
    for name in names:
        resident.put(name, held)
    chance = random.Random(_SEED)
    asked = [names[chance.randrange(entries)] for _ in range(_ASKED)]
    turns = []
    for _ in range(5):
        begun = time.perf_counter()
        for name in asked:
            resident.get(name, 0)
        turns.append(time.perf_counter() - begun)
    assert resident.statistics().misses == 0
    return round(min(turns) / _ASKED * 1e6, 3)


def show(result: dict[str, Any]) -> None:
    """Print the result for a person."""
    for name, trace in result["traces"].items():
        print(
            f"\n{name}: {trace['requests']:,} requests, {trace['distinct']:,} keys, unbounded "
            f"{trace['unbounded']:.1%}"
        )
        for share, size in trace["sizes"].items():
            print(f"  {float(share):.0%} of the keys, {size['entries']:,} entries")
            told = ", ".join(f"{one} {hits:.1%}" for one, hits in size["policies"].items())
            print(f"    one cache: {told}")
            for one, tiers in size["tiers"].items():
                told = ", ".join(f"{tier} {hits:.1%}" for tier, hits in tiers.items())
                print(f"    tiers of that size a region, {one}: {told}")
    told = ", ".join(f"{us} µs with {int(entries):,}" for entries, us in result["hit_us"].items())
    print(f"\na hit: {told} entries")
