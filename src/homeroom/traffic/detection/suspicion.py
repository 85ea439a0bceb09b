"""How much the silence of one link says: suspicion that grows by how seldom this link is silent for so long.

A fixed time-out asks the wrong question. Half a second without a heartbeat means much on a link that never lost one,
and nothing on one that loses every third. So each link learns three things of itself: how often the next heartbeat is
not there when it is due, how often another one is missing after that (losses come in runs), and how far heartbeats
stray from their time. The suspicion is minus the decimal logarithm of the chance that a node that lives would be silent
for as long: every heartbeat that is due and has not come adds its share, first little, because it may only be late,
then what a loss is worth on this link. Suspicion 3 is a silence that a living node shows once in a thousand times.

The idea is the accrual failure detector's (Hayashibara and others: The φ accrual failure detector, 2004). Its way, a
normal distribution of all times between arrivals, was not taken: losses make that distribution one of several humps,
and a good minute makes it so narrow that the first lost heartbeat is a suspicion beyond all numbers.

A row of ``links`` is a link, with what the columns below say. Times are those of the time in which this node was awake
(`homeroom.traffic.detection.judging`), in milliseconds. It is a plain array, because a simulated world has hundreds of
links and a heartbeat must not cost a call of Python there.
"""

import math
from typing import Final

import numpy as np
from numpy.typing import NDArray

from homeroom import limits
from homeroom.kernel import borrowing

__all__ = ["WIDTH", "begin", "hear", "learn_trip", "renew", "stood_out", "suspicion"]

HEARD: Final = 0
"""When the last heartbeat came, or was sent if it was long on its way, or when this node began to listen."""
EVER: Final = 1
"""1 if one has come."""
SEQUENCE: Final = 2
"""The number of the last one."""
MISSES: Final = 3
"""How often the next heartbeat is not there when it is due, 0 to 1."""
RUNS: Final = 4
"""How often one more is missing after that."""
JITTER: Final = 5
"""How far heartbeats stray from their time on average, in milliseconds."""
LEAST_NOW: Final = 6
"""The least difference of the clocks, way included, that was seen in this half minute."""
LEAST_BEFORE: Final = 7
"""The same of the half minute before."""
LEAST_SINCE: Final = 8
"""When this half minute began."""
BAD_AT: Final = 9
"""When something bad was seen for the last time."""
ANSWERED: Final = 10
"""When a node was there to answer a probe well, or when this node began to ask."""
FAILED: Final = 11
"""Probes in a row that were not, of those that began since then."""
REFUSED: Final = 12
"""Those of them to which the answer was an error, or a closed door: not mere time-outs."""
TRIP: Final = 13
"""How long an answer takes on average; 0 before the first."""
STRAY: Final = 14
"""How far that strays on average."""
SLOW: Final = 15
"""Answers in a row that were slow."""
LOAD: Final = 16
"""How busy the node says it is."""
DRAINING: Final = 17
"""1 if it says that it is being emptied."""
UNREADY: Final = 18
"""1 if it says that it does not serve."""
SENT: Final = 19
"""When the newest heartbeat was sent, by the clock of its sender: this is said back to him."""
FAILED_FROM: Final = 20
"""When the newest probe that failed began, by the steady clock here."""
CUT_AT: Final = 21
"""When this node did not hear the other one, or was not heard by it, for the last time."""
ASKED: Final = 22
"""When the first probe began that was asked since one ended last; infinity if none was."""
GAP_AT: Final = 23
"""When a heartbeat came for the last time before which two were missing, here or there, however usual that is."""
WIDTH: Final = 24
"""Columns of a link."""

# However good a link was, it may lose one of 125, and then one of ten: so two that are missing in a row are enough.
_MISSES_MIN: Final = 0.008
_MISSES_MAX: Final = 0.5
_RUNS_MIN: Final = 0.1
_RUNS_MAX: Final = 0.8
_RUNS_FIRST: Final = 0.1
_JITTER_MIN_MS: Final = 15.0
_MEMORY: Final = 1.0 / 256
_RUN_MEMORY: Final = 1.0 / 16
_JITTER_MEMORY: Final = 1.0 / 32
_TRIP_MEMORY: Final = 1.0 / 16
_HALF_MINUTE_MS: Final = 30_000.0
_SUMMED: Final = 16
_STRAYS_MAX: Final = 40.0
# An answer is slow beyond four times the usual, and eight times as far off as usual, and a tenth of a second.
_TRIP_TIMES: Final = 4.0
_STRAY_TIMES: Final = 8.0
_TRIP_MORE_MS: Final = 100.0

_PERIOD_MS: Final = float(limits.HEARTBEAT_MS)
_Floats = NDArray[np.float64]


@borrowing
def begin(links: _Floats, node: int, awake_ms: float) -> None:
    """Forget all that a link has learned, and listen from now on."""
    links[node] = 0.0
    links[node, HEARD] = awake_ms
    links[node, ANSWERED] = awake_ms
    links[node, MISSES] = _MISSES_MIN
    links[node, RUNS] = _RUNS_FIRST
    links[node, JITTER] = _JITTER_MIN_MS
    links[node, LEAST_NOW] = math.inf
    links[node, LEAST_BEFORE] = math.inf
    links[node, LEAST_SINCE] = -math.inf
    links[node, BAD_AT] = -math.inf
    links[node, CUT_AT] = -math.inf
    links[node, GAP_AT] = -math.inf
    links[node, ASKED] = math.inf


@borrowing
def renew(links: _Floats, node: int) -> None:
    """Expect the numbers and the clock of another life of the same node; its link is what it was."""
    links[node, SEQUENCE] = -1.0
    links[node, SENT] = 0.0
    links[node, LEAST_NOW] = math.inf
    links[node, LEAST_BEFORE] = math.inf
    links[node, LEAST_SINCE] = -math.inf


@borrowing
def _learn_gap(links: _Floats, node: int, gap_ms: float) -> None:
    missing = int(gap_ms / _PERIOD_MS + 0.5) - 1
    off_ms = min(abs(gap_ms - (max(missing, 0) + 1) * _PERIOD_MS), _PERIOD_MS / 2)
    links[node, JITTER] += (max(off_ms, _JITTER_MIN_MS) - links[node, JITTER]) * _JITTER_MEMORY
    if missing <= 0:
        links[node, MISSES] = max(links[node, MISSES] * (1 - _MEMORY), _MISSES_MIN)
        return
    links[node, MISSES] = min(
        links[node, MISSES] + (1 - links[node, MISSES]) * _MEMORY, _MISSES_MAX
    )
    for _ in range(missing - 1):
        links[node, RUNS] = min(
            links[node, RUNS] + (1 - links[node, RUNS]) * _RUN_MEMORY, _RUNS_MAX
        )
    links[node, RUNS] = max(links[node, RUNS] * (1 - _RUN_MEMORY), _RUNS_MIN)


@borrowing
def _sent_at(links: _Floats, node: int, now_ms: float, sent_ms: float) -> float:
    """Return when a message was sent, by the clock here, as if the quickest of late had taken no time.

    The clocks of two machines cannot be compared, and drift apart. But a message that was held up on the way is further
    from its sender's time than the others, and so the least difference of the last minute says by how much.
    A clock that stood still for a while makes all that its machine sends look old for that minute; there helps what a
    node says back (`homeroom.traffic.detection.judging.heard`), if it hears this one.
    """
    difference = now_ms - sent_ms
    if now_ms - links[node, LEAST_SINCE] >= _HALF_MINUTE_MS:
        links[node, LEAST_BEFORE] = links[node, LEAST_NOW]
        links[node, LEAST_NOW] = difference
        links[node, LEAST_SINCE] = now_ms
    links[node, LEAST_NOW] = min(links[node, LEAST_NOW], difference)
    return float(now_ms - (difference - min(links[node, LEAST_NOW], links[node, LEAST_BEFORE])))


@borrowing
def hear(
    links: _Floats, node: int, awake_ms: float, now_ms: float, sequence: int, sent_ms: float
) -> float:
    """Take a heartbeat, and return when it was sent by the clock here; infinity below zero if a newer one had come.

    Parameters
    ----------
    links, node : the table of links, and the row of its sender
    awake_ms, now_ms : awake time and steady time of this node
    sequence : its number in the life of its sender
    sent_ms : when it was sent, by the steady clock of its sender
    """
    if links[node, EVER] > 0 and sequence <= links[node, SEQUENCE]:
        return -math.inf
    gap_ms = awake_ms - links[node, HEARD]
    # A longer silence was a break, and says nothing of the weather on this link.
    if links[node, EVER] > 0 and gap_ms < limits.SUSPECT_SILENT_MS_MAX:
        _learn_gap(links, node, gap_ms)
    links[node, EVER] = 1.0
    links[node, HEARD] = awake_ms
    links[node, SEQUENCE] = sequence
    links[node, SENT] = sent_ms
    return _sent_at(links, node, now_ms, sent_ms)


@borrowing
def suspicion(links: _Floats, node: int, awake_ms: float) -> float:
    """Return the suspicion of the silence since the last heartbeat: 3 for one that is seen once in a thousand times."""
    late_ms = awake_ms - links[node, HEARD] - _PERIOD_MS
    if late_ms <= 0:
        return 0.0
    total, share = 0.0, links[node, MISSES]
    for _ in range(_SUMMED):
        # Where it adds nothing any more it is not worth its computation, which is slow for what is next to nothing.
        strays = late_ms / links[node, JITTER]
        late = math.exp(-strays) if strays < _STRAYS_MAX else 0.0
        total -= math.log10(share + (1 - share) * late)
        share = links[node, RUNS]
        late_ms -= _PERIOD_MS
        if late_ms <= 0:
            break
    return total


@borrowing
def stood_out(links: _Floats, node: int, took_ms: float) -> bool:
    """Say whether an answer was slow, for this link or for any."""
    usual_ms = links[node, TRIP]
    far_ms = _TRIP_TIMES * usual_ms + _STRAY_TIMES * links[node, STRAY] + _TRIP_MORE_MS
    return bool(took_ms > limits.PROBE_SLOW_MS_MAX or (usual_ms > 0 and took_ms > far_ms))


@borrowing
def learn_trip(links: _Floats, node: int, took_ms: float) -> None:
    """Take how long an answer took; slow ones are learned slowly, so that a way that stays longer becomes the usual."""
    if links[node, TRIP] == 0:
        links[node, TRIP] = took_ms
        links[node, STRAY] = took_ms / 4
        return
    memory = _MEMORY if stood_out(links, node, took_ms) else _TRIP_MEMORY
    links[node, STRAY] += (abs(took_ms - links[node, TRIP]) - links[node, STRAY]) * memory
    links[node, TRIP] += (took_ms - links[node, TRIP]) * memory
