"""All that a state keeps of one person: events, voided ones too, and the rows that they add up to.

Whoever asks what is kept of them is owed all of it, and nothing of anybody else. So events are picked by raw key out of
what is stored, behind whatever veil, but for what is gone and lies in files until these are written anew. The rows are
made anew for this one person, since those of somebody who is withheld hold nothing.

The way not taken is to ask the state a question about one learner: questions see what answers may hold, and not what is
kept.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from homeroom.events.columns import batch_of, joined_columns
from homeroom.events.dictionary import Dictionaries
from homeroom.events.model import STANDINGS, EventBatch
from homeroom.limits import DAYS_PER_WORD
from homeroom.state.batches import chosen_events, joined_batches, picked_events
from homeroom.state.keys import Keys, distinct_keys, find_sorted
from homeroom.state.places import are_in, places_of_keys, with_places, without_places
from homeroom.state.standing import COMPLETED, COMPLETIONS, OUTCOME, STATUS
from homeroom.state.state import State
from homeroom.state.table import NO_DAY, Partition
from homeroom.state.tables import COURSE, Tables
from homeroom.state.zones import date_of

__all__ = ["Kept", "kept_of"]

_CODES = {STATUS: STANDINGS, OUTCOME: STANDINGS, COMPLETED: COMPLETIONS}


@dataclass(frozen=True)
class Kept:
    """What is kept of a person.

    Parameters
    ----------
    events : under the raw keys that they came with, in order of time
    voided : which of them were taken back, bool of shape (n,)
    learner : the row, None if there is none: days by kind of activity, first and last, attributes with their times
    enrolments : the rows of enrolments, with their course runs
    """

    events: EventBatch
    voided: npt.NDArray[np.bool_]
    learner: Mapping[str, Any] | None
    enrolments: tuple[Mapping[str, Any], ...]


def kept_of(state: State, keys: Keys, texts: Dictionaries) -> Kept:
    """Return what a sealed state keeps of a person.

    Parameters
    ----------
    state : nothing waits to be sealed in it
    keys : all raw keys of the person, sorted; of those that are erased nothing is kept
    texts : the dictionaries of the state, as they may be shown
    """
    history = state.history
    erased = find_sorted(*history.erased, *keys) >= 0
    keys = distinct_keys([(keys[0][~erased], keys[1][~erased])])
    parts, flags = [], []
    for segment, veil in zip(history.stored, history.veils, strict=True):
        places = without_places(places_of_keys(segment, keys), with_places(veil.gone, veil.erased))
        if len(places):
            parts.append(picked_events(segment, places))
            flags.append(are_in(veil.voided, places))
    events = joined_batches(parts)
    voided = np.concatenate([np.zeros(0, np.bool_), *flags])
    order = np.argsort(events.time_ms, kind="stable")
    learner, enrolments = _rows(state, keys, chosen_events(events, ~voided), texts)
    ordered = {name: column[order] for name, column in joined_columns([events]).items()}
    return Kept(batch_of(ordered), voided[order], learner, enrolments)


def _rows(
    state: State, keys: Keys, events: EventBatch, texts: Dictionaries
) -> tuple[Mapping[str, Any] | None, tuple[Mapping[str, Any], ...]]:
    """Return the rows that events of one person add up to, with what was cut of them."""
    names = state.history.identities.moved
    hi, lo = names.apply(events.key_hi, events.key_lo)
    tables = Tables(zone=state.zone, dictionaries=state.dictionaries, run=state.run)
    if state.base is not None:
        tables.join(state.base.rows_of(keys), names)
    if len(events):
        tables.fold(replace(events, key_hi=hi, key_lo=lo))
    attributes = {name: one.values for name, one in texts.attributes.items()}
    learners = [_row(part, row, attributes) for part, row in _there(tables.learners.partitions)]
    enrolments = [
        {**_row(part, row, {COURSE: texts.course.values}), **_standing(part, row)}
        for part, row in _there(tables.enrolments.partitions)
    ]
    return (learners[0] if learners else None), tuple(enrolments)


def _there(partitions: list[Partition]) -> list[tuple[Partition, int]]:
    return [
        (part, row)
        for part in partitions
        for row in np.flatnonzero(part.start_day[: part.rows] != NO_DAY).tolist()
    ]


def _row(part: Partition, row: int, texts: Mapping[str, list[str]]) -> dict[str, Any]:
    """Return a row as plain data: dates as ISO dates, times in milliseconds since 1970 UTC."""
    days = {track: _dates(part, words[:, row].tolist()) for track, words in part.words.items()}
    attributes = {
        name: {"value": texts[name][codes[row]], "set_ms": int(part.set_ms[name][row])}
        for name, codes in part.codes.items()
        if name in texts and codes[row] >= 0
    }
    return {
        "first_day": date_of(int(part.start_day[row])).isoformat(),
        "last_day": date_of(int(part.last_day[row])).isoformat(),
        "days": {track: dates for track, dates in days.items() if dates},
        "attributes": attributes,
    }


def _dates(part: Partition, words: list[int]) -> list[str]:
    return [
        date_of((part.first_word + place) * DAYS_PER_WORD + bit).isoformat()
        for place, word in enumerate(words)
        for bit in range(DAYS_PER_WORD)
        if word >> bit & 1
    ]


def _standing(part: Partition, row: int) -> dict[str, Any]:
    """Return how an enrolment stands, each with the time at which that was said."""
    found: dict[str, Any] = {}
    for name, values in _CODES.items():
        if name in part.codes and part.codes[name][row] >= 0:
            set_ms = int(part.set_ms[name][row])
            found[name] = {"value": values[part.codes[name][row]], "set_ms": set_ms}
    for name, numbers in part.numbers.items():
        if not np.isnan(numbers[row]):
            found[name] = {"value": float(numbers[row])}
    return found
