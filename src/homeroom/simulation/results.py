"""What the codes of results mean: the one place from which columns, CSV and xAPI take them."""

from dataclasses import dataclass
from functools import cache

from homeroom.simulation.sessions import ANSWERED, PASSED, PAUSED, PLAYED, RESULTS, WATCHED

__all__ = ["Result", "results"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """The result of an event; shares are from 0 to 1, ``position`` is where in the video it happened."""

    score: float | None = None
    success: bool | None = None
    completion: bool | None = None
    progress: float | None = None
    position: float | None = None


@cache
def results() -> tuple[Result, ...]:
    """Return the meaning of every code, by its position."""
    meanings = [Result()] * RESULTS
    for percent in range(101):
        share = percent / 100
        for success in (False, True):
            meanings[ANSWERED + 2 * percent + success] = Result(score=share, success=success)
        meanings[PAUSED + percent] = Result(progress=share, position=share)
        meanings[PLAYED + percent] = Result(position=share)
    meanings[WATCHED] = Result(completion=True, progress=1.0, position=1.0)
    meanings[PASSED] = Result(success=True, completion=True)
    return tuple(meanings)
