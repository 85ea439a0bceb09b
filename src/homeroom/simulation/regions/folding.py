"""What one life of a simulated node folds: events, documents and facts, as far as its member lets it.

Entries wait here, as durable as they are, until the member opens the way to them; then each goes to what it is for. A
running node reads them from its log again instead, which comes to the same.
"""

from collections import deque
from collections.abc import Iterable
from typing import TYPE_CHECKING

from homeroom.clock import hybrid_ms
from homeroom.limits import HYBRID_AHEAD_MS_MAX
from homeroom.log.entries import Entry
from homeroom.log.origins import Origin, Stream
from homeroom.regions.steps import Fold, Members, Printed
from homeroom.simulation.regions.papers import Papers
from homeroom.simulation.regions.snapshots import Snapshot

if TYPE_CHECKING:
    from homeroom.simulation.regions.beginning import Beginning
    from homeroom.simulation.regions.machine import Machine

__all__ = ["Folding"]


class Folding:
    """What is folded, and what waits.

    Parameters
    ----------
    machine : the node, whose clock runs
    found : what this life began with

    Attributes
    ----------
    ledger, papers, stated : events, documents and facts
    folded : by origin the last entry that is folded
    """

    def __init__(self, machine: "Machine", found: "Beginning") -> None:
        cores = machine.outside.cores
        self.ledger, self.papers = cores.ledger(machine.outside.readings), Papers()
        self.stated = cores.stated()
        self.folded = dict(found.applied)
        self._machine = machine
        self._waiting: dict[Origin, deque[Entry]] = {}
        if found.snapshot is not None:
            applied = {origin: head.number for origin, head in found.applied.items()}
            found.snapshot.restore(self.ledger, applied)

    def wait(self, entries: Iterable[Entry]) -> None:
        """Take entries that are durable, in order by origin."""
        for entry in entries:
            self._waiting.setdefault(entry.origin, deque()).append(entry)

    def fold(self, fold: Fold) -> None:
        """Fold what may be folded."""
        for origin, number in fold.numbers:
            waiting = self._waiting[origin]
            while waiting and waiting[0].number <= number:
                self._fold(waiting.popleft())

    def _fold(self, entry: Entry) -> None:
        machine = self._machine
        self.ledger.fold(entry)
        if entry.origin.stream is Stream.CONTROL:
            self.stated.take(entry)
        elif entry.origin.stream is Stream.DOCUMENT:
            self.papers.fold(entry)
        machine.outside.watch.folded(machine, entry)
        # What was ruled to count before its time moves nobody's clock.
        wall_ms = machine.wall_ms()
        if hybrid_ms(entry.hybrid) <= wall_ms + HYBRID_AHEAD_MS_MAX:
            machine.clock.observe(entry.hybrid, wall_ms)
        self.folded[entry.origin] = entry.head

    def go_by(self, members: Members) -> None:
        """Take who belongs to the world, and what was ruled."""
        self.ledger.rule(members.rulings)
        self.ledger.lack(members.collapsed - self.ledger.retired)

    def printed(self, check: int) -> Printed:
        """Return the fingerprints of what is folded."""
        ledger = self.ledger
        papers, at = self.papers.fingerprint(ledger.erased), ledger.documents_digest()
        return Printed(
            check, ledger.applied_digest(), ledger.fingerprint(), at, papers if at else ""
        )

    def snapshot(self) -> Snapshot:
        """Return what is folded of what all need, and all may have."""
        heads = {o: head for o, head in self.folded.items() if o.stream is Stream.ANALYTIC}
        return Snapshot.of(self.ledger, heads)
