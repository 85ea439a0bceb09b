"""What the answer should be: a plain set of events, worked out in the most obvious way.

Nothing of the cores is used here, nor of what the simulated nodes fold: an error that both made would not be seen.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from homeroom.simulation.regions.rows import GIVEN, REFUSED, Happening

__all__ = ["Place", "StatedCut", "consents", "expected", "in_places", "merged"]

_DAY_MS = 86_400_000
Figures = tuple[frozenset[int], int, int, tuple[int, str], int]
Place: TypeAlias = tuple[str, int]
"""The text of an origin, and a number: where a copy of something is."""


@dataclass(frozen=True, slots=True)
class StatedCut:
    """History begins on a day since 1970; what was before it counts if a copy of it is within some numbers."""

    day: int
    numbers: Mapping[str, int]

    def covers(self, places: Iterable[Place]) -> bool:
        """Say whether one of some places is within the numbers."""
        return any(number <= self.numbers.get(origin, 0) for origin, number in places)


def in_places(said: Iterable[tuple[Place, Iterable[Happening]]]) -> dict[Happening, set[Place]]:
    """Return by what was said where it was."""
    found: dict[Happening, set[Place]] = {}
    for place, happenings in said:
        for one in happenings:
            found.setdefault(one, set()).add(place)
    return found


def expected(
    copies: Mapping[Happening, Collection[Place]], cuts: Sequence[StatedCut] = ()
) -> dict[str, Figures]:
    """Return by learner: days (since 1970), first and last time, latest status with its time, number of events.

    ``copies`` is all that was said, with the places of its copies; ``cuts`` are in the order in which they were stated.
    """
    erased = {event.erases for event in copies if event.erases}
    voids: dict[str, set[Place]] = {}
    for event, places in copies.items():
        if event.voids:
            voids.setdefault(event.voids, set()).update(places)
    by_learner: dict[str, list[Happening]] = {}
    for event, places in copies.items():
        if not event.is_activity or event.learner in erased:
            continue
        day = event.time_ms // _DAY_MS
        cut = next((cut for cut in cuts if day < cut.day), None)
        if cut is None:
            counts = event.id not in voids
        else:
            counts = cut.covers(places) and not cut.covers(voids.get(event.id, ()))
        if counts:
            by_learner.setdefault(event.learner, []).append(event)
    return {learner: _figures(mine) for learner, mine in by_learner.items()}


def consents(copies: Collection[Happening]) -> dict[str, str]:
    """Return by learner what stands of what was said of consent: a refusal that nothing is in place of beats all else.

    Where nothing stands, it is refused. Who is erased has said nothing.
    """
    erased = {event.erases for event in copies if event.erases}
    said: dict[str, list[Happening]] = {}
    for event in copies:
        if event.says and event.learner not in erased:
            said.setdefault(event.learner, []).append(event)
    found = {}
    for learner, all_said in said.items():
        replaced = [name for one in all_said for name in one.supersedes]
        left = [one.says for one in all_said if one.id not in replaced]
        found[learner] = GIVEN if left and REFUSED not in left else REFUSED
    return found


def merged(figures: Mapping[str, Figures], copies: Collection[Happening]) -> dict[str, Figures]:
    """Return by the least name of learners who are one what is of all of them; ``copies`` is all that was said."""
    taken_back = {event.voids for event in copies if event.voids}
    edges = [event.joins for event in copies if event.joins and event.id not in taken_back]
    found: dict[str, Figures] = {}
    for learner in figures:
        group = {learner}
        for _ in edges:
            group.update(*(edge for edge in edges if not group.isdisjoint(edge)))
        mine = [figures[one] for one in sorted(group & figures.keys())]
        days, first, last, statuses, counts = zip(*mine, strict=True)
        together = frozenset().union(*days), min(first), max(last), max(statuses), sum(counts)
        found[min(group & figures.keys())] = together
    return found


def _figures(events: list[Happening]) -> Figures:
    times = sorted(event.time_ms for event in events)
    statuses = sorted((event.time_ms, event.status) for event in events if event.status)
    return (
        frozenset(time_ms // _DAY_MS for time_ms in times),
        times[0],
        times[-1],
        statuses[-1] if statuses else (0, ""),
        len(events),
    )
