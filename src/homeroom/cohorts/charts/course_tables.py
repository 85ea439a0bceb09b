"""The numbers of a course report as tables of text, part by part."""

import math
from collections.abc import Callable, Iterator, Sequence
from typing import Final

from homeroom import limits
from homeroom.cohorts.answers.course_activities import Problem, Problems, Stretch, Video, Videos
from homeroom.cohorts.answers.course_parts import (
    Absent,
    Discussion,
    Engagement,
    Enrolments,
    Grades,
    Page,
    Section,
    Weeks,
    clock,
    ratio,
)
from homeroom.cohorts.answers.course_report import (
    PARTS,
    CourseReportAnswer,
    CourseRun,
    compared,
)
from homeroom.cohorts.charts import words
from homeroom.cohorts.charts.numbers import Numbers, newest, open_count

__all__ = ["NONE", "numbers", "part_numbers", "span", "told"]

NONE: Final = "\u2013"
"""Stands for a number that is not known."""
_STRETCHES_MAX: Final = 3
Rows = tuple[tuple[str, ...], ...]


def numbers(answer: CourseReportAnswer) -> tuple[Numbers, ...]:
    """Return the tables of all course runs, and before them the one that compares several."""
    several = len(answer.runs) > 1
    out = list(_compared(answer.runs)) if several else []
    for run in answer.runs:
        name = f"{run.course}: " if several else ""
        out.append(_summary(name, run))
        for part in PARTS:
            out += part_numbers(name, part, getattr(run, part))
        out += _since_start(name, run)
    return tuple(out)


def part_numbers(name: str, part: str, content: object) -> list[Numbers]:
    """Return the tables of one part; of one that is absent, a table with the reason."""
    if isinstance(content, Absent):
        return [Numbers(f"{name}{part.capitalize()}", ("",), ((content.reason,),))]
    return [
        Numbers(f"{name}{table.caption}", table.heads, table.rows, table.cut)
        for table in _TABLES[type(content)](content)
    ]


def told(share: float, decimals: int = 0) -> str:
    """Write a share, or a dash where there is none."""
    return words.share(share, decimals)


def span(stretches: Sequence[Stretch]) -> str:
    """Write stretches of a video: ``0:38-2:13, 4:00-4:20``, the first three of them."""
    shown = [f"{clock(one.first)}\u2013{clock(one.end)}" for one in stretches[:_STRETCHES_MAX]]
    more = len(stretches) - len(shown)
    return ", ".join([*shown, *([f"{more} more"] if more else [])]) or NONE


def _summary(name: str, run: CourseRun) -> Numbers:
    rows = tuple((finding.text, finding.rule) for finding in run.findings)
    return Numbers(f"{name}Summary", ("What stands out", "How it was found"), rows)


def _weekly(weeks: Weeks, columns: Sequence[Sequence[int]]) -> Rows:
    return tuple(
        (label, *(open_count(column[i], weeks.complete[i]) for column in columns))
        for i, label in enumerate(weeks.labels)
    )


def _enrolments(part: Enrolments) -> Iterator[Numbers]:
    rows = _weekly(part.weeks, (part.enrolled.tolist(), part.left.tolist(), part.net.tolist()))
    yield newest("Who joined and left, by week", ("Week", "Enrolled", "Left", "Net"), rows)
    yield Numbers(
        "Enrolments",
        ("", "Learners"),
        (
            ("Enrolled at the end", words.count(part.current)),
            ("Ever enrolled", words.count(part.ever)),
            ("Enrolled again", words.count(part.again)),
        ),
    )


def _engagement(part: Engagement) -> Iterator[Numbers]:
    yield newest(
        "Active learners by week",
        ("Week", "Active"),
        _weekly(part.weeks, (part.active.tolist(),)),
    )
    yield _sections(part)
    yield _pages(part)


def _sections(part: Engagement) -> Numbers:
    heads = ("Section", "Learners", "Share", "Visits", "Came this far", "Stopped here", "Loss")
    if isinstance(part.sections, Absent):
        return Numbers("Sections", ("",), ((part.sections.reason,),))
    rows = tuple(
        (
            *_visited(one, part.learners),
            words.count(one.reached),
            words.count(one.stopped),
            told(ratio(one.stopped, one.reached)),
        )
        for one in part.sections
    )
    return _cut("Sections, in course order", heads, rows, part.sections_left_out)


def _pages(part: Engagement) -> Numbers:
    if isinstance(part.pages, Absent):
        return Numbers("Pages", ("",), ((part.pages.reason,),))
    rows = tuple(_visited(one, part.learners) for one in part.pages)
    return _cut(
        "Pages and other activities", ("Activity", "Learners", "Share", "Visits"), rows,
        part.pages_left_out,
    )  # fmt: skip


def _visited(one: Section | Page, learners: int) -> tuple[str, ...]:
    share = told(ratio(one.learners, learners))
    return one.name, words.count(one.learners), share, words.count(one.visits)


def _cut(caption: str, heads: tuple[str, ...], rows: Rows, left_out: int) -> Numbers:
    most = limits.REPORT_ROWS_MAX
    return Numbers(caption, heads, rows[:most], len(rows) > most or left_out > 0)


def _videos(part: Videos) -> Iterator[Numbers]:
    heads = ("Video", "Length", "Viewers", "Plays", "Watched", "Completed", "Left at", "Skipped",
             "Rewatched")  # fmt: skip
    yield _cut("Videos", heads, tuple(_video(video) for video in part.videos), part.left_out)


def _video(video: Video) -> tuple[str, ...]:
    return (
        video.name,
        _known(video.length_s, clock),
        words.count(video.viewers),
        words.count(video.plays),
        told(video.watched_share),
        told(ratio(video.completed, video.viewers)),
        NONE if video.left_at is None else clock(video.left_at),
        span(video.skipped),
        span(video.rewatched),
    )


def _problems(part: Problems) -> Iterator[Numbers]:
    heads = ("Problem", "Learners", "Attempts", "Right at first", "Ever right", "Attempts to right",
             "Median time", "Mean score")  # fmt: skip
    yield _cut("Problems", heads, tuple(_problem(one) for one in part.problems), part.left_out)
    rows = tuple(row for one in part.problems for row in _answers(one))
    if rows:
        yield _cut("What was answered", ("Problem", "Answer", "Given", "Share", "Result"), rows, 0)


def _problem(one: Problem) -> tuple[str, ...]:
    return (
        one.name,
        words.count(one.learners),
        words.count(one.attempts),
        told(one.first_share),
        told(one.ever_share),
        _known(one.mean_to_right, "{:.1f}".format),
        NONE if one.duration_ms < 0 else clock(one.duration_ms / 1000),
        _known(one.score, "{:.2f}".format),
    )


def _known(value: float, write: Callable[[float], str]) -> str:
    return NONE if math.isnan(value) else write(value)


def _answers(one: Problem) -> Iterator[tuple[str, ...]]:
    given = sum(answer.count for answer in one.answers) + one.other_answers
    for answer in one.answers:
        result = (
            "right" if answer.right == answer.count
            else "wrong" if answer.wrong == answer.count
            else f"right {told(answer.right / answer.count)}" if answer.right or answer.wrong
            else NONE
        )  # fmt: skip
        share = told(answer.count / given)
        yield one.name, answer.answer, words.count(answer.count), share, result
    if one.other_answers:
        share = told(one.other_answers / given)
        yield one.name, "(other)", words.count(one.other_answers), share, NONE


def _discussion(part: Discussion) -> Iterator[Numbers]:
    if part.posters is not None:
        columns = (part.posts.tolist(), part.posters_by_week.tolist())
        yield newest("Posts by week", ("Week", "Posts", "Posters"), _weekly(part.weeks, columns))
    rows = (("Posted", _counted(part.posters)), ("Read", _counted(part.readers)))
    yield Numbers("Discussion", ("", "Learners"), rows)


def _counted(value: int | None) -> str:
    return NONE if value is None else words.count(value)


def _grades(part: Grades) -> Iterator[Numbers]:
    rows = tuple(
        (name, _counted(getattr(part, name.lower())))
        for name in ("Completed", "Passed", "Failed", "Graded")
    )
    yield Numbers("Grades and completion", ("", "Learners"), rows)
    for caption, counts, top in (
        ("Latest grade", part.grades, part.top),
        ("Latest progress", part.progress, 1.0),
    ):
        if counts.any():
            share = [(f"{place * top / 10:g} to {(place + 1) * top / 10:g}", count)
                     for place, count in enumerate(counts.tolist())]  # fmt: skip
            lines = tuple((name, words.count(count)) for name, count in share)
            yield Numbers(caption, ("", "Learners"), lines)


def _since_start(name: str, run: CourseRun) -> Iterator[Numbers]:
    rows = tuple(
        (str(week), NONE if count < 0 else open_count(count, run.since_complete[week]))
        for week, count in enumerate(run.active_since.tolist())
    )
    if rows:
        caption = f"{name}Active learners by week since the start, {run.start}"
        yield newest(caption, ("Week", "Active"), rows)


def _compared(runs: Sequence[CourseRun]) -> Iterator[Numbers]:
    figures = compared(runs)
    shown = ("learners", "enrolled", "left", "watched_share", "first_share", "posters", "completed",
             "passed", "median_grade")  # fmt: skip
    heads = ("Course run", "Start", "Learners", "Enrolled", "Left", "Watched", "Right at first",
             "Posters", "Completed", "Passed", "Median grade")  # fmt: skip
    rows = tuple(
        (str(one["course"]), str(one["start"] or NONE), *(_figure(name, one[name]) for name in shown))
        for one in figures
    )  # fmt: skip
    yield Numbers("Course runs side by side", heads, rows)
    most = max(len(run.active_since) for run in runs)
    weeks = tuple(
        (str(week), *(_week(run, week) for run in runs)) for week in range(most)
    )  # fmt: skip
    names = ("Week", *(run.course for run in runs))
    yield newest("Active learners by week since the start of each", names, weeks)


def _figure(name: str, value: float | None) -> str:
    if value is None:
        return NONE
    if name.endswith("share"):
        return told(value)
    return f"{value:.2f}" if name == "median_grade" else words.count(int(value))


def _week(run: CourseRun, week: int) -> str:
    if week >= len(run.active_since) or run.active_since[week] < 0:
        return NONE
    return open_count(int(run.active_since[week]), run.since_complete[week])


_TABLES: Final[dict[type, Callable[..., Iterator[Numbers]]]] = {
    Enrolments: _enrolments,
    Engagement: _engagement,
    Videos: _videos,
    Problems: _problems,
    Discussion: _discussion,
    Grades: _grades,
}
