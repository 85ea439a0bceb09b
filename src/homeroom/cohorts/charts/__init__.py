"""Charts: an answer becomes a picture that stands alone, or one that takes its style from the page around it.

In come answers, out goes SVG text (and for notebooks a piece of HTML). A chart computes nothing that the answer does
not hold; it opens nothing, asks the network for nothing, and is the same in every run. One module a kind of answer;
each kind has tables too (``tables``), and one that is a list has nothing but these.

The way not taken: a charting library. Those draw in the browser with 300 kB to 4 MB of script, are blank on paper
and to screen readers, and turn a page that must open in ten years into one that needs its maintainer.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

from homeroom.cohorts.answers import (
    ActiveAnswer,
    Answer,
    AtRiskAnswer,
    CohortAnswer,
    CourseReportAnswer,
    FunnelAnswer,
    LifecycleAnswer,
    OverlapAnswer,
    PathsAnswer,
    RetentionAnswer,
    StickinessAnswer,
)
from homeroom.cohorts.charts import (
    active,
    at_risk,
    belonging,
    course_report,
    funnel,
    heatmap,
    lifecycle,
    paths,
    stickiness,
)
from homeroom.cohorts.charts.palette import stylesheet
from homeroom.cohorts.charts.svg import Figure, document, inline, without_hover

__all__ = ["WIDTH_PX", "draw", "draw_html", "draw_inline", "draw_small", "has_chart"]

WIDTH_PX = 960


def draw(answer: Answer) -> str:
    """Draw an answer as a self-contained SVG, readable on light and dark pages.

    Parameters
    ----------
    answer : any answer of ``homeroom.cohorts.answers``; with a breakdown its parts stand side by side

    Returns
    -------
    str
        one ``svg`` element, with its style, title and description inside
    """
    return document(_figure(answer, WIDTH_PX), stylesheet())


def draw_inline(answer: Answer, width: float) -> str:
    """Draw an answer, ``width`` px wide, for a page that brings the heading and the style.

    The style is ``palette.variables`` on the page's root, and ``palette.rules``.
    """
    return inline(_figure(answer, width))


def draw_small(answer: Answer, width: float) -> str:
    """Draw like `draw_inline`, without what only shows under a pointer."""
    return inline(without_hover(_figure(answer, width)))


def draw_html(answer: Answer) -> str:
    """Draw an answer for a notebook: the chart, and its numbers under it."""
    from homeroom.cohorts.charts.notebook import notebook

    return notebook(answer, draw(answer) if has_chart(answer) else "")


def has_chart(answer: Answer) -> bool:
    """Say whether there is a picture of this kind of answer; every kind has tables (`tables.tabulate`)."""
    return type(answer) in _FIGURES


def _figure(answer: Answer, width: float) -> Figure:
    if not has_chart(answer):
        raise TypeError(
            f"{type(answer).__name__} is a list and has no picture; to_arrow() holds it."
        )
    return _FIGURES[type(answer)](answer, width)


_FIGURES: Final[Mapping[type[Answer], Callable[[Any, float], Figure]]] = {
    RetentionAnswer: heatmap.figure,
    LifecycleAnswer: lifecycle.figure,
    StickinessAnswer: stickiness.figure,
    ActiveAnswer: active.figure,
    CohortAnswer: belonging.size_figure,
    CourseReportAnswer: course_report.figure,
    OverlapAnswer: belonging.overlap_figure,
    FunnelAnswer: funnel.figure,
    PathsAnswer: paths.figure,
    AtRiskAnswer: at_risk.figure,
}
