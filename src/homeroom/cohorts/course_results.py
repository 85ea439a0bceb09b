"""Results that the columns of enrolments hold: the latest grade of a course run, the best progress in it.

A rule about a result means the results of all events that its conditions let through, so the columns answer it only
where these are just the events that they were folded from: of one course run, with a standing that carries a grade (for
a grade), or with any standing (for progress). A grade has its time; where one came after the date that is asked about,
history must tell what it was before. Progress has none, so nothing at all may have come later.
"""

from typing import Final, TypeAlias

import numpy as np

from homeroom.cohorts.matching import Flags, Selection, Test
from homeroom.cohorts.members import Members, members_of, pack
from homeroom.cohorts.questions.rules import Of
from homeroom.events.model import STANDINGS, Float64s, UInt64s
from homeroom.state.running import all_of
from homeroom.state.standing import GRADE, GRADED, PROGRESS
from homeroom.state.state import COURSE, State
from homeroom.state.table import Partition

__all__ = ["by_course_result"]

Kind: TypeAlias = tuple[Of, Test, Selection]
"""Which of the results of some events is meant, the test that it must pass, and what the events must pass."""
_COLUMNS: Final = {
    ("latest", "score"): (GRADE, GRADED),
    ("best", "progress"): (PROGRESS, tuple(range(1, len(STANDINGS)))),
}
"""Of a result: the column that holds it, and the standings of the events that it is folded from."""


def by_course_result(state: State, kind: Kind, end_ms: int) -> Members | None:
    """Return the learners whose result passes a test at an instant; None if the columns do not tell."""
    of, test, selection = kind
    found = _COLUMNS.get((of, test.column))
    if found is None or selection.course is None or selection.tracks is not None:
        return None
    name, standings = found
    if len(selection.tests) != 1 or not _lets_through(selection.tests[0], standings):
        return None
    are_known = (_is_known(state, part, name, end_ms) for part in state.enrolments.partitions)
    if not all_of(state.run, are_known):
        return None

    def choose(number: int, learners: Partition) -> UInt64s:
        part, chosen = state.enrolments.partitions[number], np.zeros(learners.rows, np.bool_)
        if name in part.numbers:
            inside = part.codes[COURSE][: part.rows] == selection.course
            values: Float64s = part.numbers[name][: part.rows][inside]
            holds = ~np.isnan(values) & test.passes(values)
            chosen[state.owner_rows(number)[inside]] = holds
        return pack(chosen)

    return members_of(state.learners, choose)


def _lets_through(test: Test, standings: tuple[int, ...]) -> bool:
    """Say whether a test lets just the events of these standings through."""
    allowed: Flags = np.zeros(len(STANDINGS) + 1, np.uint8)
    allowed[[standing + 1 for standing in standings]] = 1
    same = test.allowed is not None and np.array_equal(test.allowed, allowed)
    return test.column == "standing" and same


def _is_known(state: State, part: Partition, name: str, end_ms: int) -> bool:
    """Say whether a column held at an instant what it holds now."""
    if name not in part.numbers:
        return True
    if name in part.set_ms:
        return bool((part.set_ms[name][: part.rows] < end_ms).all())
    span = state.time_range_ms
    return span is None or span[1] < end_ms
