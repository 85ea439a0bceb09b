"""What is true of generated learners, worked out from the numbers that they were generated from.

No text, file, column, kernel or cohort of ours is used here: a flag for each learner and day, and for each learner and
course run what an enrolment is judged by, in plain NumPy. So a mistake on the way from an event to an answer cannot be
in both. It costs a byte a learner and day, and a second a question at five million learners; that is why answers are
compared after a run and not beside it.
"""

import copy
from collections.abc import Iterable, Mapping
from typing import Any, Final, TypeAlias

import numpy as np
import numpy.typing as npt

from homeroom.events.model import Int64s
from homeroom.simulation.curriculum import ACTIVITIES, Kind
from homeroom.simulation.sessions import Events

__all__ = ["Truth"]

_DAY_MS: Final = 86_400_000
_WEEK: Final = 7
_QUIET_DAYS: Final = 7
_BEYOND: Final = (Kind.PLAYED, Kind.PAUSED, Kind.ANSWERED, Kind.POSTED)
"""What is beyond the front page. The files tell no types of activities, so a page that is viewed might be that page,
and what was completed is a standing and no track."""
_NEVER: Final = -(1 << 14)
_Flags: TypeAlias = npt.NDArray[np.bool_]


class Truth:
    """Learners over ``days`` of history, and today.

    Parameters
    ----------
    learners, courses : how many
    days : of history; day ``days`` is today
    """

    def __init__(self, learners: int, courses: int, days: int) -> None:
        self._learners, self._courses, self._days = learners, courses, days
        self._active: _Flags = np.zeros((days + 1, learners), np.bool_)
        enrolments = courses * learners
        self._last = np.full(enrolments, _NEVER, np.int16)
        self._beyond: _Flags = np.zeros(enrolments, np.bool_)
        self._done: _Flags = np.zeros(enrolments, np.bool_)

    def add_history(self, events: Events, start_ms: int) -> None:
        """Add events of before today, whose world begins at ``start_ms``."""
        day = (events["time_ms"] - start_ms) // _DAY_MS
        # A visit may go on past the last midnight: that is today already.
        self._active[np.minimum(day, self._days), events["learner"]] = True
        course = events["activity"].astype(np.int64) // ACTIVITIES
        place = course * self._learners + events["learner"]
        np.maximum.at(self._last, place, day.astype(np.int16))
        kind = events["kind"]
        self._beyond[place[np.isin(kind, _BEYOND)]] = True
        self._done[place[kind == Kind.PASSED]] = True

    def arrive(self, learner: Int64s, course: Int64s) -> None:
        """Add a batch of today: learners who played a video, each in a course run."""
        place = course * self._learners + learner
        self._active[self._days, learner] = True
        self._last[place] = self._days
        self._beyond[place] = True

    def with_arrived(self, batches: Iterable[tuple[Int64s, Int64s]]) -> "Truth":
        """Return the truth after batches have arrived; this one stays as it is."""
        other = copy.deepcopy(self)
        for learner, course in batches:
            other.arrive(learner, course)
        return other

    # --- answers -----------------------------------------------------------------------------------------------------

    def answer(self, part: str, rules: Mapping[str, Any]) -> Any:  # noqa: ANN401 - plain data, by part
        """Return the answer to a part of the analysis set, as plain data."""
        if part == "cohorts":
            return self.cohorts(rules)
        return {"triangle": self.triangle, "lifecycle": self.lifecycle, "at risk": self.at_risk}[
            part
        ]()

    def learners(self) -> int:
        """Return how many learners have ever come."""
        return int(self._active.any(axis=0).sum())

    def _weeks(self) -> _Flags:
        """Return who was active in which week, of shape (weeks, learners)."""
        starts = range(0, self._days + 1, _WEEK)
        return np.stack([self._active[day : day + _WEEK].any(axis=0) for day in starts])

    def triangle(self) -> list[list[int]]:
        """Return retention by week: of those who first came in week p, who came k weeks later."""
        weeks = self._weeks()
        first = np.where(weeks.any(axis=0), weeks.argmax(axis=0), -1)
        return [
            [int((weeks[later] & (first == week)).sum()) for later in range(week, len(weeks))]
            for week in range(len(weeks))
        ]

    def lifecycle(self) -> list[list[int]]:
        """Return by week who is new, returning, resurrecting, dormant."""
        weeks, found = self._weeks(), []
        nobody = np.zeros(self._learners, np.bool_)
        ever = nobody.copy()
        for week in range(len(weeks)):
            now, last = weeks[week], weeks[week - 1] if week else nobody
            stages = (now & ~ever, now & last, now & ever & ~last, last & ~now)
            found.append([int(stage.sum()) for stage in stages])
            ever |= now
        return found

    def at_risk(self) -> int:
        """Return how many enrolments are at risk today."""
        quiet = self._last <= self._days - _QUIET_DAYS
        return int((self._beyond & quiet & ~self._done).sum())

    def cohorts(self, rules: Mapping[str, Any]) -> dict[str, int]:
        """Return the sizes of the cohorts that `homeroom.proving.analysis.cohort_rules` defines."""
        return {name: int(self._members(rule).sum()) for name, rule in rules.items()}

    def _members(self, rule: Mapping[str, Any]) -> _Flags:
        def last_days(text: str) -> _Flags:
            return self._active[max(self._days + 1 - int(text.removesuffix("d")), 0) :]

        def before(text: str) -> _Flags:
            end = max(self._days + 1 - int(text.removesuffix("d")), 0)
            return np.asarray(self._active[:end].any(axis=0))

        if "did" in rule:
            enough: _Flags = np.asarray(last_days(rule["within"]).sum(axis=0) >= rule["at_least"])
            return enough
        if "stopped" in rule:
            return np.asarray(before(rule["quiet"]) & ~last_days(rule["quiet"]).any(axis=0))
        return np.asarray(~before(rule["within"]) & last_days(rule["within"]).any(axis=0))
