"""Retention cuts in a simulated world: what history before a day came to, once it is gone.

It is what a real state does (`homeroom.state.cutting`), in small. Of the events before the day, those that the vector
covers, and that no covered void takes back, are in the bases of their learners from then on. The others before the day
have no effect any more. So what comes of an event depends on its day, and on which entries hold copies of it and of its
void; not on when a node learned of it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from homeroom.simulation.regions.rows import DAY_MS, Happening, Row

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from homeroom.log.origins import Origin
    from homeroom.simulation.regions.ledger import Reading

__all__ = ["STATED_FROM_DAY", "Bases", "cut"]

STATED_FROM_DAY: Final = 4
"""The day since 1970 that cuts count from: a Monday."""


class Bases(msgspec.Struct, frozen=True):
    """What was before a day.

    Parameters
    ----------
    day : since 1970, on which history begins
    rows : by learner what the events before it came to
    """

    day: int = 0
    rows: dict[str, Row] = {}

    def is_before(self, event: Happening) -> bool:
        """Say whether an event is of a time of which there is no history."""
        return event.is_activity and event.time_ms < self.day * DAY_MS

    def since(self, said: Iterable[Happening]) -> tuple[Happening, ...]:
        """Return what of some events can have an effect still."""
        return tuple(event for event in said if not self.is_before(event))

    def copies(self) -> dict[str, Row]:
        """Return rows to go on from."""
        return {learner: row.copy() for learner, row in self.rows.items()}


def cut(
    bases: Bases,
    day: int,
    vector: Mapping[Origin, int],
    readings_of: Mapping[tuple[Origin, int], Reading],
    erased: Collection[str],
) -> Bases:
    """Return the bases after a cut; ``readings_of`` is history by entry, without what was ruled to be lost."""
    covered = [r for (origin, number), r in readings_of.items() if number <= vector.get(origin, 0)]
    voided = {one for reading in covered for one in reading.voided}
    rows, after = bases.copies(), Bases(day)
    taken: set[Happening] = set()
    for reading in covered:
        for event, row in reading.events.items():
            is_void = event.id in voided or event.learner in erased
            if after.is_before(event) and not is_void and event not in taken:
                taken.add(event)
                rows.setdefault(event.learner, Row()).join(row)
    return Bases(day, rows)
