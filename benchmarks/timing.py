"""Times of many runs of one thing, and the hash of what it answered.

A median says how quick something usually is, P99 and the maximum whether somebody would notice a stall; both need
runs enough. What is timed must also be right, so a timing never comes without the result, whose hash two machines,
or today and next year, can compare.
"""

import hashlib
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

__all__ = ["Timing", "hash_of", "timed", "timing_of"]

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Timing:
    """Milliseconds of several runs."""

    median_ms: float
    min_ms: float
    p99_ms: float
    max_ms: float
    runs: int

    def to_json(self) -> dict[str, Any]:
        """Return the figures as JSON-ready data, to a microsecond."""
        return {
            name: round(value, 3) if isinstance(value, float) else value
            for name in self.__slots__
            for value in (getattr(self, name),)
        }


def timing_of(seconds: list[float]) -> Timing:
    """Sum up the seconds of single runs."""
    ordered = sorted(second * 1e3 for second in seconds)
    rank = math.ceil(0.99 * len(ordered)) - 1
    middle = float(np.median(ordered))
    return Timing(middle, ordered[0], ordered[rank], ordered[-1], len(ordered))


def timed(work: Callable[[], _T], runs: int, warm: int = 1) -> tuple[Timing, _T]:
    """Run ``work`` so often, after ``warm`` runs that are not counted; return the times and the last result."""
    for _ in range(warm):
        work()
    seconds = []
    for _ in range(max(runs, 1)):
        start = time.perf_counter()
        result = work()
        seconds.append(time.perf_counter() - start)
    return timing_of(seconds), result


def hash_of(*arrays: npt.NDArray[Any]) -> str:
    """Return 16 hexadecimal digits that are equal for equal shapes and values."""
    digest = hashlib.sha256()
    for array in arrays:
        digest.update(str(array.shape).encode())
        digest.update(np.ascontiguousarray(array, np.int64).tobytes())
    return digest.hexdigest()[:16]
