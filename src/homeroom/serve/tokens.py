"""Tokens and vectors, as requests name them: what an answer is after, and what a batch is stamped after.

    node/…/analytic/17/…      a token, as an acknowledgement gave it: an entry and its stamp
    node/…/analytic/17        a pair of a vector, which has no stamp

A client that has written at one node and writes at another names what it wrote, so that the second entry is stamped
later than the first: where two of them say something of one thing, the later one counts.
"""

from collections.abc import Sequence
from typing import Final

from homeroom import limits
from homeroom.errors import InputError
from homeroom.log.origins import Origin, Token, Vector
from homeroom.serve.problems import ProblemError

__all__ = ["read_after", "stamp_after"]

_PARTS_OF_PAIR: Final = 4


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


def stamp_after(written: str) -> int:
    """Return the latest stamp of the tokens that a batch comes after; 0 if they are pairs without one.

    Raises `ProblemError` like `read_after`.
    """
    read_after([written])
    items = [item.strip() for item in written.split(",")]
    tokens = [item for item in items if item.count("/") >= _PARTS_OF_PAIR]
    return max((Token.parse(one).hybrid for one in tokens), default=0)


def _entry(item: str) -> dict[Origin, int]:
    """Read a token, or a pair of a vector. Raises `InputError` or `ValueError`."""
    if item.count("/") == _PARTS_OF_PAIR - 1:
        origin, _, number = item.rpartition("/")
        if not (number.isascii() and number.isdigit()):
            raise ValueError(item)
        return {Origin.parse(origin): int(number)}
    token = Token.parse(item)
    return {token.origin: token.number}
