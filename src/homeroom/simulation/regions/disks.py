"""Faults of disks that nobody notices when they happen: lies, writes that went astray, and copies that come back.

What a node promised relies on its disk. So where a disk has lied, what that node alone held may be gone; but no number
may be given twice, nothing may be counted twice, and all must come to the same.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from homeroom.simulation.disk import Disk
from homeroom.simulation.regions.agenda import Agenda
from homeroom.simulation.regions.crossings import Crossings
from homeroom.simulation.regions.losses import Losses
from homeroom.simulation.regions.machine import Machine
from homeroom.simulation.regions.met import Case
from homeroom.simulation.regions.plan import Fault, Kind
from homeroom.simulation.regions.retries import Retries

__all__ = ["Copy", "Disks"]

_AGAIN_MS: Final = 300


@dataclass(frozen=True, slots=True, eq=False)
class Copy:
    """A copy of a disk that was put aside, and when; ``is_again`` if another copy of the same was put back before."""

    disk: Disk
    at_ms: int
    is_again: bool = False


class Disks:
    """What befalls disks.

    Parameters
    ----------
    machines : all nodes, by name
    agenda, losses, crossings : of the world
    retries : sends again what was acknowledged
    """

    def __init__(
        self,
        machines: Mapping[str, Machine],
        agenda: Agenda,
        losses: Losses,
        crossings: Crossings,
        retries: Retries,
    ) -> None:
        self._machines, self._agenda, self._losses = machines, agenda, losses
        self._crossings, self._retries = crossings, retries

    def begin(self, fault: Fault) -> None:
        """Let a fault of these kinds begin."""
        machine = self._machines[fault.nodes[0]]
        begin: dict[Kind, Callable[[Machine, int], None]] = {
            Kind.RESTORE: self._restore,
            Kind.RESTORE_TWICE: self._restore_twice,
            Kind.FAIL_OVER: self._fail_over,
            Kind.LYING_SYNC: self._lie,
            Kind.MISDIRECTED: self._misdirect,
        }
        begin[fault.kind](machine, fault.for_ms)

    def _restore(self, machine: Machine, for_ms: int) -> None:
        self._agenda.after(for_ms, self.put_back, machine, self.copy(machine))

    def _restore_twice(self, machine: Machine, for_ms: int) -> None:
        copy = self.copy(machine)
        again = Copy(copy.disk.after_power_loss(copy.disk.chance), copy.at_ms, is_again=True)
        self._crossings.copied(again.disk)
        self._agenda.after(for_ms // 2, self.put_back, machine, copy)
        self._agenda.after(for_ms, self.put_back, machine, again)

    def copy(self, machine: Machine) -> Copy:
        """Put a copy of a disk aside, as it is now."""
        copy = Copy(machine.copy_of_disk(), self._agenda.now_ms)
        self._crossings.copied(copy.disk)
        return copy

    def put_back(self, machine: Machine, copy: Copy) -> None:
        """Put a copy into its machine again; somebody sends what it has acknowledged meanwhile once more."""
        if machine.is_destroyed:
            return
        machine.lose_power()
        machine.exchange_disk(copy.disk)
        self._crossings.put_back(copy)
        self._losses.add(machine.name, copy.at_ms, self._agenda.now_ms)
        machine.note("gets a copy of its disk back")
        machine.start()
        self._agenda.after(_AGAIN_MS, self._retries.send, machine.name, Case.AFTER_RESTORE)

    def _fail_over(self, machine: Machine, for_ms: int) -> None:
        """Have another server of its database take over, which had not everything yet."""
        copied_ms, copy = self._agenda.now_ms, machine.copy_of_disk()
        self._agenda.after(for_ms, self._take_over, machine, copy, copied_ms)

    def _take_over(self, machine: Machine, copy: Disk, copied_ms: int) -> None:
        if machine.life is None:
            return
        # Nobody knows when it is noticed: with the next write.
        self._losses.add(machine.name, copied_ms, self._agenda.now_ms + 3_600_000)
        machine.fail_over(copy)

    def _lie(self, machine: Machine, for_ms: int) -> None:
        """Have a disk say yes before it is true, for a while; then the power goes."""
        machine.disk.is_lying = True
        self._doubt(machine, self._agenda.now_ms, for_ms)

    def _misdirect(self, machine: Machine, for_ms: int) -> None:
        """Have one write go astray, which is seen when the disk is read again."""
        machine.disk.is_misdirected = True
        # It may fall upon anything that was written before.
        self._doubt(machine, -1 << 40, for_ms)

    def _doubt(self, machine: Machine, from_ms: int, for_ms: int) -> None:
        machine.is_in_doubt = True
        self._losses.add(machine.name, from_ms, self._agenda.now_ms + for_ms)
        self._agenda.after(for_ms, self._find_out, machine, machine.disk)

    @staticmethod
    def _find_out(machine: Machine, disk: Disk) -> None:
        disk.is_lying = disk.is_misdirected = False
        if machine.disk is disk and not machine.is_destroyed:
            machine.lose_power()
            machine.start()
