"""One condition on an event or on a learner: how it is written, read and checked."""

import math
import re
from collections.abc import Mapping
from typing import Any, Literal, TypeAlias

import msgspec

from homeroom.errors import QuestionError

__all__ = [
    "FLAG_FIELDS",
    "NUMBER_FIELDS",
    "TEXT_FIELDS",
    "Condition",
    "listed",
    "parse_condition",
    "plain_conditions",
]

Operator: TypeAlias = Literal["=", "!=", "<", "<=", ">", ">="]

NUMBER_FIELDS = ("score", "progress", "duration_ms", "position_s", "length_s")
TEXT_FIELDS = ("verb", "activity", "course", "track", "section", "answer", "standing")
FLAG_FIELDS = ("success", "completion")
_CONDITION = re.compile(r"^\s*([^=!<>\s]+)\s*(!=|<=|>=|=|<|>)\s*(.*?)\s*$", re.DOTALL)


class Condition(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One condition on an event or on a learner.

    ``field`` is ``verb``, ``activity``, ``course``, ``track``, ``section``, ``answer``, ``standing`` (text), ``score``,
    ``progress``, ``duration_ms``, ``position_s``, ``length_s`` (numbers), ``success``, ``completion`` (true or false),
    or the name of an attribute of the learner. ``=`` holds if any of ``values`` is met, ``!=`` if none is; the other
    operators take one number. A verb, an activity or a section may be given whole or by its last part (``played`` for
    ``https://w3id.org/xapi/video/verbs/played``).
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


def plain_conditions(field: str, value: object) -> list[dict[str, Any]]:
    """Return a list of conditions, written as text or as mappings, as plain data. Raises `QuestionError`."""
    return [_plain_condition(field, item) for item in listed(field, value)]


def listed(field: str, value: object) -> list[Any]:
    """Return a field that must be a list. Raises `QuestionError`."""
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


def _is_finite(text: str) -> bool:
    try:
        return math.isfinite(float(text))
    except ValueError:
        return False
