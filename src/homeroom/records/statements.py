"""Statements: every rule of the standard for one, in one pass over the decoded JSON.

A store that says yes keeps a statement for ever, and hands it to programs that trust the standard. So nothing is let
in that breaks it: unknown properties, a wrong case, a number written as text, null, two identifiers where one may be.
The pass is a table of small checks for each kind of object; the path of a fault is put together only when there is
one, on the way out. What the vault needs (people, activities, terms to be found by) is gathered afterwards from a
statement that is known to be sound (`homeroom.records.contents`).

The way not taken is a JSON Schema: the public ones take a hundred times longer, and say of a fault that none of
fourteen alternatives matched.
"""

from collections.abc import Callable, Mapping
from typing import Final, TypeAlias

from homeroom.errors import RecordError
from homeroom.records.activities import (
    check_activity,
    check_extensions,
    check_iri,
    check_language_map,
)
from homeroom.records.forms import (
    is_duration,
    is_language,
    is_sha2,
    is_timestamp,
    is_uuid,
)
from homeroom.records.people import (
    Json,
    check_agent,
    check_group,
    check_person,
    is_anonymous,
)
from homeroom.records.versions import Version

__all__ = ["VOIDED", "check_statement"]

VOIDED: Final = "http://adlnet.gov/expapi/verbs/voided"
"""The verb of a statement that takes another back (xAPI 1.0.3, Data, 2.3.2)."""

Check: TypeAlias = Callable[[object], None]


def check_statement(value: object, version: Version) -> None:
    """Raise `RecordError` unless it is a statement of a version (xAPI 1.0.3, Data, 2; 2.0, 4.2)."""
    statement = _object(value)
    _check_members(statement, _STATEMENT[version])
    _need(statement, "actor", "verb", "object")
    _check_voiding(statement)
    _check_activity_words(statement)


def _object(value: object) -> Json:
    if not isinstance(value, dict):
        raise RecordError("", "must be an object")
    return value


def _need(value: Json, *names: str) -> None:
    for name in names:
        if name not in value:
            raise RecordError(name, "is missing")


def _check_members(value: Json, table: Mapping[str, Check]) -> None:
    """Check every property by its own check; one that has none is not allowed."""
    if not value.keys() <= table.keys():
        # Its name is the sender's own text, and is not repeated.
        raise RecordError("", "has a property that the standard does not know")
    name = ""
    try:
        for name, one in value.items():
            table[name](one)
    except RecordError as error:
        raise error.under(name) from None


def _check_voiding(statement: Json) -> None:
    if (
        statement["verb"]["id"] == VOIDED
        and statement["object"].get("objectType") != "StatementRef"
    ):
        raise RecordError("object", "of a voiding statement must be a StatementRef")


def _check_activity_words(statement: Json) -> None:
    """Revision and platform speak of an activity, and stand only where the object is one (Data, 2.4.6)."""
    context = statement.get("context")
    if context is None or statement["object"].get("objectType", "Activity") == "Activity":
        return
    for name in ("revision", "platform"):
        if name in context:
            raise RecordError(f"context.{name}", "is allowed only where the object is an activity")


# --- texts and numbers -------------------------------------------------------------------------------------------


def _text(value: object) -> None:
    if not isinstance(value, str):
        raise RecordError("", "must be text")


def _uuid(value: object) -> None:
    if not isinstance(value, str) or not is_uuid(value):
        raise RecordError("", "must be a UUID")


def _language(value: object) -> None:
    if not isinstance(value, str) or not is_language(value):
        raise RecordError("", "must be a language tag of RFC 5646")


def _boolean(value: object) -> None:
    if not isinstance(value, bool):
        raise RecordError("", "must be true or false")


def _number(value: object) -> None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise RecordError("", "must be a number")


def _timestamp_of(version: Version) -> Check:
    name = "RFC 3339" if version is Version.TWO else "ISO 8601"

    def check(value: object) -> None:
        if not isinstance(value, str) or not is_timestamp(value, version):
            raise RecordError("", f"must be a timestamp of {name}, and its offset not minus zero")

    return check


def _version_of(version: Version) -> Check:
    def check(value: object) -> None:
        if not isinstance(value, str) or not version.allows(value):
            raise RecordError("", "must be a version of the standard that this request may use")

    return check


def _duration(value: object) -> None:
    if not isinstance(value, str) or not is_duration(value):
        raise RecordError("", "must be an ISO 8601 duration")


# --- verb and object ---------------------------------------------------------------------------------------------


def _verb(value: object) -> None:
    verb = _object(value)
    _check_members(verb, _VERB)
    _need(verb, "id")


def _reference(value: object) -> None:
    """Check a StatementRef (Data, 2.4.4.3)."""
    reference = _object(value)
    _check_members(reference, _REFERENCE)
    _need(reference, "objectType", "id")


def _is_reference(value: object) -> None:
    if value != "StatementRef":
        raise RecordError("", "must be StatementRef")


def _activity(value: object) -> None:
    check_activity(_object(value))


def _object_of(sub_statement: Check | None) -> Check:
    kinds: dict[object, Check] = {
        "Activity": _activity,
        "Agent": check_agent,
        "Group": check_group,
        "StatementRef": _reference,
    }
    if sub_statement is not None:
        kinds["SubStatement"] = sub_statement

    def check(value: object) -> None:
        kind = _object(value).get("objectType", "Activity")
        found = kinds.get(kind) if isinstance(kind, str) else None
        if found is None:
            raise RecordError("objectType", f"must be one of {', '.join(map(str, kinds))}")
        found(value)

    return check


def _sub_statement_of(version: Version) -> Check:
    """Return the check of a SubStatement, which has no id, stored, version or authority, nor another in it."""
    table = _parts_of(version, None)
    table["objectType"] = _text
    for name in ("id", "stored", "version", "authority"):
        table.pop(name, None)

    def check(value: object) -> None:
        statement = _object(value)
        _check_members(statement, table)
        _need(statement, "actor", "verb", "object")
        _check_activity_words(statement)

    return check


# --- result ------------------------------------------------------------------------------------------------------


def _result(value: object) -> None:
    _check_members(_object(value), _RESULT)


def _score(value: object) -> None:
    score = _object(value)
    _check_members(score, _SCORE)
    low, high = score.get("min"), score.get("max")
    if low is not None and high is not None and low >= high:
        raise RecordError("min", "must be less than max")
    raw = score.get("raw")
    if raw is not None and ((low is not None and raw < low) or (high is not None and raw > high)):
        raise RecordError("raw", "must lie between min and max")


def _scaled(value: object) -> None:
    _number(value)
    if not -1 <= value <= 1:  # type: ignore[operator]  # it is a number
        raise RecordError("", "must lie between -1 and 1")


# --- context -----------------------------------------------------------------------------------------------------


def _context_activities(value: object) -> None:
    _check_members(
        _object(value), dict.fromkeys(("parent", "grouping", "category", "other"), _activities)
    )


def _activities(value: object) -> None:
    """Check an array of activities, or one activity by itself, which is kept as an array (Data, 2.4.6.2)."""
    if isinstance(value, dict):
        check_activity(value)
        return
    if not isinstance(value, list):
        raise RecordError("", "must be an activity or an array of activities")
    for place, one in enumerate(value):
        try:
            _activity(one)
        except RecordError as error:
            raise error.under(f"[{place}]") from None


def _array_of(check: Check) -> Check:
    def check_all(value: object) -> None:
        if not isinstance(value, list):
            raise RecordError("", "must be an array")
        for place, one in enumerate(value):
            try:
                check(one)
            except RecordError as error:
                raise error.under(f"[{place}]") from None

    return check_all


def _context_person(kind: str, name: str, check: Check) -> Check:
    """Return the check of a contextAgent or a contextGroup (2.0, 4.2.2.5)."""

    def is_kind(value: object) -> None:
        if value != kind:
            raise RecordError("", f"must be {kind}")

    table = {"objectType": is_kind, name: check, "relevantTypes": _relevant_types}

    def check_one(value: object) -> None:
        one = _object(value)
        _check_members(one, table)
        _need(one, "objectType", name)

    return check_one


def _relevant_types(value: object) -> None:
    if not isinstance(value, list) or not value:
        raise RecordError("", "must be an array of IRIs, at least one")
    _EACH_IRI(value)


# --- attachments and authority -----------------------------------------------------------------------------------


def _attachment(value: object) -> None:
    attachment = _object(value)
    _check_members(attachment, _ATTACHMENT)
    _need(attachment, "usageType", "display", "contentType", "length", "sha2")


def _length(value: object) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise RecordError("", "must be a whole number of bytes")


def _sha2(value: object) -> None:
    if not isinstance(value, str) or not is_sha2(value):
        raise RecordError("", "must be the SHA-256, SHA-384 or SHA-512 of the data in hexadecimal")


def _authority(value: object) -> None:
    """Check an agent, or a group of the two that a delegated access has (Data, 2.4.9)."""
    check_person(value)
    authority = _object(value)
    if authority.get("objectType") != "Group":
        return
    if not is_anonymous(authority):
        raise RecordError("", "must be an agent, or a group without an identifier")
    if len(authority["member"]) != 2:
        raise RecordError("member", "must have two agents")


_EACH_IRI: Final = _array_of(check_iri)
_VERB: Final[dict[str, Check]] = {"id": check_iri, "display": check_language_map}
_REFERENCE: Final[dict[str, Check]] = {"objectType": _is_reference, "id": _uuid}
_SCORE: Final[dict[str, Check]] = {
    "scaled": _scaled,
    "raw": _number,
    "min": _number,
    "max": _number,
}
_RESULT: Final[dict[str, Check]] = {
    "score": _score,
    "success": _boolean,
    "completion": _boolean,
    "response": _text,
    "duration": _duration,
    "extensions": check_extensions,
}
_ATTACHMENT: Final[dict[str, Check]] = {
    "usageType": check_iri,
    "display": check_language_map,
    "description": check_language_map,
    "contentType": _text,
    "length": _length,
    "sha2": _sha2,
    "fileUrl": check_iri,
}
_CONTEXT_ONE: Final[dict[str, Check]] = {
    "registration": _uuid,
    "instructor": check_person,
    "team": check_group,
    "contextActivities": _context_activities,
    "revision": _text,
    "platform": _text,
    "language": _language,
    "statement": _reference,
    "extensions": check_extensions,
}
_CONTEXT_TWO: Final[dict[str, Check]] = {
    **_CONTEXT_ONE,
    "contextAgents": _array_of(_context_person("contextAgent", "agent", check_agent)),
    "contextGroups": _array_of(_context_person("contextGroup", "group", check_group)),
}
_CONTEXT: Final = {Version.ONE: _CONTEXT_ONE, Version.TWO: _CONTEXT_TWO}


def _context_of(version: Version) -> Check:
    table = _CONTEXT[version]

    def check(value: object) -> None:
        _check_members(_object(value), table)

    return check


def _parts_of(version: Version, sub_statement: Check | None) -> dict[str, Check]:
    return {
        "id": _uuid,
        "actor": check_person,
        "verb": _verb,
        "object": _object_of(sub_statement),
        "result": _result,
        "context": _context_of(version),
        "timestamp": _timestamp_of(version),
        "stored": _timestamp_of(version),
        "authority": _authority,
        "version": _version_of(version),
        "attachments": _array_of(_attachment),
    }


_STATEMENT: Final = {version: _parts_of(version, _sub_statement_of(version)) for version in Version}
