"""How one vantage point judges all others: what it sees itself, and what it is told that they see.

Three kinds of evidence are kept apart, because mixing them is how healthy regions are evacuated:

- What this node **sees itself** of a node: silence (`homeroom.traffic.detection.suspicion`), probes that fail or are
  slow, what the node says of itself, and that it says that it does not hear this node (a link may be cut one way).
  This alone is what a node tells others. What it was told it never tells on: an opinion that came back as another's
  would keep itself alive.
- What **regions** see. A region counts once, however many nodes it runs, and says that a node is gone only if one of
  its nodes could not reach it for ``limits.CONFIRM_MS`` and none of them can. Nobody speaks for his own region.
- Whether this node **hears a quorum**, a majority of all regions, at all. Who does not is itself the one that is cut
  off: it keeps what was confirmed, and confirms nothing new.

A node is suspected if this node sees something bad, or a majority of regions does. It is confirmed to be gone if a
majority of all regions says so; it comes back when a majority of the other regions has seen nothing bad for a while.

**Awake time.** A process that is stopped for ten seconds wakes up in a world in which everybody seems to have been
silent for ten seconds. So silence is measured in time in which this node was awake: between two looks it goes on by
``limits.AWAKE_STEP_MS_MAX`` at most. What others said before the pause is too old when it ends, by steady time, and
that they did not hear this node in its pause is discounted too.

Everything here is a kernel over the arrays of a `Vantage`: a running node judges with it, and so do the sixteen vantage
points of a simulated world.
"""

import math
from enum import IntFlag
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from homeroom import limits
from homeroom.kernel import kernel
from homeroom.traffic.detection.suspicion import (
    ANSWERED,
    BAD_AT,
    DRAINING,
    FAILED,
    HEARD,
    LOAD,
    REFUSED,
    SLOW,
    UNREADY,
    WIDTH,
    begin,
    hear,
    learn_trip,
    stood_out,
    suspicion,
)

__all__ = [
    "ANSWER",
    "LOST",
    "REFUSAL",
    "SILENT",
    "TIME_OUT",
    "VERDICT",
    "Cause",
    "Vantage",
    "heard",
    "judge",
    "make_vantage",
    "probed",
    "wake",
]

VERDICT: Final = 0
"""In an opinion: 1 if something bad was seen, lately."""
SILENT: Final = 1
"""In an opinion: for how long the node was not heard, in milliseconds; 0 if it is heard."""
LOST: Final = 2
"""In an opinion: for how long it could not be reached, for whatever reason; 0 if it can."""

ANSWER: Final = 0
"""A probe was answered well."""
REFUSAL: Final = 1
"""A probe was answered by an error, or by nobody who would take it."""
TIME_OUT: Final = 2
"""A probe was not answered in time."""

NOW: Final = 0
AWAKE: Final = 1
LATE_AT: Final = 2
ME: Final = 0
REGIONS: Final = 1
_VOTES: Final = 0
_REACHES: Final = 1
_SUSPECTS: Final = 2
_CALM: Final = 3
_PRESENT: Final = 4

_FINE: Final = 0
_SUSPECTED: Final = 1
_CONFIRMED: Final = 2


class Cause(IntFlag):
    """Why a node is not fine; one of `Vantage.causes` may be several."""

    SILENT = 1
    DEAF = 2
    FAILING = 4
    SLOW = 8
    UNREADY = 16
    RECOVERING = 32
    MANY = 64
    QUORUM = 128


_C_SILENT: Final = int(Cause.SILENT)
_C_DEAF: Final = int(Cause.DEAF)
_C_FAILING: Final = int(Cause.FAILING)
_C_SLOW: Final = int(Cause.SLOW)
_C_UNREADY: Final = int(Cause.UNREADY)
_C_RECOVERING: Final = int(Cause.RECOVERING)
_C_MANY: Final = int(Cause.MANY)
_C_QUORUM: Final = int(Cause.QUORUM)


class Vantage(NamedTuple):
    """What one node knows, as arrays; nodes and regions are numbers.

    Parameters
    ----------
    clock : float64[3], steady time of the last look, awake time, and when the last pause of this node ended
    links : float64[nodes, WIDTH], see `homeroom.traffic.detection.suspicion`
    said : int32[nodes, nodes, 3], what each node said of each: verdict, silent and lost
    said_at : float64[nodes], when it said so, by the steady clock here
    troubled : uint8[nodes], whether it said anything bad of anybody
    own : int32[nodes, 3], what this node sees itself, in the same form
    causes : int64[nodes], see `Cause`
    verdicts : int64[nodes], 0 fine, 1 suspected, 2 confirmed
    since : float64[nodes], steady time at which the verdict became this one
    regions : int64[nodes], the region of each
    here : int64[2], which node this is, and how many regions there are
    counts : int64[regions, 5], while a node is judged
    """

    clock: NDArray[np.float64]
    links: NDArray[np.float64]
    said: NDArray[np.int32]
    said_at: NDArray[np.float64]
    troubled: NDArray[np.uint8]
    own: NDArray[np.int32]
    causes: NDArray[np.int64]
    verdicts: NDArray[np.int64]
    since: NDArray[np.float64]
    regions: NDArray[np.int64]
    here: NDArray[np.int64]
    counts: NDArray[np.int64]


def make_vantage(regions: NDArray[np.int64], me: int, now_ms: float) -> Vantage:
    """Return the vantage point of a node that has heard nobody yet.

    Parameters
    ----------
    regions : the region of each node, by number
    me : which node this is
    now_ms : steady time
    """
    nodes, of_regions = len(regions), int(regions.max()) + 1
    vantage = Vantage(
        clock=np.array([now_ms, 0.0, -math.inf]),
        links=np.zeros((nodes, WIDTH)),
        said=np.zeros((nodes, nodes, 3), np.int32),
        said_at=np.full(nodes, -math.inf),
        troubled=np.zeros(nodes, np.uint8),
        own=np.zeros((nodes, 3), np.int32),
        causes=np.zeros(nodes, np.int64),
        verdicts=np.zeros(nodes, np.int64),
        since=np.full(nodes, float(now_ms)),
        regions=regions,
        here=np.array([me, of_regions], np.int64),
        counts=np.zeros((of_regions, 5), np.int64),
    )
    for node in range(nodes):
        begin(vantage.links, node, 0.0)
    return vantage


@kernel
def wake(vantage: Vantage, now_ms: float) -> None:
    """Let time go on; what is more than a look takes was a pause of this node itself."""
    step_ms = now_ms - vantage.clock[NOW]
    if step_ms > limits.AWAKE_STEP_MS_MAX:
        vantage.clock[LATE_AT] = now_ms
        step_ms = float(limits.AWAKE_STEP_MS_MAX)
    if step_ms > 0:
        vantage.clock[AWAKE] += step_ms
        vantage.clock[NOW] = now_ms


@kernel
def heard(vantage: Vantage, node: int, sequence: int, sent_ms: float) -> bool:
    """Take that a heartbeat came at the time of the last look, and say whether it is the newest.

    If it is, whatever it says of others is to be put into ``said`` and ``troubled``.
    """
    clock = vantage.clock
    at_ms = hear(vantage.links, node, clock[AWAKE], clock[NOW], sequence, sent_ms)
    if at_ms == -math.inf:
        return False
    vantage.said_at[node] = at_ms
    return True


@kernel
def probed(vantage: Vantage, node: int, outcome: int, took_ms: float) -> None:
    """Take that a probe has ended at the time of the last look: `ANSWER`, `REFUSAL` or `TIME_OUT`.

    One in which this node slept says nothing, unless it was answered well: its time is not that of the other node.
    """
    links, clock = vantage.links, vantage.clock
    slept = clock[NOW] - took_ms <= clock[LATE_AT]
    if outcome == ANSWER:
        links[node, ANSWERED] = clock[AWAKE]
        links[node, FAILED] = 0.0
        links[node, REFUSED] = 0.0
        if not slept:
            links[node, SLOW] = links[node, SLOW] + 1 if stood_out(links, node, took_ms) else 0.0
            learn_trip(links, node, took_ms)
    elif not slept:
        links[node, FAILED] += 1
        links[node, REFUSED] += 1.0 if outcome == REFUSAL else 0.0


@kernel
def _failing_ms(links: NDArray[np.float64], node: int, awake_ms: float) -> float:
    """Return for how long probes have failed, 0 if they have not; below what is a vote while there are few of them.

    A node that is being emptied, or that says itself that it does not serve, answers with an error and means it: that
    is no failure that others must find out.
    """
    if (
        links[node, FAILED] < limits.PROBES_FAILED_SUSPECT
        or links[node, DRAINING] > 0
        or links[node, UNREADY] > 0
    ):
        return 0.0
    failing_ms = max(awake_ms - links[node, ANSWERED], 1.0)
    # Who is busy beyond what he can do, and says so, is late and not gone: to evacuate him would send all that he has
    # to the next one.
    is_busy = links[node, REFUSED] == 0 and links[node, LOAD] >= 1
    if links[node, FAILED] < limits.PROBES_FAILED_CONFIRM or is_busy:
        return float(min(failing_ms, limits.CONFIRM_MS - 1.0))
    return float(failing_ms)


@kernel
def _deaf_ms(vantage: Vantage, node: int) -> float:
    """Return for how long a node has said that it does not hear this one, 0 if it does or says nothing.

    While this node slept it sent nothing, so that counts from when it woke up.
    """
    clock, me = vantage.clock, vantage.here[ME]
    if clock[NOW] - vantage.said_at[node] > limits.OPINION_MS_MAX:
        return 0.0
    deaf_ms = float(min(vantage.said[node, me, SILENT], clock[NOW] - clock[LATE_AT]))
    return deaf_ms if deaf_ms >= limits.DEAF_MS else 0.0


@kernel
def _see(vantage: Vantage, node: int) -> None:
    """Set what this node sees itself of another one."""
    links, awake_ms = vantage.links, vantage.clock[AWAKE]
    silent_ms = awake_ms - links[node, HEARD]
    if (
        suspicion(links, node, awake_ms) < limits.SUSPICION_MAX
        and silent_ms < limits.SUSPECT_SILENT_MS_MAX
    ):
        silent_ms = 0.0
    deaf_ms = _deaf_ms(vantage, node)
    failing_ms = _failing_ms(links, node, awake_ms)
    causes = (
        _C_SILENT * (silent_ms > 0)
        + _C_DEAF * (deaf_ms > 0)
        + _C_FAILING * (failing_ms > 0)
        + _C_SLOW * (links[node, SLOW] >= limits.PROBES_SLOW)
        + _C_UNREADY * (links[node, UNREADY] > 0)
    )
    if causes:
        links[node, BAD_AT] = awake_ms
    elif awake_ms - links[node, BAD_AT] < limits.RECOVER_MS:
        causes = _C_RECOVERING
    lost_ms = max(silent_ms, deaf_ms, failing_ms)
    vantage.causes[node] = causes
    vantage.own[node, VERDICT] = 1 if causes else 0
    vantage.own[node, SILENT] = int(min(silent_ms, 1e9))
    vantage.own[node, LOST] = int(min(lost_ms, 1e9))


@kernel
def _count(vantage: Vantage, node: int) -> None:
    """Set in ``counts`` what each region says of a node. Nobody speaks for the region that it is in."""
    counts, me = vantage.counts, vantage.here[ME]
    counts[:] = 0
    for other in range(len(vantage.regions)):
        region = vantage.regions[other]
        is_me = other == me
        if not is_me and vantage.clock[NOW] - vantage.said_at[other] > limits.OPINION_MS_MAX:
            continue
        counts[region, _PRESENT] = 1
        if other == node or region == vantage.regions[node]:
            continue
        opinion = vantage.own[node] if is_me else vantage.said[other, node]
        if opinion[LOST] >= limits.CONFIRM_MS:
            counts[region, _VOTES] = 1
        if opinion[LOST] == 0:
            counts[region, _REACHES] = 1
        if opinion[VERDICT] > 0:
            counts[region, _SUSPECTS] = 1
        else:
            counts[region, _CALM] = 1


@kernel
def _verdict(vantage: Vantage, node: int) -> int:
    """Return what a node is judged to be, by what is seen here and what regions say."""
    votes = reaching = suspecting = present = 0
    vantage.causes[node] &= ~(_C_MANY | _C_QUORUM)
    _count(vantage, node)
    for count in vantage.counts:
        votes += count[_VOTES] * (1 - count[_REACHES])
        suspecting += count[_SUSPECTS] * (1 - count[_CALM])
        reaching += count[_CALM] * count[_REACHES]
        present += count[_PRESENT]
    regions = vantage.here[REGIONS]
    quorum = regions // 2 + 1
    hears_quorum = present >= quorum
    if vantage.verdicts[node] == _CONFIRMED:
        if not hears_quorum or reaching < (regions - 1) // 2 + 1:
            vantage.causes[node] |= _C_QUORUM
            return _CONFIRMED
    elif hears_quorum and votes >= quorum:
        vantage.causes[node] |= _C_QUORUM
        return _CONFIRMED
    if suspecting >= quorum:
        vantage.causes[node] |= _C_MANY
    return _SUSPECTED if vantage.causes[node] else _FINE


@kernel
def _next_to_see(vantage: Vantage, start: int) -> int:
    """Return the first node from a number on of which there may be something bad to see; their number if there is none.

    On a link that lost nothing, what is missing for less than two heartbeats is no suspicion, so nothing is computed.
    """
    links, awake_ms, me = vantage.links, vantage.clock[AWAKE], vantage.here[ME]
    for node in range(start, len(vantage.regions)):
        if node != me and (
            awake_ms - links[node, HEARD] >= 2 * limits.HEARTBEAT_MS
            or vantage.own[node, VERDICT] > 0
            or links[node, FAILED] >= limits.PROBES_FAILED_SUSPECT
            or links[node, SLOW] >= limits.PROBES_SLOW
            or links[node, UNREADY] > 0
            or vantage.said[node, me, SILENT] > 0
        ):
            return node
    return len(vantage.regions)


@kernel
def _next_to_judge(vantage: Vantage, start: int) -> int:
    """Return the first node from a number on of which somebody has something bad to say, or had when it was judged."""
    now_ms, nodes = vantage.clock[NOW], len(vantage.regions)
    for node in range(start, nodes):
        if vantage.causes[node] or vantage.verdicts[node]:
            return node
        for other in range(nodes):
            if (
                vantage.troubled[other]
                and vantage.said[other, node, VERDICT]
                and now_ms - vantage.said_at[other] <= limits.OPINION_MS_MAX
            ):
                return node
    return nodes


@kernel
def judge(vantage: Vantage) -> int:
    """Judge all nodes at the time of the last look, and return how many verdicts have changed.

    What is known of this node itself (its own readiness) is to stand in its row of ``links``.
    """
    # Each loop asks where to go on: in a world that is well that is all there is to do, and loops that may end early
    # are left as they are by the compiler, which would else gather and scatter what is next to nothing.
    me, nodes, changed = vantage.here[ME], len(vantage.regions), 0
    vantage.causes[me] = _C_UNREADY * (vantage.links[me, UNREADY] > 0)
    node = _next_to_see(vantage, 0)
    while node < nodes:
        _see(vantage, node)
        node = _next_to_see(vantage, node + 1)
    node = _next_to_judge(vantage, 0)
    while node < nodes:
        verdict = _verdict(vantage, node)
        if verdict != vantage.verdicts[node]:
            vantage.verdicts[node] = verdict
            vantage.since[node] = vantage.clock[NOW]
            changed += 1
        node = _next_to_judge(vantage, node + 1)
    return changed
