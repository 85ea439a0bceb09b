"""Faults in the life of a node: it is removed and comes back, or is the home no more, without having noticed.

They are drawn from a chance of their own beside the other faults of a plan (`homeroom.simulation.regions.plan`), and
what they need of the operator takes longer than a cut: each sees itself through.
"""

from collections.abc import Callable
from typing import Final

from homeroom.log.control import Change
from homeroom.log.members import MemberJoined
from homeroom.regions.steps import Level
from homeroom.simulation.regions.agenda import Agenda
from homeroom.simulation.regions.machine import Machine
from homeroom.simulation.regions.network import Network
from homeroom.simulation.regions.operator import Operator
from homeroom.simulation.regions.outside import Request
from homeroom.simulation.regions.plan import Fault, Kind

__all__ = ["Upheavals"]

_AGAIN_MS: Final = 200
_LATER_MS: Final = 700


class Upheavals:
    """What is done to nodes, and undone.

    Parameters
    ----------
    machines : all nodes, by name
    operator, network, agenda : of the world
    """

    def __init__(
        self, machines: dict[str, Machine], operator: Operator, network: Network, agenda: Agenda
    ) -> None:
        self._machines, self._operator = machines, operator
        self._network, self._agenda = network, agenda

    def begin(self, fault: Fault) -> None:
        """Let a fault of these kinds begin."""
        begin: dict[Kind, Callable[[Fault], None]] = {
            Kind.RETURN: self._remove,
            Kind.MOVE_HOME: self._move_home,
        }
        begin[fault.kind](fault)

    def _remove(self, fault: Fault) -> None:
        """Cut a node off and let it leave: it goes on as if nothing had been."""
        name = fault.nodes[0]
        links = [pair for other in self._machines for pair in ((name, other), (other, name))]
        self._network.cut(links)
        self._operator.leave(name)
        self._operator.open += 1
        self._agenda.after(fault.for_ms, self._network.heal, links)
        self._agenda.after(fault.for_ms, self._take_back, self._machines[name])

    def _move_home(self, fault: Fault) -> None:
        """Cut the home off and have another node be it; somebody goes on stating things at the old one."""
        old, new = self._operator.home, self._machines[fault.nodes[0]]
        links = [
            pair for other in self._machines for pair in ((old.name, other), (other, old.name))
        ]
        self._network.cut(links)
        self._operator.move_home(new)
        self._agenda.after(fault.for_ms, self._network.heal, links)
        self._agenda.after(_LATER_MS, self._see_moved, old, new)

    def _see_moved(self, old: Machine, new: Machine) -> None:
        is_moved = new.life is not None and new.stated.control.members.home == new.name
        then = self._state_too_late if is_moved else self._see_moved
        self._agenda.after(_LATER_MS, then, old, new)

    @staticmethod
    def _state_too_late(old: Machine, _new: Machine) -> None:
        """State that a node belongs to the world which there is not: if anybody folds it, nothing is whole any more."""
        if old.life is None or not old.stated.control.members.nodes:
            return
        fact = MemberJoined(node="nobody", region="nowhere")
        at_ms = old.wall_ms()
        changes = [Change(fact=fact, author="somebody", at_ms=at_ms)]
        request = Request("too late", changes, Level.LOCAL, lambda _: None, 0)
        old.offer(request)

    def _take_back(self, machine: Machine) -> None:
        if not self._operator.has_left(machine.name):
            self._agenda.after(_AGAIN_MS, self._take_back, machine)
            return
        self._operator.open -= 1
        self._operator.join(machine)
