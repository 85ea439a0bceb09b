"""Events of many entries, looked at and joined as though they were of one.

A busy world writes small entries, a hundred events each, and what is done for an entry costs as much in calls as the
same costs for ten thousand events. So those entries that are folded together become one batch first: their columns are
put one after the other, and then looked at, coded and joined at once. Only where there is something wrong are they
looked at one by one, to find whose it is (`homeroom.node.arrival`; an entry that must not be folded at all is found by
the folding, which tries them alone).

What each column must be in itself, so that it can be put after another without harm, is seen to before, entry by entry
(`homeroom.log.payloads.unchecked_parts`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import reduce
from typing import TypeAlias

import numpy as np

from homeroom.events.model import EventBatch
from homeroom.log.control import Control
from homeroom.log.entries import Entry
from homeroom.log.origins import Origin
from homeroom.log.payloads import OpenPart, joined_parts
from homeroom.node.arrival import Alarm, arrived
from homeroom.node.touched_parts import Written
from homeroom.state.batches import joined_batches
from homeroom.state.copies import Copies, Source, origin_codes
from homeroom.state.state import ReadyBatch, State

__all__ = ["Came", "Joined", "arrived_together", "join", "ready", "void"]

Came: TypeAlias = tuple[OpenPart, Entry]
"""What an entry says of a tenant, and the entry."""
Joined: TypeAlias = tuple[OpenPart, list[Came]]
"""Events of entries that have the same columns, as those of one, and what each entry says."""


def arrived_together(
    tenant: str, came: Sequence[Came], control: Control
) -> tuple[list[Joined], list[tuple[Origin, Alarm]]]:
    """Return the events of a tenant that may be folded, and alarms if these are not all; see `arrived`.

    ``control`` is what was stated, at least up to the epochs of the entries. Raises `EntryError` for events that no
    door would have let in.
    """
    joined = _alike(came)
    for whole, _ in joined:
        whole.check()
    allowed_at = control.catalogue(tenant).allowed_at
    is_as_it_should_be = all(
        whole.attributes <= allowed_at(epoch)
        for whole, mine in joined
        for epoch in {entry.epoch for _, entry in mine}
    ) and not any(whole.plain_texts for whole, _ in joined)
    if is_as_it_should_be:
        return joined, []
    alarms, kept = [], []
    for part, entry in came:
        some, alarm = arrived(entry, part, control)
        kept.append((some, entry))
        if alarm is not None:
            alarms.append((entry.origin, alarm))
    return _alike(kept), alarms


def _alike(came: Sequence[Came]) -> list[Joined]:
    """Return what has events, those together whose events have the same columns."""
    found: list[list[Came]] = []
    for part, entry in came:
        if not part.count:
            continue
        some = next((mine for mine in found if mine[0][0].is_like(part)), None)
        if some is None:
            found.append([(part, entry)])
        else:
            some.append((part, entry))
    return [(joined_parts([part for part, _ in some]), some) for some in found]


def ready(state: State, joined: Sequence[Joined]) -> ReadyBatch | None:
    """Make ready to join events; only room for them, and None, where they have texts that have no code yet."""
    entries = [entry for _, came in joined for _, entry in came]
    codes, batches = _codes_of(state, entries), []
    for whole, came in joined:
        known = whole.known(state.dictionaries)
        if known is None:
            keys, times = zip(*(one.keys_and_times() for one, _ in joined), strict=True)
            state.make_room(np.concatenate(keys), np.concatenate(times))
            return None
        if known.events is not None:
            batches.append(_marked(known.events, came, codes))
    return state.ready(joined_batches(batches))


def join(state: State, joined: Sequence[Joined], made_ready: ReadyBatch | None) -> Written:
    """Join events, with what was made ready of them; return what they are about."""
    if made_ready is None:
        codes = _codes_of(state, [entry for _, came in joined for _, entry in came])
        coded = ((whole.coded(state.dictionaries).events, came) for whole, came in joined)
        batches = [_marked(events, came, codes) for events, came in coded if events is not None]
        made_ready = state.ready(joined_batches(batches))
    state.take(made_ready)
    batch, shown = made_ready.batch, made_ready.shown
    attributes = frozenset[str]().union(*(whole.attributes for whole, _ in joined))
    return Written(batch.course, (batch.key_hi, shown.key_hi), attributes)


def void(state: State, came: Sequence[Came]) -> None:
    """Void what entries say, at once."""
    voiding = [(part, entry) for part, entry in came if len(part.voids)]
    if not voiding:
        return
    codes = _codes_of(state, [entry for _, entry in voiding])
    voids = [
        Copies.of_voids(part.voids, Source(codes[entry.origin], entry.number))
        for part, entry in voiding
    ]
    state.void_at_once(reduce(Copies.joined, voids))


def _codes_of(state: State, entries: Sequence[Entry]) -> dict[Origin, int]:
    origins = list({entry.origin for entry in entries})
    return dict(zip(origins, origin_codes(origins, state.dictionaries.origin), strict=True))


def _marked(batch: EventBatch, came: Sequence[Came], codes: Mapping[Origin, int]) -> EventBatch:
    """Return events with the entries that they came with."""
    counts = [part.count for part, _ in came]
    origins = np.array([codes[entry.origin] for _, entry in came], np.int32)
    numbers = np.array([entry.number for _, entry in came], np.int64)
    return replace(batch, origin=np.repeat(origins, counts), entry=np.repeat(numbers, counts))
