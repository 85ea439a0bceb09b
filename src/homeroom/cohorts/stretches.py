"""When a rule looks: its window on one date, as local days, as instants, and for each course run.

A rolling window moves with the date that is asked about, a window of a calendar with the course run of the event.
Whatever it says, nothing after the date that is asked about counts.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from homeroom.cohorts.questions.definitions import Calendar
from homeroom.cohorts.questions.rules import Window
from homeroom.events.dictionary import Dictionary
from homeroom.events.model import Int64s
from homeroom.events.texts import sealed
from homeroom.state.zones import Zone, day_of_date, day_start_ms

__all__ = ["FIRST_DAY", "Stretch", "course_windows", "stretch"]

FIRST_DAY = -(1 << 20)
"""Before every day that an event can have."""
_FIRST_MS, _LAST_MS = np.iinfo(np.int64).min, np.iinfo(np.int64).max


@dataclass(frozen=True, slots=True)
class Stretch:
    """Local days from ``first`` up to ``end``, excluded; empty if they are equal."""

    first: int
    end: int

    def span_ms(self, zone: Zone) -> tuple[int, int]:
        """Return the first instant and the one after the last."""
        first_ms = _FIRST_MS if self.first <= FIRST_DAY else day_start_ms(self.first, zone)
        return first_ms, day_start_ms(self.end, zone)


def stretch(window: Window, day: int) -> Stretch:
    """Return the days of a window on a local day; of a calendar's, all days up to it."""
    first, end = FIRST_DAY, day + 1
    if window.last_days is not None:
        end = day + 1 - window.ago_days
        first = end - window.last_days
    if window.from_ is not None:
        first = day_of_date(window.from_)
    if window.to is not None:
        end = min(end, day_of_date(window.to) + 1)
    return Stretch(min(first, end), end)


def course_windows(
    window: Window, calendars: Sequence[Calendar], courses: Dictionary, zone: Zone
) -> tuple[Int64s, Int64s]:
    """Return (from_ms, to_ms) by course code + 1: empty for runs whose calendar lacks a mark, or that have none."""
    count = len(courses)
    from_ms, to_ms = np.zeros(count + 1, np.int64), np.zeros(count + 1, np.int64)
    marks = {code + 1: one.marks for one in calendars for code in courses.named(one.course)}
    for code in range(1, count + 1):
        known = marks.get(code, {})
        if any(mark is not None and mark not in known for mark in (window.after, window.before)):
            continue
        after = None if window.after is None else day_of_date(known[window.after])
        before = None if window.before is None else day_of_date(known[window.before])
        from_ms[code] = _FIRST_MS if after is None else day_start_ms(after, zone)
        to_ms[code] = _LAST_MS if before is None else day_start_ms(before, zone)
    return sealed(from_ms), sealed(to_ms)
