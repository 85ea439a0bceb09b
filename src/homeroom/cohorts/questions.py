"""The typed questions: flags, TOML, JSON and Python calls all build these objects, and nothing else is answered.

A question is plain data, frozen and comparable. ``parse_question`` builds one from a mapping (a decoded TOML or JSON
file, or collected flags); ``Question.check`` refuses what makes no sense, naming the field, its value and what is
allowed. What the words mean exactly (a period, first-time, recurring, on, on or after) stands in
``docs/reference/definitions.md``.
"""

import datetime as dt
import difflib
import math
import re
import zoneinfo
from collections.abc import Mapping
from typing import Any, ClassVar, Literal, TypeAlias, get_args

import msgspec

from homeroom.errors import QuestionError
from homeroom.limits import PERIODS_MAX, TIME_MS_MAX, TIME_MS_MIN

__all__ = [
    "Active",
    "Align",
    "Condition",
    "Interval",
    "Lifecycle",
    "Match",
    "Mode",
    "Question",
    "Retention",
    "Stickiness",
    "WeekStart",
    "parse_condition",
    "parse_question",
]

Interval: TypeAlias = Literal["hour", "day", "week", "month"]
Mode: TypeAlias = Literal["first-time", "recurring"]
Match: TypeAlias = Literal["on", "on-or-after"]
Align: TypeAlias = Literal["calendar", "enrolment", "course-start"]
WeekStart: TypeAlias = Literal["monday", "sunday"]
Operator: TypeAlias = Literal["=", "!=", "<", "<=", ">", ">="]

NUMBER_FIELDS = ("score", "progress", "duration_ms")
TEXT_FIELDS = ("verb", "activity", "course", "track")
FLAG_FIELDS = ("success", "completion")
_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_INSTANTS = tuple(_EPOCH + dt.timedelta(milliseconds=ms) for ms in (TIME_MS_MIN, TIME_MS_MAX - 1))
_DATES = tuple(instant.date() for instant in _INSTANTS)
"""No event is older or newer, so no question needs to be."""


class Condition(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One condition on an event or on a learner.

    ``field`` is ``verb``, ``activity``, ``course``, ``track`` (text), ``score``, ``progress``, ``duration_ms``
    (numbers), ``success``, ``completion`` (true or false), or the name of an attribute of the learner. ``=`` holds
    if any of ``values`` is met, ``!=`` if none is; the other operators take one number. A verb or an activity may
    be given whole or by its last part (``played`` for ``https://w3id.org/xapi/video/verbs/played``).
    """

    field: str
    values: tuple[str, ...]
    op: Operator = "="

    def __str__(self) -> str:
        """Write the condition as the command line takes it."""
        return f"{self.field}{self.op}{','.join(self.values)}"

    def check(self, where: str) -> None:
        """Raise `QuestionError` if the condition makes no sense; ``where`` names its place in the question."""
        if not self.field or not self.values or not all(self.values):
            raise QuestionError(
                f"{where}: {self} needs a field and at least one value, such as verb=played"
            )
        numeric = self.field in NUMBER_FIELDS
        if self.op in ("=", "!="):
            if self.field in FLAG_FIELDS and not set(self.values) <= {"true", "false"}:
                raise QuestionError(
                    f"{where}: {self.field} is true or false, not {', '.join(self.values)}"
                )
        elif not numeric:
            raise QuestionError(
                f"{where}: {self.field} cannot be compared with {self.op}; only {', '.join(NUMBER_FIELDS)} can. "
                f"Use = or !="
            )
        elif len(self.values) != 1:
            raise QuestionError(
                f"{where}: {self.field}{self.op} takes one number, not {len(self.values)}"
            )
        for value in self.values if numeric else ():
            if not _is_finite(value):
                raise QuestionError(
                    f"{where}: {self.field} is compared with a finite number such as 0.5, not {value!r}"
                )


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
    breakdown : ``course``, ``track``, ``verb``, ``activity`` or an attribute: one answer for each value
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
    as_of: dt.datetime | None = None

    def check(self) -> None:
        """Raise `QuestionError` naming what makes no sense and what is allowed."""
        self._check_times()
        if self.breakdown in (*NUMBER_FIELDS, *FLAG_FIELDS):
            raise QuestionError(
                f"breakdown is {self.breakdown}; break down by course, track, verb, activity or "
                f"an attribute of the learner"
            )
        for place, conditions in self._conditions().items():
            for condition in conditions:
                condition.check(place)

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

    def _conditions(self) -> dict[str, tuple[Condition, ...]]:
        return {"filters": self.filters}

    def to_dict(self) -> dict[str, Any]:
        """Write the question as plain data, without what is at its default; `parse_question` reads it back."""
        written: dict[str, Any] = msgspec.to_builtins(self)
        defaults = msgspec.to_builtins(type(self)())
        return {
            key: value
            for key, value in written.items()
            if key == "question" or value != defaults[key]
        }


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

    def _conditions(self) -> dict[str, tuple[Condition, ...]]:
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


QUESTIONS: tuple[type[Question], ...] = (Retention, Lifecycle, Stickiness, Active)
_BY_NAME: dict[str, type[Question]] = {kind.name: kind for kind in QUESTIONS}
_AT = re.compile(r" - at `\$\.(\w+)[^`]*`")
_FORMS = {
    "from": "which is no date; write it as 2024-01-31",
    "to": "which is no date; write it as 2024-01-31",
    "as_of": "which is no instant; write it with its zone, such as 2024-01-31T00:00:00Z",
}
_CONDITION = re.compile(r"^\s*([^=!<>\s]+)\s*(!=|<=|>=|=|<|>)\s*(.*?)\s*$", re.DOTALL)


def zone(name: str) -> zoneinfo.ZoneInfo:
    """Look an IANA time zone up; raise `QuestionError` with near names if there is none."""
    try:
        return zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        near = difflib.get_close_matches(
            name, sorted(zoneinfo.available_timezones()), n=3, cutoff=0.5
        )
        hint = f"; did you mean {' or '.join(near)}?" if near else ", such as Europe/Berlin or UTC"
        raise QuestionError(f"timezone is {name!r}, which is no IANA time zone{hint}") from None


def parse_condition(text: str) -> Condition:
    """Read a condition as the command line writes it: ``verb=played,paused``, ``score>=0.5``, ``country!=DE``."""
    match = _CONDITION.match(text)
    if match is None:
        raise QuestionError(
            f"condition {text!r} has no operator; write FIELD=VALUE, such as verb=played"
        )
    field, operator, values = match.groups()
    condition = msgspec.convert(
        {
            "field": field,
            "op": operator,
            "values": [v.strip() for v in values.split(",") if v.strip()],
        },
        Condition,
    )
    condition.check(f"condition {text!r}")
    return condition


def parse_question(written: Mapping[str, Any]) -> Question:
    """Build a question from plain data and check it.

    ``written["question"]`` names the kind. Conditions may be text (``"verb=played"``) or mappings, brackets text
    (``"2-7"``) or pairs. Raises `QuestionError`, naming the field.
    """
    kind = _BY_NAME.get(str(written.get("question")))
    if kind is None:
        raise QuestionError(
            f"question is {written.get('question')!r}; it must be one of {', '.join(_BY_NAME)}"
        )
    data = dict(written)
    known = {f.encode_name for f in msgspec.structs.fields(kind)} | {"question"}
    for field in data:
        if field not in known:
            near = difflib.get_close_matches(field, known, n=1)
            hint = f"; did you mean {near[0]}?" if near else "."
            raise QuestionError(
                f"{kind.name} has no field {field!r}{hint} Fields: {', '.join(sorted(known))}"
            )
    for field in ("filters", "entry", "returning"):
        if field in data:
            data[field] = [_plain_condition(field, item) for item in _listed(field, data[field])]
    if "brackets" in data:
        data["brackets"] = [_bracket(item) for item in _listed("brackets", data["brackets"])]
    try:
        question = msgspec.convert(data, kind, strict=False)
    except msgspec.ValidationError as error:
        raise QuestionError(f"{kind.name}: {_why_not(kind, data, str(error))}") from None
    question.check()
    return question


def _why_not(kind: type[Question], data: Mapping[str, Any], message: str) -> str:
    """Say which field is wrong, what it holds, and what it may: the decoder's message knows only the first."""
    at = _AT.search(message)
    field = at[1] if at else ""
    allowed = {f.encode_name: get_args(f.type) for f in msgspec.structs.fields(kind)}
    choices = [value for value in allowed.get(field, ()) if isinstance(value, str)]
    if choices:
        return f"{field} is {data[field]!r}; it must be one of {', '.join(choices)}"
    if field in _FORMS:
        return f"{field} is {data[field]!r}, {_FORMS[field]}"
    return _AT.sub(f" in {field}", message) if field else message


def _is_finite(text: str) -> bool:
    try:
        return math.isfinite(float(text))
    except ValueError:
        return False


def _listed(field: str, value: object) -> list[Any]:
    if isinstance(value, list | tuple):
        return list(value)
    raise QuestionError(f"{field} is {value!r}; it must be a list")


def _plain_condition(field: str, item: object) -> dict[str, Any]:
    if isinstance(item, str):
        condition = parse_condition(item)
        return {"field": condition.field, "op": condition.op, "values": list(condition.values)}
    if isinstance(item, Condition):
        return {"field": item.field, "op": item.op, "values": list(item.values)}
    if isinstance(item, Mapping):
        return dict(item)
    raise QuestionError(f"{field} holds {item!r}; write a condition such as verb=played")


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
