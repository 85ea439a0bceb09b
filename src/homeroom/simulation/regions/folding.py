"""What one life of a simulated node folds: events, documents and facts, as far as its member lets it.

Entries wait here, as durable as they are, until the member opens the way to them; then each goes to what it is for. A
running node reads them from its log again instead, which comes to the same. A retention cut is made as soon as all is
folded that it covers.
"""

from collections import deque
from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

from homeroom.clock import hybrid_ms
from homeroom.errors import EntryError
from homeroom.limits import HYBRID_AHEAD_MS_MAX
from homeroom.log.control import read_changes
from homeroom.log.cuts import HistoryCut
from homeroom.log.entries import Entry, Head
from homeroom.log.origins import Origin, Stream
from homeroom.log.payloads import unpack
from homeroom.regions.steps import Covered, Event, Fold, Folded, Members, Printed
from homeroom.simulation.regions.cutting import STATED_FROM_DAY
from homeroom.simulation.regions.met import Case

if TYPE_CHECKING:
    from homeroom.simulation.regions.beginning import Beginning
    from homeroom.simulation.regions.machine import Machine

__all__ = ["TENANT", "Folding"]

TENANT: Final = "main"
"""The one tenant of a simulated world."""


class Folding:
    """What is folded, and what waits.

    Parameters
    ----------
    machine : the node, whose clock runs
    found : what this life began with

    Attributes
    ----------
    ledger, pinned, papers, stated : events, those that stay in the jurisdiction, documents and facts
    folded : by origin the last entry that is folded
    """

    def __init__(self, machine: "Machine", found: "Beginning") -> None:
        cores = machine.outside.cores
        self.ledger = cores.ledger(machine.outside.readings)
        self.pinned = cores.ledger(machine.outside.readings, Stream.PINNED)
        self.papers = cores.papers(machine.jurisdiction)
        self.stated = cores.stated()
        self.folded = dict(found.applied)
        self._machine = machine
        self._waiting: dict[Origin, deque[Entry]] = {}
        # By origin up to which number may be folded, where not all of it is.
        self._open: dict[Origin, int] = {}
        self._stopped: set[Origin] = set()
        if found.snapshot is not None:
            applied = {origin: head.number for origin, head in found.applied.items()}
            found.snapshot.restore(self.ledger, applied)

    def wait(self, entries: Iterable[Entry]) -> None:
        """Take entries that are durable, in order by origin."""
        for entry in entries:
            self._waiting.setdefault(entry.origin, deque()).append(entry)

    @property
    def waiting(self) -> Iterable[Entry]:
        """Entries that are held and not folded yet."""
        return (entry for entries in self._waiting.values() for entry in entries)

    def fold(self, fold: Fold) -> list[Event]:
        """Fold what may be folded; return what the member is to be told of it."""
        was_to_cut = self._is_to_cut
        told: list[Event] = [Folded(tuple(self._folded(fold).items()))]
        if self._is_to_cut:
            told.append(Covered(self.stated.control.cuts[TENANT].vector))
        elif was_to_cut:
            told.append(Covered({}))
        return told

    def _folded(self, fold: Fold) -> dict[Origin, int]:
        """Fold what may be folded; return by origin up to which number it was."""
        self._open.update((o, n) for o, n in fold.numbers if o not in self._stopped)
        folded: dict[Origin, int] = {}
        while True:
            # What was stated comes last: a cut may cover what is folded here.
            for origin in sorted(self._open, key=lambda origin: origin.stream is Stream.CONTROL):
                self._fold_origin(origin, folded)
            if not self._cut():
                return folded

    def _fold_origin(self, origin: Origin, folded: dict[Origin, int]) -> None:
        waiting, number = self._waiting[origin], self._open[origin]
        is_stated = origin.stream is Stream.CONTROL
        while waiting and waiting[0].number <= number and not (is_stated and self._is_to_cut):
            entry = waiting[0]
            if is_stated and self._is_alone(entry):
                break
            try:
                self._fold(entry)
            except EntryError as error:
                # This origin stops here, and others go on.
                self._machine.note(f"ALARM {error}")
                self._machine.outside.met[Case.POISON] += 1
                self._stopped.add(origin)
                break
            waiting.popleft()
            folded[origin] = entry.number
        if origin in self._stopped or not waiting or waiting[0].number > number:
            del self._open[origin]

    def _is_alone(self, entry: Entry) -> bool:
        """Say whether an entry states a cut that is to be made, and nobody but this node is known to hold it.

        A cut cannot be undone; and if the store lost the fact, this node would answer something else than all others.
        """
        machine = self._machine
        views = machine.member.replication.views.values()
        if entry.origin.node != machine.name or not views:
            return False
        facts = (change.fact for change in read_changes(unpack(entry.payload).content))
        days = [fact.day + STATED_FROM_DAY for fact in facts if isinstance(fact, HistoryCut)]
        if not days or max(days) <= self.ledger.bases.day:
            return False
        is_with_all = entry.origin in machine.member.members.collapsed
        held = (view.numbers.get(entry.origin, 0) >= entry.number for view in views)
        return not is_with_all and not any(held)

    @property
    def _is_to_cut(self) -> bool:
        """Whether a cut was stated that is not made yet: what was stated after it waits, so that each is made."""
        stated = self.stated.control.cuts.get(TENANT)
        return stated is not None and stated.day + STATED_FROM_DAY > self.ledger.bases.day

    def _cut(self) -> bool:
        """Make the cut that was stated last, once it covers nothing that is not folded; return whether it was made."""
        if not self._is_to_cut:
            return False
        stated = self.stated.control.cuts[TENANT]
        applied, retired = self.ledger.applied, self.ledger.retired
        if not all(applied.get(o, 0) >= n or o in retired for o, n in stated.vector.items()):
            return False
        self.ledger.cut(stated.day + STATED_FROM_DAY, stated.vector)
        return True

    def _fold(self, entry: Entry) -> None:
        machine = self._machine
        self.ledger.fold(entry)
        if entry.origin.stream is Stream.CONTROL:
            self.stated.take(entry)
        elif entry.origin.stream is Stream.PINNED:
            self.pinned.fold(entry)
        elif entry.origin.stream.has_documents:
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
        pinned_at = ledger.pinned_digest()
        # It begins with a word for which every link is watched.
        pinned = f"pinned {self.pinned.fingerprint()}" if pinned_at else ""
        return Printed(
            check=check,
            applied=ledger.applied_digest(),
            fingerprint=ledger.fingerprint(),
            documents_applied=at,
            documents=papers if at else "",
            pinned_applied=pinned_at,
            pinned=pinned,
        )

    def saved(self) -> dict[Origin, Head]:
        """Return by origin the last entry that is folded, of what all need, and all may have."""
        return {o: head for o, head in self.folded.items() if o.stream is Stream.ANALYTIC}
