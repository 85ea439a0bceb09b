"""Drawings of funnels and paths: as long and as wide as their numbers, readable, and safe whatever the names."""

import re
from dataclasses import replace
from itertools import pairwise
from xml.dom.minidom import Document, parseString

import numpy as np
import pytest

from homeroom import limits
from homeroom.cohorts.answers import PathsAnswer
from homeroom.cohorts.answers.behaviour import BEGIN, END, PathEdge, PathNode
from homeroom.cohorts.charts import draw, draw_html, draw_inline, draw_small, words
from homeroom.cohorts.charts.behaviour_words import bin_labels, short_names, took
from homeroom.cohorts.charts.path_layout import lay_out
from homeroom.cohorts.charts.svg import text_width
from homeroom.cohorts.charts.tables import tabulate, tabulate_parts
from homeroom.cohorts.matching import OTHER
from homeroom.cohorts.questions import Paths, parse_question
from tests import answers_behaviour as build

HOSTILE = "<script>alert(1)</script>\"'&]]>\x00\ud800\u202e"
KINDS = ("funnel", "paths")
WIDTHS = (312, 640, 1056)


def parsed(svg: str) -> Document:
    return parseString(svg.encode())


def texts(svg: str, tag: str = "text") -> list[str]:
    return [n.firstChild.data for n in parsed(svg).getElementsByTagName(tag) if n.firstChild]


def by_kind(kind: str):
    return getattr(build, kind)()


# --- both --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("width", WIDTHS)
def test_a_drawing_is_well_formed_and_nothing_leaves_it(kind, width):
    for answer in (by_kind(kind), build.with_parts(kind, ("a", "b", "c", "d"))):
        root = parsed(draw_inline(answer, width)).documentElement
        wide, high = (float(root.getAttribute(name)) for name in ("width", "height"))
        assert wide == pytest.approx(width, abs=1)
        for mark in root.getElementsByTagName("rect"):
            right = float(mark.getAttribute("x") or 0) + float(mark.getAttribute("width"))
            assert right <= wide + 0.2
            assert float(mark.getAttribute("y")) + float(mark.getAttribute("height")) <= high
        for node in root.getElementsByTagName("text"):
            content, x = node.firstChild.data, float(node.getAttribute("x"))
            room = x if node.getAttribute("text-anchor") == "end" else wide - x
            assert text_width(content, 11) <= room + 1, content


@pytest.mark.parametrize("kind", KINDS)
def test_hostile_and_long_names_stay_text_and_stay_inside(kind):
    long = "course-v1:" + "x" * 4_000
    answer = build.with_parts(kind, (HOSTILE, long))
    for written in (draw(answer), draw_html(answer), draw_small(answer, 312)):
        assert "<script" not in written
        assert not set(written) & {"\x00", "\ud800", "\u202e"}
    assert all(text_width(t, 14) <= 1_000 for t in texts(draw(answer)) if t.startswith("course-v1"))


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_answer_is_drawn_the_same_and_stands_alone(kind):
    svg = draw(by_kind(kind))
    assert svg == draw(by_kind(kind))
    assert "http" not in svg.replace("http://www.w3.org/2000/svg", "").replace("https://w3id", "")
    assert "prefers-color-scheme:dark" in svg


def test_nobody_is_said_in_words():
    nobody = build.funnel((0, 0, 0), open=0)
    no_paths = build.paths(paths=0, learners=0, open=0, nodes=(), edges=())
    assert "No learners in this range." in texts(draw(nobody))
    assert "No paths in this range." in texts(draw(no_paths))
    for answer in (nobody, no_paths):
        draw_html(answer)


@pytest.mark.parametrize(
    ("kind", "said"), [("funnel", "7 could still go further"), ("paths", "12 paths could still")]
)
def test_what_can_still_change_is_said_and_only_then(kind, said):
    answer = by_kind(kind)
    assert any(said in text for text in texts(draw(answer)))
    assert not any("could still" in text for text in texts(draw(replace(answer, open=0))))


# --- funnels -----------------------------------------------------------------------------------------------------


def test_bars_are_as_long_as_their_counts():
    answer = build.funnel((1_000, 420, 36))
    root = parsed(draw_inline(answer, 1_000)).documentElement
    bars = [
        float(rect.getAttribute("width"))
        for rect in root.getElementsByTagName("rect")
        if rect.getAttribute("class") == "returning" and rect.getAttribute("height") == "20"
    ]
    assert bars == pytest.approx([1_000, 420, 36])
    lost = [path.getAttribute("d") for path in root.getElementsByTagName("path")]
    assert [re.findall(r"M([\d.]+) .*?H([\d.]+)V", route)[0] for route in lost] == [
        ("420.0", "1000.0"),
        ("36.0", "420.0"),
    ]


def test_each_step_names_its_shares_with_their_intervals():
    titles = texts(draw(build.funnel()), "title")
    assert any(
        "verb=answered: 420 learners, 42.0% (39.0–45.1%) of the first step" in t for t in titles
    )
    assert any(
        "36 learners, 3.6%" in t and "8.6% (6.3–11.6%) of the step before" in t for t in titles
    )


def test_the_drop_between_steps_is_said():
    shown = texts(draw(build.funnel()))
    assert "↓ 580 lost (58%), median 4.5 s" in shown
    assert "↓ 384 lost (91%), median 4.5 min" in shown


def test_numbers_of_a_funnel_equal_the_answer():
    steps, times = tabulate(build.funnel())
    assert steps.rows[1] == (
        "2. verb=answered",
        "420",
        "42.0%",
        "39.0–45.1%",
        "4.5 s",
        "42.0%",
        "39.0–45.1%",
        "4.5 s",
    )
    assert steps.rows[0][1:] == ("1,000", "", "", "", "", "", "")
    assert times.heads == ("Time", "To 2. verb=answered", "To 3. verb=posted")
    assert times.rows == (
        ("10 seconds to 1 minute", "420", "0"),
        ("1 minute to 10 minutes", "0", "36"),
    )
    assert len(tabulate_parts(build.with_parts("funnel", ("a", "b")))) == 4


def test_attempts_are_called_attempts():
    question = parse_question(
        {"question": "funnel", "steps": ["verb=a", "verb=b"], "count": "every"}
    )
    answer = build.funnel((10, 5), question=question)
    assert tabulate(answer)[0].heads[1] == "Attempts"
    assert "Every attempt counts" in words.summary(answer)


# --- paths -------------------------------------------------------------------------------------------------------


def test_boxes_and_ribbons_are_as_high_as_their_paths():
    answer = build.paths()
    layout = lay_out(answer, 2, limits.CHART_PATH_NODES_MAX)
    assert [(box.step, box.paths, box.ended) for box in layout.boxes] == [
        (0, 1_000, 100), (1, 500, 150), (1, 300, 210), (1, 100, 0), (2, 90, 0), (2, 200, 120), (2, 250, 50),
    ]  # fmt: skip
    for box in layout.boxes:
        assert box.height == pytest.approx(box.paths * layout.scale)
        came = sum(one.width for one in layout.ribbons if one.target == box)
        gone = sum(one.width for one in layout.ribbons if one.source == box)
        assert not box.step or came == pytest.approx(box.height)
        assert box.step == 2 or gone + box.ended * layout.scale == pytest.approx(box.height)
    for step in (1, 2):
        ends = [(box.y, box.y + box.height) for box in layout.boxes if box.step == step]
        assert all(high <= low for (_, high), (low, _) in pairwise(ends))


def test_nodes_beyond_the_bound_join_what_is_joined():
    layout = lay_out(build.paths(), 2, 1)
    shown = {(box.step, box.name): box.paths for box in layout.boxes}
    assert shown == {
        (0, BEGIN): 1_000,
        (1, build.VERBS[0]): 500,
        (1, OTHER): 400,
        (2, build.VERBS[0]): 90,
        (2, OTHER): 450,
    }


def many_nodes(count: int, depth: int) -> PathsAnswer:
    """Return paths through so many nodes at each of so many steps."""
    nodes = tuple(
        PathNode(s, f"verb {i}", 10, 5, 0) for s in range(1, depth + 1) for i in range(count)
    )
    edges = tuple(
        PathEdge(s, f"verb {i}" if s > 1 else BEGIN, f"verb {i}", 10, 5)
        for s in range(1, depth + 1)
        for i in range(count)
    )
    return build.paths(
        Paths(depth=depth, branches=count), paths=10 * count, nodes=nodes, edges=edges
    )


def test_more_steps_than_have_room_are_said():
    answer = many_nodes(3, 20)
    assert "The first 9 of 20 steps are drawn; the numbers hold all." in texts(
        draw_inline(answer, 1_056)
    )
    assert not any("are drawn" in text for text in texts(draw_inline(build.paths(), 1_056)))


def test_many_nodes_stay_a_small_drawing():
    svg = draw_inline(many_nodes(50, 4), 1_056)
    assert len(svg) < 60_000
    assert sum("verb " in text for text in texts(svg)) == 4 * limits.CHART_PATH_NODES_MAX


def test_paths_that_lead_to_something_end_at_the_right():
    question = parse_question({"question": "paths", "before": ["verb=posted"], "depth": 2})
    root = parsed(draw_inline(build.paths(question), 1_056)).documentElement
    boxes = [r for r in root.getElementsByTagName("rect") if r.getAttribute("class") == "returning"]
    assert max(float(box.getAttribute("x")) for box in boxes) == 1_046
    shown = texts(draw(build.paths(question)))
    assert "verb=posted" in shown
    assert "Nothing before" in shown


def test_a_narrow_drawing_lists_the_steps_as_bars():
    svg = draw_small(build.paths(), 312)
    assert {"Step 1", "Step 2", "played", "50%", "answered", "30%"} <= set(texts(svg))
    assert len(texts(svg, "title")) == 1


def test_numbers_of_paths_equal_the_answer():
    came, went = tabulate(build.paths())
    assert came.rows[0] == ("1. played", "500", "50.0%", "250", "150")
    assert went.rows[0] == ("1. beginning", "played", "500", "50.0%", "250")
    assert went.rows[3] == ("1. beginning", "end", "100", "10.0%", "50")
    assert len(came.rows) + len(went.rows) == 6 + len(build.FLOWS)


# --- words -------------------------------------------------------------------------------------------------------


def test_summaries_say_what_is_counted():
    fields = {
        "steps": ["verb=a", "watched: verb=b"], "within": "36h", "exclude": ["1-2: verb=c", "verb=d"],
        "increasing": True, "filters": ["course=X"],
    }  # fmt: skip
    for order, between in (("ordered", "other events may"), ("strict", "no other step may")):
        question = parse_question({"question": "funnel", "order": order, **fields})
        said = words.summary(build.funnel((5, 1), question=question))
        parts = (
            "36 hours",
            between,
            "verb=c between steps 1 and 2",
            "verb=d ends",
            "later",
            "course=X",
        )
        assert all(part in said for part in parts), said
    question = parse_question({"question": "funnel", "steps": fields["steps"], "order": "any"})
    assert "in any order: verb=a, watched" in words.summary(build.funnel((5, 1), question=question))
    said = words.summary(build.paths(Paths(within="none", fold="none")))
    assert "one visit" in said
    assert "in a row" not in said


def test_addresses_are_named_by_as_many_last_parts_as_tell_them_apart():
    values = [
        "http://a/x/played",
        "http://b/y/played",
        "http://a/x/paused",
        "played",
        "http://c/unit/7",
        "(none)",
        END,
    ]
    assert short_names(values) == {
        "http://a/x/played": "x/played", "http://b/y/played": "y/played", "http://a/x/paused": "paused",
        "played": "played", "http://c/unit/7": "unit/7", "(none)": "(none)", END: "end",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("seconds", "written"),
    [(0, "0.0 s"), (0.44, "0.4 s"), (88, "88 s"), (150, "2.5 min"), (7_100, "118 min"), (7_300, "2.0 h"),
     (200_000, "2.3 days"), (5e6, "58 days"), (float("nan"), "–")],
)  # fmt: skip
def test_times_are_written_in_few_digits(seconds, written):
    assert took(seconds) == written


def test_bins_are_named_from_edge_to_edge():
    labels = bin_labels()
    assert len(labels) == 13
    assert (labels[0], labels[5], labels[-1]) == (
        "under 1 second",
        "1 hour to 6 hours",
        "365 days and more",
    )


def test_conversions_of_nobody_are_no_number():
    answer = build.funnel((0, 0))
    assert all(np.isnan(share).all() for share in answer.conversion)
    assert all(np.isnan(bound).all() for pair in answer.confidence() for bound in pair)
