"""From the question to the report: which course runs, and each in its parts."""

import difflib
from dataclasses import replace

import numpy as np

from homeroom.cohorts.answers.course_parts import Absent, Weeks
from homeroom.cohorts.answers.course_report import CourseReportAnswer, CourseRun
from homeroom.cohorts.context import Context
from homeroom.cohorts.course_report.discussion import discussion
from homeroom.cohorts.course_report.engagement import active_since_start, engagement
from homeroom.cohorts.course_report.enrolments import enrolments
from homeroom.cohorts.course_report.findings import findings
from homeroom.cohorts.course_report.grades import grades
from homeroom.cohorts.course_report.problems import problems
from homeroom.cohorts.course_report.setting import make_setting
from homeroom.cohorts.course_report.timeline import CourseEvents, gather
from homeroom.cohorts.course_report.videos import videos
from homeroom.cohorts.matching import Selection
from homeroom.cohorts.questions.course_report import CourseReport
from homeroom.errors import QuestionError
from homeroom.state.running import any_of
from homeroom.state.zones import date_of

__all__ = ["answer_report"]

_NAMES_SHOWN = 8


def answer_report(
    context: Context, question: CourseReport, selection: Selection
) -> CourseReportAnswer:
    """Answer a course report. Raises `QuestionError` for a course run that no event has."""
    names = question.course or (_only_course(context),)
    codes = [_code(context, name) for name in names]
    found = gather(context.state, codes, selection, context.zone)
    runs = tuple(
        _run(context, question, name, events) for name, events in zip(names, found, strict=True)
    )
    labels = sorted({label for run in runs for label in run.weeks.labels})
    said = context.said(question, context.periods(question, "month"), "history", selection)
    notes = (*said["notes"], *_notes(runs))
    return CourseReportAnswer(**{**said, "periods": tuple(labels), "notes": notes}, runs=runs)


def _only_course(context: Context) -> str:
    known = context.state.dictionaries.course.values
    if len(known) == 1:
        return known[0]
    if not known:
        raise QuestionError("course is absent, and no event names a course run to report on")
    more = f" and {len(known) - _NAMES_SHOWN:,} more" if len(known) > _NAMES_SHOWN else ""
    raise QuestionError(
        f"course is absent, and the data hold {len(known):,} course runs: "
        f"{', '.join(sorted(known)[:_NAMES_SHOWN])}{more}; name one (--course NAME)"
    )


def _code(context: Context, name: str) -> int:
    known = context.state.dictionaries.course
    for code in known.named(name):
        return code
    values = known.values
    near = difflib.get_close_matches(name, values, n=3, cutoff=0.5)
    hint = f"near: {', '.join(near)}" if near else "the whole name is needed"
    raise QuestionError(f"course {name!r} is in no event; {hint}")


def _run(context: Context, question: CourseReport, course: str, events: CourseEvents) -> CourseRun:
    if not any_of(context.state.run, [len(events) > 0]):
        return _empty(course)
    setting = make_setting(context, question, course, events)
    engaged, learners = engagement(setting)
    since, complete, before = active_since_start(setting)
    run = CourseRun(
        course=course,
        start=date_of(setting.start_day).isoformat(),
        weeks=setting.weeks,
        active_since=since,
        since_complete=complete,
        active_before=before,
        enrolments=enrolments(setting),
        engagement=engaged,
        videos=videos(setting, learners),
        problems=problems(setting, learners),
        discussion=discussion(setting),
        grades=grades(setting),
    )
    return replace(run, findings=findings(run))


def _empty(course: str) -> CourseRun:
    """Return the report of a course run of which no event passes the question's conditions."""
    absent = Absent("no event of the course run meets the conditions of the question")
    nothing = np.zeros(0, np.int64)
    flags = np.zeros(0, np.bool_)
    return CourseRun(
        course=course,
        start=None,
        weeks=Weeks((), flags),
        active_since=nothing,
        since_complete=flags,
        active_before=0,
        enrolments=absent,
        engagement=absent,
        videos=absent,
        problems=absent,
        discussion=absent,
        grades=absent,
    )


def _notes(runs: tuple[CourseRun, ...]) -> tuple[str, ...]:
    """Say what is left out, and how much of the videos is not known."""
    notes = []
    for run in runs:
        left_out = {
            "sections": getattr(run.engagement, "sections_left_out", 0),
            "pages": getattr(run.engagement, "pages_left_out", 0),
            "videos": getattr(run.videos, "left_out", 0),
            "problems": getattr(run.problems, "left_out", 0),
        }
        notes += [
            f"{run.course}: {count:,} {what} of fewer learners are not told one by one"
            for what, count in left_out.items()
            if count
        ]
        notes += _about_positions(run)
    return tuple(notes)


def _about_positions(run: CourseRun) -> list[str]:
    if isinstance(run.videos, Absent):
        return []
    if not run.videos.has_positions:
        return [
            f"{run.course}: no event of a video tells where in it it happened, so nothing is known by second"
        ]
    segments = sum(video.segments for video in run.videos.videos)
    unclosed = sum(video.unclosed for video in run.videos.videos)
    if not unclosed:
        return []
    return [
        f"{run.course}: {unclosed:,} of {segments + unclosed:,} played segments have no known end and are left out "
        f"of what was watched"
    ]
