"""The plain twin of retention cuts: what becomes of each event, by sets and dictionaries, from all that was ever sent.

Written from the rule alone. An event came in some entries; a void of an id did too. The first cut whose day is later
than the event's own decides: covered and not voided by a covered void, it is in the base; else it is nothing. An event
that no cut decides is in history, unless it is voided.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

__all__ = ["Came", "PlainCut", "Remaining", "Sent", "remaining"]

Came = dict[str, int]
"""By origin the least number of an entry."""


@dataclass(frozen=True)
class PlainCut:
    """Events before ``day`` go; ``vector`` has by origin the last number that is covered."""

    day: int
    vector: Mapping[str, int]


@dataclass
class Sent:
    """All that came: by event and by voided id the entries that it came in."""

    events: dict[Any, Came] = field(default_factory=dict)
    voids: dict[str, Came] = field(default_factory=dict)

    def entry(self, origin: str, number: int, events: Iterable[Any], voids: Iterable[str]) -> None:
        for came in (
            *(self.events.setdefault(one, {}) for one in events),
            *(self.voids.setdefault(one, {}) for one in voids),
        ):
            came[origin] = min(number, came.get(origin, number))


@dataclass(frozen=True)
class Remaining:
    """The events that the bases hold, and those that history shows."""

    base: list[Any]
    history: list[Any]


def remaining(sent: Sent, cuts: Sequence[PlainCut], day_of: Callable[[Any], int]) -> Remaining:
    base, history = [], []
    for event, came in sent.events.items():
        voided = {} if event.id is None else sent.voids.get(event.id, {})
        for cut in cuts:
            if day_of(event) < cut.day:
                if _is_covered(came, cut) and not _is_covered(voided, cut):
                    base.append(event)
                break
        else:
            if not voided:
                history.append(event)
    return Remaining(base, history)


def _is_covered(came: Came, cut: PlainCut) -> bool:
    return any(number <= cut.vector.get(origin, 0) for origin, number in came.items())
