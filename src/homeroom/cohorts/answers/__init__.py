"""The typed answers, and the forms in which they leave: JSON, Arrow, pandas, SVG, HTML.

An answer knows its question, what was read to compute it (``source``), whether the columns of the state or history
answered it, and which of its cells are not complete yet. It holds counts; rates and their confidence intervals are
derived from these, so that no two numbers of one answer can disagree.

Cells that lie beyond the range hold -1 in ``counts`` (and are left out of every written form, so a triangle's rows
get shorter downwards). One module a family of questions.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from homeroom.cohorts.answers.answer import Answer, Counts, Flags, Rates, Source, wilson
    from homeroom.cohorts.answers.attendance import (
        ActiveAnswer,
        LifecycleAnswer,
        RetentionAnswer,
        Series,
        StickinessAnswer,
    )
    from homeroom.cohorts.answers.behaviour import FunnelAnswer, PathsAnswer
    from homeroom.cohorts.answers.belonging import (
        SUPPRESSED,
        Change,
        CohortAnswer,
        LearnerAnswer,
        MembersAnswer,
        Membership,
        OverlapAnswer,
    )
    from homeroom.cohorts.answers.course_report import CourseReportAnswer
    from homeroom.cohorts.answers.finding import Finding
    from homeroom.cohorts.answers.risk import AtRiskAnswer, CourseRisk, RiskTrend

__all__ = [
    "SUPPRESSED",
    "ActiveAnswer",
    "Answer",
    "AtRiskAnswer",
    "Change",
    "CohortAnswer",
    "Counts",
    "CourseReportAnswer",
    "CourseRisk",
    "Finding",
    "Flags",
    "FunnelAnswer",
    "LearnerAnswer",
    "LifecycleAnswer",
    "MembersAnswer",
    "Membership",
    "OverlapAnswer",
    "PathsAnswer",
    "Rates",
    "RetentionAnswer",
    "RiskTrend",
    "Series",
    "Source",
    "StickinessAnswer",
    "wilson",
]

# Imported at first use: a question needs the answer of its own family, and these classes take as long as it does.
_WHERE: Final = {
    "Answer": "answer",
    "Counts": "answer",
    "Flags": "answer",
    "Rates": "answer",
    "Source": "answer",
    "wilson": "answer",
    "ActiveAnswer": "attendance",
    "LifecycleAnswer": "attendance",
    "RetentionAnswer": "attendance",
    "Series": "attendance",
    "StickinessAnswer": "attendance",
    "FunnelAnswer": "behaviour",
    "PathsAnswer": "behaviour",
    "SUPPRESSED": "belonging",
    "Change": "belonging",
    "CohortAnswer": "belonging",
    "LearnerAnswer": "belonging",
    "MembersAnswer": "belonging",
    "Membership": "belonging",
    "OverlapAnswer": "belonging",
    "CourseReportAnswer": "course_report",
    "Finding": "finding",
    "AtRiskAnswer": "risk",
    "CourseRisk": "risk",
    "RiskTrend": "risk",
}


def __getattr__(name: str) -> Any:  # noqa: ANN401 - whatever the name stands for
    if name not in _WHERE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found = getattr(import_module(f"{__name__}.{_WHERE[name]}"), name)
    globals()[name] = found
    return found
