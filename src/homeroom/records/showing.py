"""The forms in which statements are shown: as they are, by ids alone, or in words of one language.

`exact` is the statement as it is kept. `ids` leaves of persons, groups, verbs and activities only what identifies them.
`canonical` takes the definition of each activity from all that is known of it, and of every language map the one entry
that the reader asked for (xAPI 1.0.3, Communication, 2.1.3; 2.0, 4.1.6.1).
"""

from collections.abc import Callable, Sequence
from enum import StrEnum
from typing import Any, Final

from homeroom.records.contents import places_of_people, statement_parts
from homeroom.records.people import IDENTIFIERS, Json, is_anonymous

__all__ = ["Form", "in_form", "languages_of"]


class Form(StrEnum):
    """How statements are shown."""

    IDS = "ids"
    EXACT = "exact"
    CANONICAL = "canonical"


_LANGUAGES_MAX: Final = 20
"""Ranges of one Accept-Language header that are looked at."""
_COMPONENTS: Final = ("choices", "scale", "source", "target", "steps")


def languages_of(header: str) -> tuple[str, ...]:
    """Return the language ranges of an Accept-Language header, the most wanted first (RFC 9110, section 12.5.4)."""
    wanted: list[tuple[float, str]] = []
    for entry in header.split(",")[:_LANGUAGES_MAX]:
        tag, _, rest = entry.partition(";")
        quality = rest.strip().removeprefix("q=")
        try:
            weight = float(quality) if quality else 1.0
        except ValueError:
            continue
        if tag.strip() and weight > 0:
            wanted.append((-weight, tag.strip().lower()))
    return tuple(tag for _, tag in sorted(wanted, key=lambda pair: pair[0]))


def in_form(
    statement: Json,
    form: Form,
    languages: Sequence[str] = (),
    definition_of: Callable[[str], Json | None] | None = None,
) -> Json:
    """Return a statement in a form; it may be changed in place.

    Parameters
    ----------
    statement : as kept
    form : which
    languages : ranges as `languages_of` returns them, for `Form.CANONICAL`
    definition_of : returns what is known of an activity by its id, for `Form.CANONICAL`
    """
    if form is Form.EXACT:
        return statement
    change = _ids_only if form is Form.IDS else _worded(languages, definition_of)
    for part in statement_parts(statement):
        _change_parts(part, change)
    if form is Form.IDS:
        for holder, name in places_of_people(statement):
            holder[name] = _identified(holder[name])
    else:
        for attachment in statement.get("attachments", ()):
            for name in ("display", "description"):
                if name in attachment:
                    attachment[name] = _picked(attachment[name], languages)
    return statement


def _change_parts(part: Json, change: Callable[[Json], Json]) -> None:
    part["verb"] = change(part["verb"])
    target = part["object"]
    if target.get("objectType", "Activity") == "Activity":
        part["object"] = change(target)
    around = part.get("context", {}).get("contextActivities", {})
    for name, activities in around.items():
        around[name] = [change(one) for one in activities]


def _ids_only(value: Json) -> Json:
    """Leave of a verb or an activity its id."""
    return {"id": value["id"]}


def _identified(person: Json) -> Json:
    """Leave of a person what identifies them; a group without an identifier is its members."""
    if person.get("objectType") == "Group" and is_anonymous(person):
        return {"objectType": "Group", "member": [_identified(one) for one in person["member"]]}
    return {name: person[name] for name in ("objectType", *IDENTIFIERS) if name in person}


def _worded(
    languages: Sequence[str], definition_of: Callable[[str], Json | None] | None
) -> Callable[[Json], Json]:
    def change(value: Json) -> Json:
        if "display" in value:
            return {**value, "display": _picked(value["display"], languages)}
        known = definition_of(value["id"]) if definition_of is not None else None
        definition = known if known is not None else value.get("definition")
        if definition is None:
            return value
        return {**value, "definition": _worded_definition(definition, languages)}

    return change


def _worded_definition(definition: Json, languages: Sequence[str]) -> Json:
    found: dict[str, Any] = dict(definition)
    for name in ("name", "description"):
        if name in found:
            found[name] = _picked(found[name], languages)
    for name in _COMPONENTS:
        if name in found:
            found[name] = [
                {**one, "description": _picked(one["description"], languages)}
                if "description" in one
                else one
                for one in found[name]
            ]
    return found


def _picked(entries: dict[str, str], languages: Sequence[str]) -> dict[str, str]:
    """Return the one entry of a language map that suits best: by lookup (RFC 4647, section 3.4), else the first."""
    by_tag = {tag.lower(): tag for tag in entries}
    for wanted in languages:
        if wanted == "*":
            break
        found = by_tag.get(wanted) or next(
            (tag for small, tag in by_tag.items() if small.startswith(wanted + "-")), None
        )
        shorter = wanted
        while found is None and "-" in shorter:
            shorter = shorter.rpartition("-")[0]
            found = by_tag.get(shorter)
        if found is not None:
            return {found: entries[found]}
    first = next(iter(entries))
    return {first: entries[first]}
