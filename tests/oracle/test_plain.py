"""The plain twin gives every hand-worked vector: before it judges the engine, it is judged by what a person counted."""

import pytest

from homeroom.cohorts.questions import Retention
from tests.oracle import answer
from tests.oracle.compare import differences
from tests.vectors import Vector, expected, vectors


@pytest.mark.parametrize("vector", vectors(), ids=str)
def test_the_oracle_gives_what_was_worked_out_by_hand(vector: Vector):
    found = answer(vector.events, vector.question, vector.zone)
    periods = found.get("periods", [])
    assert differences(expected(vector, periods), found) == []


def test_every_combination_of_mode_match_and_interval_is_worked_out_by_hand():
    worked = {
        (v.question.mode, v.question.match, v.question.interval)
        for v in vectors("retention", files=("retention",))
        if isinstance(v.question, Retention) and v.question.align == "calendar"
    }
    assert worked == {
        (mode, match, interval)
        for mode in ("first-time", "recurring")
        for match in ("on", "on-or-after")
        for interval in ("hour", "day", "week", "month")
    }


def test_a_difference_is_found_and_placed():
    assert differences({"a": [1, 2]}, {"a": [1, 2], "b": 3}) == []
    assert differences({"a": [1, 2]}, {"a": [1, 3]}) == ["a[1]: expected 2, found 3"]
    assert differences({"a": [1]}, {"a": [1, 2]}) == [
        "a: expected [1] (1 items), found [1, 2] (2 items)"
    ]
    assert differences({"a": None}, {}) == ["a: expected None, found 'nothing'"]
