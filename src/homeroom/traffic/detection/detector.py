"""The detector of a running node: heartbeats and probes in and out, and what is judged of everybody.

The judging itself is in `homeroom.traffic.detection.judging`, over arrays, because a simulated world does it many times
as fast as it happens. What is left for here is what has names: who is a member, which life of a node a heartbeat is of,
when the next heartbeat and the next probe are due, and the reasons in words.
"""

from collections import Counter
from collections.abc import Mapping
from typing import Final

import numpy as np
from msgspec.structs import replace

from homeroom import limits
from homeroom.errors import MessageError
from homeroom.traffic.detection import judging, suspicion
from homeroom.traffic.detection.health import Health, NodeHealth, Readiness, Verdict
from homeroom.traffic.detection.heartbeats import (
    Heartbeat,
    Opinion,
    read_heartbeat,
    write_heartbeat,
)
from homeroom.traffic.detection.judging import Vantages
from homeroom.traffic.detection.reasons import why
from homeroom.traffic.detection.steps import (
    Carried,
    DetectorEffect,
    DetectorEvent,
    HeartbeatCame,
    Judged,
    MembersChanged,
    Outcome,
    OwnState,
    Probe,
    ProbeEnded,
    Refused,
    SendHeartbeat,
    Tick,
)

__all__ = ["Detector"]

_GRACE_MS: Final = 1_000


class Detector:
    """Judges all members of a world, as one of them sees and hears of them.

    Parameters
    ----------
    node, region : whose it is, and where; until `MembersChanged` says more it is alone
    life : the name of this life, drawn by whoever starts the node and never used before
    now_ms : steady time
    """

    def __init__(self, node: str, region: str, life: str, now_ms: float) -> None:
        self._node, self._life = node, life
        self._own = OwnState()
        self._sequence = 0
        self._beat_ms = now_ms
        # Names in the order of their numbers in the arrays, and back.
        self._names: tuple[str, ...] = ()
        self._numbers: dict[str, int] = {}
        self._vantage: Vantages
        self._lives: dict[str, str] = {}
        # Of each node the lives before this one, the latest last, with the greatest number that came of each.
        self._former: dict[str, dict[str, int]] = {}
        # When the next probe of a node is due, and when those that have not ended were asked for, the oldest first.
        self._probe_ms: dict[str, float] = {}
        self._asked_ms: dict[str, list[float]] = {}
        self._counted: Counter[str] = Counter()
        self._set_members({node: region}, now_ms)

    def step(self, event: DetectorEvent, now_ms: float) -> list[DetectorEffect]:
        """Take an event at a steady time in milliseconds, and return what is to be done."""
        judging.wake(self._vantage, 0, float(now_ms))
        match event:
            case HeartbeatCame():
                return self._hear(event)
            case Tick():
                return self._tick(now_ms)
            case ProbeEnded():
                self._probed(event)
            case OwnState():
                self._tell(event)
            case MembersChanged():
                self._set_members(event.regions, now_ms)
        return []

    def health(self) -> Health:
        """Return what is thought of every member, by name."""
        return {name: self._health_of(number) for number, name in enumerate(self._names)}

    def statistics(self) -> dict[str, int]:
        """Return counts since this life began: of heartbeats by what became of them, of probes, of verdicts."""
        return dict(self._counted)

    def check_invariants(self) -> None:
        """Assert what must hold between steps."""
        vantage, members = self._vantage, set(self._names)
        assert self._names == tuple(sorted(members))
        assert self._node in members
        assert self._names[vantage.nodes[0]] == self._node
        assert set(self._lives) <= members - {self._node}
        assert set(self._former) <= members
        assert set(self._asked_ms) <= members
        assert all(len(asked) <= limits.PROBES_OPEN_MAX for asked in self._asked_ms.values())
        assert all(len(lives) <= limits.FORMER_LIVES_MAX for lives in self._former.values())
        assert all(life not in self._former.get(name, ()) for name, life in self._lives.items())
        assert len(vantage.links) == len(vantage.regions) == len(members)
        assert set(vantage.verdicts[0].tolist()) <= set(Verdict)

    # --- who belongs to the world ------------------------------------------------------------------------------------

    def _set_members(self, regions: Mapping[str, str], now_ms: float) -> None:
        """Give members new numbers; what is known of those who stay is kept, and nothing of those who go."""
        assert len(regions) <= limits.WORLD_NODES_MAX, f"{len(regions)} nodes are no world"
        if self._node not in regions:
            return  # this node was removed: it goes on as it was until it is stopped
        before, numbers = self._names, self._numbers
        self._names = tuple(sorted(regions))
        self._numbers = {name: number for number, name in enumerate(self._names)}
        places = {name: number for number, name in enumerate(sorted(set(regions.values())))}
        of_nodes = np.array([places[regions[name]] for name in self._names], np.int64)
        me = np.array([self._numbers[self._node]], np.int64)
        made = judging.make_vantages(of_nodes, me, np.array([now_ms], np.float64))
        if before:
            self._carry_over(made, [name for name in before if name in self._numbers], numbers)
        self._vantage = made
        for known in (self._lives, self._former, self._asked_ms, self._probe_ms):
            for name in [name for name in known if name not in self._numbers]:
                del known[name]
        self._set_own()
        others = [name for name in self._names if name != self._node]
        for place, name in enumerate(others):
            self._probe_ms.setdefault(name, now_ms + place * limits.PROBE_MS / len(others))

    def _carry_over(self, made: Vantages, staying: list[str], numbers: Mapping[str, int]) -> None:
        known = self._vantage
        old = np.array([numbers[name] for name in staying])
        new = np.array([self._numbers[name] for name in staying])
        made.clock[:] = known.clock
        for number in range(len(self._names)):
            suspicion.begin(made.links, number, known.clock[0, judging.AWAKE])
        made.links[new] = known.links[old]
        for field in ("said_at", "echoed", "troubled", "own", "causes", "verdicts", "since"):
            getattr(made, field)[0, new] = getattr(known, field)[0, old]
        made.said[0][np.ix_(new, new)] = known.said[0][np.ix_(old, old)]

    # --- heartbeats --------------------------------------------------------------------------------------------------

    def _hear(self, event: HeartbeatCame) -> list[DetectorEffect]:
        sender, number = event.sender, self._numbers.get(event.sender)
        if number is None or sender == self._node:
            self._counted["of strangers"] += 1
            return [Refused(sender, "its sender is no other member of the world")]
        try:
            heartbeat = read_heartbeat(event.body)
        except MessageError as error:
            self._counted["damaged"] += 1
            return [Refused(sender, str(error))]
        if not self._is_of_this_life(sender, number, heartbeat):
            self._counted["of former lives"] += 1
            return [Refused(sender, "it is of a life of its node that is over")]
        if not judging.heard(
            self._vantage,
            0,
            number,
            heartbeat.sequence,
            float(heartbeat.sent_ms),
            float(heartbeat.echo_ms),
        ):
            self._counted["late"] += 1
            return []
        self._counted["heard"] += 1
        self._take(number, heartbeat)
        return [Carried(sender, heartbeat.generation, heartbeat.carried)]

    def _is_of_this_life(self, sender: str, number: int, heartbeat: Heartbeat) -> bool:
        """Say whether a heartbeat is of the newest life of its node: one that was not seen before.

        A node that has just begun may hear the newest life first, and then what was held up of the one before. So a
        former life is believed again if it goes on counting while the newest one has long been silent.
        """
        life, known = heartbeat.life, self._lives.get(sender)
        if life == known:
            return True
        former = self._former.setdefault(sender, {})
        links, silent_ms = self._vantage.links, self._vantage.clock[0, judging.AWAKE]
        silent_ms -= links[number, suspicion.HEARD]
        if life in former and (
            heartbeat.sequence <= former[life] or silent_ms < limits.SUSPECT_SILENT_MS_MAX
        ):
            former[life] = max(former[life], heartbeat.sequence)
            return False
        former.pop(life, None)
        if known is not None:
            former[known] = int(links[number, suspicion.SEQUENCE])
            suspicion.renew(links, number)
        if len(former) > limits.FORMER_LIVES_MAX:
            del former[next(iter(former))]
        self._lives[sender] = life
        return True

    def _take(self, number: int, heartbeat: Heartbeat) -> None:
        """Put what a heartbeat says into the arrays."""
        vantage = self._vantage
        link, said = vantage.links[number], vantage.said[0, number]
        link[suspicion.LOAD] = heartbeat.load
        link[suspicion.DRAINING] = heartbeat.draining
        link[suspicion.UNREADY] = not heartbeat.ready
        said[:] = 0
        vantage.troubled[0, number] = bool(heartbeat.opinions)
        for name, opinion in heartbeat.opinions.items():
            of = self._numbers.get(name)
            if of is not None:
                said[of] = (1, opinion.silent_ms, opinion.lost_ms)

    # --- what this node says -----------------------------------------------------------------------------------------

    def _tell(self, state: OwnState) -> None:
        assert len(state.carried) <= limits.HEARTBEAT_CARRIED_BYTES_MAX, (
            "whoever carries more sends it"
        )
        self._own = state
        self._set_own()

    def _set_own(self) -> None:
        link = self._vantage.links[self._vantage.nodes[0]]
        link[suspicion.LOAD] = self._own.load
        link[suspicion.DRAINING] = self._own.draining
        link[suspicion.UNREADY] = self._own.readiness is Readiness.NOT_READY

    def _heartbeats(self, now_ms: float, others: list[str]) -> list[DetectorEffect]:
        """Return a heartbeat for each other one; only what is said back to him is not the same for all."""
        self._sequence += 1
        own = self._vantage.own[0]
        opinions = {
            self._names[number]: Opinion(
                int(own[number, judging.SILENT]), int(own[number, judging.LOST])
            )
            for number in np.flatnonzero(own[:, judging.VERDICT])
        }
        state = self._own
        said = Heartbeat(
            life=self._life,
            sequence=self._sequence,
            sent_ms=int(now_ms),
            load=state.load,
            draining=state.draining,
            ready=state.readiness is not Readiness.NOT_READY,
            generation=state.generation,
            opinions=opinions,
            carried=state.carried,
        )
        self._counted["sent"] += len(others)
        echoes = self._vantage.links[:, suspicion.SENT]
        return [
            SendHeartbeat(
                name,
                write_heartbeat(replace(said, echo_ms=int(echoes[self._numbers[name]]))),
            )
            for name in others
        ]

    # --- time --------------------------------------------------------------------------------------------------------

    def _tick(self, now_ms: float) -> list[DetectorEffect]:
        effects: list[DetectorEffect] = []
        self._give_up_probes(now_ms)
        vantage = self._vantage
        before = vantage.verdicts[0].copy()
        if judging.judge(vantage, 0):
            for number in np.flatnonzero(before != vantage.verdicts[0]):
                self._counted["verdicts"] += 1
                effects.append(
                    Judged(
                        self._names[number],
                        Verdict(int(before[number])),
                        self._health_of(int(number)),
                    )
                )
        others = [name for name in self._names if name != self._node]
        if now_ms >= self._beat_ms:
            # Beats that were slept through are not made up for: each says all of it.
            self._beat_ms = _following(self._beat_ms, limits.HEARTBEAT_MS, now_ms)
            effects += self._heartbeats(now_ms, others)
        for name in others:
            asked_ms = self._asked_ms.setdefault(name, [])
            if now_ms >= self._probe_ms[name] and len(asked_ms) < limits.PROBES_OPEN_MAX:
                self._probe_ms[name] = _following(self._probe_ms[name], limits.PROBE_MS, now_ms)
                asked_ms.append(now_ms)
                judging.asked(vantage, 0, self._numbers[name])
                effects.append(Probe(name, now_ms))
        return effects

    def _give_up_probes(self, now_ms: float) -> None:
        """End probes of which whoever asked has said nothing: for the node that was asked it is a time-out."""
        until_ms = now_ms - limits.PROBE_WAIT_MS - _GRACE_MS
        for name, asked_ms in self._asked_ms.items():
            for one_ms in [one_ms for one_ms in asked_ms if one_ms < until_ms]:
                self._probed(ProbeEnded(name, one_ms, Outcome.TIME_OUT, now_ms - one_ms))

    def _probed(self, event: ProbeEnded) -> None:
        asked_ms = self._asked_ms.get(event.node, [])
        if event.asked_ms not in asked_ms:
            return  # it was given up, or its node is no member any more
        asked_ms.remove(event.asked_ms)
        self._counted[f"probes: {event.outcome.name.lower().replace('_', ' ')}"] += 1
        number = self._numbers[event.node]
        judging.probed(self._vantage, 0, number, int(event.outcome), float(event.took_ms))

    def _health_of(self, number: int) -> NodeHealth:
        vantage = self._vantage
        link = vantage.links[number]
        readiness = Readiness.NOT_READY if link[suspicion.UNREADY] else Readiness.READY
        if number == vantage.nodes[0]:
            readiness = self._own.readiness
        elif not link[suspicion.EVER]:
            readiness = Readiness.UNKNOWN
        return NodeHealth(
            verdict=Verdict(int(vantage.verdicts[0, number])),
            since_ms=int(vantage.since[0, number]),
            why=why(vantage, number),
            load=float(link[suspicion.LOAD]),
            draining=bool(link[suspicion.DRAINING]),
            readiness=readiness,
        )


def _following(due_ms: float, period_ms: int, now_ms: float) -> float:
    """Return when something is due again that was due now; what was slept through is left out."""
    return max(due_ms, now_ms - limits.DETECTOR_TICK_MS) + period_ms
