"""Which entries said anything of which part of a tenant: of a course run, an attribute, a learner.

To keep a vector for each of a million learners, and to join each anew with every fold, would cost more than folding.
The intuition: folds of a tenant are *steps* that are counted, and a part keeps the number of the last step that touched
it. Beside that, a step has what had touched the tenant as a whole by then. So what touched a part is what had touched
the tenant when the part last was: more than need be, never less. The node that folds it finds it out as soon as it
answers once more, and what another node has made counts here once that knew as much.

All of it is bounded. Learners share places by their keys, and who shares one is touched together. Of steps that lie
back some are dropped, and the next one takes their place: it has more in it.
"""

from bisect import bisect_left
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from homeroom import limits
from homeroom.events.model import Int32s, UInt64s
from homeroom.log.origins import Vector

__all__ = ["PartRead", "TouchedParts", "Written"]

_PLACE_SHIFT: Final = np.uint64(64 - limits.TOUCHED_LEARNER_BITS)


@dataclass(frozen=True, slots=True)
class Written:
    """What some events are about.

    Parameters
    ----------
    courses : codes of course runs, -1 where there is none
    learners : upper halves of the keys, those that they came under and those that they go under
    attributes : names
    """

    courses: Int32s
    learners: tuple[UInt64s, ...]
    attributes: frozenset[str]


@dataclass(frozen=True, slots=True)
class PartRead:
    """Part of a tenant, by what an answer depends on; ``learners`` are upper halves of keys."""

    courses: tuple[int, ...] = ()
    attributes: frozenset[str] = frozenset()
    learners: tuple[int, ...] = ()


class TouchedParts:
    """What touched the parts of one tenant; the thread that folds writes, any may ask.

    Parameters
    ----------
    began : what had touched the tenant when this began
    """

    def __init__(self, began: Vector) -> None:
        # Exchanged whole where steps are dropped. A vector is there before its number is.
        self._steps: tuple[list[int], list[Vector]] = [0], [began]
        self._now = 0
        self._whole = 0
        self._courses: npt.NDArray[np.int64] = np.zeros(0, np.int64)
        self._learners: Int32s = np.zeros(1 << limits.TOUCHED_LEARNER_BITS, np.int32)
        self._attributes: dict[str, int] = {}

    def events(self, touched: Vector, written: Iterable[Written]) -> None:
        """Take events; ``touched`` is what has touched the tenant by now, they included."""
        step = self._step(touched)
        for one in written:
            self._touch_courses(one.courses, step)
            for keys in one.learners:
                self._learners[keys >> _PLACE_SHIFT] = step
            self._attributes |= dict.fromkeys(one.attributes, step)

    def all(self, touched: Vector) -> None:
        """Take what may be about everything."""
        self._whole = self._step(touched)

    def of(self, part: PartRead) -> Vector:
        """Return what touched a part, or more."""
        courses, last = self._courses, self._whole
        for code in part.courses:
            if code < len(courses):
                last = max(last, int(courses[code]))
        for name in part.attributes:
            last = max(last, self._attributes.get(name, 0))
        for key in part.learners:
            last = max(last, int(self._learners[key >> int(_PLACE_SHIFT)]))
        numbers, vectors = self._steps
        return vectors[bisect_left(numbers, last)]

    def _step(self, touched: Vector) -> int:
        numbers, vectors = self._steps
        if len(numbers) >= limits.TOUCHED_STEPS_MAX:
            older = len(numbers) // 2
            numbers = [*numbers[1:older:2], *numbers[older:]]
            vectors = [*vectors[1:older:2], *vectors[older:]]
            self._steps = numbers, vectors
        self._now += 1
        vectors.append(touched)
        numbers.append(self._now)
        return self._now

    def _touch_courses(self, codes: Int32s, step: int) -> None:
        highest = int(codes.max(initial=-1))
        if highest >= len(self._courses):
            more = np.zeros(max(highest + 1, 2 * len(self._courses)), np.int64)
            more[: len(self._courses)] = self._courses
            self._courses = more
        self._courses[codes[codes >= 0]] = step
