"""A membership library on the same ground: a small model of SWIM, of our own, with such a library's shipped settings.

Each member asks one other per period, in an order that is shuffled, whether it lives; if no answer comes in time, it
has some others ask. Who answers nobody is suspected; that is gossiped, and whoever is suspected and hears it says that
he lives. If he has not said so when a time is over that grows with the logarithm of the members, he is dead (Das,
Gupta, Motivala: SWIM, 2002). The settings are those that the documentation of HashiCorp's memberlist gives for wide and
for local networks: period, time to answer, others asked, factor of suspicion, gossip.

It is a model: messages are not lost more than once each, gossip is not limited in size or number of repeats, and what
the library has learned since (asking over TCP, local health, times that shrink with confirmations) is left out. It
shows what settings alone come to: a detector of one kind has to choose between late and wrong.
"""

import math
from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from homeroom.kernel import borrowing
from homeroom.simulation.traffic.ground import Ground, boundaries, ground_at
from homeroom.simulation.traffic.plan import NODES, Trouble, TroublePlan
from homeroom.simulation.traffic.referee import Change
from homeroom.simulation.traffic.world import draw

__all__ = ["LOCAL", "WIDE_AREA", "SwimSettings", "live_swim"]

_STEP_MS: Final = 100
_CHANGES_MAX: Final = 1 << 20
_ALIVE: Final = 0
_SUSPECT: Final = 1
_DEAD: Final = 2


@dataclass(frozen=True, slots=True)
class SwimSettings:
    """Settings of a membership library.

    Parameters
    ----------
    name : for people
    period_ms : a member asks another one so often
    answer_ms : and waits so long
    asked : so many others ask for it then
    factor : of the time of suspicion, times log10(members + 1), times the period
    gossip_ms, gossiped : how often it tells what it knows, and to how many
    """

    name: str
    period_ms: int
    answer_ms: int
    asked: int
    factor: int
    gossip_ms: int
    gossiped: int

    def suspicion_ms(self) -> float:
        """Return how long a member is suspected before it is dead."""
        return self.factor * math.log10(NODES + 1) * self.period_ms


WIDE_AREA: Final = SwimSettings("wide-area settings", 5_000, 3_000, 3, 6, 500, 4)
LOCAL: Final = SwimSettings("local settings", 1_000, 200, 1, 3, 100, 3)


class _Swim(NamedTuple):
    """All members' tables.

    ``state``, ``number`` (incarnation) and ``until_ms`` are [member, of member]; ``ask_ms`` and ``gossip_ms`` when a
    member does so next; ``settings`` the numbers of `SwimSettings` and the time of suspicion; ``told`` as in `world`.
    """

    state: NDArray[np.int64]
    number: NDArray[np.int64]
    until_ms: NDArray[np.float64]
    ask_ms: NDArray[np.float64]
    gossip_ms: NDArray[np.float64]
    settings: NDArray[np.float64]
    chance: NDArray[np.uint64]
    told: NDArray[np.int64]
    counted: NDArray[np.int64]


@borrowing
def _passes(ground: Ground, swim: _Swim, one: int, other: int) -> float:
    """Return how long a message takes from a member to another one; infinity if it never comes."""
    chance = swim.chance
    gone = ground.down[other] or ground.asleep[other] or ground.cut[one, other]
    if gone or ground.held_ms[one, other] > 0 or draw(chance) < ground.loss[one, other]:
        return math.inf
    more_ms = -math.log(1.0 - draw(chance)) * ground.jitter_ms[one, other]
    return float(ground.delay_ms[one, other] + more_ms)


@borrowing
def _trip(ground: Ground, swim: _Swim, one: int, other: int) -> float:
    there_ms = _passes(ground, swim, one, other)
    return there_ms + _passes(ground, swim, other, one)


@borrowing
def _set(swim: _Swim, member: int, of: int, state: int, number: int, now_ms: float) -> None:
    """Have a member think so of another one."""
    swim.number[member, of] = number
    if state == swim.state[member, of]:
        return
    swim.state[member, of] = state
    swim.until_ms[member, of] = now_ms + swim.settings[6] if state == _SUSPECT else math.inf
    row = swim.counted[0]
    if row < len(swim.told):
        swim.told[row, 0] = int(now_ms)
        swim.told[row, 2] = member
        swim.told[row, 3] = of
        swim.told[row, 4] = state
    swim.counted[0] += 1


@borrowing
def _hear(swim: _Swim, member: int, of: int, state: int, number: int, now_ms: float) -> None:
    """Take gossip: the newer incarnation holds, and of one the worse state. Who hears it of himself lives."""
    if of == member:
        if state != _ALIVE and number >= swim.number[member, member]:
            swim.number[member, member] = number + 1
        return
    known, before = swim.number[member, of], swim.state[member, of]
    if number > known or (number == known and state > before):
        _set(swim, member, of, state, number, now_ms)


@borrowing
def _ask(ground: Ground, swim: _Swim, member: int, now_ms: float) -> None:
    """Ask somebody, by others if need be, and suspect who does not answer."""
    other = int(draw(swim.chance) * NODES)
    if other == member or swim.state[member, other] == _DEAD:
        return
    settings = swim.settings
    if _trip(ground, swim, member, other) <= settings[1]:
        return
    for _ in range(int(settings[2])):
        by = int(draw(swim.chance) * NODES)
        if by not in (member, other):
            ms = _trip(ground, swim, member, by) + _trip(ground, swim, by, other)
            if ms <= settings[0] - settings[1]:
                return
    if swim.state[member, other] == _ALIVE:
        _set(swim, member, other, _SUSPECT, swim.number[member, other], now_ms)


@borrowing
def _gossip(ground: Ground, swim: _Swim, member: int, now_ms: float) -> None:
    """Tell some others all that is known."""
    for _ in range(int(swim.settings[5])):
        to = int(draw(swim.chance) * NODES)
        if to == member or _passes(ground, swim, member, to) == math.inf:
            continue
        for of in range(NODES):
            state, number = swim.state[member, of], swim.number[member, of]
            _hear(swim, to, of, state, number, now_ms)


@borrowing
def _advance(ground: Ground, swim: _Swim, now_ms: int, until_ms: int) -> None:
    first, last = -(-now_ms // _STEP_MS), -(-until_ms // _STEP_MS)
    for step in range(first, last):
        at_ms = float(step * _STEP_MS)
        for member in range(NODES):
            if ground.down[member] or ground.asleep[member]:
                continue
            for of in range(NODES):
                if swim.until_ms[member, of] <= at_ms:
                    _set(swim, member, of, _DEAD, swim.number[member, of], at_ms)
            if swim.ask_ms[member] <= at_ms:
                swim.ask_ms[member] = at_ms + swim.settings[0]
                _ask(ground, swim, member, at_ms)
            if swim.gossip_ms[member] <= at_ms:
                swim.gossip_ms[member] = at_ms + swim.settings[4]
                _gossip(ground, swim, member, at_ms)


def live_swim(plan: TroublePlan, settings: SwimSettings) -> tuple[Change, ...]:
    """Return what members of a library with such settings would think in the world of a plan.

    Raises `OverflowError` if more is thought than fits.
    """
    links = (NODES, NODES)
    chance = np.random.default_rng((plan.seed, settings.period_ms))
    swim = _Swim(
        state=np.zeros(links, np.int64),
        number=np.zeros(links, np.int64),
        until_ms=np.full(links, math.inf),
        ask_ms=chance.uniform(0, settings.period_ms, NODES),
        gossip_ms=chance.uniform(0, settings.gossip_ms, NODES),
        settings=np.array(
            [
                settings.period_ms,
                settings.answer_ms,
                settings.asked,
                settings.factor,
                settings.gossip_ms,
                settings.gossiped,
                settings.suspicion_ms(),
            ],
            np.float64,
        ),
        chance=chance.integers(1, 1 << 63, 1).astype(np.uint64),
        told=np.zeros((_CHANGES_MAX, 5), np.int64),
        counted=np.zeros(1, np.int64),
    )
    now_ms, down = 0, np.zeros(NODES, np.uint8)
    waiting, active = list(plan.troubles[::-1]), list[Trouble]()
    for until_ms in boundaries(plan):
        while waiting and waiting[-1].begin_ms <= now_ms:
            active.append(waiting.pop())
        active = [trouble for trouble in active if trouble.end_ms > now_ms]
        ground = ground_at(plan, active)
        for member in np.flatnonzero(down & ~ground.down & 1):
            # A new life knows that it is newer than the one that may be called dead, and of others only their names.
            newest = int(swim.number[:, member].max())
            for of in range(NODES):
                number = newest + 1 if of == member else int(swim.number[member, of])
                _set(swim, int(member), of, _ALIVE, number, float(now_ms))
        down = ground.down
        _advance(ground, swim, now_ms, until_ms)
        now_ms = until_ms
    if swim.counted[0] > len(swim.told):
        raise OverflowError(f"seed {plan.seed}: {swim.counted[0]:,} changes were told")
    return tuple(Change(*row) for row in swim.told[: swim.counted[0]].tolist())
