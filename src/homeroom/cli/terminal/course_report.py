"""A course report for the terminal: what stands out first, then each part in a few lines.

Long lists show their first lines and say how many there are; the curve of a video is one line of characters, with
the seconds that are skipped, rewatched and left named behind it. The tables of all numbers are those of the page.
"""

import textwrap
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from rich.console import Console, ConsoleOptions, RenderResult
from rich.style import Style
from rich.text import Text

from homeroom.cli.terminal.bars import bar, spark, stretch
from homeroom.cli.terminal.ink import Ink, ink_of
from homeroom.cli.terminal.number_tables import NumberTables
from homeroom.cli.terminal.wording import clean, cropped, percent, shorten, wrapped
from homeroom.cohorts.answers.course_activities import Problem, Problems, Video, Videos
from homeroom.cohorts.answers.course_parts import (
    Absent,
    Discussion,
    Engagement,
    Enrolments,
    Grades,
    Section,
    clock,
    ratio,
)
from homeroom.cohorts.answers.course_report import PARTS, CourseReportAnswer, CourseRun
from homeroom.cohorts.charts.course_report import reasons
from homeroom.cohorts.charts.course_tables import numbers, span
from homeroom.cohorts.charts.words import count

__all__ = ["CourseReportView"]

LINES_MAX: Final = 12
"""Sections, videos and problems of one part that are shown."""
BAR_MAX: Final = 30
NAME_MAX: Final = 34
CURVE_MAX: Final = 40
_DIM: Final = Style(dim=True)
_BOLD: Final = Style(bold=True)


@dataclass(frozen=True, slots=True)
class CourseReportView:
    """The reports of one or several course runs."""

    answer: CourseReportAnswer

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Draw how several runs compare, then each run."""
        runs = self.answer.runs
        if len(runs) > 1:
            yield NumberTables(numbers(self.answer)[:1], LINES_MAX)
            yield from _compared(runs, options.max_width, ink_of(console))
            yield Text()
        for number, run in enumerate(runs):
            if number:
                yield Text()
            yield from _run(run, console, options.max_width)


def _compared(runs: Sequence[CourseRun], width: int, ink: Ink) -> Iterator[Text]:
    """Draw the active learners of each run since its start as lines below each other, on one scale."""
    yield Text()
    yield cropped("Active learners by week since the start of each", _DIM)
    names = _names("", [run.course for run in runs])
    weeks = max(len(run.active_since) for run in runs)
    top = max(float(run.active_since.max(initial=0)) for run in runs)
    room = min(weeks, max(width - names - 2, 8))
    for run in runs:
        values = np.full(weeks, 0.0)
        values[: len(run.active_since)] = np.maximum(run.active_since, 0)
        line = cropped(f"{shorten(run.course, names):<{names}}  ")
        # Runs stand above each other week by week, so a shorter one ends earlier.
        end = -(-len(run.active_since) * room // weeks) if weeks else 0
        line.append(spark(stretch(values, room)[:end], top), ink.mark("returning"))
        yield line


def _run(run: CourseRun, console: Console, width: int) -> Iterator[Text]:
    weeks = run.weeks.labels
    head = clean(run.course)
    yield cropped(head + (f"  weeks of {weeks[0]} to {weeks[-1]}" if weeks else ""), _BOLD)
    for finding in run.findings:
        lines = wrapped(console, clean(finding.text), max(width - 2, 20), Style())
        for i, line in enumerate(lines):
            yield Text.assemble("  " if i else "\u2022 ", line)
    ink = ink_of(console)
    for part in PARTS:
        content = getattr(run, part)
        if not isinstance(content, Absent):
            yield Text()
            yield from _LINES[part](content, width, ink)
    absent = [line for part in PARTS for line in reasons(part, getattr(run, part))]
    if absent:
        yield Text()
    for name, why in absent:
        yield from _folded(f"{name.lower()}: {clean(why)}", width)


def _folded(text: str, width: int, indent: str = "") -> Iterator[Text]:
    for part in textwrap.wrap(
        text, max(width, 20), initial_indent=indent, subsequent_indent=indent
    ):
        yield cropped(part, _DIM)


def _title(text: str) -> Text:
    return cropped(text, _BOLD)


def _weekly(counts: npt.NDArray[np.int64], width: int, ink: Ink, style: str) -> Text:
    """Draw a line of characters, a week each where they have room."""
    values = stretch(counts.astype(np.float64), min(len(counts), max(width - 34, 8), 60))
    text = cropped("")
    text.append(spark(values, float(values.max(initial=0))), ink.mark(style))
    text.append(f"  most {count(int(counts.max(initial=0)))}", _DIM)
    return text


def _labelled(name: str, line: Text) -> Text:
    return Text.assemble((f"{name:<10}", _DIM), line, no_wrap=True, overflow="crop")


def _enrolments(part: Enrolments, width: int, ink: Ink) -> Iterator[Text]:
    yield _title(
        f"Enrolments: {count(part.current)} at the end, {count(part.ever)} ever, {count(part.again)} again"
    )
    yield _labelled("enrolled", _weekly(part.enrolled, width, ink, "new"))
    yield _labelled("left", _weekly(part.left, width, ink, "dormant"))


def _engagement(part: Engagement, width: int, ink: Ink) -> Iterator[Text]:
    yield _title(f"Engagement: {count(part.learners)} active learners")
    yield _labelled("active", _weekly(part.active, width, ink, "returning"))
    if isinstance(part.sections, Absent):
        return
    shown = part.sections[:LINES_MAX]
    names = _names("section", [one.name for one in shown])
    yield cropped(f"{'section':<{names}}  came this far  stopped here", _DIM)
    top = max(one.reached for one in shown)
    for section in shown:
        yield _section(section, names, top, width, ink)
    yield from _more(len(part.sections) + part.sections_left_out - len(shown), "sections")


def _section(one: Section, names: int, top: int, width: int, ink: Ink) -> Text:
    share = percent(ratio(one.stopped, one.reached))
    line = cropped(
        f"{shorten(one.name, names):<{names}}  {count(one.reached):>13}  {count(one.stopped):>6}"
    )
    line.append(f" = {share:>2}%", _DIM)
    room = min(width - names - 33, BAR_MAX)
    if room > 3:
        line.append("  ")
        line.append(bar(one.reached, top, room), ink.mark("returning"))
    return line


def _names(head: str, names: Sequence[str]) -> int:
    """Return the width of a column of names."""
    return min(max(len(head), *(len(clean(name)) for name in names)), NAME_MAX)


def _more(left: int, what: str) -> Iterator[Text]:
    if left > 0:
        yield cropped(f"{count(left)} more {what}; --csv and --json hold all", _DIM)


def _videos(part: Videos, width: int, ink: Ink) -> Iterator[Text]:
    yield _title(f"Videos: {count(len(part.videos) + part.left_out)}")
    shown = part.videos[:LINES_MAX]
    names = _names("video", [one.name for one in shown])
    yield cropped(f"{'video':<{names}}  viewers  plays  watched  completed", _DIM)
    for video in shown:
        yield from _video(video, names, width, ink)
    yield from _more(len(part.videos) + part.left_out - len(shown), "videos")


def _share(share: float) -> str:
    return "\u2013" if np.isnan(share) else f"{percent(share)}%"


def _video(video: Video, names: int, width: int, ink: Ink) -> Iterator[Text]:
    completed, watched = (
        _share(ratio(video.completed, video.viewers)),
        _share(video.watched_share),
    )
    line = cropped(
        f"{shorten(video.name, names):<{names}}  {count(video.viewers):>7}  {count(video.plays):>5}  "
        f"{watched:>7}  {completed:>9}"
    )
    room = min(width - names - 36, CURVE_MAX)
    if video.most and room > 7:
        line.append("   ")
        values = stretch(video.viewers_at.astype(np.float64), min(room, len(video.viewers_at)))
        line.append(spark(values, float(video.most)), ink.mark("returning"))
    yield line
    said = [
        f"left by a third at {clock(video.left_at)}" if video.left_at is not None else "",
        f"skipped {span(video.skipped)}" if video.skipped else "",
        f"watched again {span(video.rewatched)}" if video.rewatched else "",
    ]
    told = "; ".join(one for one in said if one)
    if told:
        yield from _folded(f"{clock(video.length_s)} long; {told}", width, "  ")


def _problems(part: Problems, width: int, ink: Ink) -> Iterator[Text]:
    hardest = sorted(part.problems, key=_hardness)
    yield _title(f"Problems, the hardest first: {count(len(hardest) + part.left_out)}")
    shown = hardest[:LINES_MAX]
    names = _names("problem", [one.name for one in shown])
    yield cropped(f"{'problem':<{names}}  learners  attempts  right at first  ever   score", _DIM)
    for one in shown:
        yield _problem(one, names, width, ink)
    yield from _more(len(hardest) + part.left_out - len(shown), "problems")


def _hardness(one: Problem) -> tuple[float, float, str]:
    first, score = one.first_share, one.score
    return (np.inf if np.isnan(first) else first, np.inf if np.isnan(score) else score, one.name)


def _problem(one: Problem, names: int, width: int, ink: Ink) -> Text:
    first, ever = _share(one.first_share), _share(one.ever_share)
    score = "\u2013" if np.isnan(one.score) else f"{one.score:.2f}"
    line = cropped(
        f"{shorten(one.name, names):<{names}}  {count(one.learners):>8}  {count(one.attempts):>8}  "
        f"{first:>14}  {ever:>4}  {score:>6}"
    )
    room = min(width - names - 54, BAR_MAX)
    if room > 3 and one.first_right:
        line.append("  ")
        line.append(bar(one.first_right, one.known, room), ink.mark("new"))
    return line


def _discussion(part: Discussion, width: int, ink: Ink) -> Iterator[Text]:
    known = (("posted", part.posters), ("read", part.readers))
    yield _title(f"Discussion: {_known(known)}")
    if part.posters is not None:
        yield _labelled("posts", _weekly(part.posts, width, ink, "resurrecting"))


def _known(counts: Sequence[tuple[str, int | None]]) -> str:
    """Write the counts that are known."""
    return ", ".join(f"{count(value)} {name}" for name, value in counts if value is not None)


def _grades(part: Grades, _width: int, ink: Ink) -> Iterator[Text]:
    known = (("completed", part.completed), ("passed", part.passed), ("failed", part.failed))
    yield _title(f"Grades and completion: {_known(known) or f'{count(part.graded)} graded'}")
    if part.graded:
        line = cropped("")
        line.append(
            spark(part.grades.astype(np.float64), float(part.grades.max())), ink.mark("returning")
        )
        line.append(f"  grades from 0 to {part.top:g}, median {part.median:.2f}", _DIM)
        yield _labelled("graded", line)
    if part.progress.any():
        line = cropped(spark(part.progress.astype(np.float64), float(part.progress.max())))
        line.append(f"  from 0 to 100%, mean {percent(part.mean_progress)}%", _DIM)
        yield _labelled("progress", line)


_LINES: Final[Mapping[str, Callable[[Any, int, Ink], Iterator[Text]]]] = {
    "enrolments": _enrolments,
    "engagement": _engagement,
    "videos": _videos,
    "problems": _problems,
    "discussion": _discussion,
    "grades": _grades,
}
