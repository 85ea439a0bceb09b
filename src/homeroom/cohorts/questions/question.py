"""What all questions have: a range, a zone, filters, a breakdown, and the instant up to which data are known."""

import datetime as dt
from collections.abc import Mapping
from typing import Any, ClassVar, Literal, TypeAlias

import msgspec

from homeroom.cohorts.questions.conditions import (
    FLAG_FIELDS,
    NUMBER_FIELDS,
    Condition,
    plain_conditions,
)
from homeroom.cohorts.questions.definitions import Definitions, checked, parse_definitions
from homeroom.cohorts.questions.zones import zone
from homeroom.errors import QuestionError
from homeroom.limits import TIME_MS_MAX, TIME_MS_MIN

__all__ = ["Interval", "Question", "WeekStart"]

Interval: TypeAlias = Literal["hour", "day", "week", "month"]
WeekStart: TypeAlias = Literal["monday", "sunday"]

_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_INSTANTS = tuple(_EPOCH + dt.timedelta(milliseconds=ms) for ms in (TIME_MS_MIN, TIME_MS_MAX - 1))
_DATES = tuple(instant.date() for instant in _INSTANTS)
"""No event is older or newer, so no question needs to be."""


class Question(
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
    rename={"from_": "from"},
    tag_field="question",
):
    """What all questions have.

    Parameters
    ----------
    from_, to : first and last date shown, both included, in the reporting zone; absent means as far as the data go
    timezone : the reporting zone (IANA name) in which periods are cut; absent means the zone of the data set
    week_start : first day of the week
    filters : conditions that an event (or, for an attribute, its learner) must meet to be seen at all
    breakdown : ``course``, ``track``, ``verb``, ``activity``, ``section``, ``answer``, ``standing`` or an attribute:
        one answer for each value
    cohort : the name of a cohort: only its members are seen, as they are at the end of the as-of instant's date
    compare : names of cohorts: one answer for each
    definitions : the cohorts that ``cohort`` and ``compare`` name
    as_of : the instant up to which the data are known, with a zone; absent means the newest event. A period that
        ends later is marked as not complete
    """

    name: ClassVar[str] = "question"

    from_: dt.date | None = None
    to: dt.date | None = None
    timezone: str | None = None
    week_start: WeekStart = "monday"
    filters: tuple[Condition, ...] = ()
    breakdown: str | None = None
    cohort: str | None = None
    compare: tuple[str, ...] = ()
    definitions: Definitions | None = None
    as_of: dt.datetime | None = None

    def check(self) -> None:
        """Raise `QuestionError` naming what makes no sense and what is allowed."""
        self._check_times()
        self._check_cohorts()
        if self.breakdown in (*NUMBER_FIELDS, *FLAG_FIELDS):
            raise QuestionError(
                f"breakdown is {self.breakdown}; break down by course, track, verb, activity, section, answer, "
                f"standing or an attribute of the learner"
            )
        for place, conditions in self.conditions().items():
            for condition in conditions:
                condition.check(place)

    @property
    def parted_by(self) -> str | None:
        """What the parts of the answer are values of: the breakdown, or ``cohort``; None if there are none."""
        return "cohort" if self.compare else self.breakdown

    def cohorts_named(self) -> tuple[str, ...]:
        """Return the names of all cohorts that the question names."""
        return (*(() if self.cohort is None else (self.cohort,)), *self.compare)

    def _check_cohorts(self) -> None:
        if self.compare and self.breakdown is not None:
            raise QuestionError(
                f"compare and breakdown ({self.breakdown}) both ask for parts; leave one of them out"
            )
        if len(set(self.compare)) < len(self.compare):
            raise QuestionError(f"compare names a cohort twice: {', '.join(self.compare)}")
        for name in self.cohorts_named():
            if self.definitions is None:
                raise QuestionError(
                    f"cohort {name!r} is not defined; give the definitions (--cohorts FILE, definitions=)"
                )
            self.definitions.cohort(name)
        if self.definitions is not None:
            checked(self.definitions)

    def _check_times(self) -> None:
        for name, date in (("from", self.from_), ("to", self.to)):
            if date is not None and not _DATES[0] <= date <= _DATES[1]:
                raise QuestionError(f"{name} is {date}, must be from {_DATES[0]} to {_DATES[1]}")
        if self.from_ and self.to and self.from_ > self.to:
            raise QuestionError(f"from is {self.from_}, after to, {self.to}; exchange them")
        if self.timezone is not None:
            zone(self.timezone)
        if self.as_of is None:
            return
        if self.as_of.tzinfo is None:
            raise QuestionError(
                f"as_of is {self.as_of.isoformat()} without a zone; add Z or an offset such as +02:00"
            )
        if not _INSTANTS[0] <= self.as_of <= _INSTANTS[1]:
            raise QuestionError(
                f"as_of is {self.as_of.isoformat()}, must be from {_DATES[0]} to {_DATES[1]}"
            )

    def conditions(self) -> dict[str, tuple[Condition, ...]]:
        """Return all conditions of the question itself, by where they stand; not those of its cohorts."""
        return {"filters": self.filters}

    @classmethod
    def plain(cls, written: dict[str, Any]) -> dict[str, Any]:
        """Bring what people write short (conditions as text) to the plain data of the type. Raises `QuestionError`."""
        data = dict(written)
        if "filters" in data:
            data["filters"] = plain_conditions("filters", data["filters"])
        written_out = data.get("definitions")
        if written_out is not None and not isinstance(written_out, Mapping | Definitions):
            raise QuestionError(
                f"definitions is {written_out!r}; it must be tables such as {{cohort = {{early = {{did = 'any'}}}}}}"
            )
        if isinstance(written_out, Mapping) and "cohorts" not in written_out:
            data["definitions"] = parse_definitions(written_out)
        elif isinstance(written_out, Mapping):
            data["definitions"] = _read_back(written_out)
        if isinstance(data.get("cohort"), Mapping):
            known = data.get("definitions") or Definitions()
            data["definitions"] = known.with_rule("cohort", data["cohort"])
            data["cohort"] = "cohort"
        if isinstance(data.get("compare"), str):
            data["compare"] = [name.strip() for name in data["compare"].split(",")]
        return data

    def to_dict(self) -> dict[str, Any]:
        """Write the question as plain data, without what is at its default; `parse_question` reads it back.

        Of the definitions, those that the question names are written.
        """
        used = self
        if self.definitions is not None:
            definitions = self.definitions.only(self.cohorts_named())
            used = msgspec.structs.replace(self, definitions=definitions)
        written: dict[str, Any] = msgspec.to_builtins(used)
        defaults = msgspec.to_builtins(type(self)())
        return {
            key: value
            for key, value in written.items()
            if key == "question" or value != defaults[key]
        }


def _read_back(written: Mapping[str, Any]) -> Definitions:
    """Read definitions as `Question.to_dict` writes them."""
    try:
        return msgspec.convert(written, Definitions, strict=False)
    except msgspec.ValidationError as error:
        raise QuestionError(f"definitions: {error}") from None
