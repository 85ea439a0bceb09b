"""The values of a breakdown: which there are, in which order, and the conditions that pick each.

A breakdown is nothing but one answer for each value, so a part is the question with one condition more. Values are
ordered by their learners; beyond a bound the rest is joined. A learner may be in several parts of a breakdown by
``course``, ``track``, ``verb`` or another fact of an event, and is in just one of a breakdown by an attribute.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from homeroom.cohorts.activity import Roster, partition_mask, track_words
from homeroom.cohorts.kernels import codes as kernels
from homeroom.cohorts.matching import NONE, OTHER, Selection, event_mask, resolve, values_of
from homeroom.cohorts.questions import TEXT_FIELDS, Condition, Question
from homeroom.events.columns import EVENT_COLUMNS
from homeroom.events.model import TRACKS, Int32s
from homeroom.events.texts import sealed
from homeroom.limits import BREAKDOWN_VALUES_MAX
from homeroom.state.history import Segment
from homeroom.state.running import added
from homeroom.state.state import COURSE, State
from homeroom.state.table import NO_DAY, Partition

__all__ = ["Parts", "parts"]

Counts = npt.NDArray[np.int64]
_HISTORY_ALONE = ("verb", "activity", "section", "answer", "standing")
"""Facts of an event that no column of the tables holds."""


@dataclass(frozen=True, slots=True)
class Parts:
    """The parts of a breakdown, in order: what each is called, and the conditions that pick it."""

    parts: tuple[tuple[str, tuple[Condition, ...]], ...]
    notes: tuple[str, ...]


def parts(state: State, question: Question) -> Parts:
    """Return the parts of a question's breakdown, over all events that its filters let through."""
    field = str(question.breakdown)
    values = values_of(field, state.dictionaries)
    selection = resolve(question.filters, state.dictionaries)
    counts = added(state.run, _learners_by_value(state, field, len(values), selection))
    present = [i for i in range(len(values)) if counts[i + 1]]
    ranked = [values[i] for i in sorted(present, key=lambda i: (-counts[i + 1], values[i]))]
    top, rest = ranked[:BREAKDOWN_VALUES_MAX], ranked[BREAKDOWN_VALUES_MAX:]
    found = [(value, (Condition(field, (value,)),)) for value in top]
    notes: tuple[str, ...] = ()
    if rest:
        found.append((OTHER, (Condition(field, tuple(rest)),)))
        notes = (
            f"{field} has {len(ranked)} values; the {len(top)} of most learners are shown, {len(rest)} are "
            f"joined in {OTHER}",
        )
    if field not in TEXT_FIELDS and counts[0]:
        found.append((NONE, (Condition(field, (NONE,)),)))
    return Parts(tuple(found), notes)


def _learners_by_value(state: State, field: str, count: int, selection: Selection) -> Counts:
    """Return the learners by value, int64 of shape (count + 1,), those without one first."""
    if selection.needs_history or field in _HISTORY_ALONE:
        return _from_history(state, field, count, selection)
    if field == "track":
        return _by_track(state, selection)
    if selection.course is not None:
        return _from_history(state, field, count, selection)
    if field == "course" and not selection.picks_learners:
        return _by_code(state.enrolments.partitions, COURSE, count, selection)
    if field == "course":
        return _from_history(state, field, count, selection)
    return _by_code(state.learners.partitions, field, count, selection)


def _by_track(state: State, selection: Selection) -> Counts:
    counts = np.zeros(len(TRACKS) + 1, np.int64)
    table = state.learners if selection.course is None else state.enrolments
    allowed = range(len(TRACKS)) if selection.tracks is None else sorted(selection.tracks)
    for partition in table.partitions:
        mask = partition_mask(partition, selection)
        for code in allowed:
            if TRACKS[code] in partition.words:
                active = partition.words[TRACKS[code]][:, : partition.rows].any(axis=0)
                counts[code + 1] += int((active if mask is None else active & (mask != 0)).sum())
    return counts


def _by_code(
    partitions: Sequence[Partition], name: str, count: int, selection: Selection
) -> Counts:
    counts = np.zeros(count + 1, np.int64)
    for partition in partitions:
        codes = partition.codes.get(name)
        places = (
            np.zeros(partition.rows, np.int32) if codes is None else codes[: partition.rows] + 1
        )
        chosen = partition.start_day[: partition.rows] != NO_DAY
        mask = partition_mask(partition, selection.of_learners())
        if mask is not None:
            chosen &= mask != 0
        if selection.tracks is not None:
            chosen &= (track_words(partition, selection.tracks)[:, : partition.rows] != 0).any(
                axis=0
            )
        counts += np.bincount(places[chosen], minlength=count + 1)
    return counts


def _codes(segment: Segment, field: str) -> Int32s:
    """Return the value of each event of a segment, -1 where it is a fact of the learner."""
    column = segment.columns.get(field) if field in TEXT_FIELDS else None
    if column is not None:
        return column.astype(np.int32)
    absent = EVENT_COLUMNS[field][1] if field in TEXT_FIELDS else -1
    return np.full(len(segment), absent, np.int32)


def _from_history(state: State, field: str, count: int, selection: Selection) -> Counts:
    """Count distinct pairs of learner and value."""
    roster = Roster.of(state)
    mask = roster.mask(state, selection)
    pairs = []
    for segment, rows in zip(state.segments, roster.rows, strict=True):
        keep = event_mask(segment, 0, len(segment), selection.history_tests())
        codes = _codes(segment, field)
        seen = np.full(count + 1, -1, np.int64)
        found = np.empty(len(segment), np.int64)
        used = kernels.distinct_pairs(
            sealed(segment.offsets), sealed(rows), sealed(codes), keep, seen, found
        )
        pairs.append(found[:used].copy())
    if not pairs:
        return np.zeros(count + 1, np.int64)
    distinct = pairs[0] if len(pairs) == 1 else np.unique(np.concatenate(pairs))
    ordinals, places = distinct // (count + 1), distinct % (count + 1)
    if mask is not None:
        chosen = mask[ordinals] != 0
        places, ordinals = places[chosen], ordinals[chosen]
    if field not in TEXT_FIELDS:
        codes = roster.attribute(state, field)[np.unique(ordinals)]
        return np.bincount(codes + 1, minlength=count + 1)
    return np.bincount(places, minlength=count + 1)
