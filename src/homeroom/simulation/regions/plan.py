"""What will go wrong, and when: settled by the seed before anything happens.

A plan is data, so it can be printed, shortened and tried again; while it is carried out, nothing draws whether to fail.
Faults overlap as chance has it. Every fault ends before the plan does, but for a region that is destroyed; then the
world has some time to come together.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from random import Random
from typing import Final

from homeroom.simulation.regions.places import WORLD, Place

__all__ = [
    "CLOCK_KINDS",
    "DISK_KINDS",
    "ERASURES",
    "UPHEAVALS",
    "Fault",
    "Kind",
    "Plan",
    "make_plan",
]


class Kind(StrEnum):
    """What goes wrong."""

    CUT = "cut"
    CUT_ONE_WAY = "cut one way"
    ISOLATE = "isolate"
    WEATHER = "weather"
    DAMAGE = "damage on the way"
    KILL = "kill"
    POWER = "power loss"
    BAD_SYNC = "failed sync"
    SLOW_DISK = "slow disk"
    PAUSE = "pause"
    CLOCK_JUMP = "clock jump"
    CLOCK_DRIFT = "clock drift"
    CLOCK_AT_BOOT = "clock wrong at boot"
    ALONE_AND_WRONG = "clock wrong while cut off"
    RESTORE = "restore from a copy"
    RESTORE_TWICE = "restore twice from one copy"
    FAIL_OVER = "store that fails over"
    LYING_SYNC = "sync that lies"
    MISDIRECTED = "write that goes astray"
    LIES = "member that lies"
    RELEASES = "two releases together"
    POISON = "entry that nobody can fold"
    DESTROY = "destroy"
    JOIN = "join"
    LEAVE = "leave"
    RETURN = "leave, and return"
    CLONE = "clone beside the original"
    MOVE_HOME = "home cut off, and moved"
    EACH_OTHER = "two that remove each other"
    WEEKS = "weeks in which all is off"
    CUT_HISTORY = "retention cut"
    ERASE = "erasure"
    ERASE_CUT_OFF = "erasure while cut off"
    ERASE_AND_RESTORE = "erasure, then an old copy"


DISK_KINDS: Final = frozenset(
    {Kind.RESTORE, Kind.RESTORE_TWICE, Kind.FAIL_OVER, Kind.LYING_SYNC, Kind.MISDIRECTED}
)
"""Kinds of `homeroom.simulation.regions.disks`."""
UPHEAVALS: Final = frozenset({Kind.RETURN, Kind.MOVE_HOME, Kind.CLONE, Kind.EACH_OTHER, Kind.WEEKS})
"""Kinds of `homeroom.simulation.regions.upheavals`."""
ERASURES: Final = frozenset({Kind.ERASE, Kind.ERASE_CUT_OFF, Kind.ERASE_AND_RESTORE})
"""Kinds of `homeroom.simulation.regions.erasures`; the amount is the number of a learner."""
CLOCK_KINDS: Final = frozenset(
    {Kind.CLOCK_JUMP, Kind.CLOCK_DRIFT, Kind.CLOCK_AT_BOOT, Kind.ALONE_AND_WRONG}
)
"""Kinds after which some clock has been wrong."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that goes wrong.

    Parameters
    ----------
    kind : what
    at_ms, for_ms : when, and how long
    nodes : whom it befalls; of a cut the one side
    amount : milliseconds of a clock, share of messages lost, number of a learner, 1 for an older release
    """

    kind: Kind
    at_ms: int
    for_ms: int
    nodes: tuple[str, ...]
    amount: float = 0.0

    def __str__(self) -> str:
        amount = f", {self.amount:g}" if self.amount else ""
        return f"{self.kind} of {' '.join(self.nodes)} for {self.for_ms / 1_000:.1f} s{amount}"


@dataclass(frozen=True, slots=True)
class Plan:
    """A world and what goes wrong in it.

    Parameters
    ----------
    seed : that it was made from
    nodes : by name where each is; two may be in one region
    joining : nodes that come later, one for each fault of that kind
    storm_ms : how long clients write and things go wrong
    every_ms : about how often a client of a region sends a batch
    faults : in order of time
    has_documents : whether clients send documents too
    is_open : whether they send them to nodes of any jurisdiction, and some of whom they are live in another one
    has_pinned : whether clients send events that stay in their jurisdiction
    has_mistakes : whether some clients merge learners, and use ids and keys otherwise than they should
    save_ms : how long it is between two snapshots of a node, at least and at most; its log forgets nothing between
    """

    seed: int
    nodes: Mapping[str, Place]
    joining: Mapping[str, Place]
    storm_ms: int
    every_ms: int
    faults: tuple[Fault, ...]
    has_documents: bool = False
    is_open: bool = False
    has_pinned: bool = False
    has_mistakes: bool = False
    save_ms: tuple[int, int] = (2_000, 5_000)

    @property
    def kinds(self) -> frozenset[Kind]:
        """What goes wrong at all."""
        return frozenset(fault.kind for fault in self.faults)


_WEIGHTS: Final = (
    (Kind.CUT, 5),
    (Kind.CUT_ONE_WAY, 4),
    (Kind.ISOLATE, 4),
    (Kind.WEATHER, 5),
    (Kind.DAMAGE, 2),
    (Kind.KILL, 5),
    (Kind.POWER, 5),
    (Kind.BAD_SYNC, 3),
    (Kind.SLOW_DISK, 2),
    (Kind.PAUSE, 3),
    (Kind.CLOCK_JUMP, 4),
    (Kind.CLOCK_DRIFT, 2),
    (Kind.CLOCK_AT_BOOT, 3),
    (Kind.ALONE_AND_WRONG, 3),
    (Kind.RESTORE, 2),
    (Kind.DESTROY, 1),
    (Kind.JOIN, 2),
    (Kind.LEAVE, 2),
)
_FURTHER: Final = 0.4
_CUT: Final = 0.35
_DISKS_LOST: Final = DISK_KINDS | {Kind.ERASE_AND_RESTORE, Kind.DESTROY}
_LATER: Final = (
    Kind.LIES,
    Kind.RELEASES,
    Kind.POISON,
    Kind.RESTORE_TWICE,
    Kind.FAIL_OVER,
    Kind.LYING_SYNC,
    Kind.MISDIRECTED,
)
"""Kinds that were added later."""
_UPHEAVED: Final = 0.3
_ERASED: Final = 0.25
_DOCUMENTED: Final = 3
"""One world in so many has documents."""
_OPEN: Final = 15
_OPENED: Final = 9
"""The tenant of a world with this remainder is open; it has documents."""
_PINNING: Final = 30
_PINNED: Final = 21
"""In a world with this remainder some clients send events that stay in their jurisdiction; it has documents too."""
_MISTAKEN: Final = 4
"""One world in so many has clients that make mistakes."""
_RARE: Final = 0.15
_YEAR_MS: Final = 365.25 * 86_400_000


def make_plan(seed: int, storm_ms: int | None = None) -> Plan:
    """Return the plan of a seed; a length in place of the one that the seed gives."""
    chance = Random(f"{seed}/plan")  # noqa: S311 - a seed settles everything here
    nodes = _nodes(chance)
    length_ms = storm_ms or chance.choice((6_000, 9_000, 12_000, 20_000))
    names = list(nodes)
    kinds = [kind for kind, _ in _WEIGHTS]
    weights = [weight for _, weight in _WEIGHTS]
    # A part of the plans has few kinds, and many of each: what is rare together is found so.
    chosen = chance.choices(kinds, weights, k=chance.choice((1, 2, 4, 8)))
    number = chance.randint(0, max(2, length_ms // 1_500))
    faults = [_fault(chance, chance.choice(chosen), names, length_ms) for _ in range(number)]
    faults += _erasures(seed, names, length_ms)
    faults += _upheavals(seed, names, {fault.kind for fault in faults}, length_ms)
    faults += _rare(seed, names, {fault.kind for fault in faults}, length_ms)
    faults += _one_disk(_further(seed, names, length_ms), faults)
    if not _loses_home(faults, names[0]):
        faults += _cuts(seed, names, length_ms)
    settled, joining = _settled(faults, nodes)
    every_ms = chance.choice((200, 400, 800))
    return Plan(
        seed,
        nodes,
        joining,
        length_ms,
        every_ms,
        settled,
        has_documents=seed % _DOCUMENTED == 0,
        is_open=seed % _OPEN == _OPENED,
        has_pinned=seed % _PINNING == _PINNED,
        has_mistakes=seed % _MISTAKEN == 1,
    )


def _erasures(seed: int, names: Sequence[str], length_ms: int) -> list[Fault]:
    """Return who is erased in a part of the worlds, and what befalls whoever was asked."""
    chance = Random(f"{seed}/erasures")  # noqa: S311 - a seed settles everything here
    if chance.random() > _ERASED:
        return []
    found = []
    for _ in range(chance.randint(1, 3)):
        kind = chance.choice((Kind.ERASE, Kind.ERASE_CUT_OFF, Kind.ERASE_AND_RESTORE))
        at_ms = chance.randrange(length_ms // 4, length_ms * 9 // 10)
        for_ms = chance.randrange(100, max(200, length_ms - at_ms))
        found.append(Fault(kind, at_ms, for_ms, (chance.choice(names),), chance.randrange(40)))
    return found


def _further(seed: int, names: Sequence[str], length_ms: int) -> list[Fault]:
    """Return what else goes wrong in a part of the worlds; the other faults do not depend on it."""
    chance = Random(f"{seed}/further")  # noqa: S311 - a seed settles everything here
    if chance.random() > _FURTHER:
        return []
    found = []
    for _ in range(chance.randint(1, 3)):
        kind = chance.choice(_LATER)
        at_ms = chance.randrange(length_ms // 4, length_ms * 9 // 10)
        for_ms = chance.randrange(100, max(200, length_ms - at_ms))
        nodes = (chance.choice(names),)
        amount = chance.randrange(2) if kind is Kind.RELEASES else 0
        found.append(Fault(kind, at_ms, for_ms, nodes, amount))
    return found


def _one_disk(further: Sequence[Fault], others: Sequence[Fault]) -> list[Fault]:
    """Return faults of which those that lose a disk befall one node alone, and none if another one has lost its own.

    Two that are put back at once may each have forgotten what the other has lost. Neither can take the other's state
    then, and a person has to choose.
    """
    kept: list[Fault] = []
    for fault in further:
        lost = {other.nodes[0] for other in (*others, *kept) if other.kind in _DISKS_LOST}
        if fault.kind not in _DISKS_LOST or lost <= {fault.nodes[0]}:
            kept.append(fault)
    return kept


def _loses_home(faults: Sequence[Fault], home: str) -> bool:
    """Say whether the home may lose facts that it has stated, or another one states some without knowing of them.

    A cut cannot be undone, and one that becomes known late cannot be made in its place: so in such worlds none is.
    """
    return any(
        fault.kind in (Kind.MOVE_HOME, Kind.EACH_OTHER)
        or (fault.kind in _DISKS_LOST and fault.nodes[0] == home)
        for fault in faults
    )


def _cuts(seed: int, names: Sequence[str], length_ms: int) -> list[Fault]:
    """Return when history is cut in a part of the worlds, each time at a later day."""
    chance = Random(f"{seed}/cuts")  # noqa: S311 - a seed settles everything here
    if chance.random() > _CUT:
        return []
    times = sorted(chance.randrange(length_ms // 4, length_ms * 9 // 10) for _ in range(2))
    return [
        Fault(Kind.CUT_HISTORY, at_ms, 0, (names[0],), day)
        for at_ms, day in zip(times, (chance.randint(2, 3), chance.randint(0, 1)), strict=True)
    ]


def _upheavals(seed: int, names: Sequence[str], kinds: set[Kind], length_ms: int) -> list[Fault]:
    """Return what befalls the life of a node in a part of the worlds; the other faults do not depend on it."""
    chance = Random(f"{seed}/upheavals")  # noqa: S311 - a seed settles everything here
    # A removal waits for all others, and a node that is destroyed says nothing.
    if kinds & {Kind.DESTROY, Kind.LEAVE} or chance.random() > _UPHEAVED:
        return []
    at_ms = chance.randrange(length_ms // 2)
    for_ms = chance.randrange(500, length_ms - at_ms)
    kind = chance.choice((Kind.RETURN, Kind.MOVE_HOME, Kind.CLONE))
    return [Fault(kind, at_ms, for_ms, (chance.choice(names[1:]),))]


def _rare(seed: int, names: Sequence[str], kinds: set[Kind], length_ms: int) -> list[Fault]:
    """Return what hardly ever happens, in a part of the worlds; the other faults do not depend on it."""
    chance = Random(f"{seed}/rare")  # noqa: S311 - a seed settles everything here
    if kinds & {Kind.DESTROY, Kind.LEAVE, *UPHEAVALS} or chance.random() > _RARE:
        return []
    at_ms = chance.randrange(length_ms // 4, length_ms // 2)
    if chance.random() < 0.5:
        return [Fault(Kind.WEEKS, at_ms, 0, (chance.choice(names),))]
    others = list(names[1:])
    chance.shuffle(others)
    # On the one side the home and half of the others, on this one the rival and the other half.
    side = tuple(others[: (len(others) + 1) // 2])
    return [Fault(Kind.EACH_OTHER, at_ms, chance.randrange(500, length_ms - at_ms), side)]


def _settled(
    faults: Sequence[Fault], nodes: Mapping[str, Place]
) -> tuple[tuple[Fault, ...], dict[str, Place]]:
    """Let at most one node go for good, and none that states who belongs to the world; name those that join."""
    kept: list[Fault] = []
    joining: dict[str, Place] = {}
    free = [place for place in WORLD if place.name not in nodes]
    is_gone = False
    for fault in sorted(faults, key=lambda fault: fault.at_ms):
        if fault.kind in (Kind.DESTROY, Kind.LEAVE):
            if is_gone or (fault.kind is Kind.LEAVE and fault.nodes[0] == next(iter(nodes))):
                continue
            is_gone = True
        if fault.kind is Kind.JOIN:
            if not free:
                continue
            place = free.pop(0)
            joining[place.name] = place
            kept.append(replace(fault, nodes=(place.name,)))
            continue
        kept.append(fault)
    return tuple(kept), joining


def _nodes(chance: Random) -> dict[str, Place]:
    places = chance.sample(WORLD, chance.choice((3, 3, 4, 5, 8)))
    nodes = {place.name: place for place in places}
    if chance.random() < 0.3:
        nodes[f"{places[0].name}-2"] = places[0]
    return dict(sorted(nodes.items()))


def _fault(chance: Random, kind: Kind, names: Sequence[str], length_ms: int) -> Fault:
    at_ms = chance.randrange(length_ms * 9 // 10)
    for_ms = min(int(chance.expovariate(1 / 2_500)) + 200, length_ms - at_ms)
    some = chance.sample(names, chance.randint(1, len(names) - 1))
    one = (chance.choice(names),)
    amounts: dict[Kind, Callable[[], float]] = {
        Kind.WEATHER: lambda: chance.choice((0.05, 0.2, 0.5)),
        Kind.DAMAGE: lambda: 0.1,
        Kind.CLOCK_JUMP: lambda: chance.choice((-20_000, -400, -100, 150, 400, 700, 5_000)),
        Kind.ALONE_AND_WRONG: lambda: chance.choice((-20_000, 700, 1_500, 4_000, _YEAR_MS)),
        Kind.CLOCK_DRIFT: lambda: chance.choice((-0.1, -0.01, 0.01, 0.1)),
        Kind.CLOCK_AT_BOOT: lambda: chance.choice((-_YEAR_MS, _YEAR_MS)),
    }
    nodes = tuple(sorted(some)) if kind in (Kind.CUT, Kind.CUT_ONE_WAY) else one
    return Fault(kind, at_ms, for_ms, nodes, amounts.get(kind, float)())
