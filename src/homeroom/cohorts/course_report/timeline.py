"""The events of a course run, learner by learner in order of time, in the few bytes that a report needs of each.

Every part of a report looks at all events of a course run, several of them in order of time and across segments. So
the events are picked out once, from blocks of learners, and each part then walks arrays in memory: 44 bytes an event,
against well over a hundred in history.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final, TypeVar

import numpy as np
import numpy.typing as npt

from homeroom.cohorts.activity import Roster
from homeroom.cohorts.course_report.acts import Act, act_codes
from homeroom.cohorts.kernels import course_events as kernels
from homeroom.cohorts.matching import Selection
from homeroom.cohorts.pieces import Piece
from homeroom.events.model import TRACKS, Float64s, Int32s, Int64s, UInt8s
from homeroom.events.texts import sealed
from homeroom.limits import REPORT_BLOCK_EVENTS, VIDEO_SECONDS_MAX
from homeroom.state.running import Run, before_me, listed
from homeroom.state.state import State
from homeroom.state.zones import Zone, local_days

__all__ = ["MOST_MS", "Block", "CourseEvents", "added", "by_hand", "gather"]

MOST_MS: Final = 1_000 * VIDEO_SECONDS_MAX
_FORUM, _VIDEO, _PROBLEM = (TRACKS.index(name) for name in ("forum", "video", "problem"))
_NO_FLOATS: Float64s = sealed(np.empty(0, np.float64))
_NO_CODES: Int32s = sealed(np.empty(0, np.int32))
_NO_TIMES: Int64s = sealed(np.empty(0, np.int64))
_NO_FLAGS = sealed(np.empty(0, np.int8))
_Item = TypeVar("_Item")
_Hand = TypeVar("_Hand")


@dataclass(frozen=True, slots=True)
class Block:
    """Events of some learners, in order of learner and time; all arrays of shape (events,), read-only.

    Parameters
    ----------
    rows : int32, the learner's number in the roster, those of all shards one after the other
    time_ms : int64
    days : int32, the local day in the reporting zone
    acts : uint8, see `Act`
    activity, section : int32, numbers within the course run (`CourseEvents.activities`), -1 is absent
    standing : uint8, place in ``STANDINGS``
    flags : uint8, success + 1 in the lowest two bits, completion + 1 in the next two
    first, second : int32, what depends on the act, see `kernels.course_events.fill_payload`
    score, progress : float64, NaN is absent; of length 0 where no event has one
    """

    rows: Int32s
    time_ms: Int64s
    days: Int32s
    acts: UInt8s
    activity: Int32s
    section: Int32s
    standing: UInt8s
    flags: UInt8s
    first: Int32s
    second: Int32s
    score: Float64s
    progress: Float64s

    def __len__(self) -> int:
        """Return the number of events."""
        return len(self.rows)


@dataclass(frozen=True, slots=True)
class CourseEvents:
    """The events of one course run.

    Parameters
    ----------
    blocks : the events, by learners
    activities, sections : code in the dictionary of each number, int32
    is_video, is_problem : uint8 by activity, whether an event of that track names it
    length_ms : int32 by activity, the length of the video that events tell, 0 where none does
    """

    blocks: tuple[Block, ...]
    activities: Int32s
    sections: Int32s
    is_video: UInt8s
    is_problem: UInt8s
    length_ms: Int32s

    def __len__(self) -> int:
        """Return the number of events in this shard."""
        return sum(map(len, self.blocks))


def by_hand(
    items: Sequence[_Item],
    make: Callable[[], _Hand],
    work: Callable[[_Item, _Hand], None],
    run: Run,
) -> list[_Hand]:
    """Deal items out to the workers, each with something of its own to collect in; return these, of all shards."""
    count = max(min(run.workers, len(items)), 1)
    hands = [make() for _ in range(count)]

    def task(number: int) -> None:
        for item in items[number::count]:
            work(item, hands[number])

    run([partial(task, number) for number in range(count)])
    return listed(run, hands)


def added(counts: Sequence[npt.NDArray[Any]]) -> Int64s:
    """Add up what the workers counted, int64."""
    total: Int64s = np.add.reduce(counts, axis=0, dtype=np.int64)
    return total


_MARKS: Final = ("seen", "video", "problem", "length_ms", "sections")


class _Found:
    """What one worker finds of one course run: blocks by their place, and marks by code of the dictionaries."""

    def __init__(self) -> None:
        self.blocks: dict[int, Block] = {}
        self.seen = np.zeros(0, np.uint8)
        self.video = np.zeros(0, np.uint8)
        self.problem = np.zeros(0, np.uint8)
        self.length_ms = np.zeros(0, np.int32)
        self.sections = np.zeros(0, np.uint8)

    @property
    def marks(self) -> dict[str, npt.NDArray[Any]]:
        """The marks by code."""
        return {name: getattr(self, name) for name in _MARKS}

    def fit(self, activities: int, sections: int) -> None:
        """Make room for all codes: dictionaries can grow while the columns of a directory are read."""
        for name in _MARKS:
            size = sections if name == "sections" else activities
            setattr(self, name, _longer(getattr(self, name), size))


def _longer(array: npt.NDArray[Any], size: int) -> npt.NDArray[Any]:
    """Return an array of at least a size; what is new in it is 0."""
    if size <= len(array):
        return array
    return np.concatenate([array, np.zeros(size - len(array), array.dtype)])


@dataclass(frozen=True, slots=True)
class _Picking:
    """How events are picked: from which state, under which conditions, in which zone."""

    state: State
    roster: Roster
    selection: Selection
    zone: Zone
    acts: UInt8s = field(init=False)
    mask: npt.NDArray[np.int8] | None = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "acts", act_codes(self.state.dictionaries.verb.spoken))
        object.__setattr__(self, "mask", self.roster.mask(self.state, self.selection))

    def block(
        self, span: tuple[int, int, int], courses: Sequence[int], found: Sequence[_Found]
    ) -> None:
        """Pick the events of some learners for every course run; ``span`` = (number of the block, first, end)."""
        start = span[1]
        tests = self.selection.history_tests()
        picked: list[list[Block]] = [[] for _ in courses]
        for piece in self.roster.pieces(self.state.segments, span):
            codes, keep = piece.column("course"), piece.keep(tests)
            assert codes is not None
            subjects = sealed(piece.rows + np.int32(start))
            for place, course in enumerate(courses):
                places, found_rows = np.empty(len(piece), np.int64), np.empty(len(piece), np.int32)
                used = kernels.select_events(
                    piece.offsets, subjects, codes, keep, self.mask, course, places, found_rows
                )
                if used:
                    own = (sealed(places[:used]), sealed(found_rows[:used].copy()))
                    picked[place].append(self._read(piece, *own, found[place]))
        for blocks, one in zip(picked, found, strict=True):
            if blocks:
                one.blocks[start] = _merged(blocks)

    def _read(self, piece: Piece, places: Int64s, rows: Int32s, found: _Found) -> Block:
        """Read what is needed of the picked events of one segment."""
        count = len(places)
        time_ms = _taken(piece, "time_ms", places)
        verbs, tracks = piece.column("verb"), piece.column("track")
        assert verbs is not None
        assert tracks is not None
        acts, flags = np.empty(count, np.uint8), np.empty(count, np.uint8)
        kernels.fill_acts(places, verbs, tracks, self.acts, _FORUM, acts)
        kernels.pack_flags(
            places, _or(piece, "success", _NO_FLAGS), _or(piece, "completion", _NO_FLAGS), flags
        )
        first, second = np.empty(count, np.int32), np.empty(count, np.int32)
        positions = tuple(_or(piece, n, _NO_FLOATS) for n in ("position_s", "position_from_s"))
        answers = (_or(piece, "answer", _NO_CODES), _or(piece, "duration_ms", _NO_TIMES))
        kernels.fill_payload(acts, places, positions, answers, MOST_MS, first, second)
        activity = _taken(piece, "activity", places)
        section = _taken(piece, "section", places)
        found.fit(len(self.state.dictionaries.activity), len(self.state.dictionaries.section))
        for marks, track in ((found.seen, -1), (found.video, _VIDEO), (found.problem, _PROBLEM)):
            kernels.mark_codes(activity, places, tracks, track, marks)
        if section is None:
            section = np.full(count, -1, np.int32)
        else:
            kernels.mark_codes(section, places, tracks, -1, found.sections)
        length_s = piece.column("length_s")
        if length_s is not None:
            kernels.lengthen(activity, places, length_s, MOST_MS, found.length_ms)
        standing = _taken(piece, "standing", places)
        return Block(
            rows=rows,
            time_ms=sealed(time_ms),
            days=local_days(time_ms, self.zone),
            acts=acts,
            activity=activity,
            section=section,
            standing=np.zeros(count, np.uint8) if standing is None else standing,
            flags=flags,
            first=first,
            second=second,
            score=_taken(piece, "score", places, _NO_FLOATS),
            progress=_taken(piece, "progress", places, _NO_FLOATS),
        )


def _or(piece: Piece, name: str, absent: npt.NDArray[Any]) -> npt.NDArray[Any]:
    found = piece.column(name)
    return absent if found is None else found


def _taken(piece: Piece, name: str, places: Int64s, absent: npt.NDArray[Any] | None = None) -> Any:  # noqa: ANN401 - an array of the column's type, or what stands for none
    found = piece.column(name)
    return absent if found is None else found[places]


def _merged(parts: Sequence[Block]) -> Block:
    """Merge the events of several segments, two at a time."""
    while len(parts) > 1:
        pairs = [parts[i : i + 2] for i in range(0, len(parts), 2)]
        parts = [pair[0] if len(pair) == 1 else _merged_two(*pair) for pair in pairs]
    return parts[0]


def _merged_two(one: Block, other: Block) -> Block:
    columns = {
        name: (getattr(one, name), getattr(other, name)) for name in Block.__dataclass_fields__
    }
    for name in ("score", "progress"):  # a column that one of the segments does not have
        if max(map(len, columns[name])):
            columns[name] = (_filled(columns[name][0], one), _filled(columns[name][1], other))
    rows, time_ms = (np.concatenate(columns[name]) for name in ("rows", "time_ms"))
    order = np.empty(len(rows), np.int64)
    kernels.merge_order(sealed(rows), sealed(time_ms), len(one), order)
    merged = {}
    for name, pair in columns.items():
        joined = np.concatenate(pair)
        merged[name] = joined[order] if len(joined) else joined
    return Block(**merged)


def _filled(column: Float64s, block: Block) -> Float64s:
    return column if len(column) else np.full(len(block), np.nan)


def gather(
    state: State, courses: Sequence[int], selection: Selection, zone: Zone
) -> list[CourseEvents]:
    """Return the events of course runs, given by their codes, that pass a selection."""
    roster = Roster.of(state)
    picking = _Picking(state, roster, selection, zone)
    found = [[_Found() for _ in courses] for _ in range(state.run.workers)]
    spans = _spans(state, roster)

    def work(number: int) -> None:
        for span in spans[number :: len(found)]:
            picking.block(span, courses, found[number])

    state.run([partial(work, number) for number in range(len(found))])
    before = before_me(state.run, len(roster.key_hi))
    return [_joined([one[i] for one in found], before, state.run) for i in range(len(courses))]


def _spans(state: State, roster: Roster) -> list[tuple[int, int, int]]:
    """Cut the roster into blocks with about so many events: number, first and end; a learner is never cut."""
    events = np.zeros(len(roster.key_hi), np.int64)
    for segment, rows in zip(state.segments, roster.rows, strict=True):
        events[rows] += np.diff(segment.offsets)
    before = np.cumsum(events) - events
    cuts = np.flatnonzero(np.diff(before // REPORT_BLOCK_EVENTS, prepend=-1))
    ends = np.append(cuts, len(events))[1:]
    return list(zip(range(len(cuts)), cuts.tolist(), ends.tolist(), strict=True))


def _most(found: Sequence[Mapping[str, npt.NDArray[Any]]]) -> dict[str, npt.NDArray[Any]]:
    """Join marks by code, the greatest of each."""
    joined = {}
    for name in _MARKS:
        columns = [one[name] for one in found]
        size = max(map(len, columns))
        joined[name] = np.maximum.reduce([_longer(one, size) for one in columns])
    return joined


def _joined(found: Sequence[_Found], before: int, run: Run) -> CourseEvents:
    """Put together what the workers found; number activities and sections within the course run.

    ``before`` is how many learners the shards before this one have.
    """
    marks = run.gathered(_most([one.marks for one in found]), _most)
    seen, sections = marks["seen"], marks["sections"]
    activities = np.flatnonzero(seen)
    numbers = sealed((np.cumsum(seen, dtype=np.int32) - 1).astype(np.int32))
    of_sections = sealed((np.cumsum(sections, dtype=np.int32) - 1).astype(np.int32))
    blocks = dict(sorted(item for one in found for item in one.blocks.items()))

    def renumber(block: Block) -> None:
        kernels.renumber(block.activity, numbers)
        kernels.renumber(block.section, of_sections)

    run([partial(renumber, block) for block in blocks.values()])
    return CourseEvents(
        blocks=tuple(_sealed(block, before) for block in blocks.values()),
        activities=activities.astype(np.int32),
        sections=np.flatnonzero(sections).astype(np.int32),
        is_video=sealed(marks["video"][activities]),
        is_problem=sealed(marks["problem"][activities]),
        length_ms=sealed(marks["length_ms"][activities]),
    )


def _sealed(block: Block, before: int) -> Block:
    columns = {name: sealed(getattr(block, name)) for name in Block.__dataclass_fields__}
    if before:
        columns["rows"] = sealed(block.rows + np.int32(before))
    return Block(**columns)


assert [Act.PAUSED, Act.PLAYED, Act.ANSWERED, Act.POSTED, Act.READ] == [1, 5, 6, 7, 8], (
    "the kernels know these numbers"
)
