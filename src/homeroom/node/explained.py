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
from homeroom.log.origins import Origin, Token, Vector
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
    since_epoch, until_epoch : the control epochs of the two answers: what had collapsed by then no vector names, and is
        whole; None for what has by now
    """

    question: Question
    cell: Cell
    since: Vector | Token
    until: Vector | Token | None = None
    since_epoch: int | None = None
    until_epoch: int | None = None

    def held(self) -> Vector:
        """Return what must be folded before it is said what came: the end, and what the answer of before held."""
        held = Vector() if isinstance(self.since, Token) else self.since
        if isinstance(self.until, Token):
            return held.joined({self.until.origin: self.until.number})
        return held if self.until is None else held.joined(self.until)


@dataclass(frozen=True, slots=True)
class Span:
    """By origin the entries after one vector and up to another."""

    before: Vector
    after: Vector

    def entries(self, store: Store) -> Iterator[Entry]:
        """Read them, those of an origin in order. Raises `StoreError`, and `QuestionError` for what is forgotten."""
        for origin, last in sorted(self.after.items()):
            first = self.before[origin] + 1
            while first <= last and _counts(origin):
                some = store.read(origin, first, min(_READ_AT_ONCE, last + 1 - first))
                if not some or some[0].number != first:  # forgotten since it was looked at
                    raise _forgotten(origin, first, some[0].number - 1 if some else last)
                yield from some
                first = some[-1].number + 1


@dataclass(frozen=True, slots=True)
class Folded:
    """What is folded, and what of it vectors need not name.

    Parameters
    ----------
    applied : by origin the last entry
    begins : by origin the number before the first entry that the log has
    collapsed : origins that have collapsed into the epoch
    collapsed_at : returns which had at an epoch
    lacks_collapsed : whether something of these is missing here, so that nobody can say which entries a vector means
    """

    applied: Vector
    begins: Vector
    collapsed: frozenset[Origin]
    collapsed_at: Callable[[int], frozenset[Origin]]
    lacks_collapsed: bool = False

    def whole(self, vector: Vector, epoch: int | None) -> Vector:
        """Return a vector with those that it need not name."""
        gone = self.collapsed
        if gone and epoch is not None:
            gone &= self.collapsed_at(epoch)
        return vector.joined({origin: self.applied[origin] for origin in gone})


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


def span_of(asked: CellAsked, folded: Folded) -> Span:
    """Return which entries are looked at.

    Raises
    ------
    QuestionError
        The end is not folded here or lies before the beginning, or the log has forgotten some of it.
    """
    if folded.lacks_collapsed and not (isinstance(asked.since, Token) and asked.until is None):
        raise QuestionError(
            "this node does not have all of lives that are over yet, which since and until need not name; ask later"
        )
    begins, applied = folded.begins, folded.applied
    after = _ended(asked, folded)
    if not all(applied[o] >= number for o, number in after.items() if _counts(o)):
        raise QuestionError("until names entries that are not folded here; ask later, or for less")
    before = after
    if isinstance(asked.since, Token):
        origin, number = asked.since.origin, asked.since.number
        before = Vector({**after, origin: min(number, after[origin])})
    else:
        since = folded.whole(asked.since, asked.since_epoch)
        turned = [o for o, number in since.items() if number > after[o] and _counts(o)]
        if turned:
            raise QuestionError(
                f"since is later than until: of {turned[0]} it has {since[turned[0]]:,}, and until has "
                f"{after[turned[0]]:,}; exchange them"
            )
        before = Vector({o: min(since[o], number) for o, number in after.items()})
    for origin, number in after.items():
        if _counts(origin) and before[origin] < min(begins[origin], number):
            raise _forgotten(origin, before[origin] + 1, min(begins[origin], number))
    return Span(before, after)


def _forgotten(origin: Origin, first: int, last: int) -> QuestionError:
    return QuestionError(
        f"the log has forgotten entries {first:,} to {last:,} of {origin}, which a snapshot holds; a cell can be "
        f"explained from a later vector on"
    )


def _counts(origin: Origin) -> bool:
    """Say whether answers depend on what an origin writes."""
    return not origin.stream.has_documents


def _ended(asked: CellAsked, folded: Folded) -> Vector:
    until, applied = asked.until, folded.applied
    if until is None:
        return applied
    if isinstance(until, Token):
        return Vector({**applied, until.origin: until.number})
    return folded.whole(until, asked.until_epoch)


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
