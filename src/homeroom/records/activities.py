"""Activities: what their definitions may say, and what is known of one from many statements.

An activity belongs to nobody: whoever sends a statement may describe it, in another language or in more detail. What
the store says of an activity is joined from all of these: a language map gains languages, and any other property is
that of the last statement that had it (xAPI 1.0.3, Communication, 2.5).
"""

from collections.abc import Callable
from typing import Final

from homeroom.errors import RecordError
from homeroom.records.forms import is_iri, is_language
from homeroom.records.people import Json

__all__ = [
    "check_activity",
    "check_extensions",
    "check_iri",
    "check_language_map",
    "joined_definition",
]

_INTERACTIONS: Final = frozenset(
    {
        "true-false",
        "choice",
        "fill-in",
        "long-fill-in",
        "matching",
        "performance",
        "sequencing",
        "likert",
        "numeric",
        "other",
    }
)
_COMPONENTS: Final = frozenset({"choices", "scale", "source", "target", "steps"})
_LANGUAGE_MAPS: Final = ("name", "description")


def check_activity(value: Json) -> None:
    """Raise `RecordError` unless it is an activity (xAPI 1.0.3, Data, 2.4.4.1; 2.0, 4.2.2.3)."""
    if not value.keys() <= {"objectType", "id", "definition"}:
        raise RecordError("", "has a property that an activity may not have")
    if value.get("objectType", "Activity") != "Activity":
        raise RecordError("objectType", "must be Activity")
    identifier = value.get("id")
    if not isinstance(identifier, str) or not is_iri(identifier):
        raise RecordError("id", "must be an IRI with a scheme")
    if "definition" in value:
        try:
            _check_definition(value["definition"])
        except RecordError as error:
            raise error.under("definition") from None


def _check_definition(definition: object) -> None:
    if not isinstance(definition, dict):
        raise RecordError("", "must be an object")
    try:
        for name, value in definition.items():
            _DEFINITION[name](value)
    except KeyError:
        raise RecordError("", "has a property that a definition may not have") from None
    except RecordError as error:
        raise error.under(name) from None
    if "interactionType" not in definition and (
        "correctResponsesPattern" in definition or not _COMPONENTS.isdisjoint(definition)
    ):
        raise RecordError("interactionType", "is missing, and the rest speaks of an interaction")


def check_language_map(value: object) -> None:
    """Raise `RecordError` unless it is a map from language tags to texts, at least one (Data, 4.2)."""
    if not isinstance(value, dict) or not value:
        raise RecordError("", "must be a language map with at least one entry")
    for tag, text in value.items():
        if not is_language(tag):
            raise RecordError("", "must have language tags of RFC 5646 as its keys")
        if not isinstance(text, str):
            raise RecordError("", "must have texts as its values")


def check_extensions(value: object) -> None:
    """Raise `RecordError` unless it is an object whose keys are IRIs (Data, 4.1)."""
    if not isinstance(value, dict):
        raise RecordError("", "must be an object")
    for key in value:
        if not is_iri(key):
            raise RecordError("", "must have IRIs with a scheme as its keys")


def check_iri(value: object) -> None:
    """Raise `RecordError` unless it is an IRI with a scheme."""
    if not isinstance(value, str) or not is_iri(value):
        raise RecordError("", "must be an IRI with a scheme")


def _check_interaction(value: object) -> None:
    if not isinstance(value, str) or value not in _INTERACTIONS:
        raise RecordError("", f"must be one of {', '.join(sorted(_INTERACTIONS))}")


def _check_patterns(value: object) -> None:
    if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
        raise RecordError("", "must be an array of texts")


def _check_components(value: object) -> None:
    """Check the parts of an interaction, whose ids are unique (Data, 2.4.4.1, interaction components)."""
    if not isinstance(value, list):
        raise RecordError("", "must be an array of interaction components")
    ids = set()
    for place, component in enumerate(value):
        if not isinstance(component, dict) or not component.keys() <= {"id", "description"}:
            raise RecordError(f"[{place}]", "must be an object of id and description")
        identifier = component.get("id")
        if not isinstance(identifier, str) or not identifier:
            raise RecordError(f"[{place}].id", "must be text, and not empty")
        if "description" in component:
            try:
                check_language_map(component["description"])
            except RecordError as error:
                raise error.under(f"[{place}].description") from None
        ids.add(identifier)
    if len(ids) != len(value):
        raise RecordError("", "must have components with different ids")


_DEFINITION: Final[dict[str, Callable[[object], None]]] = {
    "name": check_language_map,
    "description": check_language_map,
    "type": check_iri,
    "moreInfo": check_iri,
    "extensions": check_extensions,
    "interactionType": _check_interaction,
    "correctResponsesPattern": _check_patterns,
    **dict.fromkeys(_COMPONENTS, _check_components),
}


def joined_definition(known: Json | None, said: Json) -> Json:
    """Return what is known of an activity after one more statement described it."""
    if not known:
        return said
    joined = {**known, **said}
    for name in (*_LANGUAGE_MAPS, "extensions"):
        if name in known and name in said:
            joined[name] = {**known[name], **said[name]}
    return joined
