"""What the answer to a question must hold, as a request says it: entries, vectors, and how old a share may be.

    Homeroom-After: node/…/analytic/17/…, other/…/analytic/3      tokens, and pairs of a vector without a stamp
    Homeroom-Fresh: 2s                                            each region's share is at most so old
    Homeroom-Wait: 500ms                                          for so long, and then a 504

Each may stand in the query too (``?after=…&after=…&fresh=2s&wait=500ms``); of several spans the least counts. What a
client has written at several nodes is named by several tokens; what an answer held, by its vector, as it was told.
"""

import re
from collections.abc import Sequence
from typing import Final

from homeroom import limits
from homeroom.cohorts.live import Wanted
from homeroom.errors import InputError
from homeroom.log.origins import Origin, Token, Vector
from homeroom.serve.problems import ProblemError
from homeroom.serve.requests import Asked

__all__ = ["read_after", "seconds_of", "wanted_of"]

_SPAN: Final = re.compile(r"([0-9]{1,4}(?:\.[0-9]{1,3})?)(ms|s|)")
_UNITS: Final = {"ms": 0.001, "s": 1.0, "": 1.0}
_PARTS_OF_PAIR: Final = 4


def wanted_of(request: Asked) -> Wanted:
    """Return what a request wants of an answer. Raises `ProblemError`."""
    wait_s = _seconds(request, "wait")
    return Wanted(
        after=read_after(_given(request, "after")),
        lag_s_max=_seconds(request, "fresh"),
        wait_ms=None if wait_s is None else round(1_000 * wait_s),
    )


def read_after(written: Sequence[str]) -> Vector:
    """Return the vector that an answer must hold; each text is tokens or pairs, with commas between.

    Raises `ProblemError` for what is neither, and for too many.
    """
    items = [item.strip() for text in written for item in text.split(",")]
    if len(items) > limits.AFTER_MAX:
        raise ProblemError(
            "bad-token",
            f"after names more than {limits.AFTER_MAX} entries",
            {"field": "after", "bound": "AFTER_MAX"},
        )
    wanted = Vector()
    try:
        for item in items:
            wanted = wanted.joined(_entry(item))
    except (InputError, ValueError):
        raise ProblemError(
            "bad-token",
            "after is no token; it must be one that an acknowledgement gave (Homeroom-Token), or an origin of a vector "
            "with its number, such as node/…/analytic/17",
            {"field": "after"},
        ) from None
    return wanted


def _entry(item: str) -> dict[Origin, int]:
    """Read a token, or a pair of a vector. Raises `InputError` or `ValueError`."""
    if item.count("/") == _PARTS_OF_PAIR - 1:
        origin, _, number = item.rpartition("/")
        if not (number.isascii() and number.isdigit()):
            raise ValueError(item)
        return {Origin.parse(origin): int(number)}
    token = Token.parse(item)
    return {token.origin: token.number}


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
