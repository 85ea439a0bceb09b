"""Whatever is asked, the engine says what was worked out by hand, and what the oracle says of random events.

Every place in time of the random cases is one at which a clock or a calendar does something unusual; see
``tests/oracle/draw.py``. The kinds of question have files of their own, with what is particular to each.
"""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homeroom.cohorts.questions import Stickiness
from homeroom.errors import QuestionError
from tests.cohorts.engine import misses, needs_reading, read
from tests.examples import examples
from tests.oracle import Event, answer, instant_ms
from tests.oracle.compare import differences
from tests.oracle.draw import cases, plain_questions, questions
from tests.vectors import Vector, expected, vectors

pytestmark = needs_reading


@pytest.mark.parametrize("vector", vectors(files=("calendar",)), ids=str)
def test_what_was_worked_out_by_hand_of_zones_weeks_and_years(vector: Vector):
    found = read(vector.events, vector.zone).ask(vector.question).to_json()
    assert differences(expected(vector, found.get("periods", [])), found) == []


@given(st.data(), cases())
@examples(80)
def test_any_question_about_any_events_is_answered_as_the_oracle_does(data, case):
    dataset = read(case.events, case.zone)
    for _ in range(3):
        question = data.draw(questions(case))
        asked = [
            *question.filters,
            *getattr(question, "entry", ()),
            *getattr(question, "returning", ()),
        ]
        fields = {question.breakdown, *(condition.field for condition in asked)}
        if "country" in fields and not any("country" in e.attributes for e in case.events):
            with pytest.raises(QuestionError, match="country"):
                dataset.ask(question)
        else:
            assert misses(dataset, case.events, question, case.zone) == []


@given(st.data(), cases())
@examples(50)
def test_columns_and_history_give_the_same_answer(data, case):
    """Day bits in another zone than the question's cannot answer it, so the same question goes to history."""
    in_zone, elsewhere = read(case.events, case.zone), read(case.events, "Pacific/Kiritimati")
    question = data.draw(plain_questions(case))
    from_columns, from_history = in_zone.ask(question), elsewhere.ask(question)
    assert from_history.answered_from == "history"
    if not any(condition.field == "course" for condition in question.filters):
        assert from_columns.answered_from == "columns"
    left, right = from_columns.to_json(), from_history.to_json()
    for told in ("answered_from", "source", "notes"):
        del left[told], right[told]
    assert differences(left, right) == []


def test_values_beyond_the_bound_of_a_breakdown_are_joined_in_other():
    at = instant_ms("2024-05-01T10:00Z")
    events = [
        Event(account=f"learner {i}-{j}", time_ms=at, course=f"course {i:02}")
        for i in range(30)
        for j in range(1 + i % 3)
    ]
    question = Stickiness(breakdown="course")
    dataset = read(events)
    assert misses(dataset, events, question, "UTC") == []
    parts = answer(events, question)["breakdown"]
    assert [part["value"] for part in parts][-1] == "(other)"
    assert len(parts) == 26


def test_on_or_after_says_how_its_cells_become_complete():
    day_ms = 86_400_000
    events = [Event(account="a", time_ms=1_704_067_200_000 + n * day_ms) for n in (0, 7, 15)]
    data = read(events)
    (note,) = data.retention(match="on-or-after").notes
    assert "--to 2024-01-14 ends" in note
    whole = data.retention(match="on-or-after", to="2024-01-14")
    assert whole.notes == ()
    assert whole.complete[:, 1:][whole.counts[:, 1:] >= 0].all()
    assert data.retention().notes == ()
