"""Answers and places in a video: what may be kept of whatever stands in a log."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homeroom.events.interactions import chosen_answer, number_answer, seconds
from homeroom.limits import ANSWER_BYTES_MAX


@pytest.mark.parametrize(
    ("response", "expected"),
    [
        ("choice_1", "choice_1"),
        ("  blue ", "blue"),
        (["a piano", "a guitar"], "a piano[,]a guitar"),
        ("golf[,]tetris", "golf[,]tetris"),
        (True, "true"),
        (3, "3"),
        ("", None),
        (" ", None),
        ([], None),
        (["a", 3], None),
        ({"a": "b"}, None),
        (None, None),
        ("x" * ANSWER_BYTES_MAX, "x" * ANSWER_BYTES_MAX),
        ("x" * (ANSWER_BYTES_MAX + 1), None),
        ("ä" * (ANSWER_BYTES_MAX // 2 + 1), None),
    ],
)
def test_a_chosen_answer_is_one_text(response: object, expected: str | None) -> None:
    assert chosen_answer(response) == expected


@pytest.mark.parametrize(
    "answer",
    [
        "3",
        "-3.5",
        "1,5",
        "6.02e23",
        "6.02E-23",
        "1/2",
        "2*(3+4)^2",
        "50%",
        "1[:]2",
        "4[:]",
        "12:30",
    ],
)
def test_what_can_be_a_number_is_kept(answer: str) -> None:
    assert number_answer(answer) == answer


@pytest.mark.parametrize(
    "answer",
    [
        "",
        "e",
        "-",
        "...",
        "jane",
        "3 apples",
        "e5",
        "x=3",
        "3€",
        "٣",
        "Jane Doe, 12 March",
        "1 e",
        None,
    ],
)
def test_what_may_be_words_is_not(answer: object) -> None:
    assert number_answer(answer) is None


@given(st.text() | st.text("0123456789.,eE+-*/^() jane"))
def test_no_letter_but_that_of_an_exponent_is_kept(answer: str) -> None:
    kept = number_answer(answer)
    if kept is not None:
        assert not any(one.isalpha() and one not in "eE" for one in kept)
        assert any(one.isdecimal() for one in kept)


PLACES = [
    (12, 12.0),
    (12.25, 12.25),
    (0, 0.0),
    ("PT1M30.5S", 90.5),
    (10**30, 1e30),
    *((odd, None) for odd in (None, -1, -0.5, "12", "", [], {}, math.nan, 10**400, "one")),
]


def listed(values: list[object]) -> list[float | None]:
    return [None if math.isnan(one) else one for one in seconds(values).tolist()]


@pytest.mark.parametrize(("value", "expected"), PLACES)
def test_a_place_is_a_number_of_seconds_or_nothing(value: object, expected: float | None) -> None:
    assert listed([value]) == [expected]


@given(st.lists(st.sampled_from(PLACES), max_size=8))
def test_a_place_does_not_depend_on_those_beside_it(
    places: list[tuple[object, float | None]],
) -> None:
    assert listed([value for value, _ in places]) == [expected for _, expected in places]
