"""The answer to a course report: one course run after the other, each in its parts."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from homeroom.cohorts.answers.answer import Answer, Counts, Flags, nullable, number
from homeroom.cohorts.answers.course_activities import Problems, Videos
from homeroom.cohorts.answers.course_parts import (
    Absent,
    Discussion,
    Engagement,
    Enrolments,
    Grades,
    Row,
    Weeks,
)
from homeroom.cohorts.answers.finding import Finding
from homeroom.cohorts.questions.course_report import CourseReport

__all__ = ["PARTS", "CourseReportAnswer", "CourseRun", "compared", "told"]

PARTS: Final = ("enrolments", "engagement", "videos", "problems", "discussion", "grades")
"""The parts of a course run, in order."""


@dataclass(frozen=True, slots=True)
class CourseRun:
    """One course run.

    Parameters
    ----------
    course : its name
    start : ISO date on which the run begins, None for a run without an event
    weeks : the calendar weeks of the report, those that the range meets
    active_since : learners active in week 0, 1, 2 … since the start, int64; -1 for one that begins before the weeks
        shown. ``since_complete`` says which have ended
    active_before : learners active before the start
    findings : the summary, at most seven sentences
    """

    course: str
    start: str | None
    weeks: Weeks
    active_since: Counts
    since_complete: Flags
    active_before: int
    enrolments: Enrolments | Absent
    engagement: Engagement | Absent
    videos: Videos | Absent
    problems: Problems | Absent
    discussion: Discussion | Absent
    grades: Grades | Absent
    findings: tuple[Finding, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON-ready data."""
        return {
            "course": self.course,
            "start": self.start,
            "weeks": list(self.weeks.labels),
            "complete": self.weeks.complete.tolist(),
            "summary": [finding.to_json() for finding in self.findings],
            **{part: getattr(self, part).to_json() for part in PARTS},
            "since_start": {
                "before": self.active_before,
                "active": told(self.active_since),
                "complete": self.since_complete.tolist(),
            },
        }

    def rows(self) -> Iterator[tuple[str, Row]]:
        """Give the part and the row of each number."""
        for part in PARTS:
            for row in getattr(self, part).rows():
                yield part, row
        yield "since start", (None, "active before", None, self.active_before)
        for week, count in enumerate(self.active_since.tolist()):
            if count >= 0:
                yield "since start", (None, "active", str(week), count)


@dataclass(frozen=True, kw_only=True)
class CourseReportAnswer(Answer):
    """The reports of one or several course runs, in the order of the question."""

    question: CourseReport
    runs: tuple[CourseRun, ...]

    def figures(self) -> dict[str, Any]:
        """Return the counts as JSON-ready data."""
        out: dict[str, Any] = {"courses": [run.to_json() for run in self.runs]}
        if len(self.runs) > 1:
            out["compared"] = compared(self.runs)
        return out

    def _table(self) -> dict[str, Sequence[Any] | npt.NDArray[Any]]:
        lines = [(run.course, part, *row) for run in self.runs for part, row in run.rows()]
        texts = {
            name: pa.array([line[i] for line in lines], pa.string())
            for i, name in enumerate(("course", "part", "item", "measure", "at"))
        }
        return {**texts, "value": nullable(np.array([line[5] for line in lines], np.float64))}


def told(counts: Counts) -> list[int | None]:
    """Return counts for JSON, None for those that are not known."""
    return [None if count < 0 else count for count in counts.tolist()]


def compared(runs: Sequence[CourseRun]) -> list[dict[str, Any]]:
    """Return the figures that runs are compared by, a mapping each; None where a run does not have one."""
    return [{"course": run.course, "start": run.start, **_figures(run)} for run in runs]


def _figures(run: CourseRun) -> dict[str, Any]:
    enrolments, engagement = run.enrolments, run.engagement
    grades = None if isinstance(run.grades, Absent) else run.grades
    videos = [] if isinstance(run.videos, Absent) else run.videos.videos
    problems = [] if isinstance(run.problems, Absent) else run.problems.problems
    seconds = sum(video.measured * len(video.viewers_at) for video in videos)
    first = sum(problem.first_known for problem in problems)
    return {
        "learners": None if isinstance(engagement, Absent) else engagement.learners,
        "enrolled": None if isinstance(enrolments, Absent) else enrolments.ever,
        "left": None if isinstance(enrolments, Absent) else int(enrolments.left.sum()),
        "watched_share": sum(video.covered_s for video in videos) / seconds if seconds else None,
        "first_share": sum(p.first_right for p in problems) / first if first else None,
        "posters": None if isinstance(run.discussion, Absent) else run.discussion.posters,
        "completed": grades and grades.completed,
        "passed": grades and grades.passed,
        "median_grade": grades and number(grades.median),
        "active_since": told(run.active_since),
    }
