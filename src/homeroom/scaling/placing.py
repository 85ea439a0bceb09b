"""On which machine each shard should be.

All shards have about as many learners, so a machine should have as many of them as it has a part of all processors. A
move costs the time to read a snapshot and what came after it, so as few are moved as get there: a plan moves from the
fullest machine to the emptiest while that makes the fuller of the two less full.

The way not taken places by a hash of shard and machine, which needs no plan and moves few; of eight shards it would put
five on one machine and three on another, and a question waits for the slowest.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

__all__ = ["Gain", "Machine", "Move", "gain_of", "plan"]


@dataclass(frozen=True, slots=True)
class Machine:
    """A machine: its name, its processors, and the memory that shards may have there, 0 if nobody said."""

    name: str
    processors: int
    memory_bytes: int = 0


@dataclass(frozen=True, slots=True)
class Move:
    """A shard goes to a machine; ``source`` is where it is, empty if it is nowhere."""

    number: int
    source: str
    target: str


def plan(machines: Sequence[Machine], places: Mapping[int, str]) -> tuple[Move, ...]:
    """Return the moves after which shards lie evenly on the machines that are there; none if they do.

    ``places`` says where each shard is: empty, or a machine that is gone, for one that is nowhere.
    """
    if not machines:
        return ()
    sizes = {one.name: max(one.processors, 1) for one in machines}
    held = {name: [n for n, place in sorted(places.items()) if place == name] for name in sizes}
    moves = []

    def fullness(name: str, more: int = 0) -> tuple[float, str]:
        return (len(held[name]) + more) / sizes[name], name

    for number in (n for n, place in sorted(places.items()) if place not in sizes):
        target = min(sizes, key=lambda name: fullness(name, 1))
        held[target].append(number)
        moves.append(Move(number, "", target))
    while True:
        source, target = max(sizes, key=fullness), min(sizes, key=lambda name: fullness(name, 1))
        if fullness(target, 1)[0] >= fullness(source)[0]:
            return tuple(moves)
        number = held[source].pop()
        held[target].append(number)
        moves.append(Move(number, source, target))


@dataclass(frozen=True, slots=True)
class Gain:
    """What another machine would cost and bring.

    Parameters
    ----------
    moved : shards that would move
    moved_bytes : memory of these, which is read once from snapshots
    share_before, share_after : part of all shards that the fullest machine has, by which a question's time goes
    most_before, most_after : shards on the machine that has most of them
    """

    moved: int
    moved_bytes: int
    share_before: float
    share_after: float
    most_before: int
    most_after: int

    @property
    def speedup(self) -> float:
        """How many times as fast questions of all learners would be, where shards are what takes time."""
        return self.share_before / self.share_after if self.share_after else 1.0


def gain_of(
    machine: Machine,
    machines: Sequence[Machine],
    places: Mapping[int, str],
    memory_bytes: Mapping[int, int],
) -> Gain:
    """Return what a further machine would cost and bring."""
    every = [*machines, machine]
    moves = plan(every, places)
    after = {**places, **{one.number: one.target for one in moves}}
    return Gain(
        moved=len(moves),
        moved_bytes=sum(memory_bytes.get(one.number, 0) for one in moves),
        share_before=_fullest(machines, places),
        share_after=_fullest(every, after),
        most_before=max(Counter(places.values()).values(), default=0),
        most_after=max(Counter(after.values()).values(), default=0),
    )


def _fullest(machines: Sequence[Machine], places: Mapping[int, str]) -> float:
    """Return shards by processor on the fullest machine, as part of all shards."""
    counts = Counter(places.values())
    full = [counts[one.name] / max(one.processors, 1) for one in machines]
    return max(full, default=0.0) / max(len(places), 1)
