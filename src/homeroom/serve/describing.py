"""The words of the OpenAPI document: operations, answers, parameters, as its parts say them.

Every answer that is no success has one form, and every operation with a key can fail in the same ways; here that is
said once.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from homeroom.serve.problems import PROBLEM_TYPE, PROBLEMS

__all__ = [
    "REF",
    "TAG_HEADER",
    "TOKEN_HEADER",
    "WITH_BODY",
    "after",
    "answer",
    "body",
    "in_header",
    "in_path",
    "in_query",
    "named",
    "nothing",
    "object_of",
    "open_operation",
    "operation",
    "wanted",
]

REF: Final = "#/components/schemas/{name}"
_ALWAYS: Final = ("internal", "unavailable")
_WITH_KEY: Final = ("not-authenticated", "not-allowed", "too-many", "overloaded", *_ALWAYS)
WITH_BODY: Final = ("bad-request", "too-slow", "too-large", "unsupported-type")
TOKEN_HEADER: Final = {
    "Homeroom-Token": {
        "description": "names the entry that holds this; a later read may ask to be after it",
        "schema": {"type": "string"},
    }
}
_ENTRIES: Final = "tokens, or origins of a vector with their numbers: the answer waits until it holds these entries"
_SPAN: Final = r"^[0-9]{1,4}(\.[0-9]{1,3})?(ms|s)?$"
TAG_HEADER: Final = {
    "ETag": {"description": "the version, for If-Match", "schema": {"type": "string"}}
}


def operation(
    name: str, about: str, problems: Iterable[str], answers: Mapping[str, Any], **more: object
) -> dict[str, Any]:
    """Return an operation that needs a key."""
    return {
        "operationId": name,
        "summary": about,
        **more,
        "responses": {**answers, **_problems((*problems, *_WITH_KEY))},
        "security": [{"key": []}, {"named_key": []}],
    }


def open_operation(
    name: str, about: str, answers: Mapping[str, Any], problems: Iterable[str] = ()
) -> dict[str, Any]:
    """Return an operation that needs no key."""
    responses = {**answers, **_problems((*problems, *_ALWAYS))}
    return {"operationId": name, "summary": about, "responses": responses, "security": []}


def _problems(names: Iterable[str]) -> dict[str, Any]:
    titles: dict[int, list[str]] = {}
    for name in dict.fromkeys(names):
        status, title = PROBLEMS[name]
        titles.setdefault(status, []).append(title)
    return {
        str(status): {
            "description": "; ".join(said),
            "content": {PROBLEM_TYPE: {"schema": {"$ref": REF.format(name="Problem")}}},
        }
        for status, said in sorted(titles.items())
    }


def answer(
    about: str, schema: Mapping[str, Any], headers: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """Return an answer that is JSON."""
    found: dict[str, Any] = {
        "description": about,
        "content": {"application/json": {"schema": dict(schema)}},
    }
    return found | ({"headers": dict(headers)} if headers else {})


def nothing(about: str) -> dict[str, Any]:
    """Return an answer without a body."""
    return {"description": about}


def named(name: str) -> dict[str, Any]:
    """Return a reference to a schema."""
    return {"$ref": REF.format(name=name)}


def in_path(name: str, about: str, **schema: object) -> dict[str, Any]:
    """Return a parameter that is part of the path: text."""
    return {
        "name": name,
        "in": "path",
        "required": True,
        "description": about,
        "schema": {"type": "string", **schema},
    }


def in_header(name: str, about: str, **schema: object) -> dict[str, Any]:
    """Return a parameter that is a header: text."""
    return {
        "name": name,
        "in": "header",
        "description": about,
        "schema": {"type": "string", **schema},
    }


def in_query(name: str, about: str, bounds: tuple[int, int], default: int) -> dict[str, Any]:
    """Return a parameter of the query that is a whole number."""
    least, most = bounds
    schema = {"type": "integer", "minimum": least, "maximum": most, "default": default}
    return {"name": name, "in": "query", "description": about, "schema": schema}


def after() -> list[dict[str, Any]]:
    """Return the two ways to ask for an answer that holds an entry."""
    about = "a token: the answer waits until it holds that entry"
    query = {"name": "after", "in": "query", "description": about, "schema": {"type": "string"}}
    return [in_header("Homeroom-After", about), query]


def wanted() -> list[dict[str, Any]]:
    """Return the ways to say what an answer must hold: entries, and how old each region's share may be."""
    spans = (
        ("fresh", "each region's share is at most so old, such as 2s; else a 504 says which lags"),
        ("wait", "for how long that may be waited for, such as 500ms"),
    )
    found = [
        {"name": "after", "in": "query", "description": _ENTRIES, "schema": {"type": "string"}},
        in_header("Homeroom-After", _ENTRIES),
    ]
    for name, about in spans:
        found.append(in_header(f"Homeroom-{name.title()}", about, pattern=_SPAN))
        schema = {"type": "string", "pattern": _SPAN}
        found.append({"name": name, "in": "query", "description": about, "schema": schema})
    return found


def body(schema: Mapping[str, Any]) -> dict[str, Any]:
    """Return a body that is JSON."""
    return {"required": True, "content": {"application/json": {"schema": dict(schema)}}}


def object_of(required: Iterable[str], **properties: object) -> dict[str, Any]:
    """Return the schema of an object."""
    return {"type": "object", "required": list(required), "properties": properties}
