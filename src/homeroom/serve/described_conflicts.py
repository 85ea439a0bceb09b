"""Conflicts in the OpenAPI document."""

from typing import Any

from homeroom import limits
from homeroom.serve.describing import answer, in_query, named, object_of, operation

__all__ = ["conflict_paths", "conflict_schemas"]


def conflict_paths() -> dict[str, Any]:
    """Return the operations by path."""
    days = in_query("days", "of the last days", (1, limits.CONFLICT_DAYS_MAX), 30)
    page = {
        "200": {"description": "a page", "content": {"text/html": {"schema": {"type": "string"}}}}
    }
    return {
        "/v1/conflicts": {
            "get": operation(
                "listConflicts",
                "Say where nodes said different things of one thing, and what counts",
                ("bad-request",),
                {"200": answer("how many, and the newest", named("Conflicts"))},
                parameters=[days],
            )
        },
        "/conflicts": {
            "get": operation(
                "getConflictsPage",
                "Read conflicts as a page, with the name of a key as user and the key as password",
                ("bad-request",),
                page,
                parameters=[days],
            )
        },
    }


def conflict_schemas() -> dict[str, Any]:
    """Return the schemas by name."""
    text, whole = {"type": "string"}, {"type": "integer"}
    texts, time = {"type": "array", "items": text}, {"type": "string", "format": "date-time"}
    one = {
        "about": text,
        "field": {"type": ["string", "null"]},
        "nodes": texts,
        "regions": texts,
        "values": whole,
        "rule": text,
        "first": time,
        "last": time,
        "entries": texts,
    }
    return {
        "Conflicts": object_of(
            ("days", "counts", "conflicts", "complete"),
            days=whole,
            counts={"type": "object", "additionalProperties": whole},
            conflicts={"type": "array", "items": object_of(one, **one)},
            complete={"type": "boolean"},
            statements=whole,
        )
    }
