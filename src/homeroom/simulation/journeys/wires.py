"""How the requests of one client go to nodes and back: connections that are kept, and all the ways in which they end.

A connection to a process that has ended breaks at once; one to a machine without power, or behind a cut, hangs for as
long as its client is willing to wait. A new one is refused in the first case, and hangs for less in the second. What
`homeroom.client.connecting` makes of the library's errors is said here in the same words.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from homeroom.client.measures import Loss
from homeroom.client.retrying import Failed, Try
from homeroom.simulation.journeys.asking import Ask, Reply
from homeroom.simulation.journeys.checks import GONE
from homeroom.simulation.journeys.machine import Machine
from homeroom.simulation.journeys.scene import Scene

__all__ = ["Wires"]

_AGAIN_MS: Final = 300
Land = Callable[[Reply | Failed], None]


@dataclass(slots=True)
class _Attempt:
    """A request on its way to one node; ``is_over`` once it has landed."""

    ask: Ask
    machine: Machine
    land: Land
    is_over: int = 0
    was_cut: int = 0


class Wires:
    """The connections of a client.

    Parameters
    ----------
    scene : of the world
    region : where the client is
    """

    def __init__(self, scene: Scene, region: str) -> None:
        self._scene, self._region = scene, region
        self._lives: dict[
            str, int
        ] = {}  # by address that a connection is open to, the life of its node

    def send(self, ask: Ask, found: Try, land: Land) -> None:
        """Make a request; ``land`` hears how it ended, once, within its time."""
        agenda = self._scene.agenda
        machine = self._scene.at(found.at)
        attempt = _Attempt(ask, machine, land)
        late = Failed("no answer in time", Loss.LATE, found.at)
        agenda.after(found.time_ms_max, self._end, attempt, late)
        if found.at in self._lives:
            self._go(attempt)
            return
        none = Failed("no connection", Loss.UNREACHABLE, found.at)
        if self._joins(machine) and (machine.is_up or not machine.hold.is_silent):
            wait_ms = self._way_ms(machine) + self._way_ms(machine)
            if machine.is_up:
                agenda.after(wait_ms, self._connected, attempt)
            else:
                agenda.after(wait_ms, self._end, attempt, none)
            return
        agenda.after(found.connect_ms_max or found.time_ms_max, self._end, attempt, none)

    def _connected(self, attempt: _Attempt) -> None:
        if not attempt.is_over:
            self._lives[attempt.machine.url] = attempt.machine.life
            self._go(attempt)

    def _go(self, attempt: _Attempt) -> None:
        self._scene.agenda.after(self._way_ms(attempt.machine), self._come, attempt)

    def _come(self, attempt: _Attempt, again_ms: int = _AGAIN_MS) -> None:
        """Come to the node; what nobody takes is sent again, ever more seldom, as TCP does."""
        machine = attempt.machine
        if attempt.is_over:
            return
        if not self._joins(machine) or (not machine.is_up and machine.hold.is_silent):
            attempt.was_cut |= machine.is_up
            self._scene.agenda.after(again_ms, self._come, attempt, 2 * again_ms)
            return
        life = self._lives.get(machine.url, machine.life)
        if not machine.is_up or life != machine.life:
            self._back(attempt, None)
            return
        machine.serve(attempt.ask, lambda reply: self._back(attempt, reply))

    def _back(self, attempt: _Attempt, reply: Reply | None, again_ms: int = _AGAIN_MS) -> None:
        """Come back to the client, from a machine that lives."""
        machine = attempt.machine
        if attempt.is_over:
            return
        if not self._joins(machine):
            self._scene.agenda.after(again_ms, self._back, attempt, reply, 2 * again_ms)
        else:
            broken = Failed("the connection broke", Loss.BROKEN, machine.url)
            wait_ms = self._way_ms(machine)
            self._scene.agenda.after(
                wait_ms, self._end, attempt, broken if reply is None else reply
            )

    def _end(self, attempt: _Attempt, what: Reply | Failed) -> None:
        if attempt.is_over:
            return
        attempt.is_over = 1
        if isinstance(what, Failed):
            self._lives.pop(attempt.machine.url, None)
            if attempt.was_cut and self._joins(attempt.machine):
                what = Failed(f"{what.why}{GONE}", what.loss, what.at)
        attempt.land(what)

    def _joins(self, machine: Machine) -> bool:
        return self._scene.links.joins("clients", self._region, machine.region)

    def _way_ms(self, machine: Machine) -> int:
        return self._scene.links.sure_way_ms(self._region, machine.region)
