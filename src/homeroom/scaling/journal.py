"""In which order entries were given to all shards.

A text gets its code when a shard meets it first, and counts by code are added place by place. So all shards must meet
entries in one order, also one that is made anew from a snapshot: it gets what came after, in the order and in the
portions in which the others got it. Entries themselves are in the log; here are their numbers alone.
"""

from collections.abc import Iterator, Sequence
from typing import TypeAlias

from homeroom.log.entries import Entry
from homeroom.log.origins import Origin

__all__ = ["Journal", "Portion"]

Portion: TypeAlias = tuple[tuple[Origin, int, int], ...]
"""Origins with the first and the last number of each stretch, in the order in which they were given."""


class Journal:
    """The portions that were given, numbered from 1 on.

    Parameters
    ----------
    portions : those that were given before
    """

    def __init__(self, portions: Sequence[Portion] = ()) -> None:
        self._portions = list(portions)

    @property
    def last(self) -> int:
        """Number of the last portion, 0 if there was none."""
        return len(self._portions)

    def note(self, entries: Sequence[Entry]) -> int:
        """Note a portion; return its number."""
        found: list[tuple[Origin, int, int]] = []
        for entry in entries:
            if found and found[-1][0] == entry.origin and found[-1][2] + 1 == entry.number:
                found[-1] = (entry.origin, found[-1][1], entry.number)
            else:
                found.append((entry.origin, entry.number, entry.number))
        self._portions.append(tuple(found))
        return self.last

    def after(self, number: int) -> Iterator[tuple[int, Portion]]:
        """Give the portions after a number, those too that come meanwhile."""
        while number < self.last:
            number += 1
            yield number, self._portions[number - 1]

    def to_json(self) -> list[list[tuple[str, int, int]]]:
        """Return the portions as JSON-ready data."""
        return [
            [(str(origin), first, last) for origin, first, last in one] for one in self._portions
        ]

    @classmethod
    def from_json(cls, written: Sequence[Sequence[tuple[str, int, int]]]) -> "Journal":
        """Return the journal that `to_json` wrote."""
        return cls([tuple((Origin.parse(o), a, b) for o, a, b in one) for one in written])
