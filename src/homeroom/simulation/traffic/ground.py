"""How all links and nodes are at a time: what the plan makes of them, as arrays that kernels read.

Between the beginning or end of one trouble and that of the next one nothing changes, so the arrays are made anew only
there, some hundred times an hour.
"""

from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from homeroom.simulation.regions.places import WORLD, one_way_ms
from homeroom.simulation.traffic.plan import NODES, NODES_A_REGION, Kind, Trouble, TroublePlan

__all__ = ["Ground", "boundaries", "ground_at", "regions_of_nodes"]

_RUN: Final = 0.1
_BUSY_LOAD: Final = 1.5
_BUSY_JITTER_MS: Final = 150.0


class Ground(NamedTuple):
    """Conditions; rows send and columns receive.

    Parameters
    ----------
    delay_ms, jitter_ms : float64[nodes, nodes], the least time that a message takes, and the mean of what it takes more
    loss, run : float64[nodes, nodes], share that is lost, and share of what is lost after something was
    held_ms : float64[nodes, nodes], nothing arrives before this time
    cut : uint8[nodes, nodes]
    down, asleep, stopped, refuses, unready : uint8[nodes]; a clock that is stopped stands still
    slow_ms, load : float64[nodes]
    rates : float64[nodes], how fast clocks go
    """

    delay_ms: NDArray[np.float64]
    jitter_ms: NDArray[np.float64]
    loss: NDArray[np.float64]
    run: NDArray[np.float64]
    held_ms: NDArray[np.float64]
    cut: NDArray[np.uint8]
    down: NDArray[np.uint8]
    asleep: NDArray[np.uint8]
    stopped: NDArray[np.uint8]
    refuses: NDArray[np.uint8]
    unready: NDArray[np.uint8]
    slow_ms: NDArray[np.float64]
    load: NDArray[np.float64]
    rates: NDArray[np.float64]


def regions_of_nodes() -> NDArray[np.int64]:
    """Return the region of each node, by number."""
    return np.arange(NODES, dtype=np.int64) // NODES_A_REGION


_DELAYS: Final = np.array(
    [
        [
            one_way_ms(WORLD[one // NODES_A_REGION], WORLD[other // NODES_A_REGION])
            for other in range(NODES)
        ]
        for one in range(NODES)
    ]
)


def boundaries(plan: TroublePlan) -> list[int]:
    """Return the times at which conditions change, the end of the world last."""
    times = {trouble.begin_ms for trouble in plan.troubles}
    times |= {trouble.end_ms for trouble in plan.troubles}
    return sorted({time for time in times if 0 < time < plan.length_ms} | {plan.length_ms})


def ground_at(plan: TroublePlan, active: Sequence[Trouble]) -> Ground:
    """Return the conditions while some troubles are active."""
    links, nodes = (NODES, NODES), NODES
    ground = Ground(
        delay_ms=_DELAYS,
        jitter_ms=np.full(links, plan.jitter_ms),
        loss=np.full(links, plan.loss),
        run=np.full(links, _RUN),
        held_ms=np.zeros(links),
        cut=np.zeros(links, np.uint8),
        down=np.zeros(nodes, np.uint8),
        asleep=np.zeros(nodes, np.uint8),
        stopped=np.zeros(nodes, np.uint8),
        refuses=np.zeros(nodes, np.uint8),
        unready=np.zeros(nodes, np.uint8),
        slow_ms=np.zeros(nodes),
        load=np.zeros(nodes),
        rates=np.array(plan.rates),
    )
    for trouble in active:
        if trouble.others:
            _spoil_links(ground, trouble)
        else:
            _spoil_nodes(ground, trouble)
    return ground


def _spoil_links(ground: Ground, trouble: Trouble) -> None:
    among = np.ix_(trouble.ones, trouble.others)
    if trouble.kind is Kind.LOSS:
        ground.loss[among] = 1 - (1 - ground.loss[among]) * (1 - trouble.amount)
        ground.run[among] = np.maximum(ground.run[among], trouble.run)
    elif trouble.kind is Kind.JITTER:
        ground.jitter_ms[among] = np.maximum(ground.jitter_ms[among], trouble.amount)
    elif trouble.kind is Kind.HOLD:
        ground.held_ms[among] = np.maximum(ground.held_ms[among], trouble.end_ms)
    else:
        ground.cut[among] = 1
        if trouble.kind is Kind.PART:
            ground.cut[np.ix_(trouble.others, trouble.ones)] = 1


def _spoil_nodes(ground: Ground, trouble: Trouble) -> None:
    ones = list(trouble.ones)
    match trouble.kind:
        case Kind.DEATH:
            ground.down[ones] = 1
        case Kind.PAUSE:
            ground.asleep[ones] = 1
        case Kind.SUSPEND:
            ground.asleep[ones] = 1
            ground.stopped[ones] = 1
        case Kind.REFUSE:
            ground.refuses[ones] = 1
        case Kind.UNREADY:
            ground.unready[ones] = 1
        case _:
            ground.slow_ms[ones] = np.maximum(ground.slow_ms[ones], trouble.amount)
            if trouble.kind is Kind.BUSY:
                ground.load[ones] = _BUSY_LOAD
                ground.jitter_ms[ones] = np.maximum(ground.jitter_ms[ones], _BUSY_JITTER_MS)
