"""Who is in a cohort, how it grows and why it changes, what cohorts share, and the cohorts of one learner."""

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from homeroom.cohorts.answers.belonging import (
    SUPPRESSED,
    Change,
    CohortAnswer,
    LearnerAnswer,
    MembersAnswer,
    Membership,
    OverlapAnswer,
    shown_counts,
)
from homeroom.cohorts.context import Context
from homeroom.cohorts.evaluating import Evaluator
from homeroom.cohorts.matching import Selection
from homeroom.cohorts.members import Members, patterns_in
from homeroom.cohorts.questions import Question
from homeroom.cohorts.questions.belonging import CohortSize, Learner, MemberList, Overlap
from homeroom.cohorts.questions.definitions import Cohort, Definitions
from homeroom.cohorts.questions.rule_words import in_words
from homeroom.errors import QuestionError
from homeroom.events.model import Int64s, UInt64s
from homeroom.events.texts import sealed
from homeroom.limits import OVERLAP_SETS_MAX
from homeroom.state.fold import PARTITION_SHIFT
from homeroom.state.running import Run, Task, added, any_of, listed
from homeroom.state.state import State
from homeroom.state.table import NO_DAY
from homeroom.state.zones import day_of_date

__all__ = ["answer_cohort", "answer_learner", "answer_members", "answer_overlap"]


def answer_members(context: Context, question: MemberList, _: Selection) -> MembersAnswer:
    """List the members of a cohort."""
    name, evaluator, day = _named(question), _evaluator(context, question), 0
    day = context.day(evaluator.zone)
    found = evaluator.evaluate([name], day)
    members = found.members[name]
    count, everybody = _sizes(context.state.run, members, evaluator.everybody(day)).tolist()
    size = int(shown_counts(np.array([count]), everybody, question.suppress_below)[0])
    keys = () if size == SUPPRESSED else pseudonyms(context.state, members)
    return MembersAnswer(
        **_said(context, question, found.answered_from, found.notes),
        definition=_definition(question, name),
        size=size,
        learners=everybody,
        members=keys,
    )


def answer_cohort(context: Context, question: CohortSize, _: Selection) -> CohortAnswer:
    """Give the size of a cohort over time, and what changed between two dates."""
    name, evaluator = _named(question), _evaluator(context, question)
    periods = context.periods(question, question.interval)
    today = context.day(evaluator.zone)
    days = [min(int(end) - 1, today) for end in periods.days[2:]]
    wanted = [*days, *(day_of_date(date) for date in question.changed or ())]
    found = evaluator.on_days([name], wanted)
    bound = question.suppress_below
    run = context.state.run
    sizes = _sizes(run, *(one.members[name] for one in found[: len(days)]))
    learners = _sizes(run, *(evaluator.everybody(day) for day in days))
    return CohortAnswer(
        **_said(
            context,
            question,
            evaluator.answered_from(_rule(question, name)),
            _notes(found),
            periods.labels,
        ),
        definition=_definition(question, name),
        sizes=shown_counts(sizes, learners, bound),
        learners=learners,
        complete=periods.complete(context.as_of_ms),
        change=None if question.changed is None else _change(context, question, evaluator),
    )


def _change(context: Context, question: CohortSize, evaluator: Evaluator) -> Change:
    """Compare two days, on which the cohort has been evaluated; its rules tell for whom they changed."""
    assert question.changed is not None
    rule, bound, state = _rule(question, _named(question)), question.suppress_below, context.state
    first, last = (day_of_date(date) for date in question.changed)
    before, after = evaluator.holds(rule, first), evaluator.holds(rule, last)
    entered, left = after - before, before - after
    turned = []
    for leaf in evaluator.leaves(rule):
        was, is_now = evaluator.holds(leaf, first), evaluator.holds(leaf, last)
        turned.append((in_words(leaf), (is_now - was) | (was - is_now)))
    new = evaluator.everybody(last) - evaluator.everybody(first)
    turned.append(("were active for the first time", new))
    by_reason = [one & side for _, one in turned for side in (entered, left)]
    sizes = _sizes(state.run, entered, left, before & after, *by_reason)
    told = [_told(int(size), bound) for size in sizes]
    reasons = zip((words for words, _ in turned), told[3::2], told[4::2], strict=True)
    return Change(
        first=question.changed[0].isoformat(),
        last=question.changed[1].isoformat(),
        entered=None if told[0] == SUPPRESSED else pseudonyms(state, entered),
        left=None if told[1] == SUPPRESSED else pseudonyms(state, left),
        stayed=told[2],
        reasons=tuple(reason for reason in reasons if reason[1:] != (0, 0)),
    )


def answer_overlap(context: Context, question: Overlap, _: Selection) -> OverlapAnswer:
    """Count who is in several cohorts."""
    evaluator, names = _evaluator(context, question), question.cohorts_named()
    day = context.day(evaluator.zone)
    found = evaluator.evaluate(names, day)
    patterns, counts = _patterns(context.state, [found.members[name] for name in names])
    everybody = int(_sizes(context.state.run, evaluator.everybody(day))[0])
    inside = patterns[:, None] >> np.arange(len(names), dtype=np.uint64) & np.uint64(1)
    # Products of counts are exact as floats below 2^53, and NumPy multiplies whole numbers twenty times slower.
    inside_f = inside.astype(np.float64)
    shared = (inside_f.T @ (inside_f * counts[:, None])).astype(np.int64)
    ranked = np.lexsort((patterns, -counts))[:OVERLAP_SETS_MAX]
    bound = question.suppress_below
    return OverlapAnswer(
        **_said(context, question, found.answered_from, found.notes),
        cohorts=names,
        definitions=tuple(_definition(question, name) for name in names),
        learners=everybody,
        shared=shown_counts(shared, np.diagonal(shared)[:, None], bound) if bound else shared,
        exact=tuple(
            (
                tuple(name for name, is_in in zip(names, inside[place], strict=True) if is_in),
                int(shown_counts(counts[place, None], everybody, bound)[0]),
            )
            for place in ranked
        ),
    )


def answer_learner(context: Context, question: Learner, _: Selection) -> LearnerAnswer:
    """Say which cohorts a learner is in, and why."""
    evaluator, definitions = _evaluator(context, question), _definitions(question)
    day, text = context.day(evaluator.zone), question.learner.lower()
    hi, lo = (sealed(np.array([int(half, 16)], np.uint64)) for half in (text[:16], text[16:]))
    hi, lo = context.state.shown_keys(hi, lo)
    number = int(hi[0] >> PARTITION_SHIFT)
    partition = context.state.learners.partitions[number]
    row = int(partition.find(hi, lo)[0])
    is_here = row >= 0 and partition.start_day[row] != NO_DAY
    if not any_of(context.state.run, [is_here]):
        raise QuestionError(
            f"learner {text} is not in the data; pseudonyms are made under one key, is it another's?"
        )
    names = [cohort.name for cohort in definitions.cohorts]
    found = evaluator.evaluate(names, day)

    def holds(members: Members) -> bool:
        return bool(members.words[number][row >> 6] >> np.uint64(row & 63) & np.uint64(1))

    def membership(cohort: Cohort) -> Membership:
        leaves = evaluator.leaves(cohort.rule)
        reasons = tuple((in_words(leaf), holds(evaluator.holds(leaf, day))) for leaf in leaves)
        return Membership(
            cohort=cohort.name,
            definition=in_words(cohort.rule),
            is_member=holds(found.members[cohort.name]),
            reasons=reasons,
        )

    # The learner has a row in one shard alone.
    ours = [membership(cohort) for cohort in definitions.cohorts] if is_here else []
    memberships = tuple(listed(context.state.run, ours))
    return LearnerAnswer(
        **_said(context, question, found.answered_from, found.notes), cohorts=memberships
    )


def pseudonyms(state: State, members: Members) -> tuple[str, ...]:
    """Return members as 32 hexadecimal digits each, in order."""
    found: list[str] = []
    for number, partition in enumerate(state.learners.partitions):
        places = members.places(number)
        pairs = zip(
            partition.key_hi[places].tolist(), partition.key_lo[places].tolist(), strict=True
        )
        found += [f"{hi:016x}{lo:016x}" for hi, lo in pairs]
    return tuple(sorted(listed(state.run, found)))


def _sizes(run: Run, *sets: Members) -> npt.NDArray[np.int64]:
    """Return how many are in each set, int64 of shape (sets,)."""
    return added(run, np.array([len(one) for one in sets], np.int64))


def _patterns(state: State, sets: Sequence[Members]) -> tuple[UInt64s, Int64s]:
    """Return in which sets learners are, bit s for set s, and how many are in just these; of all shards."""
    parts: list[tuple[UInt64s, Int64s]] = []

    def task(number: int) -> Task:
        return lambda: parts.append(patterns_in(sets, number))

    state.run([task(number) for number, part in enumerate(state.learners.partitions) if part.rows])
    return state.run.gathered(_joined(parts), _joined)


def _joined(parts: Sequence[tuple[UInt64s, Int64s]]) -> tuple[UInt64s, Int64s]:
    """Return each pattern once, in order, with what all parts count of it."""
    keys = np.concatenate([np.empty(0, np.uint64), *(keys for keys, _ in parts)])
    counts = np.concatenate([np.empty(0, np.int64), *(counts for _, counts in parts)])
    patterns, places = np.unique(keys, return_inverse=True)
    joined = np.zeros(len(patterns), np.int64)
    np.add.at(joined, places, counts)
    return patterns, joined


def _told(count: int, bound: int) -> int:
    return SUPPRESSED if 0 < count < bound else count


def _named(question: Question) -> str:
    assert question.cohort is not None, "checked"
    return question.cohort


def _definitions(question: Question) -> Definitions:
    assert question.definitions is not None, "checked"
    return question.definitions


def _rule(question: Question, name: str) -> Any:  # noqa: ANN401 - a rule
    return _definitions(question).cohort(name).rule


def _definition(question: Question, name: str) -> str:
    return f"Learners who {in_words(_rule(question, name))}"


def _evaluator(context: Context, question: Question) -> Evaluator:
    return Evaluator(context.state, _definitions(question))


def _notes(found: Sequence[Any]) -> tuple[str, ...]:
    return found[0].notes if found else ()


def _said(
    context: Context,
    question: Question,
    answered_from: Literal["columns", "history"],
    notes: tuple[str, ...],
    labels: tuple[str, ...] = (),
) -> dict[str, Any]:
    said = context.said(question, context.periods(question, "month"), answered_from)
    return {**said, "periods": labels, "notes": notes}
