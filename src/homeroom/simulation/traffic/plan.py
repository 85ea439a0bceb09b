"""What will go wrong in an hour of a detector's world, and when: settled by the seed before anything happens.

Troubles overlap as chance has it. What is hard for a detector is not a region that dies, but all that looks like it for
a few seconds: so most troubles are short, many last about as long as the time after which a death is confirmed, and
pauses come to whole majorities at once. The last minute is calm, so that it can be seen whether all is well again.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from random import Random
from typing import Final

from homeroom.simulation.regions.places import WORLD

__all__ = [
    "HOUR_MS",
    "NODES",
    "NODES_A_REGION",
    "REGIONS",
    "Kind",
    "Trouble",
    "TroublePlan",
    "make_trouble_plan",
]

HOUR_MS: Final = 3_600_000
REGIONS: Final = len(WORLD)
NODES_A_REGION: Final = 2
NODES: Final = REGIONS * NODES_A_REGION
_CALM_MS: Final = 30_000
_TAIL_MS: Final = 60_000
_GAPS_S: Final = (12.0, 30.0, 90.0)
_EVERYBODY: Final = tuple(range(NODES))


class Kind(StrEnum):
    """What goes wrong."""

    DEATH = "death"
    PAUSE = "pause"
    SUSPEND = "pause in which the clock stands still"
    CUT = "cut one way"
    PART = "cut both ways"
    LOSS = "loss"
    JITTER = "jitter"
    HOLD = "held up, then all at once"
    REFUSE = "only errors"
    SLOW = "slow"
    BUSY = "too busy"
    UNREADY = "not ready"


@dataclass(frozen=True, slots=True, eq=False)
class Trouble:
    """Something that goes wrong for a time.

    Parameters
    ----------
    kind : what
    begin_ms, end_ms : from when until when
    ones : the nodes that it is about, or that send on the links that it is about
    others : the nodes that receive on these links
    amount : share that is lost, or milliseconds
    run : of what is lost after something was lost
    """

    kind: Kind
    begin_ms: int
    end_ms: int
    ones: tuple[int, ...]
    others: tuple[int, ...] = ()
    amount: float = 0.0
    run: float = 0.0


@dataclass(frozen=True, slots=True)
class TroublePlan:
    """An hour of a world.

    Parameters
    ----------
    seed : it all follows from
    length_ms : how long it lasts
    loss, jitter_ms : of all links all the time
    rates : by node how fast its clock goes
    troubles : in order by their beginning
    """

    seed: int
    length_ms: int
    loss: float
    jitter_ms: float
    rates: tuple[float, ...]
    troubles: tuple[Trouble, ...]


def nodes_of(*regions: int) -> tuple[int, ...]:
    """Return the numbers of the nodes of some regions."""
    return tuple(
        region * NODES_A_REGION + place for region in regions for place in range(NODES_A_REGION)
    )


def make_trouble_plan(seed: int, length_ms: int = HOUR_MS) -> TroublePlan:
    """Return the plan of a seed."""
    chance = Random(seed)  # noqa: S311 - a world, no secret
    troubles: list[Trouble] = []
    gap_ms = chance.choice(_GAPS_S) * 1_000
    now_ms = float(_CALM_MS)
    drift = chance.choice((0.0, 5e-5, 5e-4))
    while True:
        now_ms += chance.expovariate(1 / gap_ms)
        if now_ms >= length_ms - _TAIL_MS:
            break
        draw = chance.choices(tuple(_DRAWN), tuple(_DRAWN.values()))[0]
        drawn = draw(chance, int(now_ms))
        troubles += [trouble for trouble in drawn if trouble.end_ms <= length_ms - _TAIL_MS]
    return TroublePlan(
        seed=seed,
        length_ms=length_ms,
        loss=chance.choice((0.0, 0.001, 0.005, 0.02)),
        jitter_ms=chance.choice((1.0, 5.0, 30.0)),
        rates=tuple(1 + chance.uniform(-drift, drift) for _ in range(NODES)),
        troubles=tuple(sorted(troubles, key=lambda trouble: trouble.begin_ms)),
    )


# --- how each kind is drawn ------------------------------------------------------------------------------------------


def _lasting(chance: Random) -> int:
    """Draw how long something lasts: mostly about as long as it takes to judge, sometimes a minute and more."""
    return int(
        1_000 * chance.choice((chance.uniform(0.3, 3), chance.uniform(3, 9), chance.uniform(9, 90)))
    )


def _some_nodes(chance: Random) -> tuple[int, ...]:
    """Draw one node, one region, several regions, or a majority of nodes from everywhere."""
    which = chance.random()
    if which < 0.4:
        return (chance.randrange(NODES),)
    if which < 0.7:
        return nodes_of(chance.randrange(REGIONS))
    if which < 0.9:
        return nodes_of(*chance.sample(range(REGIONS), chance.randint(2, 6)))
    return tuple(chance.sample(_EVERYBODY, chance.randint(2, NODES)))


def _deaths(chance: Random, now_ms: int) -> list[Trouble]:
    region = nodes_of(chance.randrange(REGIONS))
    ones = region if chance.random() < 0.7 else (chance.choice(region),)
    return [Trouble(Kind.DEATH, now_ms, now_ms + int(chance.uniform(2_000, 90_000)), ones)]


def _restarts(chance: Random, now_ms: int) -> list[Trouble]:
    return [
        Trouble(Kind.DEATH, now_ms, now_ms + chance.randint(500, 8_000), (chance.randrange(NODES),))
    ]


def _pauses(chance: Random, now_ms: int) -> list[Trouble]:
    kind = Kind.SUSPEND if chance.random() < 0.2 else Kind.PAUSE
    ends_ms = now_ms + int(
        chance.choice((chance.uniform(200, 2_000), chance.uniform(2_000, 15_000)))
    )
    return [Trouble(kind, now_ms, ends_ms, _some_nodes(chance))]


def _parts(chance: Random, now_ms: int) -> list[Trouble]:
    """Draw a partition: of regions or nodes, one way or both, whole or with some links left."""
    ones = _some_nodes(chance)
    others = tuple(node for node in _EVERYBODY if node not in ones)
    if chance.random() < 0.5:
        others = _some_nodes(chance)
    kind = Kind.CUT if chance.random() < 0.4 else Kind.PART
    if kind is Kind.CUT and chance.random() < 0.5:
        ones, others = others, ones
    return [Trouble(kind, now_ms, now_ms + _lasting(chance), ones, others)]


def _flaps(chance: Random, now_ms: int) -> list[Trouble]:
    """Draw a link, a node or a region that comes and goes."""
    ones, others = _some_nodes(chance), _some_nodes(chance)
    if chance.random() < 0.5:
        others = _EVERYBODY
    on_ms, off_ms = chance.randint(200, 7_000), chance.randint(200, 7_000)
    return [
        Trouble(Kind.PART, begin_ms, begin_ms + off_ms, ones, others)
        for begin_ms in range(now_ms, now_ms + _lasting(chance), on_ms + off_ms)
    ]


def _losses(chance: Random, now_ms: int) -> list[Trouble]:
    others = _EVERYBODY if chance.random() < 0.6 else _some_nodes(chance)
    amount = chance.choice((0.01, 0.03, 0.1, 0.3, 0.6))
    run = max(chance.choice((0.1, 0.5, 0.8)), amount)
    ends_ms = now_ms + 4 * _lasting(chance)
    return [Trouble(Kind.LOSS, now_ms, ends_ms, _some_nodes(chance), others, amount, run)]


def _jitters(chance: Random, now_ms: int) -> list[Trouble]:
    others = _EVERYBODY if chance.random() < 0.6 else _some_nodes(chance)
    amount = chance.choice((20.0, 100.0, 300.0, 800.0))
    ends_ms = now_ms + 4 * _lasting(chance)
    return [Trouble(Kind.JITTER, now_ms, ends_ms, _some_nodes(chance), others, amount)]


def _holds(chance: Random, now_ms: int) -> list[Trouble]:
    others = _EVERYBODY if chance.random() < 0.6 else _some_nodes(chance)
    ends_ms = now_ms + int(chance.uniform(500, 12_000))
    return [Trouble(Kind.HOLD, now_ms, ends_ms, _some_nodes(chance), others)]


def _gray(chance: Random, now_ms: int) -> list[Trouble]:
    """Draw a node, or a region, that answers badly although it lives."""
    kind = chance.choice((Kind.REFUSE, Kind.SLOW, Kind.BUSY, Kind.UNREADY))
    amount = chance.choice((400.0, 1_200.0, 2_500.0)) if kind in {Kind.SLOW, Kind.BUSY} else 0.0
    return [Trouble(kind, now_ms, now_ms + _lasting(chance), _some_nodes(chance), (), amount)]


_DRAWN: Final[dict[Callable[[Random, int], list[Trouble]], int]] = {
    _deaths: 5,
    _restarts: 2,
    _pauses: 5,
    _parts: 5,
    _flaps: 2,
    _losses: 4,
    _jitters: 3,
    _holds: 3,
    _gray: 4,
}
"""How each trouble is drawn, and how often among the others."""
