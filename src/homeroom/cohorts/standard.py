"""The questions that a course team has without asking: what a report holds beside who came back.

Which of them make sense depends on the data: a funnel needs activity of two kinds, a course report a course run. What
the data cannot tell is left out here, or said by the answer.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np

from homeroom import limits
from homeroom.cohorts.questions import Definitions, Question, parse_question
from homeroom.events.model import TRACKS
from homeroom.state.state import COURSE, State

__all__ = ["standard_questions"]

_FUNNEL: Final = ("enrolment", "video", "reading", "problem")
"""Tracks in the order in which courses are meant to be learned."""
_RANGE: Final = ("from", "to")
_OF_EVENTS: Final = ("filters", *_RANGE)


def standard_questions(
    state: State, fields: Mapping[str, Any], definitions: Definitions
) -> tuple[Question, ...]:
    """Return the questions of a report on these data, but for those about who came back.

    Parameters
    ----------
    state : settled
    fields : fields that all questions share, as `parse_question` takes them: range, zone, filters, cohort, as_of
    definitions : the cohorts that the report compares
    """
    shared = {name: value for name, value in fields.items() if name != "interval"}
    written: list[dict[str, Any]] = []
    if not any(name in fields for name in _OF_EVENTS):
        written += [{**shared, "question": "at-risk"}] if state.enrolments.rows else []
    steps = _steps(state)
    if len(steps) > 1:
        written.append({**shared, "question": "funnel", "steps": steps, "within": "28d"})
    if len(steps) > 1 or "enrolment" not in steps:
        written.append({**shared, "question": "paths", "by": "track"})
    if len(definitions.cohorts) > 1 and not any(name in fields for name in _OF_EVENTS):
        kept = {name: shared[name] for name in ("as_of",) if name in shared}
        written.append({**kept, "question": "overlap", "definitions": definitions})
    written += [{**shared, "question": "report", "course": [course]} for course in _courses(state)]
    return tuple(parse_question(one) for one in written)


def _steps(state: State) -> list[str]:
    """Return conditions on the tracks that any learner has been active in."""
    present = [name for name in _FUNNEL if _is_used(state, name)]
    return [f"track={name}" for name in present]


def _is_used(state: State, track: str) -> bool:
    assert track in TRACKS
    return any(
        track in part.words and bool(part.words[track][:, : part.rows].any())
        for part in state.learners.partitions
    )


def _courses(state: State) -> Sequence[str]:
    """Return the course runs with most learners, as many as a report shows."""
    names = state.dictionaries.course.values
    counts = np.zeros(len(names) + 1, np.int64)
    for part in state.enrolments.partitions:
        if part.rows and COURSE in part.codes:
            counts += np.bincount(part.codes[COURSE][: part.rows] + 1, minlength=len(names) + 1)
    order = sorted(range(len(names)), key=lambda code: (-counts[code + 1], names[code]))
    return [names[code] for code in order[: limits.REPORT_STANDARD_COURSES] if counts[code + 1]]
