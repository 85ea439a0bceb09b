"""What a learner answered, and where in a video they were: what of it may be kept, whatever a log writes there.

The problem: answers and positions stand in parts of a log that nobody checks. A player writes its position as a
number, as an ISO 8601 duration, as nothing; a plugin writes an answer as a text, a list, an object. A field that is
odd says nothing, and must not cost the event: the learner was there that day.

An answer is kept where the question offers its answers, so that it is one of a few texts that the course's authors
wrote. Where the question wants a number, what is kept is only what can be one: a learner can type anything there, and
free text may name somebody.
"""

import math
import re
from collections.abc import Callable, Mapping, Sequence
from itertools import chain
from typing import Any, Final, TypedDict

import numpy as np
import pyarrow as pa

from homeroom.events.model import Float64s
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


def seconds(values: Sequence[Any]) -> Float64s:
    """Return values as seconds, float64 of shape (n,), NaN where one is none.

    A number counts seconds, a text is an ISO 8601 duration. What is negative is no place in a video; what is infinite
    is left to the door, which refuses it.
    """
    try:
        return _numbers(values)
    except (pa.ArrowInvalid, pa.ArrowTypeError):
        return np.array([_number(value) for value in values], np.float64)


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
    extensions: Sequence[ResultExtensions], contexts: Sequence[Context]
) -> PlacesInVideos:
    """Return where in a video statements happened (video profile, 5.1 and 5.2).

    A seek has no time but says where it began and where it led; so only what has no time is asked for these.
    """
    count = len(extensions)
    position, length = _columns([one.time for one in extensions], _lengths(contexts))
    begun = np.full(count, np.nan)
    rows = np.flatnonzero(np.isnan(position))
    asked = [extensions[row] for row in rows.tolist()]
    led, began, in_result = _columns(
        [one.time_to for one in asked],
        [one.time_from for one in asked],
        [one.length for one in asked],
    )
    position[rows], begun[rows] = led, began
    length[rows] = np.where(np.isnan(in_result), length[rows], in_result)
    found = {"position_s": position, "position_from_s": begun, "length_s": length}
    return {name: one for name, one in found.items() if not np.isnan(one).all()}  # type: ignore[return-value]


def _columns(*lists: list[Any]) -> list[Float64s]:
    """Return what `seconds` does of each list, all in one call where they hold nothing but numbers."""
    try:
        return [*_numbers([*chain(*lists)]).reshape(len(lists), len(lists[0]))]
    except (pa.ArrowInvalid, pa.ArrowTypeError):
        return [seconds(values) for values in lists]


def _lengths(contexts: Sequence[Context]) -> list[Any]:
    try:
        return [context.extensions.length for context in contexts]  # type: ignore[union-attr]
    except AttributeError:
        return [getattr(context.extensions, "length", None) for context in contexts]


def _numbers(values: Sequence[Any]) -> Float64s:
    """Return numbers and None as float64. Raises what Arrow does where anything else is among them."""
    column: Float64s = pa.array(values, pa.float64()).to_numpy(zero_copy_only=False, writable=True)
    low = column < 0
    if low.any():
        column[low] = np.nan
    return column


def _number(value: object) -> float:
    """Return one value as seconds, NaN if it is none."""
    if isinstance(value, str):
        return duration_ms(value) / 1_000 if duration_ms(value) >= 0 else math.nan
    try:
        number = float(value) if isinstance(value, int | float) else math.nan
    except OverflowError:
        return math.nan
    return number if number >= 0 else math.nan
