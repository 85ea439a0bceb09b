"""How one vantage point judges all others: what it sees itself, and what it is told that they see.

Three kinds of evidence are kept apart, because mixing them is how healthy regions are evacuated:

- What this node **sees itself** of a node: silence (`homeroom.traffic.detection.suspicion`), probes that fail or are
  slow, what the node says of itself, and that it says that it does not hear this node (a link may be cut one way).
  This alone is what a node tells others. What it was told it never tells on: an opinion that came back as another's
  would keep itself alive.
- What **regions** see. A region counts once, however many nodes it runs, and says that a node is gone only if all of
  its nodes say so, each of which could not reach it for ``limits.CONFIRM_MS``. One that is not heard may see it
  otherwise, so it keeps its region from voting. If it is itself confirmed to be gone it does not; but of the regions
  that vote so many have to be whole that all others together are no quorum. Nobody speaks for his own region.
- Whether this node **hears a quorum**, a majority of all regions, at all. Who does not is itself the one that is cut
  off: it keeps what was confirmed, and confirms nothing new.

- Whether a vote is **of now**. A machine that was stopped and goes on where it was says at first what was true before.
  So a vote counts only with a sign that its node had just heard this one (``limits.ECHO_MS_MAX``).

A node is suspected if this node sees something bad, or a majority of all regions does. It is confirmed to be gone
if a majority of the other regions votes so; it comes back when a majority of them has seen nothing bad for a while. So
two halves of a world can never both judge each other: a cut that goes through regions leaves these without a vote.

**Awake time.** A process that is stopped for ten seconds wakes up in a world in which everybody seems to have been
silent for ten seconds. So silence is measured in time in which this node was awake: between two looks it goes on by
``limits.AWAKE_STEP_MS_MAX`` at most. What others said before the pause is too old when it ends, by steady time, and
that they did not hear this node in its pause is discounted too.

Everything here is a kernel over the arrays of `Vantages`: a running node judges with it as one vantage point, and so do
the sixteen of a simulated world.
"""

import math
from enum import IntFlag
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from homeroom import limits
from homeroom.kernel import borrowing
from homeroom.traffic.detection.suspicion import (
    ANSWERED,
    ASKED,
    BAD_AT,
    CUT_AT,
    DRAINING,
    FAILED,
    FAILED_FROM,
    GAP_AT,
    HEARD,
    LEAST_BEFORE,
    LEAST_NOW,
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
    "Vantages",
    "asked",
    "forget",
    "heard",
    "judge",
    "make_vantages",
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
NEWS: Final = 3
_VOTES: Final = 0
_OBJECTS: Final = 1
_SUSPECTS: Final = 2
_CALM: Final = 3
_PRESENT: Final = 4
_LACKS: Final = 5
_COUNTS: Final = 6

_DEAF_ECHO_MS: Final = float(limits.DEAF_MS + limits.HEARTBEAT_MS)
"""What a node says back is as old if two heartbeats in a row did not come to it."""

_FINE: Final = 0
_SUSPECTED: Final = 1
_CONFIRMED: Final = 2


class Cause(IntFlag):
    """Why a node is not fine; one of `Vantages.causes` may be several."""

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


class Vantages(NamedTuple):
    """What some nodes know, each from its own vantage point; nodes, regions and vantage points are numbers.

    A running node has one vantage point, a simulated world as many as it has nodes.

    Parameters
    ----------
    clock : float64[points, 4], steady time of the last look, awake time, when the last pause of the node ended, and
        whether anything was heard since it judged
    links : float64[points * nodes, WIDTH], see `homeroom.traffic.detection.suspicion`
    said : int32[points, nodes, nodes, 3], what each node said of each: verdict, silent and lost
    said_at : float64[points, nodes], when it said so, by the steady clock of the vantage point
    echoed : float64[points, nodes], when the newest heartbeat was sent here that it had heard then, 0 if none
    troubled : uint8[points, nodes], whether it said anything bad of anybody
    own : int32[points, nodes, 3], what the vantage point sees itself, in the same form
    causes : int64[points, nodes], see `Cause`
    verdicts : int64[points, nodes], 0 fine, 1 suspected, 2 confirmed
    since : float64[points, nodes], steady time at which the verdict became this one
    regions : int64[nodes], the region of each
    nodes : int64[points], which node it is
    counts : int64[regions, 6], while a node is judged
    """

    clock: NDArray[np.float64]
    links: NDArray[np.float64]
    said: NDArray[np.int32]
    said_at: NDArray[np.float64]
    echoed: NDArray[np.float64]
    troubled: NDArray[np.uint8]
    own: NDArray[np.int32]
    causes: NDArray[np.int64]
    verdicts: NDArray[np.int64]
    since: NDArray[np.float64]
    regions: NDArray[np.int64]
    nodes: NDArray[np.int64]
    counts: NDArray[np.int64]


def make_vantages(
    regions: NDArray[np.int64], nodes: NDArray[np.int64], now_ms: NDArray[np.float64]
) -> Vantages:
    """Return vantage points that have heard nobody yet.

    Parameters
    ----------
    regions : the region of each node, by number
    nodes : which node each vantage point is
    now_ms : steady time of each
    """
    of_nodes, of_regions, points = len(regions), int(regions.max()) + 1, len(nodes)
    vantages = Vantages(
        clock=np.zeros((points, 4)),
        links=np.zeros((points * of_nodes, WIDTH)),
        said=np.zeros((points, of_nodes, of_nodes, 3), np.int32),
        said_at=np.zeros((points, of_nodes)),
        echoed=np.zeros((points, of_nodes)),
        troubled=np.zeros((points, of_nodes), np.uint8),
        own=np.zeros((points, of_nodes, 3), np.int32),
        causes=np.zeros((points, of_nodes), np.int64),
        verdicts=np.zeros((points, of_nodes), np.int64),
        since=np.zeros((points, of_nodes)),
        regions=regions,
        nodes=nodes,
        counts=np.zeros((of_regions, _COUNTS), np.int64),
    )
    for at in range(points):
        forget(vantages, at, float(now_ms[at]))
    return vantages


@borrowing
def forget(vantages: Vantages, at: int, now_ms: float) -> None:
    """Have a vantage point begin: it has heard nobody yet."""
    vantages.clock[at, NOW] = now_ms
    vantages.clock[at, AWAKE] = 0.0
    vantages.clock[at, LATE_AT] = -math.inf
    vantages.clock[at, NEWS] = 0.0
    nodes = len(vantages.regions)
    for node in range(nodes):
        begin(vantages.links, at * nodes + node, 0.0)
        vantages.said_at[at, node] = -math.inf
        vantages.echoed[at, node] = 0.0
        vantages.troubled[at, node] = 0
        vantages.causes[at, node] = 0
        vantages.verdicts[at, node] = _FINE
        vantages.since[at, node] = now_ms
        vantages.own[at, node] = 0
        vantages.said[at, node] = 0


@borrowing
def wake(vantages: Vantages, at: int, now_ms: float) -> None:
    """Let time go on; what is more than a look takes was a pause of this node itself."""
    clock = vantages.clock
    step_ms = now_ms - clock[at, NOW]
    if step_ms > limits.AWAKE_STEP_MS_MAX:
        clock[at, LATE_AT] = now_ms
        step_ms = float(limits.AWAKE_STEP_MS_MAX)
    if step_ms > 0:
        clock[at, AWAKE] += step_ms
        clock[at, NOW] = now_ms


@borrowing
def _stood_still(vantages: Vantages, at: int) -> None:
    """Take that the clock here stood still, since others' went on: nobody knows how old is what they said."""
    vantages.clock[at, LATE_AT] = vantages.clock[at, NOW]
    for node in range(len(vantages.regions)):
        vantages.said_at[at, node] = -math.inf
        vantages.echoed[at, node] = 0.0


@borrowing
def heard(
    vantages: Vantages, at: int, node: int, sequence: int, sent_ms: float, echo_ms: float
) -> bool:
    """Take that a heartbeat came at the time of the last look, and say whether it is the newest.

    If it is, whatever it says of others is to be put into ``said`` and ``troubled``. It was sent after its sender had
    heard the heartbeat that this node sent at ``echo_ms``, by the clock here: so it is no older, whatever clocks there
    may be. 0 says nothing.
    """
    clock, links, link = vantages.clock, vantages.links, at * len(vantages.regions) + node
    least_ms = min(links[link, LEAST_NOW], links[link, LEAST_BEFORE])
    heard_ms = links[link, HEARD]
    at_ms = hear(links, link, clock[at, AWAKE], clock[at, NOW], sequence, sent_ms)
    if at_ms == -math.inf:
        return False
    if clock[at, NOW] - sent_ms < least_ms - limits.AWAKE_STEP_MS_MAX and least_ms < math.inf:
        _stood_still(vantages, at)
    if at_ms < echo_ms <= clock[at, NOW]:
        at_ms = echo_ms
    gap_ms = clock[at, AWAKE] - heard_ms
    if gap_ms >= limits.DEAF_MS or clock[at, NOW] - echo_ms >= _DEAF_ECHO_MS:
        links[link, GAP_AT] = clock[at, AWAKE]
    late_ms = clock[at, NOW] - at_ms
    if late_ms > limits.OPINION_MS_MAX:
        # What was long on its way is a sign of life of then: its sender may be dead since.
        links[link, HEARD] = max(heard_ms, clock[at, AWAKE] - late_ms)
    vantages.said_at[at, node] = at_ms
    vantages.echoed[at, node] = echo_ms
    clock[at, NEWS] = 1.0
    return True


@borrowing
def asked(vantages: Vantages, at: int, node: int) -> None:
    """Take that a probe of a node begins at the time of the last look."""
    link = at * len(vantages.regions) + node
    vantages.links[link, ASKED] = min(vantages.links[link, ASKED], vantages.clock[at, AWAKE])


@borrowing
def probed(vantages: Vantages, at: int, node: int, outcome: int, took_ms: float) -> None:
    """Take that a probe has ended at the time of the last look: `ANSWER`, `REFUSAL` or `TIME_OUT`.

    One in which this node slept says nothing, unless it was answered well: its time is not that of the other node. Nor
    does one that began while the link was cut: that says so itself, and is over sooner than a time-out is. Nor does one
    that is older than an answer: its node was there since.
    """
    links, clock, link = vantages.links, vantages.clock, at * len(vantages.regions) + node
    slept = clock[at, NOW] - took_ms <= clock[at, LATE_AT]
    began_ms = clock[at, AWAKE] - took_ms
    is_over = began_ms <= max(links[link, CUT_AT], links[link, ANSWERED])
    links[link, ASKED] = math.inf
    if outcome == ANSWER:
        # The answer may have been long on its way: its node was there some time between question and answer.
        there_ms = clock[at, AWAKE] - (0.0 if slept else took_ms / 2)
        links[link, ANSWERED] = max(links[link, ANSWERED], there_ms)
        links[link, FAILED] = 0.0
        links[link, REFUSED] = 0.0
        if not slept:
            links[link, SLOW] = links[link, SLOW] + 1 if stood_out(links, link, took_ms) else 0.0
            learn_trip(links, link, took_ms)
    elif not (slept or is_over):
        links[link, FAILED] += 1
        links[link, FAILED_FROM] = max(links[link, FAILED_FROM], clock[at, NOW] - took_ms)
        links[link, REFUSED] += 1.0 if outcome == REFUSAL else 0.0


@borrowing
def _failed_just_now(vantages: Vantages, at: int, link: int) -> bool:
    """Say whether probes that failed are a sign of now, as a vote has to be.

    A refusal is of when its probe began, at the earliest. A probe that nobody answered is some seconds old when that is
    known, and may have met a cut that is over since, one too short for this link to be suspected. So these count if
    they met none: if heartbeats have come and gone ever since the first of so many.
    """
    links, awake_ms = vantages.links[link], vantages.clock[at, AWAKE]
    if vantages.clock[at, NOW] - links[FAILED_FROM] <= limits.OPINION_MS_MAX:
        return True
    is_heard = awake_ms - links[HEARD] < limits.DEAF_MS
    whole_ms = awake_ms - links[GAP_AT] if is_heard else 0.0
    return bool(links[REFUSED] == 0 and whole_ms >= limits.CONFIRM_MS + limits.PROBE_WAIT_MS)


@borrowing
def _failing_ms(vantages: Vantages, at: int, link: int) -> float:
    """Return for how long probes have failed, 0 if they have not; below what is a vote while there are few of them.

    A node that is being emptied, or that says itself that it does not serve, answers with an error and means it: that
    is no failure that others must find out. What failed before a pause of this node may be well since.
    """
    links, awake_ms = vantages.links, vantages.clock[at, AWAKE]
    if links[link, DRAINING] > 0 or links[link, UNREADY] > 0:
        return 0.0
    failed, unanswered = links[link, FAILED], links[link, FAILED] - links[link, REFUSED]
    has_failed = (failed >= limits.PROBES_FAILED_SUSPECT or unanswered >= 1) and (
        links[link, FAILED_FROM] > vantages.clock[at, LATE_AT]
    )
    is_late = awake_ms - links[link, ASKED] >= limits.PROBE_LATE_MS
    if not has_failed and not (is_late and links[link, ASKED] > links[link, CUT_AT]):
        return 0.0
    failing_ms = max(awake_ms - max(links[link, ANSWERED], links[link, CUT_AT]), 1.0)
    # Who is busy beyond what he can do, and says so, is late and not gone: to evacuate him would send all that he has
    # to the next one.
    is_busy = links[link, REFUSED] == 0 and links[link, LOAD] >= 1
    is_enough = has_failed and failed >= limits.PROBES_FAILED_CONFIRM
    if is_enough and not is_busy and _failed_just_now(vantages, at, link):
        return float(failing_ms)
    return float(min(failing_ms, limits.CONFIRM_MS - 1.0))


@borrowing
def _deaf_ms(vantages: Vantages, at: int, node: int) -> float:
    """Return for how long a node has said that it does not hear this one, 0 if it does or says nothing.

    While this node slept it sent nothing, so that counts from when it woke up.
    """
    clock, me = vantages.clock, vantages.nodes[at]
    if clock[at, NOW] - vantages.said_at[at, node] > limits.OPINION_MS_MAX:
        return 0.0
    deaf_ms = float(min(vantages.said[at, node, me, SILENT], clock[at, NOW] - clock[at, LATE_AT]))
    return deaf_ms if deaf_ms >= limits.DEAF_MS else 0.0


@borrowing
def _see(vantages: Vantages, at: int, node: int) -> None:
    """Set what this node sees itself of another one."""
    links, link = vantages.links, at * len(vantages.regions) + node
    awake_ms = vantages.clock[at, AWAKE]
    silent_ms = awake_ms - links[link, HEARD]
    if (
        silent_ms < limits.SUSPECT_SILENT_MS_MAX
        and suspicion(links, link, awake_ms) < limits.SUSPICION_MAX
    ):
        silent_ms = 0.0
    deaf_ms = _deaf_ms(vantages, at, node)
    cut_ms = max(silent_ms, deaf_ms)
    if cut_ms > 0:
        links[link, CUT_AT] = awake_ms
    failing_ms = _failing_ms(vantages, at, link)
    causes = (
        _C_SILENT * (silent_ms > 0)
        + _C_DEAF * (deaf_ms > 0)
        + _C_FAILING * (failing_ms > 0)
        + _C_SLOW * (links[link, SLOW] >= limits.PROBES_SLOW)
        + _C_UNREADY * (links[link, UNREADY] > 0)
    )
    if causes:
        links[link, BAD_AT] = awake_ms
    elif awake_ms - links[link, BAD_AT] < limits.RECOVER_MS:
        causes = _C_RECOVERING
    # Heartbeats may be lost in a long run while questions are answered: who answers well can be reached.
    lost_ms = max(min(cut_ms, awake_ms - links[link, ANSWERED]), failing_ms)
    vantages.causes[at, node] = causes
    vantages.own[at, node, VERDICT] = 1 if causes else 0
    vantages.own[at, node, SILENT] = int(min(silent_ms, 1e9))
    vantages.own[at, node, LOST] = int(min(lost_ms, 1e9))


@borrowing
def _count(vantages: Vantages, at: int, node: int) -> None:
    """Set in ``counts`` what each region says of a node. Nobody speaks for the region that it is in.

    A process, or a machine with its clock, may be stopped between its last look and its vote, and vote for what was
    true before. So the vote of another one counts if he had heard then what this node had sent a moment ago: with it he
    has heard all that waited for him. This node's own counts if it has heard anything since it judged before.
    """
    counts, regions, own, said = vantages.counts, vantages.regions, vantages.own, vantages.said
    said_at, now_ms, me = vantages.said_at, vantages.clock[at, NOW], vantages.nodes[at]
    verdicts, echoed, has_news = vantages.verdicts, vantages.echoed, vantages.clock[at, NEWS] > 0
    counts[:] = 0
    for other in range(len(regions)):
        region = regions[other]
        is_heard = other == me or now_ms - said_at[at, other] <= limits.OPINION_MS_MAX
        if is_heard:
            counts[region, _PRESENT] = 1
        if other == node or region == regions[node]:
            continue
        lost_ms = own[at, node, LOST] if other == me else said[at, other, node, LOST]
        ill = own[at, node, VERDICT] if other == me else said[at, other, node, VERDICT]
        is_new = has_news if other == me else now_ms - echoed[at, other] <= limits.ECHO_MS_MAX
        if is_heard and is_new and lost_ms >= limits.CONFIRM_MS:
            counts[region, _VOTES] = 1
        elif verdicts[at, other] == _CONFIRMED:
            counts[region, _LACKS] = 1
        else:
            counts[region, _OBJECTS] = 1
        if is_heard:
            counts[region, _SUSPECTS if ill else _CALM] = 1


@borrowing
def _is_voted(counts: NDArray[np.int64]) -> bool:
    """Say whether enough regions vote that a node is gone, by what was counted."""
    votes = whole = present = 0
    regions = len(counts)
    for region in range(regions):
        vote = counts[region, _VOTES] * (1 - counts[region, _OBJECTS])
        votes += vote
        whole += vote * (1 - counts[region, _LACKS])
        present += counts[region, _PRESENT]
    # Of the other regions: nobody speaks for his own. Nodes that do not answer for their region because they are gone
    # may be cut off together with this one, and reach it: so many regions have to be whole that those that are not are
    # no quorum.
    quorum = (regions - 1) // 2 + 1
    enough = whole >= regions - quorum
    hears_quorum = present >= regions // 2 + 1
    return bool(hears_quorum and votes >= quorum and enough)


@borrowing
def _is_back(counts: NDArray[np.int64]) -> bool:
    """Say whether a majority of the other regions has nothing bad to say of a node, by what was counted."""
    calm = present = 0
    regions = len(counts)
    for region in range(regions):
        calm += counts[region, _CALM]
        present += counts[region, _PRESENT]
    hears_quorum = present >= regions // 2 + 1
    return bool(hears_quorum and calm >= (regions - 1) // 2 + 1)


@borrowing
def _is_suspected_by_many(counts: NDArray[np.int64]) -> bool:
    suspecting = 0
    for region in range(len(counts)):
        suspecting += counts[region, _SUSPECTS] * (1 - counts[region, _CALM])
    return bool(suspecting >= len(counts) // 2 + 1)


@borrowing
def _verdict(vantages: Vantages, at: int, node: int) -> int:
    """Return what a node is judged to be, by what is seen here and what regions say."""
    causes = vantages.causes
    causes[at, node] &= ~(_C_MANY | _C_QUORUM)
    _count(vantages, at, node)
    if _is_suspected_by_many(vantages.counts):
        causes[at, node] |= _C_MANY
    was_gone = vantages.verdicts[at, node] == _CONFIRMED
    if not _is_back(vantages.counts) if was_gone else _is_voted(vantages.counts):
        causes[at, node] |= _C_QUORUM
        return _CONFIRMED
    return _SUSPECTED if causes[at, node] else _FINE


@borrowing
def _next_to_see(vantages: Vantages, at: int, start: int) -> int:
    """Return the first node from a number on of which there may be something bad to see; their number if there is none.

    On a link that lost nothing, what is missing for less than two heartbeats is no suspicion, so nothing is computed.
    """
    links, own, said = vantages.links, vantages.own, vantages.said
    awake_ms, me, nodes = vantages.clock[at, AWAKE], vantages.nodes[at], len(vantages.regions)
    for node in range(start, nodes):
        link = at * nodes + node
        if node != me and (
            awake_ms - links[link, HEARD] >= 2 * limits.HEARTBEAT_MS
            or own[at, node, VERDICT] > 0
            or links[link, FAILED] > 0
            or awake_ms - links[link, ASKED] >= limits.PROBE_LATE_MS
            or links[link, SLOW] >= limits.PROBES_SLOW
            or links[link, UNREADY] > 0
            or said[at, node, me, SILENT] > 0
        ):
            return node
    return nodes


@borrowing
def _next_to_judge(vantages: Vantages, at: int, start: int) -> int:
    """Return the first node from a number on of which somebody has something bad to say, or had when it was judged."""
    causes, verdicts, troubled = vantages.causes, vantages.verdicts, vantages.troubled
    said, said_at = vantages.said, vantages.said_at
    now_ms, nodes = vantages.clock[at, NOW], len(vantages.regions)
    for node in range(start, nodes):
        if causes[at, node] or verdicts[at, node]:
            return node
        for other in range(nodes):
            if (
                troubled[at, other]
                and said[at, other, node, VERDICT]
                and now_ms - said_at[at, other] <= limits.OPINION_MS_MAX
            ):
                return node
    return nodes


@borrowing
def judge(vantages: Vantages, at: int) -> int:
    """Judge all nodes at the time of the last look, and return how many verdicts have changed.

    What is known of this node itself (its own readiness) is to stand in its row of ``links``.
    """
    # Each loop asks where to go on: in a world that is well that is all there is to do, and loops that may end early
    # are left as they are by the compiler, which would else gather and scatter what is next to nothing.
    me, nodes, changed = vantages.nodes[at], len(vantages.regions), 0
    vantages.causes[at, me] = _C_UNREADY * (vantages.links[at * nodes + me, UNREADY] > 0)
    node = _next_to_see(vantages, at, 0)
    while node < nodes:
        _see(vantages, at, node)
        node = _next_to_see(vantages, at, node + 1)
    node = _next_to_judge(vantages, at, 0)
    while node < nodes:
        verdict = _verdict(vantages, at, node)
        if verdict != vantages.verdicts[at, node]:
            vantages.verdicts[at, node] = verdict
            vantages.since[at, node] = vantages.clock[at, NOW]
            changed += 1
        node = _next_to_judge(vantages, at, node + 1)
    vantages.clock[at, NEWS] = 0.0
    return changed
