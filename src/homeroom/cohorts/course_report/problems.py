"""How learners did at each problem: attempts, results, what was answered and how long it took."""

from dataclasses import replace

import numpy as np
import numpy.typing as npt

from homeroom.cohorts.answers.answer import Counts
from homeroom.cohorts.answers.course_activities import Given, Problem, Problems
from homeroom.cohorts.answers.course_parts import Absent
from homeroom.cohorts.course_report.acts import Act
from homeroom.cohorts.course_report.medians import medians
from homeroom.cohorts.course_report.setting import Setting, ranked
from homeroom.cohorts.course_report.timeline import Block, added, by_hand
from homeroom.cohorts.kernels import problems as kernels
from homeroom.events.model import Float64s, Int32s, Int64s
from homeroom.events.texts import sealed
from homeroom.limits import REPORT_ANSWERS_MAX, REPORT_ITEMS_MAX

__all__ = ["problems"]

_ANSWER_BITS = 32
_RESULT_BITS = 2


class _Hand:
    """What one worker counts; what is collected of a block stands under its first learner: sums have one order."""

    def __init__(self, size: int) -> None:
        self.counts = np.zeros((size, 7), np.int64)
        self.scores: dict[int, tuple[Int32s, Float64s]] = {}
        self.given: list[Int64s] = []
        self.durations: list[tuple[Int32s, Int64s]] = []


def problems(setting: Setting, learners: Counts) -> Problems | Absent:
    """Count attempts at all problems. ``learners`` counts those of each activity, int64."""
    events, names = setting.events, setting.activity_names
    tried = learners * events.is_problem * (_answered(setting) > 0)
    order = ranked(names, tried)
    if not order:
        return Absent("no event answers a problem")
    shown = order[:REPORT_ITEMS_MAX]
    numbers = np.full(len(events.activities), -1, np.int32)
    numbers[shown] = np.arange(len(shown))
    numbers = sealed(numbers)

    def work(block: Block, hand: _Hand) -> None:
        _count(block, setting, numbers, hand)

    hands = by_hand(events.blocks, lambda: _Hand(len(shown)), work, setting.run)
    counts = added([hand.counts for hand in hands])
    told = [
        Problem(names[activity], *counts[number].tolist()) for number, activity in enumerate(shown)
    ]
    return Problems(
        problems=tuple(_with_more(setting, told, hands)),
        left_out=len(order) - len(shown),
    )


def _answered(setting: Setting) -> Counts:
    """Return how often each activity was answered within the weeks."""
    size = len(setting.events.activities)

    def work(block: Block, counts: Counts) -> None:
        chosen = _chosen(block, setting.days) & (block.activity >= 0)
        counts += np.bincount(block.activity[chosen], minlength=size)

    hands = by_hand(setting.events.blocks, lambda: np.zeros(size, np.int64), work, setting.run)
    return added(hands)


def _chosen(block: Block, days: tuple[int, int]) -> npt.NDArray[np.bool_]:
    inside = (block.days >= days[0]) & (block.days < days[1])
    return np.asarray((block.acts == Act.ANSWERED) & inside)


def _count(block: Block, setting: Setting, numbers: Int32s, hand: _Hand) -> None:
    room = len(block) if len(block.score) else 0
    found = (np.empty(room, np.int32), np.empty(room, np.float64))
    events = (
        block.rows,
        block.time_ms,
        block.days,
        block.acts,
        block.flags,
        block.activity,
        block.score,
    )
    used = kernels.count_attempts(
        events, setting.days, numbers, len(hand.counts), hand.counts, found
    )
    if used:
        hand.scores[int(block.rows[0])] = (found[0][:used].copy(), found[1][:used].copy())
    at = np.flatnonzero(_chosen(block, setting.days) & (block.activity >= 0))
    problem = numbers[block.activity[at]]
    at, problem = at[problem >= 0], problem[problem >= 0]
    answers, took = block.first[at], block.second[at]
    has_answer = answers >= 0
    packed = problem[has_answer].astype(np.int64) << _ANSWER_BITS | answers[has_answer]
    hand.given.append(packed << _RESULT_BITS | (block.flags[at][has_answer] & 3))
    timed = took >= 0
    hand.durations.append((problem[timed], took[timed].astype(np.int64)))


def _with_more(setting: Setting, told: list[Problem], hands: list[_Hand]) -> list[Problem]:
    """Add times, scores and answers."""
    size = len(told)
    groups, took = (
        np.concatenate(column)
        for column in zip(*(pair for hand in hands for pair in hand.durations), strict=True)
    )
    middle = medians(groups, took, size)
    scores = _mean_scores(size, hands)
    given = _given(setting, size, np.concatenate([one for hand in hands for one in hand.given]))
    return [
        replace(
            problem,
            duration_ms=int(middle[i]),
            score=float(scores[i]),
            answers=tuple(given[i][:REPORT_ANSWERS_MAX]),
            other_answers=sum(one.count for one in given[i][REPORT_ANSWERS_MAX:]),
        )
        for i, problem in enumerate(told)
    ]


def _mean_scores(size: int, hands: list[_Hand]) -> Float64s:
    found = dict(sorted(item for hand in hands for item in hand.scores.items()))
    if not found:
        return np.full(size, np.nan)
    problem, score = (np.concatenate(column) for column in zip(*found.values(), strict=True))
    with np.errstate(invalid="ignore"):
        return np.bincount(problem, score, size) / np.bincount(problem, minlength=size)


def _given(setting: Setting, size: int, packed: Int64s) -> list[list[Given]]:
    """Return the answers of each problem, the most frequent first, of equal ones by their text."""
    packed.sort()
    first = np.flatnonzero(np.diff(packed >> _RESULT_BITS, prepend=-1))
    pairs = packed[first] >> _RESULT_BITS
    counts = np.diff(np.append(first, len(packed)))
    wrong, right = (
        np.add.reduceat(((packed & 3) == kind).astype(np.int64), first) if len(first) else first
        for kind in (1, 2)
    )
    values = setting.dictionaries.answer.values
    out: list[list[Given]] = [[] for _ in range(size)]
    for pair, count, bad, good in zip(
        pairs.tolist(), counts.tolist(), wrong.tolist(), right.tolist(), strict=True
    ):
        answer = values[pair & ((1 << _ANSWER_BITS) - 1)]
        out[pair >> _ANSWER_BITS].append(Given(answer, count, right=good, wrong=bad))
    for answers in out:
        answers.sort(key=lambda one: (-one.count, one.answer))
    return out
