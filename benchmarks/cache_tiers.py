"""Three tiers of eight regions with two nodes each, with a real policy in every cache.

A request comes to any region. There it goes to the node that the key is given to by rendezvous (Thaler and Ravishankar
1998), so that the two nodes' caches hold different keys; then to the region's own tier; then to the tier of the key's
home, and from there to the engine. A region's room is that of its tier and both its nodes together, an eighth of it in
the nodes.

`Copies.ONE`: a region's tier holds only the keys whose home it is, so that the world's tiers add up; the nodes hold
whatever comes by. `Copies.NEAR`: a region's tier holds whatever was asked for in it: fewer different keys in the world,
but far fewer questions to another region.
"""

import hashlib
import random
from collections.abc import Callable, Sequence
from enum import StrEnum
from typing import Final

from benchmarks.cache_policies import Policy

__all__ = ["REGIONS", "Copies", "hits_by_tier"]

REGIONS: Final = 8
_NODES: Final = 2
_NODES_SHARE: Final = 0.125


class Copies(StrEnum):
    """What a region's tier holds of keys whose home is elsewhere."""

    ONE = "one in the world"
    NEAR = "in each region that asks"


def hits_by_tier(
    keys: Sequence[bytes], entries_max: int, make: Callable[[int], Policy], copies: Copies
) -> dict[str, float]:
    """Return the share of requests that each tier answered, with so many entries a region."""
    node_entries = max(int(entries_max * _NODES_SHARE / _NODES), 1)
    nodes = [make(node_entries) for _ in range(REGIONS * _NODES)]
    tiers = [make(max(entries_max - node_entries * _NODES, 1)) for _ in range(REGIONS)]
    places = {key: _place(key) for key in set(keys)}
    chance = random.Random(20261128)
    process = regional = world = 0
    for key in keys:
        region, (home, turn) = int(chance.random() * REGIONS), places[key]
        node = nodes[region * _NODES + turn]
        if node.hit(key):
            process += 1
            continue
        if (home == region or copies is Copies.NEAR) and tiers[region].hit(key):
            regional += 1
        else:
            if home != region and tiers[home].hit(key):
                world += 1
            else:
                tiers[home].fill(key)
            if home != region and copies is Copies.NEAR:
                tiers[region].fill(key)
        node.fill(key)
    asked = len(keys)
    return {
        "process": process / asked,
        "region": regional / asked,
        "world": world / asked,
        "all": (process + regional + world) / asked,
    }


def _place(key: bytes) -> tuple[int, int]:
    """Return the home region of a key, and which node of a region takes it: the highest of keyed hashes."""
    digest = hashlib.blake2b(key, digest_size=2 * REGIONS + 2 * _NODES).digest()
    scores = [digest[at : at + 2] for at in range(0, len(digest), 2)]
    home = max(range(REGIONS), key=lambda at: scores[at])
    return home, max(range(_NODES), key=lambda at: scores[REGIONS + at])
