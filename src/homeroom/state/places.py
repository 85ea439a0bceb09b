"""Sets of places in a segment: which events are meant, by their ids or their learners, and what is added or left out.

Places are rising whole numbers. A set of them is small beside its segment and changes by a few at a time, so it is an
array that is searched, and copied when it changes.
"""

from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from homeroom.events.model import Int64s, UInt64s
from homeroom.state.history import NO_PLACES, Places, Segment
from homeroom.state.keys import Keys, distinct_keys, find_sorted

__all__ = [
    "are_in",
    "identities_of",
    "keys_at",
    "places_of_ids",
    "places_of_keys",
    "places_of_subjects",
    "with_places",
    "without_places",
]

Values: TypeAlias = npt.NDArray[Any]
Flags: TypeAlias = npt.NDArray[np.bool_]


def places_of_ids(segment: Segment, ids: UInt64s) -> Places:
    """Return the places of events whose ids are among some, given by their hashes, sorted."""
    if not len(ids):
        return NO_PLACES
    given = segment.sorted_ids
    if len(given) <= len(ids):
        found = segment.id_places[are_in(ids, given)]
    else:
        first = np.searchsorted(given, ids, side="left")
        found = segment.id_places[_ranges(first, np.searchsorted(given, ids, side="right") - first)]
    return np.sort(found).astype(np.int64)


def places_of_keys(segment: Segment, keys: Keys) -> Places:
    """Return the places of the events of some keys."""
    subjects = find_sorted(segment.key_hi, segment.key_lo, *keys)
    return places_of_subjects(segment, np.unique(subjects[subjects >= 0]))


def places_of_subjects(segment: Segment, subjects: Int64s) -> Places:
    """Return the places of the events of some subjects, given by their rising numbers in the segment."""
    first = segment.offsets[subjects]
    return _ranges(first, segment.offsets[subjects + 1] - first)


def keys_at(stored: Sequence[Segment], found: Sequence[Places]) -> Keys:
    """Return the keys of the subjects of some places in each of some segments, sorted."""
    keys = []
    for segment, places in zip(stored, found, strict=True):
        if len(places):
            subjects = np.searchsorted(segment.offsets, places, side="right") - 1
            keys.append((segment.key_hi[subjects], segment.key_lo[subjects]))
    return distinct_keys(keys)


def identities_of(stored: Sequence[Segment], keys: Keys) -> Keys:
    """Return the identities of the events of some keys in some segments, sorted."""
    found = []
    for segment in stored:
        places = places_of_keys(segment, keys)
        found.append((segment.pick("identity_hi", places), segment.pick("identity_lo", places)))
    return distinct_keys(found)


def _ranges(first: Int64s, widths: Int64s) -> Places:
    """Return the numbers from ``first[i]`` up to ``first[i] + widths[i]`` for each i, one after the other."""
    ends = np.cumsum(widths)
    total = int(ends[-1]) if len(ends) else 0
    return np.repeat(first - (ends - widths), widths) + np.arange(total)


def are_in(values: Values, asked: Values) -> Flags:
    """Return which of the asked are among sorted values, bool of the shape of ``asked``."""
    if not len(values):
        return np.zeros(len(asked), np.bool_)
    places = np.minimum(np.searchsorted(values, asked), len(values) - 1)
    return np.asarray(values[places] == asked)


def with_places(places: Places, more: Places) -> Places:
    """Return the places of both."""
    new = more[~are_in(places, more)]
    return np.insert(places, np.searchsorted(places, new), new) if len(new) else places


def without_places(places: Places, gone: Places) -> Places:
    """Return the places of the first that are not in the second."""
    there = gone[are_in(places, gone)]
    return np.delete(places, np.searchsorted(places, there)) if len(there) else places
