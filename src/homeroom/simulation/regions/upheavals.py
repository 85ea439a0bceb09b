"""Faults in the life of a node: it is removed and comes back, without having noticed.

They are drawn from a chance of their own beside the other faults of a plan (`homeroom.simulation.regions.plan`), and
what they need of the operator takes longer than a cut: each sees itself through.
"""

from collections.abc import Callable
from typing import Final

from homeroom.simulation.regions.agenda import Agenda
from homeroom.simulation.regions.machine import Machine
from homeroom.simulation.regions.network import Network
from homeroom.simulation.regions.operator import Operator
from homeroom.simulation.regions.plan import Fault, Kind

__all__ = ["Upheavals"]

_AGAIN_MS: Final = 200


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
        begin: dict[Kind, Callable[[Fault], None]] = {Kind.RETURN: self._remove}
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

    def _take_back(self, machine: Machine) -> None:
        if not self._operator.has_left(machine.name):
            self._agenda.after(_AGAIN_MS, self._take_back, machine)
            return
        self._operator.open -= 1
        self._operator.join(machine)
