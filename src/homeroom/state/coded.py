"""Pieces of columns as places in a list of values.

Of most columns a hundred million events have a few dozen values. Whoever holds a condition against such a column should
settle it for each value, and then read one byte an event; whoever needs the column itself gets it in one pass.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from homeroom.events.columns import Column
from homeroom.events.texts import sealed
from homeroom.state.sorting import spread

__all__ = ["PLACE_DTYPES", "Coded"]

PLACE_DTYPES = (np.uint8, np.uint16, np.int32)
"""The types of places, narrow ones first."""


@dataclass(frozen=True, slots=True)
class Coded:
    """Events of a column: the event i has ``values[places[i]]``.

    Parameters
    ----------
    places : uint8, uint16 or int32 of shape (events,)
    values : what the column itself holds, of its type, each but once
    """

    places: Column
    values: Column

    def column(self) -> Column:
        """Return the column itself."""
        found = np.empty(len(self.places), self.values.dtype)
        spread(sealed(self.places), sealed(self.values), found)
        return found

    def told(self, of_values: Callable[[Column], Column]) -> Column:
        """Return what a function says of each value, by place: read-only."""
        return sealed(of_values(self.values))
