"""Texts that only erased events had: found, and forgotten.

A dictionary learns every text that it meets, and keeps it: codes are places in it. So the id of an activity that one
person alone has ever touched would outlive all their events. Which texts are still used is not counted anywhere; it
takes a walk through the columns of text, which ends as soon as every text has been met. A text that is forgotten leaves
its place behind: codes stay what they are, and if it comes again it gets another one.

The walk takes long, so it goes over a frozen state; what came meanwhile is looked at when the texts are forgotten.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from homeroom.events.columns import ATTRIBUTE_PREFIX, TEXT_COLUMNS, joined_columns
from homeroom.events.dictionary import Dictionaries, Dictionary
from homeroom.events.model import Int32s
from homeroom.limits import ROW_GROUP_EVENTS
from homeroom.state.history import Segment
from homeroom.state.state import State
from homeroom.state.tables import COURSE, Tables

__all__ = ["Unused", "forget_texts", "unused_texts"]

ORIGIN = "origin"
Flags: TypeAlias = npt.NDArray[np.bool_]
Unused: TypeAlias = Mapping[str, Int32s]
"""By column of text the codes that nothing uses, rising."""


def unused_texts(still: State) -> Unused:
    """Return which texts of its dictionaries a frozen state does not use."""
    found = {}
    for name, dictionary in _dictionaries(still.dictionaries).items():
        used: Flags = np.zeros(len(dictionary), np.bool_)
        for codes in _used(still, name, still.history.stored):
            used[codes[(codes >= 0) & (codes < len(used))]] = True
            if used.all():
                break
        found[name] = np.flatnonzero(~used).astype(np.int32)
    return found


def forget_texts(state: State, unused: Unused, looked_at: Sequence[Segment]) -> None:
    """Forget texts that a state does not use; nothing may be folded, or decoded to be folded, meanwhile.

    Parameters
    ----------
    state : whose dictionaries these are
    unused : what `unused_texts` found in the same state, frozen some time before
    looked_at : the segments that it had when it was frozen; their events, but for erased ones, have been looked at
    """
    known = {id(one) for one in looked_at}
    new = [one for one in state.history.stored if id(one) not in known]
    waiting = joined_columns(state.unsealed())
    dictionaries, left = _dictionaries(state.dictionaries), {}
    for name, codes in unused.items():
        used = [np.unique(one) for one in _used(state, name, new)]
        if name in waiting:
            used.append(np.unique(waiting[name]))
        left[name] = np.setdiff1d(codes, np.concatenate([np.empty(0, np.int32), *used])).tolist()
    with state.guard:
        for name, codes_left in left.items():
            dictionaries[name].forget(codes_left)


def _dictionaries(dictionaries: Dictionaries) -> dict[str, Dictionary]:
    attributes = {f"{ATTRIBUTE_PREFIX}{n}": one for n, one in list(dictionaries.attributes.items())}
    # An origin is a node and says nothing of anybody; copies and voids have its code too.
    names = [name for name in TEXT_COLUMNS if name != ORIGIN]
    return {name: getattr(dictionaries, name) for name in names} | attributes


def _used(state: State, name: str, segments: Sequence[Segment]) -> Iterator[Int32s]:
    """Give the codes of a column in rows and in some segments, a piece at a time."""
    for tables in (state.tables, state.base):
        if tables is not None:
            yield from _used_in_rows(tables, name)
    # The events of merged accounts are copies of these.
    for segment in segments:
        for first in range(0, len(segment), ROW_GROUP_EVENTS):
            piece = segment.piece(name, first, min(first + ROW_GROUP_EVENTS, len(segment)))
            if piece is None:
                break
            yield piece


def _used_in_rows(tables: Tables, name: str) -> Iterator[Int32s]:
    attribute = name.removeprefix(ATTRIBUTE_PREFIX)
    if name == COURSE:
        attribute, table = COURSE, tables.enrolments
    elif attribute != name:
        table = tables.learners
    else:
        return
    for partition in table.partitions:
        if attribute in partition.codes:
            yield partition.codes[attribute][: partition.rows]
