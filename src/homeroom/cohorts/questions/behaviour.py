"""Questions about what learners do one after the other: funnels, and the paths that they take.

A funnel asks how far learners come along steps that somebody has in mind; paths show which steps they take by
themselves. What a chain, an attempt and a path are exactly stands in ``docs/reference/funnels-and-paths.md``.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Final, Literal, TypeAlias

import msgspec

from homeroom import limits
from homeroom.cohorts.questions.conditions import Condition, listed, plain_conditions
from homeroom.cohorts.questions.question import Question
from homeroom.cohorts.questions.rule_parsing import milliseconds_of
from homeroom.errors import QuestionError

__all__ = [
    "BEHAVIOUR",
    "NO_GAP",
    "By",
    "Count",
    "Exclusion",
    "Fold",
    "Funnel",
    "Order",
    "Paths",
    "Step",
    "conditions_text",
    "parse_step",
]

Order: TypeAlias = Literal["ordered", "strict", "any"]
Count: TypeAlias = Literal["best", "first", "every"]
By: TypeAlias = Literal["verb", "activity", "section", "track", "course"]
Fold: TypeAlias = Literal["loops", "none"]

ANYTHING: Final = "any"
"""Written in place of conditions: every event meets it."""
NO_GAP: Final = "none"
_JOINT = re.compile(r"\s+and\s+(?=[^=!<>\s]+\s*(?:!=|<=|>=|=|<|>))")
_NAMED = re.compile(r"\s*([^=!<>:]*[^=!<>:\s])\s*:\s+(.+)", re.DOTALL)
_BETWEEN = re.compile(r"\s*(\d{1,3})\s*[-\u2013]\s*(\d{1,3})\s*:\s+(.+)", re.DOTALL)
_SPAN = re.compile(r"\s*(\d{1,6})\s*(second|minute|hour|day|week)s?\s*", re.IGNORECASE)


class Step(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """One step of a funnel: the conditions that its event meets (none: any event), and what it is called."""

    where: tuple[Condition, ...]
    name: str = ""

    @property
    def label(self) -> str:
        """What people read: the name, or the conditions."""
        return self.name or conditions_text(self.where)


class Exclusion(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A kind of event that ends a chain, by its conditions.

    ``between`` = (first, last), steps counted from 1: it ends chains that have taken step ``first`` and not yet step
    ``last``. Absent, it does so anywhere between the first step and the last.
    """

    where: tuple[Condition, ...]
    between: tuple[int, int] | None = None


class Funnel(Question, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="funnel"):
    """How many learners take steps one after the other, and how long it takes them.

    Parameters
    ----------
    steps : the steps, in order
    order : ``ordered`` lets other events lie between two steps, ``strict`` no other step; ``any`` asks for the steps
        in whatever order
    within : how long the whole may take, from the first event on, such as ``7d``, ``36h`` or ``30m``
    exclude : kinds of events that end a chain
    count : the ``best`` attempt of each learner, its ``first``, or ``every`` one (then attempts are counted)
    increasing : each step must be later than the one before it; else two steps may share an instant
    """

    name: ClassVar[str] = "funnel"

    steps: tuple[Step, ...] = ()
    order: Order = "ordered"
    within: str = "7d"
    exclude: tuple[Exclusion, ...] = ()
    count: Count = "best"
    increasing: bool = False

    @property
    def within_ms(self) -> int:
        """How long a chain may take, in milliseconds."""
        return milliseconds_of(self.within, "within")

    @classmethod
    def plain(cls, written: dict[str, Any]) -> dict[str, Any]:
        """Bring what people write short to the plain data of the type. Raises `QuestionError`."""
        data = super().plain(written)
        if "steps" in data:
            steps = listed("steps", data["steps"])
            data["steps"] = [_plain_step(step, f"step {i}") for i, step in enumerate(steps, 1)]
        if "exclude" in data:
            data["exclude"] = [_plain_exclusion(one) for one in listed("exclude", data["exclude"])]
        return _with_short_span(data)

    def check(self) -> None:
        """Raise `QuestionError` naming what makes no sense and what is allowed."""
        super().check()
        if not 2 <= len(self.steps) <= limits.STEPS_MAX:
            raise QuestionError(
                f"steps holds {len(self.steps)}, must be from 2 to {limits.STEPS_MAX} steps, such as verb=played and "
                f"then verb=answered"
            )
        milliseconds_of(self.within, "within")
        self._check_exclusions()
        if self.order == "any":
            self._check_any()

    def _check_exclusions(self) -> None:
        if len(self.exclude) > limits.EXCLUSIONS_MAX:
            raise QuestionError(
                f"exclude holds {len(self.exclude)} kinds of events, must be at most {limits.EXCLUSIONS_MAX}; "
                f"several values fit into one condition, such as verb=left,closed"
            )
        for one in self.exclude:
            if not one.where:
                raise QuestionError(
                    "exclude: any event would end every chain; name the events that do, such as verb=left"
                )
            first, last = one.between or (1, len(self.steps))
            if not 1 <= first < last <= len(self.steps):
                raise QuestionError(
                    f"exclude: {first}-{last} must be two of the steps 1 to {len(self.steps)}, the earlier one first"
                )

    def _check_any(self) -> None:
        refused = {"exclude": bool(self.exclude), "increasing": self.increasing}
        for field, is_asked in refused.items():
            if is_asked:
                raise QuestionError(
                    f"{field}: in any order there is no step before or after another; use order ordered or strict, or "
                    f"leave {field} out"
                )
        seen: dict[frozenset[Condition], int] = {}
        for number, step in enumerate(self.steps, 1):
            earlier = seen.setdefault(frozenset(step.where), number)
            if earlier != number:
                raise QuestionError(
                    f"steps {earlier} and {number} are the same, which in any order one event would meet at once; "
                    f"leave one of them out, or use order ordered"
                )

    def conditions(self) -> dict[str, tuple[Condition, ...]]:
        """Return all conditions of the question itself, by where they stand."""
        steps = {f"step {i}": step.where for i, step in enumerate(self.steps, 1)}
        excluded = {f"exclude {i}": one.where for i, one in enumerate(self.exclude, 1)}
        return {"filters": self.filters, **steps, **excluded}


class Paths(Question, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="paths"):
    """Which ways learners take after something, before something, or from the beginning of a visit.

    Parameters
    ----------
    after, before : conditions on the event that paths begin at, or lead to; with neither, paths begin with the visit
    by : what a step of a path is
    depth : how many steps are shown
    fold : ``loops`` makes one step of the same thing several times in a row; ``none`` leaves them
    within : a pause longer than this ends a visit, such as ``30m``; ``none``: nothing does
    least : at each step, what fewer learners than this do is joined in ``(other)``
    branches : at each step, what is not among the first so many is joined in ``(other)``
    """

    name: ClassVar[str] = "paths"

    after: tuple[Condition, ...] = ()
    before: tuple[Condition, ...] = ()
    by: By = "verb"
    depth: int = 4
    fold: Fold = "loops"
    within: str = "30m"
    least: int = 1
    branches: int = 8

    @property
    def within_ms(self) -> int | None:
        """The longest pause of a visit in milliseconds; None if no pause ends one."""
        return None if self.within == NO_GAP else milliseconds_of(self.within, "within")

    @property
    def anchor(self) -> tuple[Condition, ...]:
        """The conditions on the event that paths begin at or lead to; none if they begin with the visit."""
        return self.after or self.before

    @classmethod
    def plain(cls, written: dict[str, Any]) -> dict[str, Any]:
        """Bring what people write short to the plain data of the type. Raises `QuestionError`."""
        data = super().plain(written)
        for field in ("after", "before"):
            if isinstance(data.get(field), str):
                data[field] = [data[field]]
            if field in data:
                data[field] = [
                    one for item in listed(field, data[field]) for one in _plain_where(item, field)
                ]
        return _with_short_span(data)

    def check(self) -> None:
        """Raise `QuestionError` naming what makes no sense and what is allowed."""
        super().check()
        if self.after and self.before:
            raise QuestionError(
                "after and before both say where paths hang; leave one of them out (a funnel tells what lies between)"
            )
        bounds = {
            "depth": (1, limits.PATH_DEPTH_MAX),
            "branches": (1, limits.PATH_BRANCHES_MAX),
            "least": (1, limits.COUNT_MAX),
        }
        for field, (low, high) in bounds.items():
            if not low <= getattr(self, field) <= high:
                raise QuestionError(
                    f"{field} is {getattr(self, field)}, must be from {low} to {high:,}"
                )
        if self.within != NO_GAP:
            milliseconds_of(self.within, "within")

    def conditions(self) -> dict[str, tuple[Condition, ...]]:
        """Return all conditions of the question itself, by where they stand."""
        return {"filters": self.filters, "after": self.after, "before": self.before}


def parse_step(text: str) -> Step:
    """Read a step as the command line writes it: ``verb=played``, ``watched: verb=played and progress>=0.9``.

    Raises `QuestionError` for what holds no condition; ``any`` is any event.
    """
    return msgspec.convert(_plain_step(text, f"step {text!r}"), Step, strict=False)


def _plain_step(item: object, place: str) -> dict[str, Any]:
    if isinstance(item, Step):
        return {"where": plain_conditions(place, item.where), "name": item.name}
    if isinstance(item, Mapping) and "field" not in item:
        return {**item, "where": _plain_where(item.get("where"), place)}
    if not isinstance(item, str):
        return {"where": _plain_where(item, place)}
    found = _NAMED.fullmatch(item)
    if found is None:
        return {"where": _plain_where(item, place)}
    return {"where": _plain_where(found[2], place), "name": found[1]}


def _plain_exclusion(item: object) -> dict[str, Any]:
    if isinstance(item, Exclusion):
        return {"where": plain_conditions("exclude", item.where), "between": item.between}
    if isinstance(item, Mapping) and "field" not in item:
        return {**item, "where": _plain_where(item.get("where"), "exclude")}
    found = _BETWEEN.fullmatch(item) if isinstance(item, str) else None
    if found is None:
        return {"where": _plain_where(item, "exclude")}
    return {
        "where": _plain_where(found[3], "exclude"),
        "between": [int(found[1]), int(found[2])],
    }


def _plain_where(item: object, place: str) -> list[dict[str, Any]]:
    """Return conditions that are written as one text, joined by ``and``, or as a list of them."""
    if item in (ANYTHING, [ANYTHING], (ANYTHING,)):
        return []
    if isinstance(item, str):
        item = _JOINT.split(item)
    elif isinstance(item, Condition | Mapping):
        item = [item]
    elif isinstance(item, list | tuple) and not item:
        return []  # any event, as `to_dict` writes it
    return plain_conditions(place, item)


def _with_short_span(data: dict[str, Any]) -> dict[str, Any]:
    """Write ``7 days`` as ``7d``, so that equal questions are equal."""
    written = data.get("within")
    found = _SPAN.fullmatch(written) if isinstance(written, str) else None
    if found is not None:
        return {**data, "within": f"{int(found[1])}{found[2][0].lower()}"}
    if isinstance(written, str):
        return {**data, "within": written.replace(" ", "")}
    if written is not None:
        milliseconds_of(written, "within")
    return data


def conditions_text(where: Sequence[Condition]) -> str:
    """Write conditions as the command line takes them."""
    return " and ".join(map(str, where)) if where else "any event"


BEHAVIOUR: Final[tuple[type[Question], ...]] = (Funnel, Paths)
"""The questions of what is done one after the other."""
