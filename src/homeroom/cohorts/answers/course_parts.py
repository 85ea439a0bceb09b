"""The parts of a course report, each with its counts; what follows from counts is derived from them.

A part that the data cannot answer is an `Absent` with the reason in words: it is never drawn as nought.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from homeroom.cohorts.answers.answer import Counts, Flags, number

__all__ = [
    "LEFT_SHARE",
    "REWATCHED_RATE",
    "SHARES",
    "SKIPPED_SHARE",
    "STRETCH_SECONDS_MIN",
    "Absent",
    "Discussion",
    "Engagement",
    "Enrolments",
    "Given",
    "Grades",
    "Page",
    "Problem",
    "Problems",
    "Section",
    "Stretch",
    "Video",
    "Videos",
    "Weeks",
    "clock",
    "ratio",
]

SHARES: Final = 10
"""Tenths in which shares (watched, grades, progress) are counted."""
SKIPPED_SHARE: Final = 0.5
"""A second with fewer viewers than this share of the video's most is skipped."""
REWATCHED_RATE: Final = 1.25
"""A second with at least so many views a viewer is rewatched."""
LEFT_SHARE: Final = Fraction(2, 3)
"""A video is left where its viewers fall below this share of its most for good."""
STRETCH_SECONDS_MIN: Final = 5
"""Shorter stretches are not told."""


def ratio(part: float, whole: float) -> float:
    """Return a share, NaN of nothing."""
    return part / whole if whole else float("nan")


def clock(seconds: float) -> str:
    """Write a position in a video: ``3:20``, ``1:03:20``."""
    hours, rest = divmod(int(seconds), 3600)
    if hours:
        return f"{hours}:{rest // 60:02}:{rest % 60:02}"
    return f"{rest // 60}:{rest % 60:02}"


@dataclass(frozen=True, slots=True)
class Absent:
    """A part that the data cannot answer, and why."""

    reason: str

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON-ready data."""
        return {"absent": self.reason}

    def rows(self) -> Iterator[tuple[str | None, str, str | None, float]]:
        """Give no rows: what is absent has no number."""
        yield from ()


Row = tuple[str | None, str, str | None, float]
"""A number of a part in a long table: item, measure, place (a week, a second, an answer), value."""


@dataclass(frozen=True, slots=True)
class Weeks:
    """The weeks of a course run: ISO date of each one's first day, and which have ended."""

    labels: tuple[str, ...]
    complete: Flags

    def rows(self, measure: str, counts: npt.NDArray[Any]) -> Iterator[Row]:
        """Give a row a week."""
        for label, count in zip(self.labels, counts.tolist(), strict=True):
            yield None, measure, label, count


@dataclass(frozen=True, slots=True)
class Enrolments:
    """Who joined and who left, int64 by week.

    ``current`` are in at the end, ``again`` joined again within the weeks, ``ever`` joined up to their end.
    """

    weeks: Weeks
    enrolled: Counts
    left: Counts
    current: int
    again: int
    ever: int

    @property
    def net(self) -> Counts:
        """Enrolled less left, by week."""
        return self.enrolled - self.left

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON-ready data."""
        return {
            "enrolled": self.enrolled.tolist(),
            "left": self.left.tolist(),
            "net": self.net.tolist(),
            "current": self.current,
            "again": self.again,
            "ever": self.ever,
        }

    def rows(self) -> Iterator[Row]:
        """Give the numbers as rows."""
        for measure in ("enrolled", "left", "net"):
            yield from self.weeks.rows(measure, getattr(self, measure))
        for measure in ("current", "again", "ever"):
            yield None, measure, None, getattr(self, measure)


@dataclass(frozen=True, slots=True)
class Section:
    """A section: its learners and visits, who came this far or further, and who went no further and is quiet."""

    name: str
    learners: int
    visits: int
    reached: int
    stopped: int


@dataclass(frozen=True, slots=True)
class Page:
    """An activity: its learners and visits."""

    name: str
    learners: int
    visits: int


@dataclass(frozen=True, slots=True)
class Engagement:
    """Active learners by week (int64), sections in course order, activities with those of most learners first.

    ``learners`` are all who were active. ``sections`` is `Absent` where no event tells one; ``pages_left_out`` and
    ``sections_left_out`` count what is not told one by one.
    """

    weeks: Weeks
    active: Counts
    learners: int
    sections: tuple[Section, ...] | Absent
    pages: tuple[Page, ...] | Absent
    sections_left_out: int = 0
    pages_left_out: int = 0

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON-ready data."""
        return {
            "active": self.active.tolist(),
            "learners": self.learners,
            "sections": self._listed(self.sections, ("reached", "stopped")),
            "sections_left_out": self.sections_left_out,
            "pages": self._listed(self.pages),
            "pages_left_out": self.pages_left_out,
        }

    def _listed(
        self, items: Sequence[Section | Page] | Absent, more: Sequence[str] = ()
    ) -> dict[str, Any] | list[dict[str, Any]]:
        if isinstance(items, Absent):
            return items.to_json()
        return [
            {
                "name": item.name,
                "learners": item.learners,
                "share": number(ratio(item.learners, self.learners)),
                "visits": item.visits,
                **{name: getattr(item, name) for name in more},
            }
            for item in items
        ]

    def rows(self) -> Iterator[Row]:
        """Give the numbers as rows."""
        yield from self.weeks.rows("active", self.active)
        yield None, "learners", None, self.learners
        for kind, items, measures in (
            ("section", self.sections, ("learners", "visits", "reached", "stopped")),
            ("page", self.pages, ("learners", "visits")),
        ):
            for item in () if isinstance(items, Absent) else items:
                for measure in measures:
                    yield item.name, f"{kind} {measure}", None, getattr(item, measure)


@dataclass(frozen=True, slots=True)
class Stretch:
    """Seconds ``first`` up to ``end``, excluded, of a video."""

    first: int
    end: int


@dataclass(frozen=True, slots=True)
class Video:
    """What was watched of a video.

    Parameters
    ----------
    name : the activity
    length_s : its length; NaN where neither a length nor a position is known
    viewers, plays : learners who played it, and how often it was played
    completed : viewers who completed it
    measured, segments, unclosed : viewers of whom a played segment is known, such segments, and those of unknown end
    covered_s : different seconds that the measured viewers watched, all together
    watched : int64 (10,), measured viewers by tenth of the video that they watched
    viewers_at, views_at : int64 by second: learners who watched it, and how often it was watched
    """

    name: str
    length_s: float
    viewers: int
    plays: int
    completed: int
    measured: int
    segments: int
    unclosed: int
    covered_s: int
    watched: Counts
    viewers_at: Counts
    views_at: Counts

    @property
    def watched_share(self) -> float:
        """Mean share of the video that a measured viewer watched, NaN if there is none."""
        return ratio(self.covered_s, self.measured * len(self.viewers_at))

    @property
    def most(self) -> int:
        """Viewers of the second that most watched."""
        return int(self.viewers_at.max(initial=0))

    @property
    def skipped(self) -> tuple[Stretch, ...]:
        """Stretches that fewer than half of the most watched, with more viewers after them."""
        low = self.viewers_at < SKIPPED_SHARE * self.most
        return tuple(one for one in _stretches(low) if one.end < len(low))

    @property
    def rewatched(self) -> tuple[Stretch, ...]:
        """Stretches with at least one view and a quarter a viewer."""
        return _stretches((self.views_at >= REWATCHED_RATE * self.viewers_at) & (self.views_at > 0))

    @property
    def left_at(self) -> int | None:
        """The second from which on fewer than two thirds of the most are left, None if that many stay to the end."""
        least = LEFT_SHARE.numerator * self.most
        stay = np.flatnonzero(LEFT_SHARE.denominator * self.viewers_at >= least)
        if not self.most or stay[-1] == len(self.viewers_at) - 1:
            return None
        return int(stay[-1]) + 1

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON-ready data."""
        return {
            "name": self.name,
            "length_s": number(self.length_s),
            "viewers": self.viewers,
            "plays": self.plays,
            "completed": self.completed,
            "completion": number(ratio(self.completed, self.viewers)),
            "measured": self.measured,
            "segments": self.segments,
            "unclosed": self.unclosed,
            "watched_share": number(self.watched_share),
            "watched": self.watched.tolist(),
            "viewers_at": self.viewers_at.tolist(),
            "views_at": self.views_at.tolist(),
            "skipped": [[one.first, one.end] for one in self.skipped],
            "rewatched": [[one.first, one.end] for one in self.rewatched],
            "left_at": self.left_at,
        }

    def rows(self) -> Iterator[Row]:
        """Give the numbers as rows."""
        for measure in ("viewers", "plays", "completed", "measured", "segments", "unclosed"):
            yield self.name, measure, None, getattr(self, measure)
        for measure in ("length_s", "watched_share"):
            yield self.name, measure, None, getattr(self, measure)
        yield from _tenths(self.name, "watched", self.watched)
        for measure in ("viewers_at", "views_at"):
            for second, count in enumerate(getattr(self, measure).tolist()):
                yield self.name, measure, str(second), count


def _stretches(chosen: Flags) -> tuple[Stretch, ...]:
    edges = np.flatnonzero(np.diff(np.concatenate([[False], chosen, [False]])))
    pairs = zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True)
    return tuple(Stretch(a, b) for a, b in pairs if b - a >= STRETCH_SECONDS_MIN)


def _tenths(name: str | None, measure: str, counts: Counts) -> Iterator[Row]:
    for place, count in enumerate(counts.tolist()):
        yield name, measure, f"{place * 10}-{place * 10 + 10}%", count


@dataclass(frozen=True, slots=True)
class Videos:
    """The videos of a course run, those of most learners first.

    ``has_positions`` says whether any event tells where in its video it happened; without it nothing is known by
    second.
    """

    videos: tuple[Video, ...]
    has_positions: bool = True
    left_out: int = 0

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON-ready data."""
        return {
            "videos": [video.to_json() for video in self.videos],
            "positions_known": self.has_positions,
            "left_out": self.left_out,
        }

    def rows(self) -> Iterator[Row]:
        """Give the numbers as rows."""
        for video in self.videos:
            yield from video.rows()


@dataclass(frozen=True, slots=True)
class Given:
    """An answer that was given to a problem: how often, and how often it was right and wrong."""

    answer: str
    count: int
    right: int
    wrong: int


@dataclass(frozen=True, slots=True)
class Problem:
    """How learners did at a problem.

    Parameters
    ----------
    name : the activity
    learners, attempts : who tried it, and how often
    first_known, first_right : learners whose first attempt has a known result, and those for whom it was right
    known, ever_right : learners with any known result, and those who were right at some time
    to_right : attempts up to the first right one, of all who were ever right together
    duration_ms : median time of an attempt, -1 where none tells it
    score : mean of the learners' last scores, NaN where none has one
    answers : what was answered, the most frequent first; ``other_answers`` counts answers that are not told
    """

    name: str
    learners: int
    attempts: int
    first_known: int
    first_right: int
    known: int
    ever_right: int
    to_right: int
    duration_ms: int = -1
    score: float = float("nan")
    answers: tuple[Given, ...] = ()
    other_answers: int = 0

    @property
    def first_share(self) -> float:
        """Share of the known first attempts that were right."""
        return ratio(self.first_right, self.first_known)

    @property
    def ever_share(self) -> float:
        """Share of the learners with a known result who were ever right."""
        return ratio(self.ever_right, self.known)

    @property
    def mean_to_right(self) -> float:
        """Mean attempts up to the first right one."""
        return ratio(self.to_right, self.ever_right)

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON-ready data."""
        given = sum(one.count for one in self.answers) + self.other_answers
        return {
            "name": self.name,
            "learners": self.learners,
            "attempts": self.attempts,
            "first_known": self.first_known,
            "first_right": self.first_right,
            "first_share": number(self.first_share),
            "known": self.known,
            "ever_right": self.ever_right,
            "ever_share": number(self.ever_share),
            "mean_to_right": number(self.mean_to_right),
            "duration_ms": None if self.duration_ms < 0 else self.duration_ms,
            "score": number(self.score),
            "answers": [
                {
                    "answer": one.answer,
                    "count": one.count,
                    "share": one.count / given,
                    "right": one.right,
                    "wrong": one.wrong,
                }
                for one in self.answers
            ],
            "other_answers": self.other_answers,
        }

    def rows(self) -> Iterator[Row]:
        """Give the numbers as rows."""
        for measure in ("learners", "attempts", "first_known", "first_right", "known",
                        "ever_right", "mean_to_right", "score"):  # fmt: skip
            yield self.name, measure, None, getattr(self, measure)
        if self.duration_ms >= 0:
            yield self.name, "duration_ms", None, self.duration_ms
        for one in self.answers:
            yield self.name, "answers", one.answer, one.count
        if self.other_answers:
            yield self.name, "other answers", None, self.other_answers


@dataclass(frozen=True, slots=True)
class Problems:
    """The problems of a course run, those of most learners first."""

    problems: tuple[Problem, ...]
    left_out: int = 0

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON-ready data."""
        return {
            "problems": [problem.to_json() for problem in self.problems],
            "left_out": self.left_out,
        }

    def rows(self) -> Iterator[Row]:
        """Give the numbers as rows."""
        for problem in self.problems:
            yield from problem.rows()


@dataclass(frozen=True, slots=True)
class Discussion:
    """Who posted and who read, and by week posts and those who posted (int64).

    ``posters`` or ``readers`` is None where no event posts or reads at all: then nobody knows, and it is not nought.
    """

    weeks: Weeks
    posters: int | None
    readers: int | None
    posts: Counts
    posters_by_week: Counts

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON-ready data."""
        return {
            "posters": self.posters,
            "readers": self.readers,
            "posts": None if self.posters is None else self.posts.tolist(),
            "posters_by_week": None if self.posters is None else self.posters_by_week.tolist(),
        }

    def rows(self) -> Iterator[Row]:
        """Give the numbers as rows."""
        if self.readers is not None:
            yield None, "readers", None, self.readers
        if self.posters is not None:
            yield None, "posters", None, self.posters
            yield from self.weeks.rows("posts", self.posts)
            yield from self.weeks.rows("posters", self.posters_by_week)


@dataclass(frozen=True, slots=True)
class Grades:
    """Where learners stand: latest grades and progress by tenth of the scale, who completed, passed, failed.

    ``completed`` is None where no event completes the course run, ``passed`` and ``failed`` where none judges it.
    ``top`` is what grades count to (1, 100, or the highest grade); ``median`` and ``mean_progress`` are NaN where
    there is none.
    """

    completed: int | None
    passed: int | None
    failed: int | None
    grades: Counts = field(default_factory=lambda: np.zeros(SHARES, np.int64))
    top: float = 1.0
    median: float = float("nan")
    progress: Counts = field(default_factory=lambda: np.zeros(SHARES, np.int64))
    mean_progress: float = float("nan")

    @property
    def graded(self) -> int:
        """Learners with a grade."""
        return int(self.grades.sum())

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON-ready data."""
        return {
            "completed": self.completed,
            "passed": self.passed,
            "failed": self.failed,
            "graded": self.graded,
            "grades": self.grades.tolist(),
            "top": self.top,
            "median": number(self.median),
            "progress": self.progress.tolist(),
            "mean_progress": number(self.mean_progress),
        }

    def rows(self) -> Iterator[Row]:
        """Give the numbers as rows."""
        for measure in ("completed", "passed", "failed"):
            if getattr(self, measure) is not None:
                yield None, measure, None, getattr(self, measure)
        if self.graded:
            for measure in ("graded", "top", "median"):
                yield None, measure, None, getattr(self, measure)
            yield from _tenths(None, "grades", self.grades)
        if self.progress.any():
            yield from _tenths(None, "progress", self.progress)
            yield None, "mean_progress", None, self.mean_progress
