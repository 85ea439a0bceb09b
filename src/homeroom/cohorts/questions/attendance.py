"""Questions about days of activity: who came back, and when."""

import re
from typing import Any, ClassVar, Final, Literal, TypeAlias

from homeroom.cohorts.questions.conditions import Condition, listed, plain_conditions
from homeroom.cohorts.questions.question import Interval, Question
from homeroom.errors import QuestionError
from homeroom.limits import PERIODS_MAX

__all__ = ["ATTENDANCE", "Active", "Align", "Lifecycle", "Match", "Mode", "Retention", "Stickiness"]

Mode: TypeAlias = Literal["first-time", "recurring"]
Match: TypeAlias = Literal["on", "on-or-after"]
Align: TypeAlias = Literal["calendar", "enrolment", "course-start"]


class Retention(Question, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="retention"):
    """Of those who did something in one period, how many did something in later ones.

    Parameters
    ----------
    interval : the period
    mode : ``first-time`` puts a learner in the group of the period of its first entry behaviour ever; ``recurring``
        in that of every period in which it did the entry behaviour
    match : ``on`` counts who returned in just that period, ``on-or-after`` who returned in it or any later one shown
    entry, returning : the two behaviours, as conditions on events; empty is any activity
    brackets : columns of several periods, such as ``((1, 1), (2, 7), (8, 30))``; column 0 is always the group
    align : ``calendar``; or course time: periods since the ``enrolment`` or since the run began (``course-start``)
    """

    name: ClassVar[str] = "retention"

    interval: Interval = "week"
    mode: Mode = "first-time"
    match: Match = "on"
    entry: tuple[Condition, ...] = ()
    returning: tuple[Condition, ...] = ()
    brackets: tuple[tuple[int, int], ...] = ()
    align: Align = "calendar"

    def check(self) -> None:
        """Raise `QuestionError` naming what makes no sense and what is allowed."""
        super().check()
        last = 0
        for first, end in self.brackets:
            if first <= last or end < first:
                written = str(first) if first == end else f"{first}-{end}"
                raise QuestionError(
                    f"brackets holds {written} after {last}; each must begin after the one before it ends, from 1, "
                    f"such as 1, 2-7, 8-30"
                )
            last = end
        if last > PERIODS_MAX:
            raise QuestionError(f"brackets holds {last}, must be at most {PERIODS_MAX} periods")
        if self.align != "calendar":
            if self.mode == "recurring" or self.entry:
                raise QuestionError(
                    f"align is {self.align}: course time has one start an enrolment, so mode must be "
                    f"first-time and entry empty"
                )
            if self.interval == "hour":
                raise QuestionError(
                    f"align is {self.align}: course time is counted in days, weeks or months"
                )

    @classmethod
    def plain(cls, written: dict[str, Any]) -> dict[str, Any]:
        """Bring what people write short to the plain data of the type. Raises `QuestionError`."""
        data = super().plain(written)
        for field in ("entry", "returning"):
            if field in data:
                data[field] = plain_conditions(field, data[field])
        if "brackets" in data:
            data["brackets"] = [_bracket(item) for item in listed("brackets", data["brackets"])]
        return data

    def conditions(self) -> dict[str, tuple[Condition, ...]]:
        """Return all conditions of the question itself, by where they stand."""
        return {"filters": self.filters, "entry": self.entry, "returning": self.returning}


class Lifecycle(Question, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="lifecycle"):
    """New, returning, resurrecting and dormant learners by period."""

    name: ClassVar[str] = "lifecycle"

    interval: Interval = "week"


class Stickiness(Question, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="stickiness"):
    """Learners by the number of distinct periods of the range in which they were active."""

    name: ClassVar[str] = "stickiness"

    interval: Interval = "day"


class Active(Question, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="active"):
    """Active learners by day, week and month, and the ratios of the three."""

    name: ClassVar[str] = "active"


def _bracket(item: object) -> tuple[int, int]:
    if isinstance(item, str):
        match = re.fullmatch(r"\s*([0-9]+)\s*(?:[-–]\s*([0-9]+)\s*)?", item)
        if match:
            return int(match[1]), int(match[2] or match[1])
    elif (
        isinstance(item, list | tuple) and len(item) == 2 and all(isinstance(i, int) for i in item)
    ):
        return int(item[0]), int(item[1])
    raise QuestionError(f"brackets holds {item!r}; write 1, 2-7 or 8-30")


ATTENDANCE: Final[tuple[type[Question], ...]] = (Retention, Lifecycle, Stickiness, Active)
"""The questions of who was there."""
