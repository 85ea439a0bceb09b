"""Why a cell became other between two vectors: which entries mattered to the being in it of how many learners.

What there was at the first vector is taken from history, which knows of each event and void which copies of it have
come; what came between is read from the log once more. Learners are then asked about one by one, but all at once: each
pair of a learner and an entry is put into a small state as a learner of its own, the question is asked of that state as
of any other, and what each has there is what the entry brings to the learner. Nothing of a question is worked out here
anew, so filters, zones and weeks mean what they mean in its answer. `homeroom.cohorts.mattering` says which of the
entries mattered.

The way not taken is to fold up to each entry and to look when the cell changes: it takes an order that nobody saw, and
of two entries that each suffice it names the first.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from homeroom import limits
from homeroom.clock import hybrid_ms
from homeroom.cohorts.answers import Source
from homeroom.cohorts.ask import ask
from homeroom.cohorts.cells import Cell, Signed, picks_learners, pinned, signed
from homeroom.cohorts.comparing import tables_of
from homeroom.cohorts.mattering import mattering_bits, mattering_subsets
from homeroom.cohorts.questions import Active, Question
from homeroom.errors import QuestionError
from homeroom.events.columns import batch_of, columns_of
from homeroom.events.model import EventBatch, Int64s, UInt8s, UInt64s
from homeroom.events.texts import sealed
from homeroom.log.entries import Entry
from homeroom.log.origins import Vector
from homeroom.node.coming import Came
from homeroom.state.batches import chosen_events, joined_batches, picked_events
from homeroom.state.copies import Coverage
from homeroom.state.cutting import Covered
from homeroom.state.keys import Keys, distinct_keys, find_sorted
from homeroom.state.places import are_in, places_of_ids, places_of_keys, without_places
from homeroom.state.state import State

__all__ = ["CellChange", "EntryMattered", "explain_cell"]

Flags = npt.NDArray[np.bool_]
_ODD = np.uint64(0x9E3779B97F4A7C15)
"""Spreads small numbers over all partitions of a table: an odd factor, so that no two become one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EntryMattered:
    """An entry that mattered to a cell.

    Parameters
    ----------
    entry : the entry
    learners : to how many learners' being in the cell it mattered
    entered, left : how many of these were not in it before and are after, and the other way round
    events, voids : of the entry, that are of these learners
    late_ms : by how much the entry was made after its events, least and most; None if it has none of theirs
    is_certain : whether it is known that it mattered; else there were too many entries of a learner to tell
    """

    entry: Entry
    learners: int
    entered: int
    left: int
    events: int
    voids: int
    late_ms: tuple[int, int] | None
    is_certain: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class CellChange:
    """Why a cell became other.

    Parameters
    ----------
    question, cell : what was asked
    entered, left : learners who were not in it before and are after, and the other way round
    after : how many are in it after, None where later entries are folded too
    entries : those that mattered, to most learners first
    more : how many besides these
    looked_at : entries between the two vectors
    others : how many of these say something that counts at both ends, of people or for all
    """

    question: Question
    cell: Cell
    entered: int
    left: int
    after: int | None
    entries: tuple[EntryMattered, ...]
    more: int = 0
    looked_at: int = 0
    others: int = 0

    @property
    def before(self) -> int | None:
        """How many were in it before."""
        return None if self.after is None else self.after - self.entered + self.left


@dataclass(slots=True)
class _Found:
    """What was found so far: pairs of learner and entry that mattered, and who entered and left."""

    learners: list[Int64s] = field(default_factory=list)
    entries: list[Int64s] = field(default_factory=list)
    unsure: list[Int64s] = field(default_factory=list)
    entered: list[Int64s] = field(default_factory=list)
    left: list[Int64s] = field(default_factory=list)

    def pairs(self) -> tuple[Int64s, Int64s]:
        """Return learners and entries of all pairs, by the place of each."""
        return _joined(self.learners), _joined(self.entries)

    def moved(self, learners: Int64s, before: Flags, after: Flags) -> None:
        """Note who was in the cell before, and who after."""
        self.entered.append(learners[after & ~before])
        self.left.append(learners[before & ~after])


class _Ground:
    """What everything here stands on: the state, the question, what there was before, and what came.

    Attributes
    ----------
    keys : the learners whom what came concerns, sorted; all else goes by their places here
    owner : of each event that came the place of its learner
    """

    def __init__(self, state: State, before: Vector, came: Came) -> None:
        history = state.history
        self.state = state
        coverage = Coverage(_known(state, before), state.dictionaries.origin)
        self.covered = Covered.by(coverage, history.copies, history.void_copies)
        self.voids_before = np.setdiff1d(history.voids, self.covered.late_voids)
        # An event that was void before is void whatever comes.
        alive = ~are_in(self.voids_before, came.events.id_hash)
        self.events, self.entry = chosen_events(came.events, alive), came.entry[alive]
        new = ~are_in(self.voids_before, came.voids) & (came.voids != 0)
        self.voids, self.void_entry = came.voids[new], came.void_entry[new]
        self.new_ids: UInt64s = sealed(np.unique(self.voids))
        hi, lo = state.shown_keys(sealed(self.events.key_hi), sealed(self.events.key_lo))
        voided = _keys_of_ids(state, self.new_ids)
        is_voided = are_in(self.new_ids, self.events.id_hash)
        self.voided = distinct_keys([voided, (hi[is_voided], lo[is_voided])])
        self.keys = distinct_keys([(hi, lo), self.voided])
        self.owner: Int64s = find_sorted(*self.keys, sealed(hi), sealed(lo))

    def events_before(self, learners: Int64s) -> tuple[EventBatch, Int64s]:
        """Return the events that some learners had before, those that are void since too, with the places of these."""
        history = self.state.history
        shown = (sealed(self.keys[0][learners]), sealed(self.keys[1][learners]))
        raw = history.identities.groups(shown)
        found = []
        for segment, veil in zip(history.stored, history.veils, strict=True):
            places = places_of_keys(segment, raw)
            for hidden in (veil.gone, veil.erased, veil.withheld):
                places = without_places(places, hidden)
            places = places[self.covered.of(segment, places)]
            found.append(picked_events(segment, places))
        batch = joined_batches(found)
        batch = chosen_events(batch, ~are_in(self.voids_before, batch.id_hash))
        hi, lo = self.state.shown_keys(sealed(batch.key_hi), sealed(batch.key_lo))
        return batch, find_sorted(*self.keys, sealed(hi), sealed(lo))

    def pieces(self, learners: Int64s) -> Iterator[Int64s]:
        """Give learners in pieces of which the events of before are so many that they fit in memory."""
        if not len(learners):
            return
        history = self.state.history
        counts = np.zeros(len(learners), np.int64)
        keys = (sealed(self.keys[0][learners]), sealed(self.keys[1][learners]))
        for segment in history.stored:
            subjects = find_sorted(segment.key_hi, segment.key_lo, *keys)
            known = subjects >= 0
            places = subjects[known]
            counts[known] += segment.offsets[places + 1] - segment.offsets[places]
        piece = np.cumsum(counts) // limits.EXPLAINED_PIECE_EVENTS
        yield from np.split(learners, np.flatnonzero(np.diff(piece)) + 1)


Asked = Callable[[EventBatch, Int64s, int], tuple[UInt8s, UInt8s]]
"""Returns of events, dealt to so many learners of their own by numbers, what each has of the cell, and who is in it."""


def explain_cell(
    state: State,
    show: Callable[[State], State],
    asked: tuple[Question, Cell],
    before: Vector,
    came: Came,
) -> CellChange:
    """Return why a cell became other between what a vector held and that with what came since.

    Parameters
    ----------
    state : of the tenant, sealed, which holds all of it; later entries may be in it too
    show : returns a state as whoever asks may see it
    asked : the question and the cell
    before : by origin the last entry of before
    came : what came since

    Raises
    ------
    QuestionError
        The answer has no such cell, or none that can be explained.
    """
    if state.base is not None:
        raise QuestionError(
            "history was cut here: what of it is in the state came before or after the vector, and nothing tells which"
        )
    question, cell = pinned(show(state), asked[0]), asked[1]
    ground, found = _Ground(state, before, came), _Found()

    def sign(batch: EventBatch, numbers: Int64s, count: int) -> tuple[UInt8s, UInt8s]:
        return _signed(state, batch, numbers, count, lambda one: signed(show(one), question, cell))

    everybody = np.arange(len(ground.keys[0]))
    slow = find_sorted(*ground.voided, *ground.keys) >= 0
    if picks_learners(show(state), question):
        slow[:] = True
    sign(joined_batches([]), np.empty(0, np.int64), 0)  # a cell that there is not is said at once
    _by_bits(ground, sign, everybody[~slow], found)
    _by_subsets(ground, sign, everybody[slow], found)
    return _told(ground, (question, cell), came, found)


def _signed(
    state: State,
    batch: EventBatch,
    numbers: Int64s,
    count: int,
    look: Callable[[State], Signed],
) -> tuple[UInt8s, UInt8s]:
    """Return the bits of learners who are made of events, uint8 (count,), and the table of who is in the cell."""
    small = State(state.zone, state.dictionaries, state.run)
    named = numbers.astype(np.uint64) + np.uint64(1)
    with np.errstate(over="ignore"):
        spread = named * _ODD
    small.fold(replace(batch, key_hi=sealed(spread), key_lo=sealed(named), origin=None, entry=None))
    small.settle()
    found = look(small)
    bits = np.zeros(count, np.uint8)
    bits[(found.keys[1] - np.uint64(1)).astype(np.int64)] = found.bits
    return sealed(bits), found.holds


# --- what can only be added ------------------------------------------------------------------------------------------


def _by_bits(ground: _Ground, sign: Asked, learners: Int64s, found: _Found) -> None:
    """Find the entries that mattered to learners of whom nothing was taken back."""
    mine = np.isin(ground.owner, learners)
    events, owner = chosen_events(ground.events, mine), ground.owner[mine]
    width = int(ground.entry.max(initial=0)) + 1
    pairs, numbers = np.unique(owner * width + ground.entry[mine], return_inverse=True)
    bits, holds = sign(events, numbers, len(pairs))
    pairs, bits = pairs[bits != 0], bits[bits != 0]  # of the others nothing is looked at
    concerned = np.unique(pairs // width)
    for piece in ground.pieces(concerned):
        inside = np.isin(pairs // width, piece)
        batch, places = ground.events_before(piece)
        had, _ = sign(batch, np.searchsorted(piece, places), len(piece))
        owners = np.searchsorted(piece, pairs[inside] // width)
        mattered, was, will_be = mattering_bits(had, owners, sealed(bits[inside]), holds)
        found.moved(piece, was, will_be)
        found.learners.append(piece[owners[mattered]])
        found.entries.append((pairs[inside] % width)[mattered])


# --- what may be taken back ------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Trials:
    """One learner with some subsets of the entries that concern it.

    Parameters
    ----------
    learner : its place
    entries : that concern it
    is_all : whether these are all subsets; else none and all of them
    count : how many subsets
    numbers, events : the events that are there with each subset, and the number of this
    """

    learner: int
    entries: Int64s
    is_all: bool
    count: int
    numbers: Int64s
    events: EventBatch


def _by_subsets(ground: _Ground, sign: Asked, learners: Int64s, found: _Found) -> None:
    """Find the entries that mattered to learners, by every subset of those that concern each."""
    if len(learners) > limits.EXPLAINED_LEARNERS_MAX:
        raise QuestionError(
            f"of {len(learners):,} learners every order of entries would have to be tried, since the question asks for "
            f"attributes or much was voided; at most {limits.EXPLAINED_LEARNERS_MAX:,} are, so explain a cell between "
            f"vectors that lie nearer"
        )
    order = np.argsort(ground.owner, kind="stable")
    came = _Dealt(ground.owner[order], order)
    waiting: list[_Trials] = []
    size = 0
    for piece in ground.pieces(learners):
        batch, places = ground.events_before(piece)
        order = np.argsort(places, kind="stable")
        had = _Dealt(places[order], order)
        for learner in piece.tolist():
            waiting.append(_trials(ground, learner, _at(batch, had.of(learner)), came.of(learner)))
            size += len(waiting[-1].events)
            if size > limits.EXPLAINED_PIECE_EVENTS:
                _try(sign, waiting, found)
                waiting, size = [], 0
    _try(sign, waiting, found)


class _Dealt(NamedTuple):
    """Events in order of their learners: whose each is, rising, and its place."""

    owner: Int64s
    places: Int64s

    def of(self, learner: int) -> Int64s:
        """Return the places of one learner's."""
        first, end = np.searchsorted(self.owner, (learner, learner + 1)).tolist()
        return self.places[first:end]


def _trials(ground: _Ground, learner: int, batch: EventBatch, mine: Int64s) -> _Trials:
    """Return the trials of a learner, with the events of before and the places of those that came."""
    events = joined_batches([batch, _at(ground.events, mine)])
    came_with = np.concatenate([np.full(len(batch), -1), ground.entry[mine]]).astype(np.int64)
    is_mine = np.isin(ground.voids, events.id_hash)
    voids, voided_by = ground.voids[is_mine], ground.void_entry[is_mine].astype(np.int64)
    entries = np.unique(np.concatenate([came_with[came_with >= 0], voided_by]))
    room = limits.EXPLAINED_SUBSETS_MAX, limits.EXPLAINED_PIECE_EVENTS // max(len(events), 1)
    is_all = 1 << min(len(entries), 62) <= min(room)
    subsets = _every(len(entries)) if is_all else _ends(len(entries))
    present = _present(subsets, (events, came_with), (voids, voided_by), entries)
    numbers, rows = np.nonzero(present)
    return _Trials(learner, entries, is_all, len(subsets), numbers, _at(events, rows))


def _try(sign: Asked, trials: Sequence[_Trials], found: _Found) -> None:
    firsts = np.cumsum([0, *(one.count for one in trials)])
    numbers = [one.numbers + first for one, first in zip(trials, firsts[:-1], strict=True)]
    batch = joined_batches([one.events for one in trials])
    bits, holds = sign(batch, _joined(numbers), int(firsts[-1]))
    for one, first in zip(trials, firsts.tolist(), strict=False):
        is_in = holds[bits[first : first + one.count]] != 0
        found.moved(np.array([one.learner]), is_in[:1], is_in[-1:])
        matters = one.entries[mattering_subsets(is_in)] if one.is_all else one.entries
        if not one.is_all:
            found.unsure.append(one.entries)
        found.learners.append(np.full(len(matters), one.learner))
        found.entries.append(matters)


def _every(count: int) -> Flags:
    """Return all subsets of some entries, bool (subsets, entries): place by place as binary numbers."""
    return (np.arange(1 << count)[:, None] >> np.arange(count) & 1).astype(np.bool_)


def _ends(count: int) -> Flags:
    return np.array([[False] * count, [True] * count], np.bool_)


def _present(
    subsets: Flags,
    events: tuple[EventBatch, Int64s],
    voids: tuple[UInt64s, Int64s],
    entries: Int64s,
) -> Flags:
    """Return which events are there with each subset: come with it or before, and void by none of it."""
    batch, came_with = events
    columns = np.searchsorted(entries, came_with)
    there = np.ones((len(subsets), len(batch)), np.bool_)
    later = came_with >= 0
    there[:, later] = subsets[:, columns[later]]
    for void, voided_by in zip(*voids, strict=True):
        has_come = subsets[:, int(np.searchsorted(entries, voided_by))]
        there[np.ix_(has_come, batch.id_hash == void)] = False
    return there


# --- what is told ----------------------------------------------------------------------------------------------------


def _told(ground: _Ground, asked: tuple[Question, Cell], came: Came, found: _Found) -> CellChange:
    question, cell = asked
    entered, left = _joined(found.entered), _joined(found.left)
    sums = _sums(ground, found.pairs(), (entered, left), len(came.entries))
    order = np.argsort(-sums.learners, kind="stable")[: int((sums.learners > 0).sum())]
    unsure = set(_joined(found.unsure).tolist())
    named = [
        EntryMattered(
            entry=came.entries[place],
            learners=int(sums.learners[place]),
            entered=int(sums.entered[place]),
            left=int(sums.left[place]),
            events=int(sums.events[place]),
            voids=int(sums.voids[place]),
            late_ms=_late(came.entries[place], sums, place),
            is_certain=place not in unsure,
        )
        for place in order[: limits.EXPLAINED_ENTRIES_MAX].tolist()
    ]
    return CellChange(
        question=question,
        cell=cell,
        entered=len(entered),
        left=len(left),
        after=None,
        entries=tuple(named),
        more=len(order) - len(named),
        looked_at=len(came.entries),
        others=came.others,
    )


class _Sums(NamedTuple):
    """By entry, int64: learners to whom it mattered, those who entered and left, and its events that are of these."""

    learners: Int64s
    entered: Int64s
    left: Int64s
    events: Int64s
    voids: Int64s
    first_ms: Int64s
    last_ms: Int64s


def _sums(
    ground: _Ground,
    pairs: tuple[Int64s, Int64s],
    moved: tuple[Int64s, Int64s],
    count: int,
) -> _Sums:
    learners, entries = pairs
    has_moved = np.zeros((2, len(ground.keys[0])), np.bool_)
    for row, which in zip(has_moved, moved, strict=True):
        row[which] = True
    mattered = np.sort(learners * max(count, 1) + entries)
    theirs = are_in(mattered, ground.owner * max(count, 1) + ground.entry)
    entry, time_ms = ground.entry[theirs], ground.events.time_ms[theirs]
    first_ms = np.full(count, np.iinfo(np.int64).max)
    last_ms = np.full(count, np.iinfo(np.int64).min)
    np.minimum.at(first_ms, entry, time_ms)
    np.maximum.at(last_ms, entry, time_ms)
    return _Sums(
        np.bincount(entries, minlength=count),
        np.bincount(entries[has_moved[0][learners]], minlength=count),
        np.bincount(entries[has_moved[1][learners]], minlength=count),
        np.bincount(entry, minlength=count),
        np.bincount(ground.void_entry, minlength=count),
        first_ms,
        last_ms,
    )


def _late(entry: Entry, sums: _Sums, place: int) -> tuple[int, int] | None:
    """Return by how much an entry was made after its events, least and most; None if it has none that matter."""
    if not sums.events[place]:
        return None
    made_ms = hybrid_ms(entry.hybrid)
    return made_ms - int(sums.last_ms[place]), made_ms - int(sums.first_ms[place])


def count_in(state: State, question: Question, cell: Cell) -> int:
    """Return how many are in a cell of the answer that a state gives. Raises `QuestionError`."""
    answer = ask(state, question, Source()).to_json()
    tables = {one.name: one.cells for one in tables_of(answer)}
    if isinstance(question, Active):
        return tables[cell.column][cell.row, "learners"]
    return tables[""][cell.row, cell.column]


def _known(state: State, vector: Vector) -> Vector:
    """Return a vector without origins of which nothing was folded: what a caller makes up gets no code."""
    known = state.dictionaries.origin.known_codes
    return Vector(
        {
            origin: number
            for origin, number in vector.items()
            if known(pa.array([str(origin)]).dictionary_encode()) is not None
        }
    )


def _keys_of_ids(state: State, ids: UInt64s) -> Keys:
    """Return the keys under which the learners go now who have events of some ids, sorted."""
    found = []
    for segment in state.history.stored:
        events = picked_events(segment, places_of_ids(segment, ids))
        found.append(state.shown_keys(sealed(events.key_hi), sealed(events.key_lo)))
    return distinct_keys(found)


def _at(batch: EventBatch, rows: Int64s) -> EventBatch:
    """Return events of a batch by their places, any of them several times."""
    return batch_of({name: column[rows] for name, column in columns_of(batch).items()})


def _joined(parts: Sequence[Int64s]) -> Int64s:
    return np.concatenate([np.empty(0, np.int64), *parts])
