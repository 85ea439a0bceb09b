"""Rules asked of history: each becomes a probe that looks at blocks of learners and says who meets it.

Many rules are asked together (all definitions of a file, one rule on many dates), so a block of learners is decoded
once and shown to every probe. A probe knows one rule on one date; it never needs the order of segments.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Protocol, TypeAlias

import numpy as np
import numpy.typing as npt

from homeroom.cohorts.activity import Roster
from homeroom.cohorts.kernels import bits, members
from homeroom.cohorts.matching import Selection, Test
from homeroom.cohorts.members import Members, pack
from homeroom.cohorts.periods import LEAD, Periods
from homeroom.cohorts.pieces import Piece
from homeroom.cohorts.questions.rules import Of
from homeroom.cohorts.stretches import Stretch
from homeroom.cohorts.timelines import in_one_line
from homeroom.events.model import Int64s
from homeroom.events.texts import sealed
from homeroom.state.state import State
from homeroom.state.zones import ZERO_MS, Zone

__all__ = [
    "Both",
    "Counted",
    "FirstTime",
    "InOrder",
    "Kind",
    "Probe",
    "Reached",
    "Then",
    "ask_history",
    "by_row",
]

Flags: TypeAlias = npt.NDArray[np.bool_]
Span: TypeAlias = tuple[int, int]
_NEVER = np.iinfo(np.int64).min
_LATER = np.iinfo(np.int64).max


@dataclass(frozen=True, slots=True, eq=False)
class Kind:
    """A kind of event: what it must pass, the stretch in which it counts, and for calendars the window by course.

    ``windows`` = (from_ms, to_ms) by course code + 1, or None.
    """

    selection: Selection
    stretch: Stretch
    windows: tuple[Int64s, Int64s] | None = None


def _of_kind(piece: Piece, kind: Kind, tests: Sequence[Test]) -> npt.NDArray[np.uint8] | None:
    """Return which events of a piece are of a kind, but for its stretch; None if all are."""
    keep = piece.keep(tests)
    if kind.windows is None:
        return keep
    inside = np.ones(len(piece), np.uint8) if keep is None else keep.copy()
    members.clear_outside(piece.column("course"), piece.time_ms, kind.windows, inside)
    return sealed(inside)


class Probe(Protocol):
    """A rule on one date."""

    def holds(self, pieces: Sequence[Piece], size: int) -> Flags:
        """Return for which of the ``size`` learners of a block it holds."""
        ...

    def span_ms(self) -> Span:
        """Return the first instant of which events matter, and the one after the last."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class Counted:
    """From ``low`` to ``high`` events of a kind, or local days with one."""

    kind: Kind
    low: int
    high: int
    zone: Zone
    by_day: bool = False
    tests: tuple[Test, ...] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "tests", self.kind.selection.history_tests())

    def holds(self, pieces: Sequence[Piece], size: int) -> Flags:
        """Count and compare."""
        counts = np.zeros(size, np.int64)
        if self.by_day:
            self._count_days(pieces, counts)
        else:
            span = self.span_ms()
            for piece in pieces:
                keep = _of_kind(piece, self.kind, self.tests)
                members.count_events(piece.offsets, piece.rows, piece.time_ms, keep, span, counts)
        return np.asarray((counts >= self.low) & (counts <= self.high))

    def span_ms(self) -> Span:
        """Return the stretch of the kind."""
        return self.kind.stretch.span_ms(self.zone)

    def _count_days(self, pieces: Sequence[Piece], counts: Int64s) -> None:
        """Mark the days of each learner, then count the marks: a day that two segments have is one day."""
        first, count = self.kind.stretch.first, self.kind.stretch.end - self.kind.stretch.first
        found = np.zeros((LEAD + count, (len(counts) + 63) // 64), np.uint64)
        edges = np.arange(first - 1, first + count + 1, dtype=np.int64)
        table = Periods("day", self.zone, sealed(edges), np.empty(0, np.int64)).day_table
        zone = (self.zone.starts_ms, self.zone.offsets_ms, ZERO_MS)
        for piece in pieces:
            keep = _of_kind(piece, self.kind, self.tests)
            bits.bits_of_days(piece.offsets, piece.rows, piece.time_ms, keep, zone, table, found)
        members.counted_rows(sealed(found[LEAD:]), counts)


@dataclass(frozen=True, slots=True, eq=False)
class FirstTime:
    """The first event of a kind, of all up to the kind's end, lies in the window of its course run."""

    kind: Kind
    zone: Zone
    tests: tuple[Test, ...] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "tests", self.kind.selection.history_tests())

    def holds(self, pieces: Sequence[Piece], size: int) -> Flags:
        """Look for the first, and whether it is inside."""
        first_ms, found = np.full(size, _LATER), np.zeros(size, np.uint8)
        everywhere = Kind(self.kind.selection, self.kind.stretch)
        to_ms = self.kind.stretch.span_ms(self.zone)[1]
        for piece in pieces:
            keep = _of_kind(piece, everywhere, self.tests)
            inside = _of_kind(piece, self.kind, ())
            assert inside is not None, "a window of a calendar"
            members.first_in_window(
                piece.offsets, piece.rows, piece.time_ms, keep, inside, to_ms, first_ms, found
            )
        return np.asarray(found != 0)

    def span_ms(self) -> Span:
        """Return all up to the end of the kind."""
        return _NEVER, self.kind.stretch.span_ms(self.zone)[1]


@dataclass(frozen=True, slots=True, eq=False)
class Then:
    """A last event of one kind, and after it none of another, for a time."""

    kind: Kind
    then_not: Kind
    during_ms: int
    zone: Zone
    tests: tuple[tuple[Test, ...], tuple[Test, ...]] = field(init=False)

    def __post_init__(self) -> None:
        both = (self.kind.selection.history_tests(), self.then_not.selection.history_tests())
        object.__setattr__(self, "tests", both)

    def holds(self, pieces: Sequence[Piece], size: int) -> Flags:
        """Look for the last event of the first kind, then for those of the second after it."""
        last_ms, found = np.full(size, _NEVER), np.zeros(size, np.uint8)
        span = self.kind.stretch.span_ms(self.zone)
        for piece in pieces:
            keep = _of_kind(piece, self.kind, self.tests[0])
            members.last_time(piece.offsets, piece.rows, piece.time_ms, keep, span, last_ms)
        did = last_ms > _NEVER
        # Whoever did nothing has no time after which to look; 0 keeps the difference from running over.
        last_ms[~did] = 0
        after = (self.during_ms, self.then_not.stretch.span_ms(self.zone)[1])
        for piece in pieces:
            keep = _of_kind(piece, self.then_not, self.tests[1])
            members.followed(piece.offsets, piece.rows, piece.time_ms, keep, after, last_ms, found)
        return np.asarray(did & (found == 0))

    def span_ms(self) -> Span:
        """Return from the start of the one kind to the end of the other."""
        return _widest(kind.stretch.span_ms(self.zone) for kind in (self.kind, self.then_not))


@dataclass(frozen=True, slots=True, eq=False)
class Reached:
    """The latest or the best value of a result passes a test."""

    kind: Kind
    result: Test
    of: Of
    zone: Zone
    tests: tuple[Test, ...] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "tests", self.kind.selection.history_tests())

    def holds(self, pieces: Sequence[Piece], size: int) -> Flags:
        """Find each learner's value and test it; whoever has none does not pass."""
        best_ms, best = np.full(size, _NEVER), np.full(size, np.nan)
        span = self.kind.stretch.span_ms(self.zone)
        kernel = members.latest_value if self.of == "latest" else members.greatest_value
        for piece in pieces:
            values = piece.column(self.result.column)
            if values is None:
                continue
            numbers = values.astype(np.float64)
            if values.dtype.kind == "i":  # of whole numbers, those below 0 are absent
                numbers[numbers < 0] = np.nan
            keep = _of_kind(piece, self.kind, self.tests)
            kernel(
                piece.offsets, piece.rows, piece.time_ms, keep, span, sealed(numbers), best_ms, best
            )
        return np.asarray((best_ms > _NEVER) & self._passes(best))

    def span_ms(self) -> Span:
        """Return the stretch of the kind."""
        return self.kind.stretch.span_ms(self.zone)

    def _passes(self, values: npt.NDArray[np.float64]) -> Flags:
        if self.result.allowed is None:
            return self.result.passes(values)
        codes = np.where(np.isnan(values), -1, values).astype(np.int64)
        return np.asarray(self.result.allowed[codes + 1] != 0)


@dataclass(frozen=True, slots=True, eq=False)
class InOrder:
    """Steps one after the other, each by an event of its own, all within a time of the first.

    Of events at one instant, that whose earliest step comes first is first.
    """

    steps: tuple[Kind, ...]
    within_ms: int
    zone: Zone
    tests: tuple[tuple[Test, ...], ...] = field(init=False)

    def __post_init__(self) -> None:
        tests = tuple(step.selection.history_tests() for step in self.steps)
        object.__setattr__(self, "tests", tests)

    def holds(self, pieces: Sequence[Piece], size: int) -> Flags:
        """Put the events that are steps in order, and follow them."""
        found = np.zeros(size, np.uint8)
        line = in_one_line([(piece, self._marked(piece)) for piece in pieces], size)
        members.in_order(
            line.offsets, line.time_ms, line.what, len(self.steps), self.within_ms, found
        )
        return np.asarray(found != 0)

    def span_ms(self) -> Span:
        """Return the stretches of all steps together."""
        return _widest(step.stretch.span_ms(self.zone) for step in self.steps)

    def _marked(self, piece: Piece) -> npt.NDArray[np.uint32]:
        """Return the steps that each event is, a bit each."""
        marks = np.zeros(len(piece.time_ms), np.uint32)
        for number, (step, tests) in enumerate(zip(self.steps, self.tests, strict=True)):
            span = step.stretch.span_ms(self.zone)
            members.mark_step(piece.time_ms, _of_kind(piece, step, tests), span, number, marks)
        return sealed(marks)


@dataclass(frozen=True, slots=True, eq=False)
class Both:
    """All of several probes hold."""

    probes: tuple[Probe, ...]

    def holds(self, pieces: Sequence[Piece], size: int) -> Flags:
        """Ask each."""
        found = np.ones(size, np.bool_)
        for probe in self.probes:
            found &= probe.holds(pieces, size)
        return found

    def span_ms(self) -> Span:
        """Return the spans of all together."""
        return _widest(probe.span_ms() for probe in self.probes)


def ask_history(state: State, probes: Sequence[Probe]) -> tuple[Roster, list[Flags]]:
    """Return for each probe for which learners of a roster it holds, bool of shape (learners,).

    Segments in which nothing that matters can lie are not read, and where nobody meets a rule by doing nothing, their
    learners need not even be known: loads mostly come in the order of time.
    """
    span = _widest(probe.span_ms() for probe in probes)
    segments = [one for one in state.segments if one.max_ms >= span[0] and one.min_ms < span[1]]
    if any(probe.holds((), 1)[0] for probe in probes):
        roster, segments = Roster.of(state), list(state.segments)
    else:
        roster = Roster.of(state, segments)
    count = len(roster.key_hi)
    found = [np.zeros(count, np.bool_) for _ in probes]
    starts = range(0, count, bits.BLOCK_ROWS)

    def work(start: int) -> None:
        end = min(start + bits.BLOCK_ROWS, count)
        block = (start // bits.BLOCK_ROWS, start, end)
        pieces = [piece for piece in roster.pieces(segments, block) if piece.meets(span)]
        for probe, flags in zip(probes, found, strict=True):
            flags[start:end] = probe.holds(pieces, end - start)

    state.run([partial(work, start) for start in starts])
    return roster, found


def _widest(spans: Iterable[Span]) -> Span:
    starts, ends = zip(*spans, strict=True)
    return min(starts), max(ends)


def by_row(state: State, roster: Roster, flags: Sequence[Flags]) -> list[Members]:
    """Return flags by number of the roster as sets of rows of the learners."""
    parts = state.learners.partitions
    # Rows that hold nothing any more are of no learner of the roster.
    nobody = [sealed(np.zeros((part.rows + 63) // 64, np.uint64)) for part in parts]
    words = [list(nobody) for _ in flags]
    places = {id(part): number for number, part in enumerate(parts)}
    # Mostly few learners meet a rule, and only these need be found.
    some = np.flatnonzero(np.logical_or.reduce(flags))
    for partition, mine, found in roster.find(state, some):
        # Rows that are younger than history may lack a learner whose events were taken back since.
        there = found >= 0
        for one, holds in zip(words, flags, strict=True):
            chosen = np.zeros(partition.rows, np.bool_)
            chosen[found[there]] = holds[some[mine]][there]
            one[places[id(partition)]] = pack(chosen)
    rows = tuple(part.rows for part in parts)
    return [Members(tuple(one), rows) for one in words]
