"""Who writes and who reads in the discussions of a course run."""

import numpy as np

from homeroom.cohorts.answers.course_parts import Absent, Discussion
from homeroom.cohorts.course_report.acts import Act
from homeroom.cohorts.course_report.setting import Setting
from homeroom.cohorts.course_report.timeline import Block, added, by_hand
from homeroom.cohorts.kernels import course_report as kernels

__all__ = ["discussion"]


class _Hand:
    """What one worker counts of one act."""

    def __init__(self, weeks: int) -> None:
        self.stamps = {act: np.full(weeks, -1, np.int64) for act in (Act.POSTED, Act.READ)}
        self.counts = {act: np.zeros((2, weeks), np.int64) for act in self.stamps}
        self.learners = dict.fromkeys(self.stamps, 0)


def discussion(setting: Setting) -> Discussion | Absent:
    """Count posts, who posted and who read."""

    def work(block: Block, hand: _Hand) -> None:
        for act, stamps in hand.stamps.items():
            hand.learners[act] += kernels.count_acts(
                block.rows,
                block.days,
                block.acts,
                int(act),
                setting.days,
                stamps,
                hand.counts[act],
            )

    hands = by_hand(setting.events.blocks, lambda: _Hand(setting.week_count), work, setting.run)
    posters, readers = (sum(hand.learners[act] for hand in hands) for act in (Act.POSTED, Act.READ))
    if not posters and not readers:
        return Absent("no event posts or reads in a discussion")
    posts = added([hand.counts[Act.POSTED] for hand in hands])
    return Discussion(
        weeks=setting.weeks,
        posters=posters or None,
        readers=readers or None,
        posts=posts[0],
        posters_by_week=posts[1],
    )
