"""Where learners stand in the course run as a whole: grades, completion, progress."""

import numpy as np

from homeroom.cohorts.answers.answer import Counts
from homeroom.cohorts.answers.course_parts import SHARES, Absent, Grades
from homeroom.cohorts.course_report.setting import Setting
from homeroom.cohorts.course_report.timeline import Block, added, by_hand
from homeroom.cohorts.kernels import course_report as kernels
from homeroom.events.model import Float64s

__all__ = ["grades", "tenths"]


class _Hand:
    """What one worker finds; grades and progress stand under the first learner of their block: sums have one order."""

    def __init__(self) -> None:
        self.totals = np.zeros(3, np.int64)
        self.found: dict[int, tuple[Float64s, Float64s]] = {}


def grades(setting: Setting) -> Grades | Absent:
    """Take each learner's latest grade and progress."""

    def work(block: Block, hand: _Hand) -> None:
        room = 1 + int(np.count_nonzero(np.diff(block.rows)))
        found = (np.empty(room + 1, np.float64), np.empty(room + 1, np.float64))
        used = kernels.latest_standings(
            block.rows,
            block.time_ms,
            block.days,
            block.standing,
            block.score,
            block.progress,
            setting.days[1],
            found,
            hand.totals,
        )
        hand.found[int(block.rows[0])] = (found[0][: used[0]], found[1][: used[1]])

    hands = by_hand(setting.events.blocks, _Hand, work, setting.run)
    completed, passed, failed = added([hand.totals for hand in hands]).tolist()
    ordered = dict(sorted(item for hand in hands for item in hand.found.items()))
    scores, progress = (np.concatenate(column) for column in zip(*ordered.values(), strict=True))
    if not (completed or passed or failed or len(scores) or len(progress)):
        return Absent("no event tells a grade, the progress or the completion of the course run")
    top, is_judged = _top(scores), passed + failed > 0
    return Grades(
        completed=completed or None,
        passed=passed if is_judged else None,
        failed=failed if is_judged else None,
        grades=tenths(scores, top),
        top=top,
        median=float(np.median(scores)) if len(scores) else float("nan"),
        progress=tenths(progress, 1.0),
        mean_progress=float(progress.mean()) if len(progress) else float("nan"),
    )


def _top(scores: Float64s) -> float:
    """Return what grades count to: 1, 100, or the highest that there is."""
    highest = float(scores.max()) if len(scores) else 0.0
    return next((top for top in (1.0, 100.0) if highest <= top), highest)


def tenths(values: Float64s, top: float) -> Counts:
    """Return how many values lie in each tenth of the scale; the last holds its end, the first all below."""
    places = np.clip(np.floor(values / top * SHARES), 0, SHARES - 1).astype(np.int64)
    return np.bincount(places, minlength=SHARES)
