"""What is in a statement: the people, the activities, and what it can be found by.

Filters of the standard ask for persons and activities in some of the places where a statement may name them, or in all
(the related ones), those of a SubStatement included. One walk through a sound statement finds each once, with the place
where it stands, so that the vault can cut persons out, seal each under a key of their own, and put them back.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, NamedTuple

from homeroom.records.people import Json, is_anonymous
from homeroom.records.statements import VOIDED

__all__ = ["Contents", "Named", "Part", "contents_of", "places_of_people", "statement_parts"]


class Part(Enum):
    """What somebody or something has to do with a statement."""

    MAIN = "main"
    """The filter `agent` or `activity` finds the statement by it."""
    RELATED = "related"
    """Only `related_agents` or `related_activities` does."""


class Named(NamedTuple):
    """A person in a statement: an agent or an identified group, without the group's members."""

    person: Json
    part: Part


@dataclass(slots=True)
class Contents:
    """What a statement names.

    Parameters
    ----------
    people : agents and identified groups, repeats included
    activities : with the part that they play, repeats included
    verb : id of the verb
    registration : of the context, None if there is none
    target : id of the statement that the object refers to, None if it refers to none
    """

    verb: str
    people: list[Named] = field(default_factory=list)
    activities: list[tuple[Json, Part]] = field(default_factory=list)
    registration: str | None = None
    target: str | None = None

    @property
    def voids(self) -> bool:
        """Whether the statement takes its target back."""
        return self.verb == VOIDED and self.target is not None


def contents_of(statement: Json) -> Contents:
    """Return what a statement that was checked names."""
    context = statement.get("context")
    target = statement["object"]
    found = Contents(statement["verb"]["id"])
    if context is not None:
        found.registration = context.get("registration")
    if target.get("objectType") == "StatementRef":
        found.target = target["id"]
    _gather(statement, Part.MAIN, found)
    authority = statement.get("authority")
    if authority is not None:
        _add_person(authority, Part.RELATED, found)
    return found


def _gather(statement: Json, part: Part, found: Contents) -> None:
    """Add what a statement, or the SubStatement that is its object, names."""
    _add_person(statement["actor"], part, found)
    target = statement["object"]
    kind = target.get("objectType", "Activity")
    if kind == "Activity":
        found.activities.append((target, part))
    elif kind in ("Agent", "Group"):
        _add_person(target, part, found)
    elif kind == "SubStatement":
        _gather(target, Part.RELATED, found)
    context = statement.get("context")
    if context is not None:
        for person in _context_people(context):
            _add_person(person, Part.RELATED, found)
        for activities in context.get("contextActivities", {}).values():
            found.activities += [
                (one, Part.RELATED)
                for one in (activities if isinstance(activities, list) else (activities,))
            ]


def _context_people(context: Json) -> Iterator[Json]:
    if "instructor" in context:
        yield context["instructor"]
    if "team" in context:
        yield context["team"]
    for one in context.get("contextAgents", ()):
        yield one["agent"]
    for one in context.get("contextGroups", ()):
        yield one["group"]


def _add_person(person: Json, part: Part, found: Contents) -> None:
    """Add a person, or a group and its members: a group is found by its members too (Communication, 2.1.3)."""
    if person.get("objectType") != "Group":
        found.people.append(Named(person, part))
        return
    if not is_anonymous(person):
        found.people.append(Named(person, part))
    found.people += [Named(member, part) for member in person.get("member", ())]


def statement_parts(statement: Json) -> Iterator[Json]:
    """Yield the statement and, where its object is one, the SubStatement."""
    yield statement
    target = statement["object"]
    if isinstance(target, dict) and target.get("objectType") == "SubStatement":
        yield target


def places_of_people(statement: Json) -> Iterator[tuple[Any, Any]]:
    """Yield every place that holds a person: the object that has it, and the name under which.

    A place is yielded as long as it is there, whatever stands in it, so that a statement whose persons were cut out has
    the same places in the same order.
    """
    for part in statement_parts(statement):
        yield part, "actor"
        target = part["object"]
        if not isinstance(target, dict) or target.get("objectType") in ("Agent", "Group"):
            yield part, "object"
        context = part.get("context")
        if context is not None:
            yield from ((context, name) for name in ("instructor", "team") if name in context)
            yield from ((one, "agent") for one in context.get("contextAgents", ()))
            yield from ((one, "group") for one in context.get("contextGroups", ()))
    if "authority" in statement:
        yield statement, "authority"
