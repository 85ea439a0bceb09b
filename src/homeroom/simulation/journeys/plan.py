"""What will go wrong in a world of requests, and when: settled by the seed before anything happens.

Faults overlap as chance has it, so most worlds are worse than any day; the last part of each is calm, so that what was
put off can be seen to end. What an operator does is planned too: orders and faults come at the same time, in the
worlds as in life.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from random import Random
from typing import Final

from homeroom.simulation.regions.places import WORLD, Place

__all__ = ["BEGIN_MS", "Fault", "JourneyPlan", "Kind", "Shape", "make_journey_plan"]

BEGIN_MS: Final = 7_000
"""Until then nothing goes wrong: the nodes hear each other, and the first tables are made."""
_CALM_MS: Final = 22_000
_STORM_MS: Final = (10_000, 24_000)
_KEPT_SHARE: Final = 0.35
"""In so many worlds what keeps answers goes wrong too, or what makes them."""


class Kind(StrEnum):
    """What goes wrong, or is ordered."""

    REGION_DIES = "a region dies"
    NODE_DIES = "a process dies"
    PART = "regions are cut off"
    CLIENTS_CUT = "clients of a region do not reach another one"
    SLOW = "slow answers"
    REFUSE = "only errors"
    FORGED = "tables that nobody should follow"
    STRANGER = "heartbeats of a node that was removed"
    BUSY = "more to do"
    CLOCK = "a clock jumps"
    HELD = "entries are held up"
    TIER_LOST = "a region's cache is gone"
    TIER_HUNG = "a region's cache hangs"
    TIER_FLUSHED = "a region's cache is flushed"
    TIER_SLOW = "slow fills"
    TIER_POISONED = "a region's cache is poisoned"
    ENGINE_FAILS = "an engine fails"
    DRAIN_NODE = "a node is drained and stopped"
    DRAIN_REGION = "a region is drained"
    EVACUATE = "a region is evacuated"


_OF_ANSWERS: Final = (Kind.TIER_POISONED, Kind.ENGINE_FAILS)
_FIRST: Final = tuple(kind for kind in Kind if kind not in _OF_ANSWERS)


@dataclass(frozen=True, slots=True)
class Fault:
    """Something that goes wrong, or is ordered, for a time.

    Parameters
    ----------
    kind : what
    begin_ms, end_ms : from when until when
    ones : names of nodes or regions that it is about
    others : regions that these do not reach
    amount : milliseconds, or by how much
    """

    kind: Kind
    begin_ms: int
    end_ms: int
    ones: tuple[str, ...]
    others: tuple[str, ...] = ()
    amount: float = 0.0


@dataclass(frozen=True, slots=True)
class Shape:
    """How large a world is: regions, nodes in each, and for how long things go wrong, and then do not."""

    regions: int
    nodes: int
    storm_ms: int
    calm_ms: int = _CALM_MS


@dataclass(frozen=True, slots=True)
class JourneyPlan:
    """A world.

    Parameters
    ----------
    seed : it all follows from
    places : its regions
    nodes : in each region
    length_ms : how long it lasts
    loss, jitter_ms : of all links: share of messages that is lost, mean of what they take more
    demand : by region what its people ask for, in nodes that it takes
    faults : in order by their beginning
    """

    seed: int
    places: tuple[Place, ...]
    nodes: int
    length_ms: int
    loss: float
    jitter_ms: float
    demand: tuple[float, ...]
    faults: tuple[Fault, ...]

    @property
    def kinds(self) -> set[Kind]:
        """What goes wrong in it."""
        return {fault.kind for fault in self.faults}

    def nodes_of(self, region: str) -> tuple[str, ...]:
        """Return the names of the nodes of a region."""
        return tuple(f"{region}-{number + 1}" for number in range(self.nodes))


def make_journey_plan(
    seed: int, shape: Shape | None = None, kinds: tuple[Kind, ...] = ()
) -> JourneyPlan:
    """Return the plan of a seed; ``kinds`` are all that go wrong, by default whatever chance takes."""
    chance = Random(seed)  # noqa: S311 - a world, no secret
    shape = shape or Shape(len(WORLD), 2, chance.randint(*_STORM_MS))
    places = tuple(sorted(chance.sample(WORLD, shape.regions), key=lambda one: one.name))
    busy = chance.choice((0.2, 0.4, 0.55))
    plan = JourneyPlan(
        seed=seed,
        places=places,
        nodes=shape.nodes,
        length_ms=BEGIN_MS + shape.storm_ms + shape.calm_ms,
        loss=chance.choice((0.0, 0.001, 0.01)),
        jitter_ms=chance.choice((1.0, 5.0, 20.0)),
        demand=tuple(shape.nodes * busy * chance.uniform(0.5, 1.3) for _ in places),
        faults=(),
    )
    faults: list[Fault] = []
    gap_ms = chance.choice((2_000, 5_000, 12_000))
    now_ms = BEGIN_MS + chance.randint(0, 1_500)
    end_ms = BEGIN_MS + shape.storm_ms
    # A world has a few kinds of trouble, so that each is also seen without most of the others.
    some = kinds or tuple(chance.sample(_FIRST, chance.randint(1, 6)))
    while now_ms < end_ms:
        kind = chance.choice(some)
        faults.append(_DRAWN[kind](chance, plan, now_ms, end_ms))
        now_ms += int(chance.expovariate(1 / gap_ms)) + 1
    if not kinds:
        faults = sorted([*faults, *_of_answers(plan, end_ms)], key=lambda one: one.begin_ms)
    return JourneyPlan(
        seed=seed,
        places=places,
        nodes=plan.nodes,
        length_ms=plan.length_ms,
        loss=plan.loss,
        jitter_ms=plan.jitter_ms,
        demand=plan.demand,
        faults=tuple(faults),
    )


def _of_answers(plan: JourneyPlan, end_ms: int) -> list[Fault]:
    """Draw what goes wrong with answers beside all else; by a chance of its own, so that the rest of a seed stays."""
    chance = Random(f"{plan.seed} answers")  # noqa: S311 - a world, no secret
    if chance.random() >= _KEPT_SHARE:
        return []
    times = sorted(chance.randint(BEGIN_MS, end_ms - 1) for _ in range(chance.randint(1, 4)))
    return [_DRAWN[chance.choice(_OF_ANSWERS)](chance, plan, at_ms, end_ms) for at_ms in times]


# --- how each kind is drawn ------------------------------------------------------------------------------------------


def _until_ms(chance: Random, now_ms: int, end_ms: int) -> int:
    lasts_ms = chance.choice((chance.randint(300, 3_000), chance.randint(3_000, 20_000)))
    return min(now_ms + lasts_ms, end_ms)


def _region(chance: Random, plan: JourneyPlan) -> str:
    return chance.choice(plan.places).name


def _node(chance: Random, plan: JourneyPlan) -> str:
    return chance.choice(plan.nodes_of(_region(chance, plan)))


def _about_region(kind: Kind) -> Callable[[Random, JourneyPlan, int, int], Fault]:
    def draw(chance: Random, plan: JourneyPlan, now_ms: int, end_ms: int) -> Fault:
        amount = chance.choice((50.0, 400.0, 2_500.0))
        until_ms = _until_ms(chance, now_ms, end_ms)
        return Fault(kind, now_ms, until_ms, (_region(chance, plan),), (), amount)

    return draw


def _about_node(kind: Kind) -> Callable[[Random, JourneyPlan, int, int], Fault]:
    def draw(chance: Random, plan: JourneyPlan, now_ms: int, end_ms: int) -> Fault:
        amount = chance.choice((300.0, 1_200.0, 2_500.0))
        until_ms = _until_ms(chance, now_ms, end_ms)
        return Fault(kind, now_ms, until_ms, (_node(chance, plan),), (), amount)

    return draw


def _apart(kind: Kind) -> Callable[[Random, JourneyPlan, int, int], Fault]:
    def draw(chance: Random, plan: JourneyPlan, now_ms: int, end_ms: int) -> Fault:
        names = [place.name for place in plan.places]
        ones = tuple(chance.sample(names, chance.randint(1, max(1, len(names) // 2))))
        others = tuple(name for name in names if name not in ones)
        if chance.random() < 0.4:
            others = (chance.choice(others),)
        return Fault(kind, now_ms, _until_ms(chance, now_ms, end_ms), ones, others)

    return draw


def _forged(chance: Random, plan: JourneyPlan, now_ms: int, end_ms: int) -> Fault:
    """Draw a region whose tables are forged to the end: clients ask for one seldom."""
    which = chance.randint(0, 6)
    return Fault(Kind.FORGED, now_ms, end_ms, (_region(chance, plan),), (), float(which))


_DRAWN: Final[dict[Kind, Callable[[Random, JourneyPlan, int, int], Fault]]] = {
    Kind.REGION_DIES: _about_region(Kind.REGION_DIES),
    Kind.NODE_DIES: _about_node(Kind.NODE_DIES),
    Kind.PART: _apart(Kind.PART),
    Kind.CLIENTS_CUT: _apart(Kind.CLIENTS_CUT),
    Kind.SLOW: _about_node(Kind.SLOW),
    Kind.REFUSE: _about_node(Kind.REFUSE),
    Kind.FORGED: _forged,
    Kind.STRANGER: _about_node(Kind.STRANGER),
    Kind.BUSY: _about_region(Kind.BUSY),
    Kind.CLOCK: _about_node(Kind.CLOCK),
    Kind.HELD: _about_node(Kind.HELD),
    Kind.TIER_LOST: _about_region(Kind.TIER_LOST),
    Kind.TIER_HUNG: _about_region(Kind.TIER_HUNG),
    Kind.TIER_FLUSHED: _about_region(Kind.TIER_FLUSHED),
    Kind.TIER_SLOW: _about_region(Kind.TIER_SLOW),
    Kind.TIER_POISONED: _about_region(Kind.TIER_POISONED),
    Kind.ENGINE_FAILS: _about_node(Kind.ENGINE_FAILS),
    Kind.DRAIN_NODE: _about_node(Kind.DRAIN_NODE),
    Kind.DRAIN_REGION: _about_region(Kind.DRAIN_REGION),
    Kind.EVACUATE: _about_region(Kind.EVACUATE),
}
