"""Charts and tables of enrolments at risk: what they show equals the answer, whatever the names in it."""

import dataclasses
from xml.dom.minidom import parseString

import pytest

from homeroom.cohorts.answers import SUPPRESSED
from homeroom.cohorts.charts import draw, draw_html, draw_inline, draw_small, words
from homeroom.cohorts.charts.tables import tabulate, tabulate_parts
from homeroom.serve.report import Section, render_report
from tests.risk_answers import HOSTILE, answer

WIDTHS = (312, 640, 1056)


def marks(svg: str, tag: str, style: str) -> list:
    nodes = parseString(svg.encode()).getElementsByTagName(tag)
    return [node for node in nodes if style in node.getAttribute("class").split()]


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize(
    "fields", [{}, {"breakdown": "country"}, {"weeks": 0}, {"limit": 0, "weeks": 1}]
)
def test_a_drawing_is_whole_and_within_its_width(fields, width):
    asked = answer(**fields)
    for svg in (draw(asked), draw_inline(asked, width), draw_small(asked, width)):
        root = parseString(svg.encode()).documentElement
        assert "\x1b" not in svg
        assert "<b>" not in svg
        limit = float(root.getAttribute("width")) + 0.1
        for rect in root.getElementsByTagName("rect"):
            if rect.parentNode.tagName != "pattern":
                assert float(rect.getAttribute("x")) + float(rect.getAttribute("width")) <= limit
    assert draw(asked) == draw(asked)


def test_a_bar_is_as_long_as_the_share_and_says_the_numbers():
    asked = answer()
    svg = draw_inline(asked, 640)
    bars = marks(svg, "rect", "resurrecting")
    wide = [float(one.getAttribute("width")) for one in bars]
    shares = [one.at_risk / one.current for one in asked.courses]
    assert len(bars) == 3
    assert all(
        bar / max(wide) == pytest.approx(share / max(shares), abs=0.01)
        for bar, share in zip(wide, shares, strict=True)
    )
    for one in asked.courses[:2]:
        assert f"{one.at_risk} of {one.current}" in svg


def test_lines_have_a_gap_where_nothing_is_known_and_a_hollow_end_where_a_week_has_not_ended():
    asked = answer(as_of="04-10", weeks=4)  # a Wednesday
    svg = draw_inline(asked, 640)
    whole, courses = 1, len(asked.courses)
    lines = marks(svg, "path", "line-resurrecting")
    assert len(lines) == (whole + courses) * 3
    assert sum(line.getAttribute("stroke-dasharray") != "" for line in lines) == whole + courses
    assert len(marks(svg, "circle", "surface")) == whole + courses
    assert "a week that had not ended: it stands for 2024-04-10" in svg
    trend = dataclasses.replace(asked.trend, at_risk=asked.trend.at_risk.copy())
    trend.at_risk[1, 1] = SUPPRESSED
    gap = draw_inline(dataclasses.replace(asked, trend=trend), 640)
    assert len(marks(gap, "path", "line-resurrecting")) == len(lines) - 2


def test_what_is_too_small_is_not_told_anywhere():
    plain, told = answer(), answer(suppress_below=20)
    assert any(0 < one.at_risk < 20 for one in plain.courses)
    assert told.at_risk == SUPPRESSED or any(one.at_risk == SUPPRESSED for one in told.courses)
    svg, html = draw(told), draw_html(told)
    for one, shown in zip(plain.courses, told.courses, strict=True):
        if shown.at_risk == SUPPRESSED:
            assert f"{one.at_risk} of {one.current}" not in svg
            assert f"{one.at_risk} of {one.current}" not in html
    assert "not told" in svg


def test_tables_have_the_numbers_of_the_answer():
    asked = answer(as_of="04-10", weeks=3, limit=5)
    courses, trend, listed = tabulate(asked)
    assert courses.rows[0] == (
        "All",
        str(asked.current),
        str(asked.at_risk),
        words.share(asked.share),
    )
    assert [row[0] for row in courses.rows[1:]] == [one.course for one in asked.courses]
    assert [row[0] for row in trend.rows] == ["2024-03-31", "2024-04-07", "2024-04-10*"]
    assert [row[2] for row in trend.rows] == [str(n) for n in asked.trend.at_risk[0].tolist()]
    assert len(listed.rows) == 5
    assert listed.caption == f"At risk, the first 5 of {asked.at_risk}"
    assert [row[3] for row in listed.rows] == asked.shown.reasons()
    assert len(tabulate_parts(answer(breakdown="country"))) == 2 * 3


def test_a_sentence_says_what_is_counted():
    assert words.heading(answer(cohort={"did": "any"})) == "Enrolments at risk of the cohort cohort"
    assert words.summary(answer(quiet_days=1, beyond=["video"], unless=["passed"])) == (
        "At risk: enrolled, active before in video, without any activity in the course run in the last day, and not "
        "passed. Shares are of current enrolments."
    )
    assert words.summary(answer(beyond=[], unless=[])) == (
        "At risk: enrolled, active before, without any activity in the course run in the last 7 days. Shares are of "
        "current enrolments."
    )


def test_a_page_has_its_chart_and_its_numbers():
    html = render_report([Section(answer()), Section(answer(breakdown="country"))], answer().source)
    assert html.count("<summary>Numbers</summary>") == 2
    assert html.count('class="chart') >= 2
    assert HOSTILE not in html
    assert all(learner in html for learner in answer().shown.learners())


def test_nobody_enrolled_is_said():
    empty = answer(filters=["course=chemistry"])
    assert "No current enrolments on this date." in draw(empty)
    assert tabulate(empty)[0].rows == (("All", "0", "0", "\u2013"),)
