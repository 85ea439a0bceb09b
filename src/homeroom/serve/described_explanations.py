"""Explanations in the OpenAPI document."""

from typing import Any

from homeroom.serve.describing import WITH_BODY, answer, body, named, object_of, operation

__all__ = ["explanation_paths", "explanation_schemas"]


def explanation_paths() -> dict[str, Any]:
    """Return the operations by path."""
    return {
        "/v1/explain": {
            "post": operation(
                "explainCell",
                "Say which entries, of which regions, changed a cell of an answer between two vectors",
                (*WITH_BODY, "bad-question", "not-yet"),
                {"200": answer("the entries, and what they changed", named("CellExplained"))},
                requestBody=body(named("CellAsked")),
            )
        }
    }


def explanation_schemas() -> dict[str, Any]:
    """Return the schemas by name."""
    text, whole, yes = {"type": "string"}, {"type": "integer"}, {"type": "boolean"}
    vector = {"type": "object", "additionalProperties": whole}
    count = {"type": ["integer", "null"]}
    cell = object_of(("row", "column"), row=text, column=text)
    entry = {
        "entry": text,
        "node": text,
        "region": {"type": ["string", "null"]},
        "number": whole,
        "at": {"type": "string", "format": "date-time"},
        **dict.fromkeys(("learners", "entered", "left", "events", "voids"), whole),
        "late_s": {"type": ["array", "null"], "items": {"type": "number"}},
        "certain": yes,
    }
    told = {
        "question": named("Question"),
        "cell": cell,
        "since": vector,
        "until": vector,
        "before": count,
        "after": count,
        **dict.fromkeys(("entered", "left", "more", "looked_at"), whole),
        "entries": {"type": "array", "items": object_of(entry, **entry)},
        "notes": {"type": "array", "items": text},
    }
    numbers = {**whole, "minimum": 0, "maximum": (1 << 63) - 1}
    at = object_of(("vector",), vector={**vector, "additionalProperties": numbers}, epoch=numbers)
    end = {"anyOf": [{**at, "additionalProperties": False}, text]}
    asked = object_of(
        ("question", "cell", "since"),
        question=named("Question"),
        cell={**cell, "additionalProperties": False},
        since=end,
        until={"anyOf": [*end["anyOf"], {"type": "null"}]},
    )
    return {
        "CellAsked": {**asked, "additionalProperties": False},
        "CellExplained": object_of(told, **told),
    }
