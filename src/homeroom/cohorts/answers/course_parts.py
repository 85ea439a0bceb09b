"""The parts of a course report, each with its counts; what follows from counts is derived from them.

A part that the data cannot answer is an `Absent` with the reason in words: it is never drawn as nought.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from homeroom.cohorts.answers.answer import Counts, Flags, number

__all__ = [
    "SHARES",
    "Absent",
    "Discussion",
    "Engagement",
    "Enrolments",
    "Grades",
    "Page",
    "Row",
    "Section",
    "Weeks",
    "clock",
    "ratio",
    "tenths",
]

SHARES: Final = 10
"""Tenths in which shares (watched, grades, progress) are counted."""


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


def tenths(name: str | None, measure: str, counts: Counts) -> Iterator[Row]:
    """Give a row a tenth of a scale."""
    for place, count in enumerate(counts.tolist()):
        yield name, measure, f"{place * 10}-{place * 10 + 10}%", count


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
            yield from tenths(None, "grades", self.grades)
        if self.progress.any():
            yield from tenths(None, "progress", self.progress)
            yield None, "mean_progress", None, self.mean_progress
