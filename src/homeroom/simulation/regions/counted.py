"""What of all entries that were written counts when a world has come together, as it was written.

It is taken from the entries themselves, which were put down when they were durable somewhere, and not from what nodes
have folded of them.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from homeroom.log.entries import Entry
from homeroom.log.origins import Origin, Stream
from homeroom.log.rulings import ruling_of
from homeroom.regions.stated import Stated
from homeroom.simulation.regions.cutting import STATED_FROM_DAY
from homeroom.simulation.regions.folding import TENANT
from homeroom.simulation.regions.ledger import Ledger, Readings
from homeroom.simulation.regions.machine import Machine
from homeroom.simulation.regions.model import Place, StatedCut, in_places
from homeroom.simulation.regions.rows import Happening

__all__ = ["Counted"]


@dataclass(frozen=True)
class Counted:
    """What counts, as one node has it.

    Parameters
    ----------
    machine : the node
    entries : all that were written in its world, by origin and number
    """

    machine: Machine
    entries: Mapping[tuple[Origin, int], Entry]

    @cached_property
    def last(self) -> dict[Origin, int]:
        """By origin the last number that counts."""
        ledger, closed = self.machine.ledger, self.machine.member.members.closed
        return {**ledger.applied, **{origin: closed[origin] for origin in ledger.retired}}

    def of(self, stream: Stream) -> list[Entry]:
        """Return the entries of a stream that count, in order by origin."""
        return [
            self.entries[origin, number]
            for origin, last in sorted(self.last.items())
            if origin.stream is stream
            for number in range(1, last + 1)
        ]

    @cached_property
    def said(self) -> dict[Happening, set[Place]]:
        """All that counts, with the places of its copies; what was ruled to be lost is left out, erasures aside."""
        rulings, readings = self.machine.member.members.rulings, self.machine.outside.readings
        said = []
        for entry in self.of(Stream.ANALYTIC):
            ruling = ruling_of(rulings, entry.origin, entry.number)
            is_lost = ruling is not None and ruling.hybrid is None
            happenings = [one for one in readings.of(entry).said if one.erases or not is_lost]
            said.append(((str(entry.origin), entry.number), happenings))
        return in_places(said)

    @cached_property
    def cuts(self) -> list[StatedCut]:
        """Retention cuts in the order in which they were stated, as far as they are made."""
        stated, found = Stated(), []
        for entry in sorted(self.of(Stream.CONTROL), key=lambda e: (e.hybrid, e.origin, e.number)):
            before = stated.control.cuts.get(TENANT)
            stated.take(entry)
            now = stated.control.cuts.get(TENANT)
            if now is not None and (before is None or now.day > before.day):
                numbers = {str(origin): number for origin, number in now.vector.items()}
                found.append(StatedCut(now.day + STATED_FROM_DAY, numbers))
        return found

    def folded_anew(self, readings: Readings, kept: Mapping[tuple[Origin, int], Entry]) -> Ledger:
        """Return what all that counts comes to; what is kept of entries is taken in place of what was written."""
        ledger = Ledger(readings)
        ledger.rule(self.machine.member.members.rulings)
        for origin, last in sorted(self.last.items()):
            for number in range(1, last + 1):
                ledger.fold(kept.get((origin, number)) or self.entries[origin, number])
        for cut in self.cuts:
            ledger.cut(cut.day, {Origin.parse(text): n for text, n in cut.numbers.items()})
        return ledger
