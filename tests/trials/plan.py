"""What will go wrong in a trial, drawn from a seed before anything begins: so it can be told, and had again."""

import random
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

__all__ = ["NODES", "Fault", "Kind", "Plan", "destroyed_unheard", "drawn", "long_partition"]

NODES: Final = {"north": ("ada", "bea"), "south": ("cid",), "east": ("dan",)}
"""By region its nodes; the first of the first is the home."""


class Kind(StrEnum):
    """What can go wrong."""

    CUT = "what goes from one region to another is lost"
    PARTED = "two regions do not hear each other"
    ALONE = "a region hears nobody, and nobody hears it"
    SLOW = "little gets into a region"
    KILLED = "a node is killed"
    PAUSED = "a node stands still"
    SERVER_KILLED = "a server of the fabric is killed"
    SERVER_PAUSED = "a server of the fabric stands still"
    DESTROYED = "a node is killed, its disk is gone, and it begins anew with its keys alone"


_OF_NODES: Final = (Kind.KILLED, Kind.PAUSED, Kind.DESTROYED)
_SHORT_S, _LONG_S = 1.0, 9.0


@dataclass(frozen=True, slots=True)
class Fault:
    """Something that goes wrong for a while.

    Attributes
    ----------
    at_s, for_s : after so many seconds of the trial, for so long
    kind : what
    whom : the node, or the region, or two of these
    """

    at_s: float
    for_s: float
    kind: Kind
    whom: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.at_s:5.1f} to {self.at_s + self.for_s:5.1f} s: {self.kind} ({', '.join(self.whom)})"


@dataclass(frozen=True, slots=True)
class Plan:
    """A trial.

    Attributes
    ----------
    seed : of which it was drawn; clients draw what they send by it
    faults : in order of time
    pause_s : how long each client waits between two batches
    batches : how many each client sends at least; it goes on until nothing is wrong any more
    levels : of acknowledgement, drawn for each batch
    statements : the share of single statements among what is sent
    """

    seed: int
    faults: tuple[Fault, ...]
    pause_s: float
    batches: int
    levels: tuple[str, ...] = ("local",) * 6 + ("remote",) * 3 + ("all",)
    statements: float = 0.15

    @property
    def end_s(self) -> float:
        """When the last fault ends that does so by itself."""
        return max((f.at_s + f.for_s for f in self.faults if f.for_s < float("inf")), default=0.0)


def drawn(seed: int, count: int = 9) -> Plan:
    """Return the plan of a seed: faults that overlap, of several kinds."""
    chance = random.Random(seed)
    faults, at_s = [], 1.0
    kinds = list(Kind)
    chance.shuffle(kinds)
    for number in range(count):
        kind = kinds[number % len(kinds)]
        for_s = round(chance.uniform(_SHORT_S, _LONG_S), 1)
        faults.append(Fault(round(at_s, 1), for_s, kind, _whom(kind, chance)))
        at_s += chance.uniform(0.5, 3.0)
    # A node is somewhere once at a time: whatever meets it while it is away already is left out.
    kept: list[Fault] = []
    for fault in faults:
        if not any(_meets(fault, other) for other in kept):
            kept.append(fault)
    return Plan(seed, tuple(kept), pause_s=0.05, batches=10)


def _whom(kind: Kind, chance: random.Random) -> tuple[str, ...]:
    nodes = [node for nodes in NODES.values() for node in nodes]
    if kind is Kind.DESTROYED:
        # Not the home: what it alone has stated would be gone, which operators settle, and no protocol.
        return (chance.choice(nodes[1:]),)
    if kind in _OF_NODES:
        return (chance.choice(nodes),)
    count = 2 if kind in (Kind.CUT, Kind.PARTED) else 1
    return tuple(chance.sample(list(NODES), count))


def _meets(one: Fault, other: Fault) -> bool:
    is_apart = one.at_s > other.at_s + other.for_s + 0.5 or other.at_s > one.at_s + one.for_s + 0.5
    if is_apart or set(one.whom).isdisjoint(other.whom):
        return False
    return (one.kind in _OF_NODES) == (other.kind in _OF_NODES) or one.kind == other.kind


def long_partition(seed: int, batches: int = 450) -> Plan:
    """Return a plan in which a region is alone, while the others write more than any buffer holds for it."""
    faults = (Fault(0.5, float("inf"), Kind.ALONE, ("south",)),)
    return Plan(seed, faults, pause_s=0.0, batches=batches, levels=("local",), statements=0.02)


def destroyed_unheard(seed: int) -> Plan:
    """Return a plan in which nobody hears a region any more, while it hears the others, and then its disk is gone."""
    return Plan(
        seed,
        (
            Fault(1.0, 8.0, Kind.CUT, ("south", "north")),
            Fault(1.0, 8.0, Kind.CUT, ("south", "east")),
            Fault(6.0, 4.0, Kind.DESTROYED, ("cid",)),
        ),
        pause_s=0.05,
        batches=10,
    )
