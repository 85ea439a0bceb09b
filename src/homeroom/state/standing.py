"""How an enrolment stands: what events about the course run as a whole say, as columns that join.

| column | said by | join |
| --- | --- | --- |
| status | enrolled, left | the latest; at one instant, left |
| outcome | passed, failed | the latest; at one instant, failed |
| completed | completed: reached, or revoked where the event says that it is not complete | the latest; then revoked |
| grade | the score of graded, completed, passed or failed | the latest, then the highest |
| progress | the progress of any of them | the greatest |

A column of codes holds places in ``STANDINGS`` (``completed``: `REACHED`, `REVOKED`), chosen so that of two at one
instant the greater code wins.

The way not taken: standings as attributes of the event beside its course, folded with everything else. Two events in
a hundred say anything of this, so those are picked out first and folded alone; a batch without any costs one look at
its tracks.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from homeroom.events.model import (
    STANDINGS,
    Float64s,
    Int32s,
    Int64s,
    UInt8s,
    UInt64s,
)
from homeroom.events.texts import sealed

__all__ = [
    "COMPLETED",
    "COMPLETIONS",
    "ENROLLED",
    "FAILED",
    "GRADE",
    "GRADED",
    "LEFT",
    "OUTCOME",
    "PASSED",
    "PROGRESS",
    "REACHED",
    "RESULTS",
    "REVOKED",
    "STANDING_CODES",
    "STANDING_RANKS",
    "STATUS",
    "StandingBatch",
    "standing_batch",
]

STATUS: Final = "status"
OUTCOME: Final = "outcome"
COMPLETED: Final = "completed"
GRADE: Final = "grade"
PROGRESS: Final = "progress"

ENROLLED, LEFT = STANDINGS.index("enrolled"), STANDINGS.index("left")
PASSED, FAILED = STANDINGS.index("passed"), STANDINGS.index("failed")
REACHED, REVOKED = 0, 1
COMPLETIONS: tuple[str, ...] = ("reached", "revoked")
"""What a code of ``completed`` stands for."""

STANDING_CODES: Mapping[str, tuple[int, ...]] = {
    STATUS: (ENROLLED, LEFT),
    OUTCOME: (PASSED, FAILED),
    COMPLETED: (REACHED, REVOKED),
}
"""The codes that a column may hold, besides -1 for absent."""
STANDING_RANKS: UInt64s = sealed(np.arange(len(STANDINGS), dtype=np.uint64))
"""Of two codes at one instant the greater one is kept."""

RESULTS: tuple[str, ...] = ("score", "progress", "completion")
"""The columns of an event that say more of its standing."""

_COMPLETED = STANDINGS.index("completed")
GRADED: tuple[int, ...] = (STANDINGS.index("graded"), _COMPLETED, PASSED, FAILED)
"""The standings whose score is a grade of the course run."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StandingBatch:
    """What the events that say anything of a standing say: columns of length n, none that says nothing.

    ``key_hi``, ``key_lo`` uint64, the enrolment; ``time_ms`` int64; ``codes`` int32 by column (-1: says nothing of
    it); ``latest`` and ``greatest`` float64 by column (NaN: nothing), of which the latest or the greatest is kept.
    """

    key_hi: UInt64s
    key_lo: UInt64s
    time_ms: Int64s
    codes: Mapping[str, Int32s]
    latest: Mapping[str, Float64s]
    greatest: Mapping[str, Float64s]


def standing_batch(
    keys: tuple[UInt64s, UInt64s],
    time_ms: Int64s,
    said: UInt8s,
    results: Mapping[str, npt.NDArray[Any] | None],
) -> StandingBatch:
    """Return what events with a standing say, as columns that no event says anything of left out.

    Parameters
    ----------
    keys : of the enrolments, hi and lo, uint64 of shape (n,)
    time_ms : int64 of shape (n,)
    said : places in ``STANDINGS``, uint8 of shape (n,), none of them 0
    results : the columns ``score``, ``progress`` and ``completion`` of an `EventBatch` for these events
    """
    codes = {
        STATUS: _codes_of(said, STATUS),
        OUTCOME: _codes_of(said, OUTCOME),
        COMPLETED: np.where(said == _COMPLETED, np.int32(REACHED), np.int32(-1)),
    }
    score, progress, completion = (results[name] for name in RESULTS)
    if completion is not None:
        codes[COMPLETED][(said == _COMPLETED) & (completion == 0)] = REVOKED
    latest, greatest = {}, {}
    if score is not None:
        latest[GRADE] = np.where(np.isin(said, GRADED), score, np.nan)
    if progress is not None:
        greatest[PROGRESS] = progress
    return StandingBatch(
        key_hi=sealed(keys[0]),
        key_lo=sealed(keys[1]),
        time_ms=sealed(time_ms),
        codes={name: sealed(column) for name, column in codes.items() if (column >= 0).any()},
        latest={name: sealed(c) for name, c in latest.items() if not np.isnan(c).all()},
        greatest={name: sealed(c) for name, c in greatest.items() if not np.isnan(c).all()},
    )


def _codes_of(said: UInt8s, name: str) -> Int32s:
    return np.where(np.isin(said, STANDING_CODES[name]), said.astype(np.int32), np.int32(-1))
