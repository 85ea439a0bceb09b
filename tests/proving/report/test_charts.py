"""Drawings: where points stand."""

import re

from homeroom.proving.report.charts import curves, timeline

LINE = {"name": "P99", "unit": "ms", "x_unit": "learners"}


def dots(svg):
    """Return the middles of the round marks."""
    found = re.findall(r'<rect x="([\d.]+)" y="([\d.]+)" width="6" height="6"', svg)
    return [(float(x) + 3, float(y) + 3) for x, y in found]


def test_linear_growth_is_a_straight_line_on_logarithmic_scales():
    svg = curves("growth", [{**LINE, "x": [1, 10, 100], "y": [2, 20, 200]}], 600)
    (x0, y0), (x1, y1), (x2, y2) = dots(svg)
    assert abs((x1 - x0) - (x2 - x1)) < 0.5
    assert abs((y1 - y0) - (y2 - y1)) < 0.5
    assert y0 > y1 > y2


def test_scales_are_straight_where_there_is_a_zero():
    (x0, _), (x1, _), (x2, y2) = dots(
        curves("zero", [{**LINE, "x": [0, 1, 10], "y": [0, 0, 5]}], 600)
    )
    assert (x2 - x0) / (x1 - x0) > 9
    assert y2 > 0


def test_a_missing_figure_is_left_out():
    svg = curves("gap", [{**LINE, "x": [1, 2, 3], "y": [1, None, 3]}], 600)
    assert len(dots(svg)) == 2
    assert curves("none", [{**LINE, "x": [1], "y": [None]}], 600) == ""


def test_times_count_from_the_fault():
    svg = timeline("killed", [{"what": "killed", "begin_s": 5, "end_s": None},
                              {"what": "away", "begin_s": 7, "end_s": 9}], 600)  # fmt: skip
    assert "killed (0.00 s)" in svg
    assert "away (2.00 to 4.00 s)" in svg
