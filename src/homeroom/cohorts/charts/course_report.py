"""A course report as drawings: weeks, sections, videos second by second, problems, grades, several runs as lines.

Each part is a panel with a scale of its own; panels stand in as many columns as have room, so the same report is a
strip on a telephone and a board on a wall. A part that is absent has no panel: its reason stands in words below.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Final

import numpy as np

from homeroom import limits
from homeroom.cohorts.answers.answer import Counts, Flags
from homeroom.cohorts.answers.course_activities import Problem, Problems, Videos
from homeroom.cohorts.answers.course_parts import (
    Absent,
    Discussion,
    Engagement,
    Enrolments,
    Grades,
    Weeks,
)
from homeroom.cohorts.answers.course_report import PARTS, CourseReportAnswer, CourseRun
from homeroom.cohorts.charts import words
from homeroom.cohorts.charts.axes import Frame, frame, period_axis, value_axis
from homeroom.cohorts.charts.course_bars import Bar, bars
from homeroom.cohorts.charts.course_videos import video_panel
from homeroom.cohorts.charts.panels import (
    GAP_PX,
    NAME_PX,
    Key,
    Panel,
    columns_for,
    legend,
    newest_note,
)
from homeroom.cohorts.charts.scale import ruler
from homeroom.cohorts.charts.svg import Figure, group, hatch, path, rect, shorten, text, wrap

__all__ = ["SECTIONS_MAX", "VIDEOS_MAX", "figure", "reasons"]

VIDEOS_MAX: Final = 6
"""Videos of most learners whose curve is drawn."""
SECTIONS_MAX: Final = 24
"""Sections and problems that are drawn."""
_PLOT_PX: Final = 150
_LINE_PX: Final = 18
_LINES: Final = ("returning", "resurrecting", "new", "muted")
_DASHES: Final = ("", "6 4", "2 4")


def figure(answer: CourseReportAnswer, width: float) -> Figure:
    """Draw the reports of all course runs below each other; where there are several, first how they compare."""
    several = len(answer.runs) > 1
    pieces = [_compared(answer.runs, width)] if several else []
    pieces += [_run(run, width, named=several) for run in answer.runs]
    notes = []
    if any(not isinstance(run.videos, Absent) and run.videos.has_positions for run in answer.runs):
        notes.append(
            "Of a video the area is how many watched each second, the line how often it was watched."
        )
    if answer.parts:
        notes.append("The parts stand in the numbers.")
    notes += words.open_note("striped or dashed", [run.weeks.complete for run in answer.runs])
    foot = legend((), notes, width)
    body, top = [], 0.0
    for piece in (*pieces, foot):
        body.append(group((0, top), piece.body))
        top += piece.height + 24
    return Figure(width, top - 24, words.heading(answer), words.summary(answer), "".join(body))


def _run(run: CourseRun, width: float, *, named: bool) -> Panel:
    """Draw one run: its name, its summary, its panels, and why parts are absent."""
    lines = [f"\u2022 {finding.text}" for finding in run.findings]
    head = _heading(run.course, width) if named else Panel(width, 0, "")
    summary = _sentences(lines, width, "ink")
    room = (width + GAP_PX) / columns_for(3, width) - GAP_PX
    panels = [panel for part in PARTS for panel in _PANELS[part](getattr(run, part), room)]
    absent = [
        f"{name}: {why}." for part in PARTS for name, why in reasons(part, getattr(run, part))
    ]
    body, top = [], 0.0
    for piece in (head, summary, _grid(panels, width), _sentences(absent, width, "muted")):
        if piece.height:
            body.append(group((0, top), piece.body))
            top += piece.height + 16
    return Panel(width, max(top - 16, 0), "".join(body))


def reasons(part: str, content: object) -> Iterator[tuple[str, str]]:
    """Give what of a part is absent, and why."""
    if isinstance(content, Absent):
        yield part.capitalize(), content.reason
    elif isinstance(content, Engagement):
        for name, inner in (("Sections", content.sections), ("Pages", content.pages)):
            if isinstance(inner, Absent):
                yield name, inner.reason
    elif isinstance(content, Videos) and not content.has_positions:
        yield "Seconds", "no event of a video tells where in it it happened"
    elif isinstance(content, Problems) and not any(one.known for one in content.problems):
        yield "Results", "no answer tells whether it was right"


def _heading(name: str, width: float) -> Panel:
    return Panel(width, 22, text((0, 16), shorten(name, width, 18), "heading ink"))


def _sentences(lines: Sequence[str], width: float, style: str) -> Panel:
    wrapped = [part for line in lines for part in wrap(line, width)]
    body = "".join(text((0, 13 + _LINE_PX * i), line, style) for i, line in enumerate(wrapped))
    return Panel(width, _LINE_PX * len(wrapped), body)


def _grid(panels: Sequence[Panel], width: float) -> Panel:
    """Set panels in columns, each under the shortest so far, so that little room stays empty."""
    across = columns_for(max(len(panels), 1), width)
    pitch = (width + GAP_PX) / columns_for(3, width)
    tops = [0.0] * across
    body = []
    for panel in panels:
        column = tops.index(min(tops))
        body.append(group((column * pitch, tops[column]), panel.body))
        tops[column] += panel.height + GAP_PX
    return Panel(width, max(max(tops) - GAP_PX, 0), "".join(body))


def _named(name: str, width: float, panel: Panel) -> Panel:
    """Put a name above a drawing."""
    head = text((0, 12), shorten(name, width, NAME_PX), "name ink")
    return Panel(width, panel.height + 24, head + group((0, 24), panel.body))


# --- weeks -----------------------------------------------------------------------------------------------------


def _week_bars(name: str, unit: str, weeks: Weeks, counts: Counts, width: float) -> Panel:
    """Draw a bar a week."""
    shown = min(len(counts), limits.CHART_PERIODS_MAX)
    first = len(counts) - shown
    values, labels = counts[first:].tolist(), weeks.labels[first:]
    at = frame(width, _PLOT_PX, ruler(max(1.05 * max(values), 1), 3), shown)
    body = [value_axis(at, unit), period_axis(at, labels)]
    for i, value in enumerate(values):
        x, wide = at.band(i)
        body.append(
            _open_bar((x, at.y(value), wide, at.y(0) - at.y(value)), "returning", weeks.complete[first + i])
        )  # fmt: skip
        body.append(rect(at.hit(i), "hit", f"Week of {labels[i]}: {value:,}"))
    notes = newest_note(shown, len(counts), "weeks")
    foot = legend((), notes, width)
    whole = "".join(body) + group((0, at.height), foot.body)
    return _named(name, width, Panel(width, at.height + foot.height, whole))


def _open_bar(box: tuple[float, float, float, float], style: str, complete: np.bool_) -> str:
    bar = rect(box, style)
    return bar if complete else bar + f"{rect(box, 'x')[:-2]} {hatch('surface')}/>"


def _enrolments(part: Enrolments | Absent, width: float) -> Iterator[Panel]:
    if isinstance(part, Absent):
        return
    most = int(max(part.enrolled.max(), 1))
    below = int(part.left.max())
    shown = min(len(part.enrolled), limits.CHART_PERIODS_MAX)
    first = len(part.enrolled) - shown
    at = frame(width, _PLOT_PX, ruler(float(max(most, below)), 3), shown)
    at = at.with_ticks_below(int(np.ceil(below / at.ruler.ticks[1] - 1e-9)))
    labels = part.weeks.labels[first:]
    body = [value_axis(at, "Learners"), period_axis(at, labels)]
    for i in range(shown):
        week = first + i
        x, wide = at.band(i)
        joined, left = int(part.enrolled[week]), int(part.left[week])
        open_ = part.weeks.complete[week]
        body.append(_open_bar((x, at.y(joined), wide, at.y(0) - at.y(joined)), "new", open_))
        body.append(_open_bar((x, at.y(0), wide, at.y(-left) - at.y(0)), "dormant", open_))
        said = f"Week of {labels[i]}: {joined:,} enrolled, {left:,} left"
        body.append(rect(at.hit(i), "hit", said))
    foot = legend([Key("new", "Enrolled"), Key("dormant", "Left")], (), width)
    whole = "".join(body) + group((0, at.height), foot.body)
    name = f"Enrolments: {part.current:,} at the end"
    yield _named(name, width, Panel(width, at.height + foot.height, whole))


def _engagement(part: Engagement | Absent, width: float) -> Iterator[Panel]:
    if isinstance(part, Absent):
        return
    yield _week_bars(
        f"Active learners: {part.learners:,}", "Learners", part.weeks, part.active, width
    )
    if isinstance(part.sections, Absent):
        return
    rows = [
        Bar(
            one.name,
            ((one.reached - one.stopped, "returning"), (one.stopped, "dormant")),
            words.count(one.reached),
            f"{one.name}: {one.reached:,} came this far, {one.stopped:,} stopped here; {one.learners:,} learners, "
            f"{one.visits:,} visits",
        )
        for one in part.sections[:SECTIONS_MAX]
    ]
    keys = (Key("returning", "Came this far"), Key("dormant", "Stopped here"))
    more = len(part.sections) + part.sections_left_out - len(rows)
    yield _named(
        "Sections, in course order", width, bars(rows, keys, _more(more, "sections"), width)
    )


def _more(count: int, what: str) -> tuple[str, ...]:
    return (f"{count:,} more {what} stand in the numbers.",) if count > 0 else ()


# --- videos, problems, discussion, grades ----------------------------------------------------------------------


def _videos(part: Videos | Absent, width: float) -> Iterator[Panel]:
    if isinstance(part, Absent):
        return
    if not part.has_positions:
        yield _named("Videos", width, _viewers(part, width))
    drawn = [video for video in part.videos if video.most][:VIDEOS_MAX]
    for video in drawn:
        yield _named(video.name, width, video_panel(video, width))
    more = len(part.videos) + part.left_out - len(drawn)
    if drawn and more:
        yield legend((), _more(more, "videos"), width)


def _viewers(part: Videos, width: float) -> Panel:
    """Draw who played and who completed each video: all that is known without positions."""
    rows = [
        Bar(
            one.name,
            ((one.completed, "new"), (one.viewers - one.completed, "returning")),
            words.count(one.viewers),
            f"{one.name}: {one.viewers:,} viewers, {one.plays:,} plays, {one.completed:,} completed it",
        )
        for one in part.videos[:SECTIONS_MAX]
    ]
    keys = (Key("new", "Completed it"), Key("returning", "Played it"))
    return bars(rows, keys, _more(len(part.videos) + part.left_out - len(rows), "videos"), width)


def _problems(part: Problems | Absent, width: float) -> Iterator[Panel]:
    if isinstance(part, Absent):
        return
    known = [one for one in part.problems if one.known]
    hardest = sorted(known, key=lambda one: (one.first_right / one.known, one.name))
    rows = [_problem_bar(one) for one in hardest[:SECTIONS_MAX]]
    if not rows:
        yield from _scores(part, width)
        return
    keys = (Key("new", "Right at first"), Key("returning", "Later"), Key("dormant", "Never"))
    more = len(part.problems) + part.left_out - len(rows)
    drawn = bars(rows, keys, _more(more, "problems"), width)
    yield _named("Problems, the hardest first", width, drawn)


def _scores(part: Problems, width: float) -> Iterator[Panel]:
    """Draw mean scores, where no answer tells whether it was right."""
    scored = sorted(
        (one for one in part.problems if not np.isnan(one.score)), key=lambda one: (one.score, one.name)
    )  # fmt: skip
    rows = [
        Bar(
            one.name,
            ((max(one.score, 0.0), "returning"),),
            f"{one.score:.2f}",
            f"{one.name}: mean of the last scores {one.score:.2f}, {one.learners:,} learners",
        )
        for one in scored[:SECTIONS_MAX]
    ]
    if rows:
        drawn = bars(rows, (), _more(len(scored) - len(rows), "problems"), width)
        yield _named("Problems by mean score", width, drawn)


def _problem_bar(one: Problem) -> Bar:
    whole = one.known
    parts = (
        (one.first_right / whole, "new"),
        ((one.ever_right - one.first_right) / whole, "returning"),
        ((whole - one.ever_right) / whole, "dormant"),
    )
    said = f"{one.name}: of {whole:,} learners {one.first_right:,} right at first, {one.ever_right:,} in the end"
    return Bar(one.name, parts, words.share(one.first_right / whole, 0), said)


def _discussion(part: Discussion | Absent, width: float) -> Iterator[Panel]:
    if isinstance(part, Absent) or part.posters is None:
        return
    read = "" if part.readers is None else f", {part.readers:,} read"
    name = f"Posts by week: {part.posters:,} posted{read}"
    yield _week_bars(name, "Posts", part.weeks, part.posts, width)


def _grades(part: Grades | Absent, width: float) -> Iterator[Panel]:
    if isinstance(part, Absent):
        return
    for name, counts, top in (
        (f"Latest grades: {part.graded:,} learners", part.grades, part.top),
        ("Latest progress", part.progress, 1.0),
    ):
        if counts.any():
            yield _named(name, width, _histogram(counts, top, width))


def _histogram(counts: Counts, top: float, width: float) -> Panel:
    at = frame(width, _PLOT_PX, ruler(1.05 * float(counts.max()), 3), len(counts))
    labels = [f"{top * place / len(counts):g}" for place in range(len(counts))]
    body = [value_axis(at, "Learners"), period_axis(at, labels)]
    for place, count in enumerate(counts.tolist()):
        x, wide = at.band(place)
        body.append(rect((x, at.y(count), wide, at.y(0) - at.y(count)), "returning"))
        end = f"{top * (place + 1) / len(counts):g}"
        body.append(rect(at.hit(place), "hit", f"{labels[place]} to {end}: {count:,} learners"))
    return Panel(width, at.height, "".join(body))


# --- several runs ----------------------------------------------------------------------------------------------


def _compared(runs: Sequence[CourseRun], width: float) -> Panel:
    """Draw the active learners of each run by week since its start, as lines."""
    most = max(int(run.active_since.max(initial=0)) for run in runs) or 1
    weeks = max(len(run.active_since) for run in runs) or 1
    at = frame(width, 200, ruler(float(most), 4), weeks)
    body = [value_axis(at, "Active learners"), period_axis(at, [str(i) for i in range(weeks)])]
    keys = ""
    top = at.height
    for number, run in enumerate(runs):
        style, dash = _LINES[number % len(_LINES)], _DASHES[number // len(_LINES) % len(_DASHES)]
        body.append(_line(run.active_since, run.since_complete, at, style, dash))
        mark = path(f"M0 {top + 8:.1f}h20", f"line-{style}", _stroke(dash))
        name = f"{run.course}, from {run.start or 'no date'}"
        keys += mark + text((28, top + 12), shorten(name, width - 28), "muted")
        top += _LINE_PX
    whole = Panel(width, top, "".join(body) + keys)
    return _named("Active learners since the start", width, whole)


def _stroke(dash: str) -> str:
    dashes = f' stroke-dasharray="{dash}"' if dash else ""
    return f'fill="none" stroke-width="2" stroke-linejoin="round"{dashes}'


def _line(counts: Counts, complete: Flags, at: Frame, style: str, dash: str) -> str:
    spots = [
        (at.left + (week + 0.5) * at.pitch, at.y(count), bool(complete[week]))
        for week, count in enumerate(counts.tolist())
        if count >= 0
    ]
    if not spots:
        return ""
    route = "".join(f"{'L' if i else 'M'}{x:.1f} {y:.1f}" for i, (x, y, _) in enumerate(spots))
    ends = "".join(
        f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3.5" class="surface line-{style}" stroke-width="1.5"/>'
        for x, y, is_complete in spots
        if not is_complete
    )
    return path(route, f"line-{style}", _stroke(dash)) + ends


_PANELS: Final[dict[str, Callable[..., Iterator[Panel]]]] = {
    "enrolments": _enrolments,
    "engagement": _engagement,
    "videos": _videos,
    "problems": _problems,
    "discussion": _discussion,
    "grades": _grades,
}
