"""Why a cell became other, from a log and a state: the range between two vectors, the replay of it, and what is told.

A vector comes from an answer, whole; or as the token of one entry, and then only the origin of that entry is looked at
on that side. Entries are read a few at a time, and what is kept of them is bounded (`homeroom.node.coming`).
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from homeroom.clock import hybrid_ms
from homeroom.cohorts.cells import Cell
from homeroom.cohorts.questions import Question
from homeroom.errors import QuestionError
from homeroom.events.instants import format_instant
from homeroom.log.control import Control
from homeroom.log.entries import Entry
from homeroom.log.origins import Origin, Stream, Token, Vector
from homeroom.log.store import Store
from homeroom.node.changes import CellChange, EntryMattered, count_in, explain_cell
from homeroom.node.coming import came_of
from homeroom.state.state import State

__all__ = ["CellAsked", "CellExplained", "Span", "explained", "span_of"]

_READ_AT_ONCE: Final = 64
"""Entries in memory at once: each may have a megabyte."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CellAsked:
    """A cell that is asked about.

    Parameters
    ----------
    question, cell : which
    since : the vector of before, or the token of an entry: then its origin is looked at after it, and no other
    until : the vector of after, or a token, after which nothing of its origin is looked at; None for what is folded now
    """

    question: Question
    cell: Cell
    since: Vector | Token
    until: Vector | Token | None = None


@dataclass(frozen=True, slots=True)
class Span:
    """By origin the entries after one vector and up to another."""

    before: Vector
    after: Vector

    def entries(self, store: Store) -> Iterator[Entry]:
        """Read them, those of an origin in order. Raises `StoreError`."""
        for origin, last in sorted(self.after.items()):
            first = self.before[origin] + 1
            while first <= last and _counts(origin):
                some = store.read(origin, first, min(_READ_AT_ONCE, last + 1 - first))
                yield from some
                first = some[-1].number + 1 if some else last + 1


@dataclass(frozen=True, slots=True)
class CellExplained:
    """Why a cell became other, between which vectors, and where the nodes are that wrote what mattered."""

    change: CellChange
    span: Span
    regions: Mapping[str, str]

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON-ready data; its schema is ``docs/reference/outputs/explain-cell.json``."""
        change = self.change
        return {
            "question": change.question.to_dict(),
            "cell": {"row": change.cell.row, "column": change.cell.column},
            "since": self.span.before.to_json(),
            "until": self.span.after.to_json(),
            "before": change.before,
            "after": change.after,
            "entered": change.entered,
            "left": change.left,
            "entries": [self._entry(one) for one in change.entries],
            "more": change.more,
            "looked_at": change.looked_at,
            "notes": list(self.notes),
        }

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader should know."""
        found = []
        if self.change.others:
            found.append(
                f"{self.change.others:,} entries between the two say who is erased or what people allow, or what holds "
                f"for all; that counts as it stands now, before and after"
            )
        if not all(one.is_certain for one in self.change.entries):
            found.append(
                "of some learners more entries came than can be tried in every order: all of these are named"
            )
        return tuple(found)

    def _entry(self, one: EntryMattered) -> dict[str, Any]:
        entry = one.entry
        late = None if one.late_ms is None else [round(ms / 1_000, 3) for ms in one.late_ms]
        return {
            "entry": str(entry.token),
            "node": entry.origin.node,
            "region": self.regions.get(entry.origin.node) or None,
            "number": entry.number,
            "at": format_instant(hybrid_ms(entry.hybrid)),
            "learners": one.learners,
            "entered": one.entered,
            "left": one.left,
            "events": one.events,
            "voids": one.voids,
            "late_s": late,
            "certain": one.is_certain,
        }


def span_of(asked: CellAsked, applied: Vector, begins: Vector) -> Span:
    """Return which entries are looked at.

    Parameters
    ----------
    asked : the cell
    applied : what is folded
    begins : by origin the number before the first entry that the log has

    Raises
    ------
    QuestionError
        The end is not folded here or lies before the beginning, or the log has forgotten some of it.
    """
    after = _ended(asked.until, applied)
    if not applied.covers(after):
        raise QuestionError("until names entries that are not folded here; ask later, or for less")
    before = after
    if isinstance(asked.since, Token):
        origin, number = asked.since.origin, asked.since.number
        before = Vector({**after, origin: min(number, after[origin])})
    else:
        before = Vector({o: min(asked.since[o], number) for o, number in after.items()})
        turned = [o for o, number in asked.since.items() if number > after[o] and _counts(o)]
        if turned:
            raise QuestionError(
                f"since is later than until: of {turned[0]} it has {asked.since[turned[0]]:,}, and until has "
                f"{after[turned[0]]:,}; exchange them"
            )
    for origin, number in after.items():
        if _counts(origin) and before[origin] < min(begins[origin], number):
            raise QuestionError(
                f"the log has forgotten entries {before[origin] + 1} to {min(begins[origin], number)} of {origin}, "
                f"which a snapshot holds; a cell can be explained from a later vector on"
            )
    return Span(before, after)


def _counts(origin: Origin) -> bool:
    """Say whether answers depend on what an origin writes."""
    return origin.stream is not Stream.DOCUMENT


def _ended(until: Vector | Token | None, applied: Vector) -> Vector:
    if until is None:
        return applied
    if isinstance(until, Token):
        if applied[until.origin] < until.number:
            return applied.joined({until.origin: until.number})
        return Vector({**applied, until.origin: until.number})
    return until


def explained(
    state: State,
    show: Callable[[State], State],
    of: tuple[str, Control],
    asked: CellAsked,
    log: tuple[Store, Span, Vector],
) -> CellChange:
    """Return why a cell became other.

    Parameters
    ----------
    state : of the tenant, sealed; it holds all of the span
    show : returns a state as whoever asks may see it
    of : the tenant, and what was stated
    asked : the cell
    log : where entries are, which are looked at, and what is folded into the state

    Raises
    ------
    QuestionError
        There is no such cell, it cannot be explained, or too much lies between.
    StoreError, EntryError
        The log cannot be read, or is damaged.
    """
    (tenant, control), (store, span, applied) = of, log
    came = came_of(state, tenant, control, span.entries(store))
    change = explain_cell(state, show, (asked.question, asked.cell), span.before, came)
    if not span.after.covers(applied):
        return change  # later entries are folded too, and nothing counts without them
    return replace(change, after=count_in(show(state), change.question, change.cell))
