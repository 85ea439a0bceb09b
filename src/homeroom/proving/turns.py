"""Whose turn it is to be struck by a fault: whoever has been left alone for the longest time, and not the home.

A region that was just lost gets its clients back by degrees; a fault that struck it again would be felt by few of them,
and its figures would be better than they are.
"""

from collections.abc import Mapping

from homeroom.distance import km_between
from homeroom.proving.faults import Action, Fault, Reach

__all__ = ["Turns"]


class Turns:
    """Whose turn it is.

    Parameters
    ----------
    places : by region where it is, in degrees north and east; three or more
    home : is never struck alone
    database, disk : the regions whose log is in a database, and whose disk is small; empty for none
    """

    def __init__(
        self, places: Mapping[str, tuple[float, float]], home: str, database: str, disk: str
    ) -> None:
        assert len(places) >= 3, "one is the home, and one is as far as a fault reaches"
        self._places, self._database, self._disk = places, database, disk
        # The region with the database comes last: its clients shall be there when that is lost.
        self._waiting = [name for name in places if name not in (home, database)]
        self._waiting += [database] if database else []

    def next(self, fault: Fault) -> tuple[str, ...]:
        """Return who is struck by a fault."""
        if fault.at in (Reach.CACHES, Reach.ALL_FABRIC):
            return tuple(self._places)
        if fault.at is Reach.DATABASE:
            return self._struck(self._database)
        if fault.does is Action.FILL:
            return self._struck(self._disk)
        first = self._waiting[0]
        if fault.at is Reach.LINK:
            return self._struck(first, self._waiting[1])
        if fault.at is Reach.CONTINENT:
            others = [name for name in self._waiting if name != first]
            here = self._places[first]
            return self._struck(first, min(others, key=lambda n: km_between(here, self._places[n])))
        return self._struck(first)

    def _struck(self, *regions: str) -> tuple[str, ...]:
        self._waiting = [one for one in self._waiting if one not in regions] + list(regions)
        return regions
