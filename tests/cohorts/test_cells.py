"""Who is in a cell: for every cell of every answer as many as it counts, and each by what it looks at alone."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homeroom.cohorts.cells import Cell, pinned, signed
from homeroom.cohorts.comparing import tables_of
from homeroom.cohorts.questions import Active, Lifecycle, Retention, parse_question
from homeroom.errors import QuestionError
from tests.cohorts.engine import read
from tests.examples import examples
from tests.oracle import Event, instant_ms
from tests.oracle.draw import cases, plain_questions


def cells_of(answer):
    for table in tables_of(answer):
        for (row, column), count in table.cells.items():
            yield Cell(row, table.name or column), count


def counted(state, question, cell):
    found = signed(state, pinned(state, question), cell)
    return int(found.holds[found.bits].sum())


@given(st.data(), cases())
@examples(80)
def test_as_many_are_in_a_cell_as_the_answer_counts(data, case):
    question = data.draw(plain_questions(case))
    if not isinstance(question, Retention | Lifecycle | Active) or question.breakdown:
        question = Lifecycle(interval="day")
    if isinstance(question, Retention) and question.align != "calendar":
        return
    dataset = read(case.events, case.zone)
    answer = dataset.ask(question).to_json()
    every = list(cells_of(answer))
    some = data.draw(st.lists(st.sampled_from(every), max_size=6)) if every else []
    for cell, count in some:
        assert counted(dataset._node.state, question, cell) == count, cell


@pytest.fixture(scope="module")
def state():
    at = [instant_ms(f"2024-03-{day:02d}T10:00Z") for day in (4, 11, 25)]
    events = [Event(account="a", time_ms=one, track="video") for one in at]
    return read([*events, Event(account="b", time_ms=at[0], track="video")])._node.state


def test_cells_are_named_as_answers_label_them(state):
    assert Cell.parse("2024-03-04,2-7") == Cell("2024-03-04", "2-7")
    assert counted(state, Retention(), Cell("2024-03-04", "1")) == 1
    assert counted(state, Lifecycle(), Cell("2024-03-25", "resurrecting")) == 1
    assert counted(state, Active(), Cell("2024-03-01", "month")) == 2
    for text in ("", "2024-03-04", ",1", "x, "):
        with pytest.raises(QuestionError, match="must be ROW,COLUMN"):
            Cell.parse(text)


@pytest.mark.parametrize(
    ("written", "cell", "why"),
    [
        (
            {"question": "retention"},
            "2024-03-05,0",
            "row is '2024-03-05'; the answer has 2024-03-04",
        ),
        ({"question": "retention"}, "2024-03-04,9", "column is '9'"),
        ({"question": "retention"}, "2024-03-25,1", "lies beyond the range"),
        ({"question": "lifecycle"}, "2024-03-04,gone", "has new, returning, resurrecting, dormant"),
        ({"question": "active"}, "2024-03-04,hour", "has day, week, month"),
        ({"question": "stickiness"}, "1,learners", "stickiness has no cells"),
        ({"question": "lifecycle", "breakdown": "track"}, "2024-03-04,new", "breakdown is not for"),
        ({"question": "retention", "align": "enrolment"}, "2024-03-04,0", "align is enrolment"),
    ],
)
def test_a_cell_that_there_is_not_is_said_with_those_that_there_are(state, written, cell, why):
    with pytest.raises(QuestionError, match=why):
        counted(state, parse_question(written), Cell.parse(cell))


def test_nobody_is_in_a_cell_of_nothing():
    with pytest.raises(QuestionError, match="the answer has none"):
        counted(read([])._node.state, Lifecycle(), Cell("2024-03-04", "new"))
