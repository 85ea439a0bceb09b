"""Attempts at problems: a learner's answers to one problem, counted one by one in order of time.

A learner's events pass once; each problem keeps what it needs of the learner who is passing. Answers of one instant
are one attempt, so its result is settled when a later one comes, or the learner's events end.
"""

import numpy as np

from homeroom.kernel import inlined, kernel

__all__ = ["bucketed", "count_attempts"]

_ANSWERED = 6
_WRONG, _RIGHT = 1, 2
_LEARNERS, _ATTEMPTS, _FIRST_KNOWN, _FIRST_RIGHT, _KNOWN, _EVER_RIGHT, _TO_RIGHT = range(7)
_NUMBER, _RESULT, _RIGHT_AT, _IS_KNOWN, _FIRST = range(5)


@kernel
def count_attempts(events, days, problems, size, counts, found):
    """Count the attempts of all learners of a block.

    Parameters
    ----------
    events : (rows, time_ms, local days, acts, flags, activity, score); ``score`` of length 0 where no event has one
    days : first and end day that count
    problems : int32 by activity, the number of the problem, -1 for others
    size : number of problems
    counts : int64 (problems, 7): learners, attempts, learners whose first attempt has a known result, who were right
        at first, learners with any known result, who were ever right, attempts up to the first right one of these
    found : (problem, int32, score, float64), with room for every event: the last score of each learner and problem

    Returns how many scores there are.
    """
    rows, time_ms, local_days, acts, flags, activity, score = events
    state, at_ms = np.zeros((size, 5), np.int64), np.zeros(size, np.int64)
    last_score, score_ms = np.full(size, np.nan), np.zeros(size, np.int64)
    touched, used, scores = np.empty(size, np.int64), 0, 0
    for i in range(len(rows)):
        problem = problems[activity[i]] if acts[i] == _ANSWERED and activity[i] >= 0 else -1
        if problem >= 0 and days[0] <= local_days[i] < days[1]:
            line = state[problem]
            if line[_NUMBER] == 0:
                touched[used] = problem
                used += 1
            _attempt(line, at_ms[problem] != time_ms[i], flags[i] & 3)
            at_ms[problem] = time_ms[i]
            if len(score):
                _score(problem, score[i], time_ms[i], last_score, score_ms)
        if i + 1 == len(rows) or rows[i + 1] != rows[i]:
            for k in range(used):
                problem = touched[k]
                _finish(state[problem], counts[problem])
                if not np.isnan(last_score[problem]):
                    found[0][scores], found[1][scores] = problem, last_score[problem]
                    scores += 1
                    last_score[problem] = np.nan
            used = 0
    return scores


@inlined
def _score(problem, score, at, last_score, score_ms):
    """Keep the latest score, of one instant the greatest."""
    best = last_score[problem]
    if not np.isnan(score) and (np.isnan(best) or at > score_ms[problem] or score > best):
        last_score[problem] = score
        score_ms[problem] = at


@inlined
def _attempt(line, is_later, result):
    """Begin an attempt, or join one more answer into that of the same instant: one that is wrong makes it wrong."""
    if line[_NUMBER] == 0 or is_later:
        _settle(line)
        line[_NUMBER] += 1
        line[_RESULT] = result
    elif result == _WRONG or line[_RESULT] != _WRONG:
        line[_RESULT] = max(line[_RESULT], result) if result != _WRONG else _WRONG


@inlined
def _settle(line):
    """Take note of the attempt that has ended."""
    result = line[_RESULT]
    if line[_NUMBER] == 1:
        line[_FIRST] = result
    line[_IS_KNOWN] |= result > 0
    if result == _RIGHT and line[_RIGHT_AT] == 0:
        line[_RIGHT_AT] = line[_NUMBER]


@kernel
def _finish(line, counts):
    """Count one learner's attempts at one problem, and clear them."""
    _settle(line)
    counts[_LEARNERS] += 1
    counts[_ATTEMPTS] += line[_NUMBER]
    counts[_FIRST_KNOWN] += line[_FIRST] > 0
    counts[_FIRST_RIGHT] += line[_FIRST] == _RIGHT
    counts[_KNOWN] += line[_IS_KNOWN]
    counts[_EVER_RIGHT] += line[_RIGHT_AT] > 0
    counts[_TO_RIGHT] += line[_RIGHT_AT]
    line[:] = 0


@kernel
def bucketed(groups, values, starts, out):
    """Write values, int64, group by group, in the order in which they came.

    ``groups`` is int32; ``starts`` int64 by group, where each begins in ``out``, and is moved to its end.
    """
    for i in range(len(groups)):
        out[starts[groups[i]]] = values[i]
        starts[groups[i]] += 1
