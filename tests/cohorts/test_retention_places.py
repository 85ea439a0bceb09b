"""The clustered triangle where rows are not in their places: a tail of new rows, and rows that began earlier.

Between two clusterings a table is asked as it is. Then the triangle comes from runs, from the tail, and from rows
that must be taken out of one group and put into another; it must equal that of a table in perfect order.
"""

import numpy as np
import pytest

from homeroom.cohorts.answers import RetentionAnswer, Source
from homeroom.cohorts.ask import ask
from homeroom.cohorts.questions import Condition, Lifecycle, Retention, parse_question
from homeroom.state.state import State
from tests.oracle.compare import differences
from tests.state.plain import Fact, batch_of, draw_facts, fresh_state

DAY_MS = 86_400_000
QUESTIONS = [
    Retention(interval=interval, week_start=week, filters=filters, from_=from_)
    for interval in ("day", "week", "month")
    for week in ("monday", "sunday")
    for filters in ((), (Condition("country", ("DE",)),), (Condition("course", ("c1",)),))
    for from_ in (None, "2024-04-10")
]


def answers(state: State) -> list[list]:
    asked = []
    for question in QUESTIONS:
        answer = ask(state, parse_question(question.to_dict()), Source())
        assert isinstance(answer, RetentionAnswer)
        assert answer.answered_from == "columns"
        asked.append([answer.periods, answer.counts.tolist(), answer.complete.tolist()])
    return asked


def in_order(*parts: list[Fact]) -> State:
    state = fresh_state("Europe/Berlin")
    for facts in parts:
        state.fold(batch_of(facts, state.dictionaries))
    state.settle()
    return state


@pytest.mark.parametrize("learners", [60, 600])
def test_rows_that_came_or_moved_since_the_clustering_are_counted_in_their_places(learners, rng):
    first = draw_facts(rng, 900, learners=learners, days=90)
    new = draw_facts(rng, 400, learners=2 * learners, days=200)
    moved = [
        Fact(learner=n, time_ms=f.time_ms - (40 + n % 30) * DAY_MS, course="c1", track=1)
        for n, f in enumerate(first[:: 1 + 300 // learners])
    ]
    state = in_order(first)
    for facts in (new, moved):
        state.fold(batch_of(facts, state.dictionaries))
        state.seal()  # history only: the tables stay as they lie
    partitions = state.learners.partitions
    assert any(p.rows > p.clustered_rows for p in partitions), "there is a tail"
    assert any(len(p.displaced()) for p in partitions), "there are rows out of place"
    as_it_lies = answers(state)
    assert answers(in_order(first, new, moved)) == as_it_lies
    state.settle()
    assert not any(len(p.displaced()) for p in partitions)
    assert answers(state) == as_it_lies


def test_a_table_that_was_never_clustered_is_all_tail(rng):
    facts = draw_facts(rng, 500, learners=200, days=120)
    state = fresh_state("Europe/Berlin")
    state.fold(batch_of(facts, state.dictionaries))
    state.seal()
    assert sum(p.clustered_rows for p in state.learners.partitions) == 0
    assert answers(in_order(facts)) == answers(state)


def test_other_questions_do_not_care_how_rows_lie(rng):
    facts, late = (draw_facts(rng, 300, learners=50, days=60) for _ in range(2))
    state = in_order(facts)
    state.fold(batch_of(late, state.dictionaries))
    state.seal()
    for question in (Lifecycle(interval="week"), Retention(mode="recurring", interval="day")):
        lies = ask(state, question, Source()).to_json()
        assert differences(ask(in_order(facts, late), question, Source()).to_json(), lies) == []
    assert np.unique([len(p.displaced()) for p in state.learners.partitions]).size > 1
