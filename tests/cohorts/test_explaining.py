"""An explanation is of the very answer: it reads what the answer reads, and says the same about it."""

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.cohorts.engine import needs_reading, read
from tests.oracle import Event, instant_ms
from tests.oracle.draw import cases, plain_questions

pytestmark = needs_reading


@given(st.data(), cases())
@settings(max_examples=25)
def test_what_the_columns_answer_reads_no_history_and_the_other_way_round(data, case):
    dataset = read(case.events, case.zone)
    question = data.draw(plain_questions(case))
    told, answer = dataset.explain(question), dataset.ask(question)

    assert told.answered_from == answer.answered_from
    assert told.notes == answer.notes
    if told.answered_from == "columns":
        assert not told.events
        assert told.columns or not case.events
    elif case.events:
        assert told.events


def test_what_was_asked_before_does_not_change_what_is_told():
    data = read([Event(account="a", time_ms=instant_ms("2024-01-01T10:00Z"), track="video")])
    cohort = {"did": "track=video", "at_least": 2}
    question = data.stickiness(cohort=cohort).question
    first, again = data.explain(question), data.explain(question)

    assert (first.columns, first.events) == (again.columns, again.events)
    assert first.answered_from == "history"
    assert {one.column: one.values for one in first.events} == {"time_ms": 1, "track": 1}
    assert first.cohorts == (("cohort", "Learners who did track=video at least 2 times."),)
