"""From a question back to the command that asks it: what stands under each chart of a page."""

import datetime as dt
import shlex
from collections.abc import Callable, Mapping
from typing import Any, Final

from homeroom.cli.reading import READ_FLAGS
from homeroom.cohorts.questions import Condition, Question
from homeroom.cohorts.questions.behaviour import Exclusion, Step

__all__ = ["as_command", "question_words"]


def as_command(question: Question, flags: Mapping[str, Any]) -> str:
    """Write the command that asks a question of what the flags of another command have read."""
    words = ["homeroom", "query", question.name, *flags["paths"]]
    for name in ("data", *READ_FLAGS):
        # Where rejects and names were written is no part of the question, and no business of the page's readers.
        if flags.get(name) is not None and name not in ("rejects", "names"):
            words += [f"--{name}", flags[name]]
    return shlex.join((*words, *question_words(question, flags.get("definitions"))))


def question_words(question: Question, definitions: str | None) -> list[str]:
    """Write the fields of a question that are not at their defaults as flags.

    ``definitions`` is the file in which its cohorts are defined.
    """
    words: list[str] = []
    for name in question.to_dict():
        if name == "question":
            continue
        if name == "definitions":
            words += ["--definitions", definitions or "FILE"]
            continue
        if name == "brackets":
            words += ["--brackets", ",".join(map(_bracket, getattr(question, name)))]
            continue
        field = {"from": "from_"}.get(name, name)
        flag = _FLAGS.get(name, f"--{name.replace('_', '-')}")
        words += _words(flag, getattr(question, field))
    return words


def _words(flag: str, value: object) -> list[str]:
    if value is True:
        return [flag]
    if isinstance(value, tuple) and flag not in _JOINED:
        return [word for one in value for word in (flag, _text(one))]
    return [flag, _text(value)]


def _text(value: object) -> str:
    write = _WRITTEN.get(type(value))
    return write(value) if write else str(value)


def _list(values: tuple[object, ...]) -> str:
    return ",".join(_text(value) for value in values)


def _where(conditions: tuple[Condition, ...]) -> str:
    return " and ".join(map(str, conditions)) if conditions else "any"


def _bracket(bracket: tuple[int, int]) -> str:
    first, last = bracket
    return str(first) if first == last else f"{first}-{last}"


def _step(step: Step) -> str:
    return f"{step.name}: {_where(step.where)}" if step.name else _where(step.where)


def _exclusion(one: Exclusion) -> str:
    between = f"{one.between[0]}-{one.between[1]}: " if one.between else ""
    return between + _where(one.where)


_FLAGS: Final = {"filters": "--filter", "steps": "--step"}
_JOINED: Final = ("--compare", "--cohorts", "--changed", "--beyond", "--unless")
"""Flags whose several values stand in one word."""
_WRITTEN: Final[Mapping[type, Callable[[Any], str]]] = {
    dt.datetime: dt.datetime.isoformat,
    tuple: _list,
    Step: _step,
    Exclusion: _exclusion,
}
