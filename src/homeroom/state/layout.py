"""What columns a partition of a table has, and how they are made larger and put in another order.

A column is an array with room for more rows than there are. New room is fresh zeroed memory wherever nothing is zero,
so it costs nothing before it is written to, and a word that no row has anything in is not copied at all.
"""

from collections.abc import Mapping
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from homeroom.events.model import Int64s

__all__ = ["ANY", "CLEARED", "FAMILIES", "NEVER", "NO_DAY", "TYPES", "grown", "ordered"]

_Word = TypeVar("_Word", bound=np.generic)
ANY = "any"
"""The track that every event counts for."""
NO_DAY = np.iinfo(np.int32).max
NEVER = np.iinfo(np.int64).min
FAMILIES: Mapping[str, float] = {"codes": -1, "set_ms": NEVER, "numbers": np.nan, "owners": 0}
"""The families of columns that a partition has by name, and what a row holds in each that nothing was folded into."""
CLEARED: Mapping[str, float] = {
    family: nothing for family, nothing in FAMILIES.items() if family != "owners"
}
"""What a row holds that holds nothing any more; whose enrolment it is follows from its key and stays."""
TYPES: Mapping[str, type[np.generic]] = {
    "codes": np.int32,
    "set_ms": np.int64,
    "numbers": np.float64,
    "owners": np.uint64,
}


def grown(old: npt.NDArray[_Word], rows: int, room: int, fill: float) -> npt.NDArray[_Word]:
    """Return a column with room for more rows."""
    shape = (*old.shape[:-1], room)
    new = np.zeros(shape, old.dtype) if fill == 0 else np.full(shape, fill, old.dtype)
    if old.ndim == 1:
        new[:rows] = old[:rows]
    else:
        for word in range(old.shape[0]):
            if old[word, :rows].any():
                new[word, :rows] = old[word, :rows]
    return new


def ordered(old: npt.NDArray[_Word], order: Int64s, room: int, fill: float) -> npt.NDArray[_Word]:
    """Return some rows of a column in an order, with room for more."""
    shape = (*old.shape[:-1], room)
    new = np.zeros(shape, old.dtype) if fill == 0 else np.full(shape, fill, old.dtype)
    if old.ndim == 1:
        np.take(old, order, out=new[: len(order)])
    else:
        for word in range(old.shape[0]):
            if old[word].any():
                np.take(old[word], order, out=new[word, : len(order)])
    return new
