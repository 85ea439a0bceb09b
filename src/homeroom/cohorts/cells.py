"""Who is in a cell of a triangle or of a row of stages, and what of a learner's activity that depends on.

Counts say how many; to say why a count became other one must know who. A cell looks at few things of a learner: was
there anything before this period, anything in it, anything in that later one. Each of these is true as soon as one
event makes it true, so what a learner has of them is a few bits, those of several sets of events are OR-ed together,
and whether a learner is in the cell follows from the bits alone. That is what makes it cheap to ask of every subset of
what came whether the learner would have been in the cell (`homeroom.node.changes`).

The bits are taken from the same period bits of which the counts are made (`homeroom.cohorts.activity`); a test compares
the two for every cell.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import msgspec
import numpy as np

from homeroom.cohorts import retention
from homeroom.cohorts.activity import HistoryActivity, Roster
from homeroom.cohorts.answers import Source
from homeroom.cohorts.context import Context, make_context
from homeroom.cohorts.matching import Selection
from homeroom.cohorts.periods import LEAD, Periods
from homeroom.cohorts.questions import Active, Interval, Lifecycle, Question, Retention
from homeroom.errors import QuestionError
from homeroom.events.model import UInt8s
from homeroom.events.texts import sealed
from homeroom.state.keys import Keys
from homeroom.state.state import State

__all__ = ["TERMS_MAX", "Cell", "Signed", "picks_learners", "pinned", "signed"]

TERMS_MAX: Final = 3
"""A cell looks at so many things of a learner at most."""
_SHORT: Final[dict[str, Interval]] = {"day": "day", "week": "week", "month": "month"}


@dataclass(frozen=True, slots=True)
class Cell:
    """A cell by its labels, as answers write them: row is a period, column periods since, a stage or an interval."""

    row: str
    column: str

    @classmethod
    def parse(cls, text: str) -> "Cell":
        """Read ``ROW,COLUMN``. Raises `QuestionError`."""
        row, comma, column = text.rpartition(",")
        if not comma or not row.strip() or not column.strip():
            raise QuestionError(
                f"cell is {text[:80]!r}, must be ROW,COLUMN as an answer labels them, such as 2024-03-04,1"
            )
        return cls(row.strip(), column.strip())


@dataclass(frozen=True, slots=True)
class Signed:
    """What learners have of what a cell looks at.

    Parameters
    ----------
    keys : of the learners of whom there is any event, sorted
    bits : uint8 by learner, below ``2 ** TERMS_MAX``
    holds : uint8 of shape (2 ** TERMS_MAX,), 1 for the bits of those who are in the cell
    """

    keys: Keys
    bits: UInt8s
    holds: UInt8s


@dataclass(frozen=True, slots=True)
class _Term:
    """Whether there was anything of a behaviour in periods, given as rows of period bits."""

    behaviour: Selection
    first: int
    end: int


@dataclass(frozen=True, slots=True)
class _Look:
    """What a cell looks at, and who is in it by that."""

    periods: Periods
    terms: tuple[_Term, ...]
    holds: Callable[[Sequence[bool]], bool]


def pinned(state: State, question: Question) -> Question:
    """Return a question over the range of all that a state holds, so that less of it is asked in the same periods.

    Raises `QuestionError` for a question whose cells are not looked at one by one.
    """
    question.check()
    if not isinstance(question, Retention | Lifecycle | Active):
        raise QuestionError(
            f"{question.name} has no cells that are explained; retention, lifecycle and active have"
        )
    for field in ("cohort", "breakdown", "compare"):
        if getattr(question, field):
            raise QuestionError(
                f"{field} is not for a cell that is explained; say with filters which learners it counts"
            )
    if isinstance(question, Retention) and question.align != "calendar":
        raise QuestionError(
            f"align is {question.align}; cells are explained of periods of the calendar alone"
        )
    context = make_context(state, question, Source())
    if context.first is None or context.last is None:
        return question
    return msgspec.structs.replace(question, from_=context.first, to=context.last)


def picks_learners(state: State, question: Question) -> bool:
    """Say whether a question asks anything of learners, beside what it asks of events."""
    context = make_context(state, question, Source())
    return any(one.picks_learners for one in _behaviours(context, question))


def signed(state: State, question: Question, cell: Cell) -> Signed:
    """Return what the learners of a state have of what a cell looks at; the question is `pinned`.

    Raises `QuestionError` for a cell that the answer does not have.
    """
    context = make_context(state, question, Source())
    look = _look(context, question, cell)
    activity = HistoryActivity(state, look.periods, [one.behaviour for one in look.terms])
    roster = Roster.of(state)
    bits = np.zeros(len(roster.key_hi), np.uint8)
    for block in activity.blocks():
        _, start, end = block
        for place, term in enumerate(look.terms):
            rows = activity.bits(block, term.behaviour)[term.first : term.end]
            words = np.bitwise_or.reduce(rows, axis=0, initial=0)
            is_there = np.unpackbits(words.view(np.uint8), bitorder="little")[: end - start]
            bits[start:end] |= is_there << place
    return Signed((roster.key_hi, roster.key_lo), sealed(bits), _table(look))


def _table(look: _Look) -> UInt8s:
    found = np.zeros(1 << TERMS_MAX, np.uint8)
    for bits in range(len(found)):
        found[bits] = look.holds([bool(bits >> place & 1) for place in range(len(look.terms))])
    return sealed(found)


def _behaviours(context: Context, question: Question) -> Iterator[Selection]:
    selection = context.selection(question)
    if isinstance(question, Retention):
        entry = context.behaviour(selection, question.entry)
        yield entry
        is_same = question.returning == question.entry
        yield entry if is_same else context.behaviour(selection, question.returning)
    else:
        yield selection


def _look(context: Context, question: Question, cell: Cell) -> _Look:
    behaviours = tuple(_behaviours(context, question))
    if isinstance(question, Retention):
        return _of_triangle(
            context.periods(question, question.interval), question, behaviours, cell
        )
    if isinstance(question, Lifecycle):
        return _of_stages(context.periods(question, question.interval), behaviours[0], cell)
    _place("column", cell.column, tuple(_SHORT))
    periods = context.periods(question, _SHORT[cell.column])
    row = LEAD + _place("row", cell.row, periods.labels)
    return _Look(periods, (_Term(behaviours[0], row, row + 1),), lambda has: has[0])


def _of_triangle(
    periods: Periods, question: Retention, behaviours: Sequence[Selection], cell: Cell
) -> _Look:
    entry, returning = behaviours
    place = _place("row", cell.row, periods.labels)
    column = _place("column", cell.column, retention.column_labels(question, periods.count))
    row = LEAD + place
    terms = [_Term(entry, 0, row), _Term(entry, row, row + 1)]
    is_first = question.mode == "first-time"
    if column == 0:
        return _Look(periods, tuple(terms), lambda has: has[1] and not (is_first and has[0]))
    first, last = (column, column) if not question.brackets else question.brackets[column - 1]
    if place + first >= periods.count:
        raise QuestionError(
            f"the cell {cell.row},{cell.column} lies beyond the range, which ends with {periods.labels[-1]}"
        )
    if question.match == "on-or-after":
        last = periods.count
    terms.append(_Term(returning, row + first, min(row + last + 1, LEAD + periods.count)))
    return _Look(periods, tuple(terms), lambda has: has[1] and has[2] and not (is_first and has[0]))


def _of_stages(periods: Periods, behaviour: Selection, cell: Cell) -> _Look:
    row = LEAD + _place("row", cell.row, periods.labels)
    terms = tuple(_Term(behaviour, *ends) for ends in pairwise((0, row - 1, row, row + 1)))
    holds: dict[str, Callable[[Sequence[bool]], bool]] = {
        "new": lambda has: has[2] and not has[1] and not has[0],
        "returning": lambda has: has[2] and has[1],
        "resurrecting": lambda has: has[2] and has[0] and not has[1],
        "dormant": lambda has: has[1] and not has[2],
    }
    _place("column", cell.column, tuple(holds))
    return _Look(periods, terms, holds[cell.column])


def _place(what: str, label: str, labels: Sequence[str]) -> int:
    if label not in labels:
        shown = ", ".join([*labels[:3], "…", labels[-1]] if len(labels) > 5 else labels)
        raise QuestionError(f"{what} is {label!r}; the answer has {shown or 'none'}")
    return labels.index(label)
