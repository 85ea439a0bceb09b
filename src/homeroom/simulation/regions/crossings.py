"""What erasures cross: merges, voids, snapshots on their way, copies of disks, entries that are held back or passed on.

It looks on and changes nothing. A promise that an erasure is everywhere says little of a world in which it met nothing;
so each of these is counted when it happens.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from homeroom.errors import MessageError
from homeroom.simulation.disk_store import entries_on
from homeroom.simulation.regions.erasing import has_any
from homeroom.simulation.regions.met import Case, Met

if TYPE_CHECKING:
    from collections.abc import Iterable

    from homeroom.log.entries import Entry
    from homeroom.simulation.disk import Disk
    from homeroom.simulation.regions.disks import Copy
    from homeroom.simulation.regions.ledger import Readings
    from homeroom.simulation.regions.machine import Machine
    from homeroom.simulation.regions.sharing import Sharing
    from homeroom.simulation.regions.snapshots import Snapshot

__all__ = ["Crossings"]


class Crossings:
    """What erasures have crossed.

    Parameters
    ----------
    met : where it is counted
    readings, sharing : of the world

    Attributes
    ----------
    learners : who is erased somewhere
    """

    def __init__(self, met: Met, readings: Readings, sharing: Sharing) -> None:
        self.learners: set[str] = set()
        self._met, self._readings, self._sharing = met, readings, sharing
        # Copies of disks that may be put back still.
        self._copies: list[Disk] = []

    def erased(self, machine: Machine) -> None:
        """Take that a node has folded erasures."""
        new = machine.ledger.erased - self.learners
        self.learners |= new
        self._met[Case.ERASED_HELD] += self._names(new, machine.waiting)
        for disk in self._copies:
            self._met[Case.ERASED_IN_COPY] += self._names(new, entries_on(disk))
        merged = {learner for edge in machine.ledger.merged for learner in edge.joins}
        self._met[Case.ERASED_MERGED] += len(new & merged)
        for learner in new:
            events = self._readings.events_of.get(learner, ())
            self._met[Case.ERASED_VOID] += any(one.id in machine.ledger.voided for one in events)

    def copied(self, disk: Disk) -> None:
        """Take that a copy of a disk is put aside."""
        self._copies.append(disk)

    def put_back(self, copy: Copy) -> None:
        """Take that a copy is put back into its machine."""
        self._copies.remove(copy.disk)
        self._met[Case.COPY_TWICE] += copy.is_again
        self._met[Case.ERASED_RESTORED] += self._names(self.learners, entries_on(copy.disk))

    def brought(self, snapshot: Snapshot) -> None:
        """Take that a snapshot of a node has come to another one."""
        said = (one.learner for _, _, some in snapshot.said for one in some)
        self._met[Case.ERASED_IN_SNAPSHOT] += not self.learners.isdisjoint(said)

    def carried(self, sender: str, _to: str, body: bytes) -> None:
        """Look at a message."""
        if not self.learners:
            return
        try:
            _, entries = self._sharing.read(body)
        except MessageError:
            return
        relayed = [entry for entry in entries if entry.origin.node != sender]
        self._met[Case.ERASED_RELAYED] += self._names(self.learners, relayed)

    def _names(self, learners: set[str], entries: Iterable[Entry]) -> bool:
        return any(has_any(entry, learners, self._readings) for entry in entries)
