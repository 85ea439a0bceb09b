"""Who was right: a referee who knows what went wrong, and nothing of heartbeats, opinions or detectors.

He reads the plan and not the arrays that the world makes of it, and he is plain Python, so that he and the world are
wrong in different ways. What he finds:

- A **false evacuation**: a node was confirmed to be gone although, over the last 5 s, a quorum of the other regions
  could reach it with 99 % success. He is strict: a region could reach it if one of its nodes could, also if that one
  slept; a request may be sent once more; jitter and answers that take less than 2 s are no failure; what lasted less
  than 50 ms did not happen.
- A **missed death**: a node was dead for `CONFIRM_MS_MAX`, somebody was awake all that time and could hear a quorum of
  whole regions, and did not confirm it. Or he was awake for `REROUTE_MS_MAX` and did not suspect it.
- A death that was **not to be confirmed**: there was no such quorum, because regions were paused, cut off or cut
  through. It is suspected like every other one, and confirmed when a quorum is back.
- Times from a death to the first suspicion (from then on requests go elsewhere) and to the confirmation, for each node
  that was awake.
"""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

from homeroom.simulation.traffic.plan import (
    NODES,
    NODES_A_REGION,
    REGIONS,
    Kind,
    Trouble,
    TroublePlan,
)

__all__ = ["CONFIRM_MS_MAX", "REROUTE_MS_MAX", "Change", "Findings", "Referee"]

WINDOW_MS: Final = 5_000
SUCCESS: Final = 0.99
REROUTE_MS_MAX: Final = 8_000
"""Whoever is awake has suspected a dead node after so long."""
CONFIRM_MS_MAX: Final = 12_000
"""Whoever is awake and hears a quorum has confirmed a death after so long."""
_SHARE_MS: Final = WINDOW_MS * (1 - SUCCESS)
_IN_TIME_MS: Final = 2_000
_OTHERS_QUORUM: Final = (REGIONS - 1) // 2 + 1
_QUORUM: Final = REGIONS // 2 + 1
_AWAY: Final = frozenset({Kind.DEATH, Kind.PAUSE, Kind.SUSPEND})
_FEW_LOST: Final = 0.2
_LITTLE_MS: Final = 300.0
# A link on which losses come in longer runs than this may be silent for many seconds, however few are lost.
_SHORT_RUN: Final = 0.5
_FINE, _SUSPECTED, _CONFIRMED = 0, 1, 2


@dataclass(frozen=True, slots=True)
class Change:
    """At a time, a node thought otherwise of another one: 0 fine, 1 suspected, 2 confirmed; ``by`` is the detector."""

    at_ms: int
    by: int
    node: int
    of: int
    verdict: int


@dataclass(slots=True)
class Findings:
    """What a referee found.

    Attributes
    ----------
    evacuations : how often a node was confirmed to be gone by another one
    false_evacuations : those that were wrong
    deaths : dead nodes that others had to judge, once for each who had to
    missed : of these, what was not suspected or not confirmed in time, in words
    unjudged : deaths that were not confirmed in time, and not to be confirmed either
    reroute_ms, confirm_ms : times from a death until it was suspected, and confirmed
    suspicions, false_suspicions : how often a node was suspected, and how often although it could be reached
    """

    evacuations: int = 0
    false_evacuations: list[Change] = field(default_factory=list)
    deaths: int = 0
    missed: list[str] = field(default_factory=list)
    unjudged: int = 0
    reroute_ms: list[int] = field(default_factory=list)
    confirm_ms: list[int] = field(default_factory=list)
    suspicions: int = 0
    false_suspicions: int = 0


class Referee:
    """Judges what detectors thought in one world.

    Parameters
    ----------
    plan : of the world
    """

    def __init__(self, plan: TroublePlan) -> None:
        self._plan = plan
        self._longest_ms = max((one.end_ms - one.begin_ms for one in plan.troubles), default=0)
        self._begins = [trouble.begin_ms for trouble in plan.troubles]
        # What is said of a node follows from the troubles that lasted: many judges ask the same at about one time.
        self._known: dict[tuple[int, tuple[Trouble, ...]], bool] = {}

    def judge(self, changes: Sequence[Change]) -> Findings:
        """Return what is to be said of the changes of one detector, in order of time."""
        findings = Findings()
        for change in changes:
            if change.of == change.node:
                continue  # what a node hears of itself evacuates nobody
            if change.verdict == _CONFIRMED:
                findings.evacuations += 1
                if self.could_be_reached(change.of, change.at_ms):
                    findings.false_evacuations.append(change)
            elif change.verdict == _SUSPECTED:
                findings.suspicions += 1
                if self.could_be_reached(change.of, change.at_ms):
                    findings.false_suspicions += 1
        self._look_at_deaths(changes, findings)
        return findings

    # --- was he reachable? -------------------------------------------------------------------------------------------

    def could_be_reached(self, node: int, at_ms: int) -> bool:
        """Say whether a quorum of the other regions reached a node with 99 % success over the last 5 s."""
        lasting = tuple(
            trouble
            for trouble in self._between(at_ms - WINDOW_MS, at_ms)
            if min(trouble.end_ms, at_ms) - max(trouble.begin_ms, at_ms - WINDOW_MS) > _SHARE_MS
        )
        if (node, lasting) not in self._known:
            self._known[node, lasting] = self._is_reached(node, lasting)
        return self._known[node, lasting]

    def _is_reached(self, node: int, lasting: tuple[Trouble, ...]) -> bool:
        reaching = {
            region
            for region in range(REGIONS)
            if region != node // NODES_A_REGION
            and any(self._reaches(one, node, lasting) for one in _nodes_of(region))
        }
        return len(reaching) >= _OTHERS_QUORUM

    def _between(self, from_ms: int, until_ms: int) -> list[Trouble]:
        """Return the troubles of which some part lies between two times."""
        first = bisect_right(self._begins, from_ms - self._longest_ms - 1)
        last = bisect_right(self._begins, until_ms)
        return [one for one in self._plan.troubles[first:last] if one.end_ms > from_ms]

    def _reaches(self, one: int, node: int, lasting: Iterable[Trouble]) -> bool:
        """Say whether requests from a node to another one succeeded while some troubles lasted."""
        there = back = 1 - self._plan.loss
        for trouble in lasting:
            if _breaks(trouble, one, node):
                return False
            if trouble.kind is Kind.LOSS:
                there *= 1 - trouble.amount * _is_on(trouble, one, node)
                back *= 1 - trouble.amount * _is_on(trouble, node, one)
        return 1 - (1 - there * back) ** 2 >= SUCCESS

    # --- was he dead, and who had to see it? -------------------------------------------------------------------------

    def _look_at_deaths(self, changes: Sequence[Change], findings: Findings) -> None:
        told: defaultdict[tuple[int, int], list[Change]] = defaultdict(list)
        for change in changes:
            told[change.node, change.of].append(change)
        for death in self._deaths():
            around = self._between(death.begin_ms - CONFIRM_MS_MAX, death.begin_ms + CONFIRM_MS_MAX)
            lasts_ms = death.end_ms - death.begin_ms
            for judge in range(NODES):
                if any(_is_away(trouble, judge) for trouble in around):
                    continue
                can_confirm = lasts_ms >= CONFIRM_MS_MAX and _hears_quorum(judge, death, around)
                for node in death.ones:
                    self._look_at(told[judge, node], death, findings, can_confirm=can_confirm)

    def _look_at(
        self, told: Sequence[Change], death: Trouble, findings: Findings, *, can_confirm: bool
    ) -> None:
        """Look how long one node took for one death of another one."""
        findings.deaths += 1
        for verdict, bound_ms, times, must in (
            (_SUSPECTED, REROUTE_MS_MAX, findings.reroute_ms, True),
            (_CONFIRMED, CONFIRM_MS_MAX, findings.confirm_ms, can_confirm),
        ):
            before = [change.verdict for change in told if change.at_ms <= death.begin_ms]
            if before and before[-1] >= verdict:
                continue  # it was thought of so badly already
            took_ms = [
                change.at_ms - death.begin_ms
                for change in told
                if death.begin_ms < change.at_ms <= death.end_ms and change.verdict >= verdict
            ]
            if took_ms and must:
                times.append(took_ms[0])
            is_late = death.end_ms - death.begin_ms >= bound_ms and not (
                took_ms and took_ms[0] <= bound_ms
            )
            if is_late and must:
                findings.missed.append(
                    f"a death of {death.ones} at {death.begin_ms} ms was not thought {verdict} of within {bound_ms} ms"
                )
            findings.unjudged += is_late and not must

    def _deaths(self) -> list[Trouble]:
        """Return the deaths of nodes that were not dead already, nor again soon."""
        deaths = [trouble for trouble in self._plan.troubles if trouble.kind is Kind.DEATH]
        return [
            death
            for death in deaths
            if not any(
                other is not death
                and set(other.ones) & set(death.ones)
                and other.begin_ms < death.end_ms
                and death.begin_ms < other.end_ms
                for other in deaths
            )
        ]


def _nodes_of(region: int) -> range:
    return range(region * NODES_A_REGION, (region + 1) * NODES_A_REGION)


def _is_away(trouble: Trouble, node: int) -> bool:
    return trouble.kind in _AWAY and node in trouble.ones


def _is_on(trouble: Trouble, one: int, other: int) -> bool:
    """Say whether trouble of links is on that from one node to another."""
    return one in trouble.ones and other in trouble.others


def _breaks(trouble: Trouble, one: int, node: int) -> bool:
    """Say whether no request from a node to another one succeeds during some trouble."""
    match trouble.kind:
        case Kind.DEATH:
            return one in trouble.ones or node in trouble.ones
        case Kind.PAUSE | Kind.SUSPEND:
            return (
                node in trouble.ones
            )  # whoever slept himself could have reached it, had he been awake
        case Kind.CUT | Kind.PART | Kind.HOLD:
            return _is_on(trouble, one, node) or _is_on(trouble, node, one)
        case Kind.REFUSE | Kind.UNREADY:
            return node in trouble.ones
        case Kind.SLOW | Kind.BUSY:
            return node in trouble.ones and trouble.amount >= _IN_TIME_MS
    return False


def _hears_quorum(judge: int, death: Trouble, around: Sequence[Trouble]) -> bool:
    """Say whether a node hears enough regions whose nodes all see a death, all the time that it takes.

    A majority of the other regions have to be whole: each of their nodes awake and heard well. And of a majority of all
    regions some node has to be heard.
    """
    dead = {node // NODES_A_REGION for node in death.ones}
    heard = [
        [_is_heard(node, judge, around) for node in _nodes_of(region)]
        for region in range(REGIONS)
        if region not in dead
    ]
    return sum(map(all, heard)) >= _OTHERS_QUORUM and sum(map(any, heard)) >= _QUORUM


def _is_heard(node: int, judge: int, around: Sequence[Trouble]) -> bool:
    if any(_is_away(trouble, node) for trouble in around):
        return False
    if node == judge:
        return True
    kept = 1.0
    for trouble in around:
        if not (_is_on(trouble, judge, node) or _is_on(trouble, node, judge)):
            continue
        if trouble.kind is Kind.LOSS and trouble.run <= _SHORT_RUN:
            kept *= 1 - trouble.amount
        elif trouble.kind is not Kind.JITTER or trouble.amount > _LITTLE_MS:
            return False
    return 1 - kept <= _FEW_LOST
