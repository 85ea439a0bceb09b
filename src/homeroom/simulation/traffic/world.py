"""All vantage points of a world, for an hour, in one kernel: what is sent, lost and heard, and who thinks what.

What judges is what judges in a running node (`homeroom.traffic.detection.judging`): the same kernels over the same
arrays, of sixteen nodes instead of one. What is done here is what the node's own program and the network do there. Time
goes on by 20 ms; a heartbeat is a number and an arrival time, and what it says stands once, with its sender.

The way not taken is an agenda of events in Python, as the world of regions has: a heartbeat would cost some 20
microseconds, and there are 480 of them a virtual second. 20,000 hours would take a week.
"""

import math
from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from homeroom import limits
from homeroom.kernel import borrowing
from homeroom.simulation.traffic.ground import Ground, boundaries, ground_at, regions_of_nodes
from homeroom.simulation.traffic.plan import NODES, Trouble, TroublePlan
from homeroom.simulation.traffic.referee import Change
from homeroom.traffic.detection.judging import (
    Vantages,
    asked,
    forget,
    heard,
    judge,
    make_vantages,
    probed,
    wake,
)
from homeroom.traffic.detection.suspicion import LOAD, SENT, UNREADY, renew

__all__ = ["FIXED_MS", "OURS", "STEP_MS", "DetectorRun", "live"]

STEP_MS: Final = 20
OURS: Final = 0
"""Of a change: that the detector judged so. 1 and following are time-outs of `FIXED_MS`."""
FIXED_MS: Final = (2_000, 5_000)
"""Time-outs of the plainest rival: who was not heard for so long is gone."""
_FIXED: Final = np.array(FIXED_MS, np.float64)
_SLOTS: Final = 64
_CHANGES_MAX: Final = 1 << 20
_TICK_STEPS: Final = limits.DETECTOR_TICK_MS // STEP_MS
_RETRY_MS: Final = 300.0
_RETRIES: Final = 4
_CONFIRMED: Final = 2
_MOMENT_MS: Final = 20_000


class Flow(NamedTuple):
    """What is under way, and what each node's program knows beside its vantage point.

    Parameters
    ----------
    arrives_ms : float64[to, from, slots], when a heartbeat comes; infinity if there is none
    first, last : int64[to, from], numbers of the heartbeats that may be under way
    due_ms : float64[to], when the next one comes
    was_lost : uint8[from, to]
    sequence, life : int64[nodes]
    lives : int64[to, from], the life that the newest heartbeat was of
    slot_life : int64[from, slots]; slot_ms, slot_load, slot_unready : float64[from, slots]; slot_troubled : uint8
    echoes_ms : float64[to, from, slots], what it says back
    words : int32[from, slots, nodes, 3], what a heartbeat says of others
    local_ms, beat_ms : float64[nodes], each node's clock, and when it says the next heartbeat
    ask_ms : float64[nodes, nodes], when the next probe begins
    end_ms, took_ms : float64[nodes, nodes, `limits.PROBES_OPEN_MAX`], when those under way end; infinity if none is
    outcome : int64[nodes, nodes, `limits.PROBES_OPEN_MAX`], how
    naive_ms : float64[to, from], when something was heard last
    naive : uint8[time-outs, nodes, nodes], what is thought by time-outs
    verdicts : int64[nodes, nodes], as they were told last
    slept : uint8[nodes], whether it was paused until now: 2, or 1 if its clock stood still
    chance : uint64[1]
    told : float64[changes, 5], time, who thinks so (`OURS` or a time-out), node, of node, verdict
    counted : int64[2], changes told, heartbeats heard
    """

    arrives_ms: NDArray[np.float64]
    first: NDArray[np.int64]
    last: NDArray[np.int64]
    due_ms: NDArray[np.float64]
    was_lost: NDArray[np.uint8]
    sequence: NDArray[np.int64]
    life: NDArray[np.int64]
    lives: NDArray[np.int64]
    slot_life: NDArray[np.int64]
    slot_ms: NDArray[np.float64]
    slot_load: NDArray[np.float64]
    slot_unready: NDArray[np.float64]
    slot_troubled: NDArray[np.uint8]
    echoes_ms: NDArray[np.float64]
    words: NDArray[np.int32]
    local_ms: NDArray[np.float64]
    beat_ms: NDArray[np.float64]
    ask_ms: NDArray[np.float64]
    end_ms: NDArray[np.float64]
    took_ms: NDArray[np.float64]
    outcome: NDArray[np.int64]
    naive_ms: NDArray[np.float64]
    naive: NDArray[np.uint8]
    verdicts: NDArray[np.int64]
    slept: NDArray[np.uint8]
    chance: NDArray[np.uint64]
    told: NDArray[np.float64]
    counted: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class DetectorRun:
    """What happened in a world.

    Parameters
    ----------
    plan : what went wrong
    changes : what was thought, in order of time
    heartbeats : that were heard
    ill_at_end : pairs of nodes of which the first thinks badly of the second after a calm minute
    """

    plan: TroublePlan
    changes: tuple[Change, ...]
    heartbeats: int
    ill_at_end: tuple[tuple[int, int], ...]


# --- chance ----------------------------------------------------------------------------------------------------------


@borrowing
def draw(chance: NDArray[np.uint64]) -> float:
    """Return the next number in [0, 1) (xorshift64*, Marsaglia 2003, Vigna 2016)."""
    x = chance[0]
    x ^= x >> np.uint64(12)
    x ^= x << np.uint64(25)
    x ^= x >> np.uint64(27)
    chance[0] = x
    return float((x * np.uint64(0x2545F4914F6CDD1D)) >> np.uint64(11)) * 2.0**-53


@borrowing
def way_ms(ground: Ground, chance: NDArray[np.uint64], one: int, other: int) -> float:
    """Return how long a message takes that is not lost."""
    more_ms = -math.log(1.0 - draw(chance)) * ground.jitter_ms[one, other]
    return float(ground.delay_ms[one, other] + more_ms)


# --- heartbeats ------------------------------------------------------------------------------------------------------


@borrowing
def _send(vantages: Vantages, ground: Ground, flow: Flow, node: int, now_ms: float) -> None:
    """Say a heartbeat to all others."""
    flow.sequence[node] += 1
    number = flow.sequence[node]
    slot = number % _SLOTS
    flow.slot_life[node, slot] = flow.life[node]
    flow.slot_ms[node, slot] = flow.local_ms[node]
    flow.slot_load[node, slot] = ground.load[node]
    flow.slot_unready[node, slot] = ground.unready[node]
    troubled, words, own = 0, flow.words, vantages.own
    for other in range(NODES):
        for field in range(3):
            words[node, slot, other, field] = own[node, other, field]
        troubled |= own[node, other, 0]
    flow.slot_troubled[node, slot] = troubled
    arrives, first, last, due = flow.arrives_ms, flow.first, flow.last, flow.due_ms
    was_lost, chance = flow.was_lost, flow.chance
    delays, jitters, losses, runs = ground.delay_ms, ground.jitter_ms, ground.loss, ground.run
    cuts, held, echoes, seen = ground.cut, ground.held_ms, flow.echoes_ms, vantages.links
    for other in range(NODES):
        last[other, node] = number
        if number - first[other, node] >= _SLOTS:
            first[other, node] = number - _SLOTS + 1
        # Losses come in runs (Gilbert 1960).
        loss, share = losses[node, other], runs[node, other]
        if not was_lost[node, other]:
            share = min(loss * (1 - share) / max(1 - loss, 0.01), 1.0)
        lost = loss > 0 and draw(chance) < share
        was_lost[node, other] = lost
        arrives_ms = math.inf
        if not (lost or cuts[node, other] or other == node):
            more_ms = -math.log(1.0 - draw(chance)) * jitters[node, other]
            arrives_ms = max(now_ms + delays[node, other] + more_ms, held[node, other])
        arrives[other, node, slot] = arrives_ms
        echoes[other, node, slot] = seen[node * NODES + other, SENT]
        due[other] = min(due[other], arrives_ms)


@borrowing
def _take(vantages: Vantages, flow: Flow, node: int, sender: int, number: int) -> None:
    """Take one heartbeat."""
    slot = number % _SLOTS
    flow.naive_ms[node, sender] = flow.local_ms[node]
    life = flow.slot_life[sender, slot]
    if life < flow.lives[node, sender]:
        return
    if life > flow.lives[node, sender]:
        flow.lives[node, sender] = life
        renew(vantages.links, node * NODES + sender)
    echo_ms = flow.echoes_ms[node, sender, slot]
    if not heard(vantages, node, sender, number, flow.slot_ms[sender, slot], echo_ms):
        return
    flow.counted[1] += 1
    vantages.links[node * NODES + sender, LOAD] = flow.slot_load[sender, slot]
    vantages.links[node * NODES + sender, UNREADY] = flow.slot_unready[sender, slot]
    if flow.slot_troubled[sender, slot] or vantages.troubled[node, sender]:
        vantages.troubled[node, sender] = flow.slot_troubled[sender, slot]
        said, words = vantages.said, flow.words
        for other in range(NODES):
            for field in range(3):
                said[node, sender, other, field] = words[sender, slot, other, field]


@borrowing
def _deliver(vantages: Vantages, flow: Flow, node: int, now_ms: float) -> None:
    """Bring a node all that has come."""
    wake(vantages, node, flow.local_ms[node])
    due_ms, firsts, lasts, arrives = math.inf, flow.first, flow.last, flow.arrives_ms
    for sender in range(NODES):
        number, last = firsts[node, sender], lasts[node, sender]
        is_first = True
        while number <= last:
            slot = number % _SLOTS
            arrives_ms = arrives[node, sender, slot]
            if arrives_ms <= now_ms:
                arrives[node, sender, slot] = arrives_ms = math.inf
                _take(vantages, flow, node, sender, number)
            if is_first and arrives_ms == math.inf:
                firsts[node, sender] = number + 1
            else:
                is_first = False
            due_ms = min(due_ms, arrives_ms)
            number += 1
    flow.due_ms[node] = due_ms


# --- probes ----------------------------------------------------------------------------------------------------------


@borrowing
def _ask(ground: Ground, flow: Flow, node: int, other: int, slot: int) -> None:
    """Begin a probe; how it will end is settled now. What is lost is sent again, as TCP does."""
    took_ms = way_ms(ground, flow.chance, node, other) + way_ms(ground, flow.chance, other, node)
    took_ms += ground.slow_ms[other]
    outcome = 1 if ground.refuses[other] or ground.unready[other] else 0
    tries, again_ms = 0, _RETRY_MS
    loss = 1 - (1 - ground.loss[node, other]) * (1 - ground.loss[other, node])
    while tries < _RETRIES and loss > 0 and draw(flow.chance) < loss:
        took_ms += again_ms
        again_ms *= 2
        tries += 1
    held = max(ground.held_ms[node, other], ground.held_ms[other, node]) > 0
    cut = ground.cut[node, other] or ground.cut[other, node] or tries == _RETRIES
    gone = ground.down[other] or ground.asleep[other]
    if held or cut or gone or took_ms > limits.PROBE_WAIT_MS:
        outcome, took_ms = 2, float(limits.PROBE_WAIT_MS)
    flow.outcome[node, other, slot] = outcome
    flow.took_ms[node, other, slot] = took_ms
    flow.end_ms[node, other, slot] = flow.local_ms[node] + took_ms


@borrowing
def _probe(vantages: Vantages, ground: Ground, flow: Flow, node: int) -> None:
    """Take the probes that have ended, and begin those that are due."""
    local_ms, ends, asks = flow.local_ms[node], flow.end_ms, flow.ask_ms
    for other in range(NODES):
        free = -1
        for slot in range(limits.PROBES_OPEN_MAX):
            end_ms = ends[node, other, slot]
            if local_ms >= end_ms:
                # It may have ended while this node slept: then it was as long for it as it slept.
                took_ms = flow.took_ms[node, other, slot] + local_ms - end_ms
                probed(vantages, node, other, flow.outcome[node, other, slot], took_ms)
                ends[node, other, slot] = math.inf
            if ends[node, other, slot] == math.inf:
                free = slot
        if local_ms >= asks[node, other] and free >= 0:
            asks[node, other] = local_ms + limits.PROBE_MS
            asked(vantages, node, other)
            _ask(ground, flow, node, other, free)


# --- judging ---------------------------------------------------------------------------------------------------------


@borrowing
def tell(flow: Flow, now_ms: float, by: int, node: int, of: int, verdict: int) -> None:
    """Write down that a node thinks otherwise than before."""
    row = flow.counted[0]
    if row < len(flow.told):
        flow.told[row, 0] = now_ms
        flow.told[row, 1] = by
        flow.told[row, 2] = node
        flow.told[row, 3] = of
        flow.told[row, 4] = verdict
    flow.counted[0] += 1


@borrowing
def _judge_naively(flow: Flow, node: int, now_ms: float) -> None:
    """Judge by time-outs: whoever was not heard for so long is gone."""
    local_ms, heard_ms, thought = flow.local_ms[node], flow.naive_ms, flow.naive
    for rival in range(len(_FIXED)):
        for other in range(NODES):
            silent_ms = local_ms - heard_ms[node, other]
            gone = 1 if other != node and silent_ms > _FIXED[rival] else 0
            if gone != thought[rival, node, other]:
                thought[rival, node, other] = gone
                tell(flow, now_ms, 1 + rival, node, other, _CONFIRMED * gone)


@borrowing
def _tick(vantages: Vantages, ground: Ground, flow: Flow, node: int, now_ms: float) -> None:
    """Do what a node does ten times a second."""
    wake(vantages, node, flow.local_ms[node])
    _probe(vantages, ground, flow, node)
    vantages.links[node * NODES + node, UNREADY] = ground.unready[node]
    if judge(vantages, node):
        for other in range(NODES):
            if vantages.verdicts[node, other] != flow.verdicts[node, other]:
                flow.verdicts[node, other] = vantages.verdicts[node, other]
                tell(flow, now_ms, OURS, node, other, vantages.verdicts[node, other])
    _judge_naively(flow, node, now_ms)
    if flow.local_ms[node] >= flow.beat_ms[node]:
        beat_ms = max(flow.beat_ms[node], flow.local_ms[node] - limits.DETECTOR_TICK_MS)
        flow.beat_ms[node] = beat_ms + limits.HEARTBEAT_MS
        _send(vantages, ground, flow, node, now_ms)


@borrowing
def advance(vantages: Vantages, ground: Ground, flow: Flow, now_ms: int, until_ms: int) -> None:
    """Let time go on while conditions stay the same."""
    local_ms, due_ms, rates = flow.local_ms, flow.due_ms, ground.rates
    stopped, down, asleep, slept = ground.stopped, ground.down, ground.asleep, flow.slept
    for step in range(now_ms // STEP_MS, until_ms // STEP_MS):
        at_ms = float(step * STEP_MS)
        for node in range(NODES):
            local_ms[node] += STEP_MS * rates[node] * (1 - stopped[node])
            if down[node] or asleep[node]:
                slept[node] = max(slept[node], 2 - stopped[node])
                continue
            # Who wakes up looks around before he hears what has come meanwhile: that is the worst order. Only if his
            # clock stood still all the time he is where he was: between two looks, each of which hears first.
            if slept[node] == 2:
                _tick(vantages, ground, flow, node, at_ms)
            slept[node] = 0
            if due_ms[node] <= at_ms:
                _deliver(vantages, flow, node, at_ms)
            if (step + node) % _TICK_STEPS == 0:
                _tick(vantages, ground, flow, node, at_ms)


# --- a whole world ---------------------------------------------------------------------------------------------------


def _make_flow(seed: int) -> Flow:
    links, slots = (NODES, NODES), (NODES, _SLOTS)
    chance = np.random.default_rng(seed)
    local_ms = chance.uniform(1e6, 1e9, NODES)
    return Flow(
        arrives_ms=np.full((*links, _SLOTS), math.inf),
        first=np.ones(links, np.int64),
        last=np.zeros(links, np.int64),
        due_ms=np.full(NODES, math.inf),
        was_lost=np.zeros(links, np.uint8),
        sequence=np.zeros(NODES, np.int64),
        life=np.ones(NODES, np.int64),
        lives=np.zeros(links, np.int64),
        slot_life=np.zeros(slots, np.int64),
        slot_ms=np.zeros(slots),
        slot_load=np.zeros(slots),
        slot_unready=np.zeros(slots),
        slot_troubled=np.zeros(slots, np.uint8),
        echoes_ms=np.zeros((*links, _SLOTS)),
        words=np.zeros((*slots, NODES, 3), np.int32),
        local_ms=local_ms,
        beat_ms=local_ms + chance.uniform(0, limits.HEARTBEAT_MS, NODES),
        ask_ms=_first_probes(local_ms, chance),
        end_ms=np.full((*links, limits.PROBES_OPEN_MAX), math.inf),
        took_ms=np.zeros((*links, limits.PROBES_OPEN_MAX)),
        outcome=np.zeros((*links, limits.PROBES_OPEN_MAX), np.int64),
        naive_ms=np.repeat(local_ms[:, None], NODES, axis=1),
        naive=np.zeros((len(FIXED_MS), *links), np.uint8),
        verdicts=np.zeros(links, np.int64),
        slept=np.zeros(NODES, np.uint8),
        chance=chance.integers(1, 1 << 63, 1).astype(np.uint64),
        told=np.zeros((_CHANGES_MAX, 5)),
        counted=np.zeros(2, np.int64),
    )


def _first_probes(
    local_ms: NDArray[np.float64], chance: np.random.Generator
) -> NDArray[np.float64]:
    ask_ms = local_ms[:, None] + chance.uniform(0, limits.PROBE_MS, (NODES, NODES))
    np.fill_diagonal(ask_ms, math.inf)
    return ask_ms


def _restart(vantages: Vantages, flow: Flow, node: int, at_ms: int) -> None:
    """Begin a new life of a node: it knows nothing of what it knew, and nothing that was sent to it waits for it."""
    local_ms = float(flow.local_ms[node])
    forget(vantages, node, local_ms)
    flow.life[node] += 1
    flow.arrives_ms[node] = flow.due_ms[node] = math.inf
    flow.first[node] = flow.last[node] + 1
    flow.lives[node] = 0
    flow.beat_ms[node] = local_ms
    flow.ask_ms[node, np.arange(NODES) != node] = local_ms
    flow.end_ms[node] = math.inf
    flow.naive_ms[node] = local_ms
    for by, thought in enumerate((flow.verdicts, *flow.naive)):
        for of in np.flatnonzero(thought[node]):
            tell(flow, float(at_ms), by, node, int(of), 0)
        thought[node] = 0


def live(plan: TroublePlan) -> DetectorRun:
    """Live through a plan. Raises `OverflowError` if more is thought than fits: about a million changes."""
    flow = _make_flow(plan.seed)
    vantages = make_vantages(regions_of_nodes(), np.arange(NODES), flow.local_ms)
    now_ms, down = 0, np.zeros(NODES, np.uint8)
    waiting, active = list(plan.troubles[::-1]), list[Trouble]()
    for until_ms in boundaries(plan):
        while waiting and waiting[-1].begin_ms <= now_ms:
            active.append(waiting.pop())
        active = [trouble for trouble in active if trouble.end_ms > now_ms]
        ground = ground_at(plan, active)
        for node in np.flatnonzero(down & ~ground.down & 1):
            _restart(vantages, flow, int(node), now_ms)
        down = ground.down
        advance(vantages, ground, flow, now_ms, until_ms)
        now_ms = until_ms
    if flow.counted[0] > len(flow.told):
        raise OverflowError(f"seed {plan.seed}: {flow.counted[0]:,} changes of verdicts were told")
    told = flow.told[: flow.counted[0]].astype(np.int64).tolist()
    changes = tuple(Change(*row) for row in told)
    return DetectorRun(plan, changes, int(flow.counted[1]), _ill_at_end(changes, plan.length_ms))


def _ill_at_end(changes: tuple[Change, ...], end_ms: int) -> tuple[tuple[int, int], ...]:
    """Return who thinks badly of whom at the end, and has for longer than a moment."""
    last = {(change.node, change.of): change for change in changes if change.by == OURS}
    return tuple(
        pair
        for pair, change in last.items()
        if change.verdict and change.at_ms <= end_ms - _MOMENT_MS
    )
