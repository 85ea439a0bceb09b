"""Erasures in a simulated world: somebody asks a node for one, at the worst of times.

Who asks does so again, here or elsewhere, until a node has said yes. The faults are drawn from a chance of their own
beside the others of a plan (`homeroom.simulation.regions.plan`).
"""

from collections.abc import Mapping
from random import Random
from typing import Final

from homeroom.regions.steps import Level
from homeroom.simulation.regions.agenda import Agenda
from homeroom.simulation.regions.disks import Disks
from homeroom.simulation.regions.machine import Machine
from homeroom.simulation.regions.network import Network
from homeroom.simulation.regions.outside import Request, Told
from homeroom.simulation.regions.plan import Fault, Kind
from homeroom.simulation.regions.residency import Erased
from homeroom.simulation.regions.rows import Happening

__all__ = ["Erasures"]

_AGAIN_MS: Final = 700


class Erasures:
    """Who is to be erased, and what befalls the node that was asked.

    Parameters
    ----------
    machines : all nodes, by name
    network, agenda, disks : of the world
    chance : settles who is asked when a node says nothing

    Attributes
    ----------
    open : how many have no yes yet
    confirmed : those that have
    """

    def __init__(
        self,
        machines: Mapping[str, Machine],
        network: Network,
        agenda: Agenda,
        disks: Disks,
        chance: Random,
    ) -> None:
        self.open = 0
        self.confirmed: list[Erased] = []
        self._machines, self._network, self._agenda = machines, network, agenda
        self._disks, self._chance = disks, chance

    def begin(self, fault: Fault) -> None:
        """Let a fault of these kinds begin."""
        machine = self._machines[fault.nodes[0]]
        self.open += 1
        learner = f"learner {int(fault.amount)}"
        if fault.kind is Kind.ERASE_AND_RESTORE:
            copy = self._disks.copy(machine)
            self._agenda.after(fault.for_ms, self._disks.put_back, machine, copy)
        elif fault.kind is Kind.ERASE_CUT_OFF:
            self._network.part(fault.nodes, fault.for_ms)
        self._ask(machine.name, learner, [])

    def _ask(self, node: str, learner: str, done: list[Told]) -> None:
        if done:
            return

        def tell(told: Told) -> None:
            if told.token is not None and not done:
                done.append(told)
                self.open -= 1
                self.confirmed.append(Erased(learner, node))

        now_ms = self._agenda.now_ms
        name = f"erase {learner} at {node}"
        erasure = Happening(name, "", self._agenda.wall_ms, erases=learner)
        self._machines[node].erase(Request(name, (erasure,), Level.LOCAL, tell, now_ms), erasure)
        elsewhere = sorted(name for name, machine in self._machines.items() if machine.life)
        following = self._chance.choice(elsewhere or [node])
        self._agenda.after(_AGAIN_MS, self._ask, following, learner, done)
