"""Who was active when and where in the course run, and where learners stop."""

from collections.abc import Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

from homeroom.cohorts.answers.answer import Counts, Flags
from homeroom.cohorts.answers.course_parts import Absent, Engagement, Page, Section
from homeroom.cohorts.course_report.medians import medians
from homeroom.cohorts.course_report.setting import Setting, ranked
from homeroom.cohorts.course_report.timeline import Block, added, by_hand
from homeroom.cohorts.kernels import course_report as kernels
from homeroom.events.model import Int32s, Int64s
from homeroom.events.texts import sealed
from homeroom.limits import REPORT_ITEMS_MAX
from homeroom.state.zones import DAY_MS, day_start_ms

__all__ = ["QUIET_DAYS", "VISIT_GAP_MS", "active_since_start", "engagement"]

VISIT_GAP_MS: Final = 30 * 60_000
"""A visit ends where a learner does nothing there for longer."""
QUIET_DAYS: Final = 14
"""Who did something in the course run within so many days before the data end has not stopped yet."""

_FirstVisits = tuple[Int32s, Int32s, Int64s, Int64s]


class _Hand:
    """What one worker counts."""

    def __init__(self, setting: Setting) -> None:
        self.weeks = _Weekly(setting.week_count)
        self.whole = _Weekly(1)
        self.pages = _Places(len(setting.events.activities))
        self.sections = _Places(len(setting.events.sections))
        self.visited = np.full(len(setting.events.sections), -1, np.int64)
        self.first_visits: list[_FirstVisits] = []


class _Weekly:
    def __init__(self, weeks: int) -> None:
        self.stamps, self.counts = np.full(weeks, -1, np.int64), np.zeros(weeks, np.int64)


class _Places:
    def __init__(self, size: int) -> None:
        self.seen = (np.full(size, -1, np.int64), np.zeros(size, np.int64))
        self.counts = np.zeros((2, size), np.int64)


def engagement(setting: Setting) -> tuple[Engagement, Counts]:
    """Count active learners by week, visits by page and section, and where learners stop.

    Beside the part stands the number of learners of each activity, int64.
    """

    def work(block: Block, hand: _Hand) -> None:
        _count(block, setting, hand)

    hands = by_hand(setting.events.blocks, lambda: _Hand(setting), work, setting.run)
    learners = sum(int(hand.whole.counts[0]) for hand in hands)
    visits = added([hand.pages.counts for hand in hands])
    order, sections = ranked(setting.activity_names, visits[0]), _sections(setting, hands)
    pages, shown = _pages(setting, visits, order[:REPORT_ITEMS_MAX]), _most_visited(sections)
    part = Engagement(
        weeks=setting.weeks,
        active=added([hand.weeks.counts for hand in hands]),
        learners=learners,
        sections=shown or Absent("no event tells the section that it lies in"),
        pages=pages or Absent("no event tells its activity"),
        sections_left_out=len(sections) - len(shown),
        pages_left_out=len(order) - len(pages),
    )
    return part, visits[0]


def _most_visited(sections: tuple[Section, ...]) -> tuple[Section, ...]:
    """Return the sections of most learners, in the order in which they are given."""
    most = sorted(sections, key=lambda one: (-one.learners, one.name))[:REPORT_ITEMS_MAX]
    chosen = {one.name for one in most}
    return tuple(one for one in sections if one.name in chosen)


def _count(block: Block, setting: Setting, hand: _Hand) -> None:
    rows, days = block.rows, setting.days
    kernels.count_weeks(rows, block.days, days, hand.weeks.stamps, hand.weeks.counts)
    _count_whole(block, days, hand.whole)
    for codes, places in ((block.activity, hand.pages), (block.section, hand.sections)):
        kernels.count_visits(
            rows, block.time_ms, block.days, codes, days, VISIT_GAP_MS, places.seen, places.counts
        )
    if not len(hand.visited):
        return
    size = len(block)
    found: _FirstVisits = (
        np.empty(size, np.int32),
        np.empty(size, np.int32),
        np.empty(size, np.int64),
        np.empty(size, np.int64),
    )
    used = kernels.first_visits(
        rows, block.time_ms, block.days, block.section, days, setting.known_ms, hand.visited, found
    )
    hand.first_visits.append(
        (
            found[0][:used].copy(),
            found[1][:used].copy(),
            found[2][:used].copy(),
            found[3][:used].copy(),
        )
    )


def _count_whole(block: Block, days: tuple[int, int], whole: _Weekly) -> None:
    inside = (block.days >= days[0]) & (block.days < days[1])
    rows = block.rows[inside]
    whole.counts[0] += 0 if not len(rows) else 1 + int(np.count_nonzero(np.diff(rows)))


def _pages(setting: Setting, counts: Counts, order: Sequence[int]) -> tuple[Page, ...]:
    names = setting.activity_names
    return tuple(Page(names[i], int(counts[0, i]), int(counts[1, i])) for i in order)


def _sections(setting: Setting, hands: Sequence[_Hand]) -> tuple[Section, ...]:
    """Return the sections in course order: by the median time between a learner's first section and this one."""
    lines = [found for hand in hands for found in hand.first_visits]
    if not sum(len(rows) for rows, *_ in lines):
        return ()
    rows, sections, after_ms, last_ms = (
        np.concatenate(column) for column in zip(*lines, strict=True)
    )
    counts = added([hand.sections.counts for hand in hands])
    names, middle = setting.section_names, medians(sections, after_ms, len(counts[0]))
    order = sorted(
        np.flatnonzero(counts[0]).tolist(),
        key=lambda i: (int(middle[i]), -int(counts[0, i]), names[i]),
    )
    places = np.zeros(len(names), np.int64)
    places[order] = np.arange(len(order))
    quiet = last_ms < setting.known_ms + 1 - QUIET_DAYS * DAY_MS
    furthest, stopped = _furthest(rows, places[sections], quiet, len(order))
    reached = np.cumsum(furthest[::-1])[::-1]
    return tuple(
        Section(
            name=names[i],
            learners=int(counts[0, i]),
            visits=int(counts[1, i]),
            reached=int(reached[place]),
            stopped=int(stopped[place]),
        )
        for place, i in enumerate(order)
    )


def _furthest(
    rows: Int32s, places: npt.NDArray[np.int64], quiet: Flags, count: int
) -> tuple[Counts, Counts]:
    """Return by place how many learners have it as their last, and how many of these are quiet.

    The lines of one learner stand together.
    """
    starts = np.flatnonzero(np.diff(rows, prepend=-1))
    last = np.maximum.reduceat(places, starts)
    return (
        np.bincount(last, minlength=count),
        np.bincount(last[quiet[starts]], minlength=count),
    )


def active_since_start(setting: Setting) -> tuple[Counts, Flags, int]:
    """Return the active learners by week since the start, which weeks have ended, and who was active before.

    A week that begins before the first day shown has -1 learners: it is not known how many.
    """
    first, (low, end) = setting.start_day, setting.days
    count = max(-((first - end) // 7), 0)

    def work(block: Block, hand: tuple[_Weekly, _Weekly]) -> None:
        chosen = (block.days >= max(first, low)) & (block.days < end)
        rows, days = sealed(block.rows[chosen]), sealed(block.days[chosen])
        kernels.count_weeks(rows, days, (first, end), hand[0].stamps, hand[0].counts)
        _count_whole(block, (low, min(first, end)), hand[1])

    hands = by_hand(setting.events.blocks, lambda: (_Weekly(count), _Weekly(1)), work, setting.run)
    since = added([hand[0].counts for hand in hands])
    starts = first + 7 * np.arange(count + 1)
    ends_ms = [day_start_ms(int(day), setting.zone) for day in starts[1:]]
    complete = np.array([ms <= min(setting.as_of_ms, setting.end_ms) for ms in ends_ms], np.bool_)
    before = sum(int(hand[1].counts[0]) for hand in hands)
    return np.where(starts[:-1] < low, -1, since), complete, before
