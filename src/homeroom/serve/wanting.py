"""What the answer to a question must hold, as a request says it: entries, vectors, and how old a share may be.

    Homeroom-After: node/…/analytic/17/…, other/…/analytic/3      tokens, and pairs of a vector without a stamp
    Homeroom-Fresh: 2s                                            each region's share is at most so old
    Homeroom-Wait: 500ms                                          for so long, and then a 504

Each may stand in the query too (``?after=…&after=…&fresh=2s&wait=500ms``); of several spans the least counts. What a
client has written at several nodes is named by several tokens; what an answer held, by its vector, as it was told.
"""

import re
from typing import Final

from homeroom import limits
from homeroom.cohorts.live import Wanted
from homeroom.serve.problems import ProblemError
from homeroom.serve.requests import Asked
from homeroom.serve.tokens import read_after

__all__ = ["seconds_of", "wanted_of"]

_SPAN: Final = re.compile(r"([0-9]{1,4}(?:\.[0-9]{1,3})?)(ms|s|)")
_UNITS: Final = {"ms": 0.001, "s": 1.0, "": 1.0}


def wanted_of(request: Asked) -> Wanted:
    """Return what a request wants of an answer. Raises `ProblemError`."""
    wait_s = _seconds(request, "wait")
    return Wanted(
        after=read_after(_given(request, "after")),
        lag_s_max=_seconds(request, "fresh"),
        wait_ms=None if wait_s is None else round(1_000 * wait_s),
    )


def seconds_of(field: str, text: str) -> float:
    """Return a span of time, written as ``2s``, ``500ms`` or ``2``, in seconds. Raises `ProblemError`."""
    found = _SPAN.fullmatch(text.strip())
    seconds = float(found[1]) * _UNITS[found[2]] if found else -1.0
    if not 0 <= seconds <= limits.FRESH_S_MAX:
        raise ProblemError(
            "bad-request",
            f"{field} must be a span of time up to {limits.FRESH_S_MAX:,} s, such as 2s or 500ms",
            {"field": field, "bound": "FRESH_S_MAX"},
        )
    return seconds


def _seconds(request: Asked, field: str) -> float | None:
    """Return the least span of those that a request gives for a field; None if it gives none."""
    spans = [seconds_of(field, text) for text in _given(request, field)]
    return min((one for one in spans if one is not None), default=None)


def _given(request: Asked, field: str) -> list[str]:
    """Return what headers and query say of a field."""
    given = request.headers.getall(f"homeroom-{field}", [])
    return [*given, *request.query_params.getall(field, [])]
