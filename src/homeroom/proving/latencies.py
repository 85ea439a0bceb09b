"""How long answers took, each kept to within half a percent, in a fixed number of counters.

Counters stand for ranges that are 256 to a doubling (as in HDR histograms: Tene 2015), so a P99 of ten hours costs no
more than that of ten seconds, and histograms of several runs or processes are added without losing anything. What is
told is the upper end of a range: never too good, and too bad by 0.4 % at most. A list of all times was the way not
taken: an hour at the rates that are proven has some hundred million of them.
"""

from collections.abc import Iterable
from typing import Any, Final

import numpy as np

from homeroom.events.model import Int64s

__all__ = ["RELATIVE_ERROR", "Latencies"]

_SHIFT: Final = 8
_PER_DOUBLING: Final = 1 << _SHIFT
_DOUBLINGS: Final = 28
RELATIVE_ERROR: Final = 1 / _PER_DOUBLING
"""What is told is at most so much, as a share, above what was measured; below 256 µs a microsecond."""
_US_MAX: Final = (1 << (_SHIFT + _DOUBLINGS)) - 1


class Latencies:
    """Counts of times from a microsecond to 19 hours; what is longer counts as that."""

    def __init__(self) -> None:
        self._counts = np.zeros(_PER_DOUBLING * (_DOUBLINGS + 1), np.int64)
        self._max_us = 0

    def __len__(self) -> int:
        """Return how many times were added."""
        return int(self._counts.sum())

    def add(self, ms: float) -> None:
        """Add one time, in milliseconds."""
        us = min(max(round(ms * 1_000), 0), _US_MAX)
        self._counts[_place(us)] += 1
        self._max_us = max(self._max_us, us)

    def add_all(self, many_ms: Iterable[float]) -> None:
        """Add times, in milliseconds."""
        for ms in many_ms:
            self.add(ms)

    def join(self, other: "Latencies") -> None:
        """Add all that another has."""
        self._counts += other.counts()
        self._max_us = max(self._max_us, other.max_us)

    @property
    def max_us(self) -> int:
        """The longest time, in microseconds."""
        return self._max_us

    def counts(self) -> Int64s:
        """Return a copy of the counters, int64."""
        return self._counts.copy()

    def quantile_ms(self, share: float) -> float | None:
        """Return the time within which this share of answers came; None if there were none."""
        total = len(self)
        if total == 0:
            return None
        rank = min(max(int(np.ceil(share * total)), 1), total)
        return self._upper_ms(int(np.searchsorted(np.cumsum(self._counts), rank)))

    def quantile_interval_ms(self, share: float) -> tuple[float, float] | None:
        """Return the 95 % interval of a quantile, from the ranks that it may have (normal to the binomial)."""
        total = len(self)
        if total == 0:
            return None
        half = 1.959964 * (share * (1 - share) / total) ** 0.5
        low, high = self.quantile_ms(share - half), self.quantile_ms(min(share + half, 1.0))
        assert low is not None
        assert high is not None
        return low, high

    def to_json(self) -> dict[str, Any]:
        """Return count, quantiles, and the counters that are not zero with the upper ends of their ranges."""
        used = np.flatnonzero(self._counts)
        return {
            "count": len(self),
            "relative_error": RELATIVE_ERROR,
            "p50_ms": self.quantile_ms(0.5),
            "p90_ms": self.quantile_ms(0.9),
            "p99_ms": self.quantile_ms(0.99),
            "p999_ms": self.quantile_ms(0.999),
            "max_ms": self._max_us / 1_000,
            "upper_ms": [self._upper_ms(int(place)) for place in used],
            "counts": self._counts[used].tolist(),
        }

    def _upper_ms(self, place: int) -> float:
        return min(int(_uppers()[place]), self._max_us) / 1_000


def _place(us: int) -> int:
    """Return the counter of a time: itself below 256, then 256 ranges a doubling."""
    over = max(us.bit_length() - _SHIFT - 1, 0)
    return over * _PER_DOUBLING + (us >> over)


def _uppers() -> Int64s:
    """Return the last microsecond of each range, int64 of shape (counters,)."""
    places = np.arange(_PER_DOUBLING * (_DOUBLINGS + 1), dtype=np.int64)
    over = np.maximum(places // _PER_DOUBLING - 1, 0)
    uppers: Int64s = ((places - over * _PER_DOUBLING + 1) << over) - 1
    return uppers
