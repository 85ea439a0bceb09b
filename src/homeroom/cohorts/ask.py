"""From a question to its answer: checked against what there is, answered by its kind, once more for each part."""

from collections.abc import Mapping
from dataclasses import replace
from importlib import import_module
from typing import Any, Final

import msgspec

from homeroom.cohorts import breakdown
from homeroom.cohorts.answers import Answer, Source
from homeroom.cohorts.beginning import said_of_cut
from homeroom.cohorts.context import Context, make_context
from homeroom.cohorts.questions import (
    Active,
    AtRisk,
    CohortSize,
    Condition,
    CourseReport,
    Funnel,
    Learner,
    Lifecycle,
    MemberList,
    Overlap,
    Paths,
    Question,
    Retention,
    Stickiness,
)
from homeroom.cohorts.questions.definitions import Cohort
from homeroom.cohorts.questions.rules import AllOf, InCohort
from homeroom.errors import QuestionError
from homeroom.state.state import State

__all__ = ["ask"]

_ANSWERS: Final[Mapping[type[Question], str]] = {
    Retention: "attendance:answer_retention",
    Lifecycle: "attendance:answer_lifecycle",
    Stickiness: "attendance:answer_stickiness",
    Active: "attendance:answer_active",
    MemberList: "belonging:answer_members",
    CohortSize: "belonging:answer_cohort",
    Overlap: "belonging:answer_overlap",
    Learner: "belonging:answer_learner",
    Funnel: "funnels:answer_funnel",
    Paths: "paths:answer_paths",
    CourseReport: "course_report.report:answer_report",
    AtRisk: "at_risk:answer_at_risk",
}
"""Module and function that answer each kind; imported when one is asked, so that nobody waits for those of others."""
_OF_COHORTS: Final = (MemberList, CohortSize, Overlap, Learner)
"""Questions about cohorts themselves, which evaluate them on the days that they need."""


def ask(state: State, question: Question, source: Source) -> Answer:
    """Answer a question from settled state. Raises `QuestionError` for what makes no sense on these data."""
    question.check()
    if state.scanned_ms is not None:
        _refuse_beyond_days(state, question)
    context = make_context(state, question, source)
    return said_of_cut(_whole(context, question), context)


def _whole(context: Context, question: Question) -> Answer:
    """Answer a question, with all parts of a breakdown or comparison."""
    state, answer = context.state, _answer(context, question)
    if question.compare:
        return _compared(context, question, answer)
    if question.breakdown is None:
        return answer
    wanted = breakdown.parts(state, question)
    parts = tuple(
        (value, _answer(context, _narrowed(question, conditions)))
        for value, conditions in wanted.parts
    )
    from_history = any(part.answered_from == "history" for _, part in parts)
    return replace(
        answer,
        parts=answer.guarded_parts(parts),
        notes=answer.notes + wanted.notes,
        answered_from="history" if from_history else answer.answered_from,
    )


def _answer(context: Context, question: Question) -> Answer:
    of_cohorts = isinstance(question, _OF_COHORTS)
    selection = context.filters(question) if of_cohorts else context.selection(question)
    module, _, name = _ANSWERS[type(question)].partition(":")
    answer_one = getattr(import_module(f"homeroom.cohorts.{module}"), name)
    answer: Answer = answer_one(context, question, selection)
    if selection.members_from == "history":
        answer = replace(answer, answered_from="history")
    return answer


def _compared(context: Context, question: Question, answer: Answer) -> Answer:
    """Answer once more for each cohort that is compared; with ``cohort``, for those of its members that are in it."""
    parts = tuple((name, _answer(context, _of_cohort(question, name))) for name in question.compare)
    from_history = any(part.answered_from == "history" for _, part in parts)
    notes = dict.fromkeys(note for _, part in parts for note in part.notes)
    return replace(
        answer,
        parts=parts,
        notes=(*answer.notes, *(note for note in notes if note not in answer.notes)),
        answered_from="history" if from_history else answer.answered_from,
    )


def _of_cohort(question: Question, name: str) -> Question:
    """Return the question of one of the cohorts that are compared."""
    definitions = question.definitions
    assert definitions is not None, "a question that compares has definitions"
    if question.cohort is not None:
        both = Cohort(
            name=f"{question.cohort} ∩ {name}",
            rule=AllOf((InCohort(question.cohort), InCohort(name))),
        )
        definitions = msgspec.structs.replace(definitions, cohorts=(*definitions.cohorts, both))
        name = both.name
    return msgspec.structs.replace(question, compare=(), cohort=name, definitions=definitions)


def _refuse_beyond_days(state: State, question: Question) -> None:
    """Raise `QuestionError` for what cannot be answered where nothing but days of activity was kept."""
    asked = {
        question.name: isinstance(question, Funnel | Paths | CourseReport),
        "filters": bool(question.filters),
        "breakdown": question.breakdown is not None,
        "timezone": question.timezone not in (None, state.zone.name),
    }
    if isinstance(question, Retention):
        asked |= {
            "entry": bool(question.entry),
            "returning": bool(question.returning),
            "align": question.align != "calendar",
        }
    asked["interval"] = getattr(question, "interval", "day") == "hour"
    refused = [name for name, is_asked in asked.items() if is_asked]
    if refused:
        raise QuestionError(
            f"{refused[0]}: a scan keeps nothing but days of any activity, cut in {state.zone.name}; read the files "
            f"in whole for this question (without --scan, or homeroom.read)"
        )


def _narrowed(question: Question, conditions: tuple[Condition, ...]) -> Question:
    fields: dict[str, Any] = {name: getattr(question, name) for name in question.__struct_fields__}
    return type(question)(
        **{**fields, "breakdown": None, "filters": (*question.filters, *conditions)}
    )
