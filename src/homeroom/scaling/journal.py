"""In which order entries were given to all shards.

A text gets its code when a shard meets it first, and counts by code are added place by place. So all shards must meet
entries in one order, also one that is made anew from a snapshot: it gets what came after, in the order and in the
portions in which the others got it. Entries themselves are in the log; here are their numbers alone, packed, because a
busy node gives many portions a second and all of them stay.
"""

from array import array
from collections.abc import Iterator, Sequence
from typing import TypeAlias

from homeroom.log.entries import Entry
from homeroom.log.origins import Origin

__all__ = ["Journal", "Portion", "portion_of", "read_portion", "written_portion"]

Portion: TypeAlias = tuple[tuple[Origin, int, int], ...]
"""Origins with the first and the last number of each stretch, in the order in which they were given."""


class Journal:
    """The portions that were given, numbered from 1 on.

    Parameters
    ----------
    life : names this order: what has folded another one has other codes
    portions : those that were given before
    """

    def __init__(self, life: str, portions: Sequence[Portion] = ()) -> None:
        self.life = life
        self._origins: list[Origin] = []
        self._places: dict[Origin, int] = {}
        self._stretches, self._ends = array("q"), array("q", [0])
        for portion in portions:
            self._add(portion)

    @property
    def last(self) -> int:
        """Number of the last portion, 0 if there was none."""
        return len(self._ends) - 1

    def note(self, entries: Sequence[Entry]) -> int:
        """Note a portion; return its number."""
        self._add(portion_of(entries))
        return self.last

    def after(self, number: int) -> Iterator[tuple[int, Portion]]:
        """Give the portions after a number, those too that come meanwhile."""
        while number < self.last:
            number += 1
            yield number, self._portion(number)

    def sync(self) -> None:
        """Return when all that was noted lasts; here it lasts as long as memory does."""

    def _add(self, portion: Portion) -> None:
        for origin, first, last in portion:
            place = self._places.setdefault(origin, len(self._origins))
            if place == len(self._origins):
                self._origins.append(origin)
            self._stretches.extend((place, first, last))
        # In the end: whoever reads meanwhile sees whole portions.
        self._ends.append(len(self._stretches))

    def _portion(self, number: int) -> Portion:
        found = self._stretches[self._ends[number - 1] : self._ends[number]]
        return tuple(
            (self._origins[place], first, last)
            for place, first, last in zip(found[::3], found[1::3], found[2::3], strict=True)
        )


def portion_of(entries: Sequence[Entry]) -> Portion:
    """Return the stretches that entries are."""
    found: list[tuple[Origin, int, int]] = []
    for entry in entries:
        if found and found[-1][0] == entry.origin and found[-1][2] + 1 == entry.number:
            found[-1] = (entry.origin, found[-1][1], entry.number)
        else:
            found.append((entry.origin, entry.number, entry.number))
    return tuple(found)


def written_portion(portion: Portion) -> list[tuple[str, int, int]]:
    """Return a portion as JSON-ready data."""
    return [(str(origin), first, last) for origin, first, last in portion]


def read_portion(written: Sequence[tuple[str, int, int]]) -> Portion:
    """Return the portion that `written_portion` wrote. Raises `ValueError` for an origin that is none."""
    return tuple((Origin.parse(origin), first, last) for origin, first, last in written)
