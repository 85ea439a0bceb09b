"""Retention in course time: periods since the enrolment, or since the run of the course began.

A calendar week mixes those in their first week of a course with those in their last. Course time counts from each
enrolment's own start, in local dates: week k is the days 7k to 7k + 6 after it. The subject is the enrolment, so a
learner in two courses counts in both; rows are the calendar period of the start, so runs that began on different
dates stand in different rows.
"""

import calendar
import datetime as dt
from collections.abc import Sequence
from typing import Literal

import numpy as np
import numpy.typing as npt

from homeroom.cohorts.activity import Roster, partition_mask, track_words
from homeroom.cohorts.kernels import courses as kernels
from homeroom.cohorts.matching import Selection, common, event_mask
from homeroom.cohorts.periods import Periods
from homeroom.cohorts.questions import Interval, Retention
from homeroom.events.model import TRACKS, Int32s, UInt64s
from homeroom.events.texts import sealed
from homeroom.limits import DAYS_PER_WORD
from homeroom.state.batches import chosen_events, event_pieces
from homeroom.state.running import Run, added
from homeroom.state.state import COURSE, State
from homeroom.state.table import NO_DAY, Partition
from homeroom.state.zones import Zone, date_of, day_of_date, day_start_ms

__all__ = ["course_completeness", "course_triangle", "refolded"]

Counts = npt.NDArray[np.int64]
_ENROLMENT = TRACKS.index("enrolment")


def course_triangle(
    state: State, question: Retention, filters: Selection, returning: Selection, periods: Periods
) -> tuple[Counts, Literal["columns", "history"]]:
    """Return counts of enrolments, int64 of shape (periods, columns), and what they were computed from."""
    answered_from: Literal["columns", "history"] = "columns"
    behind, run = state, state.run
    same_zone = periods.zone.name == state.zone.name
    plain = not (
        filters.tests or filters.picks_learners or returning.tests or returning.picks_learners
    )
    if not same_zone or not plain or returning.course is not None:
        # The enrolments of the events that pass, in tables of their own that are cut in the zone asked for.
        answered_from = "history"
        whole, state = state, refolded(state, periods.zone, (filters,))
        behind = refolded(whole, periods.zone, (filters, returning))
        filters = returning = Selection()
    starts = _starts(state, question, filters, run)
    shown_days = np.arange(int(periods.days[1]), int(periods.days[-1]))
    edges = _edges(question.interval, shown_days, periods.count)
    spans = _spans(question, periods.count)
    counts = np.zeros((periods.count, len(spans) + 1), np.int64)
    tracks = common(filters.tracks, returning.tracks)
    tables = (state.enrolments.partitions, behind.enrolments.partitions)
    for partition, back, days in zip(*tables, starts, strict=True):
        mask = partition_mask(partition, filters)
        if mask is not None:
            days = np.where(mask != 0, days, -1)  # noqa: PLW2901 - before every period: in no group
        words = track_words(back, tracks)
        if back is not partition:
            words = _words_of(back, partition, words)
        groups, first_day = (
            sealed(periods.of_days(days)),
            int(shown_days[0]) if len(shown_days) else 0,
        )
        kernels.add_enrolments(
            words,
            back.first_word,
            sealed(days.astype(np.int64)),
            groups,
            first_day,
            edges,
            spans,
            counts,
        )
    return added(run, counts), answered_from


def _spans(question: Retention, periods: int) -> Counts:
    """Return the first and last course period of each column but the first."""
    spans = question.brackets or tuple((k, k) for k in range(1, periods))
    if question.match == "on-or-after":
        spans = tuple((first, periods) for first, _ in spans)
    return sealed(np.array(spans, np.int64).reshape(-1, 2))


def refolded(state: State, zone: Zone, selections: Sequence[Selection]) -> State:
    """Fold the events of history that pass all selections into a state of its own."""
    fresh = State(zone, state.dictionaries)
    roster = Roster.of(state)
    tests = [test for selection in selections for test in selection.history_tests()]
    for number, segment in enumerate(state.segments):
        keep = event_mask(segment, 0, len(segment), tests)
        chosen = np.ones(len(segment), np.bool_) if keep is None else keep != 0
        for selection in selections:
            mask = roster.mask(state, selection)
            if mask is not None:
                chosen &= np.repeat(mask[roster.rows[number]] != 0, np.diff(segment.offsets))
        for first, events in event_pieces(segment):
            fresh.fold_tables(chosen_events(events, chosen[first : first + len(events)]))
    return fresh


def _words_of(source: Partition, wanted: Partition, words: UInt64s) -> UInt64s:
    """Return the words of ``source`` in the order of the rows of ``wanted``; a row that is not there has none."""
    keys = (sealed(wanted.key_hi[: wanted.rows]), sealed(wanted.key_lo[: wanted.rows]))
    found = source.find(*keys)
    gathered = np.zeros((words.shape[0], wanted.rows), np.uint64)
    there = found >= 0
    gathered[:, there] = words[:, found[there]]
    return sealed(gathered)


def _starts(state: State, question: Retention, selection: Selection, run: Run) -> list[Int32s]:
    """Return the start day of every enrolment, by partition; -1 for those that no event let through."""
    parts = state.enrolments.partitions
    firsts = [_first_day(p, selection.tracks) for p in parts]
    if question.align == "enrolment":
        if selection.tracks is None or _ENROLMENT in selection.tracks:
            enrolled = [_first_day(p, frozenset({_ENROLMENT})) for p in parts]
            return [
                np.where(day >= 0, day, first) for day, first in zip(enrolled, firsts, strict=True)
            ]
        return firsts
    began = np.full(len(state.dictionaries.course), np.iinfo(np.int32).max, np.int32)
    for partition, first in zip(parts, firsts, strict=True):
        seen = first >= 0
        np.minimum.at(
            began,
            partition.codes[COURSE][: partition.rows][seen] if partition.rows else [],
            first[seen],
        )
    began = run.gathered(began, np.minimum.reduce)
    return [
        np.where(first >= 0, began[partition.codes[COURSE][: partition.rows]], -1).astype(np.int32)
        if partition.rows
        else first
        for partition, first in zip(parts, firsts, strict=True)
    ]


def _first_day(partition: Partition, tracks: frozenset[int] | None) -> Int32s:
    if tracks is None:
        first = partition.start_day[: partition.rows]
        return np.where(first == NO_DAY, np.int32(-1), first)
    words = track_words(partition, tracks)[:, : partition.rows]
    days = np.full(partition.rows, -1, np.int32)
    for word in range(partition.word_count - 1, -1, -1):
        held = words[word] != 0
        lowest = words[word][held] & (~words[word][held] + np.uint64(1))
        bit = np.log2(lowest.astype(np.float64)).astype(np.int32)  # a power of two: exact
        days[held] = (partition.first_word + word) * DAYS_PER_WORD + bit
    return days


def _edges(interval: Interval, start_days: npt.NDArray[np.int64], count: int) -> Counts:
    """Return the first day of each course period, int64 of shape (start days, count + 1)."""
    if interval != "month":
        width = 7 if interval == "week" else 1
        return sealed(start_days[:, None] + width * np.arange(count + 1, dtype=np.int64)[None, :])
    rows = [
        [day_of_date(_months_later(date_of(int(day)), k)) for k in range(count + 1)]
        for day in start_days
    ]
    return sealed(np.array(rows, np.int64).reshape(len(start_days), count + 1))


def _months_later(date: dt.date, months: int) -> dt.date:
    year, month = divmod(date.year * 12 + date.month - 1 + months, 12)
    return dt.date(year, month + 1, min(date.day, calendar.monthrange(year, month + 1)[1]))


def course_completeness(
    question: Retention, counts: Counts, periods: Periods, as_of_ms: int
) -> npt.NDArray[np.bool_]:
    """Return which cells cannot change any more: course period k has ended for a start on the row's last date."""
    rows = len(counts)
    ended = np.zeros((rows, rows + 1), np.bool_)
    for p in range(rows):
        latest = date_of(int(periods.days[p + 2]) - 1)
        ended[p, 0] = day_start_ms(day_of_date(latest) + 1, periods.zone) <= as_of_ms
        for k in range(1, rows - p):
            ends = day_start_ms(_course_day(question.interval, latest, k + 1), periods.zone)
            ended[p, k] = ends <= as_of_ms
    spans = _column_ends(question, rows)
    complete = np.zeros(counts.shape, np.bool_)
    for p in range(rows):
        for c, (first, end) in enumerate(spans):
            last = rows - 1 - p
            if first > last:
                continue
            looked_at = last if question.match == "on-or-after" and c else end
            complete[p, c] = looked_at <= last and ended[p, looked_at]
    return complete


def _course_day(interval: Interval, start: dt.date, k: int) -> int:
    if interval == "month":
        return day_of_date(_months_later(start, k))
    return day_of_date(start) + (7 if interval == "week" else 1) * k


def _column_ends(question: Retention, periods: int) -> Sequence[tuple[int, int]]:
    return [(0, 0), *(question.brackets or [(k, k) for k in range(1, periods)])]
