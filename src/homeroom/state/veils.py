"""Veils: what questions do not see of a segment, laid over it and never written into it.

A segment is what came; a void, a merge, a cut or an erasure hides some of its events. Places of hidden events are few
beside the segment, and are kept by why they are hidden: an unmerging shows again what a merge has hidden, and no void
or cut, nor anything of somebody who is erased.
"""

from dataclasses import dataclass, field, fields, replace
from functools import cached_property
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from homeroom.events.columns import Column
from homeroom.events.model import Int64s
from homeroom.events.texts import sealed
from homeroom.limits import ROW_GROUP_EVENTS
from homeroom.state import sorting
from homeroom.state.coded import Coded
from homeroom.state.history import NO_PLACES, Places, Segment
from homeroom.state.keys import Keys, find_sorted
from homeroom.state.places import are_in, places_of_subjects, with_places, without_places

__all__ = [
    "Span",
    "Veil",
    "Veiled",
    "erased_too",
    "moved_now",
    "span_without",
    "voided_too",
    "withheld_now",
]

Span: TypeAlias = tuple[int, int]
"""Time of a first and a last event."""


@dataclass(frozen=True)
class Veil:
    """What questions do not see of a segment: places of voided, moved, gone and erased events, int64, rising.

    Gone are those from before the day at which history begins, and erased those of people who are: both until the
    segment is written anew. An event may be gone and erased, and is then neither voided nor moved. Withheld are those
    of people who are kept and are in no answer, whatever else they are. ``span`` is the time of the first and the last
    event that is none of voided, gone, erased and withheld; None if all are.
    """

    voided: Places
    moved: Places
    span: Span | None
    gone: Places = field(default_factory=lambda: NO_PLACES)
    erased: Places = field(default_factory=lambda: NO_PLACES)
    withheld: Places = field(default_factory=lambda: NO_PLACES)

    @classmethod
    def nothing(cls, segment: Segment) -> "Veil":
        """Return the veil of a segment of which all is seen."""
        return cls(NO_PLACES, NO_PLACES, (segment.min_ms, segment.max_ms))

    @cached_property
    def hidden(self) -> Places:
        """All places that questions do not see."""
        if not len(self.moved):
            return self.unseen
        return self.moved if not len(self.unseen) else with_places(self.moved, self.unseen)

    @cached_property
    def unseen(self) -> Places:
        """The places of events that no question sees, under whichever key."""
        return with_places(self.out, self.withheld) if len(self.withheld) else self.out

    @cached_property
    def out(self) -> Places:
        """The places of events that count for nothing, under whichever key."""
        left = with_places(self.gone, self.erased) if len(self.gone) else self.erased
        return with_places(left, self.voided) if len(left) else self.voided


_FIELDS = frozenset(field.name for field in fields(Segment))


class Veiled(Segment):
    """A segment of which some events are hidden. Places and columns are those of the segment behind it."""

    behind: Segment
    _hidden: Places

    def __init__(self, behind: Segment, hidden: Places) -> None:
        # A segment is frozen, so what it is made of goes in by this door.
        self.__dict__.update(behind=behind, _hidden=sealed(hidden))

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - the fields of a segment
        if name in _FIELDS:
            return getattr(self.behind, name)
        raise AttributeError(name)

    def __len__(self) -> int:
        """Return the number of events, hidden ones too."""
        return len(self.behind)

    def piece(self, name: str, first: int, end: int) -> Column | None:
        """Return the events ``first:end`` of a column, hidden ones too."""
        return self.behind.piece(name, first, end)

    def coded(self, name: str, first: int, end: int) -> Coded | None:
        """Return the events ``first:end`` of a column as places in a list, hidden ones too."""
        return self.behind.coded(name, first, end)

    def is_mapped(self, name: str) -> bool:
        """Say whether single places of a column can be picked without reading others."""
        return self.behind.is_mapped(name)

    def pick(self, name: str, places: Places) -> Column:
        """Return a column at some places."""
        return self.behind.pick(name, places)

    @property
    def hidden(self) -> Places:
        """The places of events that no question may see."""
        return self._hidden

    @cached_property
    def standings(self) -> tuple[Places, Int64s]:
        """The places of events that say how somebody stands, hidden ones too, and whose each is."""
        return self.behind.standings


def voided_too(segment: Segment, veil: Veil, places: Places) -> Veil:
    """Return a veil behind which more places are voided; those of events that are gone or erased stay as they are."""
    places = without_places(without_places(places, veil.gone), veil.erased)
    return _with_out(segment, replace(veil, voided=with_places(veil.voided, places)), places)


def erased_too(segment: Segment, veil: Veil, places: Places) -> Veil:
    """Return a veil behind which the events at more places are of somebody who is erased, voided or not."""
    after = replace(
        veil,
        voided=without_places(veil.voided, places),
        moved=without_places(veil.moved, places),
        erased=with_places(veil.erased, places),
    )
    return _with_out(segment, after, places)


def moved_now(segment: Segment, veil: Veil, changed: Keys, inside: npt.NDArray[np.bool_]) -> Veil:
    """Return a veil behind which the events of some keys are moved if they are ``inside`` a group, and not else."""
    subjects = find_sorted(segment.key_hi, segment.key_lo, *changed)
    there = subjects >= 0
    if not there.any():
        return veil
    moved = without_places(veil.moved, places_of_subjects(segment, subjects[there & ~inside]))
    moved = with_places(moved, places_of_subjects(segment, subjects[there & inside]))
    return replace(veil, moved=without_places(moved, veil.gone))


def _with_out(segment: Segment, veil: Veil, places: Places) -> Veil:
    """Return a veil with the right span when the events at some places have come to count for nothing."""
    if not len(places) or veil.span is None:
        return veil
    times = segment.pick("time_ms", places)
    if veil.span[0] < times.min() and times.max() < veil.span[1]:
        return veil
    return replace(veil, span=span_without(segment, veil.unseen))


def withheld_now(segment: Segment, veil: Veil, withheld: Places, shown: Places) -> Veil:
    """Return a veil behind which the events at some places are withheld, and those at others are not."""
    back = veil.withheld[are_in(shown, veil.withheld)]
    after = replace(veil, withheld=with_places(without_places(veil.withheld, back), withheld))
    after = _with_out(segment, after, withheld)
    back = without_places(back, after.out)
    if not len(back):
        return after
    times = segment.pick("time_ms", back)
    low, high = after.span or (int(times.min()), int(times.max()))
    return replace(after, span=(min(low, int(times.min())), max(high, int(times.max()))))


def span_without(segment: Segment, voided: Places) -> Span | None:
    """Return the time of the first and the last event that is not at one of some places."""
    if len(voided) == len(segment):
        return None
    low, high = segment.max_ms, segment.min_ms
    for first in range(0, len(segment), ROW_GROUP_EVENTS):
        end = min(first + ROW_GROUP_EVENTS, len(segment))
        times = segment.piece("time_ms", first, end)
        assert times is not None
        inside = slice(*np.searchsorted(voided, (first, end)).tolist())
        low, high = sorting.widen_span(sealed(times), sealed(voided[inside] - first), low, high)
    return low, high
