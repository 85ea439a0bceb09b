"""What an answer says where history was cut: that it would need more.

The columns know all days, those before a cut too: what they answer is what they always answered. History begins at the
cut. An answer from it is whole only if it looks at nothing before: numbers by day of a range that begins no earlier. A
first time, the period before a range, "ever" in a definition of a cohort: all of these look back without an end. Then
the answer says where history begins, and no cell of it is told as complete.
"""

from dataclasses import replace
from typing import Any, Final

import numpy as np

from homeroom.cohorts.answers import Answer
from homeroom.cohorts.context import Context
from homeroom.cohorts.questions import Active, Question, Stickiness
from homeroom.state.zones import date_of

__all__ = ["said_of_cut"]

_LOOKING_AT_THE_RANGE_ALONE: Final = (Active, Stickiness)


def said_of_cut(answer: Answer, context: Context) -> Answer:
    """Return an answer that says so if it is from history that was cut, and would need what is gone."""
    cut = context.state.cut_made
    if cut is None or answer.answered_from != "history" or _is_whole(context, answer.question):
        return answer
    note = (
        f"history begins on {cut.date}: of what was before it is only known who was active on which day, attributes, "
        f"and how enrolments stand; whatever asks for more knows nothing of it"
    )
    parts = tuple((value, _incomplete(part)) for value, part in answer.parts)
    marked = _incomplete(answer)
    return replace(marked, parts=parts, notes=(*answer.notes, note), history_from=cut.date)


def _is_whole(context: Context, question: Question) -> bool:
    """Say whether a question looks at nothing from before history begins."""
    begins = context.state.history.begins
    assert begins is not None, "history was cut"
    is_by_range = isinstance(question, _LOOKING_AT_THE_RANGE_ALONE) and question.cohort is None
    is_later = context.first is not None and context.first >= date_of(begins.day)
    is_same_zone = context.zone.name == context.state.zone.name
    # Whole weeks and months of the range reach back before it.
    is_reaching = isinstance(question, Active) or getattr(question, "interval", "day") != "day"
    if is_later and is_reaching:
        assert context.first is not None, "there is a range"
        is_later = (context.first - date_of(begins.day)).days >= 31
    return is_by_range and is_later and is_same_zone and not question.compare


def _incomplete(answer: Answer) -> Answer:
    """Return an answer none of whose cells is complete, if it says that of cells at all."""
    complete = getattr(answer, "complete", None)
    if not isinstance(complete, np.ndarray):
        return answer
    told: Any = answer  # of a kind that has such cells
    changed: Answer = replace(told, complete=np.zeros_like(complete))
    return changed
