"""The question of a course team on a Monday: how is our course run doing, part by part."""

from typing import Any, ClassVar

from homeroom import limits
from homeroom.cohorts.questions.conditions import TEXT_FIELDS
from homeroom.cohorts.questions.question import Question
from homeroom.errors import QuestionError

__all__ = ["CourseReport"]


class CourseReport(Question, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="report"):
    """Enrolments, engagement, videos, problems, discussion and grades of a course run, or of several side by side.

    Parameters
    ----------
    course : the course runs, by their whole names. Absent means the only one that the data hold
    """

    name: ClassVar[str] = "report"

    course: tuple[str, ...] = ()

    @classmethod
    def plain(cls, written: dict[str, Any]) -> dict[str, Any]:
        """Bring what people write short (one course as text) to the plain data of the type."""
        data = super().plain(written)
        if isinstance(data.get("course"), str):
            data["course"] = [data["course"]]
        return data

    def check(self) -> None:
        """Raise `QuestionError` naming what makes no sense and what is allowed."""
        super().check()
        if len(self.course) > limits.REPORT_COURSES_MAX:
            raise QuestionError(
                f"course names {len(self.course)} course runs, must be at most {limits.REPORT_COURSES_MAX}"
            )
        if not all(self.course) or len(set(self.course)) < len(self.course):
            raise QuestionError(
                f"course is {', '.join(map(repr, self.course))}; each must have a name and be named once"
            )
        if self.breakdown == "course":
            raise QuestionError(
                "breakdown is course; name the course runs instead, and they stand side by side "
                "(--course ONE --course OTHER)"
            )
        if self.breakdown in TEXT_FIELDS:
            raise QuestionError(
                f"breakdown is {self.breakdown}; a report is broken down by an attribute of the learner"
            )
