"""The drawings and tables of a course report: they show what the answer holds, whatever the names, at any width."""

import re
from collections.abc import Iterator
from xml.dom.minidom import Element, parseString

import numpy as np
import pytest

from homeroom.cohorts.answers.course_activities import Stretch
from homeroom.cohorts.charts import draw, draw_html, draw_inline, draw_small, has_chart
from homeroom.cohorts.charts.course_tables import numbers, span
from homeroom.cohorts.charts.course_videos import POINTS_MAX, curve
from homeroom.cohorts.charts.svg import text_width
from homeroom.cohorts.questions import CourseReport
from tests.oracle.course_events import answered
from tests.reports import EVENTS, OTHER, report

HOSTILE = "<script>alert(1)</script>\"'&]]>\x00\u202e"
BOTH = CourseReport(course=("run", "other run"))


def elements(svg: str) -> Iterator[tuple[Element, float, float]]:
    """Give every element with where its group stands."""

    def walk(node: Element, x: float, y: float) -> Iterator[tuple[Element, float, float]]:
        for child in node.childNodes:
            if child.nodeType != child.ELEMENT_NODE:
                continue
            moved = re.fullmatch(
                r"translate\(([-\d.]+),([-\d.]+)\)", child.getAttribute("transform")
            )
            at = (x + float(moved[1]), y + float(moved[2])) if moved else (x, y)
            yield child, *at
            yield from walk(child, *at)

    yield from walk(parseString(svg.encode()).documentElement, 0, 0)


def texts(svg: str) -> list[str]:
    return [e.firstChild.data for e, _, _ in elements(svg) if e.tagName == "text" and e.firstChild]


@pytest.mark.parametrize("question", [CourseReport(course=("run",)), BOTH], ids=["one", "two"])
@pytest.mark.parametrize("width", [312, 640, 1056])
def test_everything_stands_inside_of_the_drawing(width, question):
    svg = draw_inline(report(question), width)
    root = parseString(svg.encode()).documentElement
    high = float(root.getAttribute("height"))
    assert float(root.getAttribute("width")) == width
    for element, x, y in elements(svg):
        if element.tagName == "rect":
            right = x + float(element.getAttribute("x") or 0) + float(element.getAttribute("width"))
            down = y + float(element.getAttribute("y") or 0) + float(element.getAttribute("height"))
            assert x >= -0.2
            assert right <= width + 0.2
            assert down <= high + 0.2
        elif element.tagName == "text" and element.firstChild:
            begin = x + float(element.getAttribute("x"))
            wide = text_width(element.firstChild.data)
            begin -= {"middle": wide / 2, "end": wide}.get(element.getAttribute("text-anchor"), 0)
            assert begin >= -1
            assert begin + wide * 0.85 <= width + 1, element.firstChild.data


def test_every_part_has_a_panel_and_the_summary_stands_first():
    shown = texts(draw(report()))
    for name in ("Enrolments: 12 at the end", "Active learners: 14", "Sections, in course order", "film",
                 "Problems, the hardest first", "Latest grades: 4 learners", "Latest progress"):  # fmt: skip
        assert name in shown
    first = report().runs[0].findings[0].text
    assert any(
        first.startswith(line.removeprefix("\u2022 "))
        for line in shown
        if line.startswith("\u2022")
    )


def test_what_is_absent_is_said_and_not_drawn():
    shown = " ".join(texts(draw(report(CourseReport(course=("other run",))))))
    assert "Videos: no event is about a video." in shown
    assert "Grades: no event tells a grade" in shown
    assert "Latest grades" not in shown


def test_without_positions_videos_are_bars_of_their_viewers():
    bare = [OTHER(e, position_s=None, position_from_s=None) for e in EVENTS]
    shown = texts(draw(report(events=bare)))
    assert "Completed it" in shown
    assert any("no event of a video tells where" in line for line in shown)


def test_without_results_problems_are_bars_of_their_scores():
    bare = [OTHER(e, success=None) for e in EVENTS]
    shown = texts(draw(report(events=bare)))
    assert "Problems by mean score" in shown
    assert "0.80" in shown


def test_hostile_names_stay_text():
    events = [
        OTHER(e, activity=e.activity and HOSTILE, section=e.section and HOSTILE) for e in EVENTS
    ]
    answer = report(events=events)
    for drawn in (draw(answer), draw_small(answer, 312)):
        parseString(drawn.encode())
        assert "<script" not in drawn
    assert "<script" not in draw_html(answer)


def test_the_same_report_is_drawn_the_same():
    assert draw(report()) == draw(report())
    assert has_chart(report())


def test_a_curve_is_no_longer_than_can_be_seen_and_keeps_its_mean():
    counts = np.arange(2_000, dtype=np.int64)
    short = curve(counts)
    assert len(short) == POINTS_MAX
    assert short.mean() == pytest.approx(counts.mean(), rel=0.01)
    assert curve(counts[:9]).tolist() == list(range(9))


def test_stretches_are_told_up_to_three():
    stretches = [Stretch(60 * n, 60 * n + 5) for n in range(5)]
    assert span(stretches) == "0:00\u20130:05, 1:00\u20131:05, 2:00\u20132:05, 2 more"
    assert span([]) == "\u2013"


def test_tables_hold_the_numbers_of_every_part():
    tables = {table.caption: table for table in numbers(report())}
    assert tables["Enrolments"].rows[0] == ("Enrolled at the end", "12")
    assert tables["Videos"].rows[0][:5] == ("film", "1:00", "14", "14", "67%")
    assert tables["Problems"].rows[0][:5] == ("puzzle", "14", "28", "29%", "50%")
    assert {row[:2] for row in tables["What was answered"].rows} == {
        ("puzzle", "a"),
        ("puzzle", "b"),
    }
    assert ("Posted", "6") in tables["Discussion"].rows


def test_tables_of_several_runs_say_whose_they_are_and_begin_with_the_comparison():
    captions = [table.caption for table in numbers(report(BOTH))]
    assert captions[0] == "Course runs side by side"
    assert "other run: Videos" in captions


def test_a_run_of_which_nothing_is_seen_is_drawn_and_tabled():
    nobody = CourseReport(course=("run",), breakdown="country")
    answer = answered([[OTHER(EVENTS[0], attributes=())], [OTHER(EVENTS[1], course="x")]], nobody)
    for _, part in answer.parts:
        assert draw(part)
        assert numbers(part)
