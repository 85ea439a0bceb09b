"""A simulated node whose log has forgotten what no snapshot of its own has: it begins when another node gave it one.

It asks the others one after the other, and runs no life meanwhile: it has nothing to answer from.
"""

from typing import TYPE_CHECKING, Final

from homeroom.regions.steps import Members
from homeroom.simulation.regions.snapshots import Snapshot, write_snapshot

if TYPE_CHECKING:
    from homeroom.simulation.regions.machine import Machine

__all__ = ["Awaiting"]

_AGAIN_MS: Final = 200


class Awaiting:
    """What a node waits for that cannot begin.

    Parameters
    ----------
    machine : the node
    """

    def __init__(self, machine: "Machine") -> None:
        self._machine = machine
        self._number = 0

    def begin(self, members: Members) -> None:
        """Fetch the snapshot of another node, and start again."""
        machine, disk = self._machine, self._machine.disk
        self._number += 1
        others = sorted(set(members.regions) - members.fenced - {machine.name})
        number = self._number

        def install(snapshot: Snapshot | None) -> None:
            # Meanwhile somebody may have started it, or have put another disk into it.
            if machine.disk is not disk or machine.life is not None or self._number != number:
                return
            if snapshot is not None:
                write_snapshot(disk, snapshot.content())
            machine.outside.agenda.after(_AGAIN_MS, machine.start)

        machine.outside.courier.fetch(others[number % len(others)], machine.name, install)
