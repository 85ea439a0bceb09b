"""What a cohort may be made of: rules about learners, each plain data, frozen and comparable.

A rule says of every learner, at the end of one date, whether it holds. Rules nest by `AllOf`, `AnyOf`, `Not` and by the
name of another cohort. What each means exactly stands in ``docs/reference/cohorts.md``; how people write them is the
affair of `homeroom.cohorts.questions.rule_parsing`.
"""

import datetime as dt
from collections.abc import Iterator
from typing import Literal, TypeAlias

import msgspec

from homeroom.cohorts.questions.conditions import Condition

__all__ = [
    "ALWAYS",
    "AllOf",
    "AnyOf",
    "Attribute",
    "Conditions",
    "Did",
    "DidThenNot",
    "First",
    "InCohort",
    "Listed",
    "Not",
    "Result",
    "Rule",
    "Sequence",
    "Stopped",
    "Window",
    "leaves",
]

Conditions: TypeAlias = tuple[Condition, ...]
Unit: TypeAlias = Literal["events", "days"]
Of: TypeAlias = Literal["latest", "best", "any"]


class Window(msgspec.Struct, frozen=True, kw_only=True):
    """A stretch of local dates, both ends included; without any field, all dates up to the one that is asked about.

    Parameters
    ----------
    last_days : rolling: so many dates, the last of them ``ago_days`` before the date that is asked about
    ago_days : how long ago a rolling window ended; 0 is the date that is asked about itself
    from_, to : fixed: first and last date
    after, before : marks of a course's calendar: from the mark's date on, and up to the date before it. An event
        counts in the window of its own course run
    """

    last_days: int | None = None
    ago_days: int = 0
    from_: dt.date | None = None
    to: dt.date | None = None
    after: str | None = None
    before: str | None = None

    @property
    def is_of_calendar(self) -> bool:
        """Whether the dates depend on the course run."""
        return self.after is not None or self.before is not None


ALWAYS = Window()


class Attribute(msgspec.Struct, frozen=True, tag="attribute"):
    """The learner's latest value of an attribute meets a condition."""

    condition: Condition


class Did(msgspec.Struct, frozen=True, kw_only=True, tag="did"):
    """So many events that meet all conditions (or so many days with one), at least ``low`` and at most ``high``."""

    where: Conditions
    low: int = 1
    high: int | None = None
    unit: Unit = "events"
    window: Window = ALWAYS


class First(msgspec.Struct, frozen=True, kw_only=True, tag="first"):
    """The first event ever that meets all conditions lies in the window."""

    where: Conditions
    window: Window = ALWAYS


class DidThenNot(msgspec.Struct, frozen=True, kw_only=True, tag="did-then-not"):
    """After the last event of the first kind in the window, none of the second kind in so many days of 24 hours.

    Without ``during_days``, none at all since.
    """

    where: Conditions
    then_not: Conditions
    during_days: int | None = None
    window: Window = ALWAYS


class Stopped(msgspec.Struct, frozen=True, kw_only=True, tag="stopped"):
    """Met the conditions on some date before, and on none of the last ``quiet_days`` dates."""

    where: Conditions
    quiet_days: int


class Sequence(msgspec.Struct, frozen=True, kw_only=True, tag="sequence"):
    """All steps one after the other, each by an event of its own, the last at most ``within_ms`` after the first."""

    steps: tuple[Conditions, ...]
    within_ms: int
    window: Window = ALWAYS


class Result(msgspec.Struct, frozen=True, kw_only=True, tag="result"):
    """A result meets a condition: the latest one, the best one, or any, of the events that meet all of ``where``.

    Of events at one instant the greater value is the later one.
    """

    condition: Condition
    of: Of = "latest"
    where: Conditions = ()
    window: Window = ALWAYS


class Listed(msgspec.Struct, frozen=True, tag="listed"):
    """The learner is on a static list."""

    name: str


class InCohort(msgspec.Struct, frozen=True, tag="cohort"):
    """The learner is in another cohort."""

    name: str


class Not(msgspec.Struct, frozen=True, tag="not"):
    """The rule does not hold."""

    rule: "Rule"


class AllOf(msgspec.Struct, frozen=True, tag="all"):
    """Every rule holds."""

    rules: tuple["Rule", ...]


class AnyOf(msgspec.Struct, frozen=True, tag="any"):
    """At least one rule holds."""

    rules: tuple["Rule", ...]


Rule: TypeAlias = (
    Attribute
    | Did
    | First
    | DidThenNot
    | Stopped
    | Sequence
    | Result
    | Listed
    | InCohort
    | Not
    | AllOf
    | AnyOf
)


def leaves(rule: Rule) -> Iterator[Rule]:
    """Give the rules that are not made of rules, in the order in which they are written."""
    if isinstance(rule, AllOf | AnyOf):
        for inner in rule.rules:
            yield from leaves(inner)
    elif isinstance(rule, Not):
        yield from leaves(rule.rule)
    else:
        yield rule
