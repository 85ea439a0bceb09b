"""What was watched of each video, second by second."""

from dataclasses import dataclass

import numpy as np

from homeroom.cohorts.answers.answer import Counts
from homeroom.cohorts.answers.course_activities import Video, Videos
from homeroom.cohorts.answers.course_parts import SHARES, Absent
from homeroom.cohorts.course_report.setting import Setting, ranked
from homeroom.cohorts.course_report.timeline import Block, added, by_hand
from homeroom.cohorts.kernels import videos as kernels
from homeroom.events.model import Int32s, Int64s
from homeroom.events.texts import sealed
from homeroom.limits import REPORT_ITEMS_MAX

__all__ = ["videos"]


@dataclass(frozen=True, slots=True)
class _Shelf:
    """The videos that are told: their number by activity (-1 for others), length and place of their seconds."""

    numbers: Int32s
    activities: list[int]
    length_ms: Int32s
    starts: Int64s


class _Hand:
    """What one worker counts."""

    def __init__(self, shelf: _Shelf) -> None:
        size = len(shelf.activities)
        self.counts = np.zeros((size, 7), np.int64)
        self.shares = np.zeros((size, SHARES), np.int64)
        self.seconds = np.zeros((2, int(shelf.starts[-1])), np.int32)


def videos(setting: Setting, learners: Counts) -> Videos | Absent:
    """Walk all videos. ``learners`` counts those of each activity, int64."""
    events = setting.events
    order = [i for i in ranked(setting.activity_names, learners) if events.is_video[i]]
    if not order:
        return Absent("no event is about a video")
    has_positions, shelf = _shelved(setting, order[:REPORT_ITEMS_MAX])

    def work(block: Block, hand: _Hand) -> None:
        kernels.walk_videos(
            (
                block.rows,
                block.time_ms,
                block.days,
                block.acts,
                block.flags,
                block.activity,
                block.first,
                block.second,
            ),
            setting.days,
            shelf.numbers,
            shelf.length_ms,
            shelf.starts,
            hand.counts,
            hand.shares,
            hand.seconds,
        )

    hands = by_hand(events.blocks, lambda: _Hand(shelf), work, setting.run)
    counts = added([hand.counts for hand in hands])
    shares = added([hand.shares for hand in hands])
    steps = added([hand.seconds for hand in hands])
    names = setting.activity_names
    told = [
        _video(names[activity], shelf, number, counts[number], shares[number], steps)
        for number, activity in enumerate(shelf.activities)
    ]
    return Videos(
        videos=tuple(told),
        has_positions=has_positions,
        left_out=max(len(order) - REPORT_ITEMS_MAX, 0),
    )


def _shelved(setting: Setting, order: list[int]) -> tuple[bool, _Shelf]:
    """Return whether there is any position, and the videos; one of unknown length ends at the furthest position."""
    events = setting.events

    def work(block: Block, most_ms: Int32s) -> None:
        kernels.furthest(block.acts, block.activity, block.first, block.second, most_ms)

    hands = by_hand(
        events.blocks, lambda: np.full(len(events.activities), -1, np.int32), work, setting.run
    )
    furthest_ms = np.maximum.reduce(hands)
    length_ms = np.where(events.length_ms > 0, events.length_ms, furthest_ms)[order]
    sizes = (np.maximum(length_ms, 0).astype(np.int64) + 499) // 1000
    numbers = np.full(len(events.activities), -1, np.int32)
    numbers[order] = np.arange(len(order))
    starts = np.concatenate([[0], np.cumsum(sizes + 1)])
    shelf = _Shelf(
        sealed(numbers), order, sealed(length_ms.astype(np.int32)), sealed(starts.astype(np.int64))
    )
    return bool((furthest_ms[order] >= 0).any()), shelf


def _video(
    name: str, shelf: _Shelf, number: int, counts: Counts, shares: Counts, steps: Counts
) -> Video:
    viewers, plays, measured, segments, unclosed, completed, covered = counts.tolist()
    window = slice(int(shelf.starts[number]), int(shelf.starts[number + 1]) - 1)
    length_ms = int(shelf.length_ms[number])
    return Video(
        name=name,
        length_s=length_ms / 1000 if length_ms >= 0 else float("nan"),
        viewers=viewers,
        plays=plays,
        completed=completed,
        measured=measured,
        segments=segments,
        unclosed=unclosed,
        covered_s=covered,
        watched=shares,
        viewers_at=np.cumsum(steps[0, window]),
        views_at=np.cumsum(steps[1, window]),
    )
