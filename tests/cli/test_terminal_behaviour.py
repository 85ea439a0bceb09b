"""Funnels and paths in the terminal: the figures of the answer at every width, and nothing runs over."""

import io
import re

import pytest
from rich.console import Console

from homeroom.cli.terminal import AnswerView
from homeroom.cohorts.answers.behaviour import PathEdge, PathNode
from homeroom.cohorts.questions import Paths, parse_question
from tests import answers_behaviour as build

ESCAPE = re.compile(r"\x1b\[[0-9;]*m")


def render(answer, width: int = 80, colours: str | None = None) -> str:
    console = Console(file=io.StringIO(), width=width, color_system=colours, force_terminal=colours is not None,
                      legacy_windows=False)  # fmt: skip
    console.print(AnswerView(answer))
    return console.file.getvalue()


@pytest.mark.parametrize("colours", [None, "standard", "256", "truecolor"])
@pytest.mark.parametrize("width", [44, 60, 80, 100, 160])
def test_no_line_is_wider_than_the_terminal(width, colours):
    for kind in ("funnel", "paths"):
        for answer in (getattr(build, kind)(), build.with_parts(kind, ("math-1", "x" * 300))):
            text = ESCAPE.sub("", render(answer, width, colours))
            assert max(map(len, text.splitlines())) <= width
            assert colours is not None or "\x1b" not in text


def test_a_funnel_shows_counts_shares_and_medians():
    lines = render(build.funnel()).splitlines()
    second = next(line for line in lines if "verb=answered" in line)
    assert second.split()[:7] == ["2", "verb=answered", "420", "42%", "42%", "4.5", "s"]
    third = next(line for line in lines if "verb=posted" in line)
    assert third.split()[2:5] == ["36", "9%", "4%"]


def test_bars_of_a_funnel_are_as_long_as_their_counts():
    lines = [line for line in render(build.funnel((1_000, 500, 250)), 140).splitlines() if "▇" in line]  # fmt: skip
    first, second, third = (line.count("▇") for line in lines)
    assert (second, third) == pytest.approx((first / 2, first / 4), abs=1)


def test_a_narrow_funnel_puts_the_name_above_the_bar():
    lines = render(build.funnel(), 50).splitlines()
    above = next(i for i, line in enumerate(lines) if "verb=answered" in line)
    assert "▇" in lines[above + 1]
    assert "420" in lines[above + 1]
    assert "▇" not in lines[above]


def test_a_step_that_nobody_took_has_no_share_of_the_next():
    lines = render(build.funnel((10, 0, 0), open=0)).splitlines()
    assert next(line for line in lines if "verb=posted" in line).split()[2:] == ["0", "–", "0%", "–"]  # fmt: skip


def test_nobody_is_said():
    assert "no learners took the first step" in render(build.funnel((0, 0), open=0))
    question = parse_question({"question": "funnel", "steps": ["any", "any"], "count": "every"})
    assert "no attempts took the first step" in render(build.funnel((0, 0), question=question))
    assert "no paths in this range" in render(build.paths(paths=0, nodes=(), edges=()))


def test_paths_are_a_tree_of_nodes_branches_and_ends():
    lines = [line.split() for line in render(build.paths()).splitlines()]
    at = next(i for i, words in enumerate(lines) if words[:2] == ["played", "500"])
    assert lines[at][:3] == ["played", "500", "50%"]
    assert lines[at + 1] == ["→", "answered", "200", "40%"]
    assert lines[at + 2] == ["→", "completed", "150", "30%"]
    assert lines[at + 3] == ["ended", "here", "150", "30%"]
    begin = next(i for i, words in enumerate(lines) if words[:2] == ["visit", "begins:"])
    assert lines[begin] == ["visit", "begins:", "1,000", "paths", "of", "640", "learners"]
    assert lines[begin + 1] == ["ended", "here", "100", "10%"]


def test_paths_that_lead_to_something_go_back():
    question = parse_question({"question": "paths", "before": ["verb=posted"], "depth": 2})
    text = render(build.paths(question))
    assert "verb=posted: 1,000 paths" in text
    assert "step back 2" in text
    assert "← answered" in text
    assert "nothing before" in text


def test_nodes_that_have_no_room_are_summed_up():
    nodes = tuple(PathNode(1, f"v{i}", 100 - i, 10, 0) for i in range(9))
    edges = tuple(PathEdge(1, "(begin)", f"v{i}", 100 - i, 10) for i in range(9))
    text = render(build.paths(Paths(depth=1, branches=9), nodes=nodes, edges=edges))
    assert "3 more" in text
    assert next(line for line in text.splitlines() if "3 more" in line).split()[2] == "279"


def test_names_from_outside_cannot_steer_the_terminal():
    evil = "\x1b]0;owned\x07\u202egnp.exe"
    question = parse_question({"question": "paths", "after": [f"verb={evil}"], "depth": 1})
    answer = build.paths(
        question,
        nodes=(PathNode(1, evil, 1, 1, 0),),
        edges=(PathEdge(1, "(begin)", evil, 1, 1),),
        paths=1,
    )
    for shown in (answer, build.funnel(labels=(evil,) * 3), build.with_parts("funnel", (evil,))):
        assert not set(render(shown)) & {"\x1b", "\x07", "\u202e"}
