"""The question of who is at risk: enrolled, was there, has gone quiet, and has not passed."""

from typing import Any, ClassVar, Final, Literal, TypeAlias, get_args

from homeroom import limits
from homeroom.cohorts.questions.conditions import FLAG_FIELDS, NUMBER_FIELDS, TEXT_FIELDS
from homeroom.cohorts.questions.question import Question
from homeroom.errors import QuestionError

__all__ = ["BEYOND", "AtRisk", "RiskSort", "Unless"]

Unless: TypeAlias = Literal["passed", "completed", "failed"]
RiskSort: TypeAlias = Literal["recently-lost", "longest-quiet", "most-active", "course"]
BEYOND: Final = ("video", "problem", "reading", "forum", "live")
"""Tracks that lie beyond the front page of a course run."""
_ANY, _NONE = "any", "none"


class AtRisk(Question, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="at-risk"):
    """Enrolments at risk at the end of the date of ``as_of``: how many, in which course runs, and which.

    Parameters
    ----------
    quiet_days : so many dates, that of ``as_of`` included, without any activity in the course run
    beyond : whoever was active in one of these tracks went beyond the front page; empty: every activity does
    unless : what keeps an enrolment from being at risk
    weeks : the trend goes back to the ends of so many weeks; 0 is no trend
    sort : the order of the list
    limit : enrolments of the list that are shown; a table (CSV, Arrow) has all
    suppress_below : counts from 1 up to this, excluded, are not told, and neither are those whose rest is so small
    """

    name: ClassVar[str] = "at-risk"

    quiet_days: int = 7
    beyond: tuple[str, ...] = BEYOND
    unless: tuple[Unless, ...] = ("passed", "completed")
    weeks: int = 12
    sort: RiskSort = "recently-lost"
    limit: int = 20
    suppress_below: int = 0

    @classmethod
    def plain(cls, written: dict[str, Any]) -> dict[str, Any]:
        """Bring what people write short (``"video,problem"``, ``"any"``, ``"none"``) to the plain data of the type."""
        data = super().plain(written)
        for field, nothing in (("beyond", _ANY), ("unless", _NONE)):
            if isinstance(data.get(field), str):
                data[field] = [part.strip() for part in data[field].split(",")]
            if data.get(field) == [nothing]:
                data[field] = []
        unless = data.get("unless")
        for one in unless if isinstance(unless, list | tuple) else ():
            if one not in get_args(Unless):
                raise QuestionError(
                    f"unless holds {one!r}; it may hold {', '.join(get_args(Unless))}, or be none"
                )
        return data

    def check(self) -> None:
        """Raise `QuestionError` naming what makes no sense and what is allowed."""
        super().check()
        bounds = {
            "quiet_days": (1, limits.WINDOW_DAYS_MAX),
            "weeks": (0, limits.RISK_WEEKS_MAX),
            "limit": (0, limits.RISK_ROWS_MAX),
            "suppress_below": (0, limits.COUNT_MAX),
        }
        for field, (low, high) in bounds.items():
            if not low <= getattr(self, field) <= high:
                raise QuestionError(
                    f"{field} is {getattr(self, field)}, must be from {low} to {high:,}"
                )
        if self.from_ or self.to:
            raise QuestionError(
                "at-risk is about one date: give it with as_of, and say with weeks how far the trend goes back"
            )
        for condition in self.filters:
            self._check_filtered(f"filter {condition}", condition.field)
        if self.breakdown is not None:
            self._check_filtered("breakdown", self.breakdown)

    def _check_filtered(self, place: str, field: str) -> None:
        if field != "course" and field in (*TEXT_FIELDS, *NUMBER_FIELDS, *FLAG_FIELDS):
            raise QuestionError(
                f"{place}: {field} is of single events, and at-risk looks at enrolments; choose course or an "
                f"attribute of the learner (what counts as activity is said by beyond)"
            )
