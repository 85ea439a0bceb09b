"""Who joined the course run, who left it, and who is in it at the end."""

import numpy as np

from homeroom.cohorts.answers.answer import Counts
from homeroom.cohorts.answers.course_parts import Absent, Enrolments
from homeroom.cohorts.course_report.setting import Setting
from homeroom.cohorts.course_report.timeline import Block, added, by_hand
from homeroom.cohorts.kernels import course_report as kernels

__all__ = ["enrolments"]


def enrolments(setting: Setting) -> Enrolments | Absent:
    """Follow every learner in and out of the course run."""

    def work(block: Block, hand: tuple[Counts, Counts]) -> None:
        kernels.walk_enrolments(
            block.rows,
            block.time_ms,
            block.days,
            block.standing,
            block.acts,
            setting.joins_by_verb,
            setting.days,
            *hand,
        )

    def make() -> tuple[Counts, Counts]:
        return np.zeros((2, setting.week_count), np.int64), np.zeros(3, np.int64)

    hands = by_hand(setting.events.blocks, make, work, setting.run)
    counts = added([hand[0] for hand in hands])
    current, again, ever = added([hand[1] for hand in hands]).tolist()
    if not ever and not counts.any():
        return Absent("no event tells who joined or left the course run")
    return Enrolments(
        weeks=setting.weeks,
        enrolled=counts[0],
        left=counts[1],
        current=current,
        again=again,
        ever=ever,
    )
