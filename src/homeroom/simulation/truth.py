"""What a generated log holds, counted while it is made.

An analyzer that reads the log must find these figures. They are counted from the events as numbers, before any text
or file exists, so that a mistake in a codec, a dictionary or a join cannot hide in both.
"""

import dataclasses
import datetime as dt
from typing import TYPE_CHECKING, Any

import numpy as np

from homeroom.simulation.curriculum import ACTIVITIES, VERBS, Kind, course_name

if TYPE_CHECKING:
    from homeroom.simulation.world import Block, LearnerWorld

__all__ = ["Tally"]

_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)


class Tally:
    """Counts blocks as they go by; holds one byte a learner."""

    def __init__(self, world: "LearnerWorld") -> None:
        self._world = world
        self._seen = np.zeros(world.learners, np.bool_)
        self._kinds = np.zeros(len(VERBS), np.int64)
        self._courses = np.zeros(world.courses, np.int64)
        self._rows = 0
        self._repeats = 0
        self._late = 0
        self._first_ms = np.iinfo(np.int64).max
        self._last_ms = np.iinfo(np.int64).min

    def add(self, block: "Block") -> None:
        """Count a block."""
        events = block.events
        copies = events[block.repeated]
        self._rows += len(events)
        self._repeats += len(copies)
        self._late += int(events["late"].sum()) - int(copies["late"].sum())
        self._seen[events["learner"]] = True
        for sign, lines in ((1, events), (-1, copies)):
            self._kinds += sign * np.bincount(lines["kind"], minlength=len(self._kinds))
            course = lines["activity"] // ACTIVITIES
            self._courses += sign * np.bincount(course, minlength=len(self._courses))
        self._first_ms = min(self._first_ms, int(events["time_ms"].min()))
        self._last_ms = max(self._last_ms, int(events["time_ms"].max()))

    def to_json(self) -> dict[str, Any]:
        """Return the figures as JSON-ready data.

        ``rows`` are the lines, ``events`` the different ones, ``repeats`` the copies; everything below is counted
        over ``events``. ``learners`` have at least one, ``late`` were reported a day or more after they happened.
        """
        by_verb: dict[str, int] = {}
        for verb, count in zip(VERBS, self._kinds.tolist(), strict=True):
            by_verb[verb] = by_verb.get(verb, 0) + count
        return {
            "world": {**dataclasses.asdict(self._world), "start": self._world.start.isoformat()},
            "rows": self._rows,
            "events": self._rows - self._repeats,
            "repeats": self._repeats,
            "late": self._late,
            "learners": int(self._seen.sum()),
            "first_time": _iso(self._first_ms),
            "last_time": _iso(self._last_ms),
            "enrolled": int(self._kinds[Kind.REGISTERED]),
            "passed": int(self._kinds[Kind.PASSED]),
            "by_verb": by_verb,
            "by_course": {course_name(c): int(n) for c, n in enumerate(self._courses) if n},
        }


def _iso(time_ms: int) -> str:
    instant = _EPOCH + dt.timedelta(milliseconds=time_ms)
    return instant.isoformat(timespec="milliseconds").replace("+00:00", "Z")
