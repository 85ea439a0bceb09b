"""Questions about cohorts themselves: who is in them, how they grow, how they overlap, why a learner is in one."""

import datetime as dt
from typing import Any, ClassVar

from homeroom import limits
from homeroom.cohorts.questions.question import Interval, Question
from homeroom.errors import QuestionError

__all__ = ["CohortSize", "Learner", "MemberList", "Overlap"]


class Belonging(Question, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="belonging"):
    """What questions about cohorts have in common.

    Parameters
    ----------
    suppress_below : counts from 1 up to this, excluded, are not told, and neither are those whose rest is so small
    """

    suppress_below: int = 0

    def check(self) -> None:
        """Raise `QuestionError` naming what makes no sense and what is allowed."""
        super().check()
        if self.filters or self.breakdown is not None or self.compare:
            raise QuestionError(
                f"{self.name} is about cohorts as they are defined; filters, breakdown and compare have no place in it"
            )
        if not 0 <= self.suppress_below <= limits.COUNT_MAX:
            raise QuestionError(
                f"suppress_below is {self.suppress_below}, must be from 0 to {limits.COUNT_MAX:,}"
            )

    def _check_named(self) -> None:
        if self.cohort is None:
            raise QuestionError(
                f"{self.name} needs a cohort; name it (--cohort NAME), or define one"
            )


class MemberList(Belonging, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="members"):
    """The members of a cohort, as pseudonyms."""

    name: ClassVar[str] = "members"

    def check(self) -> None:
        """Raise `QuestionError` naming what makes no sense and what is allowed."""
        super().check()
        self._check_named()


class CohortSize(Belonging, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="cohort"):
    """The size of a cohort at the end of every period, and who entered and left between two dates.

    Parameters
    ----------
    interval : the periods; a cohort has no size by the hour
    changed : two dates; who was not in the cohort at the end of the first and was at the end of the second has
        entered. Absent means no such comparison
    """

    name: ClassVar[str] = "cohort"

    interval: Interval = "week"
    changed: tuple[dt.date, dt.date] | None = None

    @classmethod
    def plain(cls, written: dict[str, Any]) -> dict[str, Any]:
        """Bring what people write short to the plain data of the type."""
        data = super().plain(written)
        if isinstance(data.get("changed"), str):
            data["changed"] = [part.strip() for part in data["changed"].split(",")]
        return data

    def check(self) -> None:
        """Raise `QuestionError` naming what makes no sense and what is allowed."""
        super().check()
        self._check_named()
        if self.interval == "hour":
            raise QuestionError(
                "interval is hour: a cohort is what it is at the end of a date; take days"
            )
        if self.changed is not None and self.changed[0] >= self.changed[1]:
            raise QuestionError(
                f"changed is {self.changed[0]} to {self.changed[1]}; the first date must be earlier"
            )


class Overlap(Belonging, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="overlap"):
    """How many learners cohorts share: two by two, and by the exact set of cohorts that a learner is in.

    ``cohorts`` are their names; empty means all that are defined.
    """

    name: ClassVar[str] = "overlap"

    cohorts: tuple[str, ...] = ()

    @classmethod
    def plain(cls, written: dict[str, Any]) -> dict[str, Any]:
        """Bring what people write short to the plain data of the type."""
        data = super().plain(written)
        if isinstance(data.get("cohorts"), str):
            data["cohorts"] = [part.strip() for part in data["cohorts"].split(",")]
        return data

    def cohorts_named(self) -> tuple[str, ...]:
        """Return the names of all cohorts that the question names."""
        if not self.cohorts and self.definitions is not None:
            return tuple(cohort.name for cohort in self.definitions.cohorts)
        return self.cohorts

    def check(self) -> None:
        """Raise `QuestionError` naming what makes no sense and what is allowed."""
        super().check()
        if self.cohort is not None:
            raise QuestionError(
                "overlap is about several cohorts; name them in cohorts, and leave cohort out"
            )
        named = self.cohorts_named()
        if not 2 <= len(named) <= limits.OVERLAP_COHORTS_MAX or len(set(named)) < len(named):
            raise QuestionError(
                f"cohorts names {len(named)} cohorts, must be from 2 to {limits.OVERLAP_COHORTS_MAX} different ones"
            )


class Learner(Belonging, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="learner"):
    """Which of the defined cohorts one learner is in, with the reason for each. ``learner`` is its pseudonym."""

    name: ClassVar[str] = "learner"

    learner: str = ""

    def check(self) -> None:
        """Raise `QuestionError` naming what makes no sense and what is allowed."""
        super().check()
        if self.cohort is not None:
            raise QuestionError("learner looks at all cohorts that are defined; leave cohort out")
        if len(self.learner) != 32 or not set(self.learner.lower()) <= set("0123456789abcdef"):
            raise QuestionError(
                f"learner is {self.learner!r}, which is no pseudonym; one has 32 hexadecimal digits"
            )
        if self.definitions is None or not self.definitions.cohorts:
            raise QuestionError(
                "learner needs definitions of cohorts (--cohorts FILE, definitions=)"
            )
