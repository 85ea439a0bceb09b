"""History: the set of events, one per identity, in segments sorted by learner and time.

State answers "on which days"; everything else (this verb, that activity, at which hour, how often) is a question to
history. A segment is a set of columns; learners lie one after the other in it, so a question walks it once, in
order, and needs no index. Repeats fall out of the sort: the same event has the same learner, time and identity.

A segment never changes. New events make a new one, checked against those before it; only segments whose time ranges
overlap can hold the same event. What is taken back later stays in its segment and is *hidden* there
(`homeroom.state.past`): a repeat of it must still be known as a repeat.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from homeroom.events.columns import Column
from homeroom.events.model import Int64s, UInt64s
from homeroom.events.texts import sealed
from homeroom.state.coded import Coded

__all__ = [
    "NO_PLACES",
    "Places",
    "Segment",
    "places_by_id",
]

Places: TypeAlias = Int64s
"""Where events stand in a segment, rising."""
NO_PLACES: Places = sealed(np.empty(0, np.int64))


@dataclass(frozen=True)
class Segment:
    """Sorted events.

    Parameters
    ----------
    key_hi, key_lo : uint64 (subjects,), the learners in order
    offsets : int64 (subjects + 1,), where each learner's events begin
    columns : by name of `EVENT_COLUMNS` (those that no event has may be missing) and ``attributes.NAME`` (int32
        codes); all of shape (events,). The mapping may read a column only when it is asked for
    sorted_ids : uint64, the hashes of all event ids, sorted
    id_places : uint32, where the event of each of these stands
    min_ms, max_ms : time of the first and last event
    """

    key_hi: UInt64s
    key_lo: UInt64s
    offsets: Int64s
    columns: Mapping[str, Column]
    sorted_ids: UInt64s
    id_places: npt.NDArray[np.uint32]
    min_ms: int
    max_ms: int

    def __len__(self) -> int:
        """Return the number of events."""
        return int(self.offsets[-1])

    def piece(self, name: str, first: int, end: int) -> Column | None:
        """Return the events ``first:end`` of a column; None if the segment does not have it."""
        column = self.columns.get(name)
        return None if column is None else column[first:end]

    def coded(self, name: str, first: int, end: int) -> Coded | None:
        """Return the events ``first:end`` of a column as places in a list; None if it is not kept so."""
        del name, first, end
        return None

    def is_mapped(self, name: str) -> bool:
        """Say whether single places of a column can be picked without reading others."""
        del name
        return True

    def pick(self, name: str, places: Places) -> Column:
        """Return a column at some places; the segment must have it."""
        return self.columns[name][places]

    @property
    def hidden(self) -> Places:
        """The places of events that no question may see: int64, rising."""
        return NO_PLACES

    @cached_property
    def standings(self) -> tuple[Places, Int64s]:
        """The places of events that say how somebody stands in a course run, hidden ones too, and whose each is.

        Two events in a hundred say so, and whoever wants them asks again after each fold: found once, they are kept.
        Learners are places in ``key_hi``; both int64, rising and read-only.
        """
        said = self.columns.get("standing")
        if said is None:
            return NO_PLACES, NO_PLACES
        places = np.flatnonzero((said != 0) & (self.columns["course"] >= 0))
        subjects = np.searchsorted(self.offsets, places, side="right") - 1
        return sealed(places), sealed(subjects)


def places_by_id(id_hash: UInt64s) -> tuple[UInt64s, npt.NDArray[np.uint32]]:
    """Return the hashes of the ids that events have (0 is none), sorted, and the place of each: uint64, uint32."""
    assert len(id_hash) < 1 << 32
    given = np.flatnonzero(id_hash).astype(np.uint32)
    ids = id_hash[given]
    order = np.argsort(ids)
    return ids[order], given[order]
