"""A running machine that was copied with its memory, as a snapshot of a virtual machine is: two that go on in one life.

Both have the same incarnation and number on from where they stood, so they give numbers twice, each with other events.
Nothing that a node remembers of itself can tell it so. The others can: two entries of one number, both signed.
"""

import copy

from homeroom.simulation.regions.machine import Machine

__all__ = ["twin_of"]


def twin_of(machine: Machine) -> Machine:
    """Return a copy of a machine that runs, which goes on where it stands; its links are those of the name."""
    outside = machine.outside
    disk = machine.copy_of_disk()
    shared = (outside, outside.readings, outside.sharing, outside.network, outside.agenda)
    memo: dict[int, object] = {id(one): one for one in shared}
    memo |= {id(machine.disk): disk, id(machine.store): outside.cores.store(disk)}
    twin = copy.deepcopy(machine, memo)
    twin.go_on()
    return twin
