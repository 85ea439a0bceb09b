"""Conditions, resolved against the data: which codes they mean, and whether the columns can answer them.

A condition names a verb by text; the columns hold codes. Each condition is looked up once among the distinct values,
after which testing a hundred million events is a table look-up each. Conditions on ``track`` alone need no history
at all: every track has its own day bits.
"""

import difflib
import math
import operator
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from homeroom.cohorts.kernels import codes as kernels
from homeroom.cohorts.questions import FLAG_FIELDS, NUMBER_FIELDS, TEXT_FIELDS, Condition
from homeroom.errors import QuestionError
from homeroom.events.columns import EVENT_COLUMNS
from homeroom.events.dictionary import Dictionaries
from homeroom.events.model import STANDINGS, TRACKS, Int8s
from homeroom.events.texts import sealed
from homeroom.state.history import Segment
from homeroom.state.table import Partition

__all__ = ["NONE", "OTHER", "Selection", "Test", "common", "event_mask", "resolve", "values_of"]

NONE = "(none)"
OTHER = "(other)"
_COMPARISONS: dict[str, Callable[[Any, float], Any]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_CODED = ("verb", "activity", "course", "section", "answer")
_PLACES = {"track": TRACKS, "standing": STANDINGS}
_LAST_PART = re.compile(r"[^/#\\]*$")
_NEAR_VALUES_MAX = 3

Flags = npt.NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Test:
    """One test of an event.

    With ``allowed``, code c of the column passes if ``allowed[c + 1]`` is 1 (place 0: absent); else the column's
    number is compared with ``numbers``.
    """

    column: str
    allowed: Flags | None = None
    op: str = "="
    numbers: tuple[float, ...] = ()

    def passes(self, column: npt.NDArray[Any]) -> npt.NDArray[np.bool_]:
        """Compare a column of numbers; one that is absent passes only ``!=``."""
        values = np.where(column < 0, np.nan, column) if self.column == "duration_ms" else column
        if self.op in ("=", "!="):
            return np.isin(values, self.numbers, invert=self.op == "!=")
        return np.asarray(_COMPARISONS[self.op](values, self.numbers[0]), np.bool_)

    def of_values(self, values: npt.NDArray[Any]) -> Flags:
        """Return which of some values of its column pass, uint8."""
        if self.allowed is None:
            return self.passes(values).astype(np.uint8)
        passing = np.append(self.allowed, np.uint8(0))  # codes beyond the table do not pass
        found: Flags = passing[np.minimum(values + 1, len(self.allowed))]
        return found

    def of_presence(self) -> "Test":
        """Return the test that an event has a value at all."""
        if self.allowed is None:
            return Test(self.column, op=">=", numbers=(-math.inf,))
        present = np.ones(len(self.allowed), np.uint8)
        present[0] = 0
        return Test(self.column, sealed(present))


@dataclass(frozen=True, slots=True, eq=False)
class Selection:
    """What passes some conditions.

    Parameters
    ----------
    tracks : codes of the tracks that pass, None if all do
    course : the one course that events must have, as a code; None if any may pass
    tests : tests that only history can make
    members : of each partition of the learners, -1 for the rows that pass and 0 for others (int8); none if all do
    members_from : what it took to find these members
    learners : attribute name and uint8 table ``allowed[code + 1]`` that a learner's value must pass
    notes : values that nothing in the data has
    """

    tracks: frozenset[int] | None = None
    course: int | None = None
    tests: tuple[Test, ...] = ()
    learners: tuple[tuple[str, Flags], ...] = ()
    notes: tuple[str, ...] = field(default=(), compare=False)
    members: tuple[tuple[Partition, Int8s], ...] = ()
    members_from: Literal["columns", "history"] = "columns"

    @property
    def needs_history(self) -> bool:
        """Whether the columns do not hold what is asked for."""
        return bool(self.tests) or (self.course is not None and self.picks_learners)

    @property
    def picks_learners(self) -> bool:
        """Whether it asks anything of the learner, beside what it asks of events."""
        return bool(self.learners) or bool(self.members)

    def of_learners(self) -> "Selection":
        """Return what it asks of learners alone."""
        return Selection(learners=self.learners, members=self.members)

    def history_tests(self) -> tuple[Test, ...]:
        """Return all tests of an event, those that columns could answer too."""
        tests = list(self.tests)
        if self.tracks is not None:
            allowed = np.zeros(len(TRACKS) + 1, np.uint8)
            allowed[[code + 1 for code in self.tracks]] = 1
            tests.append(Test("track", sealed(allowed)))
        return (*tests, *self.history_tests_of_course())

    def history_tests_of_course(self) -> tuple[Test, ...]:
        """Return the test of an event that it is of the one course, if there is one."""
        if self.course is None:
            return ()
        allowed = np.zeros(self.course + 2, np.uint8)
        allowed[self.course + 1] = 1
        return (Test("course", sealed(allowed)),)


def common(a: frozenset[int] | None, b: frozenset[int] | None) -> frozenset[int] | None:
    """Return the tracks that are in both sets; None is all tracks."""
    if a is None or b is None:
        return b if a is None else a
    return a & b


def resolve(conditions: Iterable[Condition], dictionaries: Dictionaries) -> Selection:
    """Look conditions up in the data. Raises `QuestionError` for a field that there is not."""
    chosen = Selection()
    for condition in conditions:
        chosen = _narrowed(chosen, condition, dictionaries)
    return chosen


def _narrowed(chosen: Selection, condition: Condition, dictionaries: Dictionaries) -> Selection:
    name = condition.field
    if name == "track":
        codes = _place_codes(condition)
        return replace(chosen, tracks=codes if chosen.tracks is None else chosen.tracks & codes)
    if name == "standing":
        passes = np.zeros(len(STANDINGS) + 1, np.uint8)
        passes[[code + 1 for code in _place_codes(condition)]] = 1
        return replace(chosen, tests=(*chosen.tests, Test(name, sealed(passes))))
    if name in NUMBER_FIELDS:
        test = Test(
            name, op=condition.op, numbers=tuple(float(value) for value in condition.values)
        )
        return replace(chosen, tests=(*chosen.tests, test))
    if name in FLAG_FIELDS:
        wanted = {"true": 1, "false": 0}
        hit = {wanted[value] for value in condition.values}
        allowed = [(value in hit) == (condition.op == "=") for value in (-1, 0, 1)]
        return replace(
            chosen, tests=(*chosen.tests, Test(name, sealed(np.array(allowed, np.uint8))))
        )
    if name in _CODED:
        return _with_codes(chosen, condition, getattr(dictionaries, name).values)
    if name not in dictionaries.shown_attributes:
        _refuse_field(name, dictionaries, (*NUMBER_FIELDS, *FLAG_FIELDS))
    allowed_values, notes = _allowed(condition, dictionaries.shown_attributes[name].values)
    return replace(
        chosen, learners=(*chosen.learners, (name, allowed_values)), notes=chosen.notes + notes
    )


def _with_codes(chosen: Selection, condition: Condition, values: Sequence[str]) -> Selection:
    allowed, notes = _allowed(condition, values)
    chosen = replace(chosen, notes=chosen.notes + notes)
    codes = np.flatnonzero(allowed) - 1
    single = len(codes) == 1 and codes[0] >= 0
    if condition.field == "course" and condition.op == "=" and single and chosen.course is None:
        return replace(chosen, course=int(codes[0]))
    return replace(chosen, tests=(*chosen.tests, Test(condition.field, allowed)))


def _place_codes(condition: Condition) -> frozenset[int]:
    """Return the places, in the fixed list of names of the field, that a condition lets pass."""
    names = _PLACES[condition.field]
    unknown = [value for value in condition.values if value not in names]
    if unknown:
        raise QuestionError(
            f"{condition}: {condition.field} is {unknown[0]!r}, which is none of {', '.join(names)}"
        )
    named = frozenset(names.index(value) for value in condition.values)
    return named if condition.op == "=" else frozenset(range(len(names))) - named


def _allowed(condition: Condition, values: Sequence[str]) -> tuple[Flags, tuple[str, ...]]:
    """Return the table of codes that pass, the absent one first, and notes on values that nothing has."""
    allowed = np.zeros(len(values) + 1, np.uint8)
    parts = condition.field in ("verb", "activity", "section")
    notes = []
    for wanted in condition.values:
        hits = [
            i
            for i, value in enumerate(values)
            if value == wanted or (parts and _is_last_part(wanted, value))
        ]
        allowed[[i + 1 for i in hits]] = 1
        if wanted == NONE:
            allowed[0] = 1
        elif not hits:
            short = {_LAST_PART.findall(value)[0] or value for value in values} | set(values)
            near = difflib.get_close_matches(wanted, short, n=_NEAR_VALUES_MAX, cutoff=0.5)
            hint = f"; near: {', '.join(near)}" if near else ""
            notes.append(f"no event has {condition.field} {wanted!r}{hint}")
    if condition.op == "!=":
        allowed = (1 - allowed).astype(np.uint8)
    return sealed(allowed), tuple(notes)


def _is_last_part(wanted: str, value: str) -> bool:
    return len(wanted) < len(value) and value.endswith(wanted) and value[-len(wanted) - 1] in "/#\\"


def _refuse_field(name: str, dictionaries: Dictionaries, others: Sequence[str]) -> None:
    known = [*TEXT_FIELDS, *others, *sorted(dictionaries.shown_attributes)]
    near = difflib.get_close_matches(name, known, n=1)
    hint = f"; did you mean {near[0]}?" if near else "."
    raise QuestionError(f"field {name!r} is not in the data{hint} Fields: {', '.join(known)}")


def values_of(name: str, dictionaries: Dictionaries) -> Sequence[str]:
    """Return the values of a field by code. Raises `QuestionError` if the data do not have the field."""
    if name in _PLACES:
        return _PLACES[name]
    if name in _CODED:
        return list(getattr(dictionaries, name).values)
    if name not in dictionaries.shown_attributes:
        _refuse_field(name, dictionaries, ())
    return list(dictionaries.shown_attributes[name].values)


def event_mask(segment: Segment, first: int, end: int, tests: Sequence[Test]) -> Flags | None:
    """Return which of the events ``first:end`` of a segment count and pass all tests, uint8; None if all do.

    Hidden events, which were voided or are under another key now, never count.
    """
    hidden = segment.hidden
    low, high = np.searchsorted(hidden, (first, end)).tolist() if len(hidden) else (0, 0)
    if not tests and low == high:
        return None
    keep: Flags | None = None
    for test in tests:
        passing = _passing(segment, first, end, test)
        keep = passing if keep is None else np.bitwise_and(keep, passing, out=keep)
    if keep is None:
        keep = np.ones(end - first, np.uint8)
    keep[hidden[low:high] - first] = 0
    return sealed(keep)


def _passing(segment: Segment, first: int, end: int, test: Test) -> Flags:
    """Return which of the events ``first:end`` of a segment pass a test: fresh, uint8."""
    passing = np.empty(end - first, np.uint8)
    coded = segment.coded(test.column, first, end)
    if coded is not None:
        kernels.pass_places(coded.places, coded.told(test.of_values), passing)
        return passing
    column = segment.piece(test.column, first, end)
    if column is None:
        dtype, absent = EVENT_COLUMNS[test.column]
        column = np.full(end - first, absent, dtype)
    if test.allowed is None:
        return test.passes(column).astype(np.uint8)
    codes = column if column.dtype == np.int32 else column.astype(np.int32)
    kernels.pass_codes(sealed(codes), test.allowed, passing)
    return passing
