"""What the answer should be: a plain set of events, worked out in the most obvious way.

Nothing of the cores is used here, nor of what the simulated nodes fold: an error that both made would not be seen.
"""

from collections.abc import Iterable

from homeroom.simulation.regions.ledger import Happening

__all__ = ["expected"]

Figures = tuple[frozenset[int], int, int, tuple[int, str], int]


def expected(events: Iterable[Happening]) -> dict[str, Figures]:
    """Return by learner: days (since 1970), first and last time, latest status with its time, number of events."""
    distinct = set(events)
    voided = {event.voids for event in distinct if event.voids}
    erased = {event.erases for event in distinct if event.erases}
    by_learner: dict[str, list[Happening]] = {}
    for event in distinct:
        is_one = not (event.voids or event.erases)
        if is_one and event.id not in voided and event.learner not in erased:
            by_learner.setdefault(event.learner, []).append(event)
    return {learner: _figures(mine) for learner, mine in by_learner.items()}


def _figures(events: list[Happening]) -> Figures:
    times = sorted(event.time_ms for event in events)
    statuses = sorted((event.time_ms, event.status) for event in events if event.status)
    return (
        frozenset(time_ms // 86_400_000 for time_ms in times),
        times[0],
        times[-1],
        statuses[-1] if statuses else (0, ""),
        len(events),
    )
