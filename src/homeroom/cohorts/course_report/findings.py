"""The summary of a course run: what stands out, in sentences that are computed.

Each rule looks at one part and gives at most one sentence; rules stand in the order of their weight, and the first
seven sentences make the page. A rule speaks only where enough learners are behind its number, and says with its
sentence how it was found, so that a reader can look the number up.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from typing import Final

import numpy as np

from homeroom.cohorts.answers.course_activities import LEFT_SHARE, Problem, Video
from homeroom.cohorts.answers.course_parts import Absent, clock, ratio
from homeroom.cohorts.answers.course_report import CourseRun
from homeroom.cohorts.answers.finding import Finding

__all__ = ["FINDINGS_MAX", "LEARNERS_MIN", "findings"]

FINDINGS_MAX: Final = 7
"""Sentences of a summary."""
LEARNERS_MIN: Final = 10
"""A rule passes over what fewer learners stand behind."""
_EARLY_SHARE: Final = 0.9
"""A video that is left in its last tenth is watched to its end."""
_OFTEN: Final = 0.3
"""A wrong answer that is at least this share of all answers is told."""


def findings(run: CourseRun) -> tuple[Finding, ...]:
    """Return the sentences of a course run's summary, at most seven."""
    found = [finding for rule in _RULES for finding in rule(run)]
    return tuple(found[:FINDINGS_MAX])


def _percent(share: float) -> str:
    return (
        f"{100 * share:.0f}%"
        if share in (0, 1) or 0.005 <= share < 0.995
        else ("less than 1%" if share < 0.5 else "more than 99%")
    )


def _active(run: CourseRun) -> Iterator[Finding]:
    """Compare the last week that is over with the one before it."""
    part = run.engagement
    if isinstance(part, Absent):
        return
    over = np.flatnonzero(part.weeks.complete)
    if len(over) < 2 or part.active[over[-2]] < LEARNERS_MIN:
        return
    now, before = int(part.active[over[-1]]), int(part.active[over[-2]])
    change = (now - before) / before
    told = (
        "as many as"
        if now == before
        else (f"{_percent(abs(change))} {'more' if change > 0 else 'fewer'} than")
    )
    week = part.weeks.labels[over[-1]]
    learners = f"{now:,} learner{' was' if now == 1 else 's were'}"
    yield Finding(
        "engagement",
        f"{learners} active in the week of {week}, {told} the week before ({before:,}).",
        "the last week that is over, and the one before it",
    )


def _section(run: CourseRun) -> Iterator[Finding]:
    """Find the section beyond which fewest of those who came to it have gone."""
    part = run.engagement
    if isinstance(part, Absent) or isinstance(part.sections, Absent):
        return
    inner = [one for one in part.sections[:-1] if one.reached >= LEARNERS_MIN and one.stopped]
    if not inner:
        return
    worst = max(inner, key=lambda one: (ratio(one.stopped, one.reached), one.reached))
    yield Finding(
        "engagement",
        f"Section {worst.name} loses most learners: {_percent(worst.stopped / worst.reached)} of the "
        f"{worst.reached:,} who came this far went no further.",
        "of all sections but the last, the greatest share of those who reached it for whom it is the furthest, and "
        "who have been quiet for 14 days",
    )


def _told_problems(run: CourseRun) -> Sequence[Problem]:
    part = run.problems
    return () if isinstance(part, Absent) else part.problems


def _problem(run: CourseRun) -> Iterator[Finding]:
    """Find the problem at which fewest are right at first."""
    known = [one for one in _told_problems(run) if one.first_known >= LEARNERS_MIN]
    if not known:
        yield from _lowest_score(run)
        return
    hardest = min(known, key=lambda one: (one.first_share, -one.first_known))
    lowest = ", the lowest of all problems" if len(known) > 1 else ""
    yield Finding(
        "problems",
        f"Problem {hardest.name} is right at first try for {_percent(hardest.first_share)} of "
        f"{hardest.first_known:,} learners{lowest}; in the end {_percent(hardest.ever_share)} get it right.",
        f"the least share of right first attempts, of problems that at least {LEARNERS_MIN} learners tried",
    )


def _lowest_score(run: CourseRun) -> Iterator[Finding]:
    """Find the problem of the lowest mean score, where no answer tells whether it was right."""
    scored = [
        one
        for one in _told_problems(run)
        if one.learners >= LEARNERS_MIN and not math.isnan(one.score)
    ]
    if len(scored) < 2:
        return
    lowest = min(scored, key=lambda one: (one.score, -one.learners))
    yield Finding(
        "problems",
        f"Problem {lowest.name} has the lowest mean score: {lowest.score:.2f}, of {lowest.learners:,} learners.",
        f"the least mean of the learners' last scores, of problems that at least {LEARNERS_MIN} learners tried",
    )


def _wrong_answer(run: CourseRun) -> Iterator[Finding]:
    """Find the wrong answer that is given most."""
    found = []
    for problem in _told_problems(run):
        given = sum(one.count for one in problem.answers) + problem.other_answers
        if problem.learners < LEARNERS_MIN:
            continue
        found += [
            (one.count / given, problem, one)
            for one in problem.answers
            if one.wrong == one.count and one.count >= _OFTEN * given
        ]
    if not found:
        return
    share, problem, one = max(found, key=lambda item: item[0])
    yield Finding(
        "problems",
        f"At problem {problem.name}, {_percent(share)} of all answers are {one.answer}, which is wrong.",
        f"the wrong answer with the greatest share of a problem's answers, from {_percent(_OFTEN)} on",
    )


def _told_videos(run: CourseRun) -> Sequence[Video]:
    part = run.videos
    if isinstance(part, Absent):
        return ()
    return [video for video in part.videos if video.measured >= LEARNERS_MIN]


def _left(run: CourseRun) -> Iterator[Finding]:
    """Find the video that is left earliest, in proportion to its length."""
    early = [
        (video.left_at / len(video.viewers_at), video)
        for video in _told_videos(run)
        if video.left_at is not None and video.left_at < _EARLY_SHARE * len(video.viewers_at)
    ]
    if not early:
        return
    _, video = min(early, key=lambda item: (item[0], -item[1].measured))
    assert video.left_at is not None
    left = 1 - ratio(int(video.viewers_at[video.left_at]), video.most)
    third = "a third" if left < 0.4 else _percent(left)
    yield Finding(
        "videos",
        f"Video {video.name} is left at {clock(video.left_at)} of {clock(video.length_s)} by {third} of its "
        f"viewers.",
        f"the video whose viewers fall below {LEFT_SHARE} of its most for good at the smallest share of its length, "
        f"before its last tenth",
    )


def _rewatched(run: CourseRun) -> Iterator[Finding]:
    """Find the stretch of a video that is watched again most."""
    found = [
        (int(video.views_at[one.first : one.end].sum()), int(video.viewers_at[one.first : one.end].sum()), one, video)
        for video in _told_videos(run)
        for one in video.rewatched
        if video.viewers_at[one.first : one.end].max() >= LEARNERS_MIN
    ]  # fmt: skip
    if not found:
        return
    views, viewers, one, video = max(found, key=lambda item: (item[0] / item[1], item[1]))
    yield Finding(
        "videos",
        f"Video {video.name} is watched again from {clock(one.first)} to {clock(one.end)}: "
        f"{views / viewers:.1f} times by each of its viewers.",
        "the stretch with the most views a viewer",
    )


def _left_course(run: CourseRun) -> Iterator[Finding]:
    """Say who has left, and when most did."""
    part = run.enrolments
    if isinstance(part, Absent) or part.ever < LEARNERS_MIN or not part.left.any():
        return
    left, week = int(part.left.sum()), int(part.left.argmax())
    yield Finding(
        "enrolments",
        f"{left:,} learner{' has' if left == 1 else 's have'} left, {int(part.left[week]):,} of them in the week of "
        f"{part.weeks.labels[week]}; {part.current:,} are enrolled.",
        "all that left within the weeks shown, and the week with most of them",
    )


def _standing(run: CourseRun) -> Iterator[Finding]:
    """Say how many of those who were judged have passed."""
    part = run.grades
    if isinstance(part, Absent):
        return
    judged = (part.passed or 0) + (part.failed or 0)
    if part.passed is not None and judged >= LEARNERS_MIN:
        yield Finding(
            "grades",
            f"{_percent(part.passed / judged)} of the {judged:,} learners who passed or failed have passed.",
            "the latest that is known of each learner",
        )
    elif part.graded >= LEARNERS_MIN:
        yield Finding(
            "grades",
            f"Half of the {part.graded:,} graded learners have a grade up to {part.median:.2f} of {part.top:g}.",
            "the median of each learner's latest grade",
        )


def _discussion(run: CourseRun) -> Iterator[Finding]:
    """Say what share of the active learners writes."""
    part, active = run.discussion, run.engagement
    if isinstance(part, Absent) or isinstance(active, Absent) or part.posters is None:
        return
    if active.learners < LEARNERS_MIN:
        return
    share = _percent(part.posters / active.learners)
    yield Finding(
        "discussion",
        f"{share} of the {active.learners:,} active learners have written in the discussions ({part.posters:,}).",
        "who posted at least once, of all who were active",
    )


_RULES: Final[tuple[Callable[[CourseRun], Iterator[Finding]], ...]] = (
    _active, _section, _problem, _left, _rewatched, _wrong_answer, _left_course, _standing, _discussion,
)  # fmt: skip
