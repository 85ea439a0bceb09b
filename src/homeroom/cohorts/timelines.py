"""Timelines: what each learner did, in the order in which it happened, block by block of learners.

Funnels, paths and rules about sequences need what no other question does: all events of a learner in one line,
whatever segments they came in. A block of learners is decoded once. Every kind of event that the question names is a
bit; a condition is settled for each distinct value before any event is seen, so an event costs one look-up a column,
however many kinds there are. Only columns that a condition (or the node of a path) needs are decoded, and only events
with a bit enter the line.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from homeroom.cohorts.activity import Roster
from homeroom.cohorts.kernels import timelines as kernels
from homeroom.cohorts.kernels.bits import BLOCK_ROWS
from homeroom.cohorts.matching import Selection, Test
from homeroom.cohorts.pieces import Piece
from homeroom.events.model import Int8s, Int32s, Int64s, UInt64s
from homeroom.events.texts import sealed
from homeroom.state.state import State

__all__ = ["Nodes", "Timeline", "Timelines", "in_one_line"]

Marks: TypeAlias = npt.NDArray[np.uint32]


@dataclass(frozen=True, slots=True)
class Nodes:
    """What an event counts as, from one column: ``numbers[code + 1]``, int32 from 0 on (place 0: absent)."""

    column: str
    numbers: Int32s


@dataclass(frozen=True, slots=True)
class Timeline:
    """The marked events of a block of learners, in order.

    Parameters
    ----------
    offsets : int64 (learners + 1,), where each learner's events begin
    time_ms : int64 (events,)
    what : uint64 (events,), bit k of the lower half: the event is of kind k; the upper half: its node, or without
        nodes the lowest of its marks. Events of one instant are in the order of this number
    """

    offsets: Int64s
    time_ms: Int64s
    what: UInt64s


def _without_nodes(_: Piece) -> None:
    return None


class Timelines:
    """The timelines of all learners of a state.

    Parameters
    ----------
    state : settled
    kinds : what makes an event one of each kind, at most 32; events of none are left out
    nodes : what the upper half of an event says; None for the lowest of its marks
    """

    def __init__(
        self, state: State, kinds: Sequence[Selection], nodes: Nodes | None = None
    ) -> None:
        self._state = state
        self._nodes = nodes
        self._roster = Roster.of(state)
        self._columns = _column_tests(kinds)
        self._numbers = _number_tests(kinds)
        self._all = np.uint32((1 << len(kinds)) - 1)
        self._learners = _learner_marks(state, self._roster, kinds)

    def blocks(self) -> Sequence[tuple[int, int]]:
        """Return the blocks: first and end number of learners, in the order of their keys."""
        count = len(self._roster.key_hi)
        return [(at, min(at + BLOCK_ROWS, count)) for at in range(0, count, BLOCK_ROWS)]

    def block(self, start: int, end: int) -> Timeline:
        """Return the timeline of the learners ``start:end``."""
        block = (start // BLOCK_ROWS, start, end)
        pieces = self._roster.pieces(self._state.segments, block)
        return in_one_line(
            [(piece, self._marked(piece, start)) for piece in pieces], end - start, self._numbered
        )

    def _marked(self, piece: Piece, start: int) -> Marks:
        """Return the kinds of each event of a piece."""
        marks: Marks | None = None
        for name, allowed in self._columns.items():
            found = _kinds(piece, name, allowed)
            marks = found if marks is None else np.bitwise_and(marks, found, out=marks)
        if marks is None:
            marks = np.full(len(piece), self._all, np.uint32)
        for test, kinds in self._numbers:
            marks[~test.passes(piece.filled(test.column))] &= ~kinds
        seen = piece.keep(())
        if seen is not None:
            marks[seen == 0] = 0
        if self._learners is not None:
            kernels.mark_learners(piece.offsets, piece.rows, self._learners[start:], marks)
        return sealed(marks)

    def _numbered(self, piece: Piece) -> Int32s | None:
        if self._nodes is None:
            return None
        return sealed(np.take(self._nodes.numbers, piece.codes(self._nodes.column) + 1))


def _kinds(piece: Piece, name: str, allowed: Marks) -> Marks:
    """Return the kinds that a column lets each event of a piece be: fresh."""
    found = np.empty(len(piece), np.uint32)
    coded = piece.coded(name)
    if coded is None:
        kernels.mark_codes(piece.codes(name), allowed, found)
    else:
        last = len(allowed) - 1
        of_places = coded.told(
            lambda values: allowed[np.minimum(values.astype(np.int32) + 1, last)]
        )
        kernels.mark_places(coded.places, of_places, found)
    return found


def in_one_line(
    marked: Sequence[tuple[Piece, Marks]],
    size: int,
    numbered: Callable[[Piece], Int32s | None] = _without_nodes,
) -> Timeline:
    """Put the marked events of the pieces of a block of ``size`` learners in order; ``numbered`` gives their nodes."""
    # However they were decoded, segments are placed as they came: that is mostly the order of time.
    marked = sorted(marked, key=lambda pair: pair[0].number)
    counts = np.zeros(size, np.int64)
    for piece, marks in marked:
        kernels.count_marked(piece.offsets, piece.rows, marks, counts)
    offsets = np.zeros(size + 1, np.int64)
    np.cumsum(counts, out=offsets[1:])
    line = np.empty(int(offsets[-1]), np.int64), np.empty(int(offsets[-1]), np.uint64)
    free = offsets[:-1].copy()
    for piece, marks in marked:
        if marks.any():
            rows = (piece.offsets, piece.rows)
            kernels.place_marked(rows, piece.time_ms, marks, numbered(piece), free, line)
    kernels.put_in_order(sealed(offsets), *line)
    return Timeline(sealed(offsets), sealed(line[0]), sealed(line[1]))


def _column_tests(kinds: Sequence[Selection]) -> dict[str, Marks]:
    """Return for each column that is tested by code the kinds that each code lets pass: uint32 by code + 1.

    The last place is for codes that no table holds; they pass no test.
    """
    tests = [(bit, test) for bit, kind in enumerate(kinds) for test in kind.history_tests()]
    found: dict[str, Marks] = {}
    for name in dict.fromkeys(test.column for _, test in tests if test.allowed is not None):
        tables = [
            (bit, test.allowed)
            for bit, test in tests
            if test.column == name and test.allowed is not None
        ]
        size = max(len(allowed) for _, allowed in tables)
        marks = np.full(size + 1, (1 << len(kinds)) - 1, np.uint32)
        for bit, allowed in tables:
            passes = np.zeros(size + 1, np.bool_)
            passes[: len(allowed)] = allowed != 0
            marks[~passes] &= np.uint32(~(1 << bit) & 0xFFFFFFFF)
        found[name] = sealed(marks)
    return found


def _number_tests(kinds: Sequence[Selection]) -> list[tuple[Test, np.uint32]]:
    """Return the tests of numbers, each with the kinds that have it: a filter's test is that of all kinds."""
    found: dict[int, tuple[Test, int]] = {}
    for bit, kind in enumerate(kinds):
        for test in kind.history_tests():
            if test.allowed is None:
                held = found.get(id(test), (test, 0))[1]
                found[id(test)] = (test, held | 1 << bit)
    return [(test, np.uint32(bits)) for test, bits in found.values()]


def _learner_marks(state: State, roster: Roster, kinds: Sequence[Selection]) -> Marks | None:
    """Return the kinds that each learner's events may be of; None if no kind asks anything of learners."""
    if not any(kind.picks_learners for kind in kinds):
        return None
    marks = np.zeros(len(roster.key_hi), np.uint32)
    masks: dict[tuple[int, ...], Int8s | None] = {}
    for bit, kind in enumerate(kinds):
        # Kinds share the tables of the filters, and to find all learners takes longer than to count them.
        asked = (*(id(table) for _, table in kind.learners), -1, id(kind.members))
        if asked not in masks:
            masks[asked] = roster.mask(state, kind)
        chosen = masks[asked]
        marks |= np.uint32(1 << bit) if chosen is None else (chosen != 0) * np.uint32(1 << bit)
    return sealed(marks)
