"""What makes things go wrong in a world, puts them right again, and gives orders, as the plan says."""

from random import Random
from typing import TYPE_CHECKING, Final

from homeroom.simulation.journeys.crowds import Crowds
from homeroom.simulation.journeys.forging import Forger
from homeroom.simulation.journeys.machine import Machine
from homeroom.simulation.journeys.plan import Fault, Kind
from homeroom.simulation.journeys.poisoning import Poisoner
from homeroom.simulation.journeys.scene import Scene
from homeroom.traffic.detection.heartbeats import Heartbeat, write_heartbeat
from homeroom.traffic.routing.orders import About, Do, Order, Orders, write_orders

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Operator"]

_QUIET_MS: Final = 3_000
_LOOK_MS: Final = 500
_STOPPED_MS: Final = 1_500
_MORE: Final = 1.6
_STRANGE_MS: Final = 700
_POISON_MS: Final = 40
_QUIET_KINDS: Final = frozenset(
    {Kind.DRAIN_NODE, Kind.DRAIN_REGION, Kind.EVACUATE, Kind.FORGED, Kind.STRANGER, Kind.CLOCK}
    | {Kind.ENGINE_FAILS}
    | {kind for kind in Kind if kind.name.startswith("TIER")}
)
"""What makes no node know less of another."""


class Operator:
    """Does what the plan says.

    Parameters
    ----------
    scene : of the world
    crowds : its people
    """

    def __init__(self, scene: Scene, crowds: Crowds) -> None:
        self._scene, self._crowds = scene, crowds
        self._chance = Random(f"{scene.plan.seed} operator")  # noqa: S311 - a world, no secret
        self._do: dict[Kind, Callable[[Fault, int], None]] = {
            Kind.REGION_DIES: self._die,
            Kind.NODE_DIES: self._die,
            Kind.PART: self._part,
            Kind.CLIENTS_CUT: self._part,
            Kind.SLOW: self._slow,
            Kind.REFUSE: self._refuse,
            Kind.FORGED: self._forge,
            Kind.STRANGER: self._be_strange,
            Kind.BUSY: self._busy,
            Kind.CLOCK: self._jump,
            Kind.HELD: self._hold,
            Kind.TIER_LOST: self._tier,
            Kind.TIER_HUNG: self._tier,
            Kind.TIER_FLUSHED: self._tier,
            Kind.TIER_SLOW: self._tier,
            Kind.TIER_POISONED: self._poison,
            Kind.ENGINE_FAILS: self._break,
            Kind.DRAIN_NODE: self._drain,
            Kind.DRAIN_REGION: self._order,
            Kind.EVACUATE: self._order,
        }
        for fault in scene.plan.faults:
            scene.agenda.at(fault.begin_ms, self._step, fault, 1)
            scene.agenda.at(fault.end_ms, self._step, fault, -1)

    def _step(self, fault: Fault, by: int) -> None:
        what = f"{fault.kind}: {', '.join((*fault.ones, *fault.others))}"
        self._scene.note("world", what if by > 0 else f"no more: {what}")
        self._scene.checks.look()
        if fault.kind not in _QUIET_KINDS:
            self._scene.checks.upset_ms = self._scene.now_ms
        self._do[fault.kind](fault, by)
        self._scene.checks.look()

    def _machines(self, fault: Fault) -> list[Machine]:
        return [
            one
            for one in self._scene.machines.values()
            if one.name in fault.ones or one.region in fault.ones
        ]

    # --- faults ------------------------------------------------------------------------------------------------------

    def _die(self, fault: Fault, by: int) -> None:
        is_silent = int(fault.kind is Kind.REGION_DIES)
        for machine in self._machines(fault):
            machine.hold.down += by
            if by > 0 and machine.is_up:
                machine.stop(is_silent)
            elif not machine.hold.down and not machine.is_up:
                machine.start()

    def _part(self, fault: Fault, by: int) -> None:
        links = self._scene.links
        if fault.kind is Kind.PART:
            links.cut("nodes", fault.ones, fault.others, by)
            links.cut("clients", fault.others, fault.ones, by)
        links.cut("clients", fault.ones, fault.others, by)

    def _slow(self, fault: Fault, by: int) -> None:
        for machine in self._machines(fault):
            if by > 0:
                machine.hold.slow_ms.append(fault.amount)
            else:
                machine.hold.slow_ms.remove(fault.amount)

    def _refuse(self, fault: Fault, by: int) -> None:
        for machine in self._machines(fault):
            machine.hold.refuses += by

    def _hold(self, fault: Fault, by: int) -> None:
        for machine in self._machines(fault):
            machine.hold.held += by

    def _forge(self, fault: Fault, by: int) -> None:
        for machine in self._machines(fault):
            machine.forger = Forger(int(fault.amount), machine.document) if by > 0 else None

    def _busy(self, fault: Fault, by: int) -> None:
        for region in fault.ones:
            self._crowds.more[region] *= _MORE if by > 0 else 1 / _MORE

    def _jump(self, fault: Fault, by: int) -> None:
        for machine in self._machines(fault):
            machine.jump_ms += by * self._chance.choice((-86_400_000, -5_000, 5_000, 3_600_000))

    def _tier(self, fault: Fault, by: int) -> None:
        """Do what is wrong with the cache of a region."""
        for region in fault.ones:
            shared = self._scene.shared[region]
            match fault.kind:
                case Kind.TIER_LOST:
                    shared.lost += by
                    shared.flush()
                case Kind.TIER_HUNG:
                    shared.hung += by
                case Kind.TIER_FLUSHED:
                    shared.flush()
                case _ if by > 0:
                    shared.slow_ms.append(fault.amount)
                case _:
                    shared.slow_ms.remove(fault.amount)

    def _poison(self, fault: Fault, by: int) -> None:
        for region in fault.ones if by > 0 else ():
            poisoner = Poisoner(self._scene.shared[region], self._chance)
            self._keep_poisoning(poisoner, fault.end_ms)

    def _keep_poisoning(self, poisoner: Poisoner, end_ms: int) -> None:
        poisoner.poison(self._scene.now_ms)
        if self._scene.now_ms + _POISON_MS < end_ms:
            self._scene.agenda.after(_POISON_MS, self._keep_poisoning, poisoner, end_ms)

    def _break(self, fault: Fault, by: int) -> None:
        for machine in self._machines(fault):
            machine.hold.broken += by

    # --- heartbeats that nobody should believe -----------------------------------------------------------------------

    def _be_strange(self, fault: Fault, by: int) -> None:
        """Have a node that was removed say that everybody is to go away, and others say it damaged."""
        if by < 0:
            return
        regions = [place.name for place in self._scene.plan.places]
        orders = Orders(Order(About.REGION, name, Do.EVACUATE, 1_000) for name in regions)
        heartbeat = Heartbeat(
            life="removed",
            sequence=1,
            sent_ms=self._scene.now_ms,
            generation=1 << 40,
            carried=write_orders(orders),
        )
        body = write_heartbeat(heartbeat)
        end_ms = fault.end_ms
        self._say_strange(fault.ones[0], body, end_ms)

    def _say_strange(self, name: str, body: bytes, end_ms: int) -> None:
        machine = self._scene.machines[name]
        machine.hear("a node that was removed", body)
        damaged = bytearray(body)
        damaged[self._chance.randrange(len(damaged))] ^= 1 << self._chance.randrange(8)
        sender = self._chance.choice([one for one in self._scene.machines if one != name])
        machine.hear(sender, bytes(damaged))
        if self._scene.now_ms + _STRANGE_MS < end_ms:
            self._scene.agenda.after(_STRANGE_MS, self._say_strange, name, body, end_ms)

    # --- orders ------------------------------------------------------------------------------------------------------

    def _given(self, about: About, name: str, do: Do) -> None:
        """Give an order at some node that lives."""
        there = [one for one in self._scene.machines.values() if one.is_up and one.name != name]
        if there:
            self._chance.choice(there).order(about, name, do)
            return
        self._scene.agenda.after(_LOOK_MS, self._given, about, name, do)

    def _order(self, fault: Fault, by: int) -> None:
        away, back = Do.DRAIN, Do.SERVE
        if fault.kind is Kind.EVACUATE:
            away, back = Do.EVACUATE, Do.RETURN
        for region in fault.ones:
            self._given(About.REGION, region, away if by > 0 else back)

    def _drain(self, fault: Fault, by: int) -> None:
        for node in fault.ones:
            if by > 0:
                self._given(About.NODE, node, Do.DRAIN)
                self._scene.agenda.after(_LOOK_MS, self._wait_to_stop, node, fault.end_ms, 0)
            else:
                self._given(About.NODE, node, Do.SERVE)

    def _wait_to_stop(self, node: str, end_ms: int, quiet_ms: int) -> None:
        """Stop a node that is empty, as for an update, and start it again."""
        machine, now_ms = self._scene.machines[node], self._scene.now_ms
        if now_ms >= end_ms or not machine.is_up:
            return
        quiet_ms = quiet_ms + _LOOK_MS if machine.is_draining else 0
        if quiet_ms < _QUIET_MS:
            self._scene.agenda.after(_LOOK_MS, self._wait_to_stop, node, end_ms, quiet_ms)
            return
        machine.hold.down += 1
        machine.stop(0)
        self._scene.checks.look()

        def start() -> None:
            machine.hold.down -= 1
            if not machine.hold.down and not machine.is_up:
                machine.start()

        self._scene.agenda.after(_STOPPED_MS, start)
