"""What a caller's question becomes: the one place where a scope limits what is seen.

A key may be limited to course runs or organisations, or to numbers that tell of nobody. Checking answers would be
hopeless: there are too many ways to ask. So the question itself is changed, before anything is computed: every place in
it that looks at events gets the condition as well. A question of a kind in which there is any place that cannot be
reached is refused.

- A question's own filters get the conditions; so no event of another course run is seen by what the question counts.
- Its cohorts are rules over events of their own, which no filter reaches. So each condition on events within the rules
  gets the course runs too, and each cohort is narrowed to learners who were active in these, or of the organisation.
- What then is told beside the figures (what was read, notes, errors that name what there is) is about everything, and
  is left out (`told`).

Numbers that tell of nobody (the scope ``aggregate``) are not a matter of events but of differences: whoever may make
cohorts finds out about one learner from two sizes. So such a caller asks only about definitions that are kept, without
filters of its own and by the rules as they stand, and only kinds whose answers suppress small counts together with
their complements. What is left of counts is told in whole steps of the same bound, so that two answers differ by
nothing or by a whole step, and not by one learner (``docs/decisions/0014-counts-in-steps.md``).
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

import msgspec

from homeroom import limits
from homeroom.cohorts.answers import Answer
from homeroom.cohorts.questions import (
    ATTENDANCE,
    AtRisk,
    CohortSize,
    Condition,
    CourseReport,
    Definitions,
    Funnel,
    Learner,
    MemberList,
    Overlap,
    Paths,
    Question,
)
from homeroom.cohorts.questions.rules import (
    AllOf,
    AnyOf,
    Attribute,
    Conditions,
    Did,
    DidThenNot,
    First,
    InCohort,
    Listed,
    Not,
    Result,
    Rule,
    Sequence,
    Stopped,
)
from homeroom.log.control import Scope
from homeroom.serve.access import Caller
from homeroom.serve.problems import ProblemError

__all__ = [
    "AGGREGATE_KINDS",
    "LIMITED_KINDS",
    "PERSON_KINDS",
    "in_steps",
    "scoped",
    "tells_source",
    "told",
]

PERSON_KINDS: Final[tuple[type[Question], ...]] = (MemberList, Learner)
"""Kinds whose answers say who: they need the scope ``persons``."""
LIMITED_KINDS: Final[tuple[type[Question], ...]] = (
    *ATTENDANCE,
    Funnel,
    Paths,
    CourseReport,
    AtRisk,
)
"""Kinds that can be limited to course runs and organisations. What is about cohorts as they are defined also tells how
many learners there are in all, which no filter reaches."""
AGGREGATE_KINDS: Final = (CohortSize, Overlap, AtRisk)
"""Kinds that leave small counts out, with what would give them away."""


def scoped(question: Question, caller: Caller, suppress_below: int) -> Question:
    """Return the question that a caller may ask in place of this one.

    Parameters
    ----------
    question : as it was asked, with the definitions that it names
    caller : who asks
    suppress_below : the tenant's bound for those who may not see persons

    Raises
    ------
    ProblemError
        The caller may not ask this kind of question.
    """
    caller.need(Scope.READ, Scope.AGGREGATE, Scope.PERSONS)
    if isinstance(question, PERSON_KINDS):
        caller.need(Scope.PERSONS)
    elif not caller.scopes & {Scope.READ, Scope.PERSONS}:
        question = _aggregate(question, suppress_below)
    if isinstance(question, AtRisk) and Scope.PERSONS not in caller.scopes:
        # Its list names enrolments one by one.
        question = msgspec.structs.replace(question, limit=0)
    return _limited(question, caller) if caller.is_limited else question


def told(answer: Answer, caller: Caller) -> dict[str, Any]:
    """Return what a caller is told of an answer.

    A limited one is told what is about its part alone; who may not see persons, how many in place of who; who sees only
    numbers without small counts, these in steps.
    """
    said = answer.to_json()
    is_coarse = _is_coarse(caller)
    if not tells_source(caller):
        said.pop("source", None)
        said["notes"] = []
    if Scope.PERSONS not in caller.scopes and "change" in said:
        said["change"] = _counted(said["change"])
    if is_coarse:
        assert isinstance(answer.question, AGGREGATE_KINDS), "it was let through by `scoped`"
        said = _coarse(said, answer.question.suppress_below)
    return said


def tells_source(caller: Caller) -> bool:
    """Say whether a caller is told what was read beside what is its own."""
    return not caller.is_limited and not _is_coarse(caller)


def _is_coarse(caller: Caller) -> bool:
    return caller.scopes.isdisjoint({Scope.READ, Scope.PERSONS})


def in_steps(count: int, bound: int) -> int:
    """Return a count without what is beyond whole steps of a bound."""
    return count - count % max(bound, 1)


def _counted(change: Mapping[str, Any]) -> dict[str, Any]:
    """Return who entered and left as numbers."""
    counts = {
        f"{way}_count": None if change[way] is None else len(change[way])
        for way in ("entered", "left")
    }
    return {**change, "entered": None, "left": None, **counts}


_STEPPED: Final = frozenset({"sizes", "learners", "current", "at_risk", "shared"})
"""What is counted in answers of ``AGGREGATE_KINDS``, by the names that it has there."""


def _coarse(said: Any, bound: int, *, is_count: bool = False) -> Any:  # noqa: ANN401 - JSON
    """Return an answer with its counts in steps; shares would give them away."""
    if isinstance(said, dict):
        return {
            name: value if name == "question" else _coarse(value, bound, is_count=name in _STEPPED)
            for name, value in said.items()
            if name != "share"
        }
    if isinstance(said, list):
        return [_coarse(one, bound, is_count=is_count) for one in said]
    return in_steps(said, bound) if is_count and isinstance(said, int) else said


def _refuse(question: Question, why: str, kinds: Iterable[type[Question]]) -> ProblemError:
    names = [kind.name for kind in kinds]
    return ProblemError(
        "not-allowed", f"{question.name}: {why}; it may ask {', '.join(names)}", {"kinds": names}
    )


# --- numbers that tell of nobody -------------------------------------------------------------------------------------


def _aggregate(question: Question, suppress_below: int) -> Question:
    if not isinstance(question, AGGREGATE_KINDS):
        raise _refuse(question, "this key sees only numbers without small counts", AGGREGATE_KINDS)
    if question.filters or question.breakdown is not None or question.compare:
        raise ProblemError(
            "not-allowed",
            "filters, breakdown and compare are not for a key that sees only numbers without small counts: the "
            "difference of two answers would be one",
            {"field": "filters"},
        )
    changed = [
        name
        for name in ("changed", "quiet_days", "beyond", "unless", "timezone")
        if getattr(question, name, None) != getattr(type(question)(), name, None)
    ]
    if changed:
        raise ProblemError(
            "not-allowed",
            f"{changed[0]} is not for a key that sees only numbers without small counts: the difference of two answers "
            f"would be one",
            {"field": changed[0]},
        )
    bound = max(question.suppress_below, suppress_below)
    return msgspec.structs.replace(question, suppress_below=bound)


# --- course runs and organisations -----------------------------------------------------------------------------------


def _limited(question: Question, caller: Caller) -> Question:
    if not isinstance(question, LIMITED_KINDS):
        raise _refuse(question, "this key is limited to some course runs", LIMITED_KINDS)
    events = (Condition("course", caller.courses),) if caller.courses else ()
    learners = (Condition("organisation", caller.organisations),) if caller.organisations else ()
    changed: dict[str, Any] = {"filters": (*question.filters, *events, *learners)}
    if question.definitions is not None:
        changed["definitions"] = _narrowed(question.definitions, events, learners)
    if isinstance(question, CourseReport) and caller.courses:
        changed["course"] = _courses(question, caller)
    return msgspec.structs.replace(question, **changed)


def _courses(question: CourseReport, caller: Caller) -> tuple[str, ...]:
    wanted = question.course or caller.courses[: limits.REPORT_COURSES_MAX]
    if not set(wanted) <= set(caller.courses):
        raise ProblemError(
            "not-allowed",
            "course names a course run that this key does not see",
            {"field": "course"},
        )
    return wanted


def _narrowed(definitions: Definitions, events: Conditions, learners: Conditions) -> Definitions:
    """Return definitions in which every rule sees only these events, and every cohort holds only these learners."""
    members = tuple(Attribute(condition) for condition in learners)
    present: tuple[Rule, ...] = (Did(where=events),) if events else ()
    cohorts = tuple(
        msgspec.structs.replace(
            cohort, rule=AllOf((_seeing(cohort.rule, events), *present, *members))
        )
        for cohort in definitions.cohorts
    )
    return msgspec.structs.replace(definitions, cohorts=cohorts)


def _seeing(rule: Rule, events: Conditions) -> Rule:
    """Return a rule whose every condition on events has these as well."""
    return _SEEING[type(rule)](rule, events)


def _same(rule: Rule, _events: Conditions) -> Rule:
    return rule


def _with_where(rule: Any, events: Conditions) -> Rule:  # noqa: ANN401 - any rule that has `where`
    found: Rule = msgspec.structs.replace(rule, where=(*rule.where, *events))
    return found


def _then_not(rule: DidThenNot, events: Conditions) -> Rule:
    return msgspec.structs.replace(
        rule, where=(*rule.where, *events), then_not=(*rule.then_not, *events)
    )


def _sequence(rule: Sequence, events: Conditions) -> Rule:
    return msgspec.structs.replace(rule, steps=tuple((*step, *events) for step in rule.steps))


def _group(rule: AllOf | AnyOf, events: Conditions) -> Rule:
    return type(rule)(tuple(_seeing(one, events) for one in rule.rules))


def _negated(rule: Not, events: Conditions) -> Rule:
    return Not(_seeing(rule.rule, events))


_SEEING: Final[Mapping[type, Callable[[Any, Conditions], Rule]]] = {
    Attribute: _same,
    Listed: _same,
    InCohort: _same,  # the cohort that it names is narrowed itself
    Did: _with_where,
    First: _with_where,
    Stopped: _with_where,
    Result: _with_where,
    DidThenNot: _then_not,
    Sequence: _sequence,
    AllOf: _group,
    AnyOf: _group,
    Not: _negated,
}
"""How each kind of rule is limited. A kind that is not here cannot be, and a test fails while one is missing."""
