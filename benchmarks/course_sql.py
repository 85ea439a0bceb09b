"""The parts of a course report as SQL for DuckDB, over a relation of one course run's events.

The relation has the columns of our history (``learner``, ``time`` without a zone, ``verb`` … ``length_s``). What SQL
cannot say without walking row by row is said for events as `benchmarks.course_events` makes them: a video plays if
the last event of it that is no seek was a play. Each query is the quickest of a few ways to write it; where several
parts need the same rows in order, they are put in order once each, as one report would ask for them.
"""

import itertools
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from homeroom.cohorts.answers.course_parts import Absent
from homeroom.cohorts.answers.course_report import PARTS as REPORT_PARTS
from homeroom.cohorts.answers.course_report import CourseRun

__all__ = ["PARTS", "asked", "of_report"]

_START = "date '2025-01-06'"
_GAP = "interval 30 minute"
_LAST_PART = "regexp_extract(verb, '[^/]*$')"


def _visits(column: str) -> str:
    return f"""
        select {column}, count(distinct learner), count(*) filter (before is null or time - before > {_GAP})
        from (
            select {column}, learner, time, lag(time) over (partition by learner, {column} order by time) as before
            from events where {column} is not null
        ) group by {column} order by {column}"""


_WEEKS: Final = f"""
    select datediff('week', {_START}, time) as week, count(distinct learner)
    from events group by week order by week"""

_ENROLMENTS: Final = f"""
    with moves as (
        select learner, time, standing, lag(standing) over (partition by learner order by time) as before
        from events where standing in ('enrolled', 'left')
    )
    select datediff('week', {_START}, time) as week, count_if(standing = 'enrolled'), count_if(standing = 'left')
    from moves where before is null or before != standing group by week order by week"""

_STOPS: Final = """
    with firsts as (
        select learner, section, min(time) as first from events where section is not null group by learner, section
    ), after as (
        select learner, section, first - min(first) over (partition by learner) as after from firsts
    ), places as (
        select section, row_number() over (order by quantile_disc(after, 0.5), count(*) desc, section) as place
        from after group by section
    ), known as (
        select max(time) as newest from events
    ), last as (
        select learner, max(time) as last from events group by learner
    ), furthest as (
        select learner, max(place) as place from firsts join places using (section) group by learner
    )
    select places.section, count(furthest.learner), coalesce(count_if(last <= newest - interval 14 day), 0)
    from places left join furthest using (place) left join last using (learner), known
    group by places.section, place order by place"""

_STEPS: Final = f"""
    select learner, activity, time, {_LAST_PART} as act, position_s, position_from_s,
        max(length_s) over (partition by activity) as length_s
    from events where track = 'video'"""

_SEGMENTS: Final = f"""
    with steps as ({_STEPS}), states as (
        select *,
            last_value(case when act = 'seeked' then null else act end ignore nulls)
                over (partition by learner, activity order by time) as state,
            lead(time) over (partition by learner, activity order by time) as until,
            lead(case when act = 'seeked' then position_from_s else position_s end)
                over (partition by learner, activity order by time) as end_s
        from steps
    ), played as (
        select learner, activity, length_s, least(position_s, length_s) as start_s, least(end_s, length_s) as end_s,
            epoch_ms(until) - epoch_ms(time) as passed_ms
        from states where act in ('played', 'seeked') and state = 'played'
    )
    select learner, activity, ceil(length_s - 0.5)::int as seconds,
        coalesce(end_s >= start_s and 1000 * (end_s - start_s) <= 4 * passed_ms + 5000
            and passed_ms <= 4000 * (length_s - start_s) + 5000, false) as is_closed,
        ((round(1000 * start_s)::bigint + 499) // 1000)::int as a,
        ((round(1000 * end_s)::bigint + 499) // 1000)::int as b
    from played"""

_VIDEOS: Final = f"""
    with viewers as (
        select activity, count(distinct learner) filter ({_LAST_PART} = 'played') as viewers,
            count_if({_LAST_PART} = 'played') as plays
        from events where track = 'video' group by activity
    ), segments as ({_SEGMENTS})
    select activity, any_value(viewers), any_value(plays), count_if(is_closed), count_if(not is_closed)
    from viewers left join segments using (activity) group by activity order by activity"""

_VIEWS: Final = f"""
    with segments as ({_SEGMENTS}), steps as (
        select activity, a as second, count(*) as step from segments where is_closed and b > a group by all
        union all
        select activity, b, -count(*) from segments where is_closed and b > a group by all
    )
    select activity, second, sum(sum(step)) over (partition by activity order by second)
    from steps group by activity, second order by activity, second"""

_VIEWERS: Final = f"""
    with segments as ({_SEGMENTS}), marked as (
        select learner, activity, a, b,
            coalesce(a > max(b) over (partition by learner, activity order by a, b
                                      rows between unbounded preceding and 1 preceding), false) as is_new
        from (select distinct learner, activity, a, b from segments where is_closed and b > a)
    ), numbered as (
        select *, count_if(is_new) over (partition by learner, activity order by a, b
                                         rows between unbounded preceding and current row) as island
        from marked
    ), islands as (
        select activity, min(a) as a, max(b) as b from numbered group by learner, activity, island
    ), steps as (
        select activity, a as second, count(*) as step from islands group by all
        union all
        select activity, b, -count(*) from islands group by all
    )
    select activity, second, sum(sum(step)) over (partition by activity order by second)
    from steps group by activity, second order by activity, second"""

_PROBLEMS: Final = f"""
    with attempts as (
        select learner, activity, success, row_number() over (partition by learner, activity order by time) as number
        from events where track = 'problem' and {_LAST_PART} = 'answered'
    ), tries as (
        select activity, max(number) as attempts, bool_or(number = 1 and success = 1) as first_right,
            min(number) filter (success = 1) as right_at
        from attempts group by learner, activity
    )
    select activity, count(*), sum(attempts), count_if(first_right), count(right_at), sum(right_at)
    from tries group by activity order by activity"""

_ANSWERS: Final = f"""
    select activity, answer, count(*), count_if(success = 1)
    from events where track = 'problem' and {_LAST_PART} = 'answered' and answer is not null
    group by activity, answer order by activity, answer"""

_TIMES: Final = f"""
    select activity, quantile_disc(duration_ms, 0.5)
    from events where track = 'problem' and {_LAST_PART} = 'answered' and duration_ms >= 0
    group by activity order by activity"""

_DISCUSSION: Final = f"""
    select datediff('week', {_START}, time) as week, count(*), count(distinct learner)
    from events where track = 'forum' and {_LAST_PART} = 'posted' group by week order by week"""

_GRADES: Final = """
    select least(floor(grade * 10), 9)::int as tenth, count(*) from (
        select arg_max(score, time) as grade from events
        where standing in ('graded', 'completed', 'passed', 'failed') and not isnan(score) group by learner
    ) group by tenth order by tenth"""

PARTS: Final = {
    "weeks": _WEEKS,
    "pages": _visits("activity"),
    "sections": _visits("section"),
    "stops": _STOPS,
    "enrolments": _ENROLMENTS,
    "videos": _VIDEOS,
    "views": _VIEWS,
    "viewers": _VIEWERS,
    "problems": _PROBLEMS,
    "answers": _ANSWERS,
    "times": _TIMES,
    "discussion": _DISCUSSION,
    "grades": _GRADES,
}
"""The queries of one report."""


def asked(execute: Callable[[str], Any]) -> dict[str, list[list[Any]]]:
    """Ask all parts; ``execute`` runs SQL and returns something with ``fetchall``."""
    found = {name: [list(row) for row in execute(sql).fetchall()] for name, sql in PARTS.items()}
    for name in ("views", "viewers"):
        found[name] = [
            row
            for before, row in zip([None, *found[name][:-1]], found[name], strict=True)
            if before is None or before[0] != row[0] or before[2] != row[2]
        ]
    return found


def of_report(run: CourseRun) -> dict[str, list[list[Any]]]:
    """Return the same figures from a course run of our answer, in the same form; seconds only where they change."""
    assert not any(isinstance(getattr(run, part), Absent) for part in REPORT_PARTS)
    pages = sorted(run.engagement.pages, key=lambda page: page.name)
    sections = run.engagement.sections
    videos = sorted(run.videos.videos, key=lambda video: video.name)
    problems = sorted(run.problems.problems, key=lambda problem: problem.name)
    further = [one.reached for one in sections[1:]]
    stays = zip(sections, [*further, 0], strict=True)
    moves = zip(run.enrolments.enrolled.tolist(), run.enrolments.left.tolist(), strict=True)
    posts = zip(run.discussion.posts.tolist(), run.discussion.posters_by_week.tolist(), strict=True)
    return {
        "weeks": _counted([n] for n in run.engagement.active.tolist()),
        "pages": [[page.name, page.learners, page.visits] for page in pages],
        "sections": sorted([one.name, one.learners, one.visits] for one in sections),
        "stops": [[one.name, one.reached - after, one.stopped] for one, after in stays],
        "enrolments": _counted(moves),
        "videos": [[v.name, v.viewers, v.plays, v.segments, v.unclosed] for v in videos],
        "views": [[v.name, *step] for v in videos for step in _changes(v.views_at)],
        "viewers": [[v.name, *step] for v in videos for step in _changes(v.viewers_at)],
        "problems": [
            [p.name, p.learners, p.attempts, p.first_right, p.ever_right, p.to_right]
            for p in problems
        ],
        "answers": [
            [p.name, one.answer, one.count, one.right]
            for p in problems
            for one in sorted(p.answers, key=lambda one: one.answer)
        ],
        "times": [[p.name, p.duration_ms] for p in problems],
        "discussion": _counted(posts),
        "grades": _counted([n] for n in run.grades.grades.tolist()),
    }


def _counted(rows: Iterable[Sequence[int]]) -> list[list[Any]]:
    return [[place, *row] for place, row in enumerate(rows) if any(row)]


def _changes(counts: npt.NDArray[np.int64]) -> list[list[int]]:
    """Return (second, count) where a count differs from that of the second before, and the end."""
    values = [0, *counts.tolist(), 0]
    return [[i, b] for i, (a, b) in enumerate(itertools.pairwise(values)) if a != b]
