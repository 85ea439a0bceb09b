"""Who reaches whom, and how long a message takes: between nodes, and between clients and nodes.

A message takes what the distance takes and a little more by chance. What is cut does not answer at all: a router that
drops packets says nothing, and so nobody learns of it but by waiting. That is what clients and detectors find hardest.
"""

from collections import Counter
from collections.abc import Iterable
from random import Random
from typing import Final

from homeroom.simulation.journeys.plan import JourneyPlan
from homeroom.simulation.regions.places import one_way_ms

__all__ = ["Links"]

_AGAIN_MS: Final = 300


class Links:
    """All links of a world.

    Parameters
    ----------
    plan : of the world
    chance : draws what is lost, and delays
    """

    def __init__(self, plan: JourneyPlan, chance: Random) -> None:
        self._chance, self._loss, self._jitter_ms = chance, plan.loss, plan.jitter_ms
        self._ways = {
            (one.name, other.name): one_way_ms(one, other)
            for one in plan.places
            for other in plan.places
        }
        # By whether it is clients, and by regions, how many faults keep the first from the second. Never negative.
        self._cuts: Counter[tuple[str, str, str]] = Counter()

    def cut(self, who: str, ones: Iterable[str], others: Iterable[str], by: int) -> None:
        """Cut ``who`` ("nodes" or "clients") of regions off from nodes of others, both ways; -1 takes it back."""
        others = tuple(others)
        for one in ones:
            for other in others:
                self._cuts[who, one, other] += by
                if who == "nodes":
                    self._cuts[who, other, one] += by

    def joins(self, who: str, one: str, other: str) -> bool:
        """Say whether messages of nodes or clients of one region come to nodes of another."""
        return self._cuts[who, one, other] <= 0

    def way_ms(self, one: str, other: str) -> int:
        """Draw how long a message takes from one region to another."""
        way_ms = self._ways[one, other] + self._chance.expovariate(1 / self._jitter_ms)
        return max(1, round(way_ms))

    def sure_way_ms(self, one: str, other: str) -> int:
        """Draw how long it takes where what is lost is sent again, as TCP does."""
        again_ms = 0
        while self._is_lost():
            again_ms += _AGAIN_MS
        return again_ms + self.way_ms(one, other)

    def loses(self, one: str, other: str) -> bool:
        """Draw whether a message between nodes is lost."""
        return self._is_lost() or not self.joins("nodes", one, other)

    def _is_lost(self) -> bool:
        return self._loss > 0 and self._chance.random() < self._loss
