"""Enrolments at risk in the terminal: nothing runs over, and the facts are those of the answer."""

import io
import re

import pytest
from rich.console import Console

from homeroom.cli.terminal import AnswerView
from tests.risk_answers import answer

ESCAPE = re.compile(r"\x1b\[[0-9;]*m")


def lines_of(view: AnswerView, width: int = 100, colours: str | None = None) -> list[str]:
    console = Console(file=io.StringIO(), width=width, color_system=colours, force_terminal=colours is not None,
                      legacy_windows=False)  # fmt: skip
    console.print(view)
    return ESCAPE.sub("", console.file.getvalue()).splitlines()


@pytest.mark.parametrize("colours", [None, "standard", "256", "truecolor"])
@pytest.mark.parametrize("width", [48, 60, 80, 100, 160])
@pytest.mark.parametrize(
    "fields", [{}, {"breakdown": "country"}, {"weeks": 0}, {"suppress_below": 20}]
)
def test_no_line_is_wider_than_the_terminal_and_nothing_is_escaped(fields, width, colours):
    lines = lines_of(AnswerView(answer(**fields)), width, colours)
    assert max(len(line) for line in lines) <= width
    assert "\x1b" not in "".join(lines)


def test_a_line_a_course_run_and_two_an_enrolment():
    asked = answer(limit=4)
    lines = lines_of(AnswerView(asked))
    text = "\n".join(lines)
    whole = next(line for line in lines if "all course runs" in line)
    assert whole.split()[3:6] == [
        str(asked.current),
        str(asked.at_risk),
        f"{100 * asked.share:.0f}",
    ]
    algebra = next(line for line in lines if line.strip().startswith("algebra"))
    one = next(one for one in asked.courses if one.course == "algebra")
    assert algebra.split()[1:3] == [str(one.current), str(one.at_risk)]
    assert f"the first 4 of {asked.at_risk}, recently lost" in text
    assert all(learner in text for learner in asked.shown.learners())
    assert "enrolled on 2024-03-0" in text
    assert "--limit shows more; --csv holds all" in text


def test_grades_stand_behind_the_reason():
    asked = answer(sort="longest-quiet", limit=60)
    told = [grade for grade in asked.shown.grade if grade == grade]  # noqa: PLR0124 - NaN is not itself
    joined = " ".join(line.strip() for line in lines_of(AnswerView(asked), 400))
    assert told
    assert all(f"; grade {grade:g}" in joined for grade in told)


def test_nobody_enrolled_is_said():
    assert "no current enrolments on 2024-" in "\n".join(
        lines_of(AnswerView(answer(filters=["course=chemistry"])))
    )
