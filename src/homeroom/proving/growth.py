"""How a figure grows with the number of learners: fitted, with an interval, and what to suspect if it grows too fast.

The figure is taken to be a power of the size, so its logarithm is a line over the logarithm of the size, and the slope
is the exponent: 1 is linear, 2 is square. Ordinary least squares with Student's t, since there are three to ten runs
and a normal interval would be far too narrow for them. The way not taken is a fit of ``a + b n``: the largest run then
decides alone, and what it says is a cost a learner, which is no answer to whether it grows.

A figure *grows linearly at most* when the whole interval lies at or under `limits.PROVING_EXPONENT_MAX`, *faster* when
the whole interval lies above, and in between it is not decided: more runs, or sizes further apart, are needed.
"""

import enum
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from homeroom import limits
from homeroom.errors import ProvingError

__all__ = ["Growth", "Shape", "fit_growth", "student_quantile", "suspect"]

_BISECTIONS: Final = 80


class Shape(enum.Enum):
    """What the interval of an exponent says."""

    LINEAR = "at most linear"
    FASTER = "faster than linear"
    UNDECIDED = "not decided"


@dataclass(frozen=True, slots=True)
class Growth:
    """A fitted power of the size.

    Attributes
    ----------
    exponent : the fitted one
    low, high : ends of its 95 % interval
    factor : the fitted figure at size 1, in the figure's unit
    runs : how many it was fitted to
    scatter : standard deviation of the logarithm of a run about the fit
    middle, spread : mean of the logarithms of the sizes, and sum of the squares of their distances from it
    """

    exponent: float
    low: float
    high: float
    factor: float
    runs: int
    scatter: float
    middle: float
    spread: float

    @property
    def shape(self) -> Shape:
        """Return what the interval says."""
        if self.high <= limits.PROVING_EXPONENT_MAX:
            return Shape.LINEAR
        return Shape.FASTER if self.low > limits.PROVING_EXPONENT_MAX else Shape.UNDECIDED

    def at(self, size: float) -> float:
        """Return the fitted figure at a size."""
        return self.factor * math.pow(size, self.exponent)

    def interval_at(self, size: float) -> tuple[float, float]:
        """Return between which figures one more run of this size lies, 95 times in 100."""
        off = (math.log(size) - self.middle) ** 2 / self.spread
        half = (
            student_quantile(0.975, self.runs - 2)
            * self.scatter
            * math.sqrt(1 + 1 / self.runs + off)
        )
        return self.at(size) * math.exp(-half), self.at(size) * math.exp(half)


def fit_growth(sizes: Sequence[float], figures: Sequence[float]) -> Growth:
    """Fit the exponent of figures over sizes, both positive, one pair a run.

    Raises
    ------
    ProvingError
        There are fewer than three runs or two sizes, or one of the numbers is not positive.
    """
    if len(sizes) != len(figures) or len(sizes) < 3 or len(set(sizes)) < 2:
        raise ProvingError(
            f"growth is fitted to {len(sizes)} sizes and {len(figures)} figures; it needs a figure for each of three "
            f"runs or more, of two sizes or more"
        )
    if not all(0 < value < math.inf for value in (*sizes, *figures)):
        raise ProvingError("growth is fitted to sizes and figures above zero; one of these is not")
    x, y = np.log(np.asarray(sizes, float)), np.log(np.asarray(figures, float))
    middle = x.mean()
    spread = float(((x - middle) ** 2).sum())
    exponent = float(((x - middle) * y).sum()) / spread
    offset = float(y.mean()) - exponent * float(middle)
    left = y - offset - exponent * x
    scatter = math.sqrt(float((left**2).sum()) / (len(sizes) - 2))
    half = student_quantile(0.975, len(sizes) - 2) * scatter / math.sqrt(spread)
    return Growth(
        exponent=exponent,
        low=exponent - half,
        high=exponent + half,
        factor=math.exp(offset),
        runs=len(sizes),
        scatter=scatter,
        middle=float(middle),
        spread=spread,
    )


def suspect(sizes: Sequence[float], stages: Mapping[str, Sequence[float]]) -> str | None:
    """Return the stage to which most of what is above linear belongs, or None where there is nothing above.

    Parameters
    ----------
    sizes : of the runs
    stages : by name how long each took in each run, in one unit
    """
    small, large = int(np.argmin(sizes)), int(np.argmax(sizes))
    times = sizes[large] / sizes[small]
    excess = {name: took[large] - times * took[small] for name, took in stages.items()}
    worst = max(excess, key=lambda name: excess[name], default=None)
    return worst if worst is not None and excess[worst] > 0 else None


def student_quantile(share: float, freedom: int) -> float:
    """Return Student's t below which this share (0.5 to 1) lies; ``freedom`` are whole degrees of freedom from 1."""
    assert 0.5 <= share < 1, share
    assert freedom >= 1, freedom
    low, high = 0.0, 1.0
    while _student_share(high, freedom) < share:
        high *= 2
    for _ in range(_BISECTIONS):
        middle = (low + high) / 2
        low, high = (middle, high) if _student_share(middle, freedom) < share else (low, middle)
    return high


def _student_share(t: float, freedom: int) -> float:
    """Return the share below t (Abramowitz and Stegun 1964, 26.7.3 and 26.7.4: finite sums for whole degrees)."""
    angle = math.atan(t / math.sqrt(freedom))
    odd = freedom % 2
    term, total = (math.cos(angle) if odd else 1.0), 0.0
    for step in range(2 + odd, freedom + 1, 2):
        total += term
        term *= math.cos(angle) ** 2 * (step - 1) / step
    total *= math.sin(angle)
    within = 2 / math.pi * (angle + total) if odd else total
    return (1 + within) / 2
