"""Whether a build became slower or less reliable: the runs before it are remembered, and the series is looked at.

One run says little, since machines differ from hour to hour by more than most regressions. So two questions are asked
of each figure, and a *regression* is a worse answer to either:

- Has the level shifted somewhere? A change point is where the means of the runs before and after differ most (each
  split standardised); how far apart chance sets them is found by shuffling the same runs, so that no distribution need
  be assumed and one run on a busy machine makes no shift. After a shift it takes three or four runs.
- Does the newest run stand apart? It does where it is worse than Student's interval for one more run says it could be,
  and `limits.PROVING_APART_MIN` times as bad, since busy machines have heavier tails. This finds at once what is large.

Both are asked of every figure, so the chance that is allowed for a false alarm is shared among all of them. A shift
that is smaller than `limits.PROVING_SHIFT_MIN` is none that matters. The way not taken is a bound ("fail if 10 % slower
than the last run"): it cries wolf each week and lets a tenth of a second creep in ten times.
"""

import enum
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from homeroom import limits
from homeroom.proving.growth import student_quantile

__all__ = ["Better", "History", "Regression", "find_regressions"]

_RUNS_MIN: Final = 5
_SHUFFLES_AT_ONCE: Final = 200
_Floats = npt.NDArray[np.float64]


class Better(enum.Enum):
    """Which way a figure should go."""

    LOWER = "lower"
    HIGHER = "higher"


@dataclass(frozen=True, slots=True)
class History:
    """A figure of all runs, the oldest first, since its level was last accepted.

    Attributes
    ----------
    figures : at or above zero
    better : which way it should go
    floor : what is below it counts as this much: the figure's resolution, above zero
    """

    figures: Sequence[float]
    better: Better
    floor: float


@dataclass(frozen=True, slots=True)
class Regression:
    """A figure that became worse.

    Attributes
    ----------
    name : of the figure
    before, after : its median before and since
    since : index in the history of the first run that is worse
    times : how many times as bad as before, above 1
    """

    name: str
    before: float
    after: float
    since: int
    times: float


def find_regressions(histories: Mapping[str, History]) -> list[Regression]:
    """Return which figures have become worse by their newest runs; the worst first."""
    chance = limits.PROVING_CHANCE_MAX / max(1, 2 * len(histories))
    found = [_regression(name, history, chance) for name, history in histories.items()]
    return sorted((one for one in found if one is not None), key=lambda one: -one.times)


def _regression(name: str, history: History, chance: float) -> Regression | None:
    skipped = max(0, len(history.figures) - limits.PROVING_HISTORY_MAX)
    figures = np.maximum(np.asarray(history.figures[skipped:], float), history.floor)
    if figures.size <= _RUNS_MIN:
        return None
    sign = 1 if history.better is Better.LOWER else -1
    badness = sign * np.log(figures)
    since = _shifted_at(badness, chance)
    if since is None and _stands_apart(badness, chance):
        since = figures.size - 1
    if since is None:
        return None
    shift = float(np.median(badness[since:]) - np.median(badness[:since]))
    if shift < math.log(limits.PROVING_SHIFT_MIN):
        return None
    before, after = float(np.median(figures[:since])), float(np.median(figures[since:]))
    return Regression(name, before, after, skipped + since, math.exp(shift))


def _shifted_at(values: _Floats, chance: float) -> int | None:
    """Return where the level shifts, or None if what is there may be chance."""
    apart = _apart(values[None, :])[0]
    at = int(np.argmax(apart))
    # A seed that hangs on nothing but the number of runs: the same history gets the same verdict.
    rng = np.random.default_rng(values.size)
    as_far, total = 1, limits.PROVING_SHUFFLES + 1
    for _ in range(0, limits.PROVING_SHUFFLES, _SHUFFLES_AT_ONCE):
        shuffled = rng.permuted(np.tile(values, (_SHUFFLES_AT_ONCE, 1)), axis=1)
        as_far += int((_apart(shuffled).max(axis=1) >= apart[at]).sum())
        if as_far / total > chance:
            return None
    return at + 1


def _apart(values: _Floats) -> _Floats:
    """Return for each row and split how far apart the means are, up to a factor of the row; shape (rows, n - 1)."""
    size = values.shape[1]
    before = np.arange(1, size)
    off = np.cumsum(values - values.mean(axis=1, keepdims=True), axis=1)[:, :-1]
    apart: _Floats = np.abs(off) / np.sqrt(before * (size - before))
    return apart


def _stands_apart(values: _Floats, chance: float) -> bool:
    before, newest = values[:-1], values[-1]
    spread = float(before.std(ddof=1)) * math.sqrt(1 + 1 / before.size)
    least = math.log(limits.PROVING_APART_MIN)
    return bool(
        newest - before.mean() > max(least, student_quantile(1 - chance, before.size - 1) * spread)
    )
