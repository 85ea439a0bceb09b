"""A question as a form, as an address, as TOML and as a command: one list of controls says how each kind is asked.

The names in an address are those of `docs/reference/definitions.md`, as a file of TOML has them; a field that holds
several things is given several times, or a line each. So an address is a question that people can read, write and send
to each other, and what a page shows is made from nothing else.
"""

import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, get_args
from urllib.parse import urlencode

from homeroom.cohorts.questions import Align, Interval, Match, Mode, WeekStart
from homeroom.cohorts.questions.behaviour import By, Count, Fold, Order

__all__ = ["KINDS", "Control", "address_of", "command_of", "toml_of", "written_of"]


@dataclass(frozen=True, slots=True)
class Control:
    """One control of a form.

    Parameters
    ----------
    name : of the field
    kind : ``choice``, ``text``, ``date``, ``lines`` (several things, a line each), ``names`` (with commas), ``cohort``
    choices : of a choice, the first is what holds where nothing is chosen
    flag : of the command line
    """

    name: str
    kind: str
    choices: tuple[str, ...] = ()
    flag: str = ""

    @property
    def option(self) -> str:
        """The flag of the command line that says the same."""
        return f"--{self.flag or self.name.replace('_', '-')}"


def _choice(name: str, kind: Any, first: str) -> Control:  # noqa: ANN401 - a Literal
    return Control(name, "choice", (first, *(one for one in get_args(kind) if one != first)))


_COMMON: Final = (
    Control("course", "text"),
    Control("from", "date"),
    Control("to", "date"),
    Control("cohort", "cohort"),
    Control("breakdown", "text"),
    Control("compare", "names"),
    Control("filters", "lines", flag="filter"),
    Control("timezone", "text"),
    _choice("week_start", WeekStart, "monday"),
    Control("as_of", "text"),
)
KINDS: Final[Mapping[str, tuple[Control, ...]]] = {
    "retention": (
        _choice("interval", Interval, "week"),
        _choice("mode", Mode, "first-time"),
        _choice("match", Match, "on"),
        Control("brackets", "names"),
        _choice("align", Align, "calendar"),
        Control("entry", "lines"),
        Control("returning", "lines"),
        *_COMMON,
    ),
    "lifecycle": (_choice("interval", Interval, "week"), *_COMMON),
    "stickiness": (_choice("interval", Interval, "day"), *_COMMON),
    "funnel": (
        Control("steps", "lines", flag="step"),
        Control("within", "text"),
        _choice("order", Order, "ordered"),
        _choice("count", Count, "best"),
        Control("exclude", "lines"),
        *_COMMON,
    ),
    "paths": (
        Control("after", "lines"),
        Control("before", "lines"),
        _choice("by", By, "verb"),
        _choice("fold", Fold, "loops"),
        Control("within", "text"),
        *_COMMON,
    ),
}
"""The controls of each kind of question that has a page of its own."""

_MAIN: Final = ("interval", "mode", "match", "align", "order", "count", "by", "fold")
FIRST: Final = (*_MAIN, "steps", "after", "before", "within", "brackets", "course", "from", "to")
"""Controls that are seen at once; the others are folded away until one of them is used."""


def written_of(kind: str, pairs: Iterable[tuple[str, str]]) -> dict[str, Any]:
    """Return the question that an address asks, as plain data; what is empty, or no field of this kind, is left out.

    What its fields hold is not looked at: that is the affair of `homeroom.cohorts.questions.parse_question`.
    """
    controls = {one.name: one for one in KINDS[kind]}
    written: dict[str, Any] = {"question": kind}
    for name, text in pairs:
        control, given = controls.get(name), text.strip()
        if control is None or not given or given == next(iter(control.choices), None):
            continue
        if control.kind in ("lines", "names"):
            sign = "\n" if control.kind == "lines" else ","
            pieces = [piece.strip() for piece in given.split(sign)]
            written.setdefault(name, []).extend(piece for piece in pieces if piece)
        else:
            written[name] = given
    course = written.pop("course", None)
    if course is not None:
        written.setdefault("filters", []).insert(0, f"course={course}")
    return written


def address_of(kind: str, written: Mapping[str, Any], suffix: str = "") -> str:
    """Return the address of a question's page, or with a suffix such as ``.csv`` that of its numbers."""
    pairs = [
        (name, one)
        for name, value in written.items()
        if name != "question"
        for one in (value if isinstance(value, list) else [value])
    ]
    return f"/{kind}{suffix}" + (f"?{urlencode(pairs)}" if pairs else "")


def toml_of(written: Mapping[str, Any]) -> str:
    """Return a question as a file of TOML."""
    return "".join(f"{name} = {_toml(value)}\n" for name, value in written.items())


def _toml(value: str | list[str]) -> str:
    if isinstance(value, list):
        return f"[{', '.join(map(_toml, value))}]"
    # A basic string (TOML 1.0) escapes what JSON escapes, and the one more that JSON lets stand.
    shown = "".join(_ESCAPED.get(c, c if c.isprintable() else f"\\U{ord(c):08x}") for c in value)
    return f'"{shown}"'


_ESCAPED: Final = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\t": "\\t"}


def command_of(kind: str, written: Mapping[str, Any]) -> str:
    """Return the command that asks a data directory the same."""
    words = ["homeroom", "query", kind, "--data", "DIRECTORY"]
    flags = {one.name: one for one in KINDS[kind]}
    for name, value in written.items():
        if name == "question":
            continue
        words += _flagged(flags[name], value)
    return shlex.join(words)


def _flagged(control: Control, value: str | Sequence[str]) -> list[str]:
    if control.kind == "names":
        return [control.option, ",".join(value)]
    several = [value] if isinstance(value, str) else list(value)
    return [word for one in several for word in (control.option, one)]
