"""When events and questions arrive: at times that are settled before the first one, whether answers come or not.

An open loop. A closed one, in which whoever waits for an answer asks nothing else meanwhile, asks less when the system
is slow, and so hides that it is. Arrivals are those of many who do not know of each other: a Poisson process, whose
rate follows the hours of a day.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

__all__ = ["DailyCurve", "arrival_times"]

_DAY_S: Final = 86_400
_HOUR_S: Final = 3_600


@dataclass(frozen=True, slots=True)
class DailyCurve:
    """How what happens on a day is spread over its hours: 24 weights, in any unit."""

    weights: Sequence[float]

    def __post_init__(self) -> None:
        """Have a day of 24 hours."""
        assert len(self.weights) == 24
        assert min(self.weights) >= 0 < max(self.weights)

    @property
    def peak(self) -> float:
        """How many times the mean the busiest hour is."""
        return max(self.weights) * 24 / sum(self.weights)

    def per_second(self, per_day: float, second: float) -> float:
        """Return the rate at a second of the day, of so many on the whole day."""
        hour = int(second % _DAY_S // _HOUR_S)
        return per_day / _DAY_S * self.weights[hour] * 24 / sum(self.weights)

    def peak_per_second(self, per_day: float) -> float:
        """Return the rate in the busiest hour."""
        return per_day / _DAY_S * self.peak


def arrival_times(
    rng: np.random.Generator, per_second: float, seconds: float
) -> npt.NDArray[np.float64]:
    """Return the times of a Poisson process within so many seconds, in order, in seconds from 0."""
    assert per_second > 0
    count = int(rng.poisson(per_second * seconds))
    times: npt.NDArray[np.float64] = np.sort(rng.uniform(0.0, seconds, count))
    return times
