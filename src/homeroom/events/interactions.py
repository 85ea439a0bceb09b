"""What a learner answered, and where in a video they were: what of it may be kept, whatever a log writes there.

The problem: answers and positions stand in parts of a log that nobody checks. A player writes its position as a
number, as an ISO 8601 duration, as nothing; a plugin writes an answer as a text, a list, an object. A field that is
odd says nothing, and must not cost the event: the learner was there that day.

An answer is kept where the question offers its answers, so that it is one of a few texts that the course's authors
wrote. Where the question wants a number, what is kept is only what can be one: a learner can type anything there, and
free text may name somebody.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, TypedDict

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from homeroom.events.model import Float64s, Int64s
from homeroom.events.statements import Context, Result, ResultExtensions, Target, duration_ms
from homeroom.limits import ANSWER_BYTES_MAX

__all__ = [
    "CHOICES_BETWEEN",
    "PlacesInVideos",
    "answers_of",
    "chosen_answer",
    "number_answer",
    "places_in_videos",
    "seconds",
]

CHOICES_BETWEEN: Final = "[,]"
"""What stands between the choices of one answer (xAPI 1.0.3, Data, 2.4.4.1, on interaction activities)."""

_NUMBER: Final = re.compile(r"(?=\D*\d)(?:[\d\s.,:%()*/^+-]|(?<=\d)[eE])+", re.ASCII)


def chosen_answer(response: object) -> str | None:
    """Return an answer to a question that offers its answers, None if it holds none.

    Several choices are joined by ``[,]`` in their order; an answer beyond the bound is left out.
    """
    if isinstance(response, list | tuple):
        if not all(isinstance(choice, str) for choice in response):
            return None
        response = CHOICES_BETWEEN.join(response)
    if not isinstance(response, str | int | float):
        return None
    text = str(response).lower() if isinstance(response, bool) else str(response).strip()
    # Bytes are counted only where characters leave it open: of a text that is far too long none are made.
    fits = len(text) <= ANSWER_BYTES_MAX and len(text.encode()) <= ANSWER_BYTES_MAX
    return text if text and fits else None


def number_answer(response: object) -> str | None:
    """Return an answer to a question that wants a number, None if it has letters in it or no digit.

    A range (``[:]`` between two numbers, which is xAPI's form), a fraction and a small calculation are numbers here.
    """
    text = chosen_answer(response)
    if text is None or not _NUMBER.fullmatch(text.replace("[:]", ":")):
        return None
    return text


def seconds(values: Sequence[Any]) -> Float64s | None:
    """Return values as seconds, float64 of shape (n,), NaN where one is none; None if none of them is any.

    A number counts seconds, a text is an ISO 8601 duration. What is negative is no place in a video.
    """
    try:
        column: Float64s = pa.array(values, pa.float64()).to_numpy(zero_copy_only=False)
    except (pa.ArrowInvalid, pa.ArrowTypeError):
        column = np.array([_number(value) for value in values], np.float64)
    odd = ~(column >= 0) | np.isinf(column)
    if odd.all():
        return None
    return np.where(odd, np.nan, column) if odd.any() else column


_ANSWERS: Final[Mapping[str, Callable[[object], str | None]]] = {
    "choice": chosen_answer,
    "true-false": chosen_answer,
    "likert": chosen_answer,
    "numeric": number_answer,
}
"""Types of interaction whose responses are kept (xAPI 1.0.3, Data, 2.4.4.1); of others they may be free text."""


def answers_of(
    targets: Sequence[Target], results: Sequence[Result], places: Sequence[int]
) -> list[str | None] | None:
    """Return what was answered in statements, of which only those at some places may hold it; None if none does."""
    answers: list[str | None] = [None] * len(results)
    for place in places:
        interaction = targets[place].definition.interaction
        if isinstance(interaction, str) and interaction in _ANSWERS:
            answers[place] = _ANSWERS[interaction](results[place].response)
    return None if answers.count(None) == len(answers) else answers


class PlacesInVideos(TypedDict, total=False):
    """Columns of seconds, as ``RawEvents`` has them, those that any statement has."""

    position_s: Float64s
    position_from_s: Float64s
    length_s: Float64s


def places_in_videos(
    extensions: Sequence[ResultExtensions],
    contexts: Sequence[Context],
    is_seek: npt.NDArray[np.bool_],
) -> PlacesInVideos:
    """Return where in a video statements happened (video profile, 5.1 and 5.2).

    Where it began and where it led are looked for in statements that are seeks, or that say no time.
    """
    time = seconds([one.time for one in extensions])
    every = np.arange(len(extensions))
    rows = every if time is None else np.flatnonzero(is_seek | np.isnan(time))
    some = [extensions[row] for row in rows.tolist()]
    found = {
        "position_s": _filled(time, rows, seconds([one.time_to for one in some]), every),
        "position_from_s": _filled(None, rows, seconds([one.time_from for one in some]), every),
        "length_s": _filled(
            _lengths(contexts), every, seconds([one.length for one in extensions]), every
        ),
    }
    return {name: column for name, column in found.items() if column is not None}  # type: ignore[return-value]


def _lengths(contexts: Sequence[Context]) -> Float64s | None:
    try:
        return seconds([context.extensions.length for context in contexts])  # type: ignore[union-attr]
    except AttributeError:
        return seconds([getattr(context.extensions, "length", None) for context in contexts])


def _filled(
    column: Float64s | None, rows: Int64s, values: Float64s | None, every: Int64s
) -> Float64s | None:
    """Return a column with the values of some rows in place of its own, where these have one."""
    if values is None:
        return column
    whole = np.full(len(every), np.nan) if column is None else column.copy()
    known = ~np.isnan(values)
    whole[rows[known]] = values[known]
    return whole


def _number(value: object) -> float:
    if isinstance(value, str):
        found = duration_ms(value)
        return found / 1_000 if found >= 0 else float("nan")
    if not isinstance(value, int | float):
        return float("nan")
    try:
        return float(value)
    except OverflowError:
        return float("nan")
