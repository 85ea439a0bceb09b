"""Which events a question sees: conditions, looked at one event and one condition at a time."""

import operator
from collections.abc import Iterable, Sequence

from homeroom.cohorts.questions import FLAG_FIELDS, NUMBER_FIELDS, TEXT_FIELDS, Condition
from tests.oracle.events import Event

__all__ = ["Learners", "last_part"]

COMPARE = {"<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge}


def last_part(name: str) -> str:
    """Return what stands after the last slash or number sign of an address."""
    return name.replace("#", "/").rsplit("/", 1)[-1]


class Learners:
    """The latest attributes of every learner, and with them whether an event meets conditions.

    The latest value of an attribute is that of the event with the greatest (time, value); an event without the
    attribute says nothing about it.
    """

    def __init__(self, events: Iterable[Event]) -> None:
        newest: dict[tuple[str, str], tuple[int, str]] = {}
        for event in events:
            for name, value in event.attributes.items():
                place = (event.account, name)
                newest[place] = max(
                    newest.get(place, (event.time_ms, value)), (event.time_ms, value)
                )
        self._latest = {place: value for place, (_, value) in newest.items()}

    def attribute(self, account: str, name: str) -> str | None:
        """Return a learner's latest value of an attribute, None if it never had one."""
        return self._latest.get((account, name))

    def meets(self, event: Event, conditions: Sequence[Condition]) -> bool:
        """Return whether an event (and for an attribute its learner) meets every condition."""
        return all(self._meets(event, condition) for condition in conditions)

    def _meets(self, event: Event, condition: Condition) -> bool:
        name = condition.field
        if name in NUMBER_FIELDS:
            return _number_meets(getattr(event, name), condition)
        if name in FLAG_FIELDS:
            flag = getattr(event, name)
            found = {None if flag is None else str(flag).lower()}
        elif name == "track":
            found = {event.track or "other"}
        elif name == "standing":
            found = {event.standing or "none"}
        elif name in ("verb", "activity", "section"):
            whole = getattr(event, name)
            found = {None} if whole is None else {whole, last_part(whole)}
        elif name in TEXT_FIELDS:
            found = {getattr(event, name)}
        else:
            found = {self.attribute(event.account, name)}
        if found == {None}:
            found = {"(none)"}
        any_of = bool(found & set(condition.values))
        return any_of if condition.op == "=" else not any_of


def _number_meets(value: float | None, condition: Condition) -> bool:
    bounds = [float(text) for text in condition.values]
    if condition.op == "!=":
        return value is None or value not in bounds
    if value is None:
        return False
    return value in bounds if condition.op == "=" else bool(COMPARE[condition.op](value, bounds[0]))
