"""What learners did with the videos and problems of a course run: counts, and what is derived from them."""

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Final

import numpy as np

from homeroom.cohorts.answers.answer import Counts, Flags, number
from homeroom.cohorts.answers.course_parts import Row, ratio, tenths

__all__ = [
    "LEFT_SHARE",
    "REWATCHED_RATE",
    "SKIPPED_SHARE",
    "STRETCH_SECONDS_MIN",
    "Given",
    "Problem",
    "Problems",
    "Stretch",
    "Video",
    "Videos",
]

SKIPPED_SHARE: Final = 0.5
"""A second with fewer viewers than this share of the video's most is skipped."""
REWATCHED_RATE: Final = 1.25
"""A second with at least so many views a viewer is rewatched."""
LEFT_SHARE: Final = Fraction(2, 3)
"""A video is left where its viewers fall below this share of its most for good."""
STRETCH_SECONDS_MIN: Final = 5
"""Shorter stretches are not told."""


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
        yield from tenths(self.name, "watched", self.watched)
        for measure in ("viewers_at", "views_at"):
            for second, count in enumerate(getattr(self, measure).tolist()):
                yield self.name, measure, str(second), count


def _stretches(chosen: Flags) -> tuple[Stretch, ...]:
    edges = np.flatnonzero(np.diff(np.concatenate([[False], chosen, [False]])))
    pairs = zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True)
    return tuple(Stretch(a, b) for a, b in pairs if b - a >= STRETCH_SECONDS_MIN)


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
