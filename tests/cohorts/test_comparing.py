"""Two answers to one question: which cells became other, whatever else the files say."""

import json

import jsonschema
import pytest

from homeroom.cli.terminal.comparison import comparison_lines
from homeroom.cli.terminal.counts import counts_lines
from homeroom.cohorts.comparing import ChangedCell, compare, tables_of
from homeroom.errors import QuestionError
from tests.cohorts.engine import read
from tests.oracle import Event, instant_ms
from tests.tree import ROOT


def at(account, day, course):
    time_ms = instant_ms(f"2024-{day}T10:00Z")
    return Event(account=account, time_ms=time_ms, track="reading", course=course)


BEFORE = [
    at("a", "03-04", "x"),
    at("b", "03-04", "y"),
    at("a", "03-11", "x"),
    at("d", "03-19", "x"),
]
LATE = [at("b", "03-12", "y"), at("c", "03-05", "x")]


def answers(kind, late=LATE, **fields):
    return [getattr(read(some), kind)(**fields).to_json() for some in (BEFORE, BEFORE + late)]


def changes(found):
    return {(one.table, one.row, one.column): (one.before, one.after) for one in found.changed}


def test_cells_of_a_triangle_that_became_other_are_told_with_both_counts():
    found = compare(*answers("retention"))
    assert changes(found) == {
        ("", "2024-03-04", "0"): (2, 3),
        ("", "2024-03-04", "1"): (1, 2),
    }
    assert found.changed[0].difference == 1
    assert (found.cells, found.added, found.removed) == (6, 0, 0)


def test_stages_sticky_learners_and_active_ones_are_compared_in_their_own_words():
    lifecycle = changes(compare(*answers("lifecycle")))
    assert lifecycle["", "2024-03-04", "new"] == (2, 3)
    assert lifecycle["", "2024-03-11", "returning"] == (1, 2)
    sticky = changes(compare(*answers("stickiness", interval="week")))
    assert sticky == {("", "2", "learners"): (1, 2)}
    active = changes(compare(*answers("active")))
    assert active["month", "2024-03-01", "learners"] == (3, 4)
    assert active["day", "2024-03-12", "learners"] == (0, 1)


def test_parts_are_compared_by_their_values_and_cells_that_only_one_has_are_counted_apart():
    later = [*LATE, at("e", "03-26", "z")]
    found = compare(*answers("retention", later, breakdown="course"))
    assert changes(found)["x", "2024-03-04", "0"] == (1, 2)
    assert changes(found)["y", "2024-03-04", "1"] == (0, 1)
    assert found.added == 4 + 4 + 4 + 10  # a week more of three triangles, and one that is new
    assert found.removed == 0
    back = compare(*reversed(answers("retention", later, breakdown="course")))
    assert (back.added, back.removed) == (0, found.added)


def test_what_a_node_says_around_an_answer_is_kept():
    first, second = answers("active")
    live = {"answer": second, "vector": {"node/…/analytic": 7}, "complete": True}
    found = compare({"answer": first, "vector": {"node/…/analytic": 3}}, live)
    assert (found.before, found.after) == ({"node/…/analytic": 3}, {"node/…/analytic": 7})
    assert compare(first, live).before is None


def test_the_end_of_the_range_may_be_another_and_nothing_else_of_the_question():
    first, second = answers("retention")[0], answers("retention", to="2024-04-01")[1]
    assert compare(first, second).added
    for fields in ({"interval": "day"}, {"mode": "recurring"}, {"timezone": "Asia/Tokyo"}):
        with pytest.raises(QuestionError, match=next(iter(fields))):
            compare(first, answers("retention", **fields)[1])
    with pytest.raises(QuestionError, match="question"):
        compare(first, answers("lifecycle")[1])


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ({}, "the earlier is no answer"),
        ({"answers": []}, "compare them one by one"),
        ({"answer": []}, "no answer"),
        ({"question": {"question": "members"}}, "'members'; only retention"),
        ({"question": {"question": "lifecycle"}}, "differ|no answer as homeroom writes it"),
    ],
)
def test_what_is_no_answer_of_that_kind_is_said(said, why):
    with pytest.raises(QuestionError, match=why):
        compare(said, answers("lifecycle")[1])


def test_a_file_that_was_cut_or_changed_by_hand_is_refused():
    answer = answers("retention")[0]
    for broken in (
        {**answer, "counts": answer["counts"][:-1]},
        {**answer, "counts": [["x"]] * len(answer["counts"])},
        {k: v for k, v in answer.items() if k != "columns"},
    ):
        with pytest.raises(QuestionError, match="no answer as homeroom writes it"):
            tables_of(broken)


def test_a_comparison_is_what_its_schema_says():
    schema = json.loads((ROOT / "docs/reference/outputs/compare.json").read_text())
    common = json.loads((ROOT / "docs/reference/outputs/common.json").read_text())
    schema["$defs"] = common["$defs"]
    text = json.dumps(schema).replace("common.json#", "#")
    for kind in ("retention", "lifecycle", "stickiness", "active"):
        document = json.loads(json.dumps(compare(*answers(kind)).to_json()))
        jsonschema.validate(document, json.loads(text))


def test_a_comparison_is_shown_as_a_grid_of_what_changed():
    lines = comparison_lines(compare(*answers("retention")))
    assert [line.split() for line in lines] == [
        ["retention:", "2", "of", "6", "cells", "changed"],
        [],
        ["0", "1"],
        ["2024-03-04", "2→3", "(+1)", "1→2", "(+1)"],
    ]
    assert len(lines[2]) == len(lines[3])
    same = answers("active")[0]
    assert comparison_lines(compare(same, same)) == ["active: 0 of 20 cells changed"]


def test_labels_of_a_file_cannot_steer_a_terminal():
    first, second = answers("lifecycle")
    for one in (first, second):
        one["periods"][0] = "\x1b[2J"
    told = comparison_lines(compare(first, second)) + counts_lines(second)
    assert "\x1b" not in "".join(told)


def test_counts_are_shown_with_their_labels():
    lines = counts_lines(answers("lifecycle")[0])
    assert lines[0] == "lifecycle"
    assert lines[2].split() == ["new", "returning", "resurrecting", "dormant"]
    assert lines[3].split() == ["2024-03-04", "2", "0", "0", "0"]
    assert ChangedCell("", "r", "c", 5, 2).difference == -3
